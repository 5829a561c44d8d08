package org.rackboot.server.config;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.rackboot.server.json.StrictJson;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;

/**
 * Values by dotted key, from three places: a flag wins over a {@code RACKBOOT_…} variable, which wins over the file.
 * Collects every problem, so that one run tells all of them.
 */
public final class Settings {
    private static final String VARIABLE_PREFIX = "RACKBOOT_";
    /** Variables of the launcher, not of the configuration. */
    private static final Set<String> LAUNCHER_VARIABLES =
            Set.of("RACKBOOT_JAVA", "RACKBOOT_JAVA_OPTS", "RACKBOOT_NO_BUILD", "RACKBOOT_HOME", "RACKBOOT_LAB");

    private static final Pattern DURATION = Pattern.compile("(\\d{1,9})\\s*(ms|s|m|h)");
    private static final Pattern SIZE = Pattern.compile("(\\d{1,12})\\s*(B|KiB|MiB|GiB|TiB)?");

    private final Map<String, List<String>> file = new LinkedHashMap<>();
    private final Map<String, String> variables = new HashMap<>();
    private final Map<String, List<String>> flags;
    private final Set<String> asked = new TreeSet<>();
    private final List<String> problems = new ArrayList<>();

    /**
     * @param configFile may be absent
     * @param environment of the process
     * @param flags by key, for those that were given
     */
    public Settings(Optional<Path> configFile, Map<String, String> environment, Map<String, List<String>> flags) {
        this.flags = Map.copyOf(flags);
        configFile.ifPresent(this::read);
        environment.forEach((name, value) -> {
            if (name.startsWith(VARIABLE_PREFIX) && !LAUNCHER_VARIABLES.contains(name)) {
                variables.put(name, value);
            }
        });
    }

    public Optional<String> text(String key) {
        List<String> values = values(key);
        if (values.size() > 1) {
            problems.add("%s has %d values; give one".formatted(key, values.size()));
        }
        return values.stream().findFirst();
    }

    /** All values of a list, in order; a variable's are parted by commas. */
    public List<String> list(String key) {
        return values(key);
    }

    public int number(String key, int otherwise, int least, int most) {
        return parsed(key, otherwise, text -> within(Integer.valueOf(text), least, most), least + " to " + most);
    }

    public List<Integer> numbers(String key, List<Integer> otherwise, int least, int most) {
        List<Integer> all = new ArrayList<>();
        for (String text : values(key)) {
            try {
                all.add(within(Integer.valueOf(text.strip()), least, most));
            } catch (IllegalArgumentException e) {
                problems.add("%s is '%s'; use %d to %d".formatted(key, text, least, most));
            }
        }
        return all.isEmpty() ? otherwise : all;
    }

    public boolean flag(String key, boolean otherwise) {
        return parsed(
                key,
                otherwise,
                text -> switch (text.toLowerCase(Locale.ROOT)) {
                    case "true", "yes", "on" -> true;
                    case "false", "no", "off" -> false;
                    default -> throw new IllegalArgumentException();
                },
                "true or false");
    }

    /** Bytes, with an optional unit: {@code 512MiB}. */
    public long bytes(String key, long otherwise) {
        return parsed(key, otherwise, Settings::parseBytes, "a number with B, KiB, MiB, GiB or TiB");
    }

    public Duration duration(String key, Duration otherwise) {
        return parsed(key, otherwise, Settings::parseDuration, "a number with ms, s, m or h");
    }

    /** Adds a problem that only the caller can see. */
    public void problem(String text) {
        problems.add(text);
    }

    /** Ends the reading: names nobody asked for are mistakes. */
    public void throwIfAnyProblem() throws ConfigException {
        for (String key : file.keySet()) {
            if (!asked.contains(key)) {
                problems.add("unknown key '%s'%s".formatted(key, Suggestion.of(key, asked)));
            }
        }
        Set<String> known = new TreeSet<>();
        asked.forEach(key -> known.add(variable(key)));
        for (String name : variables.keySet()) {
            if (!known.contains(name)) {
                problems.add("unknown variable '%s'%s".formatted(name, Suggestion.of(name, known)));
            }
        }
        if (!problems.isEmpty()) {
            throw new ConfigException(problems);
        }
    }

    private List<String> values(String key) {
        asked.add(key);
        if (flags.containsKey(key)) {
            return flags.getOrDefault(key, List.of());
        }
        String fromVariable = variables.get(variable(key));
        if (fromVariable != null) {
            return Arrays.stream(fromVariable.split(","))
                    .map(String::strip)
                    .filter(s -> !s.isEmpty())
                    .toList();
        }
        return file.getOrDefault(key, List.of());
    }

    private <T> T parsed(String key, T otherwise, Function<String, T> parser, String expected) {
        Optional<String> value = text(key);
        if (value.isEmpty()) {
            return otherwise;
        }
        try {
            return parser.apply(value.get().strip());
        } catch (IllegalArgumentException e) {
            problems.add("%s is '%s'; use %s".formatted(key, value.get(), expected));
            return otherwise;
        }
    }

    private void read(Path path) {
        try {
            JsonNode root = StrictJson.yaml(Files.readAllBytes(path));
            if (root.isObject()) {
                flatten("", root);
            } else if (!root.isMissingNode() && !root.isNull()) {
                problems.add(path + " is not a YAML mapping of sections");
            }
        } catch (IOException e) {
            problems.add("the configuration file %s cannot be read: %s".formatted(path, e));
        } catch (JacksonException e) {
            problems.add("the configuration file %s cannot be read as YAML: %s".formatted(path, StrictJson.problem(e)));
        }
    }

    private void flatten(String prefix, JsonNode node) {
        for (Map.Entry<String, JsonNode> entry : node.properties()) {
            String key = prefix + entry.getKey();
            JsonNode value = entry.getValue();
            if (value.isObject()) {
                flatten(key + ".", value);
            } else if (value.isArray()) {
                List<String> values = new ArrayList<>();
                value.forEach(element -> values.add(element.asString()));
                file.put(key, values);
            } else if (!value.isNull()) {
                file.put(key, List.of(value.asString()));
            }
        }
    }

    private static int within(int value, int least, int most) {
        if (value < least || value > most) {
            throw new IllegalArgumentException();
        }
        return value;
    }

    private static long parseBytes(String text) {
        Matcher matcher = SIZE.matcher(text);
        if (!matcher.matches()) {
            throw new IllegalArgumentException();
        }
        String unit = Optional.ofNullable(matcher.group(2)).orElse("B");
        int shift = List.of("B", "KiB", "MiB", "GiB", "TiB").indexOf(unit) * 10;
        return Math.multiplyExact(Long.parseLong(matcher.group(1)), 1L << shift);
    }

    private static Duration parseDuration(String text) {
        Matcher matcher = DURATION.matcher(text);
        if (!matcher.matches()) {
            throw new IllegalArgumentException();
        }
        long number = Long.parseLong(matcher.group(1));
        return switch (matcher.group(2)) {
            case "ms" -> Duration.ofMillis(number);
            case "s" -> Duration.ofSeconds(number);
            case "m" -> Duration.ofMinutes(number);
            default -> Duration.ofHours(number);
        };
    }

    private static String variable(String key) {
        return VARIABLE_PREFIX + key.toUpperCase(Locale.ROOT).replace('.', '_').replace('-', '_');
    }
}
