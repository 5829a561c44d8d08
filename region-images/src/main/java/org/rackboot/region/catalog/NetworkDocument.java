package org.rackboot.region.catalog;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/** A machine's network configuration as text: JSON in one spelling, so that what says the same is the same. */
public final class NetworkDocument {
    private static final int MOST_NESTED = 16;
    private static final JsonMapper JSON = JsonMapper.builder(JsonFactory.builder()
                    .streamReadConstraints(StreamReadConstraints.builder()
                            .maxNestingDepth(MOST_NESTED)
                            .build())
                    .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                    .build())
            .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
            .enable(SerializationFeature.ORDER_MAP_ENTRIES_BY_KEYS)
            .build();

    private NetworkDocument() {}

    /**
     * The same without blanks, and with keys in their order; empty if it is no JSON, nested deeper than 16, or has half a
     * character in it, which no catalog could be written with.
     */
    public static Optional<String> canonical(String json) {
        try {
            String canonical = JSON.writeValueAsString(JSON.readValue(json, Object.class));
            return Optional.of(canonical).filter(UTF_8.newEncoder()::canEncode);
        } catch (JacksonException e) {
            return Optional.empty();
        }
    }

    /** Whether it is an object that says to be of version 2, and no more than that. */
    public static List<String> formProblems(String json) {
        Object value = JSON.readValue(json, Object.class);
        if (!(value instanceof Map<?, ?> object)) {
            return List.of("it is no JSON object");
        }
        return Integer.valueOf(2).equals(object.get("version"))
                ? List.of()
                : List.of("it does not say \"version\": 2, as network configurations of netplan's form do");
    }
}
