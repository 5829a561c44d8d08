package org.rackboot.protocol.address;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * An IPv6 address (RFC 4291), without a zone.
 *
 * @param high the first eight bytes in network order
 * @param low the last eight
 */
public record Ipv6Address(long high, long low) {
    public static final Ipv6Address UNSPECIFIED = new Ipv6Address(0, 0);
    public static final int BYTES = 16;

    private static final int GROUPS = 8;

    /** @param bytes 16, in network order */
    public static Ipv6Address of(byte[] bytes) {
        if (bytes.length != BYTES) {
            throw new IllegalArgumentException("an IPv6 address of %d bytes".formatted(bytes.length));
        }
        ByteBuffer buffer = ByteBuffer.wrap(bytes);
        return new Ipv6Address(buffer.getLong(), buffer.getLong());
    }

    /** Reads every form of RFC 4291, 2.2; empty if it is anything else, or has a zone. */
    public static Optional<Ipv6Address> parse(String text) {
        return Optional.ofNullable(bytesOf(text)).map(Ipv6Address::of);
    }

    public byte[] bytes() {
        return ByteBuffer.allocate(BYTES).putLong(high).putLong(low).array();
    }

    public boolean isUnspecified() {
        return high == 0 && low == 0;
    }

    public boolean isLinkLocal() {
        return high >>> 54 == 0xFE80 >> 6;
    }

    public boolean isMulticast() {
        return high >>> 56 == 0xFF;
    }

    /** As RFC 5952 wants it: {@code 2001:db8::1}, {@code ::ffff:198.18.0.1}. */
    @Override
    public String toString() {
        if (high == 0 && low >>> 32 == 0xFFFF) {
            return "::ffff:" + new Ipv4Address((int) low);
        }
        int gapAt = 0;
        int gap = 1; // One group alone is not shortened.
        for (int from = 0; from < GROUPS; from++) {
            int zeros = 0;
            while (from + zeros < GROUPS && group(from + zeros) == 0) {
                zeros++;
            }
            if (zeros > gap) {
                gapAt = from;
                gap = zeros;
            }
        }
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < GROUPS; i++) {
            if (gap > 1 && i == gapAt) {
                text.append("::");
                i += gap - 1;
                continue;
            }
            if (i > 0 && text.charAt(text.length() - 1) != ':') {
                text.append(':');
            }
            text.append(Integer.toHexString(group(i)));
        }
        return text.toString();
    }

    private int group(int index) {
        long half = index < 4 ? high : low;
        return (int) (half >>> (48 - 16 * (index % 4))) & 0xFFFF;
    }

    /** RFC 4291, 2.2: eight groups, one run of zero groups may be "::", the last two may be an IPv4 address. */
    static byte @Nullable [] bytesOf(String text) {
        int gap = text.indexOf("::");
        if (gap >= 0 && text.indexOf("::", gap + 1) >= 0) {
            return null;
        }
        byte[] head = groups(gap < 0 ? text : text.substring(0, gap));
        byte[] tail = gap < 0 ? new byte[0] : groups(text.substring(gap + 2));
        if (head == null || tail == null) {
            return null;
        }
        int known = head.length + tail.length;
        if (gap < 0 ? known != BYTES : known > BYTES - 2) {
            return null;
        }
        byte[] all = Arrays.copyOf(head, BYTES);
        System.arraycopy(tail, 0, all, BYTES - tail.length, tail.length);
        return all;
    }

    private static byte @Nullable [] groups(String text) {
        if (text.isEmpty()) {
            return new byte[0];
        }
        String[] parts = text.split(":", -1);
        if (parts.length > GROUPS) {
            return null;
        }
        byte[] bytes = new byte[2 * parts.length + 2];
        int length = 0;
        for (int i = 0; i < parts.length; i++) {
            boolean dotted = i == parts.length - 1 && parts[i].indexOf('.') >= 0;
            byte[] group = dotted ? Subnet.ipv4(parts[i]) : group(parts[i]);
            if (group == null) {
                return null;
            }
            System.arraycopy(group, 0, bytes, length, group.length);
            length += group.length;
        }
        return Arrays.copyOf(bytes, length);
    }

    private static byte @Nullable [] group(String text) {
        if (text.isEmpty() || text.length() > 4) {
            return null;
        }
        int value = 0;
        for (int i = 0; i < text.length(); i++) {
            int digit = text.charAt(i) < 0x80 ? Character.digit(text.charAt(i), 16) : -1;
            if (digit < 0) {
                return null;
            }
            value = value << 4 | digit;
        }
        return new byte[] {(byte) (value >> 8), (byte) value};
    }
}
