package org.rackboot.server.tftp;

import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.FixedRecvByteBufAllocator;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.epoll.EpollChannelOption;
import io.netty.channel.socket.DatagramChannel;
import io.netty.channel.socket.DatagramPacket;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.NetworkInterface;
import java.net.SocketException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.LongSupplier;
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
import org.rackboot.server.net.EventLoops;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The well-known port: takes requests, and gives each transfer a socket of its own (RFC 1350, 4), bound to the address
 * that was asked.
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
        ADDRESS_BUDGET,
        TOO_MANY_TRANSFERS
    }

    /** Told of drops; called on event loops. */
    @FunctionalInterface
    public interface Listener {
        void dropped(Dropped why);
    }

    /**
     * @param maxTransfers at once
     */
    public record Limits(Negotiation.Limits negotiation, int maxTransfers) {}

    private static final Logger LOG = LoggerFactory.getLogger(TftpListener.class);
    private static final int RECEIVE_BUFFER_BYTES = 4 << 20; // A thousand machines switched on at once.
    private static final int MAX_REQUEST_BYTES = 2_048;

    /** Services that answer what they get: a forged packet from there would start an endless talk (S-08). */
    private static final Set<Integer> ANSWERING_PORTS =
            Set.of(7, 9, 11, 13, 17, 19, 37, 53, 67, 68, 69, 111, 123, 137, 138, 161, 389, 520, 1900, 5353, 11211);

    private final EventLoops loops;
    private final TftpService service;
    private final Limits limits;
    private final Listener listener;
    private final LongSupplier nanoClock;
    private final AddressBudget budget;
    private final List<Channel> channels = new CopyOnWriteArrayList<>();
    private final ConcurrentMap<InetAddress, Integer> fittingBlock = new ConcurrentHashMap<>();
    private final ConcurrentMap<TransferKey, TransferHandler> transfers = new ConcurrentHashMap<>();

    /** A client's port is in one transfer at a time; the same port asking for another file ends the first (T15). */
    private record TransferKey(InetSocketAddress client, InetSocketAddress local) {}

    public TftpListener(
            EventLoops loops, TftpService service, Limits limits, Listener listener, LongSupplier nanoClock) {
        this.loops = loops;
        this.service = service;
        this.limits = limits;
        this.listener = listener;
        this.nanoClock = nanoClock;
        this.budget = new AddressBudget(nanoClock);
    }

    /** Opens one more address; returns it with the port that was opened. */
    public InetSocketAddress bind(InetAddress address, int port) throws BindException {
        Bootstrap bootstrap = new Bootstrap()
                .group(loops.group())
                .channel(loops.datagramChannel())
                .option(ChannelOption.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
                .option(ChannelOption.RECVBUF_ALLOCATOR, new FixedRecvByteBufAllocator(64 * MAX_REQUEST_BYTES))
                .handler(new RequestHandler());
        if (loops.isEpoll()) {
            bootstrap.option(EpollChannelOption.MAX_DATAGRAM_PAYLOAD_SIZE, MAX_REQUEST_BYTES); // recvmmsg
        }
        try {
            Channel channel =
                    bootstrap.bind(address, port).syncUninterruptibly().channel();
            channels.add(channel);
            fittingBlock.put(address, fittingBlock(address));
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

    @Override
    public void close() {
        channels.forEach(channel -> channel.close().awaitUninterruptibly(1_000));
        channels.clear();
        transfers.values().forEach(TransferHandler::shutDown);
    }

    private void onRequest(ReadRequest request, InetSocketAddress client, InetSocketAddress local) {
        TransferKey key = new TransferKey(client, local);
        TransferHandler running = transfers.get(key);
        if (!budget.allows(client.getAddress())) {
            listener.dropped(Dropped.ADDRESS_BUDGET); // Silently: the client asks again.
            return;
        }
        if (running != null && running.repeats(request)) {
            running.onRepeatedRequest();
            return;
        }
        if (running != null) {
            running.replaced();
        }
        if (!request.mode().equalsIgnoreCase("octet")) {
            refuse(client, local, TftpError.ILLEGAL_OPERATION, "only mode octet is served; set your client to binary");
            return;
        }
        if (transfers.size() >= limits.maxTransfers()) {
            listener.dropped(Dropped.TOO_MANY_TRANSFERS);
            return;
        }
        TftpService.Answer answer = service.answer(request.filename(), client, local);
        if (answer instanceof TftpService.Answer.Refuse refusal) {
            refuse(client, local, refusal.errorCode(), refusal.message());
        } else if (answer instanceof TftpService.Answer.Serve serve) {
            start(key, request, serve);
        }
    }

    private void start(TransferKey key, ReadRequest request, TftpService.Answer.Serve serve) {
        ReadTransfer transfer = new ReadTransfer(
                request.options(), serve.body().size(), negotiation(key.local()), ReadTransfer.Settings.DEFAULT);
        TransferHandler handler = new TransferHandler(
                request, transfer, serve.body(), key.client(), loops.isEpoll(), nanoClock, new TransferHandler.Owner() {
                    @Override
                    public void answered() {
                        budget.proven(key.client().getAddress());
                    }

                    @Override
                    public void ended(
                            TransferHandler self,
                            ReadTransfer.Outcome outcome,
                            String detail,
                            long bytes,
                            Duration duration) {
                        transfers.remove(key, self);
                        serve.report().ended(outcome, detail, bytes, duration);
                    }
                });
        transfers.put(key, handler);
        open(key.local(), handler);
    }

    /** A block must fit the link in one piece: many boot ROMs cannot put fragments together (quirk T19). */
    private Negotiation.Limits negotiation(InetSocketAddress local) {
        Negotiation.Limits most = limits.negotiation();
        int fitting = fittingBlock.getOrDefault(local.getAddress(), most.maxBlockSize());
        return new Negotiation.Limits(
                Math.min(most.maxBlockSize(), fitting), most.maxWindowSize(), most.maxWindowBytes());
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

    /** ERROR goes out once, from a port of its own: clients take none from the well-known one. */
    private void refuse(InetSocketAddress client, InetSocketAddress local, int code, String message) {
        open(local, new ChannelInboundHandlerAdapter() {
            @Override
            public void channelActive(ChannelHandlerContext ctx) {
                ByteBuf packet = ctx.alloc().buffer(512);
                ByteBuffer bytes = packet.nioBuffer(0, 512);
                TftpCodec.encode(new ErrorReply(code, message), bytes);
                packet.writerIndex(bytes.position());
                ctx.writeAndFlush(new DatagramPacket(packet, client)).addListener(done -> ctx.close());
            }
        });
    }

    private void open(InetSocketAddress local, ChannelHandler handler) {
        Bootstrap bootstrap = new Bootstrap()
                .group(loops.group())
                .channel(loops.datagramChannel())
                .option(ChannelOption.SO_SNDBUF, 1 << 20)
                .handler(new ChannelInitializer<DatagramChannel>() {
                    @Override
                    protected void initChannel(DatagramChannel channel) {
                        channel.pipeline().addLast(handler);
                    }
                });
        bootstrap.bind(local.getAddress(), 0).addListener(bound -> {
            if (!bound.isSuccess() && handler instanceof TransferHandler transfer) {
                transfer.couldNotStart(bound.cause());
            }
            if (!bound.isSuccess()) {
                LOG.warn("No socket for a TFTP transfer: {}", String.valueOf(bound.cause()));
            }
        });
    }

    private final class RequestHandler extends SimpleChannelInboundHandler<DatagramPacket> {
        @Override
        protected void channelRead0(ChannelHandlerContext ctx, DatagramPacket datagram) {
            InetSocketAddress client = datagram.sender();
            if (ANSWERING_PORTS.contains(client.getPort()) || client.getPort() == 0) {
                listener.dropped(Dropped.WELL_KNOWN_SOURCE_PORT);
                return;
            }
            InetSocketAddress local = (InetSocketAddress) ctx.channel().localAddress();
            try {
                TftpPacket packet = TftpCodec.decode(datagram.content().nioBuffer());
                if (packet instanceof ReadRequest request) {
                    onRequest(request, client, local);
                } else if (packet instanceof WriteRequest) {
                    if (budget.allows(client.getAddress())) {
                        refuse(client, local, TftpError.ACCESS_VIOLATION, "this server is read-only");
                    } else {
                        listener.dropped(Dropped.ADDRESS_BUDGET);
                    }
                } else {
                    listener.dropped(Dropped.NOT_A_REQUEST);
                }
            } catch (MalformedPacketException e) {
                listener.dropped(Dropped.MALFORMED);
            }
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            LOG.warn("A TFTP request could not be handled", cause); // The port stays open whatever one packet does.
        }
    }
}
