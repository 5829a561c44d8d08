package org.rackboot.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rackboot.protocol.netconfig.NetworkConfig;
import org.rackboot.protocol.netconfig.NetworkConfig.Reading;
import org.rackboot.protocol.netconfig.NetworkConfigV2;
import tools.jackson.dataformat.yaml.YAMLMapper;

/**
 * What is rendered for cloud-init, in netplan, to which cloud-init hands it on Ubuntu: accepted, without a warning, and meant as it
 * was written. Only files below a temporary directory are made of it.
 */
class NetworkConfigSchemaTest {
    private static final String CARDS = """
            version: 2
            ethernets:
              eno1: {match: {macaddress: "52:54:00:12:34:51"}, wakeonlan: true, mtu: 9000}
              eno2: {match: {macaddress: "52:54:00:12:34:52"}, mtu: 9000}
              eno3:
                match: {macaddress: "52:54:00:12:34:53"}
                addresses: [auto, 198.18.3.7/24, 198.18.4.7/24, "2001:db8::7/64"]
                dhcp4-overrides: {route-metric: 50, use-dns: false, use-ntp: false, use-mtu: false, send-hostname: false, use-hostname: false, use-routes: true}
                routes:
                  - {to: default, via: "fe80::1"}
                  - {to: 198.19.0.0/16, via: 198.18.3.1, metric: 10, table: 100}
                  - {to: 198.51.100.9, via: 198.18.99.1, on-link: true}
                nameservers: {addresses: [198.18.0.2, "2001:db8::53"], search: [example.com]}
                accept-ra: false
                link-local: [ipv4, ipv6]
                optional: true
                critical: true
                dhcp-identifier: mac
                ipv6-privacy: true
              "on":
                match: {macaddress: "52:54:00:12:34:54"}
                dhcp6: true
                link-local: []
            """;

    @TempDir
    Path directory;

    @Test
    void netplanTakesAVlanOnABond() throws Exception {
        String made = netplan(CARDS + """
                bonds:
                  bond0:
                    interfaces: [eno1, eno2]
                    macaddress: "52:54:00:12:34:52"
                    mtu: 9000
                    parameters: {mode: 802.3ad, lacp-rate: fast, mii-monitor-interval: 100, transmit-hash-policy: layer3+4, min-links: 1, ad-select: bandwidth, up-delay: 200, down-delay: 200}
                vlans:
                  bond0.100: {id: 100, link: bond0, addresses: [198.18.0.7/24], gateway4: 198.18.0.1}
                """);

        assertThat(made)
                .contains("Mode=802.3ad", "LACPTransmitRate=fast", "TransmitHashPolicy=layer3+4", "MIIMonitorSec=100ms")
                .contains("Id=100", "Address=198.18.0.7/24", "Gateway=198.18.0.1")
                .contains("Bond=bond0", "VLAN=bond0.100", "MTUBytes=9000", "WakeOnLan=magic")
                .contains("MACAddress=52:54:00:12:34:53", "DHCP=ipv4", "Address=198.18.4.7/24")
                .contains("Name=on", "DHCP=ipv6", "Domains=example.com", "GatewayOnLink=true");
    }

    @Test
    void netplanTakesEveryParameterOfABond() throws Exception {
        String made = netplan(CARDS + """
                bonds:
                  bond0:
                    interfaces: [eno1]
                    parameters: {mode: active-backup, primary: eno1, primary-reselect-policy: better, gratuitous-arp: 3, fail-over-mac-policy: active, arp-interval: 100, arp-ip-targets: [198.18.0.1], arp-validate: all, arp-all-targets: any, all-slaves-active: true}
                  bond1:
                    interfaces: [eno2]
                    parameters: {mode: balance-alb, learn-packet-interval: 2, mii-monitor-interval: 50}
                """);

        assertThat(made)
                .contains(
                        "Mode=active-backup",
                        "PrimaryReselectPolicy=better",
                        "ARPIPTargets=198.18.0.1",
                        "GratuitousARP=3")
                .contains("Mode=balance-alb", "LearnPacketIntervalSec=2");
    }

    @Test
    void netplanTakesABridgeOnAVlan() throws Exception {
        String made = netplan(CARDS + """
                vlans:
                  v7: {id: 7, link: eno1}
                bridges:
                  br0:
                    interfaces: [v7, eno2]
                    macaddress: "52:54:00:12:34:51"
                    parameters: {stp: true, forward-delay: 4, hello-time: 2, max-age: 12, ageing-time: 300, priority: 4096, path-cost: {v7: 50}, port-priority: {v7: 10}}
                    addresses: [198.18.0.7/24]
                """);

        assertThat(made)
                .contains("STP=true", "ForwardDelaySec=4", "HelloTimeSec=2", "MaxAgeSec=12", "Priority=4096")
                .contains("Cost=50", "Bridge=br0");
    }

    /** All that netplan makes of a configuration, one file after the other. */
    private String netplan(String written) throws IOException, InterruptedException {
        Reading reading = NetworkConfig.read(YAMLMapper.builder().build().readValue(written, Object.class));
        assertThat(reading.problems()).isEmpty();
        String rendered = NetworkConfigV2.render(reading.config().orElseThrow());
        Path file = directory.resolve("root/etc/netplan/50-cloud-init.yaml");
        Files.createDirectories(file.getParent());
        Files.writeString(file, "network:\n" + rendered.indent(2)); // as cloud-init wraps it
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));

        ForeignProgram.Said said = new ForeignProgram(directory)
                .run(
                        "netplan",
                        "generate",
                        "--root-dir",
                        directory.resolve("root").toString());

        assertThat(said.exitCode()).as("%s\n%s", said.text(), rendered).isZero();
        assertThat(said.text()).as(rendered).isEmpty();
        try (Stream<Path> files = Files.walk(directory.resolve("root/run/systemd/network"))) {
            return files.filter(Files::isRegularFile)
                    .sorted()
                    .map(NetworkConfigSchemaTest::text)
                    .collect(Collectors.joining());
        }
    }

    private static String text(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
