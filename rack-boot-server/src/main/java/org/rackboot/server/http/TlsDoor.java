package org.rackboot.server.http;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.socket.SocketChannel;
import io.netty.handler.ssl.SslHandler;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.DefaultThreadFactory;
import java.time.Duration;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiConsumer;
import org.rackboot.server.http.HttpListener.Refused;

/** Lets connections into TLS: so many handshakes at once, each so long and so large (S-21). */
final class TlsDoor implements AutoCloseable {
    private static final int MAX_HANDSHAKES = 1_024;
    private static final int MAX_HANDSHAKE_BYTES = 16 << 10;
    /** Signatures take a millisecond each: too long for an event loop. */
    private static final int THREADS = 2;

    private final Duration deadline;
    private final HttpListener.Listener listener;
    private final AtomicInteger handshakes = new AtomicInteger();
    private final ExecutorService threads =
            Executors.newFixedThreadPool(THREADS, new DefaultThreadFactory("tls", true));

    TlsDoor(Duration deadline, HttpListener.Listener listener) {
        this.deadline = deadline;
        this.listener = listener;
    }

    /** @return whether it was let in; otherwise it is closed */
    boolean addTo(SocketChannel channel, TlsCertificates certificates) {
        return add(channel, certificates, (bound, tls) -> channel.pipeline().addLast(bound, tls));
    }

    /** The same for a connection that is open already, behind the handler of that name. */
    boolean addAfter(String name, SocketChannel channel, TlsCertificates certificates) {
        return add(channel, certificates, (bound, tls) -> {
            channel.pipeline().addAfter(name, null, tls);
            channel.pipeline().addAfter(name, null, bound);
        });
    }

    private boolean add(
            SocketChannel channel, TlsCertificates certificates, BiConsumer<HandshakeBound, SslHandler> place) {
        if (handshakes.incrementAndGet() > MAX_HANDSHAKES) {
            handshakes.decrementAndGet();
            listener.refused(Refused.TOO_MANY_HANDSHAKES);
            channel.close();
            return false;
        }
        SslHandler tls = certificates.context().newHandler(channel.alloc(), threads);
        tls.setHandshakeTimeoutMillis(deadline.toMillis());
        HandshakeBound bound = new HandshakeBound(tls);
        place.accept(bound, tls);
        tls.handshakeFuture().addListener(done -> {
            handshakes.decrementAndGet();
            if (done.isSuccess()) {
                channel.pipeline().remove(bound);
            } else {
                listener.refused(Refused.FAILED_HANDSHAKE);
                channel.close();
            }
        });
        return true;
    }

    @Override
    public void close() {
        threads.shutdown();
    }

    /** Closes a connection that sends more than any handshake needs. */
    private static final class HandshakeBound extends ChannelInboundHandlerAdapter {
        private final SslHandler tls;
        private long bytes;

        HandshakeBound(SslHandler tls) {
            this.tls = tls;
        }

        @Override
        public void channelRead(ChannelHandlerContext ctx, Object message) {
            // What came with the handshake's end may already be requests: only earlier reads count.
            if (bytes > MAX_HANDSHAKE_BYTES && !tls.handshakeFuture().isDone()) {
                ReferenceCountUtil.release(message);
                ctx.close();
                return;
            }
            bytes += ((ByteBuf) message).readableBytes();
            ctx.fireChannelRead(message);
        }
    }
}
