package org.rackboot.server.http;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.DefaultFileRegion;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.rackboot.image.Chunk;
import org.rackboot.image.Content;
import org.rackboot.image.ContentReader;
import org.rackboot.image.ContentUnavailableException;
import org.rackboot.image.VerifiedFile;
import org.rackboot.server.net.Egress;
import org.rackboot.server.net.Egress.Flow;

/**
 * One answer with verified content on its way out: small ones in one write with their head, large ones as a file, or
 * chunk by chunk at the client's pace. Runs on the connection's event loop.
 */
final class BodySender {
    /** Up to here an answer is copied behind its head and goes out at once; above, a verified file may go by itself. */
    static final int SMALL_BYTES = 64 << 10;

    /** The least that is sent to a client at one go where egress is limited; up to here a body goes without asking. */
    static final int UNIT_BYTES = 4 << 10;

    private static final int MAX_REASON = 200;
    private static final int MAX_FILE_PART_BYTES = 2 << 20;

    /** The last of a file waits until the rest went out and nobody touched the file: without it there is no clean end. */
    private static final int LAST_PART_BYTES = 16 << 10;

    private final HttpConnection connection;
    private final ChannelHandlerContext ctx;
    private final HttpReply reply;
    private final ContentReader reader;
    private final long begin;
    private final long end;
    private final boolean keepAlive;
    private final boolean encrypted;

    private long at;
    private @Nullable Chunk chunk;
    private ByteBuffer part = ByteBuffer.allocate(0);
    private @Nullable VerifiedFile verified;
    private @Nullable FilePart region;
    private @Nullable CheckAhead ahead;
    private @Nullable Flow egress;
    private int granted; // Bytes that may go and have not.
    private boolean asking;
    private boolean headSent;
    private boolean pumping;
    private boolean waiting;
    private boolean ended;
    private long sentBytes;

    BodySender(
            HttpConnection connection,
            ChannelHandlerContext ctx,
            HttpReply reply,
            HttpReply.Body.Content body,
            boolean keepAlive,
            boolean encrypted) {
        this.connection = connection;
        this.ctx = ctx;
        this.reply = reply;
        this.reader = body.reader();
        this.begin = body.first();
        this.at = begin;
        this.end = body.first() + body.length();
        this.keepAlive = keepAlive;
        this.encrypted = encrypted;
    }

    void start() {
        if (end - at > UNIT_BYTES) {
            Optional<Flow> flow = connection.openEgress(UNIT_BYTES);
            if (flow.isEmpty()) {
                unavailable(new ContentUnavailableException(Egress.FULL));
                return;
            }
            egress = flow.get();
        } else {
            connection.spendEgress((int) (end - at));
        }
        if (end - at > SMALL_BYTES && !encrypted && sendFile()) {
            return;
        }
        pump();
    }

    /** Bytes of a file that went out so far; other bytes the connection counts itself. */
    long fileBytes() {
        FilePart current = region;
        return current == null ? 0 : current.transferred();
    }

    /** The connection is gone. */
    void abandon(Throwable cause) {
        end(cause);
    }

    private boolean sendFile() {
        Optional<VerifiedFile> file;
        try {
            file = reader.openVerifiedFile();
        } catch (IOException e) {
            return false; // The chunks' way finds out what is wrong, and mends it.
        }
        if (file.isEmpty()) {
            return false;
        }
        VerifiedFile opened = file.get();
        verified = opened;
        whenRight(opened, partLength(at), () -> {
            headSent = true;
            connection.write(connection.head(reply, keepAlive, 0));
            sendFilePart(opened);
        });
        return true;
    }

    /** The kernel sends all it is given before it comes back: others wait no longer than for one part. */
    private int partLength(long from) {
        long left = end - from;
        return (int) Math.min(left > LAST_PART_BYTES ? left - LAST_PART_BYTES : left, MAX_FILE_PART_BYTES);
    }

    /** Goes on with the next bytes of the file, if they are what they were; else with chunks, if those before were. */
    private void whenRight(VerifiedFile file, int length, Runnable next) {
        CheckAhead begun = ahead;
        CompletableFuture<Boolean> check = begun != null && begun.isUnderWay(at, length)
                ? begun.check()
                : file.check(at, length).toCompletableFuture();
        when(check, right -> {
            if (right) {
                next.run();
            } else if (at == begin) {
                goOnWithChunks();
            } else {
                when(file.wasRight(begin, at).toCompletableFuture(), this::goOnOrAbort);
            }
        });
    }

    private void when(CompletableFuture<Boolean> check, Consumer<Boolean> then) {
        if (check.isDone()) {
            then.accept(check.join());
        } else {
            check.thenAccept(right -> ctx.executor().execute(() -> {
                if (!ended) {
                    then.accept(right);
                    connection.settle();
                }
            }));
        }
    }

    private void goOnOrAbort(boolean soFarRight) {
        if (soFarRight) {
            goOnWithChunks();
        } else {
            abort(new IOException("the file on disk was changed while it was sent"));
        }
    }

    /** What is wrong with the file is found out there, and mended. */
    private void goOnWithChunks() {
        closeFile();
        pump();
    }

    private void sendFilePart(VerifiedFile file) {
        int length = mayGo(partLength(at));
        if (length > 0) { // Else this is called again once some may go.
            whenRight(file, length, () -> sendChecked(file, length));
        }
    }

    private void sendChecked(VerifiedFile file, int length) {
        FilePart sent = new FilePart(file.channel(), at, length);
        region = sent;
        long next = at + length;
        ctx.writeAndFlush(sent).addListener(done -> {
            region = null;
            at = next;
            if (!done.isSuccess()) {
                abort(done.cause());
            } else {
                sentBytes += length;
                granted -= length;
                connection.wroteFile(length);
                if (at < end) {
                    ctx.executor().execute(() -> {
                        if (!ended) {
                            sendFilePart(file);
                        }
                    });
                    return;
                }
                finish();
            }
            connection.settle();
        });
        if (next < end && !ended) { // While this goes out, so that the next part waits for no disk.
            int following = partLength(next);
            ahead = new CheckAhead(next, following, file.check(next, following).toCompletableFuture());
        }
    }

    /** How many of these bytes may go now. If none, this goes on as soon as some may. */
    private int mayGo(int wanted) {
        Flow flow = egress;
        if (flow == null) {
            return wanted;
        }
        if (granted == 0 && !asking) {
            granted = flow.ask(wanted, bytes -> ctx.executor().execute(() -> onGranted(bytes)));
            asking = granted == 0;
        }
        return Math.min(wanted, granted);
    }

    private void onGranted(int bytes) {
        if (ended) {
            return;
        }
        asking = false;
        granted = bytes;
        VerifiedFile file = verified;
        if (file == null) {
            waiting = false;
            pump();
        } else {
            sendFilePart(file);
        }
        connection.settle();
    }

    /** Goes on until something has to be waited for. */
    private void pump() {
        if (pumping) {
            return;
        }
        pumping = true;
        try {
            while (!ended && !waiting) {
                if (part.hasRemaining()) {
                    writeSlice();
                } else if (at == end) {
                    finish();
                } else {
                    fetch();
                }
            }
        } finally {
            pumping = false;
        }
    }

    private void fetch() {
        waiting = true;
        releaseChunk();
        reader.chunk((int) (at / Content.CHUNK_BYTES)).whenComplete((next, failure) -> {
            if (ctx.executor().inEventLoop()) {
                received(next, failure);
            } else {
                ctx.executor().execute(() -> received(next, failure));
            }
        });
    }

    private void received(@Nullable Chunk next, @Nullable Throwable failure) {
        waiting = false;
        if (next == null) {
            Throwable cause = failure == null ? new IOException("there is no such chunk") : failure;
            if (headSent) {
                abort(cause);
            } else {
                unavailable(cause);
            }
        } else if (ended) {
            next.release();
        } else {
            take(next);
        }
        pump();
        connection.settle();
    }

    private void take(Chunk next) {
        int from = (int) (at % Content.CHUNK_BYTES);
        ByteBuffer bytes = next.bytes();
        int until = (int) Math.min(bytes.limit(), from + (end - at));
        part = bytes.position(from).limit(until);
        int length = part.remaining();
        if (!headSent && end - at == length && length <= SMALL_BYTES && mayGo(length) == length) {
            ended = true;
            closeEgress();
            ByteBuf whole = connection.head(reply, keepAlive, length).writeBytes(part);
            next.release();
            connection.sendWhole(whole, reply, length, keepAlive);
            return;
        }
        chunk = next;
        if (!headSent) {
            headSent = true;
            connection.write(connection.head(reply, keepAlive, 0));
        }
    }

    /** TLS makes a copy of what it is given: it gets little at a time (G-05). */
    private void writeSlice() {
        waiting = true;
        int length = mayGo(encrypted ? Math.min(part.remaining(), SMALL_BYTES) : part.remaining());
        if (length == 0) {
            return;
        }
        ByteBuffer slice = part.slice(part.position(), length);
        part.position(part.position() + length);
        at += length;
        ChannelFuture written = connection.write(Unpooled.wrappedBuffer(slice));
        ctx.flush();
        written.addListener(done -> {
            waiting = false;
            if (done.isSuccess()) {
                sentBytes += length;
                granted -= length;
            } else {
                abort(done.cause());
            }
            pump();
            connection.settle();
        });
    }

    /** Nothing went out yet: say why, and when to come again. */
    private void unavailable(Throwable cause) {
        Throwable reason = cause.getCause() != null && cause instanceof CompletionException ? cause.getCause() : cause;
        String text = String.valueOf(reason.getMessage());
        end(cause);
        connection.send(
                HttpReply.text(503, text.length() > MAX_REASON ? text.substring(0, MAX_REASON) : text)
                        .with("Retry-After", "2"),
                false,
                keepAlive);
    }

    private void finish() {
        if (!ended) {
            end(null);
            connection.answered(keepAlive);
        }
    }

    /** Closes short of Content-Length: an abort must never look like a clean end. */
    private void abort(Throwable cause) {
        end(cause);
        ctx.close();
    }

    private void end(@Nullable Throwable failure) {
        if (!ended) {
            ended = true;
            closeEgress();
            releaseChunk();
            closeFile();
            part = ByteBuffer.allocate(0);
            reply.whenSent().sent(sentBytes, Optional.ofNullable(failure));
        }
    }

    private void closeEgress() {
        Flow open = egress;
        if (open != null) {
            egress = null;
            open.close();
        }
    }

    private void closeFile() {
        VerifiedFile open = verified;
        if (open != null) {
            verified = null;
            try {
                open.close();
            } catch (IOException e) {
                // It was only read.
            }
        }
    }

    private void releaseChunk() {
        Chunk held = chunk;
        if (held != null) {
            chunk = null;
            held.release();
        }
    }

    /** Of the bytes behind those that are on their way. */
    private record CheckAhead(long from, int length, CompletableFuture<Boolean> check) {
        /** One that ended may have ended long ago; the file knows whether that was recently enough. */
        boolean isUnderWay(long at, int wanted) {
            return at == from && wanted <= length && !check.isDone();
        }
    }

    /** Leaves the file open for the next part. */
    private static final class FilePart extends DefaultFileRegion {
        FilePart(FileChannel file, long position, long count) {
            super(file, position, count);
        }

        @Override
        protected void deallocate() {}
    }
}
