package org.rackboot.server.dhcp6;

import java.io.IOException;
import java.net.DatagramSocket;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.NetworkInterface;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import org.rackboot.protocol.address.Ipv6Address;
import org.rackboot.protocol.dhcp6.Dhcp6Message;
import org.rackboot.protocol.dhcp6.Dhcp6Option.ServerId;
import org.rackboot.protocol.dhcp6.Dhcp6Type;
import org.rackboot.protocol.dhcp6.ProxyDhcp6.Reason;
import org.rackboot.protocol.dhcp6.ProxyDhcp6.Service;
import org.rackboot.protocol.resolve.BootCatalog;
import org.rackboot.server.net.EventLoops;

/** A listener on {@code boot0} and a machine on {@code boot1}, on the true ports; prints who got what from where. */
final class Dhcp6OnALink {
    private Dhcp6OnALink() {}

    public static void main(String[] arguments) throws Exception {
        NetworkInterface card = NetworkInterface.getByName("boot0");
        NetworkInterface machine = NetworkInterface.getByName("boot1");
        BlockingQueue<String> drops = new ArrayBlockingQueue<>(9);
        EventLoops loops = EventLoops.best("dhcp6");
        try (Dhcp6Listener listener = Dhcp6Listener.open(
                        loops,
                        List.of(new Dhcp6Listener.Link(card, Clients6::url)),
                        Dhcp6Listener.Ports.STANDARD,
                        Clients6.SERVER,
                        Clients6.log(BootCatalog::empty, event -> {}, line -> {}),
                        telling(drops),
                        System::nanoTime);
                DatagramSocket firmware = new DatagramSocket(new InetSocketAddress(linkLocal(machine), 546));
                DatagramSocket boot = new DatagramSocket(new InetSocketAddress("2001:db8::2", 4_011));
                DatagramSocket bootOnLink = new DatagramSocket(new InetSocketAddress(linkLocal(machine), 4_011));
                DatagramSocket relayOnLink = new DatagramSocket(new InetSocketAddress(linkLocal(machine), 547));
                DatagramSocket relay = new DatagramSocket(new InetSocketAddress("2001:db8::2", 547))) {
            if (listener.addresses().isEmpty()) {
                throw new IllegalStateException("nothing is listened on");
            }
            Dhcp6Message solicit = Clients6.request(Dhcp6Type.SOLICIT);
            Dhcp6Message request = Clients6.request(Dhcp6Type.REQUEST, new ServerId(Clients6.SERVER));
            InetAddress group = on("ff02::1:2", machine);
            exchange("solicit", firmware, solicit, new InetSocketAddress(group, 547));
            exchange("request", boot, request, new InetSocketAddress("2001:db8::1", 4_011));
            exchange("request by multicast", bootOnLink, request, new InetSocketAddress(group, 4_011));
            Dhcp6Message relayed = Clients6.relayed(solicit);
            exchange("relay", relay, relayed, new InetSocketAddress("2001:db8::1", 547));
            exchange("relay by multicast", relayOnLink, relayed, new InetSocketAddress(on("ff05::1:3", machine), 547));
            Clients6.send(relay, Clients6.bytes(solicit), new InetSocketAddress("2001:db8::1", 547));
            System.out.println("off link: " + drops.poll(5, TimeUnit.SECONDS));
        } finally {
            loops.close();
        }
    }

    private static void exchange(String what, DatagramSocket socket, Dhcp6Message message, InetSocketAddress to)
            throws IOException {
        Clients6.Received received = Clients6.ask(socket, Clients6.bytes(message), to);
        InetAddress from = received.from().getAddress();
        String type = "RELAY_REPLY";
        if (received.message() instanceof Dhcp6Message.Exchange exchange) {
            type = exchange.type() == Dhcp6Type.ADVERTISE ? "ADVERTISE" : "REPLY";
        }
        System.out.printf(
                "%s: %s from %s port %d%n",
                what,
                type,
                from.isLinkLocalAddress() ? "link-local" : Ipv6Address.of(from.getAddress()),
                received.from().getPort());
    }

    private static InetAddress linkLocal(NetworkInterface card) {
        return Collections.list(card.getInetAddresses()).stream()
                .filter(InetAddress::isLinkLocalAddress)
                .findFirst()
                .orElseThrow();
    }

    private static InetAddress on(String group, NetworkInterface card) throws IOException {
        return Inet6Address.getByAddress("", InetAddress.getByName(group).getAddress(), card.getIndex());
    }

    private static Dhcp6Listener.Listener telling(BlockingQueue<String> drops) {
        return new Dhcp6Listener.Listener() {
            @Override
            public void answered(Service service) {}

            @Override
            public void silent(Reason why) {}

            @Override
            public void dropped(Dhcp6Listener.Dropped why) {
                drops.add(why.name());
            }
        };
    }
}
