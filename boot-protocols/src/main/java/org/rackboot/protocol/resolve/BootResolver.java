package org.rackboot.protocol.resolve;

import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.rackboot.protocol.bootconfig.BootPlan;
import org.rackboot.protocol.bootconfig.GrubConfig;
import org.rackboot.protocol.bootconfig.IpxeScript;
import org.rackboot.protocol.bootconfig.KernelArguments;
import org.rackboot.protocol.bootconfig.PxelinuxConfig;
import org.rackboot.protocol.bootname.BootName;
import org.rackboot.protocol.bootname.InvalidBootNameException;
import org.rackboot.protocol.bootname.MacAddress;
import org.rackboot.protocol.resolve.BootRequest.Transport;

/**
 * Answers a name from a catalog. Pure, and quick: it runs on event loops.
 *
 * <p>Loader files and images come from the catalog; configurations are rendered; names that only some loaders
 * ask for, and expect to miss, miss at once (PXELINUX walks up to ten names, shim four).
 */
public final class BootResolver {
    /** Where cloud-init of an unknown machine starts. */
    public static final String CLOUD_CONFIG_NAME = "cloud-init/enlist.cfg";

    private static final String UNKNOWN_MACHINE = "maas-enlist";
    private static final String UUID = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}";
    private static final Pattern LOADER_DIRECTORY = Pattern.compile("bootloaders/[^/]+/[^/]+/(.+)");
    private static final Pattern GRUB_CONFIG = Pattern.compile("grub/grub\\.cfg-(.+)");
    /** A MAC address with a processor is as good as {@code default} with one: no machine has its own. */
    private static final Pattern GRUB_MACHINE =
            Pattern.compile("(?:default|[0-9a-fA-F]{2}(?:[-:][0-9a-fA-F]{2}){5})-([a-z].*)");

    private static final Pattern GRUB_MODULE_LIST = Pattern.compile("grub/[^/]+/[a-z]+\\.lst");
    private static final Pattern GRUB_MISS = Pattern.compile("grub/[^/]+/([^/]+\\.mod|grub\\.cfg)");
    /** Firmware that reads PXELINUX's configurations itself, and to which DHCP gave its processor as a prefix. */
    private static final Pattern PREFIXED = Pattern.compile("(ppc64el|s390x)/(?:pxelinux\\.cfg/)?(.+)");

    private static final Pattern PXELINUX_CONFIG = Pattern.compile("pxelinux\\.cfg/([^/]+)");
    private static final Pattern PXELINUX_DEFAULT = Pattern.compile("default(?:[-.](.+))?");
    private static final Pattern IPXE_CONFIG = Pattern.compile("ipxe\\.cfg-(.+)");
    private static final Pattern HEX_ADDRESS = Pattern.compile("[0-9A-Fa-f]{1,8}|[0-9A-Fa-f]{32}");
    private static final Pattern SHIM_MISS = Pattern.compile("(revocations(_[a-z]+)?|shim_certificate(_[0-9])?)\\.efi");

    private static final String CLOUD_CONFIG = """
            #cloud-config
            # This machine is not known to rackboot; nothing is asked of it.
            datasource_list: [None]
            """;

    /** Answers one request; never throws for what a request may hold. */
    public BootAnswer resolve(BootRequest request, BootCatalog catalog) {
        BootName name;
        try {
            name = BootName.parse(request.wireName());
        } catch (InvalidBootNameException e) {
            return new BootAnswer.Refused(e.reason());
        }
        Optional<BootFile> file = catalog.file(name.text());
        if (file.isPresent()) {
            return new BootAnswer.Content(file.get());
        }
        Matcher inLoaderDirectory = LOADER_DIRECTORY.matcher(name.text());
        // PXELINUX and shim look beside the loader they were read from.
        String path = inLoaderDirectory.matches() ? inLoaderDirectory.group(1) : name.text();
        return config(path, request, catalog);
    }

    private BootAnswer config(String path, BootRequest request, BootCatalog catalog) {
        if (path.equals("grub/grub.cfg")) {
            return new BootAnswer.Rendered(GrubConfig.entryPoint(), "entry");
        }
        if (path.equals("ipxe.cfg") || path.equals("autoexec.ipxe")) { // The second is what iPXE runs unasked.
            return new BootAnswer.Rendered(
                    IpxeScript.entryPoint(request.server().baseUrl()), "entry");
        }
        if (path.equals(CLOUD_CONFIG_NAME)) {
            return new BootAnswer.Rendered(CLOUD_CONFIG, "cloud-init");
        }
        if (GRUB_MODULE_LIST.matcher(path).matches()) {
            return new BootAnswer.Empty();
        }
        if (GRUB_MISS.matcher(path).matches() || SHIM_MISS.matcher(path).matches()) {
            return new BootAnswer.NotFound("this optional file does not exist", BootPhase.LOADER, true);
        }
        Matcher grub = GRUB_CONFIG.matcher(path);
        if (grub.matches()) {
            return grubConfig(grub.group(1), request, catalog);
        }
        Matcher pxelinux = PXELINUX_CONFIG.matcher(path);
        if (pxelinux.matches()) {
            return pxelinuxConfig(pxelinux.group(1), request, catalog);
        }
        Matcher ipxe = IPXE_CONFIG.matcher(path);
        if (ipxe.matches()) {
            return ipxeConfig(ipxe.group(1), request, catalog);
        }
        Matcher prefixed = PREFIXED.matcher(path);
        if (prefixed.matches()) {
            return prefixed(prefixed.group(1), prefixed.group(2), request, catalog);
        }
        return missing(path, catalog);
    }

    private BootAnswer prefixed(String arch, String path, BootRequest request, BootCatalog catalog) {
        Optional<BootFile> file = catalog.file(path);
        if (file.isPresent()) {
            return new BootAnswer.Content(file.get());
        }
        if (!path.equals("default")) {
            return path.contains("/") ? missing(path, catalog) : machineOrMiss(path);
        }
        String baseUrl = arch.equals("ppc64el") ? request.server().baseUrl() : ""; // s390's firmware knows no HTTP.
        return boot(Optional.of(arch), request, catalog, plan -> PxelinuxConfig.bootByFirmware(plan, baseUrl));
    }

    private BootAnswer grubConfig(String which, BootRequest request, BootCatalog catalog) {
        Matcher machine = GRUB_MACHINE.matcher(which);
        Optional<String> arch = machine.matches() ? architecture(machine.group(1)) : Optional.empty();
        if (arch.isEmpty() && !which.startsWith("default-")) {
            return machineOrMiss(which);
        }
        GrubConfig.Source source =
                request.transport() == Transport.HTTP ? GrubConfig.Source.HTTP : GrubConfig.Source.TFTP;
        BootRequest.ServerAddress server = request.server();
        return boot(
                arch,
                request,
                catalog,
                plan -> GrubConfig.boot(plan, source, server.host(), server.httpPort(), server.alsoPort80()));
    }

    private BootAnswer pxelinuxConfig(String which, BootRequest request, BootCatalog catalog) {
        Matcher matcher = PXELINUX_DEFAULT.matcher(which);
        if (!matcher.matches()) {
            return machineOrMiss(which);
        }
        if (matcher.group(1) == null) { // PXELINUX itself, which exists for BIOS only, and speaks HTTP.
            return boot(
                    Optional.of("amd64"),
                    request,
                    catalog,
                    plan -> PxelinuxConfig.boot(plan, request.server().baseUrl()));
        }
        return boot(architecture(matcher.group(1)), request, catalog, plan -> PxelinuxConfig.boot(plan, ""));
    }

    private BootAnswer ipxeConfig(String which, BootRequest request, BootCatalog catalog) {
        if (!which.startsWith("default-")) {
            return machineOrMiss(which);
        }
        return boot(
                architecture(which.substring("default-".length())),
                request,
                catalog,
                plan -> IpxeScript.boot(plan, request.server().baseUrl()));
    }

    /** A configuration by MAC, UUID or address: no machine has one of its own, so the loader goes on to its default. */
    private static BootAnswer machineOrMiss(String which) {
        boolean expected = MacAddress.parse(which).isPresent()
                || which.matches(UUID)
                || HEX_ADDRESS.matcher(which).matches();
        String reason = expected
                ? "no configuration is made for this machine alone; the default one serves it"
                : "no configuration has this name";
        return new BootAnswer.NotFound(reason, BootPhase.CONFIG, expected);
    }

    private BootAnswer boot(
            Optional<String> arch, BootRequest request, BootCatalog catalog, Function<BootPlan, String> renderer) {
        if (arch.isEmpty()) {
            return new BootAnswer.NotFound("no image boots this kind of processor", BootPhase.CONFIG, false);
        }
        Optional<BootImage> image = catalog.defaultImage(arch.get());
        if (image.isEmpty()) {
            return new BootAnswer.NotFound(noImage(arch.get()), BootPhase.CONFIG, false);
        }
        return new BootAnswer.Rendered(renderer.apply(plan(image.get(), request, catalog)), "enlist");
    }

    private static BootPlan plan(BootImage image, BootRequest request, BootCatalog catalog) {
        BootRequest.ServerAddress server = request.server();
        List<String> arguments = KernelArguments.ephemeral(
                server.host(),
                server.httpPort(),
                nameOf(image, "squashfs"),
                new KernelArguments.Image(image.os(), image.releaseVersion(), image.arch()),
                UNKNOWN_MACHINE,
                CLOUD_CONFIG_NAME,
                server.isIpv6(),
                catalog.kernelOptions());
        String title = String.join(" ", image.os(), image.release(), image.arch(), image.subarch(), image.serial());
        return new BootPlan(title, nameOf(image, "boot-kernel"), nameOf(image, "boot-initrd"), arguments);
    }

    private static String nameOf(BootImage image, String type) {
        return image.bootName(image.file(type).orElseThrow());
    }

    private static BootAnswer missing(String path, BootCatalog catalog) {
        if (path.startsWith("images/")) {
            return new BootAnswer.NotFound(
                    "no image in the catalog has this file; was its version deleted?", BootPhase.OTHER, false);
        }
        boolean loader = path.endsWith(".efi") || path.endsWith(".0") || path.endsWith(".c32") || path.endsWith(".bin");
        if (!loader) {
            return new BootAnswer.NotFound("no such file", BootPhase.OTHER, false);
        }
        String reason = catalog.bootloaders().isEmpty()
                ? "no bootloaders yet: run 'rackboot selections add', then 'rackboot images import'"
                : "no imported bootloader has this file; see 'rackboot images list'";
        return new BootAnswer.NotFound(reason, BootPhase.LOADER, false);
    }

    private static String noImage(String arch) {
        return "no image for " + arch + ": import one with 'rackboot selections add --os ubuntu --release noble --arch "
                + arch + "' and 'rackboot images import'";
    }

    /** What loaders call a processor, in the words of the catalog. A subarchitecture behind it changes nothing. */
    private static Optional<String> architecture(String loaderWord) {
        String word = loaderWord.toLowerCase(Locale.ROOT).split("-", 2)[0];
        return switch (word) {
            case "amd64", "x86_64", "i386" -> Optional.of("amd64"); // iPXE says i386 on every BIOS.
            case "arm64", "aarch64", "arm" -> Optional.of("arm64"); // U-Boot says arm on 64-bit boards, too.
            case "ppc64el", "ppc64le", "ppc64", "powerpc" -> Optional.of("ppc64el");
            case "s390x", "riscv64" -> Optional.of(word);
            default -> Optional.empty();
        };
    }
}
