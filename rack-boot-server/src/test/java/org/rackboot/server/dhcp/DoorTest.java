package org.rackboot.server.dhcp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.rackboot.server.dhcp.Packets.address;

import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.rackboot.protocol.address.Ipv4Address;

class DoorTest {
    private static final Link LO = link("lo", true, false, "127.0.0.1/8");
    private static final Link ETH0 = link("eth0", false, true, "198.18.0.1/24", "198.18.1.1/24");
    private static final Link ETH1 = link("eth1", false, true, "198.18.2.1/24");
    private static final Link TUNNEL = link("wg0", false, false, "198.18.3.1/24");
    private static final List<Link> ALL = List.of(LO, ETH0, ETH1, TUNNEL);
    private static final List<Ipv4Address> EVERY_ADDRESS = ALL.stream()
            .flatMap(link -> link.addresses().stream())
            .map(Link.Address::address)
            .toList();

    @Test
    void withoutAChoiceEveryLinkThatCanBroadcastIsHeard() {
        assertThat(doors(Door.wanted(ALL, EVERY_ADDRESS, List.of(), false, false)))
                .containsExactlyInAnyOrder(
                        "on eth0",
                        "on eth0 port 68", // What other servers say.
                        "on eth1",
                        "on eth1 port 68",
                        "on 198.18.0.1 port 67",
                        "on 198.18.0.1 port 4011",
                        "on 198.18.1.1 port 67",
                        "on 198.18.1.1 port 4011",
                        "on 198.18.2.1 port 67",
                        "on 198.18.2.1 port 4011");
    }

    @Test
    void boundAddressesChooseTheLinksAndMayBeLoopback() {
        List<Ipv4Address> bound = List.of(address("127.0.0.1"), address("198.18.1.1"), address("198.18.3.1"));

        assertThat(doors(Door.wanted(ALL, bound, List.of(), true, false)))
                .containsExactlyInAnyOrder(
                        "on 127.0.0.1 port 67", // Without a link: nothing is broadcast there.
                        "on 127.0.0.1 port 4011",
                        "on eth0",
                        "on eth0 port 68",
                        "on 198.18.1.1 port 67",
                        "on 198.18.1.1 port 4011",
                        "on wg0",
                        "on wg0 port 68",
                        "on 198.18.3.1 port 67",
                        "on 198.18.3.1 port 4011");
    }

    @Test
    void everyAddressOfLoopbackMayBeBoundAlthoughTheSystemListsOne() {
        assertThat(doors(Door.wanted(ALL, List.of(address("127.0.0.9")), List.of(), true, false)))
                .containsExactlyInAnyOrder("on 127.0.0.9 port 67", "on 127.0.0.9 port 4011");
    }

    @Test
    void namedInterfacesAreTheOnlyOnes() {
        assertThat(doors(Door.wanted(ALL, EVERY_ADDRESS, List.of("eth1", "eth7"), false, false)))
                .containsExactlyInAnyOrder(
                        "on eth1", "on eth1 port 68", "on 198.18.2.1 port 67", "on 198.18.2.1 port 4011");
        assertThat(Door.wanted(ALL, List.of(address("198.18.0.1")), List.of("eth1"), true, false))
                .as("no machine is sent to an address where nothing listens")
                .isEmpty();
    }

    @Test
    void whatIsSentToAnAddressIsLeftToAnotherDhcpServerOfThisMachine() {
        assertThat(doors(Door.wanted(List.of(ETH1), EVERY_ADDRESS, List.of(), false, true)))
                .containsExactlyInAnyOrder("on eth1", "on eth1 port 68", "on 198.18.2.1 port 4011");
        assertThat(doors(Door.wanted(List.of(LO), EVERY_ADDRESS, List.of(), true, true)))
                .as("nobody has a lease there")
                .containsExactlyInAnyOrder("on 127.0.0.1 port 67", "on 127.0.0.1 port 4011");
    }

    @Test
    void anInterfaceThatIsMadeAnewIsAnotherDoor() {
        Link anew = new Link("eth1", 99, false, true, ETH1.addresses());

        assertThat(Door.wanted(List.of(anew), EVERY_ADDRESS, List.of(), false, false))
                .isNotEqualTo(Door.wanted(List.of(ETH1), EVERY_ADDRESS, List.of(), false, false));
    }

    @Test
    void aMachineIsToAskTheAddressInItsSubnetElseTheFirst() {
        assertThat(ETH0.addressFor(address("198.18.1.77"))).isEqualTo(address("198.18.1.1"));
        assertThat(ETH0.addressFor(address("198.18.0.255"))).isEqualTo(address("198.18.0.1"));
        assertThat(ETH0.addressFor(address("198.19.9.9"))).isEqualTo(address("198.18.0.1"));
        assertThat(ETH0.addressFor(Ipv4Address.UNSPECIFIED)).isEqualTo(address("198.18.0.1"));
    }

    @Test
    void anAddressThatNobodyForwardsIsTheLastChoice() {
        assertThat(link("eth0", false, true, "169.254.7.7/16", "198.18.0.1/24").addressFor(Ipv4Address.UNSPECIFIED))
                .isEqualTo(address("198.18.0.1"));
    }

    private static Link link(String name, boolean isLoopback, boolean isMulticast, String... addresses) {
        return new Link(
                name,
                name.hashCode(),
                isLoopback,
                isMulticast,
                Arrays.stream(addresses)
                        .map(text -> text.split("/"))
                        .map(parts -> new Link.Address(address(parts[0]), Integer.parseInt(parts[1])))
                        .toList());
    }

    private static List<String> doors(Set<Door> doors) {
        return doors.stream().map(Door::toString).toList();
    }
}
