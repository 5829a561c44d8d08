package org.rackboot.it;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.rackboot.protocol.address.Ipv4Address;
import org.rackboot.protocol.dhcp.ClientArchitectures;
import org.rackboot.protocol.dhcp.DhcpCodec;
import org.rackboot.protocol.dhcp.DhcpMessage;
import org.rackboot.protocol.dhcp.DhcpOption;
import org.rackboot.protocol.dhcp.DhcpOptions;
import org.rackboot.protocol.dhcp.HardwareAddress;
import org.rackboot.protocol.dhcp.MessageType;
import org.rackboot.protocol.dhcp.NetworkInterfaceId;
import org.rackboot.protocol.dhcp.Octets;
import org.rackboot.protocol.dhcp.OptionCode;
import org.rackboot.protocol.dhcp.RawOption;
import org.rackboot.protocol.dhcp.ServerIdentifier;
import org.rackboot.protocol.dhcp.UserClass;
import org.rackboot.protocol.dhcp.VendorClass;
import org.rackboot.protocol.loader.DhcpServerConfig;
import org.rackboot.protocol.loader.DhcpServerConfig.Format;
import org.rackboot.protocol.resolve.BootCatalog;
import org.rackboot.protocol.resolve.BootFile;
import org.rackboot.protocol.resolve.BootPhase;
import org.rackboot.protocol.resolve.Bootloader;
import org.rackboot.protocol.resolve.LoaderPreference;

/**
 * What {@code rackboot dhcp-config} says, in the servers that it is for: each accepts it, and answers machines as it should. The
 * servers run in a network namespace of their own, where nobody else hears them.
 */
class ForeignDhcpServersTest {
    private static final String RACK = "198.18.0.1";
    private static final String URL = "http://198.18.0.1:5248/";
    private static final BootCatalog CATALOG = new BootCatalog(
            1,
            List.of(),
            List.of(
                    loader("pxe", "i386", "lpxelinux.0"),
                    loader("uefi", "amd64", "bootx64.efi", "grubx64.efi"),
                    loader("uefi", "arm64", "bootaa64.efi", "grubaa64.efi"),
                    loader("open-firmware", "ppc64el", "bootppc64.bin")),
            List.of());

    /** Somebody else's server: how it checks a configuration, and how it runs in the foreground on {@code srv0}. */
    private enum Server {
        ISC(Format.ISC, "dhcpd"),
        KEA(Format.KEA, "kea-dhcp4"),
        DNSMASQ(Format.DNSMASQ, "dnsmasq");

        final Format format;
        final String program;

        Server(Format format, String program) {
            this.format = format;
            this.program = program;
        }

        String program(boolean v6) {
            return v6 && this == KEA ? "kea-dhcp6" : program;
        }
    }

    /** One exchange: what a machine says, and what it is to hear. */
    private record Machine(
            String name, List<DhcpOption> discover, List<DhcpOption> request, String file, String vendorClass) {
        static Machine of(String name, String file, String vendorClass, DhcpOption... says) {
            return new Machine(name, List.of(says), List.of(says), file, vendorClass);
        }
    }

    private static final RawOption ASKS_FOR_ALL =
            new RawOption(OptionCode.PARAMETER_REQUEST_LIST, Octets.of(new byte[] {1, 3, 43, 60, 66, 67, (byte) 175}));
    private static final RawOption ASKS_FOR_LITTLE =
            new RawOption(OptionCode.PARAMETER_REQUEST_LIST, Octets.of(new byte[] {1, 3, 6, 12}));
    private static final NetworkInterfaceId UNDI = new NetworkInterfaceId(1, 3, 0);

    private static final List<Machine> MACHINES = List.of(
            pxe("BIOS", "lpxelinux.0", 0, UNDI, ASKS_FOR_ALL),
            pxe("UEFI x64", "bootx64.efi", 7, UNDI, ASKS_FOR_ALL),
            pxe("UEFI x64 that says EBC", "bootx64.efi", 9, UNDI, ASKS_FOR_ALL),
            pxe("UEFI arm64", "bootaa64.efi", 11, UNDI, ASKS_FOR_ALL),
            pxe("U-Boot at its second try", "grubaa64.efi", 11, new NetworkInterfaceId(1, 0, 0), ASKS_FOR_LITTLE),
            Machine.of(
                    "HTTP x64 that asks for nothing",
                    URL + "bootx64.efi",
                    "HTTPClient",
                    type(16),
                    new VendorClass("HTTPClient:Arch:00016:UNDI:003000"),
                    UNDI,
                    ASKS_FOR_LITTLE),
            Machine.of(
                    "iPXE as it is",
                    URL + "ipxe.cfg",
                    "",
                    type(0),
                    new VendorClass("PXEClient:Arch:00000:UNDI:002001"),
                    new RawOption(OptionCode.USER_CLASS, Octets.ofText("iPXE")),
                    ASKS_FOR_LITTLE),
            Machine.of(
                    "iPXE by the book",
                    URL + "ipxe.cfg",
                    "",
                    type(7),
                    new VendorClass("PXEClient:Arch:00007:UNDI:003010"),
                    UserClass.IPXE,
                    ASKS_FOR_ALL),
            Machine.of(
                    "UEFI without option 93",
                    "bootx64.efi",
                    "",
                    new VendorClass("PXEClient:Arch:00007:UNDI:003000"),
                    ASKS_FOR_ALL),
            Machine.of(
                    "arm32, which is not here",
                    "",
                    "",
                    type(10),
                    new VendorClass("PXEClient:Arch:00010"),
                    ASKS_FOR_ALL),
            Machine.of("no machine that boots", "", "", ASKS_FOR_LITTLE),
            new Machine(
                    "SLOF, which says what it is at its REQUEST",
                    List.of(ASKS_FOR_ALL),
                    List.of(ASKS_FOR_ALL, type(12)),
                    "bootppc64.bin",
                    ""));

    @TempDir
    Path directory;

    private final String suffix = Long.toString(ProcessHandle.current().pid(), 36);
    private final List<Process> processes = new ArrayList<>();
    private boolean network;

    @AfterEach
    void end() throws Exception {
        for (Process process : processes) {
            process.destroy();
            if (!process.waitFor(10, TimeUnit.SECONDS)) {
                process.destroyForcibly().waitFor();
            }
        }
        if (network) {
            new ForeignProgram(directory).run("ip", "netns", "delete", server());
            new ForeignProgram(directory).run("ip", "netns", "delete", client());
        }
    }

    @ParameterizedTest
    @EnumSource(Server.class)
    void theServerAcceptsWhatItIsToldToSay(Server server) throws Exception {
        for (boolean v6 : new boolean[] {false, true}) {
            Path program = copy(server.program(v6));
            Path config = configure(server, v6, "lo"); // Kea wants one that is there.
            String[] check = switch (server) {
                case ISC -> new String[] {program.toString(), v6 ? "-6" : "-4", "-t", "-cf", config.toString()};
                case KEA -> new String[] {program.toString(), "-t", config.toString()};
                case DNSMASQ -> new String[] {program.toString(), "--test", "-C", config.toString()};
            };
            String[] withDirectory = new String[check.length + 3];
            System.arraycopy(
                    new String[] {"env", "KEA_LOCKFILE_DIR=none", "KEA_PIDFILE_DIR=" + directory},
                    0,
                    withDirectory,
                    0,
                    3);
            System.arraycopy(check, 0, withDirectory, 3, check.length);
            ForeignProgram.Said said = new ForeignProgram(directory).run(withDirectory);

            assertThat(said.exitCode())
                    .as("%s, v6 %s: %s", server, v6, said.text())
                    .isZero();
        }
    }

    @ParameterizedTest
    @EnumSource(Server.class)
    void everyMachineHearsWhatItNeeds(Server server) throws Exception {
        Process foreign = start(server, false);
        Process machines = startMachines(false);
        try (BufferedReader answers = machines.inputReader(US_ASCII);
                OutputStream requests = machines.getOutputStream()) {
            int number = 0;
            for (Machine machine : MACHINES) {
                number++;
                String what = server + ", " + machine.name();
                DhcpMessage offer =
                        ask(requests, answers, 2 * number, number, MessageType.DISCOVER, machine.discover(), what);
                assertThat(offer.options().messageType()).as(what).contains(MessageType.OFFER);
                assertThat(offer.nextServer()).as(what).hasToString(RACK);
                if (machine.discover().equals(machine.request())) {
                    check(offer, machine, what + ", OFFER");
                } else {
                    assertThat(offer.file()).as(what).isEmpty();
                }
                List<DhcpOption> request = new ArrayList<>(machine.request());
                request.add(offer.options().serverIdentifier().orElseThrow());
                request.add(
                        new RawOption(OptionCode.REQUESTED_ADDRESS, new ServerIdentifier(offer.yourAddress()).value()));
                DhcpMessage ack = ask(requests, answers, 2 * number + 1, number, MessageType.REQUEST, request, what);
                assertThat(ack.options().messageType()).as(what).contains(MessageType.ACK);
                check(ack, machine, what + ", ACK");
            }
        }
        assertThat(foreign.isAlive()).isTrue();
    }

    @ParameterizedTest
    @EnumSource(Server.class)
    void everyMachineHearsWhatItNeedsOverIpv6(Server server) throws Exception {
        Process foreign = start(server, true);
        Process machines = startMachines(true);
        String url = "http://[2001:db8::1]:5248/";
        try (BufferedReader answers = machines.inputReader(US_ASCII);
                OutputStream requests = machines.getOutputStream()) {
            Map<Integer, String> x64 = solicit(requests, answers, 1, "003d00020007");
            assertThat(x64.get(59)).isEqualTo("tftp://[2001:db8::1]/bootx64.efi");
            assertThat(x64).doesNotContainKey(16);

            Map<Integer, String> http = solicit(requests, answers, 2, "003d00020010");
            assertThat(http.get(59)).isEqualTo(url + "bootx64.efi");
            assertThat(http.get(16)).hasSize(16).endsWith("HTTPClient"); // Where firmware looks for it: at byte 6.

            Map<Integer, String> ipxe = solicit(requests, answers, 3, "003d00020007" + "000f0006000469505845");
            assertThat(ipxe.get(59)).isEqualTo(url + "ipxe.cfg");

            assertThat(solicit(requests, answers, 4, "")).doesNotContainKey(59);
        }
        assertThat(foreign.isAlive()).isTrue();
    }

    /** The options of the answer, by number, each byte a character. */
    private static Map<Integer, String> solicit(
            OutputStream requests, BufferedReader answers, int machine, String options) throws Exception {
        String number = "%02x".formatted(machine);
        String message = "010000" + number // SOLICIT
                + "0001000a00030001" + "5254000000" + number // By the Ethernet address,
                + "0003000c" + "000000" + number + "0000000000000000" // for an address,
                + "000800020000" + "00060008003b003c00170010" // asking for 59, 60, 23, 16.
                + options;
        requests.write((message + "\n").getBytes(US_ASCII));
        requests.flush();
        String answer = requireNonNull(answers.readLine());
        assertThat(answer).startsWith("02"); // ADVERTISE
        ByteBuffer bytes = ByteBuffer.wrap(HexFormat.of().parseHex(answer)).position(4);
        Map<Integer, String> values = new HashMap<>();
        while (bytes.hasRemaining()) {
            int code = bytes.getShort();
            byte[] value = new byte[bytes.getShort()];
            bytes.get(value);
            values.put(code, new String(value, ISO_8859_1));
        }
        return values;
    }

    private static void check(DhcpMessage answer, Machine machine, String what) {
        assertThat(answer.nextServer()).as(what).hasToString(RACK);
        assertThat(answer.file()).as(what).isEqualTo(machine.file());
        assertThat(answer.options().bootFileName().map(name -> name.name()).orElse(""))
                .as(what)
                .isEqualTo(machine.file());
        assertThat(answer.options().vendorClass().map(VendorClass::text).orElse(""))
                .as(what) // Never PXEClient alone, which would send UEFI to port 4011 (D2).
                .isEqualTo(machine.vendorClass());
        Optional<Octets> ipxe = answer.options().find(OptionCode.IPXE_ENCAPSULATED);
        assertThat(ipxe.map(value -> value.slice(0, 3))) // dnsmasq writes an end behind it.
                .as(what)
                .isEqualTo(
                        machine.file().endsWith("ipxe.cfg")
                                ? Optional.of(Octets.of((byte) 176, (byte) 1, (byte) 1))
                                : Optional.empty());
    }

    private static DhcpMessage ask(
            OutputStream requests,
            BufferedReader answers,
            int transaction,
            int machine,
            MessageType type,
            List<DhcpOption> says,
            String what)
            throws Exception {
        List<DhcpOption> options = new ArrayList<>(List.of(type));
        options.addAll(says);
        Octets mac = Octets.of(new byte[] {0x52, 0x54, 0, 0, 0, (byte) machine});
        ByteBuffer message = ByteBuffer.allocate(1_500);
        DhcpCodec.encode(
                new DhcpMessage(
                        true,
                        new HardwareAddress(HardwareAddress.ETHERNET, mac),
                        0,
                        transaction,
                        0,
                        true,
                        Ipv4Address.UNSPECIFIED,
                        Ipv4Address.UNSPECIFIED,
                        Ipv4Address.UNSPECIFIED,
                        Ipv4Address.UNSPECIFIED,
                        "",
                        "",
                        DhcpOptions.of(options)),
                message);
        String hex = HexFormat.of().formatHex(message.array(), 0, message.position());
        requests.write((hex + "\n").getBytes(US_ASCII));
        requests.flush();
        String answer = requireNonNull(answers.readLine(), what);
        assertThat(answer).as(what).isNotEqualTo("none");
        return DhcpCodec.decode(ByteBuffer.wrap(HexFormat.of().parseHex(answer)));
    }

    private Process start(Server server, boolean v6) throws Exception {
        Path program = copy(server.program(v6));
        Path config = configure(server, v6, "srv0");
        makeNetwork();
        Path leases = Files.createFile(directory.resolve("leases"));
        return inNamespace(
                server(),
                switch (server) {
                    case ISC ->
                        new String[] {
                            program.toString(),
                            "-f",
                            "-d",
                            v6 ? "-6" : "-4",
                            "--no-pid",
                            "-cf",
                            config.toString(),
                            "-lf",
                            leases.toString(),
                            "srv0"
                        };
                    case KEA -> new String[] {program.toString(), "-c", config.toString()};
                    case DNSMASQ ->
                        new String[] {
                            program.toString(),
                            "-k",
                            "-C",
                            config.toString(),
                            "--port=0",
                            "--user=root",
                            "--pid-file=",
                            "--log-facility=-",
                            "--interface=srv0",
                            "--bind-dynamic",
                            "--dhcp-leasefile=" + leases
                        };
                });
    }

    private Process startMachines(boolean v6) throws Exception {
        ForeignProgram.require(ForeignProgram.isInstalled("python3"), "the program python3");
        Path script = directory.resolve("dhcp_exchange.py");
        try (InputStream source =
                requireNonNull(ForeignDhcpServersTest.class.getResourceAsStream("dhcp_exchange.py"))) {
            Files.copy(source, script);
        }
        return inNamespace(client(), "python3", script.toString(), "cli0", v6 ? "6" : "4");
    }

    /** The generated text where its example says it belongs, and the example as the server's own file. */
    private Path configure(Server server, boolean v6, String card) throws IOException {
        String text = DhcpServerConfig.of(
                        new DhcpServerConfig.Rack(v6 ? "2001:db8::1" : RACK, 5248, 69, List.of()),
                        LoaderPreference.SIGNED_CHAIN,
                        CATALOG)
                .render(server.format);
        Path ours = Files.writeString(directory.resolve("ours" + v6), text);
        List<String> lines = text.lines().toList();
        int from = 0;
        while (!lines.get(from).contains("--- example")) {
            from++;
        }
        int to = from;
        while (!lines.get(to).contains("--- end of the example")) {
            to++;
        }
        String serverId = v6 ? "\"server-id\": {\"type\": \"LLT\", \"persist\": false}, " : "";
        String example = String.join(
                        "\n",
                        lines.subList(from + 1, to).stream()
                                .map(line -> line.replaceFirst("^(#|//) ?", ""))
                                .toList())
                .replaceAll("/etc/[a-z]+/rackboot6?4?\\.(conf|json)", ours.toString())
                .replace("eth0", card)
                .replaceAll(
                        "(\"subnet[46]\")",
                        "\"lease-database\": {\"type\": \"memfile\", \"persist\": false}, " + serverId + "$1");
        if (server == Server.DNSMASQ) {
            example += "\nconf-file=" + ours;
        }
        return Files.writeString(directory.resolve("theirs" + v6), example + "\n");
    }

    private void makeNetwork() throws Exception {
        ForeignProgram programs = new ForeignProgram(directory);
        boolean root = "root".equals(System.getProperty("user.name"));
        ForeignProgram.require(root, "root, who may make network namespaces");
        network = programs.run("ip", "netns", "add", server()).exitCode() == 0
                && programs.run("ip", "netns", "add", client()).exitCode() == 0;
        ForeignProgram.require(network, "network namespaces");
        for (String namespace : List.of(server(), client())) { // Nobody else is there who could have the same address.
            ForeignProgram.Said said = programs.run(
                    "ip",
                    "netns",
                    "exec",
                    namespace,
                    "sysctl",
                    "-qw",
                    "net.ipv6.conf.all.accept_dad=0",
                    "net.ipv6.conf.default.accept_dad=0");
            assertThat(said.exitCode()).as(said.text()).isZero();
        }
        for (String command : List.of(
                "-n %s link add srv0 type veth peer name cli0 netns %s".formatted(server(), client()),
                "-n %s addr add %s/24 dev srv0".formatted(server(), RACK),
                "-n %s -6 addr add 2001:db8::1/64 dev srv0 nodad".formatted(server()),
                "-n %s link set srv0 up".formatted(server()),
                "-n %s link set lo up".formatted(server()),
                "-n %s link set cli0 up".formatted(client()))) {
            List<String> words = new ArrayList<>(List.of("ip"));
            words.addAll(Arrays.asList(command.split(" ")));
            ForeignProgram.Said said = programs.run(words.toArray(String[]::new));
            assertThat(said.exitCode()).as("%s: %s", command, said.text()).isZero();
        }
    }

    private Process inNamespace(String namespace, String... command) throws IOException {
        List<String> words = new ArrayList<>(List.of("ip", "netns", "exec", namespace));
        words.addAll(Arrays.asList(command));
        ProcessBuilder builder = new ProcessBuilder(words)
                .redirectError(directory.resolve("server.log").toFile());
        if (!command[0].equals("python3")) {
            builder.redirectOutput(directory.resolve("output.log").toFile());
        }
        builder.environment().put("KEA_LOCKFILE_DIR", "none");
        builder.environment().put("KEA_PIDFILE_DIR", directory.toString());
        Process process = builder.start();
        processes.add(process);
        return process;
    }

    /** Under another name, where no profile of AppArmor keeps it from reading the test's files. */
    private Path copy(String program) throws IOException {
        ForeignProgram.require(
                ForeignProgram.isInstalled(program),
                "the program " + program + " (integration-tests/lab/packages.txt)");
        for (String place : System.getenv().getOrDefault("PATH", "").split(":")) {
            Path there = Path.of(place, program);
            if (Files.isExecutable(there)) {
                Path here = directory.resolve(program);
                return Files.exists(here) ? here : Files.copy(there.toRealPath(), here);
            }
        }
        throw new IllegalStateException(program);
    }

    private String server() {
        return "rb-srv-" + suffix;
    }

    private String client() {
        return "rb-cli-" + suffix;
    }

    private static ClientArchitectures type(int code) {
        return new ClientArchitectures(List.of(code));
    }

    private static Machine pxe(String name, String file, int type, NetworkInterfaceId card, DhcpOption asks) {
        VendorClass vendor = new VendorClass("PXEClient:Arch:%05d:UNDI:003000".formatted(type));
        return Machine.of(name, file, "", type(type), vendor, card, asks);
    }

    private static Bootloader loader(String method, String arch, String... files) {
        return new Bootloader(
                method,
                arch,
                "20261123",
                Arrays.stream(files)
                        .map(file -> new BootFile(file, "0".repeat(64), 1, "0".repeat(64), BootPhase.LOADER))
                        .toList());
    }
}
