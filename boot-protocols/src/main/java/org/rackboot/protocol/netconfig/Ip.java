package org.rackboot.protocol.netconfig;

import java.util.Optional;
import org.rackboot.protocol.address.Ipv4Address;
import org.rackboot.protocol.address.Ipv6Address;

/**
 * An address of either family.
 *
 * @param high the first eight bytes of an IPv6 address; 0 for IPv4
 * @param low the last eight; for IPv4 the address as a number, 0 to 2^32-1
 */
public record Ip(boolean isV6, long high, long low) {
    /** IPv6 with an IPv4 address at its end, written out. */
    private static final int MAX_TEXT = 45;

    /** Reads an address without a zone. Empty if it is anything else, or IPv4 with leading zeros, which some read as octal. */
    static Optional<Ip> parse(String text) {
        if (text.length() > MAX_TEXT) {
            return Optional.empty();
        }
        if (text.indexOf(':') >= 0) {
            return Ipv6Address.parse(text).map(address -> new Ip(true, address.high(), address.low()));
        }
        return Ipv4Address.parse(text)
                .filter(address -> address.toString().equals(text))
                .map(address -> new Ip(false, 0, Integer.toUnsignedLong(address.bits())));
    }

    /** {@code IPv4} or {@code IPv6}. */
    String family() {
        return isV6 ? "IPv6" : "IPv4";
    }

    /** How many bits an address of this family has. */
    int bits() {
        return isV6 ? 128 : 32;
    }

    /** The first address of the block that the first bits make. */
    Ip first(int prefix) {
        return new Ip(isV6, high & highMask(prefix), low & lowMask(prefix));
    }

    /** The last one. */
    Ip last(int prefix) {
        long all = isV6 ? -1 : 0xFFFF_FFFFL;
        return new Ip(isV6, isV6 ? high | ~highMask(prefix) : 0, (low | ~lowMask(prefix)) & all);
    }

    boolean isUnspecified() {
        return high == 0 && low == 0;
    }

    boolean isLoopback() {
        return isV6 ? high == 0 && low == 1 : low >>> 24 == 127;
    }

    boolean isLinkLocal() {
        return isV6 ? high >>> 54 == 0xFE80 >> 6 : low >>> 16 == 0xA9FE;
    }

    /** Multicast, and IPv4's 240.0.0.0/4, of which no machine has an address. */
    boolean isMulticastOrReserved() {
        return isV6 ? high >>> 56 == 0xFF : low >>> 24 >= 224;
    }

    boolean isIpv4Mapped() {
        return isV6 && high == 0 && low >>> 32 == 0xFFFF;
    }

    private long highMask(int prefix) {
        return !isV6 || prefix == 0 ? 0 : prefix >= 64 ? -1 : -1L << (64 - prefix);
    }

    private long lowMask(int prefix) {
        int below = bits() - prefix;
        return below >= 64 ? 0 : -1L << below;
    }

    @Override
    public String toString() {
        return isV6 ? new Ipv6Address(high, low).toString() : new Ipv4Address((int) low).toString();
    }
}
