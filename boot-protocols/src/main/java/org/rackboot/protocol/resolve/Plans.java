package org.rackboot.protocol.resolve;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.rackboot.protocol.bootconfig.BootPlan;
import org.rackboot.protocol.bootconfig.ConfigLoader;
import org.rackboot.protocol.bootconfig.ConfigPurpose;
import org.rackboot.protocol.bootconfig.KernelArguments;
import org.rackboot.protocol.bootconfig.KernelOptions;
import org.rackboot.protocol.bootconfig.Location;
import org.rackboot.protocol.netconfig.EsxiNetwork;
import org.rackboot.protocol.resolve.BootRules.Ruling;

/** Makes of what holds for a machine what its loader is to do. */
final class Plans {
    private static final String UNKNOWN_MACHINE = "maas-enlist";

    private final MetadataNames metadataNames;
    private final Location location;
    private final BootCatalog catalog;

    Plans(MetadataNames metadataNames, Location location, BootCatalog catalog) {
        this.metadataNames = metadataNames;
        this.location = location;
        this.catalog = catalog;
    }

    /**
     * @param origin on whose word
     * @param booted the image whose kernel is loaded
     * @param wanted the image that was meant
     */
    record Made(
            BootPlan plan,
            String origin,
            Optional<BootImage> booted,
            Optional<BootImage> wanted,
            KernelOptions options) {
        private Made(BootPlan plan, String origin) {
            this(plan, origin, Optional.empty(), Optional.empty(), KernelOptions.NONE);
        }
    }

    /**
     * @param arch of the machine; empty = nobody knows
     * @param ruling empty = nothing is said of such a machine
     * @param again the name that was asked
     */
    Made make(ConfigLoader loader, Optional<String> arch, Who who, Optional<Ruling> ruling, String again) {
        UnknownMachines policy = catalog.rules().unknownMachines();
        String origin = ruling.map(Ruling::origin)
                .orElseGet(() -> who.machine()
                        .map(known -> "nothing assigned to " + known.name())
                        .orElse("boot.unknown-machines: " + policy.word()));
        boolean waits = ruling.isEmpty() && who.machine().isEmpty() && policy == UnknownMachines.HOLD;
        Assignment assignment = ruling.map(Ruling::assignment)
                .orElseGet(() -> Assignment.of(0, waits ? Purpose.HOLD : Purpose.EPHEMERAL));
        return assignment.purpose().loadsAnImage()
                ? boots(loader, arch, who, assignment, origin, again)
                : new Made(withoutImage(arch.orElse(""), who, assignment.purpose(), origin, again), origin);
    }

    private BootPlan withoutImage(String arch, Who who, Purpose purpose, String origin, String again) {
        BootPlan.Builder plan = BootPlan.of(word(purpose), arch, who.title() + purpose.word())
                .localModule(module("chain.c32"))
                .poweroffModule(module("poweroff.c32"));
        if (purpose == Purpose.HOLD) {
            String why = who.machine()
                    .map(known -> known.name() + " is held: " + origin)
                    .orElseGet(() -> "This machine is not known here. On the region: rackboot machines adopt "
                            + who.mac().map(Object::toString).orElse("MAC"));
            plan.waiting(why, again);
        }
        return plan.build();
    }

    private Made boots(
            ConfigLoader loader, Optional<String> arch, Who who, Assignment assignment, String origin, String again) {
        ImageChoice choice =
                ImageChoice.of(catalog, assignment.purpose(), assignment.image(), assignment.version(), arch);
        if (choice instanceof ImageChoice.Missing missing) {
            return failure(arch, who, missing.reason(), origin, again);
        }
        ImageChoice.Found found = (ImageChoice.Found) choice;
        Optional<String> refused = refusedNetwork(found.wanted(), who);
        if (refused.isPresent()) {
            return failure(arch, who, refused.get(), origin, again);
        }
        BootImage booted = found.booted();
        KernelOptions options = options(booted, who.machine());
        try {
            BootPlan plan = BootPlan.of(
                            word(assignment.purpose()),
                            booted.arch(),
                            who.title() + found.wanted().words())
                    .kernel(nameOf(booted, "boot-kernel"))
                    .initrd(Optional.of(nameOf(booted, "boot-initrd")))
                    .dtb(booted.file("boot-dtb").map(booted::bootName))
                    .arguments(arguments(loader, who, assignment, booted, options))
                    .build();
            return new Made(plan, origin, Optional.of(booted), Optional.of(found.wanted()), options);
        } catch (IllegalArgumentException e) { // More words than any kernel takes.
            return failure(arch, who, String.valueOf(e.getMessage()), origin, again);
        }
    }

    /** What ESXi cannot do would leave the machine installed and out of reach. */
    private static Optional<String> refusedNetwork(BootImage wanted, Who who) {
        return who.machine()
                .filter(any -> wanted.os().equals("esxi"))
                .flatMap(known -> known.instructions().network())
                .flatMap(network -> EsxiNetwork.of(network).findings().stream()
                        .filter(finding -> finding.verdict() == EsxiNetwork.Verdict.REFUSED)
                        .findFirst())
                .map(finding -> "ESXi takes no such network: " + finding);
    }

    private static Made failure(Optional<String> arch, Who who, String reason, String origin, String again) {
        BootPlan plan = BootPlan.of(ConfigPurpose.FAILURE, arch.orElse(""), who.title() + "cannot boot")
                .waiting(reason, again)
                .build();
        return new Made(plan, origin);
    }

    private List<String> arguments(
            ConfigLoader loader, Who who, Assignment assignment, BootImage booted, KernelOptions options) {
        KernelArguments arguments = KernelArguments.of(
                        location,
                        word(assignment.purpose()),
                        new KernelArguments.Image(booted.os(), booted.releaseVersion(), booted.arch()),
                        booted.bootName(booted.memoryRoot().orElseThrow()))
                .hostname(who.machine().map(Machine::name).orElse(UNKNOWN_MACHINE))
                .options(options);
        boolean addsNoInterface = loader == ConfigLoader.PETITBOOT
                || loader == ConfigLoader.S390X
                || loader == ConfigLoader.S390X_PARTITION;
        if (addsNoInterface) {
            who.mac().ifPresent(arguments::bootInterface);
        }
        if (assignment.cloudConfigUrl().isPresent()) {
            arguments.cloudConfig(
                    CloudConfigUrl.expand(assignment.cloudConfigUrl().get(), placeholders(who, assignment, booted)));
        } else if (Metadata.isServed(who.machine(), assignment)) {
            arguments.noCloud(location.baseUrl() + metadataNames.directory(who.key(), assignment.id()));
        } else {
            arguments.cloudConfig(location.baseUrl() + BootResolver.CLOUD_CONFIG_NAME);
        }
        return arguments.words();
    }

    private Map<String, String> placeholders(Who who, Assignment assignment, BootImage booted) {
        return Map.of(
                "name", who.machine().map(Machine::name).orElse(UNKNOWN_MACHINE),
                "mac", who.mac().map(Object::toString).orElse(""),
                "uuid", who.uuid().orElse(""),
                "arch", booted.arch(),
                "rack", location.host(),
                "purpose", assignment.purpose().word());
    }

    private KernelOptions options(BootImage image, Optional<Machine> machine) {
        Optional<Machine.Instructions> said = machine.map(Machine::instructions);
        List<String> tags = said.map(Machine.Instructions::tags).orElse(List.of()).stream()
                .flatMap(tag -> catalog.rules().tagOptions().getOrDefault(tag, List.of()).stream())
                .toList();
        return new KernelOptions(
                catalog.kernelOptions(),
                image.kernelParameters(),
                image.kernelOptions(),
                tags,
                said.map(Machine.Instructions::kernelOptions).orElse(List.of()));
    }

    private Optional<String> module(String name) {
        return catalog.file(name).map(BootFile::name);
    }

    private static String nameOf(BootImage image, String type) {
        return image.bootName(image.file(type).orElseThrow());
    }

    private static ConfigPurpose word(Purpose purpose) {
        return ConfigPurpose.parse(purpose.word()).orElseThrow();
    }
}
