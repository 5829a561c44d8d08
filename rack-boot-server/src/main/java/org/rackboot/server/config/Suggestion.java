package org.rackboot.server.config;

import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;

/** Which word somebody may have meant who wrote another. */
public final class Suggestion {
    private Suggestion() {}

    /** {@code ; did you mean 'tftp.port'?}, or nothing if no known word is near. */
    public static String of(String wrong, Collection<String> known) {
        return known.stream()
                .min(Comparator.comparingInt(candidate -> distance(wrong, candidate)))
                .filter(candidate -> distance(wrong, candidate) <= Math.max(2, wrong.length() / 3))
                .map(candidate -> "; did you mean '" + candidate + "'?")
                .orElse("");
    }

    /** Levenshtein's distance. */
    private static int distance(String a, String b) {
        int[] previous = new int[b.length() + 1];
        Arrays.setAll(previous, i -> i);
        for (int i = 1; i <= a.length(); i++) {
            int[] row = new int[b.length() + 1];
            row[0] = i;
            for (int j = 1; j <= b.length(); j++) {
                int change = previous[j - 1] + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
                row[j] = Math.min(change, Math.min(previous[j], row[j - 1]) + 1);
            }
            previous = row;
        }
        return previous[b.length()];
    }
}
