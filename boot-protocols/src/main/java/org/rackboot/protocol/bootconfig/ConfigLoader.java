package org.rackboot.protocol.bootconfig;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

/** A program that reads a boot configuration, and so the language in which it is written. */
public enum ConfigLoader {
    PXELINUX,
    GRUB,
    IPXE,
    /** Firmware of OpenPOWER, which reads PXELINUX's files itself, and URLs in them. */
    PETITBOOT,
    /** U-Boot's {@code pxe} command, which reads PXELINUX's files itself. */
    U_BOOT,
    /** A script for U-Boot's shell, the text of {@code boot.scr}; {@link UBootScriptImage} makes the file of it. */
    U_BOOT_SCRIPT,
    /** Firmware of s390x guests of KVM, which reads PXELINUX's files itself. */
    S390X,
    /** Firmware of a DPM partition, whose files look like PXELINUX's, with {@code key=value}. */
    S390X_PARTITION;

    private final String word = name().toLowerCase(Locale.ROOT).replace('_', '-');

    /** As people and configuration files write it: {@code u-boot-script}. */
    public String word() {
        return word;
    }

    /** Empty if no loader has this word. */
    public static Optional<ConfigLoader> parse(String word) {
        return Arrays.stream(values())
                .filter(loader -> loader.word.equals(word))
                .findFirst();
    }

    ConfigSyntax syntax() {
        return switch (this) {
            case PXELINUX, S390X_PARTITION -> new PxelinuxSyntax();
            case GRUB -> new GrubSyntax();
            case IPXE -> new IpxeSyntax();
            case PETITBOOT -> new PetitbootSyntax();
            case U_BOOT -> new UBootSyntax();
            case U_BOOT_SCRIPT -> new HushSyntax();
            case S390X -> new S390xSyntax();
        };
    }
}
