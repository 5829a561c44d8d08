package org.rackboot.protocol.resolve;

import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Names of a machine's own metadata, {@code metadata/NAME/ASSIGNMENT-TOKEN/FILE}: the token is only in the configuration that
 * the machine was given, and nobody but this rack can make it.
 */
public final class MetadataNames {
    private static final Pattern NAME =
            Pattern.compile("metadata/([a-z0-9-]{1,63})/(\\d{1,18})-([0-9a-f]{32})/([a-z0-9.-]+)");

    private final Seal seal;

    /** Makes what only its holder can make of a text. */
    @FunctionalInterface
    public interface Seal {
        /** @return 32 hexadecimal digits in lower case; the same for the same text, also after a restart */
        String of(String text);
    }

    public MetadataNames(Seal seal) {
        this.seal = seal;
    }

    /**
     * @param assignment under which the machine was booted, by its id
     * @param file {@code meta-data}, {@code user-data}, …
     */
    record Asked(String machine, long assignment, String file) {}

    /** The directory of a machine's files, with a slash at its end. */
    String directory(String machine, long assignment) {
        return "metadata/" + machine + "/" + assignment + "-" + token(machine, assignment) + "/";
    }

    /** Whose file is asked for by whoever knows the token. */
    Optional<Asked> parse(String bootName) {
        Matcher matcher = NAME.matcher(bootName);
        if (!matcher.matches()) {
            return Optional.empty();
        }
        long assignment = Long.parseLong(matcher.group(2));
        return isEqual(token(matcher.group(1), assignment), matcher.group(3))
                ? Optional.of(new Asked(matcher.group(1), assignment, matcher.group(4)))
                : Optional.empty();
    }

    private String token(String machine, long assignment) {
        return seal.of(machine + "/" + assignment);
    }

    /** Takes as long for a token that is nearly right as for any other. */
    private static boolean isEqual(String token, String said) {
        int difference = token.length() ^ said.length();
        for (int i = 0; i < Math.min(token.length(), said.length()); i++) {
            difference |= token.charAt(i) ^ said.charAt(i);
        }
        return difference == 0;
    }
}
