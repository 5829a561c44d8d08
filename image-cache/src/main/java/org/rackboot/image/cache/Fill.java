package org.rackboot.image.cache;

import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import org.jspecify.annotations.Nullable;
import org.rackboot.image.Chunk;
import org.rackboot.image.ChunkDigests;
import org.rackboot.image.Content;
import org.rackboot.image.ContentId;
import org.rackboot.image.ContentOrigin;
import org.rackboot.image.VerificationException;

/**
 * One object arriving. Verifies each chunk before anyone sees it, writes it to disk, keeps it in memory and hands it to
 * the readers waiting for it; they come and go without any effect on the fill.
 *
 * <p>Ends with {@link #complete} and {@link #finish}, or with {@link #fail}, which may come at any time and from any
 * thread: also while the origin is still handing bytes over.
 */
final class Fill implements ContentOrigin.Sink {
    private final Content content;
    private final MemoryTier memory;
    private final DiskTier disk;
    private final BufferPool buffers;
    private final Executor diskThreads;

    // All that follows is guarded by this, except what the thread in accept() has to itself meanwhile.
    private final Map<Integer, ChunkPromise> waiting = new HashMap<>();
    private final Map<Integer, ChunkPromise> readBacks = new HashMap<>();
    private @Nullable ChunkDigests digests;
    private DiskTier.@Nullable Writer writer;
    private int usersOfPart;
    private int verifiedChunks;
    private boolean accepting;
    private boolean ended;
    private @Nullable Throwable failure; // What every reader is told.
    private @Nullable IOException refusal; // What the origin is told.

    // The accepting thread's; the next one's after it.
    private final MessageDigest whole = ChunkDigests.sha256();
    private @Nullable ByteBuffer arriving;

    Fill(Content content, MemoryTier memory, DiskTier disk, BufferPool buffers, Executor diskThreads) {
        this.content = content;
        this.memory = memory;
        this.disk = disk;
        this.buffers = buffers;
        this.diskThreads = diskThreads;
    }

    Content content() {
        return content;
    }

    /** The chunk, as soon as it is verified; empty when the fill has ended well: look on disk. */
    Optional<CompletableFuture<Chunk>> chunk(int index) {
        CompletableFuture<Chunk> reader;
        synchronized (this) {
            if (failure != null) {
                return Optional.of(CompletableFuture.failedFuture(failure));
            }
            if (ended) {
                return Optional.empty();
            }
            if (index >= verifiedChunks) {
                return Optional.of(
                        waiting.computeIfAbsent(index, i -> new ChunkPromise()).add());
            }
            ChunkPromise running = readBacks.get(index);
            if (running != null) {
                return Optional.of(running.add());
            }
            ChunkPromise first = new ChunkPromise();
            reader = first.add();
            readBacks.put(index, first);
            usersOfPart++;
        }
        try {
            diskThreads.execute(() -> readBack(index));
        } catch (RejectedExecutionException e) {
            endReadBack(index).fail(e);
        }
        return Optional.of(reader);
    }

    /** Before the first byte: what the chunks must be, and room for them. */
    void begin(ChunkDigests verifiedDigests) throws IOException {
        DiskTier.Writer opened = disk.write(content, verifiedDigests);
        synchronized (this) {
            digests = verifiedDigests;
            writer = opened;
        }
    }

    @Override
    public void accept(ByteBuffer bytes) throws IOException {
        synchronized (this) {
            throwRefusal();
            accepting = true;
            usersOfPart++;
        }
        @Nullable IOException broken = null;
        try {
            while (bytes.hasRemaining()) {
                take(bytes);
            }
        } catch (IOException e) {
            broken = e;
            throw e;
        } finally {
            pause(broken);
        }
    }

    /** After the last byte: the whole sha256, then the disk. */
    void complete() throws IOException {
        synchronized (this) {
            throwRefusal();
            if (accepting || verifiedChunks != content.chunkCount()) {
                throw new VerificationException("Only %d of the %d chunks of %s arrived"
                        .formatted(verifiedChunks, content.chunkCount(), content.id()));
            }
            refusal = new IOException("more bytes after the end of " + content.id());
        }
        ContentId actual = ContentId.of(whole.digest());
        if (!actual.equals(content.id())) {
            memory.drop(content); // Each chunk was what the list says, and the list was wrong.
            throw new VerificationException("%s arrived with sha256 %s".formatted(content.id(), actual));
        }
        requireNonNull(writer).commit();
    }

    /** After {@link #complete}, once no new reader can find this. */
    void finish() {
        DiskTier.Writer unused;
        synchronized (this) {
            ended = true;
            unused = partIfUnused();
        }
        close(unused);
    }

    /** Every waiting reader fails at once, and nothing stays but verified chunks in memory. */
    void fail(Throwable cause) {
        List<ChunkPromise> disappointed;
        DiskTier.Writer discarded;
        DiskTier.Writer unused;
        ByteBuffer unfinished;
        synchronized (this) {
            if (ended) {
                return;
            }
            ended = true;
            failure = cause;
            refusal = new IOException("the fetch of " + content.id() + " was given up: " + cause.getMessage());
            disappointed = new ArrayList<>(waiting.values());
            waiting.clear();
            discarded = writer;
            unused = partIfUnused();
            unfinished = accepting ? null : takeArriving();
        }
        if (unfinished != null) {
            buffers.giveBack(unfinished);
        }
        if (discarded != null) {
            discarded.discard();
        }
        close(unused);
        disappointed.forEach(promise -> promise.fail(cause));
    }

    private void take(ByteBuffer bytes) throws IOException {
        if (verifiedChunks == content.chunkCount()) {
            throw new VerificationException(
                    "More than the %d bytes of %s arrived".formatted(content.size(), content.id()));
        }
        ByteBuffer buffer = arriving;
        if (buffer == null) {
            buffer = buffers.take(content.chunkLength(verifiedChunks));
            arriving = buffer;
        }
        int taken = Math.min(bytes.remaining(), buffer.remaining());
        buffer.put(bytes.slice().limit(taken));
        bytes.position(bytes.position() + taken);
        if (!buffer.hasRemaining()) {
            arriving = null;
            chunkArrived(buffer.flip());
        }
    }

    private void chunkArrived(ByteBuffer bytes) throws IOException {
        int index = verifiedChunks;
        BufferPool.PooledChunk chunk = buffers.chunk(bytes);
        try {
            if (!requireNonNull(digests).matches(index, bytes)) {
                throw new VerificationException("Chunk %d of %s arrived with other bytes than the region announced"
                        .formatted(index, content.id()));
            }
            whole.update(bytes.duplicate());
            requireNonNull(writer).append(bytes, content.chunkOffset(index));
            memory.put(content, index, chunk);
            ChunkPromise promise;
            synchronized (this) {
                throwRefusal(); // It was given up meanwhile.
                verifiedChunks++;
                promise = waiting.remove(index);
            }
            if (promise != null) {
                promise.complete(chunk);
            }
        } finally {
            chunk.release();
        }
    }

    /** The origin has its thread back. What broke once stays broken, whether or not the origin listens. */
    private void pause(@Nullable IOException broken) {
        DiskTier.Writer unused;
        ByteBuffer unfinished;
        synchronized (this) {
            accepting = false;
            usersOfPart--;
            if (refusal == null) {
                refusal = broken;
            }
            unused = partIfUnused();
            unfinished = ended ? takeArriving() : null;
        }
        if (unfinished != null) {
            buffers.giveBack(unfinished);
        }
        close(unused);
    }

    private void readBack(int index) {
        DiskTier.Writer part;
        synchronized (this) {
            part = requireNonNull(writer);
        }
        BufferPool.PooledChunk chunk;
        try {
            chunk = buffers.chunk(content.chunkLength(index), buffer -> part.read(index, buffer));
        } catch (UnreadableException e) {
            endReadBack(index).fail(e);
            return;
        } catch (IOException e) {
            synchronized (this) {
                refusal = e; // The file is spoiled: the fill must not end well.
            }
            endReadBack(index).fail(e);
            return;
        }
        memory.put(content, index, chunk);
        endReadBack(index).complete(chunk);
        chunk.release();
    }

    private ChunkPromise endReadBack(int index) {
        ChunkPromise promise;
        DiskTier.Writer unused;
        synchronized (this) {
            promise = requireNonNull(readBacks.remove(index));
            usersOfPart--;
            unused = partIfUnused();
        }
        close(unused);
        return promise;
    }

    private void throwRefusal() throws IOException {
        if (refusal != null) {
            throw refusal;
        }
    }

    private @Nullable ByteBuffer takeArriving() {
        ByteBuffer buffer = arriving;
        arriving = null;
        return buffer;
    }

    private DiskTier.@Nullable Writer partIfUnused() {
        return ended && usersOfPart == 0 ? writer : null;
    }

    private static void close(DiskTier.@Nullable Writer unused) {
        if (unused != null) {
            unused.close();
        }
    }
}
