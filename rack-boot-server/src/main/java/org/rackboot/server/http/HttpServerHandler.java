package org.rackboot.server.http;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.DefaultFileRegion;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.DefaultHttpHeadersFactory;
import io.netty.handler.codec.http.DefaultHttpResponse;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.handler.codec.http.QueryStringDecoder;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.ScheduledFuture;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.time.Duration;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;
import org.rackboot.image.Chunk;
import org.rackboot.image.Content;
import org.rackboot.image.ContentReader;
import org.rackboot.server.http.HttpListener.Refused;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Carries one connection: reads a request, hands it to the service, writes the answer, reads the next. Requests that
 * were sent ahead wait in the socket. Runs on the connection's event loop.
 */
final class HttpServerHandler extends ChannelInboundHandlerAdapter {
    private static final Logger LOG = LoggerFactory.getLogger(HttpServerHandler.class);
    private static final int MAX_HEADERS = 50; // S-18

    /** Of request bodies that all connections hold at once: whoever sends one need not have shown a token yet. */
    private static final long MAX_BODY_BYTES = 32L << 20;

    /** What the connections of a listener hold together, and may hold. */
    static final class Connections {
        private final AtomicInteger open = new AtomicInteger();
        private final AtomicLong bodyBytes = new AtomicLong();
        private final int most;

        Connections(int most) {
            this.most = most;
        }

        int open() {
            return open.get();
        }
    }

    private final HttpService service;
    private final HttpListener.Limits limits;
    private final Connections connections;
    private final HttpListener.Listener listener;

    private @Nullable HttpRequest request;
    private ByteArrayOutputStream body = new ByteArrayOutputStream(0);
    private final Queue<Object> early = new ArrayDeque<>();
    private long heldBodyBytes;
    private boolean answering;
    private @Nullable Sending sending;
    private @Nullable ScheduledFuture<?> deadline;

    HttpServerHandler(
            HttpService service, HttpListener.Limits limits, Connections connections, HttpListener.Listener listener) {
        this.listener = listener;
        this.service = service;
        this.limits = limits;
        this.connections = connections;
    }

    @Override
    public void channelActive(ChannelHandlerContext ctx) {
        if (connections.open.incrementAndGet() > connections.most) {
            listener.refused(Refused.TOO_MANY_CONNECTIONS);
            ctx.close(); // Firmware tries again; a server out of descriptors serves nobody.
            return;
        }
        awaitRequest(ctx, limits.headerDeadline());
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
        connections.open.decrementAndGet();
        cancelDeadline();
        dropBody();
        early.forEach(ReferenceCountUtil::release);
        early.clear();
        if (sending != null) {
            sending.end(new IOException("the client closed the connection"));
        }
        ctx.fireChannelInactive();
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
        early.add(message);
        takeEarly(ctx);
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext ctx) {
        readOn(ctx);
    }

    /** Handles what was read, up to the end of one request; what follows waits until that is answered. */
    private void takeEarly(ChannelHandlerContext ctx) {
        while (!answering && !early.isEmpty()) {
            Object message = early.remove();
            try {
                if (message instanceof HttpRequest head) {
                    onHead(ctx, head);
                } else if (message instanceof HttpContent part && request != null) {
                    onBody(ctx, part);
                }
            } finally {
                ReferenceCountUtil.release(message);
            }
        }
    }

    /** Reads from the socket only while there is nothing to answer: what a client sends ahead waits in the kernel. */
    private void readOn(ChannelHandlerContext ctx) {
        if (!answering && early.isEmpty()) {
            ctx.read();
        }
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        if (!(cause instanceof IOException)) {
            LOG.warn(
                    "A connection from {} ended by a fault of this program",
                    ctx.channel().remoteAddress(),
                    cause);
        }
        ctx.close();
    }

    private void onHead(ChannelHandlerContext ctx, HttpRequest head) {
        request = head;
        body = new ByteArrayOutputStream(0);
        if (head.decoderResult().isFailure()) {
            boolean tooLong = String.valueOf(head.decoderResult().cause()).contains("TooLong");
            if (tooLong) {
                refuse(ctx, Refused.TOO_LONG, 431, "the request's header is too long");
            } else {
                refuse(ctx, Refused.MALFORMED, 400, "this is no HTTP request");
            }
            return;
        }
        if (head.headers().size() > MAX_HEADERS) {
            refuse(ctx, Refused.TOO_LONG, 431, "the request has too many headers");
            return;
        }
        boolean hasBody = head.headers().contains("Transfer-Encoding")
                || !head.headers().getAll("Content-Length").stream().allMatch("0"::equals);
        if (hasBody && limits.maxBodyBytes() == 0) {
            refuse(ctx, Refused.UNWANTED_BODY, 400, "a request here has no body");
            return;
        }
        if (HttpUtil.is100ContinueExpected(head)) {
            refuse(ctx, Refused.UNWANTED_BODY, 417, "send the body at once");
        }
    }

    private void onBody(ChannelHandlerContext ctx, HttpContent part) {
        ByteBuf bytes = part.content();
        if (part.decoderResult().isFailure()) {
            refuse(ctx, Refused.MALFORMED, 400, "the request's body is malformed");
            return;
        }
        if (body.size() + bytes.readableBytes() > limits.maxBodyBytes()) {
            refuse(ctx, Refused.TOO_LONG, 413, "the request's body is too long");
            return;
        }
        heldBodyBytes += bytes.readableBytes();
        if (connections.bodyBytes.addAndGet(bytes.readableBytes()) > MAX_BODY_BYTES) {
            refuse(ctx, Refused.TOO_MANY_BODIES, 503, "too many requests with bodies at once; try again");
            return;
        }
        for (ByteBuffer buffer : bytes.nioBuffers()) {
            byte[] copy = new byte[buffer.remaining()];
            buffer.get(copy);
            body.writeBytes(copy);
        }
        if (part instanceof LastHttpContent) {
            cancelDeadline();
            answer(ctx);
        }
    }

    private void answer(ChannelHandlerContext ctx) {
        HttpRequest head = Objects.requireNonNull(request);
        boolean keepAlive = HttpUtil.isKeepAlive(head);
        answering = true;
        HttpCall call = call(ctx, head);
        service.answer(call)
                .whenComplete((reply, failure) -> ctx.executor().execute(() -> {
                    if (failure != null || reply == null) {
                        LOG.warn(
                                "{} {} was not answered",
                                call.method(),
                                call.path().length(),
                                failure);
                        send(ctx, HttpReply.text(500, "this server failed; its log says why"), call.isHead(), false);
                    } else {
                        send(ctx, reply, call.isHead(), keepAlive);
                    }
                }));
    }

    private void refuse(ChannelHandlerContext ctx, Refused reason, int status, String why) {
        listener.refused(reason);
        dropBody();
        request = null;
        answering = true;
        cancelDeadline();
        send(ctx, HttpReply.text(status, why), false, false);
    }

    private void send(ChannelHandlerContext ctx, HttpReply reply, boolean head, boolean keepAlive) {
        HttpHeaders headers = DefaultHttpHeadersFactory.headersFactory().newHeaders();
        if (reply.bodySize().isPresent()) { // Not last: PXELINUX loses the last header (quirk H14).
            headers.set("Content-Length", Long.toString(reply.bodySize().getAsLong()));
        }
        reply.headers().forEach(headers::set);
        headers.set("Date", DateTimeFormatter.RFC_1123_DATE_TIME.format(ZonedDateTime.now(ZoneOffset.UTC)));
        headers.set("Connection", keepAlive ? "keep-alive" : "close");
        HttpResponse response =
                new DefaultHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.valueOf(reply.status()), headers);
        sending = new Sending(ctx, reply, keepAlive);
        sending.start(response, head);
    }

    private void sent(ChannelHandlerContext ctx, boolean keepAlive) {
        if (!keepAlive) {
            ctx.channel().close();
            return;
        }
        answering = false;
        request = null;
        dropBody();
        awaitRequest(ctx, limits.idle());
    }

    private void awaitRequest(ChannelHandlerContext ctx, Duration patience) {
        cancelDeadline();
        deadline = ctx.executor().schedule(() -> tooSlow(ctx), patience.toMillis(), TimeUnit.MILLISECONDS);
        takeEarly(ctx);
        readOn(ctx);
    }

    private void tooSlow(ChannelHandlerContext ctx) {
        if (request != null) { // An idle connection that ends is nobody's fault.
            listener.refused(Refused.TOO_SLOW);
        }
        ctx.close();
    }

    private void dropBody() {
        connections.bodyBytes.addAndGet(-heldBodyBytes);
        heldBodyBytes = 0;
        body = new ByteArrayOutputStream(0);
    }

    private void cancelDeadline() {
        if (deadline != null) {
            deadline.cancel(false);
            deadline = null;
        }
    }

    private HttpCall call(ChannelHandlerContext ctx, HttpRequest head) {
        Map<String, String> headers = new HashMap<>();
        for (Map.Entry<String, String> header : head.headers()) {
            headers.merge(header.getKey().toLowerCase(Locale.ROOT), header.getValue(), (a, b) -> a + "," + b);
        }
        String target = originForm(head.uri());
        int queryStart = target.indexOf('?');
        Map<String, String> query = new HashMap<>();
        if (queryStart >= 0) {
            try {
                for (Map.Entry<String, List<String>> parameter :
                        new QueryStringDecoder(target).parameters().entrySet()) {
                    query.put(parameter.getKey(), parameter.getValue().get(0));
                }
            } catch (IllegalArgumentException e) {
                query.clear(); // A malformed query is no query: boot files have none.
            }
        }
        return new HttpCall(
                head.method().name(),
                percentDecoded(queryStart >= 0 ? target.substring(0, queryStart) : target),
                query,
                headers,
                body.toByteArray(),
                (InetSocketAddress) ctx.channel().remoteAddress(),
                (InetSocketAddress) ctx.channel().localAddress());
    }

    /** {@code http://host/path} is {@code /path} (RFC 9112, 3.2.2); the host is never looked at (quirk H16). */
    private static String originForm(String target) {
        String lower = target.toLowerCase(Locale.ROOT);
        if (lower.startsWith("http://") || lower.startsWith("https://")) {
            int slash = target.indexOf('/', target.indexOf("//") + 2);
            return slash < 0 ? "/" : target.substring(slash);
        }
        return target;
    }

    /** One character per byte; what is no escape stays as it is. */
    static String percentDecoded(String text) {
        if (text.indexOf('%') < 0) {
            return text;
        }
        byte[] decoded = new byte[text.length()];
        int length = 0;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            int high = c == '%' && i + 2 < text.length() ? Character.digit(text.charAt(i + 1), 16) : -1;
            int low = high >= 0 ? Character.digit(text.charAt(i + 2), 16) : -1;
            if (low >= 0) {
                decoded[length++] = (byte) (high << 4 | low);
                i += 2;
            } else {
                decoded[length++] = (byte) c;
            }
        }
        return new String(decoded, 0, length, ISO_8859_1);
    }

    /** One answer on its way out. */
    private final class Sending {
        private final ChannelHandlerContext ctx;
        private final HttpReply reply;
        private final boolean keepAlive;
        private long sentBytes;
        private boolean ended;

        Sending(ChannelHandlerContext ctx, HttpReply reply, boolean keepAlive) {
            this.ctx = ctx;
            this.reply = reply;
            this.keepAlive = keepAlive;
        }

        void start(HttpResponse response, boolean head) {
            HttpReply.Body body = reply.body();
            if (!head && body instanceof HttpReply.Body.Content content && content.length() > 0) {
                sendContent(response, content);
                return;
            }
            ctx.write(response);
            if (!head && body instanceof HttpReply.Body.Bytes bytes && bytes.bytes().length > 0) {
                sentBytes = bytes.bytes().length;
                ctx.write(new DefaultHttpContent(Unpooled.wrappedBuffer(bytes.bytes())));
            }
            finish();
        }

        private void sendContent(HttpResponse response, HttpReply.Body.Content content) {
            Optional<FileChannel> file;
            try {
                file = content.reader().openVerifiedFile();
            } catch (IOException e) {
                file = Optional.empty(); // The chunks' way finds out what is wrong, and mends it.
            }
            if (file.isEmpty()) {
                long end = content.first() + content.length();
                chunk(content.reader(), content.first(), (first, failure) -> {
                    if (failure != null) {
                        unavailable(failure);
                    } else {
                        ctx.write(response);
                        sendChunk(content.reader(), first, content.first(), end);
                    }
                });
                return;
            }
            ctx.write(response);
            ctx.writeAndFlush(new DefaultFileRegion(file.get(), content.first(), content.length()))
                    .addListener(done -> {
                        if (done.isSuccess()) {
                            sentBytes = content.length();
                            finish();
                        } else {
                            abort(done.cause());
                        }
                    });
        }

        /** Nothing went out yet: say why, and when to come again. */
        private void unavailable(Throwable cause) {
            Throwable reason =
                    cause.getCause() != null && cause instanceof CompletionException ? cause.getCause() : cause;
            end(cause);
            HttpServerHandler.this.send(
                    ctx,
                    HttpReply.text(503, String.valueOf(reason.getMessage())).with("Retry-After", "2"),
                    false,
                    keepAlive);
        }

        private void chunk(ContentReader reader, long at, BiConsumer<Chunk, @Nullable Throwable> then) {
            reader.chunk((int) (at / Content.CHUNK_BYTES))
                    .whenComplete((chunk, failure) -> ctx.executor().execute(() -> then.accept(chunk, failure)));
        }

        /** Sends from {@code at} to the end of its chunk, then goes on: one chunk at a time, at the client's pace. */
        private void sendChunk(ContentReader reader, long at, long end) {
            if (at == end) {
                finish();
                return;
            }
            chunk(reader, at, (chunk, failure) -> {
                if (failure != null) {
                    abort(failure);
                } else {
                    sendChunk(reader, chunk, at, end);
                }
            });
        }

        private void sendChunk(ContentReader reader, Chunk chunk, long at, long end) {
            long chunkStart = at - at % Content.CHUNK_BYTES;
            ByteBuffer bytes = chunk.bytes();
            int from = (int) (at - chunkStart);
            int until = (int) Math.min(bytes.limit(), end - chunkStart);
            ByteBuf part = Unpooled.wrappedBuffer(bytes.position(from).limit(until));
            ctx.writeAndFlush(new DefaultHttpContent(part)).addListener(done -> {
                chunk.release();
                if (done.isSuccess()) {
                    sentBytes += until - from;
                    sendChunk(reader, chunkStart + until, end);
                } else {
                    abort(done.cause());
                }
            });
        }

        private void finish() {
            ctx.writeAndFlush(LastHttpContent.EMPTY_LAST_CONTENT).addListener((ChannelFutureListener) done -> {
                if (done.isSuccess()) {
                    end(null);
                    sent(ctx, keepAlive);
                } else {
                    abort(done.cause());
                }
            });
        }

        /** Closes short of Content-Length: an abort must never look like a clean end. */
        private void abort(Throwable cause) {
            end(cause);
            ctx.channel().close();
        }

        private void end(@Nullable Throwable failure) {
            if (!ended) {
                ended = true;
                reply.whenSent().sent(sentBytes, Optional.ofNullable(failure));
            }
        }
    }
}
