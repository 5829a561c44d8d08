package org.rackboot.server.dhcp;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.rackboot.protocol.address.Ipv4Address;
import org.rackboot.protocol.dhcp.ProxyDhcp;

/**
 * One socket that is to be open. Broadcasts and what is sent to an address come by different ones: a DHCP server on this
 * machine hears all broadcasts as well, but of two sockets for one address only one hears what is sent to that.
 */
sealed interface Door {
    /** {@link ProxyDhcp#SERVER_PORT}, {@link ProxyDhcp#BOOT_SERVER_PORT}, {@link ProxyDhcp#CLIENT_PORT}: what it is for, whatever its number. */
    int role();

    /** The address that whoever came by this door is to ask. */
    Ipv4Address addressFor(Ipv4Address machine);

    /** The link whose broadcasts come by this door; empty = not broadcasts. */
    default Optional<String> device() {
        return Optional.empty();
    }

    /** What servers say to all clients of a link: heard, and never answered. */
    record OfClients(Link link) implements Door {
        @Override
        public int role() {
            return ProxyDhcp.CLIENT_PORT;
        }

        @Override
        public Ipv4Address addressFor(Ipv4Address machine) {
            return link.addressFor(machine);
        }

        @Override
        public Optional<String> device() {
            return Optional.of(link.name());
        }

        @Override
        public String toString() {
            return "on %s port %d".formatted(link.name(), ProxyDhcp.CLIENT_PORT);
        }
    }

    /** Broadcasts on a link. */
    record OnLink(Link link) implements Door {
        @Override
        public int role() {
            return ProxyDhcp.SERVER_PORT;
        }

        @Override
        public Optional<String> device() {
            return Optional.of(link.name());
        }

        @Override
        public Ipv4Address addressFor(Ipv4Address machine) {
            return link.addressFor(machine);
        }

        boolean has(Ipv4Address address) {
            return link.addresses().stream().anyMatch(each -> each.address().equals(address));
        }

        @Override
        public String toString() {
            return "on " + link.name();
        }
    }

    /** What is sent to one of our addresses, on whatever link it comes. */
    record OnAddress(Ipv4Address address, int role) implements Door {
        @Override
        public Ipv4Address addressFor(Ipv4Address machine) {
            return address;
        }

        @Override
        public String toString() {
            return "on %s port %d".formatted(address, role);
        }
    }

    /** All of its subnet are this machine's own, 127.0.0.9 as well as the one that the system lists. */
    private static List<Link.Address> onLoopback(Link link, List<Ipv4Address> served) {
        List<Link.Address> all = new ArrayList<>();
        for (Ipv4Address address : served) {
            link.addresses().stream()
                    .filter(listed -> listed.isInSubnetOf(address))
                    .findFirst()
                    .ifPresent(listed -> all.add(new Link.Address(address, listed.prefixBits())));
        }
        return all;
    }

    /**
     * Which doors are to be open.
     *
     * @param served addresses where TFTP and HTTP listen: no machine is sent to another
     * @param named interfaces; empty = those that have an address of {@code served}
     * @param isBound whether {@code served} was chosen by the operator, who may then mean loopback
     * @param isTaken whether another DHCP server of this machine hears what is sent to its addresses; renewals of leases are
     *     among that, and must go on reaching it
     */
    static Set<Door> wanted(
            List<Link> links, List<Ipv4Address> served, List<String> named, boolean isBound, boolean isTaken) {
        Set<Door> onLinks = new LinkedHashSet<>();
        Set<Door> onAddresses = new LinkedHashSet<>();
        for (Link link : links) {
            List<Link.Address> addresses =
                    link.isLoopback() ? onLoopback(link, served) : new ArrayList<>(link.addresses());
            addresses.removeIf(each -> !served.contains(each.address()));
            boolean chosen = named.isEmpty()
                    ? isBound || (!link.isLoopback() && link.isMulticast())
                    : named.contains(link.name());
            if (!chosen || addresses.isEmpty()) {
                continue;
            }
            if (!link.isLoopback()) {
                Link here = new Link(link.name(), link.index(), link.isLoopback(), link.isMulticast(), addresses);
                onLinks.add(new OnLink(here));
                onLinks.add(new OfClients(here));
            }
            for (Link.Address each : addresses) {
                if (!isTaken || link.isLoopback()) { // No machine has its lease from loopback.
                    onAddresses.add(new OnAddress(each.address(), ProxyDhcp.SERVER_PORT));
                }
                onAddresses.add(new OnAddress(each.address(), ProxyDhcp.BOOT_SERVER_PORT));
            }
        }
        onAddresses.addAll(onLinks);
        return onAddresses;
    }
}
