package org.rackboot.protocol.bootconfig;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** What a template can be told. */
enum TemplateVariable {
    TITLE(Kind.TEXT, Given.ALWAYS),
    REASON(Kind.TEXT, Given.WAITING),
    ARCH(Kind.PATH, Given.ALWAYS),
    KERNEL(Kind.PATH, Given.BOOTING),
    INITRD(Kind.PATH, Given.PERHAPS_BOOTING),
    DTB(Kind.PATH, Given.PERHAPS_BOOTING),
    ARGUMENTS(Kind.WORDS, Given.BOOTING),
    AGAIN(Kind.PATH, Given.WAITING),
    LOCAL_MODULE(Kind.PATH, Given.PERHAPS_LOCAL),
    POWEROFF_MODULE(Kind.PATH, Given.PERHAPS_OFF),
    BASE_URL(Kind.URL, Given.ALWAYS),
    HOST(Kind.URL, Given.ALWAYS),
    HTTP_PORT(Kind.URL, Given.ALWAYS),
    /** The configuration was asked over HTTP, not TFTP. */
    OVER_HTTP(Kind.FLAG, Given.ALWAYS),
    /** HTTP has to be asked with a port. */
    HTTP_BY_PORT(Kind.FLAG, Given.ALWAYS),
    /** HTTP can be asked without a port. */
    HTTP_PLAIN(Kind.FLAG, Given.ALWAYS),
    IPV6(Kind.FLAG, Given.ALWAYS);

    enum Kind {
        TEXT,
        WORDS,
        PATH,
        URL,
        /** Is there or not, and has no text: for sections. */
        FLAG;

        /** Whether a language with quotes writes it with quotes. */
        boolean isQuoted() {
            return this == TEXT || this == WORDS;
        }
    }

    private enum Given {
        ALWAYS,
        BOOTING,
        PERHAPS_BOOTING,
        WAITING,
        PERHAPS_LOCAL,
        PERHAPS_OFF
    }

    private final String word = name().toLowerCase(Locale.ROOT).replace('_', '-');
    private final Kind kind;
    private final Given given;

    TemplateVariable(Kind kind, Given given) {
        this.kind = kind;
        this.given = given;
    }

    String word() {
        return word;
    }

    Kind kind() {
        return kind;
    }

    /** Whether a plan for the purpose may lack it. */
    boolean mayBeAbsent() {
        return given.name().startsWith("PERHAPS");
    }

    private boolean isKnown(ConfigPurpose purpose) {
        return switch (given) {
            case ALWAYS -> true;
            case BOOTING, PERHAPS_BOOTING -> purpose.boots();
            case WAITING -> purpose.waits();
            case PERHAPS_LOCAL -> purpose == ConfigPurpose.LOCAL;
            case PERHAPS_OFF -> purpose == ConfigPurpose.POWEROFF;
        };
    }

    static Optional<TemplateVariable> find(String word, ConfigPurpose purpose) {
        return of(purpose).filter(variable -> variable.word.equals(word)).findFirst();
    }

    /** {@code arch, title, …; for sections only: ipv6, …}. */
    static String listOf(ConfigPurpose purpose) {
        return words(of(purpose).filter(variable -> variable.kind != Kind.FLAG).toList())
                + "; for sections only: "
                + words(of(purpose)
                        .filter(variable -> variable.kind == Kind.FLAG)
                        .toList());
    }

    private static Stream<TemplateVariable> of(ConfigPurpose purpose) {
        return Arrays.stream(values()).filter(variable -> variable.isKnown(purpose));
    }

    private static String words(List<TemplateVariable> variables) {
        return variables.stream().map(TemplateVariable::word).sorted().collect(Collectors.joining(", "));
    }

    /** What the variable stands for, as the language writes it; empty if it is absent. */
    Optional<String> value(BootPlan plan, Location location, ConfigSyntax syntax) {
        return switch (this) {
            case TITLE -> Optional.of(syntax.text(plan.title()));
            case REASON -> plan.reason().map(syntax::text);
            case ARCH -> Optional.of(syntax.path(plan.arch()));
            case KERNEL -> plan.kernel().map(syntax::path);
            case INITRD -> plan.initrd().map(syntax::path);
            case DTB -> plan.dtb().map(syntax::path);
            case ARGUMENTS ->
                plan.arguments().isEmpty() ? Optional.empty() : Optional.of(syntax.words(plan.arguments()));
            case AGAIN -> plan.again().map(syntax::path);
            case LOCAL_MODULE -> plan.localModule().map(syntax::path);
            case POWEROFF_MODULE -> plan.poweroffModule().map(syntax::path);
            case BASE_URL -> Optional.of(syntax.url(location.baseUrl()));
            case HOST -> Optional.of(syntax.url(location.host()));
            case HTTP_PORT -> Optional.of(Integer.toString(location.httpPort()));
            case OVER_HTTP -> flag(location.overHttp());
            case HTTP_BY_PORT -> flag(location.httpPort() != 80);
            case HTTP_PLAIN -> flag(location.httpPort() == 80 || location.alsoPort80());
            case IPV6 -> flag(location.isIpv6());
        };
    }

    /** Whether it stands for anything; the longest of them need not be written for that. */
    boolean isPresent(BootPlan plan, Location location, ConfigSyntax syntax) {
        return this == ARGUMENTS
                ? !plan.arguments().isEmpty()
                : value(plan, location, syntax).isPresent();
    }

    private static Optional<String> flag(boolean set) {
        return set ? Optional.of("") : Optional.empty();
    }
}
