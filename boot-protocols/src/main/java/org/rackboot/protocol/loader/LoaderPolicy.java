package org.rackboot.protocol.loader;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Stream;
import org.rackboot.protocol.dhcp.ArchitectureType;
import org.rackboot.protocol.dhcp.BootClient;
import org.rackboot.protocol.dhcp.BootClient.Kind;
import org.rackboot.protocol.dhcp.BootClient.Program;
import org.rackboot.protocol.dhcp.DhcpOption;
import org.rackboot.protocol.dhcp.Octets;
import org.rackboot.protocol.dhcp.OptionCode;
import org.rackboot.protocol.dhcp.PxeVendorOptions;
import org.rackboot.protocol.dhcp.PxeVendorOptions.MenuEntry;
import org.rackboot.protocol.dhcp.PxeVendorOptions.Prompt;
import org.rackboot.protocol.dhcp.RawOption;
import org.rackboot.protocol.loader.LoaderChoice.Load;
import org.rackboot.protocol.loader.LoaderChoice.Nothing;
import org.rackboot.protocol.resolve.BootCatalog;
import org.rackboot.protocol.resolve.Bootloader;
import org.rackboot.protocol.resolve.LoaderPreference;

/**
 * Chooses the loader for each architecture, kind of firmware and preference, among those that were imported. Pure.
 *
 * <p>Whoever is iPXE already gets its script, never iPXE again: else it would load itself for ever.
 */
public final class LoaderPolicy {
    /** What iPXE runs. */
    public static final String IPXE_SCRIPT = "ipxe.cfg";

    /** What a partition of an IBM Z takes for its loader: the configuration itself. */
    public static final String S390X_PARTITION = "s390x_partition/maas";

    private static final String IPXE_METHOD = "ipxe";
    private static final List<String> SIGNED_BIOS = List.of("lpxelinux.0", "pxelinux.0"); // The first speaks HTTP.
    private static final List<String> IPXE_BIOS =
            List.of("undionly.kpxe", "ipxe.pxe", "ipxe.kpxe", "undionly.kkpxe", "undionly.pxe");
    private static final List<String> IPXE_UEFI = List.of("snponly.efi", "ipxe.efi", "ipxe-shim.efi");

    /** How UEFI names processors in {@code boot….efi} (UEFI specification, 3.5.1.1). */
    private static final Map<String, String> UEFI_SUFFIXES = Map.of(
            "i386", "ia32",
            "amd64", "x64",
            "armhf", "arm",
            "arm64", "aa64",
            "riscv64", "riscv64",
            "loong64", "loongarch64");

    /** Whose loaders the streams have; all others' are uploaded. */
    private static final Set<String> STREAMED = Set.of("amd64", "arm64", "ppc64el");

    private static final int RASPBERRY_PI_SERVICE = 0;
    private static final String RASPBERRY_PI_MENU = "Raspberry Pi Boot   "; // With its spaces: compared as bytes.

    /** Chooses for one client. */
    public LoaderChoice choose(BootClient client, LoaderPreference preference, BootCatalog catalog) {
        if (client.isIpxe()) {
            return load(IPXE_SCRIPT, client.program() == Program.IPXE);
        }
        Optional<ArchitectureType> known = client.architecture();
        if (known.isEmpty()) {
            return unknown(client, preference, catalog);
        }
        ArchitectureType type = known.get();
        boolean http = client.kind() == Kind.HTTP;
        return switch (type.firmware()) {
            case BIOS -> bios(preference, http, catalog);
            case UEFI -> uefi(type, client.program() != Program.U_BOOT, preference, http, catalog);
            case OPEN_FIRMWARE ->
                first(catalog, Set.of("ppc64el", "ppc64"), "open-firmware", List.of("bootppc64.bin"))
                        .<LoaderChoice>map(name -> load(name, http))
                        .orElseGet(() -> missing(type, "open-firmware/ppc64el", "bootppc64.bin"));
            case OPAL -> byPrefix(type, "ppc64el/", catalog); // Petitboot reads PXELINUX's configurations itself.
            case S390 -> s390(type, http, catalog);
            case U_BOOT -> // "pxe get" as well.
                http ? uefi(type, false, preference, true, catalog) : byPrefix(type, "", catalog);
            case RASPBERRY_PI -> raspberryPi();
            case OTHER ->
                new Nothing("nothing is made for %s machines (architecture type %d) any more"
                        .formatted(type.name(), type.code()));
        };
    }

    private static LoaderChoice bios(LoaderPreference preference, boolean http, BootCatalog catalog) {
        Set<String> arches = Set.of("i386", "amd64");
        Optional<String> signed = first(catalog, arches, "pxe", SIGNED_BIOS);
        Optional<String> ipxe = first(catalog, arches, IPXE_METHOD, IPXE_BIOS);
        return preferred(preference, signed, ipxe, http, true)
                .orElseGet(
                        () -> new Nothing("no loader for BIOS: run 'rackboot images import', which brings PXELINUX with"
                                + " the images, or 'rackboot images upload --bootloader ipxe/amd64 undionly.kpxe'"));
    }

    private static LoaderChoice uefi(
            ArchitectureType type, boolean shimWorks, LoaderPreference preference, boolean http, BootCatalog catalog) {
        String arch = type.architecture().orElse("");
        String suffix = UEFI_SUFFIXES.getOrDefault(arch, "");
        if (suffix.isEmpty()) {
            return new Nothing("nothing boots %s machines (architecture type %d)".formatted(type.name(), type.code()));
        }
        List<String> chain = new ArrayList<>(List.of("boot" + suffix + ".efi", "shim" + suffix + ".efi"));
        chain.add(shimWorks ? chain.size() : 0, "grub" + suffix + ".efi");
        Optional<String> signed = first(catalog, Set.of(arch), "uefi", chain);
        Optional<String> ipxe = first(catalog, Set.of(arch), IPXE_METHOD, IPXE_UEFI);
        return preferred(preference, signed, ipxe, http, STREAMED.contains(arch))
                .orElseGet(() -> missing(type, "uefi/" + arch, "boot" + suffix + ".efi grub" + suffix + ".efi"));
    }

    /**
     * What is wanted if it is there, else what is there.
     *
     * @param streamed whether an import brings the signed one
     */
    private static Optional<LoaderChoice> preferred(
            LoaderPreference preference,
            Optional<String> signed,
            Optional<String> ipxe,
            boolean http,
            boolean streamed) {
        Optional<String> wanted = preference == LoaderPreference.IPXE ? ipxe : signed;
        if (wanted.isPresent()) {
            return Optional.of(load(wanted.get(), http));
        }
        Optional<String> other = preference == LoaderPreference.IPXE ? signed : ipxe;
        String remark = preference == LoaderPreference.IPXE
                ? "iPXE was chosen and is not here; 'rackboot images upload --bootloader ipxe/ARCH FILE' brings it"
                : streamed
                        ? "there is no signed loader for it, which 'rackboot images import' brings; iPXE takes its place"
                        : "there is no signed loader for it, which 'rackboot images upload' brings; iPXE takes its place";
        return other.map(name -> new Load(name, http, List.of(), Optional.of(remark)));
    }

    /**
     * Of an architecture that nobody numbered: as the most usual firmware of its kind, which harms nothing where it does not
     * fit.
     */
    private static LoaderChoice unknown(BootClient client, LoaderPreference preference, BootCatalog catalog) {
        boolean http = client.kind() == Kind.HTTP;
        ArchitectureType guess = ArchitectureType.of(http ? ArchitectureType.X64_UEFI_HTTP : ArchitectureType.X86_BIOS)
                .orElseThrow();
        String said = client.architectures().isEmpty()
                ? "it names no architecture"
                : "architecture type %s is in no list"
                        .formatted(client.architectures().get(0));
        LoaderChoice usual = http ? uefi(guess, true, preference, true, catalog) : bios(preference, false, catalog);
        if (usual instanceof Load load) {
            String remark = "%s: it gets what %s gets".formatted(said, guess.name());
            return new Load(load.name(), load.isByHttp(), load.options(), Optional.of(remark));
        }
        return new Nothing(said + "; as " + guess.name() + ": " + ((Nothing) usual).reason());
    }

    /** KVM's firmware reads PXELINUX's configurations as well; a partition's is named the one that it reads. */
    private static LoaderChoice s390(ArchitectureType type, boolean http, BootCatalog catalog) {
        if (type.code() != ArchitectureType.S390_EXTENDED) {
            return byPrefix(type, "s390x/", catalog);
        }
        return hasImage(type, catalog) ? load(S390X_PARTITION, http) : noImage(type);
    }

    /** It looks for this word in the menu, and then for files under its serial number on the server (quirk D8). */
    private static LoaderChoice raspberryPi() {
        return new Load(
                "",
                false,
                List.of(new PxeVendorOptions(
                        OptionalInt.of(PxeVendorOptions.NO_BROADCAST | PxeVendorOptions.NO_MULTICAST),
                        List.of(),
                        List.of(new MenuEntry(RASPBERRY_PI_SERVICE, RASPBERRY_PI_MENU)),
                        Optional.of(new Prompt(0, "PXE")),
                        Optional.empty())),
                Optional.empty());
    }

    /**
     * For those who read PXELINUX's configurations without being PXELINUX: option 210, where these are (RFC 5071, 5). Each
     * then looks for its own, by its address.
     *
     * <p>No more of RFC 5071 is sent. 209 names one file, in whose place nobody looks for one of his own any more
     * (Petitboot, U-Boot, s390x). PXELINUX takes the directory of its own file for 210, and all that is named here for it
     * is at the root; 208 has meant nothing to it since 3.55; 211 is five minutes by itself.
     *
     * <p>They need no loader, so an image of their architecture is what must have been imported.
     */
    private static LoaderChoice byPrefix(ArchitectureType type, String prefix, BootCatalog catalog) {
        if (!hasImage(type, catalog)) {
            return noImage(type);
        }
        return new Load(
                "",
                false,
                prefix.isEmpty()
                        ? List.of()
                        : List.of(new RawOption(OptionCode.PXELINUX_PATH_PREFIX, Octets.ofText(prefix))),
                Optional.empty());
    }

    private static Load load(String name, boolean http) {
        return new Load(name, http, List.<DhcpOption>of(), Optional.empty());
    }

    /** Boot name of the first of these files that was imported. */
    private static Optional<String> first(BootCatalog catalog, Set<String> arches, String method, List<String> files) {
        return files.stream()
                .flatMap(file -> catalog.bootloaders().stream()
                        .filter(loader -> loader.method().equals(method) && arches.contains(loader.arch()))
                        .flatMap(loader -> bootName(loader, file)))
                .findFirst();
    }

    /** At the root, where shim looks for its next file; iPXE's names are the same for every processor, and stay apart. */
    private static Stream<String> bootName(Bootloader loader, String file) {
        return loader.files().stream()
                .filter(each -> each.name().equals(file))
                .map(each -> loader.method().equals(IPXE_METHOD)
                        ? "bootloaders/" + loader.method() + "/" + loader.arch() + "/" + file
                        : file);
    }

    private static boolean hasImage(ArchitectureType type, BootCatalog catalog) {
        return catalog.images().stream().anyMatch(image -> type.architecture().equals(Optional.of(image.arch())));
    }

    private static Nothing noImage(ArchitectureType type) {
        return new Nothing("no image for %s: %s bring one"
                .formatted(type.name(), imports(type.architecture().orElse("ARCH"))));
    }

    private static Nothing missing(ArchitectureType type, String loader, String files) {
        String arch = type.architecture().orElse("ARCH");
        String upload = "'rackboot images upload --bootloader %s %s'".formatted(loader, files);
        return new Nothing("no loader for %s: ".formatted(type.name())
                + (STREAMED.contains(arch)
                        ? "%s bring it, or %s".formatted(imports(arch), upload)
                        : "no stream has one; %s or 'rackboot images upload --bootloader ipxe/%s snponly.efi' brings it"
                                .formatted(upload, arch)));
    }

    private static String imports(String arch) {
        return "'rackboot selections add --os ubuntu --release noble --arch %s' and 'rackboot images import'"
                .formatted(arch);
    }
}
