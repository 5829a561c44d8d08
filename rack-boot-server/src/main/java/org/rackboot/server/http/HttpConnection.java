package org.rackboot.server.http;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOption;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.epoll.EpollSocketChannel;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.unix.IntegerUnixChannelOption;
import io.netty.handler.codec.DecoderException;
import io.netty.handler.ssl.SslHandler;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.ScheduledFuture;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.rackboot.protocol.http.RefusedRequestException;
import org.rackboot.protocol.http.RequestHead;
import org.rackboot.protocol.http.RequestParser;
import org.rackboot.server.http.Connections.Admission;
import org.rackboot.server.http.HttpListener.Refused;
import org.rackboot.server.net.Egress;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Carries one connection: reads a request, hands it to the service, writes the answer, reads the next. What a client sends
 * ahead waits in the socket while an answer is being made. Runs on the connection's event loop.
 */
final class HttpConnection extends ChannelInboundHandlerAdapter {
    private static final Logger LOG = LoggerFactory.getLogger(HttpConnection.class);
    private static final ByteBuffer NOTHING = ByteBuffer.allocate(0);
    private static final byte[] NO_BODY = {};
    /** What a client may still send after it was told that the connection ends. */
    private static final int MAX_LINGER_BYTES = 256 << 10;

    private static final long NANOS_PER_SECOND = 1_000_000_000;

    private enum State {
        /** There was no room: it is told so when it asks. */
        TURNED_AWAY,
        READING_HEAD,
        READING_BODY,
        ANSWERING,
        /** Answered for the last time. Reads on, as a reset would take the answer away (RFC 9112, 9.6). */
        LINGERING
    }

    /** What all connections of one listener share. */
    record Shared(
            HttpService service,
            HttpListener.Limits limits,
            Connections connections,
            HttpListener.Listener listener,
            Egress egress,
            ReplyEncoder encoder) {}

    /** Linux's: how long a closed connection waits for the other end's last word; below zero not at all. */
    private static final ChannelOption<Integer> TCP_LINGER2 = new IntegerUnixChannelOption("TCP_LINGER2", 6, 8);

    private static final int FORGOTTEN_WHEN_CLOSED = -1;

    private final HttpService service;
    private final HttpListener.Limits limits;
    private final HttpListener.Deadlines deadlines;
    private final Connections connections;
    private final HttpListener.Listener listener;
    private final Egress egress;
    private final ReplyEncoder encoder;
    private final SocketChannel channel;

    @SuppressWarnings("NullAway.Init") // Set when the handler is added.
    private ChannelHandlerContext ctx;

    @SuppressWarnings("NullAway.Init") // Set when the connection is open.
    private InetSocketAddress remote;

    @SuppressWarnings("NullAway.Init") // Set when the connection is open.
    private InetSocketAddress local;

    private State state = State.READING_HEAD;
    private Admission admission = Admission.NO_ROOM;

    private final RequestParser parser = new RequestParser();
    private ByteBuffer input = NOTHING;
    private boolean inputEnded;
    private boolean advancing;
    private @Nullable RequestHead bodyOf;
    private ByteArrayOutputStream body = new ByteArrayOutputStream(0);
    private long heldBodyBytes;

    private @Nullable BodySender sending;
    private boolean unflushed;
    private long writtenBytes;
    private long lingeredBytes;

    private @Nullable ScheduledFuture<?> alarm;
    private @Nullable ScheduledFuture<?> tick;
    private boolean wasUsed;
    private long idleSinceNanos;
    private long windowStartNanos;
    private long windowStartBytes;

    HttpConnection(SocketChannel channel, Shared shared) {
        this.channel = channel;
        this.service = shared.service();
        this.limits = shared.limits();
        this.deadlines = limits.deadlines();
        this.connections = shared.connections();
        this.listener = shared.listener();
        this.egress = shared.egress();
        this.encoder = shared.encoder();
    }

    @Override
    public void handlerAdded(ChannelHandlerContext context) {
        ctx = context;
    }

    @Override
    public void channelActive(ChannelHandlerContext context) {
        InetSocketAddress from = channel.remoteAddress();
        if (from == null) { // Reset before it was looked at.
            ctx.close();
            return;
        }
        remote = from;
        local = channel.localAddress();
        admission = connections.admit(this, remote.getAddress());
        if (admission == Admission.NO_ROOM) {
            listener.refused(Refused.TOO_MANY_CONNECTIONS);
            ctx.close(); // Firmware tries again; a server out of descriptors serves nobody.
            return;
        }
        if (admission != Admission.ADMITTED) {
            boolean ofOne = admission == Admission.TOO_MANY_OF_ONE_ADDRESS;
            listener.refused(ofOne ? Refused.TOO_MANY_OF_ONE_ADDRESS : Refused.TOO_MANY_CONNECTIONS);
            state = State.TURNED_AWAY;
            setAlarm(deadlines.linger(), ctx::close);
        }
        idleSinceNanos = now();
        startWindow();
        scheduleTick();
        ctx.read();
        context.fireChannelActive();
    }

    @Override
    public void channelInactive(ChannelHandlerContext context) {
        if (admission != Admission.NO_ROOM) {
            connections.leave(this, remote.getAddress(), admission);
        }
        cancelAlarm();
        if (tick != null) {
            tick.cancel(false);
        }
        dropBody();
        input = NOTHING;
        if (sending != null) {
            sending.abandon(new IOException("the client closed the connection"));
        }
        context.fireChannelInactive();
    }

    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
        try {
            ByteBuf bytes = (ByteBuf) message;
            switch (state) {
                case LINGERING -> linger(bytes.readableBytes());
                case TURNED_AWAY -> turnAway();
                default -> append(bytes);
            }
        } finally {
            ReferenceCountUtil.release(message);
        }
        advance();
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext context) {
        flush(); // Once for all that was read.
        readOn();
    }

    @Override
    public void channelWritabilityChanged(ChannelHandlerContext context) {
        settle();
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext context, Object event) {
        if (event instanceof ChannelInputShutdownEvent) {
            inputEnded = true;
            switch (state) {
                case ANSWERING -> {} // Whoever ends its own side still wants the answer.
                case READING_HEAD -> settle();
                default -> ctx.close();
            }
        }
        context.fireUserEventTriggered(event);
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
        boolean ordinary = cause instanceof IOException || cause instanceof DecoderException; // The latter is TLS's.
        if (!ordinary) {
            LOG.warn("A connection from {} ended by a fault of this program", channel.remoteAddress(), cause);
        }
        ctx.close();
    }

    /** Ends at the next moment when nothing is being answered. */
    void stop() {
        ctx.executor().execute(this::settle);
    }

    void closeNow() {
        ctx.close();
    }

    // What the sender of a long body uses.

    ByteBuf head(HttpReply reply, boolean keepAlive, int room) {
        return encoder.encode(ctx.alloc(), reply, keepAlive, room);
    }

    /** Writes without a flush, and counts. */
    ChannelFuture write(ByteBuf bytes) {
        writtenBytes += bytes.readableBytes();
        unflushed = true;
        return ctx.write(bytes);
    }

    Optional<Egress.Flow> openEgress(int unitBytes) {
        return egress.open(remote.getAddress(), unitBytes);
    }

    void spendEgress(int bytes) {
        egress.spend(remote.getAddress(), bytes);
    }

    void wroteFile(long bytes) {
        writtenBytes += bytes;
    }

    /** Sends a head with its body in one buffer. */
    void sendWhole(ByteBuf whole, HttpReply reply, long bodyBytes, boolean keepAlive) {
        ChannelFuture written = write(whole);
        written.addListener(
                done -> reply.whenSent().sent(done.isSuccess() ? bodyBytes : 0, Optional.ofNullable(done.cause())));
        answered(keepAlive, written);
    }

    void send(HttpReply reply, boolean head, boolean keepAlive) {
        if (head) {
            sendWhole(head(reply, keepAlive, 0), reply, 0, keepAlive);
        } else if (reply.body() instanceof HttpReply.Body.Content content) {
            if (content.length() == 0) {
                sendWhole(head(reply, keepAlive, 0), reply, 0, keepAlive);
                return;
            }
            boolean encrypted = ctx.pipeline().get(SslHandler.class) != null; // Known once a request came.
            sending = new BodySender(this, ctx, reply, content, keepAlive, encrypted);
            sending.start();
        } else if (reply.body() instanceof HttpReply.Body.Bytes body) {
            sendBytes(reply, body.bytes(), keepAlive);
        }
    }

    /** A body that {@link BodySender} wrote is out. */
    void answered(boolean keepAlive) {
        answered(keepAlive, channel.newSucceededFuture());
    }

    /** Goes on after something was waited for. */
    void settle() {
        if (advancing || !channel.isActive()) {
            return;
        }
        advance();
        flush();
        if (state == State.READING_HEAD && (inputEnded || connections.isStopping()) && mayEnd()) {
            endAfter(ctx.writeAndFlush(Unpooled.EMPTY_BUFFER));
        }
        readOn();
    }

    /** Handles what was read, until an answer has to be waited for. */
    private void advance() {
        if (advancing) {
            return;
        }
        advancing = true;
        try {
            while (input.hasRemaining() && isTaking()) {
                if (state == State.READING_BODY) {
                    takeBody();
                } else {
                    takeHead();
                }
            }
        } finally {
            advancing = false;
        }
        if (state == State.READING_HEAD && parser.isAmidRequest() && alarm == null) {
            setAlarm(deadlines.header(), () -> refuse(Refused.TOO_SLOW, 408, "the request did not end in time"));
        }
    }

    private boolean isTaking() {
        return state == State.READING_BODY
                || (state == State.READING_HEAD && channel.isActive() && channel.isWritable());
    }

    /** Whether nothing would be lost if the connection ended now. */
    private boolean mayEnd() {
        return !input.hasRemaining() && (inputEnded || !parser.isAmidRequest());
    }

    /** Reads from the socket only while there is nothing to answer: what a client sends ahead waits in the kernel. */
    private void readOn() {
        boolean wanted = switch (state) {
            case READING_HEAD -> !input.hasRemaining() && channel.isWritable();
            case ANSWERING -> false;
            default -> true;
        };
        if (wanted) {
            ctx.read();
        }
    }

    private void append(ByteBuf bytes) {
        byte[] all = new byte[input.remaining() + bytes.readableBytes()];
        int left = input.remaining();
        input.get(all, 0, left);
        bytes.readBytes(all, left, bytes.readableBytes());
        input = ByteBuffer.wrap(all);
    }

    private void takeHead() {
        Optional<RequestHead> head;
        try {
            head = parser.parse(input);
        } catch (RefusedRequestException e) {
            Refused why = switch (e.refusal().status()) {
                case 414, 431 -> Refused.TOO_LONG;
                case 505 -> Refused.UNKNOWN_VERSION;
                default -> Refused.MALFORMED;
            };
            refuse(why, HttpReply.text(e.refusal().status(), e.refusal().sentence()), e.isHead());
            return;
        }
        if (head.isPresent()) {
            cancelAlarm();
            judge(head.get());
        }
    }

    private void judge(RequestHead head) {
        boolean read = head.method().equals("GET") || head.isHead();
        boolean bodies = limits.maxBodyBytes() > 0 && !read && service.takesBody(head.method(), head.path());
        if (head.isExpecting()) {
            refuse(Refused.UNWANTED_BODY, HttpReply.text(417, "send the body at once"), head.isHead());
        } else if (!read && !bodies) {
            refuse(
                    Refused.UNWANTED_METHOD,
                    HttpReply.text(405, "only GET and HEAD are served").with("Allow", "GET, HEAD"),
                    false);
        } else if (head.contentLength() > 0 && read) {
            refuse(Refused.UNWANTED_BODY, HttpReply.text(400, "a request here has no body"), head.isHead());
        } else if (head.contentLength() > limits.maxBodyBytes()) {
            refuse(Refused.TOO_LONG, 413, "the request's body is too long");
        } else if (head.contentLength() > 0) {
            state = State.READING_BODY;
            bodyOf = head;
            setAlarm(deadlines.body(), () -> refuse(Refused.TOO_SLOW, 408, "the request's body did not come in time"));
        } else {
            answer(head, NO_BODY);
        }
    }

    private void takeBody() {
        RequestHead head = bodyOf;
        if (head == null) {
            throw new IllegalStateException("a body without a head");
        }
        int length = (int) Math.min(input.remaining(), head.contentLength() - body.size());
        heldBodyBytes += length;
        if (!connections.holdBody(length)) {
            refuse(Refused.TOO_MANY_BODIES, 503, "too many requests with bodies at once; try again");
            return;
        }
        body.write(input.array(), input.arrayOffset() + input.position(), length);
        input.position(input.position() + length);
        if (body.size() == head.contentLength()) {
            cancelAlarm();
            byte[] whole = body.toByteArray();
            dropBody();
            answer(head, whole);
        }
    }

    private void answer(RequestHead head, byte[] wholeBody) {
        state = State.ANSWERING;
        HttpCall call = new HttpCall(head, wholeBody, remote, local);
        CompletableFuture<HttpReply> future;
        try {
            future = service.answer(call).toCompletableFuture();
        } catch (RuntimeException e) {
            future = CompletableFuture.failedFuture(e);
        }
        future.whenComplete((reply, failure) -> {
            if (ctx.executor().inEventLoop()) {
                reply(head, reply, failure);
            } else {
                ctx.executor().execute(() -> reply(head, reply, failure));
            }
        });
        if (!future.isDone()) {
            flush(); // What was answered before must not wait for this.
        }
    }

    private void reply(RequestHead head, @Nullable HttpReply reply, @Nullable Throwable failure) {
        if (reply == null) {
            LOG.warn("A {} from {} was not answered", head.isHead() ? "HEAD" : "request", remote, failure);
            send(HttpReply.text(500, "this server failed; its log says why"), head.isHead(), false);
        } else {
            boolean last = connections.isStopping() || (inputEnded && !input.hasRemaining()) || leavesOpen(head);
            send(reply, head.isHead(), head.isKeepAlive() && !last);
        }
        settle();
    }

    /**
     * GRUB asks once on a connection, and leaves the one of a configuration open when it starts a kernel from it. After its
     * next start it calls from the same port again, and a connection that is still here would keep it out (quirk H22).
     */
    private boolean leavesOpen(RequestHead head) {
        boolean grub = head.header("user-agent").orElse("").startsWith("GRUB ");
        if (grub && channel instanceof EpollSocketChannel) {
            channel.config().setOption(TCP_LINGER2, FORGOTTEN_WHEN_CLOSED);
        }
        return grub;
    }

    private void sendBytes(HttpReply reply, byte[] bytes, boolean keepAlive) {
        egress.spend(remote.getAddress(), bytes.length);
        if (bytes.length <= BodySender.SMALL_BYTES) {
            ByteBuf whole = head(reply, keepAlive, bytes.length).writeBytes(bytes);
            sendWhole(whole, reply, bytes.length, keepAlive);
            return;
        }
        write(head(reply, keepAlive, 0));
        ChannelFuture written = write(Unpooled.wrappedBuffer(bytes));
        ctx.flush();
        written.addListener(done -> {
            reply.whenSent().sent(done.isSuccess() ? bytes.length : 0, Optional.ofNullable(done.cause()));
            answered(keepAlive);
            settle();
        });
    }

    private void answered(boolean keepAlive, ChannelFuture written) {
        sending = null;
        wasUsed = true;
        if (keepAlive) {
            state = State.READING_HEAD;
        } else {
            endAfter(written);
        }
    }

    private void refuse(Refused why, int status, String sentence) {
        refuse(why, HttpReply.text(status, sentence), false);
    }

    private void refuse(Refused why, HttpReply reply, boolean head) {
        listener.refused(why);
        cancelAlarm();
        dropBody();
        send(reply.status() == 503 ? reply.with("Retry-After", "2") : reply, head, false);
    }

    private void turnAway() {
        cancelAlarm();
        send(HttpReply.text(503, "too many connections; try again").with("Retry-After", "2"), false, false);
    }

    /** Says that no more comes, then waits a little for the client to do the same. */
    private void endAfter(ChannelFuture written) {
        state = State.LINGERING;
        input = NOTHING; // What came behind a last request is not answered (S-16).
        flush();
        written.addListener(done -> {
            if (!done.isSuccess() || inputEnded || !channel.isActive()) {
                ctx.close();
                return;
            }
            setAlarm(deadlines.linger(), ctx::close);
            SslHandler tls = ctx.pipeline().get(SslHandler.class);
            if (tls == null) {
                channel.shutdownOutput();
            } else {
                tls.closeOutbound().addListener(said -> channel.shutdownOutput());
            }
            ctx.read();
        });
    }

    private void linger(int bytes) {
        lingeredBytes += bytes;
        if (lingeredBytes > MAX_LINGER_BYTES) {
            ctx.close();
        }
    }

    private void flush() {
        if (unflushed) {
            unflushed = false;
            ctx.flush();
        }
    }

    private void dropBody() {
        connections.giveBackBody(heldBodyBytes);
        heldBodyBytes = 0;
        bodyOf = null;
        body = new ByteArrayOutputStream(0);
    }

    private void setAlarm(Duration after, Runnable what) {
        cancelAlarm();
        alarm = ctx.executor()
                .schedule(
                        () -> {
                            alarm = null;
                            what.run();
                        },
                        after.toNanos(),
                        TimeUnit.NANOSECONDS);
    }

    private void cancelAlarm() {
        if (alarm != null) {
            alarm.cancel(false);
            alarm = null;
        }
    }

    private void scheduleTick() {
        long period = Math.min(
                deadlines.idleWhenCrowded().toNanos(), deadlines.slowest().toNanos() / 4);
        tick = ctx.executor().schedule(this::tick, period, TimeUnit.NANOSECONDS);
    }

    /** Looks now and then, so that a request costs no timer. */
    private void tick() {
        long now = now();
        if (wasUsed) {
            wasUsed = false;
            idleSinceNanos = now;
        }
        if (isSlowReader(now)) {
            listener.refused(Refused.SLOW_READER);
            ctx.close();
            return;
        }
        Duration patience = connections.isCrowded() ? deadlines.idleWhenCrowded() : deadlines.idle();
        if (state == State.READING_HEAD
                && !parser.isAmidRequest()
                && !input.hasRemaining()
                && now - idleSinceNanos >= patience.toNanos()) {
            ctx.close(); // Nobody's fault.
            return;
        }
        scheduleTick();
    }

    /**
     * Whether there was something to take all through the window, and next to nothing was taken (S-26, R-028). While
     * egress holds an answer up, there is nothing to take.
     */
    private boolean isSlowReader(long now) {
        ChannelOutboundBuffer out = channel.unsafe().outboundBuffer();
        if (out == null || out.isEmpty()) {
            startWindow();
            return false;
        }
        if (now - windowStartNanos < deadlines.slowest().toNanos()) {
            return false;
        }
        long least = limits.leastBytesPerSecond() * deadlines.slowest().toNanos() / NANOS_PER_SECOND;
        boolean slow = takenBytes(out) - windowStartBytes < least;
        startWindow();
        return slow;
    }

    private void startWindow() {
        windowStartNanos = now();
        ChannelOutboundBuffer out = channel.unsafe().outboundBuffer();
        windowStartBytes = out == null ? 0 : takenBytes(out);
    }

    /** What the socket took: files are counted while they go, other bytes when they left the queue. */
    private long takenBytes(ChannelOutboundBuffer out) {
        BodySender sender = sending;
        long ofFile = sender == null ? 0 : sender.fileBytes();
        long queued = Math.max(0, out.totalPendingWriteBytes() - (ofFile > 0 ? 0 : out.currentProgress()));
        return writtenBytes - queued + ofFile;
    }

    private long now() {
        return ctx.executor().ticker().nanoTime();
    }
}
