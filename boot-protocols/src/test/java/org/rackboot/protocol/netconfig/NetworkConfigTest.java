package org.rackboot.protocol.netconfig;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.rackboot.protocol.netconfig.NetworkConfig.Problem;
import org.rackboot.protocol.netconfig.NetworkConfig.Reading;
import org.yaml.snakeyaml.Yaml;

class NetworkConfigTest {

    /** Each row: what is wrong, where it is said, and what of the words. Without {@code version:}, it is put before. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            [1, 2]                                                                  | ``                             | is an object
            {version: 1, ethernets: {a1: {}}}                                       | version                        | is 1; write 2
            {ethernets: {a1: {}}, version: null}                                    | version                        | is missing
            {}                                                                      | ``                             | names no interface
            ethernets: []                                                           | ethernets                      | is a list; write an object
            ethernets: {a1: 7}                                                      | ethernets.a1                   | is 7; write an object
            ethernets: {7: {}}                                                      | ethernets                      | has the name 7
            ethernets: {abcdefghijklmnop: {}}                                       | ethernets.abcdefghijklmnop     | 16 characters; Linux allows 1 to 15
            ethernets: {"a b": {}}                                                  | ethernets.a b                  | use letters
            ethernets: {"a;reboot": {}}                                             | ethernets.a;reboot             | use letters
            ethernets: {lo: {}}                                                     | ethernets.lo                   | means something else
            ethernets: {"12": {}}                                                   | ethernets.12                   | means something else
            ethernets: {a1: {dhpc4: true}}                                          | ethernets.a1.dhpc4             | is unknown; did you mean 'dhcp4'?
            ethernets: {a1: {routing-policy: []}}                                   | ethernets.a1.routing-policy    | is not supported; leave it out
            wifis: {}                                                               | wifis                          | takes ethernets, bonds, vlans and bridges
            renderer: networkd                                                      | renderer                       | the image decides
            ethernets: {a1: {dhcp4: maybe}}                                         | ethernets.a1.dhcp4             | is 'maybe'; use true or false
            ethernets: {a1: {match: {macaddress: 52:54:00:12:34:56}}}               | ethernets.a1.match.macaddress  | YAML reads digits with colons as a number
            ethernets: {a1: {match: {macaddress: "53:54:00:12:34:56"}}}             | ethernets.a1.match.macaddress  | the address of one card
            ethernets: {a1: {match: {name: "en*"}}}                                 | ethernets.a1.match.name        | several cards may match
            ethernets: {a1: {macaddress: "52:54:00:12:34:56"}}                      | ethernets.a1.macaddress        | write match
            ethernets: {a1: {set-name: b1}}                                         | ethernets.a1.set-name          | needs match
            ethernets: {a1: {match: {macaddress: "52:54:00:00:00:01"}}, a2: {match: {macaddress: "52-54-00-00-00-01"}}} | ethernets.a2.match.macaddress | is ethernets.a1's, too
            ethernets: {a1: {match: {macaddress: "52:54:00:00:00:01"}, set-name: a2}, a2: {}} | ethernets.a2         | would be called 'a2'
            {ethernets: {a1: {}}, vlans: {a1: {id: 1, link: a1}}}                   | vlans.a1                       | has the name of ethernets.a1
            ethernets: {a1: {mtu: 67}}                                              | ethernets.a1.mtu               | is 67; use 68 to 65536
            ethernets: {a1: {mtu: 65537}}                                           | ethernets.a1.mtu               | use 68 to 65536
            ethernets: {a1: {mtu: 1500.5}}                                          | ethernets.a1.mtu               | use 68 to 65536
            ethernets: {a1: {mtu: 1000, dhcp6: true}}                               | ethernets.a1.mtu               | IPv6 needs 1280
            ethernets: {a1: {addresses: [198.18.0.7]}}                              | ethernets.a1.addresses[0]      | prefix, too, as 198.18.0.7/24
            ethernets: {a1: {addresses: [198.18.0.07/24]}}                          | ethernets.a1.addresses[0]      | an address with its prefix
            ethernets: {a1: {addresses: [198.18.0.7/33]}}                           | ethernets.a1.addresses[0]      | an address with its prefix
            ethernets: {a1: {addresses: [{198.18.0.7/24: {label: x}}]}}             | ethernets.a1.addresses[0]      | labels and lifetimes
            ethernets: {a1: {addresses: [198.18.0.0/24]}}                           | ethernets.a1.addresses[0]      | is the network itself
            ethernets: {a1: {addresses: [198.18.0.255/24]}}                         | ethernets.a1.addresses[0]      | broadcast address
            ethernets: {a1: {addresses: ["2001:db8::/64"]}}                         | ethernets.a1.addresses[0]      | is the network itself
            ethernets: {a1: {addresses: [224.0.0.1/24]}}                            | ethernets.a1.addresses[0]      | no address that an interface can have
            ethernets: {a1: {addresses: ["::ffff:198.18.0.7/120"]}}                 | ethernets.a1.addresses[0]      | no address that an interface can have
            ethernets: {a1: {addresses: [127.0.0.1/8]}}                             | ethernets.a1.addresses[0]      | no address that an interface can have
            ethernets: {a1: {addresses: [198.18.0.7/0]}}                            | ethernets.a1.addresses[0]      | a prefix of 0 bits
            ethernets: {a1: {addresses: [198.18.0.7/24, 198.18.0.7/25]}}            | ethernets.a1.addresses[1]      | is there twice
            ethernets: {a1: {addresses: [198.18.0.7/24]}, a2: {addresses: [198.18.0.7/24]}} | ethernets.a2.addresses[0] | is ethernets.a1's, too
            ethernets: {a1: {gateway4: 198.18.0.1}}                                 | ethernets.a1.routes            | has no IPv4 address
            ethernets: {a1: {addresses: [198.18.0.7/24], gateway4: 198.18.1.1}}     | ethernets.a1.routes            | is in no IPv4 network
            ethernets: {a1: {addresses: [198.18.0.7/24], gateway4: 198.18.0.7}}     | ethernets.a1.routes            | the interface's own address
            ethernets: {a1: {addresses: [198.18.0.7/24], gateway4: "2001:db8::1"}}  | ethernets.a1.gateway4          | one IPv4 address
            ethernets: {a1: {dhcp4: true, routes: [{to: 198.19.0.0/16}]}}           | ethernets.a1.routes[0].via     | is missing
            ethernets: {a1: {dhcp4: true, routes: [{via: 198.18.0.1}]}}             | ethernets.a1.routes[0].to      | is missing
            ethernets: {a1: {dhcp4: true, routes: [{to: 198.19.0.7/16, via: 198.18.0.1}]}} | ethernets.a1.routes[0].to | write 198.19.0.0/16, or 198.19.0.7/32
            ethernets: {a1: {dhcp4: true, routes: [{to: "2001:db8::/32", via: 198.18.0.1}]}} | ethernets.a1.routes[0].via | a gateway of the same family
            ethernets: {a1: {dhcp4: true, routes: [{to: default, via: 198.18.0.1, metric: -1}]}} | ethernets.a1.routes[0].metric | use 0 to 4294967295
            ethernets: {a1: {dhcp4: true, routes: [{to: default, via: 198.18.0.1, table: 0}]}} | ethernets.a1.routes[0].table | use 1 to
            ethernets: {a1: {dhcp4: true, routes: [{to: default, via: 198.18.0.1, type: blackhole}]}} | ethernets.a1.routes[0].type | is not supported
            ethernets: {a1: {dhcp4: true, gateway4: 198.18.0.1, routes: [{to: 0.0.0.0/0, via: 198.18.0.2}]}} | ethernets.a1.routes | give one another metric
            ethernets: {a1: {nameservers: {addresses: [dns.example.com]}}}          | ethernets.a1.nameservers.addresses[0] | the address of a name server
            ethernets: {a1: {nameservers: {search: ["~."]}}}                        | ethernets.a1.nameservers.search[0] | write a domain
            ethernets: {a1: {link-local: [ipv5]}}                                   | ethernets.a1.link-local        | a list of ipv4, ipv6
            ethernets: {a1: {dhcp4: true, dhcp6: true, dhcp4-overrides: {use-dns: false}}} | ethernets.a1.dhcp6-overrides.use-dns | is true, and dhcp4-overrides.use-dns is false
            ethernets: {a1: {dhcp4: true, dhcp6: true, dhcp6-overrides: {use-ntp: false}, dhcp4-overrides: {use-ntp: true}}} | ethernets.a1.dhcp6-overrides.use-ntp | is false, and dhcp4-overrides.use-ntp is true; netplan takes one value
            ethernets: {a1: {dhcp4: true, dhcp6: true, dhcp4-overrides: {route-metric: 0}}} | ethernets.a1.dhcp6-overrides.route-metric | is left out, and dhcp4-overrides.route-metric is 0
            vlans: {v1: {id: 0, link: a1}}                                          | vlans.v1.id                    | use 1 to 4094
            vlans: {v1: {id: 4095, link: a1}}                                       | vlans.v1.id                    | use 1 to 4094
            vlans: {v1: {link: a1}}                                                 | vlans.v1.id                    | is missing
            vlans: {v1: {id: 1}}                                                    | vlans.v1.link                  | is missing
            {ethernets: {eno1: {}}, vlans: {v1: {id: 1, link: eno}}}                | vlans.v1.link                  | there is no interface 'eno'; did you mean 'eno1'?
            {ethernets: {a1: {}}, vlans: {v1: {id: 1, link: a1}, v2: {id: 1, link: a1}}} | vlans.v2.id               | VLAN 1 of a1 is vlans.v1 already
            {ethernets: {a1: {}}, vlans: {v1: {id: 1, link: a1, mtu: 9000}}}        | vlans.v1.mtu                   | a1, which carries it, has 1500
            vlans: {v1: {id: 1, link: v2}, v2: {id: 2, link: v1}}                   | vlans.v1                       | is made of itself: v1 -> v2 -> v1
            {vlans: {v1: {id: 1, link: br0}}, bridges: {br0: {interfaces: [v1]}}}   | vlans.v1                       | is made of itself
            {vlans: {v1: {id: 1, link: bond0}}, bonds: {bond0: {interfaces: [v1]}}} | bonds.bond0.interfaces[0]      | a bond takes ethernets
            bonds: {bond0: {}}                                                      | bonds.bond0.interfaces         | name the cards
            {ethernets: {a1: {}}, bonds: {b0: {interfaces: [a1]}, b1: {interfaces: [a1]}}} | bonds.b1.interfaces[0]  | is a member of b0 already
            {ethernets: {a1: {dhcp4: true}}, bonds: {b0: {interfaces: [a1]}}}       | ethernets.a1                   | belongs to bonds.b0; write addresses
            {ethernets: {a1: {}}, bonds: {b0: {interfaces: [a1]}}, vlans: {v1: {id: 1, link: a1}}} | vlans.v1.link   | write link: b0
            {ethernets: {a1: {}}, bonds: {b0: {interfaces: [a1], parameters: {mode: 4}}}} | bonds.b0.parameters.mode | is 4; use one of balance-rr
            {ethernets: {a1: {}}, bonds: {b0: {interfaces: [a1], parameters: {lacp-rate: fast}}}} | bonds.b0.parameters.lacp-rate | means nothing in mode balance-rr; leave it out, or use mode 802.3ad
            {ethernets: {a1: {}}, bonds: {b0: {interfaces: [a1], parameters: {mode: active-backup, primary: a2}}}} | bonds.b0.parameters.primary | is no member of the bond; did you mean 'a1'?
            {ethernets: {a1: {}}, bonds: {b0: {interfaces: [a1], parameters: {up-delay: 5}}}} | bonds.b0.parameters.up-delay | needs mii-monitor-interval
            {ethernets: {a1: {}}, bonds: {b0: {interfaces: [a1], parameters: {arp-interval: 5}}}} | bonds.b0.parameters.arp-ip-targets | is missing
            {ethernets: {a1: {}}, bonds: {b0: {interfaces: [a1], parameters: {arp-interval: 5, arp-ip-targets: [198.18.0.1], mii-monitor-interval: 100}}}} | bonds.b0.parameters.arp-interval | exclude each other
            {ethernets: {a1: {}}, bonds: {b0: {interfaces: [a1], parameters: {gratuitous-arp: 256}}}} | bonds.b0.parameters.gratuitous-arp | use 1 to 255
            {ethernets: {a1: {}}, bonds: {b0: {interfaces: [a1], parameters: {mii-monitor-interval: 100ms}}}} | bonds.b0.parameters.mii-monitor-interval | is '100ms'; use 0 to
            bridges: {br0: {parameters: {forward-delay: 31}}}                       | bridges.br0.parameters.forward-delay | use 0 to 30
            bridges: {br0: {parameters: {path-cost: {a1: 5}}}}                      | bridges.br0.parameters.path-cost | is no member of the bridge
            bridges: {br0: {}, br1: {interfaces: [br0]}}                            | bridges.br1.interfaces[0]      | no bridge into a bridge
            bridges: {br0: {interfaces: br1}}                                       | bridges.br0.interfaces         | is 'br1'; write a list
            """)
    void whatIsWrongIsNamedWithWhatToWriteInstead(String yaml, String path, String words) {
        Object tree = new Yaml().load(yaml);
        if (tree instanceof Map<?, ?> map && !map.containsKey("version")) {
            Map<Object, Object> copy = new LinkedHashMap<>(map);
            copy.put("version", 2);
            tree = copy;
        }

        Reading reading = NetworkConfig.read(tree);

        assertThat(reading.config()).isEmpty();
        assertThat(reading.problems()).as("%s", reading.problems()).anySatisfy(each -> {
            assertThat(each.path()).isEqualTo(path);
            assertThat(each.message()).contains(words);
        });
        assertThat(reading.problems().size()).as("%s", reading.problems()).isLessThanOrEqualTo(2);
    }

    @Test
    void everythingThatIsWrongIsSaidAtOnce() {
        Reading reading = read("""
                version: 2
                renderer: networkd
                ethernets:
                  eno1: {dhcp: true, mtu: 1}
                bonds:
                  bond0: {interfaces: [eno1], parameters: {mode: lacp}}
                """);

        assertThat(reading.problems())
                .extracting(Problem::path)
                .containsExactly(
                        "ethernets.eno1.mtu", "ethernets.eno1.dhcp", "bonds.bond0.parameters.mode", "renderer");
    }

    @Test
    void whatIsMeantIsKeptInOneForm() {
        NetworkConfig config = config("""
                network:
                  version: "2"
                  ethernets:
                    second:
                      match: {macaddress: 52-54-00-AB-CD-02}
                      set-name: eno2
                      dhcp4: no
                    eno1:
                      addresses: [auto, 198.18.1.7/24, 2001:DB8:0::7/64]
                      gateway4: 198.18.1.1
                      routes: [{to: 198.51.100.9, via: 198.18.1.1}]
                      nameservers: {search: [Example.COM]}
                  vlans:
                    v10: {id: "10", link: second}
                """);

        assertThat(config.tree().toString())
                .isEqualTo("{version=2, ethernets={eno1={dhcp4=true, addresses=[198.18.1.7/24, 2001:db8::7/64],"
                        + " routes=[{to=0.0.0.0/0, via=198.18.1.1}, {to=198.51.100.9/32, via=198.18.1.1}],"
                        + " nameservers={search=[example.com]}}, eno2={match={macaddress=52:54:00:ab:cd:02},"
                        + " set-name=eno2}}, vlans={v10={id=10, link=eno2}}}");
    }

    @Test
    void aGatewayMayBeOutsideOfItsNetworkOnLinkOrBehindDhcpOrLinkLocal() {
        config("""
                version: 2
                ethernets:
                  a1: {addresses: [198.18.0.7/32], routes: [{to: default, via: 198.18.9.1, on-link: true}]}
                  a2: {dhcp4: true, routes: [{to: 198.19.0.0/16, via: 198.18.9.1}]}
                  a3: {addresses: ["2001:db8::7/64"], routes: [{to: default, via: "fe80::1"}]}
                """);
    }

    @Test
    void overridesThatAreTheSameOrOfOneFamilyAreTaken() {
        config("""
                version: 2
                ethernets:
                  a1: {dhcp4: true, dhcp6: true, dhcp4-overrides: {use-dns: false, route-metric: 5}, dhcp6-overrides: {use-dns: no, route-metric: 5}}
                  a2: {dhcp4: true, dhcp6: true, dhcp4-overrides: {use-mtu: true}}
                  a3: {dhcp4: true, dhcp4-overrides: {use-dns: false}, dhcp6-overrides: {use-dns: true}}
                """);
    }

    @Test
    void everyListHasABound() {
        Map<String, Object> many = new LinkedHashMap<>();
        for (int i = 0; i < 257; i++) {
            many.put("e" + i, Map.of("dhcp4", true));
        }
        assertThat(NetworkConfig.read(Map.of("version", 2, "ethernets", many)).problems())
                .singleElement()
                .hasToString("ethernets: has too many interfaces; a machine may have 256 in all");

        many.remove("e256");
        assertThat(NetworkConfig.read(Map.of("version", 2, "ethernets", many)).config())
                .isPresent();

        List<Object> addresses = new ArrayList<>();
        for (int i = 1; i <= 65; i++) {
            addresses.add("198.18.0." + i + "/24");
        }
        assertThat(problemsOf(Map.of("addresses", addresses)))
                .containsExactly("ethernets.a1.addresses: has 65 entries; use 64 at most");
        assertThat(problemsOf(Map.of("addresses", addresses.subList(0, 64)))).isEmpty();

        List<Object> routes = new ArrayList<>();
        for (int i = 0; i < 129; i++) {
            routes.add(Map.of("to", "203.0." + i + ".0/24", "via", "198.18.0.1"));
        }
        Map<String, Object> link = Map.of("dhcp4", true, "routes", routes);
        assertThat(NetworkConfig.read(Map.of("version", 2, "ethernets", Map.of("a1", link, "a2", link)))
                        .problems())
                .singleElement()
                .hasToString("ethernets.a2.routes: are too many; a machine may have 256 in all");
    }

    @Test
    void problemsAreBoundedAndShort() {
        Map<String, Object> many = new LinkedHashMap<>();
        for (int i = 0; i < 256; i++) {
            many.put("\u202e\n" + "x".repeat(10_000) + i, "y".repeat(10_000));
        }

        List<Problem> problems =
                NetworkConfig.read(Map.of("version", 2, "ethernets", many)).problems();

        assertThat(problems).hasSize(65).last().hasToString("192 more problems; correct these first");
        assertThat(problems)
                .allSatisfy(
                        each -> assertThat(each.toString()).hasSizeLessThan(300).doesNotContain("\n", "\u202e"));
    }

    static LongStream seeds() {
        return LongStream.range(0, 300);
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void theCanonicalFormMeansTheSameAndItsYamlToo(long seed) {
        Object drawn = new RandomNetworks(seed).next();
        Reading reading = NetworkConfig.read(drawn);
        assertThat(reading.problems()).as("%s", drawn).isEmpty();
        NetworkConfig config = reading.config().orElseThrow();

        assertThat(NetworkConfig.read(config.tree()).config()).contains(config);
        assertThat(NetworkConfig.read(new Yaml().load(NetworkConfigV2.render(config)))
                        .config())
                .contains(config);
        assertThat(NetworkConfig.read(config.tree()).config().orElseThrow().tree())
                .isEqualTo(config.tree());
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void whateverIsReadIsTakenOrRefusedInWords(long seed) {
        RandomNetworks random = new RandomNetworks(seed);
        for (int i = 0; i < 20; i++) {
            Reading reading = NetworkConfig.read(random.broken(random.next()));
            assertThat(reading.config().isEmpty()).isEqualTo(!reading.problems().isEmpty());
            assertThat(reading.problems())
                    .allSatisfy(each -> assertThat(each.toString()).hasSizeLessThan(600));
            reading.config().ifPresent(config -> {
                assertThat(NetworkConfig.read(config.tree()).config()).contains(config);
                EsxiNetwork.of(config);
            });
        }
    }

    private static List<String> problemsOf(Map<String, Object> link) {
        return NetworkConfig.read(Map.of("version", 2, "ethernets", Map.of("a1", link))).problems().stream()
                .map(Problem::toString)
                .toList();
    }

    private static Reading read(String yaml) {
        return NetworkConfig.read(new Yaml().load(yaml));
    }

    static NetworkConfig config(String yaml) {
        Reading reading = read(yaml);
        assertThat(reading.problems()).isEmpty();
        return reading.config().orElseThrow();
    }
}
