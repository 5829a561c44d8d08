package org.rackboot.protocol.resolve;

import java.util.List;
import java.util.Map;
import org.rackboot.protocol.bootconfig.BootTemplates;

/** Catalogs as a region publishes them, made small. */
final class Catalogs {
    private Catalogs() {}

    /** An LTS image with its general-availability kernel; its files' names carry what they are. */
    static BootImage noble(String serial) {
        return image("noble", "24.04", "24.04 LTS", "amd64", "ga-24.04", "generic", "stable", serial);
    }

    static BootImage image(
            String release,
            String version,
            String title,
            String arch,
            String subarch,
            String flavour,
            String label,
            String serial) {
        String tag = release + arch + subarch + flavour + label + serial;
        return new BootImage(
                "ubuntu",
                release,
                version,
                title,
                arch,
                subarch,
                flavour,
                label,
                serial,
                false,
                Map.of(
                        "boot-kernel", file("boot-kernel", tag, BootPhase.KERNEL),
                        "boot-initrd", file("boot-initrd", tag, BootPhase.INITRD),
                        "squashfs", file("squashfs", tag, BootPhase.ROOT)));
    }

    static BootFile file(String name, String tag, BootPhase phase) {
        String sha256 = "%08x".formatted((name + tag).hashCode()).repeat(8);
        return new BootFile(name, sha256, 1_000, sha256, phase);
    }

    static Bootloader loader(String method, String arch, String... names) {
        return new Bootloader(
                method,
                arch,
                "20260101",
                List.of(names).stream()
                        .map(name -> file(name, method, BootPhase.LOADER))
                        .toList());
    }

    /** With the built-in templates and a rack that remembers nothing. */
    static BootResolver resolver() {
        return new BootResolver(
                BootTemplates.builtIn(),
                new MetadataNames(text -> "%08x".formatted(text.hashCode()).repeat(4)),
                RackMemory.NONE);
    }

    static BootCatalog of(BootImage... images) {
        return new BootCatalog(
                7,
                List.of(images),
                List.of(
                        loader("uefi", "amd64", "bootx64.efi", "grubx64.efi"),
                        loader("pxe", "i386", "lpxelinux.0", "ldlinux.c32")),
                List.of("console=ttyS0"));
    }
}
