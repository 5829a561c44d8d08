package org.rackboot.server.tftp;

import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoop;
import io.netty.channel.FixedRecvByteBufAllocator;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.epoll.EpollChannelOption;
import io.netty.channel.socket.DatagramPacket;
import java.io.IOException;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.NetworkInterface;
import java.net.SocketException;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.rackboot.protocol.tftp.ClientRules;
import org.rackboot.protocol.tftp.MalformedPacketException;
import org.rackboot.protocol.tftp.Negotiation;
import org.rackboot.protocol.tftp.ReadTransfer;
import org.rackboot.protocol.tftp.TftpCodec;
import org.rackboot.protocol.tftp.TftpError;
import org.rackboot.protocol.tftp.TftpPacket;
import org.rackboot.protocol.tftp.TftpPacket.ErrorReply;
import org.rackboot.protocol.tftp.TftpPacket.ReadRequest;
import org.rackboot.protocol.tftp.TftpPacket.WriteRequest;
import org.rackboot.server.net.Addresses;
import org.rackboot.server.net.BindException;
import org.rackboot.server.net.Egress;
import org.rackboot.server.net.EventLoops;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The well-known port: takes requests, and gives each transfer a socket of its own (RFC 1350, 4), bound to the address
 * that was asked; or, if so configured, serves all from the well-known port.
 *
 * <p>What a stranger can make it do is bounded: transfers in all, unanswered ones by address and second, and nothing at
 * all for packets from ports where no TFTP client lives (S-06 to S-08).
 */
public final class TftpListener implements AutoCloseable {
    /** Counters of what was not served; read by metrics. */
    public enum Dropped {
        MALFORMED,
        /** ACK, DATA or ERROR at the well-known port: answering could make two servers answer each other for ever. */
        NOT_A_REQUEST,
        WELL_KNOWN_SOURCE_PORT,
        /** The client is in none of the networks that are answered. */
        NOT_ALLOWED,
        ADDRESS_BUDGET,
        /** So many are sent to that with one more the limit of egress would feed none of them in time. */
        EGRESS_FULL,
        TOO_MANY_TRANSFERS,
        TOO_MANY_UNPROVEN
    }

    /** Told of drops; called on event loops. */
    public interface Listener {
        void dropped(Dropped why);

        /** A kernel or network card took no segmented send; blocks go out one by one there. */
        default void segmentationRefused() {}
    }

    /**
     * @param maxTransfers at once
     * @param singlePort whether transfers share the well-known port, for NAT and clusters that let no other through
     *     (quirk T27)
     * @param stopPatience how long running transfers may go on after {@link #close}
     */
    public record Settings(
            Negotiation.Limits negotiation,
            int maxTransfers,
            boolean singlePort,
            ClientRules rules,
            Duration stopPatience) {}

    private static final Logger LOG = LoggerFactory.getLogger(TftpListener.class);
    private static final int RECEIVE_BUFFER_BYTES = 4 << 20; // A thousand machines switched on at once.
    private static final int MAX_REQUEST_BYTES = 2_048;
    private static final int MAX_UNPROVEN = 4_096; // S-06
    private static final int MAX_NETASCII = 64; // Each holds a copy of what it is sending.
    private static final Duration PARKED_CHECK = Duration.ofMillis(100);
    private static final Duration SILENCE_AT_STOP = Duration.ofSeconds(3);

    /** Services that answer what they get: a forged packet from there would start an endless talk (S-08). */
    private static final Set<Integer> ANSWERING_PORTS =
            Set.of(7, 9, 11, 13, 17, 19, 37, 53, 67, 68, 69, 111, 123, 137, 138, 161, 389, 520, 1900, 5353, 11211);

    private final EventLoops loops;
    private final TftpService service;
    private final Settings settings;
    private final Listener listener;
    private final Egress egress;
    private final LongSupplier nanoClock;
    private final Admission admission;
    private final LearntBlockSizes learntBlockSizes;
    private final AtomicInteger unproven = new AtomicInteger();
    private final AtomicInteger netascii = new AtomicInteger();
    private final AtomicBoolean checkingParked = new AtomicBoolean();
    private volatile boolean stopping;
    private final List<Channel> channels = new CopyOnWriteArrayList<>();
    private final ConcurrentMap<TransferKey, Transfer> transfers = new ConcurrentHashMap<>();

    /** A client's port is in one transfer at a time; the same port asking for another file ends the first (T15). */
    private record TransferKey(InetSocketAddress client, InetSocketAddress local) {}

    /** Without a limit of what goes out. */
    public TftpListener(
            EventLoops loops, TftpService service, Settings settings, Listener listener, LongSupplier nanoClock) {
        this(loops, service, settings, listener, Egress.UNLIMITED, nanoClock);
    }

    /** @param egress when blocks may go out */
    public TftpListener(
            EventLoops loops,
            TftpService service,
            Settings settings,
            Listener listener,
            Egress egress,
            LongSupplier nanoClock) {
        this.loops = loops;
        this.service = service;
        this.settings = settings;
        this.listener = listener;
        this.egress = egress;
        this.nanoClock = nanoClock;
        this.admission = new Admission(nanoClock, () -> listener.dropped(Dropped.ADDRESS_BUDGET));
        this.learntBlockSizes = new LearntBlockSizes(nanoClock);
    }

    /** Opens one more address; returns it with the port that was opened. */
    public InetSocketAddress bind(InetAddress address, int port) throws BindException {
        Bootstrap bootstrap = new Bootstrap()
                .group(loops.group())
                .channelFactory(loops.datagramChannel(address))
                .option(ChannelOption.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
                .option(ChannelOption.RECVBUF_ALLOCATOR, new FixedRecvByteBufAllocator(64 * MAX_REQUEST_BYTES))
                .option(ChannelOption.SO_SNDBUF, settings.singlePort() ? 4 << 20 : 1 << 20)
                .handler(new RequestHandler(fittingBlock(address)));
        if (loops.isEpoll()) {
            bootstrap.option(EpollChannelOption.MAX_DATAGRAM_PAYLOAD_SIZE, MAX_REQUEST_BYTES); // recvmmsg
        }
        try {
            Channel channel =
                    bootstrap.bind(address, port).syncUninterruptibly().channel();
            channels.add(channel);
            return (InetSocketAddress) channel.localAddress();
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Exception e) { // Netty throws the checked cause unchecked.
            throw Addresses.explain("TFTP", address, port, "--tftp-port 6969", e);
        }
    }

    public int activeTransfers() {
        return transfers.size();
    }

    /**
     * Takes no more requests, and lets running transfers end: those whose client is heard, and for the patience of the
     * settings at most.
     */
    @Override
    public void close() {
        stopping = true;
        if (!settings.singlePort()) {
            closeSockets();
        }
        long until = nanoClock.getAsLong() + settings.stopPatience().toNanos();
        synchronized (transfers) {
            while (nanoClock.getAsLong() - until < 0 && isAnyoneHeard()) {
                try {
                    transfers.wait(100);
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                    break;
                }
            }
        }
        transfers.values().forEach(Transfer::shutDown);
        closeSockets();
    }

    private boolean isAnyoneHeard() {
        long now = nanoClock.getAsLong();
        return transfers.values().stream().anyMatch(each -> now - each.heardNanos() < SILENCE_AT_STOP.toNanos());
    }

    private void closeSockets() {
        channels.forEach(channel -> channel.close().awaitUninterruptibly(1_000));
        channels.clear();
    }

    /** The largest block for the link that has an address: its MTU without IP, UDP and TFTP headers. */
    private static int fittingBlock(InetAddress local) {
        try {
            NetworkInterface link = NetworkInterface.getByInetAddress(local);
            int headers = local instanceof Inet6Address ? 52 : 32;
            int mtu = link == null ? 1_500 : link.getMTU();
            return Math.max(Negotiation.DEFAULT_BLOCK_SIZE, Math.min(Negotiation.MAX_BLOCK_SIZE, mtu - headers));
        } catch (SocketException e) {
            return 1_448; // Fits Ethernet, also with IPv6.
        }
    }

    /** One address that is listened on. Runs on its event loop. */
    private final class RequestHandler extends SimpleChannelInboundHandler<DatagramPacket> {
        private final int fittingBlock;
        private final Segmentation segmentation = new Segmentation(loops.isEpoll(), listener::segmentationRefused);

        RequestHandler(int fittingBlock) {
            this.fittingBlock = fittingBlock;
        }

        @Override
        protected void channelRead0(ChannelHandlerContext ctx, DatagramPacket datagram) {
            InetSocketAddress client = datagram.sender();
            InetSocketAddress local = (InetSocketAddress) ctx.channel().localAddress();
            if (settings.singlePort()) {
                Transfer running = transfers.get(new TransferKey(client, local));
                if (running != null && !isRequest(datagram.content())) {
                    running.onDatagram(datagram);
                    return;
                }
            }
            if (ANSWERING_PORTS.contains(client.getPort())
                    || client.getPort() == 0
                    || client.getPort() == local.getPort()) { // Another server's, or our own (S-08).
                listener.dropped(Dropped.WELL_KNOWN_SOURCE_PORT);
            } else if (!settings.rules().allows(client.getAddress().getAddress())) {
                listener.dropped(Dropped.NOT_ALLOWED);
            } else if (!stopping) {
                takeRequest(ctx.channel(), datagram.content(), client, local);
            }
        }

        @Override
        public void channelReadComplete(ChannelHandlerContext ctx) {
            if (settings.singlePort()) {
                ctx.flush(); // What a batch of packets brought goes out in one batch, too.
            }
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            if (!(cause instanceof IOException)) { // A packet that could not be sent is as good as lost on the way.
                LOG.warn("A TFTP request could not be handled", cause); // The port stays open whatever one packet does.
            }
        }

        private boolean isRequest(ByteBuf packet) {
            int opcode = packet.readableBytes() < 2 ? 0 : packet.getUnsignedShort(packet.readerIndex());
            return opcode == 1 || opcode == 2;
        }

        private void takeRequest(Channel socket, ByteBuf packet, InetSocketAddress client, InetSocketAddress local) {
            try {
                TftpPacket decoded = TftpCodec.decode(packet.nioBuffer());
                if (decoded instanceof ReadRequest || decoded instanceof WriteRequest) {
                    admit(socket, decoded, client, local);
                } else {
                    listener.dropped(Dropped.NOT_A_REQUEST);
                }
            } catch (MalformedPacketException e) {
                listener.dropped(Dropped.MALFORMED);
            }
        }

        private void admit(Channel socket, TftpPacket request, InetSocketAddress client, InetSocketAddress local) {
            if (admission.admits(client.getAddress())) {
                onRequest(socket, request, client, local);
                return;
            }
            Runnable later = () -> socket.eventLoop().execute(() -> {
                if (!stopping) {
                    onRequest(socket, request, client, local);
                    socket.flush();
                }
            });
            if (admission.park(client, later)) {
                checkParkedLater(socket.eventLoop());
            } else {
                listener.dropped(Dropped.ADDRESS_BUDGET); // Silently: the client asks again.
            }
        }

        private void onRequest(Channel socket, TftpPacket packet, InetSocketAddress client, InetSocketAddress local) {
            if (!(packet instanceof ReadRequest request)) {
                refuse(socket, client, local, TftpError.ACCESS_VIOLATION, "this server is read-only");
                return;
            }
            TransferKey key = new TransferKey(client, local);
            Transfer running = transfers.get(key);
            if (running != null && running.repeats(request)) {
                running.onRepeatedRequest();
                return;
            }
            if (running != null) {
                running.replaced();
            }
            String mode = request.mode().toLowerCase(Locale.ROOT);
            if (!mode.equals("octet") && !mode.equals("netascii")) {
                refuse(
                        socket,
                        client,
                        local,
                        TftpError.ILLEGAL_OPERATION,
                        "modes octet and netascii are served; set your client to binary");
            } else if (transfers.size() >= settings.maxTransfers()) {
                listener.dropped(Dropped.TOO_MANY_TRANSFERS);
            } else if (unproven.get() >= MAX_UNPROVEN) {
                listener.dropped(Dropped.TOO_MANY_UNPROVEN);
            } else {
                TftpService.Answer answer = service.answer(request.filename(), client, local);
                if (answer instanceof TftpService.Answer.Refuse refusal) {
                    refuse(socket, client, local, refusal.errorCode(), refusal.message());
                } else if (answer instanceof TftpService.Answer.Serve serve) {
                    start(socket, key, request, serve, mode.equals("netascii"));
                }
            }
        }

        private void start(
                Channel socket, TransferKey key, ReadRequest request, TftpService.Answer.Serve serve, boolean text) {
            if (text && netascii.incrementAndGet() > MAX_NETASCII) {
                netascii.decrementAndGet();
                listener.dropped(Dropped.TOO_MANY_TRANSFERS);
                serve.report().ended(ReadTransfer.Outcome.FAILED, "too many netascii transfers", 0, Duration.ZERO);
                return;
            }
            BodySource body = text ? new NetasciiBody(serve.body()) : serve.body();
            InetAddress address = key.client().getAddress();
            ReadTransfer machine = new ReadTransfer(
                    request.options(),
                    body.size(),
                    negotiation(address),
                    ReadTransfer.Settings.DEFAULT
                            .withRollover(settings.rules().rollover(address.getAddress()))
                            .withPacing(egress.isLimited()));
            Optional<Egress.Flow> flow = egress.open(
                    address, TftpCodec.DATA_HEADER_BYTES + machine.agreed().blockSize());
            if (flow.isEmpty()) { // Silently: the client asks again, and those who are here go on meanwhile.
                listener.dropped(Dropped.EGRESS_FULL);
                netascii.addAndGet(text ? -1 : 0);
                serve.report().ended(ReadTransfer.Outcome.FAILED, Egress.FULL, 0, Duration.ZERO);
                return;
            }
            Transfer transfer = new Transfer(
                    request,
                    machine,
                    body,
                    key.client(),
                    segmentation,
                    nanoClock,
                    flow.get(),
                    new Started(key, serve.report(), text));
            unproven.incrementAndGet();
            transfers.put(key, transfer);
            if (settings.singlePort()) {
                transfer.beginOnShared(socket);
            } else {
                open(key.local(), transfer.onOwnSocket(), transfer::couldNotStart);
            }
        }

        /** A block must fit the link in one piece: many boot ROMs cannot put fragments together (quirk T19). */
        private Negotiation.Limits negotiation(InetAddress client) {
            Negotiation.Limits limits = settings.rules().apply(settings.negotiation(), client.getAddress());
            int most = Math.min(limits.maxBlockSize(), fittingBlock);
            return limits.withBlockSize(learntBlockSizes.most(client, most));
        }

        /** ERROR goes out once; in a port of its own where transfers have one: clients take none from the well-known. */
        private void refuse(
                Channel socket, InetSocketAddress client, InetSocketAddress local, int code, String message) {
            ErrorReply reply = new ErrorReply(code, message);
            if (settings.singlePort()) {
                socket.write(new DatagramPacket(Transfer.encoded(socket, reply), client), socket.voidPromise());
                return;
            }
            ChannelHandler once = new ChannelInboundHandlerAdapter() {
                @Override
                public void channelActive(ChannelHandlerContext ctx) {
                    ctx.writeAndFlush(new DatagramPacket(Transfer.encoded(ctx.channel(), reply), client))
                            .addListener(done -> ctx.close());
                }
            };
            open(local, once, cause -> {});
        }

        private void open(InetSocketAddress local, ChannelHandler handler, Consumer<Throwable> onFailure) {
            Bootstrap bootstrap = new Bootstrap()
                    .group(loops.group())
                    .channelFactory(loops.datagramChannel(local.getAddress()))
                    .option(ChannelOption.SO_SNDBUF, 1 << 20)
                    .handler(handler);
            bootstrap.bind(local.getAddress(), 0).addListener(bound -> {
                if (!bound.isSuccess()) {
                    LOG.warn("No socket for a TFTP transfer: {}", String.valueOf(bound.cause()));
                    onFailure.accept(bound.cause());
                }
            });
        }
    }

    private void checkParkedLater(EventLoop loop) {
        if (checkingParked.compareAndSet(false, true)) {
            loop.schedule(
                    () -> {
                        checkingParked.set(false);
                        admission.due().forEach(Runnable::run);
                        if (admission.hasParked()) {
                            checkParkedLater(loop);
                        }
                    },
                    PARKED_CHECK.toMillis(),
                    TimeUnit.MILLISECONDS);
        }
    }

    /** What a transfer does to the listener's books. */
    private final class Started implements Transfer.Owner {
        private final TransferKey key;
        private final TftpService.Report report;
        private final boolean text;
        private boolean proven;

        Started(TransferKey key, TftpService.Report report, boolean text) {
            this.key = key;
            this.report = report;
            this.text = text;
        }

        @Override
        public void answered() {
            proven = true;
            unproven.decrementAndGet();
            admission.proven(key.client().getAddress()).forEach(Runnable::run);
        }

        @Override
        public boolean mayRepeat() {
            return admission.admits(key.client().getAddress());
        }

        @Override
        public void blockIsLost(int blockSize) {
            int next = learntBlockSizes.didNotArrive(key.client().getAddress(), blockSize);
            LOG.info(
                    "{}: no block of {} B arrives there, {} B are agreed from now on; is there a tunnel on the way?",
                    Addresses.host(key.client().getAddress()),
                    blockSize,
                    next);
        }

        @Override
        public void malformed() {
            listener.dropped(Dropped.MALFORMED);
        }

        @Override
        public void ended(Transfer self, ReadTransfer.Outcome outcome, String detail, long bytes, Duration duration) {
            if (!proven) {
                unproven.decrementAndGet();
            }
            if (text) {
                netascii.decrementAndGet();
            }
            transfers.remove(key, self);
            report.ended(outcome, detail, bytes, duration);
            if (stopping) {
                synchronized (transfers) {
                    transfers.notifyAll();
                }
            }
        }
    }
}
