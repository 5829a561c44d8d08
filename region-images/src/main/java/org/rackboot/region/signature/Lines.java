package org.rackboot.region.signature;

import java.nio.charset.StandardCharsets;

/**
 * The lines of a text file, one char for each byte (ISO 8859-1), ended by LF or CRLF.
 *
 * <p>Whatever programs disagree about when they part lines (a bare CR, form feed, NUL, endless lines) is
 * refused, so that nobody reads another text than the one that was verified (S-44).
 */
final class Lines {
    private static final int MAX_LINE_BYTES = 20_000; // GnuPG cuts longer lines.

    private final byte[] data;
    private int position;
    private int number;

    Lines(byte[] data) {
        this.data = data;
    }

    boolean hasNext() {
        return position < data.length;
    }

    int remainingBytes() {
        return data.length - position;
    }

    /** Throws when there is no further line, for every caller knows how its file has to end. */
    String next() throws MalformedException {
        number++;
        if (!hasNext()) {
            throw new MalformedException("it ends too early, at line " + number);
        }
        int start = position;
        while (position < data.length && data[position] != '\n') {
            requireText(data[position]);
            position++;
        }
        int end = position;
        if (hasNext()) {
            position++;
            end -= end > start && data[end - 1] == '\r' ? 1 : 0;
        }
        if (end - start > MAX_LINE_BYTES) {
            throw new MalformedException(
                    "line %d has %d bytes; %d is the limit".formatted(number, end - start, MAX_LINE_BYTES));
        }
        return new String(data, start, end - start, StandardCharsets.ISO_8859_1);
    }

    private void requireText(byte b) throws MalformedException {
        boolean endsLine = b == '\r' && position + 1 < data.length && data[position + 1] == '\n';
        if (b >= 0 && b < ' ' && b != '\t' && !endsLine) {
            throw new MalformedException("line %d holds the control character 0x%02X".formatted(number, b));
        }
    }
}
