package org.rackboot.server.dhcp;

import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelException;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOption;
import io.netty.channel.FixedRecvByteBufAllocator;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.epoll.EpollChannelOption;
import io.netty.channel.socket.DatagramChannel;
import io.netty.channel.socket.DatagramPacket;
import io.netty.channel.unix.RawUnixChannelOption;
import java.io.IOException;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Clock;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.rackboot.protocol.address.Ipv4Address;
import org.rackboot.protocol.dhcp.ProxyDhcp;
import org.rackboot.server.config.ServerConfig;
import org.rackboot.server.event.BootEvents;
import org.rackboot.server.net.Addresses;
import org.rackboot.server.net.EventLoops;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The sockets of proxyDHCP: {@link Door} says which. Interfaces are looked at every five seconds, so that one that is made
 * anew is heard again.
 */
public final class DhcpListener implements AutoCloseable {
    /** What came; read by metrics. */
    public enum Received {
        DISCOVER,
        REQUEST,
        INFORM,
        /** Of servers, or of kinds that only a DHCP server answers. */
        OTHER
    }

    /** Who was answered. */
    public enum Answered {
        BIOS,
        UEFI,
        HTTP,
        IPXE,
        OTHER
    }

    /** Why nothing was said; the first six are {@link ProxyDhcp.Reason}'s. */
    public enum Silent {
        NOT_A_REQUEST,
        NOT_OURS,
        NOT_NETBOOTING,
        OTHER_SERVER,
        TAKES_THE_FIRST_OFFER,
        NOTHING_TO_BOOT,
        /** The machine's network is not answered. */
        SUBNET_OFF,
        /** That machine, that address, or all together were answered too often. */
        RATE_LIMIT,
        /** The answer is longer than what the client takes. */
        TOO_LARGE,
        /** The request names no address that an answer could go to. */
        NO_WAY_BACK,
        /** The system did not take the answer. */
        UNSENDABLE
    }

    /** Told of each packet; called on event loops. */
    public interface Listener {
        void received(Received type);

        void answered(boolean isOffer, Answered client);

        void silent(Silent why);

        /** Not DHCP, or more than an Ethernet frame carries. */
        void malformed();
    }

    private static final Logger LOG = LoggerFactory.getLogger(DhcpListener.class);
    private static final int RECEIVE_BUFFER_BYTES = 1 << 20; // A thousand machines switched on at once.
    private static final int MAX_DATAGRAM_BYTES = 2_048; // One that is cut here is too long anyway.
    private static final int LOOK_SECONDS = 5;

    private static final int SOL_SOCKET = 1;
    private static final int SO_BINDTODEVICE = 25;
    private static final int INTERFACE_NAME_BYTES = 16;
    private static final RawUnixChannelOption BIND_TO_DEVICE =
            new RawUnixChannelOption("SO_BINDTODEVICE", SOL_SOCKET, SO_BINDTODEVICE, INTERFACE_NAME_BYTES);

    private final EventLoops loops;
    private final ServerConfig.DhcpConfig config;
    private final List<Ipv4Address> served;
    private final Set<Ipv4Address> own; // Of this machine: what goes out from there is no other server's.
    private final boolean isBound;
    private final OtherServers others;
    private final ProxyAnswers answers;
    private final Watch watch;
    private final Listener listener;
    private final Notices notices;
    private final Map<Integer, Integer> ports = new HashMap<>(); // By role; what an ephemeral one became.
    private final Map<Door, Channel> open = new LinkedHashMap<>();
    private @Nullable ScheduledFuture<?> looking;
    private boolean closed;

    private DhcpListener(
            EventLoops loops,
            ServerConfig.DhcpConfig config,
            List<Ipv4Address> served,
            Set<Ipv4Address> own,
            boolean isBound,
            ProxyAnswers answers,
            Watch watch,
            Listener listener,
            Notices notices) {
        this.loops = loops;
        this.config = config;
        this.served = served;
        this.own = own;
        this.isBound = isBound;
        this.others = new OtherServers(Path.of("/proc/net/udp"));
        this.answers = answers;
        this.watch = watch;
        this.listener = listener;
        this.notices = notices;
        ports.put(ProxyDhcp.SERVER_PORT, config.port());
        ports.put(ProxyDhcp.BOOT_SERVER_PORT, config.pxePort());
        ports.put(ProxyDhcp.CLIENT_PORT, ProxyDhcp.CLIENT_PORT);
    }

    /**
     * Opens all sockets that are wanted.
     *
     * @param addresses where TFTP and HTTP listen
     * @param log of what is answered
     * @param timer looks after interfaces from time to time
     * @throws IOException if a socket cannot be opened, or there is nowhere to listen; its message says what to do
     */
    public static DhcpListener start(
            EventLoops loops,
            ServerConfig config,
            List<InetAddress> addresses,
            BootFiles files,
            AnswerLog log,
            BootEvents events,
            Listener listener,
            ScheduledExecutorService timer)
            throws IOException {
        List<Ipv4Address> served = new ArrayList<>();
        for (InetAddress address : addresses) {
            if (address instanceof Inet4Address ipv4) {
                served.add(Link.ipv4(ipv4));
            }
        }
        Notices notices = new Notices(line -> LOG.warn("{}", line));
        Set<Ipv4Address> own = ConcurrentHashMap.newKeySet();
        Watch watch = new Watch(own::contains, events::publish, notices, Clock.systemUTC(), System::nanoTime);
        ProxyAnswers answers = new ProxyAnswers(
                new SubnetRules(config.dhcp().subnets(), config.dhcp().ignoredSubnets()),
                files,
                watch,
                log,
                (address, mac) -> events.heard(Link.inet(address), mac.text()),
                listener,
                System::nanoTime);
        boolean isBound = !config.bind().isEmpty() && config.bind().stream().noneMatch(InetAddress::isAnyLocalAddress);
        DhcpListener dhcp =
                new DhcpListener(loops, config.dhcp(), served, own, isBound, answers, watch, listener, notices);
        try {
            dhcp.openAll();
        } catch (IOException | RuntimeException e) {
            dhcp.close();
            throw e;
        }
        dhcp.looking = timer.scheduleWithFixedDelay(dhcp::lookAgain, LOOK_SECONDS, LOOK_SECONDS, TimeUnit.SECONDS);
        return dhcp;
    }

    /** What others say over DHCP that keeps machines from booting, for people. */
    public List<String> warnings() {
        return watch.warnings();
    }

    /**
     * Our addresses with the port that machines ask there.
     *
     * @param role {@link ProxyDhcp#SERVER_PORT} or {@link ProxyDhcp#BOOT_SERVER_PORT}
     */
    public synchronized List<InetSocketAddress> addresses(int role) {
        Set<Ipv4Address> all = new LinkedHashSet<>();
        for (Door door : open.keySet()) {
            if (door instanceof Door.OnAddress on && on.role() == role) {
                all.add(on.address());
            } else if (door instanceof Door.OnLink on && on.role() == role) {
                on.link().addresses().forEach(each -> all.add(each.address()));
            }
        }
        return all.stream()
                .map(address -> new InetSocketAddress(Link.inet(address), port(role)))
                .toList();
    }

    @Override
    public synchronized void close() {
        closed = true;
        if (looking != null) {
            looking.cancel(false);
        }
        open.values().forEach(channel -> close(Optional.of(channel)));
        open.clear();
    }

    private synchronized void openAll() throws IOException {
        List<Link> links = Link.present();
        Set<Door> wanted = wanted(links);
        if (wanted.isEmpty()) {
            throw new IOException(nowhere(links));
        }
        for (Door door : wanted) {
            open(door, wanted);
        }
    }

    /** At interfaces, and at who asks in vain. One that cannot be opened holds up no other. */
    private synchronized void lookAgain() {
        try {
            watch.look();
            Set<Door> wanted = closed ? Set.of() : wanted(Link.present());
            for (Door door : List.copyOf(open.keySet())) {
                if (!wanted.contains(door)) {
                    LOG.info("DHCP is no longer answered {}", door);
                    close(Optional.ofNullable(open.remove(door)));
                }
            }
            for (Door door : wanted) {
                if (!open.containsKey(door)) {
                    openLater(door, wanted);
                }
            }
        } catch (SocketException | RuntimeException e) { // Else the timer would never look again.
            notices.say("look", System.nanoTime(), () -> "Interfaces cannot be looked at for DHCP: " + e);
        }
    }

    private void openLater(Door door, Set<Door> wanted) {
        try {
            if (open(door, wanted)) {
                LOG.info("DHCP is answered {}", door);
            }
        } catch (IOException e) {
            notices.say("open " + door, System.nanoTime(), () -> String.valueOf(e.getMessage()));
        }
    }

    private static void close(Optional<Channel> channel) {
        channel.ifPresent(each -> each.close().awaitUninterruptibly(1_000));
    }

    private Set<Door> wanted(List<Link> links) {
        boolean isTaken = others.listenOn(port(ProxyDhcp.SERVER_PORT));
        if (isTaken) {
            notices.say(
                    "taken",
                    System.nanoTime(),
                    () ->
                            "Another DHCP server runs on this machine: what is sent to this machine's own addresses is left"
                                    + " to it, so that leases are renewed. Broadcasts and port 4011 are answered; what relays send"
                                    + " here is not");
        }
        List<Ipv4Address> present = links.stream()
                .flatMap(link -> link.addresses().stream())
                .map(Link.Address::address)
                .toList();
        own.addAll(present);
        own.retainAll(present);
        for (Link link : links) {
            if (!isBound && !link.isLoopback() && isConfigured(link)) {
                link.addresses().forEach(each -> sayIfNotServed(link, each.address()));
            }
        }
        for (String name : config.interfaces()) {
            if (links.stream().noneMatch(link -> link.name().equals(name))) {
                notices.say(
                        "missing " + name,
                        System.nanoTime(),
                        () -> "Interface %s (--interface) is not there, or not up; DHCP is answered on it once it is"
                                .formatted(name));
            }
        }
        return Door.wanted(links, served, config.interfaces(), isBound, isTaken);
    }

    private boolean isConfigured(Link link) {
        return config.interfaces().isEmpty()
                ? link.isMulticast()
                : config.interfaces().contains(link.name());
    }

    private void sayIfNotServed(Link link, Ipv4Address address) {
        if (!served.contains(address)) {
            notices.say(
                    "new " + address,
                    System.nanoTime(),
                    () ->
                            "%s has got the address %s since the start: TFTP and HTTP do not listen there, so no machine is"
                                            .formatted(link.name(), address)
                                    + " sent to it. Start rackboot again to serve it");
        }
    }

    private String nowhere(List<Link> links) {
        String looked = config.interfaces().isEmpty()
                ? "none has an IPv4 address that this server listens on, apart from loopback"
                : "none of %s has an IPv4 address that this server listens on".formatted(config.interfaces());
        return "--dhcp proxy has nowhere to listen: of the interfaces that are up, %s, %s. Name others with --interface, their addresses with --bind, or use --dhcp off"
                .formatted(links.stream().map(Link::name).toList(), looked);
    }

    /**
     * Opens one socket.
     *
     * @return false if it is left to another DHCP server of this machine
     */
    private boolean open(Door door, Set<Door> wanted) throws IOException {
        InetAddress address = Link.inet(
                door instanceof Door.OnAddress on ? on.address() : Ipv4Address.BROADCAST); // Hears broadcasts only.
        Bootstrap bootstrap = new Bootstrap()
                .group(loops.group())
                .channelFactory(() -> channel(door, address))
                .option(ChannelOption.SO_BROADCAST, true)
                .option(
                        ChannelOption.SO_REUSEADDR,
                        door.role() != ProxyDhcp.BOOT_SERVER_PORT) // Beside a DHCP server, and a client.
                .option(ChannelOption.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
                .option(ChannelOption.RECVBUF_ALLOCATOR, new FixedRecvByteBufAllocator(32 * MAX_DATAGRAM_BYTES))
                .handler(new PacketHandler(door));
        if (loops.isEpoll()) {
            bootstrap.option(EpollChannelOption.MAX_DATAGRAM_PAYLOAD_SIZE, MAX_DATAGRAM_BYTES); // recvmmsg
        }
        try {
            Channel channel = bootstrap
                    .bind(address, port(door.role()))
                    .syncUninterruptibly()
                    .channel();
            open.put(door, channel);
            ports.put(door.role(), ((InetSocketAddress) channel.localAddress()).getPort());
            return true;
        } catch (Exception e) { // Netty throws the checked cause unchecked.
            if (isLeftToAnother(door, wanted, e)) {
                return false;
            }
            if (door instanceof Door.OfClients) {
                notices.say(
                        "watch " + door,
                        System.nanoTime(),
                        () -> "What other DHCP servers say is not heard %s: %s. Machines are answered all the same"
                                .formatted(door, e.getMessage()));
                return false;
            }
            throw explained(door, e);
        }
    }

    /** A server that shares its port with nobody, and hears broadcasts by other means. */
    private boolean isLeftToAnother(Door door, Set<Door> wanted, Exception cause) {
        boolean isLeft = door instanceof Door.OnAddress on
                && on.role() == ProxyDhcp.SERVER_PORT
                && String.valueOf(cause.getMessage()).contains("Address already in use")
                && wanted.stream().anyMatch(each -> each instanceof Door.OnLink link && link.has(on.address()));
        if (isLeft) {
            notices.say(
                    "left " + door,
                    System.nanoTime(),
                    () ->
                            "What is sent to this machine's own addresses, port %d, goes to another DHCP server of this machine; broadcasts and port 4011 are answered, what relays send here is not"
                                    .formatted(port(door.role())));
        }
        return isLeft;
    }

    private DatagramChannel channel(Door door, InetAddress address) {
        DatagramChannel channel = loops.datagramChannel(address).newChannel();
        Optional<String> device = door.device();
        if (device.isPresent()) {
            try {
                channel.config().setOption(BIND_TO_DEVICE, device(device.get()));
            } catch (RuntimeException e) {
                channel.unsafe().closeForcibly();
                throw e;
            }
        }
        return channel;
    }

    private ByteBuffer device(String name) {
        if (!loops.isEpoll()) {
            throw new ChannelException("broadcasts of one interface are heard on Linux only (amd64 or arm64)");
        }
        ByteBuffer bytes = ByteBuffer.allocateDirect(INTERFACE_NAME_BYTES);
        bytes.put(name.getBytes(StandardCharsets.UTF_8));
        return bytes.clear();
    }

    private IOException explained(Door door, Exception cause) {
        String off = "leave it off, --dhcp off, and let your DHCP server name the loader (docs/dhcp.md)";
        String reason = String.valueOf(cause.getMessage());
        if (reason.contains("Operation not permitted")) {
            return new IOException(
                    "--dhcp proxy cannot hear broadcasts %s: before Linux 5.7 that needs CAP_NET_RAW; or %s"
                            .formatted(door, off),
                    cause);
        }
        if (door instanceof Door.OnLink && reason.contains("Address already in use")) {
            return new IOException(
                    "--dhcp proxy cannot listen %s port %d: a DHCP server on this machine shares it with nobody ('ss -lnup sport = :%d' shows which). With dnsmasq, say bind-interfaces or bind-dynamic; or %s"
                            .formatted(door, port(door.role()), port(door.role()), off),
                    cause);
        }
        InetAddress address =
                Link.inet(door instanceof Door.OnAddress on ? on.address() : door.addressFor(Ipv4Address.UNSPECIFIED));
        return Addresses.explain("--dhcp proxy", address, port(door.role()), off, off, cause);
    }

    private int port(int role) {
        return ports.getOrDefault(role, role);
    }

    /** One socket. Runs on its event loop. */
    private final class PacketHandler extends SimpleChannelInboundHandler<DatagramPacket> {
        private final Door door;

        PacketHandler(Door door) {
            this.door = door;
        }

        @Override
        protected void channelRead0(ChannelHandlerContext ctx, DatagramPacket datagram) {
            if (!(datagram.sender().getAddress() instanceof Inet4Address sender)) {
                return;
            }
            if (door instanceof Door.OfClients) {
                answers.overhear(datagram.content().nioBuffer(), Link.ipv4(sender), door);
            } else {
                answers.answer(
                                datagram.content().nioBuffer(),
                                Link.ipv4(sender),
                                datagram.sender().getPort(),
                                door)
                        .ifPresent(answer -> send(ctx, answer));
            }
        }

        private void send(ChannelHandlerContext ctx, ProxyAnswers.Outgoing answer) {
            ctx.write(new DatagramPacket(Unpooled.wrappedBuffer(answer.packet()), answer.to()))
                    .addListener(sent -> {
                        if (!sent.isSuccess()) {
                            listener.silent(Silent.UNSENDABLE);
                            notices.say(
                                    "unsendable " + door,
                                    System.nanoTime(),
                                    () -> "A DHCP answer to %s could not be sent %s: %s"
                                            .formatted(Addresses.hostAndPort(answer.to()), door, sent.cause()));
                        }
                    });
        }

        @Override
        public void channelReadComplete(ChannelHandlerContext ctx) {
            ctx.flush();
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            if (!(cause instanceof IOException)) { // The port stays open whatever one packet does.
                notices.say("packet", System.nanoTime(), () -> "A DHCP packet could not be handled: " + cause);
            }
        }
    }
}
