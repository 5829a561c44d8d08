package org.rackboot.protocol.netconfig;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * Writes a configuration as YAML for cloud-init: network-config version 2, as NoCloud's {@code network-config} has it, without
 * {@code network:} around it. The same configuration gives the same text.
 *
 * <p>Keys and texts stand bare only if no YAML reader could take them for anything else: version 1.1, which cloud-init uses,
 * reads {@code on} as a boolean, {@code 0123} as octal and {@code 52:54:00:12:34:56} as a number to the base 60.
 */
public final class NetworkConfigV2 {
    private static final Pattern PLAIN = Pattern.compile("[A-Za-z][A-Za-z0-9._+-]*");
    private static final Set<String> WORDS = Set.of("y", "n", "yes", "no", "on", "off", "true", "false", "null");

    private NetworkConfigV2() {}

    /** Lines end with a newline, the last one too. */
    public static String render(NetworkConfig config) {
        StringBuilder yaml = new StringBuilder();
        map(yaml, "", config.tree());
        return yaml.toString();
    }

    private static void map(StringBuilder yaml, String indent, Map<?, ?> map) {
        map.forEach((key, value) -> {
            yaml.append(indent).append(text((String) key)).append(':');
            value(yaml, indent + "  ", value);
        });
    }

    private static void value(StringBuilder yaml, String indent, Object value) {
        if (value instanceof Map<?, ?> map && !map.isEmpty()) {
            yaml.append('\n');
            map(yaml, indent, map);
        } else if (value instanceof List<?> list && !list.isEmpty()) {
            yaml.append('\n');
            list.forEach(each -> item(yaml, indent, each));
        } else {
            yaml.append(' ').append(scalar(value)).append('\n');
        }
    }

    private static void item(StringBuilder yaml, String indent, Object value) {
        yaml.append(indent).append('-');
        if (value instanceof Map<?, ?> map) {
            StringBuilder below = new StringBuilder();
            map(below, indent + "  ", map);
            yaml.append(' ').append(below, indent.length() + 2, below.length());
        } else {
            yaml.append(' ').append(scalar(value)).append('\n');
        }
    }

    private static String scalar(Object value) {
        if (value instanceof String text) {
            return text(text);
        }
        return value instanceof Map ? "{}" : value instanceof List ? "[]" : value.toString();
    }

    /** A text that every reader takes for this text. */
    static String text(String text) {
        if (PLAIN.matcher(text).matches() && !WORDS.contains(text.toLowerCase(Locale.ROOT))) {
            return text;
        }
        StringBuilder quoted = new StringBuilder("\"");
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '"' || c == '\\') {
                quoted.append('\\').append(c);
            } else if (c < ' ' || c > '~') {
                quoted.append("\\u%04x".formatted((int) c));
            } else {
                quoted.append(c);
            }
        }
        return quoted.append('"').toString();
    }
}
