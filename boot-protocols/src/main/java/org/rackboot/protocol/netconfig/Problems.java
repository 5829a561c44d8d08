package org.rackboot.protocol.netconfig;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;

/** What is wrong with a configuration, while it is read: bounded, however much is wrong. */
final class Problems {
    private static final int MOST = 64;
    private static final int SHOWN = 60;

    private final List<NetworkConfig.Problem> problems = new ArrayList<>();
    private int more;

    /** @param values what comes from outside is to have gone through {@link #shown} or {@link #clean} */
    void add(String path, String message, Object... values) {
        if (problems.size() == MOST) {
            more++;
            return;
        }
        problems.add(new NetworkConfig.Problem(path, message.formatted(values)));
    }

    boolean areNone() {
        return problems.isEmpty();
    }

    List<NetworkConfig.Problem> all() {
        List<NetworkConfig.Problem> all = new ArrayList<>(problems);
        if (more > 0) {
            all.add(new NetworkConfig.Problem("", "%d more problems; correct these first".formatted(more)));
        }
        return List.copyOf(all);
    }

    /** A value as a message may show it. */
    static String shown(Object value) {
        if (value instanceof String text) {
            return "'" + clean(text) + "'";
        }
        return value instanceof Number || value instanceof Boolean
                ? clean(value.toString())
                : value instanceof Collection ? "a list" : "an object";
    }

    static String clean(String text) {
        String head = text.length() > SHOWN ? text.substring(0, SHOWN) + "…" : text;
        return head.replaceAll("[\\p{Cntrl}\\p{Cf}\\p{Cs}\\u2028\\u2029]", "?");
    }

    /** {@code ; did you mean 'dhcp4'?}, or nothing if no known word is near. */
    static String didYouMean(String wrong, Collection<String> known) {
        return known.stream()
                .filter(each ->
                        distance(clean(wrong), each) <= (each.length() < 4 ? 1 : Math.max(2, each.length() / 3)))
                .min(Comparator.comparingInt((String each) -> distance(clean(wrong), each))
                        .thenComparing(Comparator.naturalOrder()))
                .map(each -> "; did you mean '" + each + "'?")
                .orElse("");
    }

    /** Levenshtein's distance. */
    private static int distance(String a, String b) {
        int[] above = new int[b.length() + 1];
        for (int j = 0; j <= b.length(); j++) {
            above[j] = j;
        }
        for (int i = 1; i <= a.length(); i++) {
            int[] row = new int[b.length() + 1];
            row[0] = i;
            for (int j = 1; j <= b.length(); j++) {
                int changed = above[j - 1] + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
                row[j] = Math.min(changed, 1 + Math.min(row[j - 1], above[j]));
            }
            above = row;
        }
        return above[b.length()];
    }
}
