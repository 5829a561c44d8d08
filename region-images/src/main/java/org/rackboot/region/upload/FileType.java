package org.rackboot.region.upload;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;

/** How an uploaded image is packed: MAAS's word, and the artifact type that it becomes. */
public enum FileType {
    TGZ("root-tgz"),
    TBZ("root-tbz"),
    TXZ("root-txz"),
    DDTGZ("root-dd"),
    DDTBZ("root-dd.tar.bz2"),
    DDTXZ("root-dd.tar.xz"),
    DDTAR("root-dd.tar"),
    DDBZ2("root-dd.bz2"),
    DDGZ("root-dd.gz"),
    DDXZ("root-dd.xz"),
    DDRAW("root-dd.raw"),
    /** For switches that install by ONIE. */
    SELF_EXTRACTING("self-extracting"),
    SQUASHFS("squashfs"),
    BOOT_KERNEL("boot-kernel"),
    BOOT_INITRD("boot-initrd"),
    BOOT_DTB("boot-dtb");

    private final String ftype;

    FileType(String ftype) {
        this.ftype = ftype;
    }

    public String ftype() {
        return ftype;
    }

    /** As operators write it: {@code tgz}, {@code ddraw}, {@code self-extracting}. */
    public String word() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    public static Optional<FileType> of(String word) {
        return Arrays.stream(values())
                .filter(type -> type.word().equals(word) || type.ftype.equals(word))
                .findFirst();
    }

    /** All words, for messages. */
    public static String words() {
        return Arrays.stream(values()).map(FileType::word).collect(Collectors.joining(", "));
    }
}
