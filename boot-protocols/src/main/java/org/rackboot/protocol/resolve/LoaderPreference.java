package org.rackboot.protocol.resolve;

import java.util.Arrays;
import java.util.Optional;

/** What kind of loader an operator wants, in general or for one machine. */
public enum LoaderPreference {
    /** The distributor's: shim and GRUB, which Secure Boot takes; PXELINUX for BIOS. */
    SIGNED_CHAIN("signed"),
    /** iPXE, which Secure Boot refuses unless the machine was taught a key. */
    IPXE("ipxe");

    private final String word;

    LoaderPreference(String word) {
        this.word = word;
    }

    /** As settings and commands have it. */
    public String word() {
        return word;
    }

    /** Empty if there is no such word. */
    public static Optional<LoaderPreference> parse(String word) {
        return Arrays.stream(values()).filter(each -> each.word.equals(word)).findFirst();
    }
}
