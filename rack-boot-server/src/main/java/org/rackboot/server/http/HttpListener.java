package org.rackboot.server.http;

import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.AdaptiveRecvByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.epoll.EpollChannelOption;
import io.netty.channel.socket.SocketChannel;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Predicate;
import org.rackboot.server.net.Addresses;
import org.rackboot.server.net.BindException;
import org.rackboot.server.net.Egress;
import org.rackboot.server.net.EventLoops;

/** One service on any number of addresses and ports, HTTP/1.1 and 1.0, plain or in TLS. */
public final class HttpListener implements AutoCloseable {
    /**
     * Bounds for strangers.
     *
     * @param maxBodyBytes 0 = only GET and HEAD, and none with a body, which leaves nothing to smuggle (S-16)
     * @param maxConnectionsPerAddress far above what one machine opens: a whole row of them may stand behind one router
     * @param leastBytesPerSecond that a client must take while there is something for it (S-26)
     */
    public record Limits(
            int maxBodyBytes,
            int maxConnections,
            int maxConnectionsPerAddress,
            int leastBytesPerSecond,
            Deadlines deadlines) {
        public static final Limits BOOT = new Limits(0, 20_000, 4_096, 1_024, Deadlines.STANDARD);
        public static final Limits API =
                new Limits(8 << 20, 2_000, 2_000, 1_024, Deadlines.STANDARD.stoppingWithin(Duration.ofSeconds(2)));

        public Limits withConnections(int most, int mostOfOneAddress) {
            return new Limits(maxBodyBytes, most, mostOfOneAddress, leastBytesPerSecond, deadlines);
        }

        /** Bodies as well, of requests that the service takes. */
        public Limits withBodies(int mostBytes) {
            return new Limits(mostBytes, maxConnections, maxConnectionsPerAddress, leastBytesPerSecond, deadlines);
        }

        public Limits within(Deadlines others) {
            return new Limits(maxBodyBytes, maxConnections, maxConnectionsPerAddress, leastBytesPerSecond, others);
        }
    }

    /**
     * How long is waited.
     *
     * @param header from the first byte of a request to the end of its header
     * @param body from there to the end of its body
     * @param idle a connection without request; EDK2 wants 30 s and more (quirk H4)
     * @param idleWhenCrowded the same, while more than half of the connections allowed are open
     * @param slowest the time over which a client that takes next to nothing is watched
     * @param linger for the client to close, after it was told that the connection ends
     * @param handshake of TLS
     * @param stop for answers that are being sent when the listener closes
     */
    public record Deadlines(
            Duration header,
            Duration body,
            Duration idle,
            Duration idleWhenCrowded,
            Duration slowest,
            Duration linger,
            Duration handshake,
            Duration stop) {
        public static final Deadlines STANDARD = new Deadlines(
                Duration.ofSeconds(5),
                Duration.ofSeconds(30),
                Duration.ofSeconds(60),
                Duration.ofSeconds(5),
                Duration.ofSeconds(60),
                Duration.ofSeconds(2),
                Duration.ofSeconds(5),
                Duration.ofSeconds(30));

        public Deadlines stoppingWithin(Duration most) {
            return new Deadlines(header, body, idle, idleWhenCrowded, slowest, linger, handshake, most);
        }
    }

    /** Why a client was turned away before any service saw its request, or left before it had its answer. */
    public enum Refused {
        MALFORMED,
        TOO_LONG,
        UNKNOWN_VERSION,
        UNWANTED_METHOD,
        UNWANTED_BODY,
        TOO_MANY_BODIES,
        TOO_MANY_CONNECTIONS,
        TOO_MANY_OF_ONE_ADDRESS,
        /** No whole request within the time allowed. */
        TOO_SLOW,
        /** Took next to nothing of its answer. */
        SLOW_READER,
        /** TLS that came to nothing. */
        FAILED_HANDSHAKE,
        TOO_MANY_HANDSHAKES
    }

    /** Told of refusals; called on event loops. */
    @FunctionalInterface
    public interface Listener {
        void refused(Refused why);
    }

    /** What a client sends ahead of its answers is held; the rest waits in the kernel. */
    private static final int MAX_READ_BYTES = 8 << 10;

    /**
     * What the kernel takes before the client has room for it. Without this bound it takes megabytes from a slow reader's
     * answer, and says nothing until a third of them is gone: a minute and more in which a slow client looks dead.
     */
    private static final long MAX_UNSENT_BYTES = 128 << 10;

    private final EventLoops loops;
    private final Limits limits;
    private final List<Channel> channels = new CopyOnWriteArrayList<>();
    private final Connections connections;
    private final HttpConnection.Shared shared;
    private final TlsDoor door;

    /** Without a limit of what goes out. */
    public HttpListener(EventLoops loops, HttpService service, Limits limits, Listener listener) {
        this(loops, service, limits, listener, Egress.UNLIMITED);
    }

    /** @param egress when bodies may go out */
    public HttpListener(EventLoops loops, HttpService service, Limits limits, Listener listener, Egress egress) {
        this.loops = loops;
        this.limits = limits;
        this.connections = new Connections(limits.maxConnections(), limits.maxConnectionsPerAddress());
        this.shared = new HttpConnection.Shared(
                service, limits, connections, listener, egress, new ReplyEncoder(System::currentTimeMillis));
        this.door = new TlsDoor(limits.deadlines().handshake(), listener);
    }

    /**
     * Opens one more address.
     *
     * @param what the listener is called in messages
     * @param flag that chooses another port
     * @return the address with the port that was opened
     */
    public InetSocketAddress bind(InetAddress address, int port, String what, String flag) throws BindException {
        return bind(address, port, channel -> true, what, flag);
    }

    /** Opens one more address, for TLS with whatever the certificates are when a client comes. */
    public InetSocketAddress bindTls(
            InetAddress address, int port, TlsCertificates certificates, String what, String flag)
            throws BindException {
        return bind(address, port, channel -> door.addTo(channel, certificates), what, flag);
    }

    /** Opens one more address for both: a client that begins with TLS gets TLS. */
    public InetSocketAddress bindBoth(
            InetAddress address, int port, TlsCertificates certificates, String what, String flag)
            throws BindException {
        return bind(
                address,
                port,
                channel -> {
                    channel.pipeline().addLast(new TlsOrPlain(channel, door, certificates));
                    return true;
                },
                what,
                flag);
    }

    private InetSocketAddress bind(
            InetAddress address, int port, Predicate<SocketChannel> entrance, String what, String flag)
            throws BindException {
        ServerBootstrap bootstrap = new ServerBootstrap()
                .group(loops.group())
                .channelFactory(loops.serverChannel(address))
                .option(ChannelOption.SO_BACKLOG, 4_096)
                .option(ChannelOption.SO_REUSEADDR, true)
                .childOption(ChannelOption.TCP_NODELAY, true)
                .childOption(ChannelOption.AUTO_READ, false)
                .childOption(ChannelOption.ALLOW_HALF_CLOSURE, true)
                .childOption(
                        ChannelOption.RECVBUF_ALLOCATOR, new AdaptiveRecvByteBufAllocator(512, 1_024, MAX_READ_BYTES))
                .childOption(ChannelOption.WRITE_BUFFER_WATER_MARK, new WriteBufferWaterMark(32 << 10, 64 << 10))
                .childHandler(new ChannelInitializer<SocketChannel>() {
                    @Override
                    protected void initChannel(SocketChannel channel) {
                        if (entrance.test(channel)) {
                            channel.pipeline().addLast(new HttpConnection(channel, shared));
                        }
                    }
                });
        if (loops.isEpoll()) {
            bootstrap.childOption(EpollChannelOption.TCP_NOTSENT_LOWAT, MAX_UNSENT_BYTES);
        }
        try {
            Channel channel =
                    bootstrap.bind(address, port).syncUninterruptibly().channel();
            channels.add(channel);
            return (InetSocketAddress) channel.localAddress();
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Exception e) { // Netty throws the checked cause unchecked.
            throw Addresses.explain(what, address, port, flag, e);
        }
    }

    public int openConnections() {
        return connections.open();
    }

    /** Takes no new connection, ends idle ones, and lets what is being sent end in time. */
    @Override
    public void close() {
        channels.forEach(channel -> channel.close().awaitUninterruptibly(1_000));
        channels.clear();
        connections.stop(HttpConnection::stop);
        try {
            connections.awaitEmpty(limits.deadlines().stop());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        connections.forEach(HttpConnection::closeNow);
        door.close();
    }
}
