package org.rackboot.protocol.dhcp;

import java.util.Optional;
import org.rackboot.protocol.bootname.MacAddress;

/**
 * Who asks, on the link (RFC 2131, 2; {@code chaddr} and the fields before it).
 *
 * @param type of ARP's list; 1 = Ethernet
 * @param octets 0 to 16
 */
public record HardwareAddress(int type, Octets octets) {
    public static final int ETHERNET = 1;
    static final int MOST_OCTETS = 16;

    public HardwareAddress {
        if (type < 0 || type > 255 || octets.length() > MOST_OCTETS) {
            throw new IllegalArgumentException("hardware type %d with %d octets".formatted(type, octets.length()));
        }
    }

    /** Of an Ethernet card. */
    public Optional<MacAddress> mac() {
        return type == ETHERNET && octets.length() == 6
                ? MacAddress.parse(octets.toString().replaceAll("(..)(?!$)", "$1:"))
                : Optional.empty();
    }
}
