package org.rackboot.region.simplestreams;

import java.net.URI;
import java.util.regex.Pattern;

/**
 * Where a file lies on a mirror, relative to its root, never to the index.
 *
 * @param text clean: no scheme, no leading slash, no empty, {@code .} or {@code ..} segment, not percent-encoded,
 *     no backslash, at most {@value #MAX_LENGTH} characters (S-35)
 */
public record MirrorPath(String text) {
    public static final int MAX_LENGTH = 1_024;
    private static final Pattern SEGMENT = Pattern.compile("[A-Za-z0-9._+:~@=,-]+");

    /** @throws StreamFormatException if the path could lead elsewhere */
    public static MirrorPath parse(String text) throws StreamFormatException {
        if (text.isEmpty() || text.length() > MAX_LENGTH) {
            throw refused(text, "it has %d characters; 1 to %d are allowed".formatted(text.length(), MAX_LENGTH));
        }
        for (String segment : text.split("/", -1)) {
            if (!SEGMENT.matcher(segment).matches() || segment.chars().allMatch(c -> c == '.')) {
                throw refused(text, "only a clean relative path is fetched");
            }
        }
        if (text.contains("://")) {
            throw refused(text, "it names another server");
        }
        return new MirrorPath(text);
    }

    /** The address of the file below {@code root}, which ends with a slash. Colons stay as they are. */
    public URI below(URI root) {
        return URI.create(root + text);
    }

    private static StreamFormatException refused(String text, String why) {
        String shown = text.length() > 100 ? text.substring(0, 100) + "…" : text;
        return new StreamFormatException(
                "the path '%s' is refused: %s".formatted(shown.replaceAll("[^ -~…]", "?"), why));
    }

    @Override
    public String toString() {
        return text;
    }
}
