package org.rackboot.protocol.bootconfig;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * What each loader is told for each purpose: the templates that come with this program, and those that an operator puts
 * in their place. Immutable.
 */
public final class BootTemplates {
    private static final BootTemplates BUILT_IN = new BootTemplates(BuiltInTemplates.load(), Map.of());
    private static final Pattern NAME = Pattern.compile("([a-z0-9-]+)/([a-z]+)(?:\\.([a-z0-9_]{1,16}))?");

    private final Map<String, BootTemplate> builtIn;
    private final Map<String, BootTemplate> overrides;

    private BootTemplates(Map<String, BootTemplate> builtIn, Map<String, BootTemplate> overrides) {
        this.builtIn = Map.copyOf(builtIn);
        this.overrides = Map.copyOf(overrides);
    }

    /**
     * Templates, and what is wrong with those that were given.
     *
     * @param templates with the overrides in which nothing is wrong
     * @param problems each names the override and the line; empty = all is well
     */
    public record Loaded(BootTemplates templates, List<String> problems) {
        public Loaded {
            problems = List.copyOf(problems);
        }
    }

    public static BootTemplates builtIn() {
        return BUILT_IN;
    }

    /**
     * Puts an operator's templates before these. One without an architecture is for all of them, also where these have one
     * for an architecture alone.
     *
     * @param texts by {@code loader/purpose} or {@code loader/purpose.arch}: {@code grub/local}, {@code grub/local.arm64}
     */
    public Loaded withOverrides(Map<String, String> texts) {
        Map<String, BootTemplate> parsed = new HashMap<>(overrides);
        List<String> problems = new ArrayList<>();
        new TreeMap<>(texts).forEach((name, text) -> {
            try {
                parsed.put(name, parse(name, text));
            } catch (InvalidTemplateException e) {
                e.problems().forEach(problem -> problems.add("template " + name + ": " + problem));
            }
        });
        return new Loaded(new BootTemplates(builtIn, parsed), problems);
    }

    /** What the loader reads; lines end with a line feed. */
    public String render(ConfigLoader loader, BootPlan plan, Location location) {
        return find(loader, plan.purpose(), plan.arch()).render(plan, location);
    }

    /** The template's text, as a start for one of one's own. */
    public String text(ConfigLoader loader, ConfigPurpose purpose, String arch) {
        return find(loader, purpose, arch).text();
    }

    private BootTemplate find(ConfigLoader loader, ConfigPurpose purpose, String arch) {
        String any = loader.word() + '/' + purpose.word();
        String own = any + '.' + arch;
        return Stream.of(overrides.get(own), overrides.get(any), builtIn.get(own), builtIn.get(any))
                .flatMap(Stream::ofNullable)
                .findFirst()
                .orElseThrow(() -> new IllegalStateException("no template " + any));
    }

    private static BootTemplate parse(String name, String text) throws InvalidTemplateException {
        Matcher parts = NAME.matcher(name);
        if (!parts.matches()) {
            throw new InvalidTemplateException(
                    List.of("a template's name is LOADER/PURPOSE or LOADER/PURPOSE.ARCH, as grub/local.arm64"));
        }
        Optional<ConfigLoader> loader = ConfigLoader.parse(parts.group(1));
        Optional<ConfigPurpose> purpose = ConfigPurpose.parse(parts.group(2));
        List<String> problems = new ArrayList<>();
        if (loader.isEmpty()) {
            problems.add("there is no loader " + parts.group(1) + "; there are: "
                    + Stream.of(ConfigLoader.values()).map(ConfigLoader::word).collect(Collectors.joining(", ")));
        }
        if (purpose.isEmpty()) {
            problems.add("there is no purpose " + parts.group(2) + "; there are: "
                    + Stream.of(ConfigPurpose.values()).map(ConfigPurpose::word).collect(Collectors.joining(", ")));
        }
        if (!problems.isEmpty()) {
            throw new InvalidTemplateException(problems);
        }
        return BootTemplate.parse(loader.orElseThrow(), purpose.orElseThrow(), text);
    }
}
