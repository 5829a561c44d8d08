package org.rackboot.server.http;

import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.socket.SocketChannel;
import io.netty.handler.codec.http.HttpDecoderConfig;
import io.netty.handler.codec.http.HttpRequestDecoder;
import io.netty.handler.codec.http.HttpResponseEncoder;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.rackboot.server.net.Addresses;
import org.rackboot.server.net.BindException;
import org.rackboot.server.net.EventLoops;

/** One service on any number of addresses and ports, plain HTTP/1.1 and 1.0. */
public final class HttpListener implements AutoCloseable {
    /**
     * Bounds for strangers.
     *
     * @param maxBodyBytes 0 = a request with a body is refused, which leaves nothing to smuggle (S-16)
     * @param headerDeadline from the first byte of a request to the end of its header
     * @param idle a kept connection without request; EDK2 wants 30 s and more (quirk H4)
     */
    public record Limits(int maxBodyBytes, int maxConnections, Duration headerDeadline, Duration idle) {
        public static final Limits BOOT = new Limits(0, 20_000, Duration.ofSeconds(10), Duration.ofSeconds(60));
        public static final Limits API = new Limits(8 << 20, 2_000, Duration.ofSeconds(10), Duration.ofSeconds(60));
    }

    /** Why a client was turned away before any service saw its request. */
    public enum Refused {
        MALFORMED,
        TOO_LONG,
        UNWANTED_BODY,
        TOO_MANY_BODIES,
        TOO_MANY_CONNECTIONS,
        /** No whole request within the time allowed. */
        TOO_SLOW
    }

    /** Told of refusals; called on event loops. */
    @FunctionalInterface
    public interface Listener {
        void refused(Refused why);
    }

    private static final int MAX_LINE_BYTES = 4_096; // S-18
    private static final int MAX_HEADER_BYTES = 8_192;

    private final EventLoops loops;
    private final HttpService service;
    private final Limits limits;
    private final Listener listener;
    private final List<Channel> channels = new CopyOnWriteArrayList<>();
    private final HttpServerHandler.Connections connections;

    public HttpListener(EventLoops loops, HttpService service, Limits limits, Listener listener) {
        this.listener = listener;
        this.loops = loops;
        this.service = service;
        this.limits = limits;
        this.connections = new HttpServerHandler.Connections(limits.maxConnections());
    }

    /**
     * Opens one more address.
     *
     * @param what the listener is called in messages
     * @param flag that chooses another port
     * @return the address with the port that was opened
     */
    public InetSocketAddress bind(InetAddress address, int port, String what, String flag) throws BindException {
        ServerBootstrap bootstrap = new ServerBootstrap()
                .group(loops.group())
                .channel(loops.serverChannel())
                .option(ChannelOption.SO_BACKLOG, 4_096)
                .option(ChannelOption.SO_REUSEADDR, true)
                .childOption(ChannelOption.TCP_NODELAY, true)
                .childOption(ChannelOption.AUTO_READ, false)
                .childOption(ChannelOption.WRITE_BUFFER_WATER_MARK, new WriteBufferWaterMark(32 << 10, 64 << 10))
                .childHandler(new ChannelInitializer<SocketChannel>() {
                    @Override
                    protected void initChannel(SocketChannel channel) {
                        channel.pipeline()
                                .addLast(new HttpRequestDecoder(new HttpDecoderConfig()
                                        .setMaxInitialLineLength(MAX_LINE_BYTES)
                                        .setMaxHeaderSize(MAX_HEADER_BYTES)))
                                .addLast(new HttpResponseEncoder())
                                .addLast(new HttpServerHandler(service, limits, connections, listener));
                    }
                });
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

    @Override
    public void close() {
        channels.forEach(channel -> channel.close().awaitUninterruptibly(1_000));
        channels.clear();
    }
}
