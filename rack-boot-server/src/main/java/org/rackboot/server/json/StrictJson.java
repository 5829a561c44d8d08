package org.rackboot.server.json;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.TokenStreamLocation;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.dataformat.yaml.YAMLFactory;
import tools.jackson.dataformat.yaml.YAMLMapper;

/** Reads JSON and YAML in which each key is said once: of two, nobody knows which one was meant. */
public final class StrictJson {
    private static final JsonMapper JSON = JsonMapper.builder(JsonFactory.builder()
                    .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                    .build())
            .build();
    private static final YAMLMapper YAML = YAMLMapper.builder(YAMLFactory.builder()
                    .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                    .build())
            .build();

    private static final Pattern TWICE = Pattern.compile("Duplicate Object property \"(.*)\"", Pattern.DOTALL);
    private static final Pattern PARSERS_OWN = Pattern.compile(" \\([^()]*\\[Source:.*?]\\)|,? from `[^`]*`");
    private static final int SHOWN_KEY = 60;
    private static final int SHOWN = 200;

    private StrictJson() {}

    /** @throws JacksonException if it is none, or says a key twice; {@link #problem} has the words */
    public static JsonNode json(byte[] text) {
        return JSON.readTree(text);
    }

    /** @throws JacksonException if it is none, or says a key twice; {@link #problem} has the words */
    public static JsonNode json(String text) {
        return JSON.readTree(text);
    }

    /** @throws JacksonException if it is none, or says a key twice; {@link #problem} has the words */
    public static JsonNode yaml(byte[] text) {
        return YAML.readTree(text);
    }

    /** What is wrong, and where, without what the parser says of itself. */
    public static String problem(JacksonException e) {
        String message = String.valueOf(e.getOriginalMessage());
        Matcher twice = TWICE.matcher(message);
        String words = twice.matches()
                ? "the key '%s' is there twice".formatted(shown(twice.group(1), SHOWN_KEY))
                : message.startsWith("Trailing token") ? "more follows after its end" : plain(message);
        TokenStreamLocation at = e.getLocation();
        return at == null || at.getLineNr() < 1
                ? words
                : "%s (line %d, column %d)".formatted(words, at.getLineNr(), at.getColumnNr());
    }

    /** YAML's parser draws pictures, in lines that begin with a blank. */
    private static String plain(String message) {
        String lines = message.lines().filter(line -> !line.startsWith(" ")).collect(Collectors.joining(", "));
        return shown(PARSERS_OWN.matcher(lines).replaceAll(""), SHOWN);
    }

    private static String shown(String text, int most) {
        String some = text.length() <= most ? text : text.substring(0, most) + "…";
        return some.replaceAll("[\\p{Cntrl}\\p{Cf}\\p{Cs}]", "?");
    }
}
