package org.rackboot.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Broadcasts on a network of the test's own: rackboot and a plain DHCP server (BusyBox) in one network namespace, machines in
 * another. Needs root.
 */
@Timeout(240)
class ProxyDhcpTest {
    private static final String RACK = "198.18.77.1";
    private static final String MAC = "52:54:00:0b:00:07";

    @TempDir
    Path directory;

    private final String rackSide = "rbd" + ProcessHandle.current().pid() + "s";
    private final String machineSide = "rbd" + ProcessHandle.current().pid() + "m";
    private final List<Process> started = new ArrayList<>();
    private ForeignProgram foreign;

    @BeforeEach
    void twoNamespacesAndALink() throws Exception {
        foreign = new ForeignProgram(directory);
        ForeignProgram.require("root".equals(System.getProperty("user.name")), "root, who may make network namespaces");
        for (String program : List.of("ip", "busybox", "python3")) {
            ForeignProgram.require(ForeignProgram.isInstalled(program), "the program " + program);
        }
        ip("netns add " + rackSide);
        ip("netns add " + machineSide);
        ip("-n " + rackSide + " link set lo up");
        twoEndsOfALink();
    }

    private void twoEndsOfALink() throws Exception {
        ip("link add r0 netns " + rackSide + " type veth peer name m0 netns " + machineSide);
        ip("-n " + rackSide + " address add " + RACK + "/24 dev r0");
        ip("-n " + rackSide + " link set r0 up");
        ip("-n " + machineSide + " link set m0 up");
    }

    @AfterEach
    void nothingIsLeft() throws Exception {
        for (Process each : started) {
            each.destroyForcibly().waitFor();
        }
        foreign.run("ip", "netns", "delete", rackSide);
        foreign.run("ip", "netns", "delete", machineSide);
    }

    @Test
    void machinesAreToldWhatToLoadBesideADhcpServerThatGoesOnUndisturbed() throws Exception {
        Path state = stateWithLoaders();
        try (Program rackboot =
                Program.serveIn(rackSide, state, "--bind", RACK, "--dhcp", "proxy", "--interface", "r0")) {
            assertThat(rackboot.log())
                    .contains("proxyDHCP   198.18.77.1:67\n")
                    .contains("PXE         198.18.77.1:4011\n");
            assertThat(ask("0"))
                    .containsExactly(
                            "from 198.18.77.1:67 type 2 address 0.0.0.0 next 198.18.77.1 server 198.18.77.1 class PXEClient"
                                    + " file lpxelinux.0 option67 lpxelinux.0");

            Path served = dhcpServer();
            await().atMost(Duration.ofSeconds(20)).until(() -> rackboot.log().contains("Another DHCP server runs"));
            Path client = dhcpClient();
            await().atMost(Duration.ofSeconds(20))
                    .until(() -> Files.readString(client).contains("bound 198.18.77.1"));

            assertThat(ask("7"))
                    .as("%s", Files.readString(served))
                    .contains("from 198.18.77.1:67 type 2 address 0.0.0.0 next 198.18.77.1 server 198.18.77.1 class"
                            + " PXEClient file - option67 -");
            assertThat(ask("16"))
                    .anyMatch(answer -> answer.matches(".* class HTTPClient file http://198\\.18\\.77\\.1:\\d+"
                            + "/bootx64\\.efi option67 http://.*"));
            assertThat(ask("7", "REQUEST", RACK))
                    .containsExactly(
                            "from 198.18.77.1:4011 type 5 address 0.0.0.0 next 198.18.77.1 server 198.18.77.1 class PXEClient"
                                    + " file bootx64.efi option67 bootx64.efi");
            renew();
            await().atMost(Duration.ofSeconds(20))
                    .until(() -> Files.readString(client).contains("renew 198.18.77.1"));
            assertThat(Files.readString(client))
                    .as("it heard what was sent to it alone")
                    .contains("sending renew to server")
                    .doesNotContain("broadcasting renew");
            ip("-n " + rackSide + " link delete r0");
            await().atMost(Duration.ofSeconds(20)).until(() -> rackboot.log().contains("no longer answered on r0"));
            twoEndsOfALink();
            await().atMost(Duration.ofSeconds(20)).until(() -> rackboot.log().contains("DHCP is answered on r0"));
            assertThat(ask("0")).anyMatch(answer -> answer.startsWith("from 198.18.77.1:67 type 2 address 0.0.0.0"));
            assertThat(rackboot.log()).contains(MAC + " dhcp loader lpxelinux.0: offered (x86 BIOS (type 0))");
        }
    }

    private Path stateWithLoaders() throws Exception {
        Path state = directory.resolve("state");
        SignedStream stream = SignedStream.of(1, "20260115", 1 << 20);
        Path keyring = Files.write(directory.resolve("keyring.gpg"), stream.keyring());
        try (StreamServer source = new StreamServer(stream.files());
                Program region = Program.serve(state)) {
            for (String line : List.of(
                    "sources add " + source.url() + " --keyring " + keyring + " --name test",
                    "selections add --os ubuntu --release noble --arch amd64",
                    "images import --wait")) {
                Program.Result result = region.run(line.split(" "));
                assertThat(result.exitCode()).as(result.err()).isZero();
            }
            region.terminate();
        }
        return state;
    }

    /** BusyBox's, which knows nothing of booting. */
    private Path dhcpServer() throws IOException {
        Path configuration = directory.resolve("udhcpd.conf");
        Path leases = Files.createFile(directory.resolve("leases"));
        Files.writeString(configuration, """
                start 198.18.77.100
                end 198.18.77.199
                interface r0
                lease_file %s
                pidfile %s
                option subnet 255.255.255.0
                option lease 3600
                """.formatted(leases, directory.resolve("udhcpd.pid")));
        return start(rackSide, "busybox", "udhcpd", "-f", configuration.toString());
    }

    private Path dhcpClient() throws IOException {
        Path script = Files.writeString(
                directory.resolve("udhcpc.sh"),
                "#!/bin/sh\necho \"$1 $ip\"\n[ \"$1\" != bound ] || ip address add $ip/24 dev $interface\n");
        Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwxr-xr-x"));
        return start(machineSide, "busybox", "udhcpc", "-f", "-i", "m0", "-s", script.toString());
    }

    /** Asks the DHCP server, and nobody else, to prolong the lease. */
    private void renew() throws Exception {
        Process client = started.get(started.size() - 1);
        assertThat(foreign.run("kill", "-USR1", Long.toString(client.pid())).exitCode())
                .isZero();
    }

    /** What comes within two seconds of a request. */
    private List<String> ask(String architecture, String... more) throws Exception {
        Path script = directory.resolve("ask_proxy.py");
        try (InputStream in = Objects.requireNonNull(ProxyDhcpTest.class.getResourceAsStream("ask_proxy.py"))) {
            Files.write(script, in.readAllBytes());
        }
        List<String> line =
                new ArrayList<>(List.of("ip", "netns", "exec", machineSide, "python3", script.toString(), "m0", MAC));
        line.add(architecture);
        line.addAll(Arrays.asList(more));
        ForeignProgram.Said said = foreign.run(line.toArray(String[]::new));
        assertThat(said.exitCode()).as(said.text()).isZero();
        return said.text().lines().toList();
    }

    private Path start(String namespace, String... command) throws IOException {
        List<String> line = new ArrayList<>(List.of("ip", "netns", "exec", namespace));
        line.addAll(List.of(command));
        Path output = Files.createTempFile(directory, "said", ".log");
        started.add(new ProcessBuilder(line)
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start());
        return output;
    }

    private void ip(String arguments) throws Exception {
        List<String> line = new ArrayList<>(List.of("ip"));
        line.addAll(List.of(arguments.split(" ")));
        ForeignProgram.Said said = foreign.run(line.toArray(String[]::new));
        assertThat(said.exitCode()).as("ip %s: %s", arguments, said.text()).isZero();
    }
}
