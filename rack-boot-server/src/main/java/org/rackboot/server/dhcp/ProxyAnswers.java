package org.rackboot.server.dhcp;

import java.net.InetSocketAddress;
import java.nio.BufferOverflowException;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.function.BiConsumer;
import java.util.function.LongSupplier;
import org.rackboot.protocol.address.Ipv4Address;
import org.rackboot.protocol.bootname.MacAddress;
import org.rackboot.protocol.dhcp.ArchitectureType;
import org.rackboot.protocol.dhcp.ArchitectureType.Firmware;
import org.rackboot.protocol.dhcp.BootClient;
import org.rackboot.protocol.dhcp.BootFileName;
import org.rackboot.protocol.dhcp.DhcpCodec;
import org.rackboot.protocol.dhcp.DhcpMessage;
import org.rackboot.protocol.dhcp.MalformedDhcpException;
import org.rackboot.protocol.dhcp.MessageType;
import org.rackboot.protocol.dhcp.Octets;
import org.rackboot.protocol.dhcp.OptionCode;
import org.rackboot.protocol.dhcp.ProxyDhcp;
import org.rackboot.protocol.dhcp.ProxyDhcp.Decision;
import org.rackboot.server.dhcp.DhcpListener.Answered;
import org.rackboot.server.dhcp.DhcpListener.Received;
import org.rackboot.server.dhcp.DhcpListener.Silent;

/**
 * What goes out for each packet that comes in: bounds, {@link ProxyDhcp}, and what is told about it. Without I/O;
 * thread-safe.
 */
final class ProxyAnswers {
    /** What an Ethernet frame carries; no firmware sends more. */
    static final int MAX_PACKET_BYTES = 1_500;

    private static final int IP_AND_UDP_BYTES = 28;
    private static final String WITHOUT_MAC = "a machine without an Ethernet address";

    private final SubnetRules rules;
    private final BootFiles files;
    private final Watch watch;
    private final AnswerLog log;
    private final BiConsumer<Ipv4Address, MacAddress> heard;
    private final DhcpListener.Listener listener;
    private final AnswerBudget budget;
    private final LongSupplier nanoClock;

    /** One datagram, and where it goes. */
    record Outgoing(ByteBuffer packet, InetSocketAddress to) {}

    ProxyAnswers(
            SubnetRules rules,
            BootFiles files,
            Watch watch,
            AnswerLog log,
            BiConsumer<Ipv4Address, MacAddress> heard,
            DhcpListener.Listener listener,
            LongSupplier nanoClock) {
        this.rules = rules;
        this.files = files;
        this.watch = watch;
        this.log = log;
        this.heard = heard;
        this.listener = listener;
        this.budget = new AnswerBudget(nanoClock.getAsLong());
        this.nanoClock = nanoClock;
    }

    /** Answers one datagram, or not. */
    Optional<Outgoing> answer(ByteBuffer packet, Ipv4Address source, int sourcePort, Door door) {
        if (packet.remaining() > MAX_PACKET_BYTES) {
            listener.malformed();
            return Optional.empty();
        }
        DhcpMessage message;
        try {
            message = DhcpCodec.decode(packet);
        } catch (MalformedDhcpException e) {
            listener.malformed();
            return Optional.empty();
        }
        listener.received(received(message));
        tellAddress(message);
        door.device().ifPresent(link -> watch.hear(message, link, source));
        Ipv4Address machine = whoAsks(message, source);
        Ipv4Address local = door.addressFor(machine);
        if (!rules.allow(machine.isUnspecified() ? local : machine)) {
            return silence(Silent.SUBNET_OFF);
        }
        Decision decision =
                files.proxy(local).receive(message, new ProxyDhcp.Reception(source, sourcePort, local, door.role()));
        if (decision instanceof Decision.Silence silence) {
            if (silence.reason() == ProxyDhcp.Reason.NOTHING_TO_BOOT) {
                BootClient.of(message).ifPresent(client -> log.nothingToBoot(client, WITHOUT_MAC));
            }
            return silence(Silent.valueOf(silence.reason().name()));
        }
        return send(message, (Decision.Reply) decision, door, local, source, sourcePort);
    }

    /** Takes what a server said to all clients of a link, which is answered by nobody. */
    void overhear(ByteBuffer packet, Ipv4Address source, Door door) {
        if (packet.remaining() > MAX_PACKET_BYTES) {
            return;
        }
        try {
            DhcpMessage message = DhcpCodec.decode(packet);
            if (!message.isRequest()) {
                tellAddress(message);
                door.device().ifPresent(link -> watch.hear(message, link, source));
            }
        } catch (MalformedDhcpException e) {
            listener.malformed();
        }
    }

    private void tellAddress(DhcpMessage message) {
        message.hardware()
                .mac()
                .ifPresent(mac -> message.addressOfClient().ifPresent(address -> heard.accept(address, mac)));
    }

    private Optional<Outgoing> send(
            DhcpMessage request,
            Decision.Reply reply,
            Door door,
            Ipv4Address local,
            Ipv4Address source,
            int sourcePort) {
        Optional<InetSocketAddress> to = wayBack(request, reply, door, local, source, sourcePort);
        if (to.isEmpty()) {
            return silence(Silent.NO_WAY_BACK);
        }
        ByteBuffer packet = ByteBuffer.allocate(MAX_PACKET_BYTES - IP_AND_UDP_BYTES);
        try {
            DhcpCodec.encode(reply.message(), packet);
        } catch (BufferOverflowException e) {
            return silence(Silent.TOO_LARGE);
        }
        if (packet.position() + IP_AND_UDP_BYTES > request.options().maxMessageSize()) {
            return silence(Silent.TOO_LARGE);
        }
        boolean isRelay = !request.relay().isUnspecified();
        boolean isBroadcast = to.get().getAddress().equals(Link.inet(Ipv4Address.BROADCAST));
        if (!budget.admits(request.hardware(), to.get().getAddress(), isRelay, isBroadcast, nanoClock.getAsLong())) {
            return silence(Silent.RATE_LIMIT);
        }
        BootClient.of(request).ifPresent(client -> tell(request, reply.message(), client, source, sourcePort));
        return Optional.of(new Outgoing(packet.flip(), to.get()));
    }

    /** Only a door on a link can broadcast; and what a request names as its address is no proof that it is one. */
    private static Optional<InetSocketAddress> wayBack(
            DhcpMessage request,
            Decision.Reply reply,
            Door door,
            Ipv4Address local,
            Ipv4Address source,
            int sourcePort) {
        Ipv4Address address = reply.address();
        int port = reply.port();
        if (whoAsks(request, Ipv4Address.UNSPECIFIED).isUnspecified() && address.equals(Ipv4Address.BROADCAST)) {
            if (door instanceof Door.OnLink) {
                return Optional.of(new InetSocketAddress(Link.inet(address), port));
            }
            address = source;
            port = sourcePort;
        }
        int first = address.bits() >>> 24;
        boolean isUnicast = first > 0 && first < 224 && (first != 127 || local.bits() >>> 24 == 127);
        return isUnicast && port > 0 ? Optional.of(new InetSocketAddress(Link.inet(address), port)) : Optional.empty();
    }

    private static Ipv4Address whoAsks(DhcpMessage message, Ipv4Address source) {
        if (!message.relay().isUnspecified()) {
            return message.relay();
        }
        return message.clientAddress().isUnspecified() ? source : message.clientAddress();
    }

    private Optional<Outgoing> silence(Silent why) {
        listener.silent(why);
        return Optional.empty();
    }

    private void tell(DhcpMessage request, DhcpMessage answer, BootClient client, Ipv4Address source, int sourcePort) {
        boolean isOffer = answer.options().messageType().equals(Optional.of(MessageType.OFFER));
        listener.answered(isOffer, answered(client));
        Optional<String> file = answer.options().bootFileName().map(BootFileName::name);
        StringBuilder more = new StringBuilder();
        if (file.isEmpty()) {
            more.append("; ").append(withoutFile(client, answer));
        }
        Ipv4Address address = request.clientAddress();
        if (!request.relay().isUnspecified()) {
            more.append("; relayed by ").append(request.relay());
        } else if (address.isUnspecified()) {
            address = source;
        }
        InetSocketAddress from = new InetSocketAddress(Link.inet(address), sourcePort);
        log.answered(client, WITHOUT_MAC, from, isOffer, file, more.toString());
    }

    /** What a client does that is told no file. */
    private static String withoutFile(BootClient client, DhcpMessage answer) {
        if (ProxyDhcp.asksAgain(client)) {
            return "it asks for the file on port " + ProxyDhcp.BOOT_SERVER_PORT;
        }
        Optional<Octets> prefix = answer.options().find(OptionCode.PXELINUX_PATH_PREFIX);
        if (prefix.isPresent()) {
            return "it looks for its configuration in " + prefix.get().text();
        }
        boolean hasMenu =
                answer.options().pxe().map(options -> !options.menu().isEmpty()).orElse(false);
        return hasMenu
                ? "it gets the menu that it looks for, and finds its files by itself"
                : "it finds its files by itself";
    }

    private static Received received(DhcpMessage message) {
        if (!message.isRequest()) {
            return Received.OTHER;
        }
        return message.options()
                .messageType()
                .map(type -> switch (type) {
                    case DISCOVER -> Received.DISCOVER;
                    case REQUEST -> Received.REQUEST;
                    case INFORM -> Received.INFORM;
                    default -> Received.OTHER;
                })
                .orElse(Received.OTHER);
    }

    private static Answered answered(BootClient client) {
        if (client.isIpxe()) {
            return Answered.IPXE;
        }
        if (client.kind() == BootClient.Kind.HTTP) {
            return Answered.HTTP;
        }
        Firmware firmware =
                client.architecture().map(ArchitectureType::firmware).orElse(Firmware.OTHER);
        return switch (firmware) {
            case BIOS -> Answered.BIOS;
            case UEFI -> Answered.UEFI;
            default -> Answered.OTHER;
        };
    }
}
