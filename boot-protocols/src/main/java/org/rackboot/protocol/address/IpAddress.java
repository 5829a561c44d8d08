package org.rackboot.protocol.address;

import java.util.Arrays;

/** An IPv4 or IPv6 address, whichever it is. */
public final class IpAddress {
    private final byte[] bytes;

    /** @param bytes 4 or 16, in network order */
    public IpAddress(byte[] bytes) {
        if (bytes.length != 4 && bytes.length != Ipv6Address.BYTES) {
            throw new IllegalArgumentException("an address has 4 or 16 bytes, not " + bytes.length);
        }
        this.bytes = bytes.clone();
    }

    /** Whether it is one of a block's. */
    public boolean isIn(Subnet subnet) {
        return subnet.contains(bytes);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof IpAddress address && Arrays.equals(bytes, address.bytes);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(bytes);
    }
}
