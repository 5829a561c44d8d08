package org.rackboot.region.publish;

import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * A condition on a flattened item, as {@code sstream-mirror} writes it: {@code key OP value}, where OP is {@code =},
 * {@code !=}, {@code ~} (a regular expression that is found in it) or {@code !~}. A key that is missing is an empty text.
 */
public final class ItemFilter {
    private static final Pattern FORM = Pattern.compile("([A-Za-z0-9_.-]+) ?(!=|!~|=|~) ?(.*)");

    private final String key;
    private final boolean negated;
    private final Pattern pattern;

    private ItemFilter(String key, boolean negated, Pattern pattern) {
        this.key = key;
        this.negated = negated;
        this.pattern = pattern;
    }

    /** @throws IllegalArgumentException if it is no condition; the message says what one looks like */
    public static ItemFilter parse(String text) {
        Matcher form = FORM.matcher(text);
        if (!form.matches()) {
            throw new IllegalArgumentException(
                    "The filter '%s' is not 'key OP value' with =, !=, ~ or !~, as in 'release~(noble|jammy)'"
                            .formatted(text));
        }
        String operator = form.group(2);
        String value = form.group(3);
        try {
            Pattern pattern = operator.endsWith("~")
                    ? Pattern.compile(value)
                    : Pattern.compile("\\A" + Pattern.quote(value) + "\\z");
            return new ItemFilter(form.group(1), operator.startsWith("!"), pattern);
        } catch (PatternSyntaxException e) {
            throw new IllegalArgumentException(
                    "The filter '%s' has a malformed regular expression: %s".formatted(text, e.getDescription()), e);
        }
    }

    /** Whether all of them hold. */
    public static boolean allMatch(List<ItemFilter> filters, Map<String, String> item) {
        return filters.stream().allMatch(filter -> filter.matches(item));
    }

    boolean matches(Map<String, String> item) {
        return pattern.matcher(item.getOrDefault(key, "")).find() != negated;
    }
}
