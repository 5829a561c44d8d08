package org.rackboot.protocol.address;

import java.util.Optional;

/**
 * An IPv4 address.
 *
 * @param bits in network order: 198.18.0.1 is 0xC6120001
 */
public record Ipv4Address(int bits) {
    public static final Ipv4Address UNSPECIFIED = new Ipv4Address(0);
    public static final Ipv4Address BROADCAST = new Ipv4Address(-1);

    /** Reads four decimal numbers with full stops; empty if it is anything else. */
    public static Optional<Ipv4Address> parse(String text) {
        String[] parts = text.split("\\.", -1);
        if (parts.length != 4) {
            return Optional.empty();
        }
        int bits = 0;
        for (String part : parts) {
            if (!part.matches("\\d{1,3}") || Integer.parseInt(part) > 255) {
                return Optional.empty();
            }
            bits = bits << 8 | Integer.parseInt(part);
        }
        return Optional.of(new Ipv4Address(bits));
    }

    public boolean isUnspecified() {
        return bits == 0;
    }

    @Override
    public String toString() {
        return "%d.%d.%d.%d".formatted(bits >>> 24, bits >> 16 & 0xFF, bits >> 8 & 0xFF, bits & 0xFF);
    }
}
