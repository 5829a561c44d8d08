package org.rackboot.region.simplestreams;

import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * One product of a stream: an image for one kernel, a single-file image, or a bootloader.
 *
 * @param name {@code com.ubuntu.maas.stable:v3:boot:24.04:amd64:ga-24.04}
 * @param attributes its own and inherited texts that an import uses: {@code os}, {@code release}, {@code arch}, …
 * @param versions by serial, oldest first, compared as text
 */
public record Product(String name, Map<String, String> attributes, SortedMap<String, List<Item>> versions) {
    public Product {
        attributes = Map.copyOf(attributes);
        TreeMap<String, List<Item>> copy = new TreeMap<>(Comparator.<String>naturalOrder());
        versions.forEach((serial, items) -> copy.put(serial, List.copyOf(items)));
        versions = Collections.unmodifiableSortedMap(copy);
    }

    /**
     * One file of one version.
     *
     * @param name the item's key
     * @param ftype {@code boot-kernel}, {@code squashfs}, {@code archive.tar.xz}, …
     * @param size in bytes
     * @param sha256 64 lower-case hexadecimal digits
     * @param kernelParameters {@code kparams}: one printable line for the kernel's command line; mostly empty
     */
    public record Item(String name, String ftype, MirrorPath path, long size, String sha256, String kernelParameters) {
        /** An item that says nothing about the kernel's command line. */
        public Item(String name, String ftype, MirrorPath path, long size, String sha256) {
            this(name, ftype, path, size, sha256, "");
        }
    }

    /** What a product is; decided product by product, as one file may mix them. */
    public enum Kind {
        /** Firmware loads it: it has a {@code bootloader-type}. */
        BOOTLOADER,
        /** One root file system without a kernel, such as CentOS's {@code root-tgz}. */
        SINGLE_FILE,
        /** Kernel, initrd and root file system. */
        MULTI_FILE
    }

    /** By its newest version; a product without versions counts as {@link Kind#MULTI_FILE}. */
    public Kind kind() {
        if (bootMethod().isPresent()) {
            return Kind.BOOTLOADER;
        }
        List<Item> newest = newestSerial()
                .map(serial -> versions.getOrDefault(serial, List.of()))
                .orElse(List.of());
        boolean root = newest.stream().anyMatch(item -> item.ftype().startsWith("root-"));
        boolean kernel = newest.stream().anyMatch(item -> item.ftype().equals("boot-kernel"));
        return root && !kernel ? Kind.SINGLE_FILE : Kind.MULTI_FILE;
    }

    public String attribute(String key, String otherwise) {
        return attributes.getOrDefault(key, otherwise);
    }

    /** {@code uefi}, {@code pxe}, …; absent for images. */
    public Optional<String> bootMethod() {
        return Optional.ofNullable(attributes.get("bootloader-type"));
    }

    public String arch() {
        return attribute("arch", "");
    }

    /** Very old streams say no operating system and mean Ubuntu. */
    public String os() {
        return attribute("os", "ubuntu");
    }

    public String release() {
        return attribute("release", "");
    }

    public String label() {
        return attribute("label", "");
    }

    /** Kernel flavour; {@code generic} when the stream names none. */
    public String flavour() {
        return attribute("kflavor", "generic");
    }

    /**
     * Kernel level with its flavour, as MAAS writes it: {@code ga-24.04}, {@code hwe-24.04-lowlatency},
     * {@code hwe-24.04-lowlatency-edge}. The stream's own {@code subarch} has no flavour.
     */
    public String kernel() {
        String subarch = attribute("subarch", "generic");
        if (flavour().equals("generic")) {
            return subarch;
        }
        String edge = "-edge";
        return subarch.endsWith(edge)
                ? subarch.substring(0, subarch.length() - edge.length()) + "-" + flavour() + edge
                : subarch + "-" + flavour();
    }

    /** Whether the {@code hwe-rolling} kernel is this one. */
    public boolean rolling() {
        return attribute("rolling", "").equalsIgnoreCase("true");
    }

    /** The largest serial as text is the newest version: serials are ASCII, so that is the order of their bytes. */
    public Optional<String> newestSerial() {
        return versions.isEmpty() ? Optional.empty() : Optional.of(versions.lastKey());
    }
}
