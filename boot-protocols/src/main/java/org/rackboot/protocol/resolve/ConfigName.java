package org.rackboot.protocol.resolve;

import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.rackboot.protocol.bootconfig.ConfigLoader;
import org.rackboot.protocol.bootname.MacAddress;

/**
 * A name under which a loader asks for its configuration, and all that the name tells.
 *
 * @param loader whose language the answer is in; empty = that of the machine's architecture (PXELINUX's names are U-Boot's
 *     and Petitboot's, too)
 * @param mac in the name
 * @param uuid in the name, in lower case
 * @param arch that the loader says it runs on, in the catalog's words
 * @param orArch what a machine with such a loader may also be, if its record says so: iPXE says i386 on every BIOS
 * @param isLast whether the loader asks no further: a machine that nobody knows is told something here, and nothing before
 */
record ConfigName(
        Optional<ConfigLoader> loader,
        Optional<MacAddress> mac,
        Optional<String> uuid,
        Optional<String> arch,
        Optional<String> orArch,
        boolean isLast) {
    private static final Pattern UUID = Pattern.compile("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}");
    private static final Pattern HEX_ADDRESS = Pattern.compile("[0-9A-Fa-f]{1,8}|[0-9A-Fa-f]{32}");
    private static final String MAC = "(?:01[-:])?[0-9a-fA-F]{2}(?:[-:][0-9a-fA-F]{2}){5}";

    private static final String GRUB = "grub/grub.cfg-";
    private static final String IPXE = "ipxe.cfg-";
    private static final String PXELINUX = "pxelinux.cfg/";
    /** A MAC address with a processor is as good as {@code default} with one, and says more. */
    private static final Pattern WITH_PROCESSOR = Pattern.compile("(default|" + MAC + ")-([a-z].*)");

    private static final Pattern DEFAULT = Pattern.compile("default(?:[-.](.+))?");
    /** Firmware that reads PXELINUX's configurations itself, and to which DHCP gave its processor as a prefix. */
    private static final Pattern PREFIXED = Pattern.compile("(ppc64el|s390x)/(?:pxelinux\\.cfg/)?([^/]+)");

    /** Empty if no loader asks so for a configuration. */
    static Optional<ConfigName> parse(String path) {
        String grub = behind(GRUB, path);
        if (!grub.isEmpty()) {
            return Optional.of(ofProcessor(ConfigLoader.GRUB, grub));
        }
        String ipxe = behind(IPXE, path);
        if (!ipxe.isEmpty()) {
            return Optional.of(ofProcessor(ConfigLoader.IPXE, ipxe));
        }
        String pxelinux = behind(PXELINUX, path);
        if (!pxelinux.isEmpty() && pxelinux.indexOf('/') < 0) {
            Matcher byDefault = DEFAULT.matcher(pxelinux);
            if (!byDefault.matches()) {
                return Optional.of(ofMachine(Optional.empty(), pxelinux, Optional.empty()));
            }
            // PXELINUX itself exists for BIOS only; who names a processor is U-Boot.
            String processor = byDefault.group(1);
            return Optional.of(new ConfigName(
                    Optional.of(processor == null ? ConfigLoader.PXELINUX : ConfigLoader.U_BOOT),
                    Optional.empty(),
                    Optional.empty(),
                    processor == null ? Optional.of("amd64") : architecture(processor),
                    processor == null ? Optional.of("i386") : narrower(processor),
                    true));
        }
        Matcher prefixed = PREFIXED.matcher(path);
        if (prefixed.matches()) {
            String arch = prefixed.group(1);
            ConfigLoader loader = arch.equals("s390x") ? ConfigLoader.S390X : ConfigLoader.PETITBOOT;
            return prefixed.group(2).equals("default")
                    ? Optional.of(ofLoader(loader, Optional.of(arch)))
                    : isOfMachine(prefixed.group(2))
                            ? Optional.of(ofMachine(Optional.of(loader), prefixed.group(2), Optional.of(arch)))
                            : Optional.empty();
        }
        return switch (path) {
            case "s390x_partition/maas" -> Optional.of(ofLoader(ConfigLoader.S390X_PARTITION, Optional.of("s390x")));
            case "boot.scr.uimg", "boot.scr" -> Optional.of(ofLoader(ConfigLoader.U_BOOT_SCRIPT, Optional.empty()));
            default -> Optional.empty();
        };
    }

    /** Empty if the path does not begin so, or has nothing else. */
    private static String behind(String prefix, String path) {
        return path.startsWith(prefix) ? path.substring(prefix.length()) : "";
    }

    /** What loaders call a processor, in the words of the catalog. A subarchitecture behind it changes nothing. */
    static Optional<String> architecture(String loaderWord) {
        String word = loaderWord.toLowerCase(Locale.ROOT).split("-", 2)[0];
        return switch (word) {
            case "amd64", "x86_64", "i386" -> Optional.of("amd64"); // iPXE says i386 on every BIOS.
            case "arm64", "aarch64", "arm" -> Optional.of("arm64"); // U-Boot says arm on 64-bit boards, too.
            case "armhf", "arm32" -> Optional.of("armhf"); // The second is iPXE's.
            case "ppc64el", "ppc64le", "ppc64", "powerpc" -> Optional.of("ppc64el");
            case "s390x", "riscv64" -> Optional.of(word);
            default -> Optional.empty();
        };
    }

    /** The 32-bit architecture of a word that loaders say on both kinds. */
    private static Optional<String> narrower(String loaderWord) {
        return switch (loaderWord.toLowerCase(Locale.ROOT).split("-", 2)[0]) {
            case "i386" -> Optional.of("i386");
            case "arm" -> Optional.of("armhf");
            default -> Optional.empty();
        };
    }

    /**
     * What the machine is.
     *
     * @param recorded in its record
     */
    Optional<String> archOf(Optional<String> recorded) {
        return orArch.isPresent() && recorded.equals(orArch) ? recorded : arch.or(() -> recorded);
    }

    /** Whether it names one machine, by whatever; else it is nothing that a loader asks. */
    static boolean isOfMachine(String which) {
        return MacAddress.parse(which).isPresent()
                || UUID.matcher(which).matches()
                || HEX_ADDRESS.matcher(which).matches();
    }

    /** The architecture of nearly all that ask so, for a machine of which nobody knows it. */
    Optional<String> usual() {
        return loader.equals(Optional.of(ConfigLoader.U_BOOT_SCRIPT)) ? Optional.of("arm64") : Optional.empty();
    }

    /** Whose language it is for a machine of an architecture. */
    ConfigLoader loaderFor(String machineArch) {
        return loader.orElseGet(() -> switch (machineArch) {
            case "arm64", "armhf", "riscv64" -> ConfigLoader.U_BOOT;
            case "ppc64el" -> ConfigLoader.PETITBOOT;
            case "s390x" -> ConfigLoader.S390X;
            default -> ConfigLoader.PXELINUX;
        });
    }

    private static ConfigName ofProcessor(ConfigLoader loader, String which) {
        Matcher matcher = WITH_PROCESSOR.matcher(which);
        Optional<String> arch = matcher.matches() ? architecture(matcher.group(2)) : Optional.empty();
        if (matcher.matches() && (arch.isPresent() || matcher.group(1).equals("default"))) {
            return new ConfigName(
                    Optional.of(loader),
                    MacAddress.parse(matcher.group(1)),
                    Optional.empty(),
                    arch,
                    narrower(matcher.group(2)),
                    true);
        }
        return ofMachine(Optional.of(loader), which, Optional.empty());
    }

    private static ConfigName ofMachine(Optional<ConfigLoader> loader, String which, Optional<String> arch) {
        Optional<String> uuid =
                UUID.matcher(which).matches() ? Optional.of(which.toLowerCase(Locale.ROOT)) : Optional.empty();
        return new ConfigName(loader, MacAddress.parse(which), uuid, arch, Optional.empty(), false);
    }

    private static ConfigName ofLoader(ConfigLoader loader, Optional<String> arch) {
        return new ConfigName(Optional.of(loader), Optional.empty(), Optional.empty(), arch, Optional.empty(), true);
    }
}
