package org.rackboot.protocol.dhcp;

import java.util.Optional;

/** The machine's own number (RFC 4578, 2.3; option 97): a type, 0 for a UUID, and its bytes. Goes back as it came (quirk D10). */
public record MachineId(Octets value) implements DhcpOption {
    private static final int UUID_OCTETS = 16;

    /**
     * As SMBIOS has it, in lower case, {@code 8-4-4-4-12}: firmware sends its first three fields little-endian. Empty if it
     * is none, or one that tells no machines apart: all zeros or all ones.
     */
    public Optional<String> uuid() {
        if (value.length() != 1 + UUID_OCTETS || value.at(0) != 0) {
            return Optional.empty();
        }
        String hex = value.slice(1, value.length()).toString();
        if (hex.matches("0+|f+")) {
            return Optional.empty();
        }
        return Optional.of(reversed(hex.substring(0, 8))
                + '-'
                + reversed(hex.substring(8, 12))
                + '-'
                + reversed(hex.substring(12, 16))
                + '-'
                + hex.substring(16, 20)
                + '-'
                + hex.substring(20));
    }

    private static String reversed(String hex) {
        StringBuilder reversed = new StringBuilder();
        for (int at = hex.length() - 2; at >= 0; at -= 2) {
            reversed.append(hex, at, at + 2);
        }
        return reversed.toString();
    }

    @Override
    public int code() {
        return OptionCode.CLIENT_MACHINE_ID;
    }
}
