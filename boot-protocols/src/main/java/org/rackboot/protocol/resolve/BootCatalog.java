package org.rackboot.protocol.resolve;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.rackboot.protocol.bootname.MacAddress;

/**
 * Everything that exists, as one immutable snapshot: what a rack answers every boot from. Built once per
 * change, read without locks.
 */
public final class BootCatalog {
    private static final Comparator<BootImage> BEST_DEFAULT = Comparator.comparing(
                    (BootImage image) -> image.title().endsWith("LTS"))
            .thenComparing(image -> image.label().equals("stable"))
            .thenComparing(image -> image.releaseVersion(), BootCatalog::compareDotted)
            .thenComparing(image -> image.flavour().equals("generic"))
            .thenComparing(image -> image.subarch().startsWith("ga-"))
            .thenComparing(BootImage::serial)
            .thenComparing(BootImage::subarch, Comparator.reverseOrder());

    private final long version;
    private final List<BootImage> images;
    private final List<Bootloader> bootloaders;
    private final List<String> kernelOptions;
    private final List<Machine> machines;
    private final BootRules rules;
    private final Map<String, BootFile> byName = new HashMap<>();
    private final Map<String, BootFile> byLowerCaseName = new HashMap<>();
    private final Map<String, BootFile> byContent = new HashMap<>();
    private final Map<String, BootImage> defaults = new HashMap<>();
    private final Map<String, List<BootImage>> byRelease = new HashMap<>();
    private final Map<MacAddress, Machine> byMac = new HashMap<>();
    private final Map<String, Machine> byUuid = new HashMap<>();
    private final Map<String, Machine> byMachineName = new HashMap<>();

    /** A catalog of no machines. */
    public BootCatalog(long version, List<BootImage> images, List<Bootloader> bootloaders, List<String> kernelOptions) {
        this(version, images, bootloaders, kernelOptions, List.of());
    }

    /** A catalog of machines of which nothing is said. */
    public BootCatalog(
            long version,
            List<BootImage> images,
            List<Bootloader> bootloaders,
            List<String> kernelOptions,
            List<Machine> machines) {
        this(version, images, bootloaders, kernelOptions, machines, BootRules.NONE);
    }

    /**
     * @param version grows with every change
     * @param bootloaders the ones in use, at most one for each method and architecture
     * @param kernelOptions words that the operator adds to every kernel command line
     * @param machines no two of which have an address or a UUID in common
     * @param rules for machines of which nothing is said
     * @throws IllegalArgumentException if two have
     */
    public BootCatalog(
            long version,
            List<BootImage> images,
            List<Bootloader> bootloaders,
            List<String> kernelOptions,
            List<Machine> machines,
            BootRules rules) {
        this.version = version;
        this.rules = rules;
        this.images = List.copyOf(images);
        this.bootloaders = List.copyOf(bootloaders);
        this.kernelOptions = List.copyOf(kernelOptions);
        this.machines = List.copyOf(machines);
        for (BootImage image : this.images) {
            for (BootFile file : image.files().values()) {
                addName(image.bootName(file), file);
            }
            byRelease
                    .computeIfAbsent(key(image.os(), image.release(), image.arch()), any -> new ArrayList<>())
                    .add(image);
            if (image.os().equals("ubuntu") && image.isEphemeral() && !image.held()) {
                defaults.merge(image.arch(), image, (a, b) -> BEST_DEFAULT.compare(a, b) >= 0 ? a : b);
            }
        }
        byRelease.values().forEach(all -> all.sort(BEST_DEFAULT.reversed()));
        for (Bootloader loader : this.bootloaders) {
            for (BootFile file : loader.files()) {
                addName("bootloaders/" + loader.method() + "/" + loader.arch() + "/" + file.name(), file);
                addName(file.name(), file); // As firmware asks for it.
            }
        }
        for (Machine machine : this.machines) {
            put(byMachineName, machine.name(), machine);
            machine.macs().forEach(mac -> put(byMac, mac, machine));
            machine.uuid().ifPresent(uuid -> put(byUuid, uuid, machine));
        }
    }

    /** What is known before a region was ever heard. */
    public static BootCatalog empty() {
        return new BootCatalog(0, List.of(), List.of(), List.of());
    }

    public long version() {
        return version;
    }

    public List<BootImage> images() {
        return images;
    }

    public List<Bootloader> bootloaders() {
        return bootloaders;
    }

    public List<String> kernelOptions() {
        return kernelOptions;
    }

    /** A file by its boot name; upper and lower case are one when nothing fits exactly (quirk T33). */
    public Optional<BootFile> file(String bootName) {
        BootFile exact = byName.get(bootName);
        return Optional.ofNullable(exact != null ? exact : byLowerCaseName.get(bootName.toLowerCase(Locale.ROOT)));
    }

    /** Every different content, by its sha256. */
    public Map<String, BootFile> contents() {
        return Collections.unmodifiableMap(byContent);
    }

    /**
     * What an unknown machine of an architecture boots: of Ubuntu's images that run from memory, the newest LTS
     * with its general-availability kernel.
     */
    public Optional<BootImage> defaultImage(String arch) {
        return Optional.ofNullable(defaults.get(arch));
    }

    /** All kernels and versions of a release for an architecture, in the order in which they would be the default. */
    List<BootImage> images(String os, String release, String arch) {
        return Collections.unmodifiableList(byRelease.getOrDefault(key(os, release, arch), List.of()));
    }

    public BootRules rules() {
        return rules;
    }

    /** Those that the operator made known. */
    public List<Machine> machines() {
        return machines;
    }

    /** Whose address it is. */
    public Optional<Machine> machine(MacAddress mac) {
        return Optional.ofNullable(byMac.get(mac));
    }

    Optional<Machine> machineNamed(String name) {
        return Optional.ofNullable(byMachineName.get(name));
    }

    /** An assignment by its id, of all that hold for a machine, have held for its last boot, or hold for many. */
    Optional<Assignment> assignment(long id, Optional<Machine> machine) {
        return Stream.of(
                        machine.flatMap(known -> known.instructions().once()).stream(),
                        machine.flatMap(known -> known.instructions().assignment()).stream(),
                        rules.byTag().values().stream(),
                        rules.bySubnet().stream().map(BootRules.OfSubnet::assignment),
                        rules.byArch().values().stream(),
                        rules.byDefault().stream())
                .flatMap(each -> each)
                .filter(each -> each.id() == id)
                .findFirst();
    }

    /** @param uuid in lower case */
    public Optional<Machine> machineByUuid(String uuid) {
        return Optional.ofNullable(byUuid.get(uuid));
    }

    private static String key(String os, String release, String arch) {
        return os + "/" + release + "/" + arch;
    }

    private static <K> void put(Map<K, Machine> machines, K key, Machine machine) {
        Machine other = machines.put(key, machine);
        if (other != null) {
            throw new IllegalArgumentException(
                    "%s is of two machines, '%s' and '%s'".formatted(key, other.name(), machine.name()));
        }
    }

    private void addName(String name, BootFile file) {
        byName.putIfAbsent(name, file);
        byLowerCaseName.putIfAbsent(name.toLowerCase(Locale.ROOT), file);
        byContent.putIfAbsent(file.sha256(), file);
    }

    /** Compares {@code 24.04} and {@code 6.10} number by number; what is no number, as text. */
    private static int compareDotted(String a, String b) {
        String[] left = a.split("\\.", -1);
        String[] right = b.split("\\.", -1);
        for (int i = 0; i < Math.min(left.length, right.length); i++) {
            int byLength =
                    isNumber(left[i]) && isNumber(right[i]) ? Integer.compare(left[i].length(), right[i].length()) : 0;
            int difference = byLength != 0 ? byLength : left[i].compareTo(right[i]);
            if (difference != 0) {
                return difference;
            }
        }
        return Integer.compare(left.length, right.length);
    }

    private static boolean isNumber(String text) {
        return !text.isEmpty() && text.chars().allMatch(c -> c >= '0' && c <= '9');
    }
}
