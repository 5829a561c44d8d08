package org.rackboot.protocol.netconfig;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.rackboot.protocol.netconfig.EsxiNetwork.Verdict;

class EsxiNetworkTest {
    private static final String CARDS = """
            version: 2
            ethernets:
              a1: {match: {macaddress: "52:54:00:00:00:01"}}
              a2: {match: {macaddress: "52:54:00:00:00:02"}}
              a3: {match: {macaddress: "52:54:00:00:00:03"}, dhcp4: true}
            """;

    private static final String PRINT_WORDS = "printf '%s\\036' ";

    /** What a script finds on the host: eight cards, and an esxcli that prints its words. */
    private static final String HOST = """
            esxcli() {
              if [ "$*" = "network nic list" ]; then
                echo "Name    PCI Device    Driver  Admin Status  Link Status  Speed  Duplex  MAC Address        MTU   Description"
                echo "------  ------------  ------  ------------  -----------  -----  ------  -----------------  ----  -----------"
                for i in 0 1 2 3 4 5 6 7; do
                  echo "vmnic$i  0000:0b:0$i.0  ne1000  Up            Up           10000  Full    52:54:00:00:00:0$i  1500  Some card"
                done
                return
              fi
              printf '<%s>' "$@"; echo
              [ "$REFUSES" != "$3" ]
            }
            logger() { shift 2; printf 'LOG <%s>\\n' "$@" >&2; }
            network() { :; }
            """;

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            bonds: {b0: {interfaces: [a1, a2], parameters: {mode: balance-xor}}}    | REFUSED | bonds.b0.parameters.mode
            bonds: {b0: {interfaces: [a1, a2], parameters: {mode: broadcast}}}      | REFUSED | bonds.b0.parameters.mode
            bonds: {b0: {interfaces: [a1, a2], parameters: {mode: balance-tlb}}}    | REFUSED | bonds.b0.parameters.mode
            bonds: {b0: {interfaces: [a1, a2], parameters: {mode: balance-alb}}}    | REFUSED | bonds.b0.parameters.mode
            bonds: {b0: {interfaces: [a1, a2], parameters: {mode: 802.3ad}}}        | DROPPED | bonds.b0.parameters.mode
            bonds: {b0: {interfaces: [a1, a2], parameters: {gratuitous-arp: 3}}}    | DROPPED | bonds.b0.parameters.gratuitous-arp
            bonds: {b0: {interfaces: [a1, a2], macaddress: "52:54:00:00:00:02"}}    | none    | ``
            bonds: {b0: {interfaces: [a1, a2], macaddress: "52:54:00:00:00:09"}}    | DROPPED | bonds.b0.macaddress
            bridges: {br0: {interfaces: [a1]}}                                      | REFUSED | bridges.br0
            vlans: {v1: {id: 1, link: a1}, v2: {id: 2, link: v1}}                   | REFUSED | vlans.v2.link
            vlans: {v1: {id: 1, link: a1, mtu: 1200}}                               | REFUSED | vlans.v1.mtu
            bonds: {b0: {interfaces: [a1], mtu: 9001}}                              | REFUSED | bonds.b0.mtu
            bonds: {b0: {interfaces: [a1], mtu: 9000}}                              | none    | ``
            vlans: {v1: {id: 1, link: a1, addresses: [198.18.0.7/24], routes: [{to: 198.19.0.0/16, via: 198.18.0.1, table: 5}]}} | REFUSED | vlans.v1.routes
            vlans: {v1: {id: 1, link: a1, addresses: [198.18.0.7/24], routes: [{to: 198.19.0.0/16, via: 198.18.9.1, on-link: true}]}} | REFUSED | vlans.v1.routes
            vlans: {v1: {id: 1, link: a1, dhcp6: true, routes: [{to: default, via: "fe80::1"}]}} | REFUSED | vlans.v1.routes
            vlans: {v1: {id: 1, link: a1, dhcp6: true, dhcp6-overrides: {use-dns: false}}} | DROPPED | vlans.v1.dhcp6-overrides.use-dns
            vlans: {v1: {id: 1, link: a1, dhcp4: true, dhcp4-overrides: {use-dns: false}}} | none | ``
            """)
    void whatEsxiCannotDoIsNamedBeforeTheMachineBoots(String yaml, String verdict, String path) {
        EsxiNetwork esxi = EsxiNetwork.of(NetworkConfigTest.config(CARDS + yaml));

        if (verdict.equals("none")) {
            assertThat(esxi.findings()).isEmpty();
        } else {
            assertThat(esxi.findings()).singleElement().satisfies(each -> {
                assertThat(each.verdict()).isEqualTo(Verdict.valueOf(verdict));
                assertThat(each.path()).isEqualTo(path);
                assertThat(each.why()).isNotEmpty();
            });
        }
        assertThat(esxi.isRefused()).isEqualTo(verdict.equals("REFUSED"));
        assertThat(esxi.script().isEmpty()).isEqualTo(verdict.equals("REFUSED"));
    }

    @Test
    void aCardIsFoundByItsAddressOrNotAtAll() {
        assertThat(EsxiNetwork.of(NetworkConfigTest.config("{version: 2, ethernets: {a1: {dhcp4: true}}}"))
                        .findings())
                .singleElement()
                .hasToString(
                        "ethernets.a1.match refused (no macaddress): ESXi calls its cards vmnicN and finds this one by its"
                                + " address alone; write match: {macaddress: …}");
    }

    @Test
    void aHostThatNobodyReachesIsRefused() {
        assertThat(EsxiNetwork.of(NetworkConfigTest.config(
                                "{version: 2, ethernets: {a1: {match: {macaddress: '52:54:00:00:00:01'}}}}"))
                        .findings())
                .singleElement()
                .satisfies(each -> assertThat(each.verdict()).isEqualTo(Verdict.REFUSED));
    }

    @Test
    void theHostRunsWhatIsMeant() throws Exception {
        NetworkConfig config = NetworkConfigTest.config("""
                version: 2
                ethernets:
                  a1: {match: {macaddress: "52:54:00:00:00:01"}}
                  a2: {match: {macaddress: "52:54:00:00:00:02"}}
                  gone: {match: {macaddress: "52:54:00:00:00:99"}}
                bonds:
                  b0:
                    interfaces: [a1, gone, a2]
                    addresses: [198.18.0.7/24]
                    parameters: {mode: active-backup, primary: a2}
                """);

        assertThat(run("", EsxiNetwork.of(config).script()))
                .containsExactly(
                        "<network><vswitch><standard><uplink><add><--vswitch-name><vSwitch0><--uplink-name><vmnic1>",
                        "LOG <network: no card has the address 52:54:00:00:00:99>",
                        "<network><vswitch><standard><uplink><add><--vswitch-name><vSwitch0><--uplink-name><>",
                        "LOG <network: no card has the address 52:54:00:00:00:99>",
                        "<network><vswitch><standard><policy><failover><set><--vswitch-name><vSwitch0><--load-balancing>"
                                + "<explicit><--active-uplinks><vmnic2><--standby-uplinks><vmnic1><--failback><true>",
                        "<network><vswitch><standard><portgroup><policy><failover><set><--use-vswitch><--portgroup-name>"
                                + "<Management Network>");
    }

    @Test
    void aCommandThatFailsIsLoggedAndTheOthersRun() throws Exception {
        NetworkConfig config =
                NetworkConfigTest.config(CARDS + "vlans: {v1: {id: 7, link: a1}, v2: {id: 8, link: a2}}");

        List<String> said = run("standard", EsxiNetwork.of(config).script());

        assertThat(said).filteredOn(each -> each.startsWith("<")).hasSize(8);
        assertThat(said)
                .filteredOn(each -> each.startsWith("LOG <network: failed: esxcli network vswitch"))
                .hasSize(8);
    }

    @Test
    void everyLineIsOneCommandWhateverTheNamesAre() throws Exception {
        int rendered = 0;
        for (long seed = 0; seed < 60; seed++) {
            String script = EsxiNetwork.of(NetworkConfig.read(new RandomNetworks(seed).next())
                            .config()
                            .orElseThrow())
                    .script();
            long commands =
                    script.lines().filter(each -> each.startsWith("run ")).count();

            List<String> said = run("", script.replace("52:54:00:12:34:", "52:54:00:00:00:"));

            assertThat(said).as("seed %d", seed).hasSize((int) commands).allMatch(each -> each.startsWith("<network>"));
            rendered += script.isEmpty() ? 0 : 1;
        }
        assertThat(rendered).isGreaterThan(10);
    }

    @Test
    void aWordStaysOneWordOfTheShell() throws Exception {
        Random random = new Random(7);
        String alphabet = "ab '\"\\$`;&|<>(){}[]*?!#~=%-\n\té";
        List<String> words =
                new ArrayList<>(List.of("", "'", "$(reboot)", "`reboot`", "a;reboot", "-n", "x\n%end\ny", "a'b'c"));
        for (int i = 0; i < 300; i++) {
            StringBuilder word = new StringBuilder();
            for (int j = random.nextInt(12); j > 0; j--) {
                word.append(alphabet.charAt(random.nextInt(alphabet.length())));
            }
            words.add(word.toString());
        }
        String script = PRINT_WORDS
                + String.join(" ", words.stream().map(EsxiScript::quote).toList());

        assertThat(shell(script).split("\u001e", -1))
                .startsWith(words.toArray(String[]::new))
                .hasSize(words.size() + 1);
    }

    /** What the first boot says: each command's words, each line of the log. */
    private static List<String> run(String refuses, String script) throws Exception {
        String plain = script.replaceAll("(?m)^%firstboot.*$", "");
        return shell("REFUSES=" + refuses + "\n" + HOST + plain).lines().toList();
    }

    private static String shell(String script) throws IOException, InterruptedException {
        Process shell = new ProcessBuilder("sh").redirectErrorStream(true).start();
        try (var in = shell.getOutputStream()) {
            in.write(script.getBytes(UTF_8));
        }
        String said = new String(shell.getInputStream().readAllBytes(), UTF_8);
        assertThat(shell.waitFor(30, TimeUnit.SECONDS)).isTrue();
        return said;
    }
}
