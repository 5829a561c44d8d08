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
    private static final int IPV6_BYTES = Ipv6Address.BYTES;
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

    /** How many of the first bits all its addresses share. */
    public int prefixBits() {
        return prefixBits;
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
        return text.indexOf(':') < 0 ? ipv4(text) : Ipv6Address.bytesOf(text);
    }

    static byte @Nullable [] ipv4(String text) {
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
