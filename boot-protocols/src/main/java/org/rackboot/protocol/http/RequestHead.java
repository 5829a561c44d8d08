package org.rackboot.protocol.http;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.util.Locale;
import java.util.Optional;

/**
 * The request line and header of one request, as {@link RequestParser} found it sound. Fields are looked up in the bytes
 * that came: a boot asks for few of them, thousands of times.
 */
public final class RequestHead {
    private final String method;
    private final String target;
    private final boolean keepAlive;
    private final long contentLength;
    private final boolean expecting;
    private final byte[] block;
    private final int[] fields;
    private final int fieldCount;

    /**
     * @param block the header's bytes, not to be changed any more
     * @param fields four offsets for each field: begin and end of its name, begin and end of its value
     */
    RequestHead(
            String method,
            String target,
            boolean keepAlive,
            long contentLength,
            boolean expecting,
            byte[] block,
            int[] fields,
            int fieldCount) {
        this.method = method;
        this.target = target;
        this.keepAlive = keepAlive;
        this.contentLength = contentLength;
        this.expecting = expecting;
        this.block = block;
        this.fields = fields;
        this.fieldCount = fieldCount;
    }

    public String method() {
        return method;
    }

    public boolean isHead() {
        return method.equals("HEAD");
    }

    /** Whether the client waits for the answer on a connection that stays open. */
    public boolean isKeepAlive() {
        return keepAlive;
    }

    /** Bytes of body that follow; a request without {@code Content-Length} has none. */
    public long contentLength() {
        return contentLength;
    }

    /** Whether there is an {@code Expect} field, whatever it says. */
    public boolean isExpecting() {
        return expecting;
    }

    /**
     * A field's value, without spaces around it; several of one name joined by commas (RFC 9110, 5.3).
     *
     * @param name in lower case
     */
    public Optional<String> header(String name) {
        String found = null;
        for (int i = 0; i < fieldCount * 4; i += 4) {
            if (isNamed(block, fields[i], fields[i + 1], name)) {
                String value = new String(block, fields[i + 2], fields[i + 3] - fields[i + 2], ISO_8859_1);
                found = found == null ? value : found + "," + value;
            }
        }
        return Optional.ofNullable(found);
    }

    /** Of the target, percent-decoded, one character per byte. The host in it is never looked at (quirk H16). */
    public String path() {
        String origin = originForm();
        int query = origin.indexOf('?');
        return percentDecoded(query < 0 ? origin : origin.substring(0, query));
    }

    /** What follows the target's question mark, as it came; empty if there is none. */
    public String query() {
        int mark = target.indexOf('?');
        return mark < 0 ? "" : target.substring(mark + 1);
    }

    /** {@code http://host/path} is {@code /path} (RFC 9112, 3.2.2). */
    private String originForm() {
        char first = target.charAt(0);
        if (first != 'h' && first != 'H') {
            return target;
        }
        String lower = target.toLowerCase(Locale.ROOT);
        if (lower.startsWith("http://") || lower.startsWith("https://")) {
            int slash = target.indexOf('/', target.indexOf("//") + 2);
            return slash < 0 ? "/" : target.substring(slash);
        }
        return target;
    }

    /** What is no escape stays as it is. */
    static String percentDecoded(String text) {
        if (text.indexOf('%') < 0) {
            return text;
        }
        byte[] decoded = new byte[text.length()];
        int length = 0;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            int high = c == '%' && i + 2 < text.length() ? hexDigit(text.charAt(i + 1)) : -1;
            int low = high >= 0 ? hexDigit(text.charAt(i + 2)) : -1;
            if (low >= 0) {
                decoded[length++] = (byte) (high << 4 | low);
                i += 2;
            } else {
                decoded[length++] = (byte) c;
            }
        }
        return new String(decoded, 0, length, ISO_8859_1);
    }

    private static int hexDigit(char c) {
        return c < 0x80 ? Character.digit(c, 16) : -1;
    }

    /** @param name in lower case */
    static boolean isNamed(byte[] block, int from, int to, String name) {
        if (to - from != name.length()) {
            return false;
        }
        for (int i = 0; i < name.length(); i++) {
            int c = block[from + i];
            if (name.charAt(i) != (c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c)) {
                return false;
            }
        }
        return true;
    }
}
