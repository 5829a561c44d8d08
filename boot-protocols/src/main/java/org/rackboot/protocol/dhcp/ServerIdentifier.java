package org.rackboot.protocol.dhcp;

import java.util.Optional;
import org.rackboot.protocol.address.Ipv4Address;

/** Which server speaks, or is spoken to (RFC 2132, 9.7; option 54). */
public record ServerIdentifier(Ipv4Address address) implements DhcpOption {
    static Optional<ServerIdentifier> read(Octets value) {
        return value.length() == 4
                ? Optional.of(
                        new ServerIdentifier(new Ipv4Address(value.buffer().getInt())))
                : Optional.empty();
    }

    @Override
    public int code() {
        return OptionCode.SERVER_IDENTIFIER;
    }

    @Override
    public Octets value() {
        int bits = address.bits();
        return Octets.of((byte) (bits >> 24), (byte) (bits >> 16), (byte) (bits >> 8), (byte) bits);
    }
}
