package org.rackboot.protocol.resolve;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A URL with placeholders: {@code http://198.18.0.5/{name}/{mac}}. */
final class CloudConfigUrl {
    private static final Pattern PLACEHOLDER = Pattern.compile("\\{([a-z]+)}");

    private CloudConfigUrl() {}

    /**
     * Puts values in, percent-encoded.
     *
     * @param values by placeholder; one that is not among them stays as it is written
     */
    static String expand(String url, Map<String, String> values) {
        return PLACEHOLDER
                .matcher(url)
                .replaceAll(match -> Matcher.quoteReplacement(
                        values.containsKey(match.group(1)) ? encoded(values.get(match.group(1))) : match.group()));
    }

    private static String encoded(String value) {
        StringBuilder encoded = new StringBuilder();
        for (byte b : value.getBytes(UTF_8)) {
            char c = (char) (b & 0xFF);
            boolean plain = c < 0x80 && (Character.isLetterOrDigit(c) || "-._~:[]".indexOf(c) >= 0);
            if (plain) {
                encoded.append(c); // A MAC's colons and an address's brackets are read by people.
            } else {
                encoded.append('%').append("0123456789ABCDEF".charAt(c >> 4)).append("0123456789ABCDEF".charAt(c & 15));
            }
        }
        return encoded.toString();
    }
}
