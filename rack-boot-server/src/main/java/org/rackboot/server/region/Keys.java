package org.rackboot.server.region;

import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.rackboot.region.Region.RefusedException;
import org.rackboot.server.config.Suggestion;
import org.rackboot.server.http.HttpCall;
import tools.jackson.databind.JsonNode;

/** The keys that an object of a request may have: a misspelt one would say nothing, and nobody would notice. */
record Keys(List<String> known, List<String> passedOver) {
    private static final int MOST_SHOWN = 5;
    private static final int SHOWN = 60;

    static Keys of(String... known) {
        return new Keys(List.of(known), List.of());
    }

    /** The same, and keys that say nothing here and are no mistake. */
    Keys passingOver(String... others) {
        return new Keys(known, List.of(others));
    }

    /** A request's body, an object. */
    JsonNode body(HttpCall call) throws RefusedException {
        JsonNode body = ApiJson.body(call);
        List<String> problems = problems(body);
        if (!problems.isEmpty()) {
            throw new RefusedException(RefusedException.Kind.INVALID, String.join(". ", problems));
        }
        return body;
    }

    /** One for each key that is none of these, and how many more there are; of what is no object, none. */
    List<String> problems(JsonNode object) {
        List<String> unknown = object.propertyStream()
                .map(each -> each.getKey())
                .filter(key -> !known.contains(key) && !passedOver.contains(key))
                .toList();
        Stream<String> first = unknown.stream().limit(MOST_SHOWN).map(this::problem);
        return unknown.size() <= MOST_SHOWN
                ? first.toList()
                : Stream.concat(first, Stream.of("And %d more such keys".formatted(unknown.size() - MOST_SHOWN)))
                        .toList();
    }

    private String problem(String key) {
        String some = (key.length() <= SHOWN ? key : key.substring(0, SHOWN) + "…")
                .replaceAll("[\\p{Cntrl}\\p{Cf}\\p{Cs}]", "?");
        String meant = Suggestion.of(some, known);
        return "Unknown key '%s'%s"
                .formatted(
                        some,
                        meant.isEmpty()
                                ? known.stream().collect(Collectors.joining(", ", "; the keys are ", ""))
                                : meant);
    }
}
