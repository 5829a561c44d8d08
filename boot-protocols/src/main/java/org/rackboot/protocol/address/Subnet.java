package org.rackboot.protocol.address;

import java.util.Arrays;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A block of IPv4 or IPv6 addresses (RFC 4632, RFC 4291): all that share the first bits. An IPv4-mapped IPv6 address
 * counts as the IPv4 address that it is (S-23).
 */
public final class Subnet {
    private static final int IPV4_BYTES = 4;
    private static final int IPV6_BYTES = 16;
    private static final int MAPPED_BITS = 96;

    private final byte[] first;
    private final int prefixBits;

    private Subnet(byte[] first, int prefixBits) {
        this.first = first;
        this.prefixBits = prefixBits;
    }

    /**
     * Reads {@code 198.18.0.0/15}, {@code 2001:db8::/32}, or one address. Empty if it is malformed, or if an address of
     * the block is named instead of its first: who writes 198.18.0.7/24 may mean either.
     */
    public static Optional<Subnet> parse(String text) {
        int slash = text.indexOf('/');
        byte[] address = address(slash < 0 ? text : text.substring(0, slash));
        if (address == null) {
            return Optional.empty();
        }
        int prefix = slash < 0 ? 8 * address.length : number(text.substring(slash + 1), 8 * address.length);
        if (prefix < 0) {
            return Optional.empty();
        }
        if (isMapped(address) && prefix >= MAPPED_BITS) {
            address = Arrays.copyOfRange(address, IPV6_BYTES - IPV4_BYTES, IPV6_BYTES);
            prefix -= MAPPED_BITS;
        }
        for (int bit = prefix; bit < 8 * address.length; bit++) {
            if ((address[bit / 8] & 0x80 >> bit % 8) != 0) {
                return Optional.empty();
            }
        }
        return Optional.of(new Subnet(address, prefix));
    }

    /** @param address 4 or 16 bytes in network order */
    public boolean contains(byte[] address) {
        byte[] plain = isMapped(address) ? Arrays.copyOfRange(address, IPV6_BYTES - IPV4_BYTES, IPV6_BYTES) : address;
        if (plain.length != first.length) {
            return false;
        }
        int whole = prefixBits / 8;
        if (!Arrays.equals(plain, 0, whole, first, 0, whole)) {
            return false;
        }
        int rest = prefixBits % 8;
        return rest == 0 || ((plain[whole] ^ first[whole]) & 0xFF00 >> rest & 0xFF) == 0;
    }

    private static boolean isMapped(byte[] address) {
        if (address.length != IPV6_BYTES || address[10] != -1 || address[11] != -1) {
            return false;
        }
        for (int i = 0; i < 10; i++) {
            if (address[i] != 0) {
                return false;
            }
        }
        return true;
    }

    private static byte @Nullable [] address(String text) {
        return text.indexOf(':') < 0 ? ipv4(text) : ipv6(text);
    }

    private static byte @Nullable [] ipv4(String text) {
        String[] parts = text.split("\\.", -1);
        byte[] bytes = new byte[IPV4_BYTES];
        if (parts.length != IPV4_BYTES) {
            return null;
        }
        for (int i = 0; i < IPV4_BYTES; i++) {
            int value = number(parts[i], 255);
            if (value < 0) {
                return null;
            }
            bytes[i] = (byte) value;
        }
        return bytes;
    }

    /** RFC 4291, 2.2: eight groups, one run of zero groups may be "::", the last two may be an IPv4 address. */
    private static byte @Nullable [] ipv6(String text) {
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
        if (gap < 0 ? known != IPV6_BYTES : known > IPV6_BYTES - 2) {
            return null;
        }
        byte[] all = Arrays.copyOf(head, IPV6_BYTES);
        System.arraycopy(tail, 0, all, IPV6_BYTES - tail.length, tail.length);
        return all;
    }

    private static byte @Nullable [] groups(String text) {
        if (text.isEmpty()) {
            return new byte[0];
        }
        String[] parts = text.split(":", -1);
        if (parts.length > 8) {
            return null;
        }
        byte[] bytes = new byte[2 * parts.length + 2];
        int length = 0;
        for (int i = 0; i < parts.length; i++) {
            boolean dotted = i == parts.length - 1 && parts[i].indexOf('.') >= 0;
            byte[] group = dotted ? ipv4(parts[i]) : group(parts[i]);
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

    /** Decimal digits without leading zeros, 0 to most; -1 if it is not. */
    private static int number(String text, int most) {
        if (text.isEmpty() || text.length() > 3 || (text.length() > 1 && text.charAt(0) == '0')) {
            return -1;
        }
        int value = 0;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c < '0' || c > '9') {
                return -1;
            }
            value = 10 * value + c - '0';
        }
        return value <= most ? value : -1;
    }
}
