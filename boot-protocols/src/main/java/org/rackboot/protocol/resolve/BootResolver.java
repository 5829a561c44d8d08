package org.rackboot.protocol.resolve;

import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.rackboot.protocol.bootconfig.BootPlan;
import org.rackboot.protocol.bootconfig.BootTemplates;
import org.rackboot.protocol.bootconfig.ConfigLoader;
import org.rackboot.protocol.bootconfig.ConfigPurpose;
import org.rackboot.protocol.bootconfig.GrubConfig;
import org.rackboot.protocol.bootconfig.IpxeScript;
import org.rackboot.protocol.bootconfig.Location;
import org.rackboot.protocol.bootname.BootName;
import org.rackboot.protocol.bootname.InvalidBootNameException;
import org.rackboot.protocol.bootname.MacAddress;
import org.rackboot.protocol.resolve.BootAnswer.Rendered;
import org.rackboot.protocol.resolve.BootRequest.Transport;
import org.rackboot.protocol.resolve.BootResolution.Decision;
import org.rackboot.protocol.resolve.BootResolution.Stranger;
import org.rackboot.protocol.resolve.BootRules.Ruling;

/**
 * Answers a name from a catalog. Pure, and quick: it runs on event loops.
 *
 * <p>Loader files and images come from the catalog; configurations are made for the machine that asks; names that only some
 * loaders ask for, and expect to miss, miss at once (PXELINUX walks up to ten names, shim four).
 */
public final class BootResolver {
    /** Where cloud-init of an unknown machine starts. */
    public static final String CLOUD_CONFIG_NAME = "cloud-init/enlist.cfg";

    private static final String IMAGES = "images/";

    /** Behind the name of a configuration: has bytes as soon as the machine no longer waits. */
    private static final String READY = ".ready";

    private static final Pattern LOADER_DIRECTORY = Pattern.compile("bootloaders/[^/]+/[^/]+/(.+)");
    /** Wherever GRUB's prefix is (quirk T36). */
    private static final Pattern GRUB_MODULE_LIST = Pattern.compile("(?:[^/]+/){0,8}[a-z]+\\.lst");

    private static final Pattern GRUB_MISS = Pattern.compile("grub/[^/]+/([^/]+\\.mod|grub\\.cfg)");
    /** Files that the two firmwares look for under their prefix. */
    private static final Pattern PREFIXED = Pattern.compile("(?:ppc64el|s390x)/(.+)");
    /** A Raspberry Pi looks under its serial number, or its MAC address, then without. */
    private static final Pattern RASPBERRY_PI =
            Pattern.compile("(?:[0-9a-fA-F]{8}|[0-9a-fA-F]{2}(?:-[0-9a-fA-F]{2}){5})/(.+)");

    /** The second is what MAAS's DHCP servers name. */
    private static final Pattern ONIE =
            Pattern.compile("onie-(?:installer|updater)[-.a-zA-Z0-9_]*|(?i:maas)/a/v3/nos-installer");

    private static final Pattern SHIM_MISS = Pattern.compile("(revocations(_[a-z]+)?|shim_certificate(_[0-9])?)\\.efi");

    private static final String CLOUD_CONFIG = """
            #cloud-config
            # This machine is not known to rackboot; nothing is asked of it.
            datasource_list: [None]
            """;

    private static final BootAnswer SILENCE = new BootAnswer.NotFound(
            "machines that nobody made known get no answer here (boot.unknown-machines: silence); make this one known with"
                    + " 'rackboot machines adopt'",
            BootPhase.CONFIG,
            true);

    private final BootTemplates templates;
    private final MetadataNames metadataNames;
    private final Metadata metadata;
    private final RackMemory memory;

    /** @param memory of what this rack knows better than its catalog */
    public BootResolver(BootTemplates templates, MetadataNames metadataNames, RackMemory memory) {
        this.templates = templates;
        this.metadataNames = metadataNames;
        this.metadata = new Metadata(metadataNames, memory);
        this.memory = memory;
    }

    /** Answers one request; never throws for what a request may hold. */
    public BootAnswer resolve(BootRequest request, BootCatalog catalog) {
        return examine(request, catalog).answer();
    }

    /** The same, and how the answer came about. */
    public BootResolution examine(BootRequest request, BootCatalog catalog) {
        BootName name;
        try {
            name = BootName.parse(request.wireName());
        } catch (InvalidBootNameException e) {
            return BootResolution.of(new BootAnswer.Refused(e.reason()));
        }
        Optional<BootFile> file = catalog.file(name.text());
        if (file.isPresent() && !ONIE.matcher(name.text()).matches()) {
            return BootResolution.of(new BootAnswer.Content(file.get()));
        }
        Matcher inLoaderDirectory = LOADER_DIRECTORY.matcher(name.text());
        // PXELINUX and shim look beside the loader they were read from.
        String path = inLoaderDirectory.matches() ? inLoaderDirectory.group(1) : name.text();
        if (path.endsWith(READY)) {
            return readiness(path.substring(0, path.length() - READY.length()), request, catalog);
        }
        Optional<ConfigName> config = ConfigName.parse(path);
        if (config.isPresent()) {
            return config(config.get(), path, request, catalog);
        }
        return BootResolution.of(other(path, request, catalog));
    }

    private BootAnswer other(String path, BootRequest request, BootCatalog catalog) {
        if (path.equals("grub/grub.cfg")) {
            return new Rendered(GrubConfig.entryPoint(), "entry");
        }
        if (path.equals("ipxe.cfg") || path.equals("autoexec.ipxe")) { // The second is what iPXE runs unasked.
            return new Rendered(IpxeScript.entryPoint(request.server().baseUrl()), "entry");
        }
        if (path.equals(CLOUD_CONFIG_NAME)) {
            return new Rendered(CLOUD_CONFIG, "cloud-init");
        }
        if (path.startsWith("metadata/")) {
            return metadata.answer(path, request, catalog);
        }
        if (GRUB_MODULE_LIST.matcher(path).matches()) {
            return new BootAnswer.Empty();
        }
        if (GRUB_MISS.matcher(path).matches() || SHIM_MISS.matcher(path).matches()) {
            return new BootAnswer.NotFound("this optional file does not exist", BootPhase.LOADER, true);
        }
        if (ONIE.matcher(path).matches()) { // It walks from its own model's name to the general one.
            return notToInstall(request, catalog)
                    .or(() -> catalog.file(path.startsWith("onie-updater") ? "onie-updater" : "onie-installer")
                            .map(BootAnswer.Content::new))
                    .orElseGet(() -> new BootAnswer.NotFound(
                            "no installer for switches is here: upload one as 'onie-installer'",
                            BootPhase.LOADER,
                            true));
        }
        Matcher prefixed = PREFIXED.matcher(path);
        if (prefixed.matches()) {
            return catalog.file(prefixed.group(1))
                    .<BootAnswer>map(BootAnswer.Content::new)
                    .orElseGet(() -> missing(prefixed.group(1), catalog));
        }
        if (path.startsWith(IMAGES)) { // Where MAAS's DHCP servers send UEFI's HTTP client for its loader.
            Optional<BootFile> loader = catalog.file(path.substring(IMAGES.length()));
            if (loader.isPresent()) {
                return new BootAnswer.Content(loader.get());
            }
        }
        Matcher pi = RASPBERRY_PI.matcher(path);
        if (pi.matches()) {
            return catalog.file(pi.group(1))
                    .<BootAnswer>map(BootAnswer.Content::new)
                    .orElseGet(() -> new BootAnswer.NotFound(
                            "this board has no such file of its own; it goes on without its prefix",
                            BootPhase.LOADER,
                            true));
        }
        return missing(path, catalog);
    }

    /** A switch asks for no configuration: who is to wait, or to boot from its disk, finds no installer. */
    private Optional<BootAnswer> notToInstall(BootRequest request, BootCatalog catalog) {
        BootRules rules = catalog.rules();
        BootRequest.Client client = request.client();
        Optional<Machine> machine = client.mac().or(client::heard).flatMap(catalog::machine);
        Optional<Ruling> ruling =
                rules.rule(machine, machine.flatMap(BootResolver::architecture), client.address(), memory);
        if (ruling.isEmpty() && machine.isEmpty() && rules.unknownMachines() != UnknownMachines.BOOT) {
            return Optional.of(
                    rules.unknownMachines() == UnknownMachines.SILENCE
                            ? SILENCE
                            : new BootAnswer.NotFound(
                                    "unknown machines wait here: make this switch known", BootPhase.LOADER, true));
        }
        return ruling.filter(each -> !each.assignment().purpose().loadsAnImage())
                .map(each -> new BootAnswer.NotFound(
                        "this switch installs nothing: "
                                + each.assignment().purpose().word() + " by " + each.origin(),
                        BootPhase.LOADER,
                        true));
    }

    /** GRUB cannot ask again without end, but look whether a file has bytes. */
    private BootResolution readiness(String path, BootRequest request, BootCatalog catalog) {
        Optional<ConfigName> config = ConfigName.parse(path);
        if (config.isEmpty()) {
            return BootResolution.of(missing(path + READY, catalog));
        }
        BootResolution would = config(config.get(), path, request, catalog);
        boolean waits = would.decision()
                .map(decision -> decision.plan().purpose().waits())
                .orElse(true);
        BootAnswer answer = waits ? new BootAnswer.Empty() : new Rendered("ready\n", "ready");
        return new BootResolution(answer, would.stranger(), Optional.empty());
    }

    private BootResolution config(ConfigName name, String path, BootRequest request, BootCatalog catalog) {
        // What a name says of the machine is the loader's own word; only where it says nothing, the network's.
        Optional<MacAddress> mac = name.mac().isPresent() || name.uuid().isPresent()
                ? name.mac()
                : request.client().mac().or(() -> request.client().heard());
        Optional<Machine> machine = name.uuid().flatMap(catalog::machineByUuid).or(() -> mac.flatMap(catalog::machine));
        Optional<String> arch = name.archOf(machine.flatMap(BootResolver::architecture));
        Optional<Stranger> stranger =
                machine.isPresent() ? Optional.empty() : mac.map(each -> new Stranger(each, name.uuid(), arch));
        boolean goesOn = !name.isLast() && (machine.isEmpty() || (arch.isEmpty() && isSearch(path)));
        if (goesOn) {
            return new BootResolution(notHere(path), stranger, Optional.empty());
        }
        Optional<String> guessed = arch.or(() -> name.isLast() ? name.usual() : Optional.of("amd64"));
        Optional<MacAddress> card = mac.or(() -> machine.flatMap(known -> cardOf(known, request.client())));
        Who who = new Who(machine, card, name.uuid().or(() -> machine.flatMap(Machine::uuid)));
        return decide(name.loaderFor(guessed.orElse("")), guessed, who, stranger, path, request, catalog);
    }

    /** Which of its cards asks, where the name has its UUID alone: its only one, or the one that the network tells. */
    private static Optional<MacAddress> cardOf(Machine machine, BootRequest.Client client) {
        return client.mac()
                .or(client::heard)
                .filter(machine.macs()::contains)
                .or(() ->
                        machine.macs().size() == 1 ? Optional.of(machine.macs().get(0)) : Optional.empty());
    }

    /** What is recorded of it, or what its assigned image is for. */
    private static Optional<String> architecture(Machine machine) {
        return machine.arch()
                .or(() -> machine.instructions()
                        .assignment()
                        .flatMap(Assignment::image)
                        .flatMap(ImageReference::arch));
    }

    /** GRUB's own search of names goes on to one that says the processor: better than to guess it. */
    private static boolean isSearch(String path) {
        return path.startsWith("grub/grub.cfg-01-");
    }

    private BootResolution decide(
            ConfigLoader loader,
            Optional<String> arch,
            Who who,
            Optional<Stranger> stranger,
            String path,
            BootRequest request,
            BootCatalog catalog) {
        BootRules rules = catalog.rules();
        Optional<Ruling> ruling =
                rules.rule(who.machine(), arch, request.client().address(), memory);
        boolean isNobodys = ruling.isEmpty() && who.machine().isEmpty();
        if (isNobodys && rules.unknownMachines() == UnknownMachines.SILENCE) {
            return new BootResolution(SILENCE, stranger, Optional.empty());
        }
        BootRequest.ServerAddress server = request.server();
        Location location = new Location(
                server.host(), server.httpPort(), server.alsoPort80(), request.transport() == Transport.HTTP);
        Plans.Made made = new Plans(metadataNames, location, catalog).make(loader, arch, who, ruling, path);
        BootPlan plan = made.plan();
        if (isNobodys && plan.purpose() == ConfigPurpose.FAILURE) {
            // Not a boot that failed, but a rack that has nothing yet: the loader may have another place to look.
            BootAnswer nothing = new BootAnswer.NotFound(plan.reason().orElse(""), BootPhase.CONFIG, false);
            return new BootResolution(nothing, stranger, Optional.empty());
        }
        Decision decision = new Decision(
                loader,
                who.machine(),
                who.mac(),
                made.origin(),
                ruling.filter(Ruling::once).map(Ruling::assignment),
                made.booted(),
                made.wanted(),
                made.options(),
                plan);
        Rendered.Form form = loader == ConfigLoader.U_BOOT_SCRIPT ? Rendered.Form.U_BOOT_SCRIPT : Rendered.Form.TEXT;
        String purpose = isNobodys && plan.purpose() == ConfigPurpose.EPHEMERAL
                ? "enlist"
                : plan.purpose().word();
        return new BootResolution(
                new Rendered(templates.render(loader, plan, location), form, purpose), stranger, Optional.of(decision));
    }

    /** A configuration by MAC, UUID or address that is not made: the loader goes on to the next name. */
    private static BootAnswer notHere(String path) {
        boolean expected = ConfigName.isOfMachine(
                path.substring(path.lastIndexOf('/') + 1).replaceFirst("^(grub|ipxe)\\.cfg-", ""));
        String reason = expected
                ? "no configuration is made for this machine alone; the default one serves it"
                : "no configuration has this name";
        return new BootAnswer.NotFound(reason, BootPhase.CONFIG, expected);
    }

    private static BootAnswer missing(String path, BootCatalog catalog) {
        if (path.startsWith(IMAGES)) {
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
}
