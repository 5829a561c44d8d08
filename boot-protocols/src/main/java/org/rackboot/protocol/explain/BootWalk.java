package org.rackboot.protocol.explain;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import org.rackboot.protocol.dhcp.ArchitectureType;
import org.rackboot.protocol.dhcp.BootClient;
import org.rackboot.protocol.loader.LoaderChoice;
import org.rackboot.protocol.loader.LoaderChoice.Load;
import org.rackboot.protocol.loader.LoaderPolicy;
import org.rackboot.protocol.resolve.BootAnswer;
import org.rackboot.protocol.resolve.BootCatalog;
import org.rackboot.protocol.resolve.BootFile;
import org.rackboot.protocol.resolve.BootImage;
import org.rackboot.protocol.resolve.BootRequest;
import org.rackboot.protocol.resolve.BootRequest.ServerAddress;
import org.rackboot.protocol.resolve.BootRequest.Transport;
import org.rackboot.protocol.resolve.BootResolution;
import org.rackboot.protocol.resolve.BootResolution.Decision;
import org.rackboot.protocol.resolve.BootResolver;
import org.rackboot.protocol.resolve.LoaderPreference;

/**
 * What a machine would be given, name by name, in the order in which its firmware and loaders ask. Every answer is the
 * resolver's own; what this class knows is only who asks what.
 *
 * @param offer the loader that DHCP would name, or why none
 * @param steps all that would be asked and answered; a name that only tells the loader to go on is among them
 * @param decision for which machine and on whose word, if a configuration was reached
 * @param missing what stops the boot, with what to do about it; empty = it would boot
 */
public record BootWalk(LoaderChoice offer, List<Step> steps, Optional<Decision> decision, List<String> missing) {
    private static final Pattern PXELINUX = Pattern.compile("l?pxelinux\\.0");
    private static final Pattern SHIM = Pattern.compile("(?:boot|shim)([a-z0-9]+)\\.efi");
    private static final Pattern GRUB = Pattern.compile("grub[a-z0-9]+\\.efi|bootppc64\\.bin");

    public BootWalk {
        steps = List.copyOf(steps);
        missing = List.copyOf(missing);
    }

    /**
     * One name.
     *
     * @param who asks: {@code firmware}, {@code shim}, {@code GRUB}, {@code Linux}
     */
    public record Step(String who, Transport transport, String name, BootAnswer answer) {}

    /**
     * Walks.
     *
     * @param machine as its first request by DHCP would describe it
     * @param client as a rack would see it
     * @param usual loader of machines of which nothing is said
     */
    public static BootWalk of(
            BootClient machine,
            BootRequest.Client client,
            ServerAddress server,
            LoaderPreference usual,
            BootResolver resolver,
            BootCatalog catalog) {
        LoaderPreference preference = machine.mac()
                .flatMap(catalog::machine)
                .or(() -> machine.uuid().flatMap(catalog::machineByUuid))
                .flatMap(known -> known.loader())
                .orElse(usual);
        LoaderChoice offer = new LoaderPolicy().choose(machine, preference, catalog);
        Walker walker = new Walker(machine, client, server, resolver, catalog);
        if (offer instanceof Load load) {
            walker.walk(load);
        } else {
            walker.missing.add(((LoaderChoice.Nothing) offer).reason());
        }
        return new BootWalk(offer, walker.steps, walker.decision, walker.missing);
    }

    private static final class Walker {
        private final BootClient machine;
        private final BootRequest.Client client;
        private final ServerAddress server;
        private final BootResolver resolver;
        private final BootCatalog catalog;
        private final List<Step> steps = new ArrayList<>();
        private final List<String> missing = new ArrayList<>();
        private Optional<Decision> decision = Optional.empty();

        Walker(
                BootClient machine,
                BootRequest.Client client,
                ServerAddress server,
                BootResolver resolver,
                BootCatalog catalog) {
            this.machine = machine;
            this.client = client;
            this.server = server;
            this.resolver = resolver;
            this.catalog = catalog;
        }

        void walk(Load load) {
            Transport transport = load.isByHttp() ? Transport.HTTP : Transport.TFTP;
            String name = load.name();
            if (name.isEmpty()) {
                ownReader();
                return;
            }
            if (name.equals(LoaderPolicy.IPXE_SCRIPT)) {
                ipxe(transport);
                return;
            }
            if (name.equals(LoaderPolicy.S390X_PARTITION)) {
                firstOf("firmware", transport, List.of(name));
                loads(transport);
                return;
            }
            if (!asks("firmware", transport, name)) {
                return;
            }
            String file = name.substring(name.lastIndexOf('/') + 1);
            if (PXELINUX.matcher(file).matches()) {
                if (asks("PXELINUX", transport, "ldlinux.c32")) {
                    boolean byHttp = file.startsWith("l");
                    firstOf("PXELINUX", transport, pxelinuxNames("", "default"));
                    loads(byHttp ? Transport.HTTP : transport);
                }
            } else if (SHIM.matcher(file).matches()) {
                String suffix = file.replaceAll("^(boot|shim)|\\.efi$", "");
                if (asks("shim", transport, "grub" + suffix + ".efi")) {
                    grub(transport);
                }
            } else if (GRUB.matcher(file).matches()) {
                grub(transport);
            } else {
                ipxe(Transport.HTTP);
            }
        }

        private void grub(Transport transport) {
            if (asks("GRUB", transport, "grub/grub.cfg")) {
                String cpu = switch (arch()) {
                    case "amd64" -> "x86_64";
                    case "ppc64el" -> "powerpc";
                    default -> arch();
                };
                firstOf("GRUB", transport, List.of("grub/grub.cfg-" + macOr("default") + "-" + cpu));
                loads(transport);
            }
        }

        private void ipxe(Transport transport) {
            if (asks("iPXE", transport, LoaderPolicy.IPXE_SCRIPT)) {
                String cpu = arch().equals("amd64") ? (isBios() ? "i386" : "x86_64") : arch();
                String mac = macOr("default").replace(':', '-');
                firstOf("iPXE", transport, List.of("ipxe.cfg-" + mac + "-" + cpu));
                loads(transport);
            }
        }

        /** Firmware that reads configurations itself. */
        private void ownReader() {
            switch (firmware()) {
                case OPAL -> {
                    firstOf("Petitboot", Transport.TFTP, pxelinuxNames("ppc64el/", "default"));
                    loads(Transport.HTTP);
                }
                case S390 -> {
                    firstOf("firmware", Transport.TFTP, pxelinuxNames("s390x/", "default"));
                    loads(Transport.TFTP);
                }
                case RASPBERRY_PI -> asks("firmware", Transport.TFTP, "start4.elf");
                default -> { // U-Boot
                    firstOf("U-Boot", Transport.TFTP, List.of("boot.scr.uimg"));
                    loads(Transport.TFTP);
                }
            }
        }

        private List<String> pxelinuxNames(String prefix, String last) {
            List<String> names = new ArrayList<>();
            machine.uuid().ifPresent(uuid -> names.add(prefix + "pxelinux.cfg/" + uuid));
            machine.mac()
                    .ifPresent(mac ->
                            names.add(prefix + "pxelinux.cfg/01-" + mac.text().replace(':', '-')));
            names.add(prefix + "pxelinux.cfg/" + last);
            return names;
        }

        /** A loader that goes on to its next name when one is not there. */
        private void firstOf(String who, Transport transport, List<String> names) {
            String reason = "";
            for (String name : names) {
                BootResolution found = resolve(transport, name);
                steps.add(new Step(who, transport, name, found.answer()));
                if (found.decision().isPresent()) {
                    decision = found.decision();
                    if (decision.get().plan().purpose().waits()) {
                        missing.add(decision.get().plan().reason().orElse(""));
                    }
                    return;
                }
                reason = reasonOf(found.answer());
            }
            missing.add(reason);
        }

        /** What a configuration names. */
        private void loads(Transport transport) {
            if (decision.isEmpty()) {
                return;
            }
            decision.get().plan().kernel().ifPresent(name -> asks("kernel", transport, name));
            decision.get().plan().initrd().ifPresent(name -> asks("initrd", transport, name));
            decision.get().plan().dtb().ifPresent(name -> asks("device tree", transport, name));
            decision.get()
                    .booted()
                    .ifPresent(image -> image.file("squashfs")
                            .ifPresent(file -> asks("Linux", Transport.HTTP, image.bootName(file))));
            decision.get()
                    .wanted()
                    .filter(image -> !decision.get().booted().equals(Optional.of(image)))
                    .ifPresent(this::installed);
        }

        private void installed(BootImage image) {
            image.files().values().stream()
                    .filter(file ->
                            file.name().startsWith("root") || file.name().equals("squashfs"))
                    .map(BootFile::name)
                    .sorted()
                    .forEach(name -> image.files().values().stream()
                            .filter(file -> file.name().equals(name))
                            .forEach(file -> asks("installer", Transport.HTTP, image.bootName(file))));
        }

        /** @return whether it is there */
        private boolean asks(String who, Transport transport, String name) {
            BootAnswer answer = resolve(transport, name).answer();
            steps.add(new Step(who, transport, name, answer));
            String reason = reasonOf(answer);
            if (!reason.isEmpty()) {
                missing.add(name + ": " + reason);
            }
            return reason.isEmpty();
        }

        private BootResolution resolve(Transport transport, String name) {
            return resolver.examine(new BootRequest(name, transport, server, client), catalog);
        }

        private static String reasonOf(BootAnswer answer) {
            if (answer instanceof BootAnswer.NotFound missing) {
                return missing.reason();
            }
            return answer instanceof BootAnswer.Refused refused ? refused.reason() : "";
        }

        private String macOr(String word) {
            return machine.mac().map(Object::toString).orElse(word);
        }

        private String arch() {
            return machine.architecture()
                    .flatMap(ArchitectureType::architecture)
                    .orElse("amd64");
        }

        private ArchitectureType.Firmware firmware() {
            return machine.architecture().map(ArchitectureType::firmware).orElse(ArchitectureType.Firmware.BIOS);
        }

        private boolean isBios() {
            return firmware() == ArchitectureType.Firmware.BIOS;
        }
    }
}
