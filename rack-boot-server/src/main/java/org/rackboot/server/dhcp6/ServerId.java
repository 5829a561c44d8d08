package org.rackboot.server.dhcp6;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.Optional;
import java.util.UUID;
import org.rackboot.protocol.dhcp.Octets;
import org.rackboot.protocol.dhcp6.Duid;
import org.rackboot.server.config.StateDirectory;

/** What this server is called in DHCPv6: made up once and kept, for it must not change (RFC 8415, 11). */
public final class ServerId {
    private ServerId() {}

    /** @throws IOException also if what is kept is no DUID */
    public static Duid of(StateDirectory state) throws IOException {
        Optional<String> kept = state.dhcp6ServerId();
        if (kept.isPresent()) {
            return read(kept.get())
                    .orElseThrow(
                            () -> new IOException(("%s does not hold this server's DHCPv6 name. Remove it and start"
                                            + " again: another name is made.")
                                    .formatted(state.path().resolve("dhcp6-server-id"))));
        }
        UUID random = UUID.randomUUID();
        byte[] bytes = ByteBuffer.allocate(16)
                .putLong(random.getMostSignificantBits())
                .putLong(random.getLeastSignificantBits())
                .array();
        Duid made = new Duid.Uuid(Octets.of(bytes));
        state.create();
        state.writeDhcp6ServerId(made.octets().toString());
        return made;
    }

    private static Optional<Duid> read(String hex) {
        try {
            return Duid.read(Octets.of(HexFormat.of().parseHex(hex)));
        } catch (IllegalArgumentException e) {
            return Optional.empty();
        }
    }
}
