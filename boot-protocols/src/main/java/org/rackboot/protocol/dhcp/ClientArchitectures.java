package org.rackboot.protocol.dhcp;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * What the client's firmware runs (RFC 4578, 2.1; option 93): numbers of IANA's list, the best first.
 *
 * @param codes from 0 to 65535
 */
public record ClientArchitectures(List<Integer> codes) implements DhcpOption {
    public ClientArchitectures {
        codes = List.copyOf(codes);
    }

    /** A last odd byte is no number. */
    static ClientArchitectures read(Octets value) {
        List<Integer> codes = new ArrayList<>();
        for (int at = 0; at + 1 < value.length(); at += 2) {
            codes.add(value.at(at) << 8 | value.at(at + 1));
        }
        return new ClientArchitectures(codes);
    }

    @Override
    public int code() {
        return OptionCode.CLIENT_ARCHITECTURE;
    }

    @Override
    public Octets value() {
        ByteBuffer bytes = ByteBuffer.allocate(2 * codes.size());
        codes.forEach(code -> bytes.putShort(code.shortValue()));
        return Octets.of(bytes.array());
    }
}
