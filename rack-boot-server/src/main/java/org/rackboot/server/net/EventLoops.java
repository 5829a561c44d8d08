package org.rackboot.server.net;

import io.netty.channel.ChannelFactory;
import io.netty.channel.DefaultSelectStrategyFactory;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.IoHandlerFactory;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.SelectStrategy;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.epoll.EpollDatagramChannel;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.DatagramChannel;
import io.netty.channel.socket.ServerSocketChannel;
import io.netty.channel.socket.SocketProtocolFamily;
import io.netty.channel.socket.nio.NioDatagramChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.util.concurrent.DefaultThreadFactory;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.nio.channels.spi.SelectorProvider;
import java.util.concurrent.TimeUnit;

/** The threads that carry packets, and the channel classes that fit them: epoll on Linux, NIO elsewhere. */
public final class EventLoops implements AutoCloseable {
    private static final int MAX_THREADS = 4;

    private final boolean epoll;
    private final EventLoopGroup group;

    private EventLoops(String name, boolean epoll) {
        this.epoll = epoll;
        int processors = Runtime.getRuntime().availableProcessors();
        IoHandlerFactory handlers =
                epoll ? EpollIoHandler.newFactory(0, () -> waiting(processors)) : NioIoHandler.newFactory();
        int threads = Math.min(MAX_THREADS, processors);
        this.group = new MultiThreadIoEventLoopGroup(threads, new DefaultThreadFactory(name, true), handlers);
    }

    /** At most four threads: with segmented sends one already fills a fast link. */
    public static EventLoops best(String name) {
        return new EventLoops(name, Epoll.isAvailable());
    }

    /** The same on any system, without native code. */
    public static EventLoops nio(String name) {
        return new EventLoops(name, false);
    }

    private static SelectStrategy waiting(int processors) {
        return processors == 1
                ? DefaultSelectStrategyFactory.INSTANCE.newSelectStrategy()
                : new BriefSpin(System::nanoTime);
    }

    public EventLoopGroup group() {
        return group;
    }

    public boolean isEpoll() {
        return epoll;
    }

    /** Sockets of the address's own family, here and below: an IPv4 packet costs more on one that takes both. */
    public ChannelFactory<ServerSocketChannel> serverChannel(InetAddress address) {
        SocketProtocolFamily family = family(address);
        return epoll
                ? () -> new EpollServerSocketChannel(family)
                : () -> new NioServerSocketChannel(SelectorProvider.provider(), family);
    }

    public ChannelFactory<DatagramChannel> datagramChannel(InetAddress address) {
        SocketProtocolFamily family = family(address);
        return epoll ? () -> new EpollDatagramChannel(family) : () -> new NioDatagramChannel(family);
    }

    private static SocketProtocolFamily family(InetAddress address) {
        return address instanceof Inet4Address ? SocketProtocolFamily.INET : SocketProtocolFamily.INET6;
    }

    @Override
    public void close() {
        group.shutdownGracefully(0, 2, TimeUnit.SECONDS).awaitUninterruptibly(3, TimeUnit.SECONDS);
    }
}
