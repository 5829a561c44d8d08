package org.rackboot.server.dhcp;

import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.InterfaceAddress;
import java.net.NetworkInterface;
import java.net.SocketException;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import org.rackboot.protocol.address.Ipv4Address;

/**
 * A network interface that is up.
 *
 * @param index changes when an interface is made anew, and with it what a socket is bound to
 * @param addresses of IPv4, those that routers forward first
 */
record Link(String name, int index, boolean isLoopback, boolean isMulticast, List<Address> addresses) {
    /** @param prefixBits of its subnet, from 0 to 32 */
    record Address(Ipv4Address address, int prefixBits) {
        boolean isInSubnetOf(Ipv4Address other) {
            return prefixBits == 0 || (address.bits() ^ other.bits()) >>> (32 - prefixBits) == 0;
        }

        private boolean isLinkLocal() {
            return address.bits() >>> 16 == 0xA9FE;
        }
    }

    Link {
        addresses = addresses.stream()
                .sorted(Comparator.comparing(Address::isLinkLocal))
                .toList();
    }

    /** The address that a machine is to ask: the one in its subnet, else the first. */
    Ipv4Address addressFor(Ipv4Address machine) {
        return addresses.stream()
                .filter(each -> !machine.isUnspecified() && each.isInSubnetOf(machine))
                .findFirst()
                .orElse(addresses.get(0))
                .address();
    }

    /** Asks the system for all that are up. */
    static List<Link> present() throws SocketException {
        List<Link> links = new ArrayList<>();
        for (NetworkInterface each : Collections.list(NetworkInterface.getNetworkInterfaces())) {
            if (each.isUp()) {
                List<Address> addresses = new ArrayList<>();
                for (InterfaceAddress address : each.getInterfaceAddresses()) {
                    if (address.getAddress() instanceof Inet4Address ipv4) {
                        addresses.add(new Address(ipv4(ipv4), address.getNetworkPrefixLength()));
                    }
                }
                links.add(new Link(
                        each.getName(), each.getIndex(), each.isLoopback(), each.supportsMulticast(), addresses));
            }
        }
        return links;
    }

    static Ipv4Address ipv4(Inet4Address address) {
        byte[] bytes = address.getAddress();
        return new Ipv4Address(
                (bytes[0] & 0xFF) << 24 | (bytes[1] & 0xFF) << 16 | (bytes[2] & 0xFF) << 8 | (bytes[3] & 0xFF));
    }

    static byte[] bytes(Ipv4Address address) {
        int bits = address.bits();
        return new byte[] {(byte) (bits >> 24), (byte) (bits >> 16), (byte) (bits >> 8), (byte) bits};
    }

    static InetAddress inet(Ipv4Address address) {
        try {
            return InetAddress.getByAddress(bytes(address));
        } catch (UnknownHostException e) { // Only of another length.
            throw new IllegalStateException(e);
        }
    }
}
