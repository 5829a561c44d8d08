package org.rackboot.protocol.http;

import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The one range of bytes a {@code Range} header selects (RFC 9110 section 14).
 *
 * @param first offset of the first byte
 * @param length 1 or more
 */
public record ByteRange(long first, long length) {
    private static final Pattern SINGLE = Pattern.compile("(?i:bytes)=[ \t]*(\\d{0,19})-(\\d{0,19})[ \t]*");

    /** What a {@code Range} header means for a body of known size. */
    public sealed interface Selection {
        /** No range, a malformed one (BIOS builds send such, quirk H10) or several: the whole body, 200. */
        record Whole() implements Selection {}

        record Part(ByteRange range) implements Selection {}

        /** 416: the range begins behind the end. */
        record Unsatisfiable() implements Selection {}
    }

    /** Reads a header's value for a body of {@code size} bytes. */
    public static Selection select(String header, long size) {
        Matcher matcher = SINGLE.matcher(header);
        if (!matcher.matches()) {
            return new Selection.Whole();
        }
        Optional<Long> from = number(matcher.group(1));
        Optional<Long> to = number(matcher.group(2));
        if (from.isEmpty()) {
            return to.isEmpty() ? new Selection.Whole() : suffix(to.get(), size);
        }
        long first = from.get();
        if (to.isPresent() && to.get() < first) {
            return new Selection.Whole(); // RFC 9110, 14.1.1: such a range is invalid, and ignored.
        }
        if (first >= size) {
            return new Selection.Unsatisfiable();
        }
        long last = Math.min(size - 1, to.orElse(Long.MAX_VALUE));
        return new Selection.Part(new ByteRange(first, last - first + 1));
    }

    private static Selection suffix(long length, long size) {
        if (length == 0 || size == 0) {
            return new Selection.Unsatisfiable();
        }
        long wanted = Math.min(length, size);
        return new Selection.Part(new ByteRange(size - wanted, wanted));
    }

    /** A number too large for a long is as good as the largest. */
    private static Optional<Long> number(String digits) {
        if (digits.isEmpty()) {
            return Optional.empty();
        }
        try {
            return Optional.of(Long.parseLong(digits));
        } catch (NumberFormatException e) {
            return Optional.of(Long.MAX_VALUE);
        }
    }
}
