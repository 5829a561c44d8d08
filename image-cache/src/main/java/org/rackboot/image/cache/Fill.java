package org.rackboot.image.cache;

import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executor;
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
 */
final class Fill implements ContentOrigin.Sink {
    private final Content content;
    private final MemoryTier memory;
    private final DiskTier disk;
    private final BufferPool buffers;
    private final Executor diskThreads;
    private final MessageDigest whole = ChunkDigests.sha256();
    private final Map<Integer, ChunkPromise> waiting = new TreeMap<>(); // Guarded by this.

    private @Nullable ChunkDigests digests;
    private DiskTier.@Nullable Writer writer;
    private @Nullable ByteBuffer arriving;
    private int verifiedChunks; // Guarded by this.
    private int readersOfPart; // Guarded by this.
    private boolean ended; // Guarded by this.
    private @Nullable Throwable failure; // Guarded by this.

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

    /** The chunk, as soon as it is verified; empty when the fill has ended well and the disk tier has it. */
    @Nullable
    CompletableFuture<Chunk> chunk(int index) {
        DiskTier.Writer part;
        synchronized (this) {
            if (failure != null) {
                return CompletableFuture.failedFuture(failure);
            }
            if (ended) {
                return null;
            }
            if (index >= verifiedChunks) {
                return waiting.computeIfAbsent(index, i -> new ChunkPromise()).add();
            }
            part = requireNonNull(writer);
            readersOfPart++;
        }
        return CompletableFuture.supplyAsync(() -> readBack(part, index), diskThreads);
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
        while (bytes.hasRemaining()) {
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
    }

    /** After the last byte: the whole sha256, then the disk. */
    void complete() throws IOException {
        if (verifiedChunks != content.chunkCount()) {
            throw new VerificationException("Only %d of the %d chunks of %s arrived"
                    .formatted(verifiedChunks, content.chunkCount(), content.id()));
        }
        ContentId actual = ContentId.of(whole.digest());
        if (!actual.equals(content.id())) {
            throw new VerificationException("%s arrived with sha256 %s".formatted(content.id(), actual));
        }
        requireNonNull(writer).commit();
        synchronized (this) {
            ended = true;
            closeWhenUnread();
        }
    }

    /** Every waiting reader fails at once, and nothing stays. */
    void fail(Throwable cause) {
        List<ChunkPromise> disappointed;
        synchronized (this) {
            if (ended) {
                return;
            }
            ended = true;
            failure = cause;
            disappointed = new ArrayList<>(waiting.values());
            waiting.clear();
            if (writer != null) {
                writer.abort();
            }
        }
        ByteBuffer unfinished = arriving;
        if (unfinished != null) {
            arriving = null;
            buffers.giveBack(unfinished);
        }
        disappointed.forEach(promise -> promise.fail(cause));
    }

    private void chunkArrived(ByteBuffer bytes) throws IOException {
        int index = verifiedChunks;
        if (!requireNonNull(digests).matches(index, bytes)) {
            buffers.giveBack(bytes);
            throw new VerificationException(
                    "Chunk %d of %s arrived with other bytes than the region announced".formatted(index, content.id()));
        }
        BufferPool.PooledChunk chunk = buffers.chunk(bytes);
        try {
            whole.update(bytes.duplicate());
            requireNonNull(writer).append(bytes, content.chunkOffset(index));
            memory.put(content.id(), index, chunk);
            ChunkPromise promise;
            synchronized (this) {
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

    private Chunk readBack(DiskTier.Writer part, int index) {
        ByteBuffer buffer = buffers.take(content.chunkLength(index));
        try {
            part.read(index, buffer);
        } catch (IOException e) {
            buffers.giveBack(buffer);
            throw new CompletionException(e);
        } finally {
            synchronized (this) {
                readersOfPart--;
                closeWhenUnread();
            }
        }
        BufferPool.PooledChunk chunk = buffers.chunk(buffer);
        memory.put(content.id(), index, chunk);
        return chunk;
    }

    private void closeWhenUnread() {
        if (ended && readersOfPart == 0 && writer != null) {
            writer.close();
        }
    }
}
