package org.rackboot.server.dhcp6;

import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOption;
import io.netty.channel.FixedRecvByteBufAllocator;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.socket.DatagramChannel;
import io.netty.channel.socket.DatagramPacket;
import java.io.IOException;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.NetworkInterface;
import java.net.SocketException;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.LongSupplier;
import org.rackboot.protocol.address.Ipv6Address;
import org.rackboot.protocol.dhcp.BootClient;
import org.rackboot.protocol.dhcp6.Dhcp6Codec;
import org.rackboot.protocol.dhcp6.Dhcp6Message;
import org.rackboot.protocol.dhcp6.Dhcp6Message.Exchange;
import org.rackboot.protocol.dhcp6.Dhcp6Option.BootFileUrl;
import org.rackboot.protocol.dhcp6.Dhcp6Type;
import org.rackboot.protocol.dhcp6.Duid;
import org.rackboot.protocol.dhcp6.MalformedDhcp6Exception;
import org.rackboot.protocol.dhcp6.ProxyDhcp6;
import org.rackboot.protocol.dhcp6.ProxyDhcp6.Asker;
import org.rackboot.protocol.dhcp6.ProxyDhcp6.Decision;
import org.rackboot.protocol.dhcp6.ProxyDhcp6.Service;
import org.rackboot.server.config.ServerConfig;
import org.rackboot.server.dhcp.AnswerLog;
import org.rackboot.server.net.Addresses;
import org.rackboot.server.net.BindException;
import org.rackboot.server.net.EventLoops;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tells machines by DHCPv6 what to boot, beside the server that gives out their addresses (ADR 19). Has sockets of its own on
 * each card that it is told: for every address there, and for the groups that clients and relays ask. An address that a card
 * gets later is not listened on; the groups are.
 *
 * <p>What a stranger can make it do is bounded: one answer for one packet, never longer than a frame, only so many a second,
 * and on the server's port to none but the link and relay agents.
 */
public final class Dhcp6Listener implements AutoCloseable {
    /** What was not even decided about. */
    public enum Dropped {
        MALFORMED,
        /** A client's message that came from beyond the link, where it would come through a relay. */
        NOT_ON_LINK,
        /** More answers than may go out in a second. */
        TOO_MANY
    }

    /** Told of all packets; called on event loops. */
    public interface Listener {
        void answered(Service service);

        void silent(ProxyDhcp6.Reason why);

        void dropped(Dropped why);
    }

    /**
     * A card, and what is booted there.
     *
     * @param bootUrls with an address of this card, which machines behind it reach
     */
    public record Link(NetworkInterface card, Function<BootClient, Optional<String>> bootUrls) {}

    /** Which ports to open; 0 = any free one, on each address another. */
    public record Ports(int dhcp, int bootServer) {
        public static final Ports STANDARD = new Ports(ProxyDhcp6.SERVER_PORT, ProxyDhcp6.BOOT_SERVER_PORT);
    }

    private static final Logger LOG = LoggerFactory.getLogger(Dhcp6Listener.class);
    private static final Ipv6Address SERVERS_AND_RELAYS = group("ff02::1:2");
    private static final Ipv6Address SERVERS = group("ff05::1:3"); // Of the whole site: relays ask there.

    private final EventLoops loops;
    private final Ports ports;
    private final Duid server;
    private final AnswerLog log;
    private final Listener listener;
    private final AnswerBudget budget;
    private final List<DatagramChannel> channels = new ArrayList<>();

    private Dhcp6Listener(
            EventLoops loops, Ports ports, Duid server, AnswerLog log, Listener listener, LongSupplier nanoClock) {
        this.loops = loops;
        this.ports = ports;
        this.server = server;
        this.log = log;
        this.listener = listener;
        this.budget = new AnswerBudget(nanoClock);
    }

    /**
     * Listens on the cards that have IPv6 addresses where TFTP and HTTP listen; on none if there are none. What cannot be
     * opened is said and done without: most machines ask by IPv4.
     *
     * @param served addresses where TFTP and HTTP listen
     * @param urls of what a client is to load, from an address of {@code served}
     * @param log of what is answered
     */
    public static Dhcp6Listener start(
            EventLoops loops,
            ServerConfig.DhcpConfig config,
            List<InetAddress> served,
            BiFunction<BootClient, InetAddress, Optional<String>> urls,
            Duid server,
            AnswerLog log,
            Listener listener) {
        Ports ports = new Ports(config.port6(), config.pxePort());
        try {
            List<Link> links = new ArrayList<>();
            for (NetworkInterface card : Collections.list(NetworkInterface.getNetworkInterfaces())) {
                boolean chosen =
                        config.interfaces().isEmpty() || config.interfaces().contains(card.getName());
                if (chosen && card.isUp() && (!card.isLoopback() || isOnlyLoopback(served))) {
                    addressOf(card, served)
                            .ifPresent(address -> links.add(new Link(card, client -> urls.apply(client, address))));
                }
            }
            return open(loops, links, ports, server, log, listener, System::nanoTime);
        } catch (BindException | SocketException e) {
            LOG.warn("DHCPv6 is not answered: {}", e.getMessage());
            return new Dhcp6Listener(loops, ports, server, log, listener, System::nanoTime);
        }
    }

    /** Then loopback was named by the operator. */
    private static boolean isOnlyLoopback(List<InetAddress> served) {
        return served.stream().allMatch(InetAddress::isLoopbackAddress);
    }

    /** That machines are to ask: not one that holds on the link alone, which no URL can name (RFC 6874 reached no firmware). */
    private static Optional<InetAddress> addressOf(NetworkInterface card, List<InetAddress> served) {
        return Collections.list(card.getInetAddresses()).stream()
                .filter(address -> address instanceof Inet6Address && !address.isLinkLocalAddress())
                .filter(served::contains)
                .findFirst();
    }

    /**
     * Opens all sockets, or none.
     *
     * @param links whatever asks the whole site's group is answered as on the first
     * @param server what clients know this one by; see {@link ServerId}
     * @throws BindException also if a card has no IPv6 address
     */
    public static Dhcp6Listener open(
            EventLoops loops,
            List<Link> links,
            Ports ports,
            Duid server,
            AnswerLog log,
            Listener listener,
            LongSupplier nanoClock)
            throws BindException {
        Dhcp6Listener opened = new Dhcp6Listener(loops, ports, server, log, listener, nanoClock);
        try {
            for (Link link : links) {
                opened.open(link);
            }
            opened.openSite(links);
            return opened;
        } catch (BindException | RuntimeException e) {
            opened.close();
            throw e;
        }
    }

    /** What is listened on, with the ports that were opened. */
    public List<InetSocketAddress> addresses() {
        return channels.stream().map(DatagramChannel::localAddress).toList();
    }

    @Override
    public void close() {
        channels.forEach(channel -> channel.close().awaitUninterruptibly(1_000));
        channels.clear();
    }

    private void open(Link link) throws BindException {
        List<InetAddress> addresses = Collections.list(link.card().getInetAddresses()).stream()
                .filter(Inet6Address.class::isInstance)
                .toList();
        if (addresses.isEmpty()) {
            throw new BindException(
                    "DHCPv6 cannot listen on %s: it has no IPv6 address ('ip -6 address' lists what there is). Give it one, or leave this card out."
                            .formatted(link.card().getName()),
                    new IOException("no IPv6 address"));
        }
        ProxyDhcp6 proxy = new ProxyDhcp6(server, link.bootUrls());
        for (Service service : Service.values()) {
            for (InetAddress address : addresses) {
                bind(address, service, proxy);
            }
            if (hasMulticast(link.card())) {
                Inet6Address group = on(SERVERS_AND_RELAYS, link.card());
                join(bind(group, service, proxy), group, link.card());
            }
        }
    }

    /** One socket for all cards: each of several would get each packet. */
    private void openSite(List<Link> links) throws BindException {
        List<Link> joined =
                links.stream().filter(link -> hasMulticast(link.card())).toList();
        if (joined.isEmpty()) {
            return;
        }
        Inet6Address group = inet(SERVERS, 0);
        DatagramChannel channel =
                bind(group, Service.DHCP, new ProxyDhcp6(server, joined.get(0).bootUrls()));
        for (Link link : joined) {
            join(channel, group, link.card());
        }
    }

    private DatagramChannel bind(InetAddress address, Service service, ProxyDhcp6 proxy) throws BindException {
        int port = service == Service.DHCP ? ports.dhcp() : ports.bootServer();
        Bootstrap bootstrap = new Bootstrap()
                .group(loops.group())
                .channelFactory(loops.datagramChannel(address))
                .option(ChannelOption.SO_REUSEADDR, true) // The other DHCPv6 server may be on this machine.
                .option(ChannelOption.RECVBUF_ALLOCATOR, new FixedRecvByteBufAllocator(Dhcp6Codec.MOST_BYTES + 1))
                .handler(new Handler(proxy, service, port));
        try {
            DatagramChannel channel = (DatagramChannel)
                    bootstrap.bind(address, port).syncUninterruptibly().channel();
            channels.add(channel);
            return channel;
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Exception e) { // Netty throws the checked cause unchecked.
            throw Addresses.explain("DHCPv6", address, port, "there is none that clients would ask", e);
        }
    }

    private static void join(DatagramChannel channel, Inet6Address group, NetworkInterface card) throws BindException {
        Throwable failure = channel.joinGroup(new InetSocketAddress(group, 0), card)
                .awaitUninterruptibly()
                .cause();
        if (failure != null) {
            throw new BindException(
                    "DHCPv6 cannot join %s on %s: %s. Is the card up, and IPv6 not switched off there?"
                            .formatted(Addresses.host(group), card.getName(), failure.getMessage()),
                    failure);
        }
    }

    private static boolean hasMulticast(NetworkInterface card) {
        try {
            return card.supportsMulticast();
        } catch (SocketException e) {
            return false; // It is gone.
        }
    }

    private static Ipv6Address group(String text) {
        return Ipv6Address.parse(text).orElseThrow();
    }

    private static Inet6Address on(Ipv6Address address, NetworkInterface card) {
        return inet(address, card.getIndex());
    }

    private static Inet6Address inet(Ipv6Address address, int scope) {
        try {
            return scope == 0
                    ? (Inet6Address) InetAddress.getByAddress(address.bytes())
                    : Inet6Address.getByAddress("", address.bytes(), scope);
        } catch (UnknownHostException e) {
            throw new IllegalStateException("an address of 16 bytes is none", e);
        }
    }

    /** One socket. Runs on its event loop. */
    private final class Handler extends SimpleChannelInboundHandler<DatagramPacket> {
        private final ProxyDhcp6 proxy;
        private final Service service;
        private final boolean standardPort;

        Handler(ProxyDhcp6 proxy, Service service, int port) {
            this.proxy = proxy;
            this.service = service;
            this.standardPort = port == ProxyDhcp6.SERVER_PORT || port == ProxyDhcp6.BOOT_SERVER_PORT;
        }

        @Override
        protected void channelRead0(ChannelHandlerContext ctx, DatagramPacket datagram) {
            try {
                decide(ctx, Dhcp6Codec.decode(datagram.content().nioBuffer()), datagram.sender());
            } catch (MalformedDhcp6Exception e) {
                listener.dropped(Dropped.MALFORMED);
            }
        }

        private void decide(ChannelHandlerContext ctx, Dhcp6Message message, InetSocketAddress sender) {
            if (service == Service.DHCP && message instanceof Dhcp6Message.Exchange && !isOnLink(sender.getAddress())) {
                listener.dropped(Dropped.NOT_ON_LINK);
                return;
            }
            Decision decision = proxy.receive(message, service);
            if (decision instanceof Decision.Silence silence) {
                silence.asker().ifPresent(asker -> log.nothingToBoot(asker.client(), name(asker)));
                listener.silent(silence.reason());
            } else if (decision instanceof Decision.Reply reply) {
                answer(ctx, reply, sender);
            }
        }

        /** RFC 8415, 16: clients speak from their link-local address. */
        private static boolean isOnLink(InetAddress sender) {
            return sender.isLinkLocalAddress() || sender.isLoopbackAddress();
        }

        private void answer(ChannelHandlerContext ctx, Decision.Reply reply, InetSocketAddress sender) {
            if (!budget.take()) {
                listener.dropped(Dropped.TOO_MANY); // Silently: the machine asks again.
                return;
            }
            listener.answered(service);
            tell(reply, sender);
            ByteBuffer bytes = ByteBuffer.allocate(ProxyDhcp6.MOST_BYTES);
            Dhcp6Codec.encode(reply.message(), bytes);
            ByteBuf content = ctx.alloc().buffer(bytes.flip().remaining()).writeBytes(bytes);
            // On a port that no firmware asks, whoever asks does so from one where none listens.
            int port = standardPort ? reply.port() : sender.getPort();
            ctx.writeAndFlush(
                    new DatagramPacket(content, new InetSocketAddress(sender.getAddress(), port)), ctx.voidPromise());
        }

        private void tell(Decision.Reply reply, InetSocketAddress sender) {
            Asker asker = reply.asker();
            Exchange answer = reply.forClient();
            StringBuilder more = new StringBuilder();
            if (asker.client().mac().isEmpty()) {
                more.append("; ").append(name(asker));
            }
            if (asker.behindRelay().isPresent()) {
                more.append("; relayed by ")
                        .append(Ipv6Address.of(sender.getAddress().getAddress()));
            }
            log.answered(
                    asker.client(),
                    name(asker),
                    asker.behindRelay()
                            .map(address -> new InetSocketAddress(inet(address, 0), sender.getPort()))
                            .orElse(sender),
                    answer.type() == Dhcp6Type.ADVERTISE,
                    answer.options().first(BootFileUrl.class).map(BootFileUrl::url),
                    more.toString());
        }

        private static String name(Asker asker) {
            return asker.duid().map(duid -> "DUID " + duid.octets()).orElse("a machine without a DUID");
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            if (!(cause instanceof IOException)) { // An answer that could not be sent is as good as lost on the way.
                LOG.warn(
                        "A DHCPv6 message could not be handled",
                        cause); // The port stays open whatever one packet does.
            }
        }
    }
}
