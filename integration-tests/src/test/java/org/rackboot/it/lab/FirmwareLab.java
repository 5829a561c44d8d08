package org.rackboot.it.lab;

import static java.util.Map.entry;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The shell scripts of {@code integration-tests/lab}, with a bound on everything they do. */
final class FirmwareLab {
    /** Kernels, loaders and two architectures are downloaded as packages, once. */
    private static final Duration PREPARATION = Duration.ofMinutes(15);

    private static final Duration SERVER_START = Duration.ofMinutes(3);
    private static final Duration ONE_BOOT = Duration.ofMinutes(5);

    private final Path scripts;
    private final Path work;

    private FirmwareLab(Path scripts, Path work) {
        this.scripts = scripts;
        this.work = work;
    }

    /** The lab of the source tree that the test runs in. Its output goes to {@code target}. */
    static FirmwareLab ofThisTree() {
        Path start = Path.of("").toAbsolutePath();
        for (Path at = start; at != null; at = at.getParent()) {
            Path module = at.resolve("integration-tests");
            if (Files.isExecutable(module.resolve("lab/run-test.sh"))) {
                return new FirmwareLab(module.resolve("lab"), module.resolve("target/lab"));
            }
        }
        throw new IllegalStateException("No integration-tests/lab in " + start + " or above it");
    }

    /** What this machine lacks for the lab, one thing a line; empty when it can run. */
    List<String> missing() throws IOException, InterruptedException {
        Path log = work.resolve("check.log");
        BoundedProcess.Ending ending =
                BoundedProcess.run(List.of(script("lab.sh"), "check"), Map.of(), log, Duration.ofSeconds(30));
        List<String> lines = new ArrayList<>(Text.lines(log));
        if (!ending.isSuccess() && lines.isEmpty()) {
            lines.add("an answer of lab.sh check: " + ending);
        }
        return lines;
    }

    /** Makes images and streams; returns at once when they are there. */
    void prepare() throws IOException, InterruptedException {
        Path log = work.resolve("prepare.log");
        BoundedProcess.Ending ending =
                BoundedProcess.run(List.of(script("prepare.sh"), work.toString()), Map.of(), log, PREPARATION);
        if (!ending.isSuccess()) {
            throw new AssertionError("The lab's images could not be made: " + ending + "\n" + Text.tail(log, 40));
        }
    }

    /** Who gives out addresses, and says what to load. */
    enum Dhcp {
        /** dnsmasq with what {@code rackboot dhcp-config} says; so the next two. */
        DNSMASQ,
        ISC,
        KEA,
        /** BusyBox's, which knows of booting only who the next-server is; rackboot says the rest by proxyDHCP. */
        PROXY;

        private String word() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** Whether machines boot one after another, each with the processor to itself, or all of them at once. */
    enum Order {
        ONE_AFTER_ANOTHER,
        AT_ONCE
    }

    /**
     * One server, one stream.
     *
     * @param name of the directory under {@code target/lab} that everything goes to
     * @param stream which of the prepared streams the server imports
     * @param httpPorts that the server listens on
     * @param roles {@code serve}, or {@code region+rack} for a rack that is enrolled and warmed, and whose region is killed
     *     before the first machine
     */
    LabRun boot(
            String name,
            String stream,
            String httpPorts,
            String roles,
            Dhcp dhcp,
            Order order,
            List<LabMachine> machines)
            throws IOException, InterruptedException {
        List<String> options = new ArrayList<>();
        if (order == Order.ONE_AFTER_ANOTHER) {
            options.add("--serial");
        }
        if (dhcp == Dhcp.PROXY) {
            options.add("--proxy");
        }
        return run(name, stream, httpPorts, roles, dhcp, options, machines, machines);
    }

    /**
     * An operator assigns known machines something while they run, as {@code machines.sh} tells; one that nobody knows boots
     * beside them, and is the last of the boots.
     */
    LabRun operate(String name, List<LabMachine> machines) throws IOException, InterruptedException {
        List<LabMachine> all = new ArrayList<>(machines);
        all.add(LabMachine.of("bios-ipxe"));
        List<String> options = List.of("--play", script("machines.sh"));
        return run(name, "stream-http", "5248 80", "serve", Dhcp.DNSMASQ, options, machines, all);
    }

    /**
     * @param machines as {@code run-test.sh} is told them
     * @param booted by it, by the number of their taps
     */
    private LabRun run(
            String name,
            String stream,
            String httpPorts,
            String roles,
            Dhcp dhcp,
            List<String> options,
            List<LabMachine> machines,
            List<LabMachine> booted)
            throws IOException, InterruptedException {
        Path directory = work.resolve(name);
        delete(directory);
        Files.createDirectories(directory);
        Path log = directory.resolve("run.log");
        Map<String, String> environment = Map.ofEntries(
                entry("LAB_NAME", "rb" + ProcessHandle.current().pid() + name.charAt(0)),
                entry("LAB_DIR", directory.toString()),
                entry("LAB_DHCP", dhcp.word()),
                entry("LAB_NEXT_SERVER", "198.18.0.1"),
                entry("LAB_SERVER_CMD", script("rackboot-server.sh")),
                entry("LAB_STREAM", work.resolve(stream).toString()),
                entry("LAB_HTTP_PORTS", httpPorts),
                entry("LAB_ROLES", roles),
                entry("LAB_READY_FILE", directory.resolve("ready").toString()),
                entry("LAB_READY_SECONDS", Long.toString(SERVER_START.toSeconds())),
                entry("LAB_ACCEL_CACHE", work.resolve("accel").toString()));
        List<String> command = new ArrayList<>(List.of(
                script("run-test.sh"),
                "--images",
                work.resolve("images").toString(),
                "--timeout",
                Long.toString(ONE_BOOT.toSeconds())));
        command.addAll(options);
        machines.forEach(machine -> command.add(machine.argument()));
        Duration bound = SERVER_START.plus(ONE_BOOT.multipliedBy(booted.size())).plusSeconds(60);

        BoundedProcess.Ending ending;
        try {
            ending = BoundedProcess.run(command, environment, log, bound);
        } finally {
            // run-test.sh removes its network itself, unless it was killed; then this does, else it finds nothing.
            BoundedProcess.run(List.of(script("lab.sh"), "down"), environment, directory.resolve("down.log"), ONE_BOOT);
        }

        List<FirmwareBoot> boots = new ArrayList<>();
        for (int tap = 0; tap < booted.size(); tap++) {
            boots.add(FirmwareBoot.read(booted.get(tap), tap, directory, log));
        }
        return new LabRun(directory, ending, boots);
    }

    /** What one run left. */
    record LabRun(Path directory, BoundedProcess.Ending ending, List<FirmwareBoot> boots) {
        LabRun {
            boots = List.copyOf(boots);
        }

        FirmwareBoot boot(LabMachine machine) {
            return boots.stream()
                    .filter(boot -> boot.machine().equals(machine))
                    .findFirst()
                    .orElseThrow();
        }

        Path serverLog() {
            return directory.resolve("server.log");
        }

        Path runLog() {
            return directory.resolve("run.log");
        }

        /** What an operator's command printed as JSON, if the scripts ran it: {@code seen.json}. */
        JsonNode printed(String file) {
            return JsonMapper.shared().readTree(directory.resolve(file).toFile());
        }

        /** What the rack told of itself when it had been started again without a region. */
        Path metricsBeforeTheFirstMachine() {
            return directory.resolve("metrics.txt");
        }

        /** The region's own account; a run whose server never became ready has none, and fails here with the reason. */
        ImageCatalog catalog() throws IOException {
            Path file = directory.resolve("images.json");
            assertThat(file)
                    .withFailMessage(
                            "The server was not ready to boot a machine (%s).%n%s%s",
                            ending, Text.tail(runLog(), 60), Text.tail(serverLog(), 40))
                    .isRegularFile();
            return ImageCatalog.read(file);
        }
    }

    private String script(String name) {
        return scripts.resolve(name).toString();
    }

    private static void delete(Path directory) throws IOException {
        if (!Files.exists(directory)) {
            return;
        }
        try (Stream<Path> files = Files.walk(directory)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }
}
