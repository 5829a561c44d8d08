package org.rackboot.protocol.dhcp;

import java.util.Optional;

/** The firmware's interface to its card (RFC 4578, 2.2; option 94). */
public record NetworkInterfaceId(int type, int major, int minor) implements DhcpOption {
    static Optional<NetworkInterfaceId> read(Octets value) {
        return value.length() == 3
                ? Optional.of(new NetworkInterfaceId(value.at(0), value.at(1), value.at(2)))
                : Optional.empty();
    }

    @Override
    public int code() {
        return OptionCode.CLIENT_NETWORK_INTERFACE;
    }

    @Override
    public Octets value() {
        return Octets.of((byte) type, (byte) major, (byte) minor);
    }
}
