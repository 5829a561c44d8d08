package org.rackboot.server.dhcp6;

import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.rackboot.protocol.address.Ipv6Address;
import org.rackboot.protocol.dhcp.BootClient;
import org.rackboot.protocol.dhcp.Octets;
import org.rackboot.protocol.dhcp6.Dhcp6Codec;
import org.rackboot.protocol.dhcp6.Dhcp6Message;
import org.rackboot.protocol.dhcp6.Dhcp6Message.Exchange;
import org.rackboot.protocol.dhcp6.Dhcp6Option;
import org.rackboot.protocol.dhcp6.Dhcp6Options;
import org.rackboot.protocol.dhcp6.Duid;
import org.rackboot.protocol.dhcp6.MalformedDhcp6Exception;
import org.rackboot.protocol.resolve.BootCatalog;
import org.rackboot.protocol.resolve.LoaderPreference;
import org.rackboot.server.dhcp.AnswerLog;
import org.rackboot.server.dhcp.BootFiles;
import org.rackboot.server.event.BootEvent;

/** What a machine's firmware sends, and a socket for it. */
final class Clients6 {
    static final Duid SERVER = new Duid.Uuid(Octets.of(new byte[16]));
    static final Duid CARD =
            new Duid.LinkLayer(1, Octets.of((byte) 2, (byte) 0, (byte) 0, (byte) 0, (byte) 0, (byte) 7));
    static final String URL = "tftp://[2001:db8::1]/bootx64.efi";

    private Clients6() {}

    static Optional<String> url(BootClient client) {
        return Optional.of(URL);
    }

    /** Of a server with these files. */
    static AnswerLog log(Supplier<BootCatalog> catalog, Consumer<BootEvent> events, Consumer<String> lines) {
        BootFiles files = new BootFiles(catalog, LoaderPreference.SIGNED_CHAIN, address -> 5248);
        return new AnswerLog(files, events, lines, Clock.systemUTC(), System::nanoTime);
    }

    static Exchange request(int type, Dhcp6Option... more) {
        return request(type, CARD, 7, more);
    }

    static Exchange request(int type, Duid client, int architecture, Dhcp6Option... more) {
        List<Dhcp6Option> options = new ArrayList<>(List.of(
                new Dhcp6Option.ClientId(client),
                new Dhcp6Option.OptionRequest(List.of(59, 60, 23, 16)),
                new Dhcp6Option.ClientArchitectures(List.of(architecture)),
                Dhcp6Option.VendorClass.of(343, "PXEClient:Arch:%05d:UNDI:003000".formatted(architecture))));
        options.addAll(List.of(more));
        return new Exchange(type, 0x123456, new Dhcp6Options(options));
    }

    static Dhcp6Message.Relay relayed(Dhcp6Message message) {
        Ipv6Address peer = Ipv6Address.parse("fe80::7").orElseThrow();
        return new Dhcp6Message.Relay(
                true,
                0,
                Ipv6Address.parse("2001:db8::").orElseThrow(),
                peer,
                Dhcp6Options.of(
                        new Dhcp6Option.InterfaceId(Octets.ofText("eth7")), new Dhcp6Option.RelayMessage(message)));
    }

    static byte[] bytes(Dhcp6Message message) {
        ByteBuffer out = ByteBuffer.allocate(1_500);
        Dhcp6Codec.encode(message, out);
        byte[] bytes = new byte[out.flip().remaining()];
        out.get(bytes);
        return bytes;
    }

    /** A message, and where it came from. */
    record Received(Dhcp6Message message, InetSocketAddress from) {
        String url() {
            return message.options()
                    .first(Dhcp6Option.BootFileUrl.class)
                    .orElseThrow()
                    .url();
        }
    }

    static void send(DatagramSocket socket, byte[] bytes, InetSocketAddress to) throws IOException {
        socket.send(new DatagramPacket(bytes, bytes.length, to));
    }

    /** Repeats itself as clients do: a link that has just come up may lose the first packet. */
    static Received ask(DatagramSocket socket, byte[] bytes, InetSocketAddress to) throws IOException {
        for (int again = 0; again < 3; again++) {
            send(socket, bytes, to);
            try {
                return receive(socket);
            } catch (AssertionError e) {
                if (!(e.getCause() instanceof SocketTimeoutException)) {
                    throw e;
                }
            }
        }
        send(socket, bytes, to);
        return receive(socket);
    }

    /** Waits for five seconds. */
    static Received receive(DatagramSocket socket) throws IOException {
        DatagramPacket packet = new DatagramPacket(new byte[9_000], 9_000);
        socket.setSoTimeout(5_000);
        try {
            socket.receive(packet);
            ByteBuffer bytes = ByteBuffer.wrap(packet.getData(), 0, packet.getLength());
            return new Received(Dhcp6Codec.decode(bytes), (InetSocketAddress) packet.getSocketAddress());
        } catch (SocketTimeoutException e) {
            throw new AssertionError("no answer", e);
        } catch (MalformedDhcp6Exception e) {
            throw new AssertionError(e);
        }
    }
}
