package org.rackboot.protocol.resolve;

import java.util.Optional;

/** Which loader a machine is to begin with, if its operator said. */
public enum LoaderPreference {
    /** The chain that Secure Boot accepts: shim and GRUB; PXELINUX where there is no UEFI. */
    SIGNED_CHAIN("signed"),
    IPXE("ipxe");

    private final String word;

    LoaderPreference(String word) {
        this.word = word;
    }

    /** As the catalog says it. */
    public String word() {
        return word;
    }

    public static Optional<LoaderPreference> parse(String word) {
        for (LoaderPreference preference : values()) {
            if (preference.word.equals(word)) {
                return Optional.of(preference);
            }
        }
        return Optional.empty();
    }
}
