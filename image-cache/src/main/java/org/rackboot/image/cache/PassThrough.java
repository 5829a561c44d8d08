package org.rackboot.image.cache;

import static java.util.Objects.requireNonNull;

import com.github.benmanes.caffeine.cache.Cache;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import org.jspecify.annotations.Nullable;
import org.rackboot.image.Chunk;
import org.rackboot.image.ChunkDigests;
import org.rackboot.image.Content;
import org.rackboot.image.ContentOrigin;

/**
 * Content that the disk does not keep, fetched in runs of a few chunks from where a reader waits: one run at a time,
 * whatever the number of readers, each chunk verified. What memory has room for serves those who come later.
 */
final class PassThrough implements Inflow {
    /** Nobody keeps the others waiting for longer. */
    static final int MAX_RUN_CHUNKS = 16;

    private final Content content;
    private final ContentOrigin origin;
    private final MemoryTier memory;
    private final BufferPool buffers;
    private final int runChunks;
    private final Cache<Content, ChunkDigests> chunkLists;

    // Guarded by this.
    private final TreeMap<Integer, ChunkPromise> waiting = new TreeMap<>();
    private @Nullable ChunkAssembler assembler;
    private int next; // Behind the last chunk that came.
    private int runs;
    private int brought;
    private boolean accepting;
    private boolean ended;
    private @Nullable Throwable failure;

    /**
     * @param runChunks fetched at once, 1 or more: as many as memory keeps for a reader that comes for the next
     * @param chunkLists verified before, by this or another run
     */
    PassThrough(
            Content content,
            ContentOrigin origin,
            MemoryTier memory,
            BufferPool buffers,
            int runChunks,
            Cache<Content, ChunkDigests> chunkLists) {
        this.content = content;
        this.origin = origin;
        this.memory = memory;
        this.buffers = buffers;
        this.runChunks = runChunks;
        this.chunkLists = chunkLists;
    }

    @Override
    public Content content() {
        return content;
    }

    @Override
    public synchronized Optional<CompletableFuture<Chunk>> chunk(int index) {
        if (failure != null) {
            return Optional.of(CompletableFuture.failedFuture(failure));
        }
        if (ended) {
            return Optional.empty();
        }
        Optional<Chunk> arrived = memory.get(content, index); // Between the caller's look there and this.
        return Optional.of(
                arrived.isPresent()
                        ? CompletableFuture.completedFuture(arrived.get())
                        : waiting.computeIfAbsent(index, i -> new ChunkPromise())
                                .add());
    }

    /** Takes over the readers of a fill that the disk ended. */
    synchronized void adopt(Map<Integer, ChunkPromise> readers) {
        readers.forEach((index, promise) ->
                waiting.computeIfAbsent(index, i -> new ChunkPromise()).addAll(promise));
    }

    @Override
    public CompletionStage<Void> attempt() {
        synchronized (this) {
            brought = 0;
        }
        ChunkDigests known = chunkLists.getIfPresent(content);
        return known != null
                ? run(known)
                : origin.chunkDigests(content).thenCompose(bytes -> {
                    ChunkDigests digests;
                    try {
                        digests = ChunkDigests.verified(content, bytes);
                    } catch (IOException e) {
                        throw new CompletionException(e);
                    }
                    chunkLists.put(content, digests);
                    return run(digests);
                });
    }

    private CompletionStage<Void> run(ChunkDigests digests) {
        int first;
        int chunks;
        int mine;
        ChunkAssembler mineOnly;
        synchronized (this) {
            if (waiting.isEmpty()) {
                return CompletableFuture.completedFuture(null);
            }
            Integer ahead = waiting.ceilingKey(next); // A reader that goes on comes before one that starts again.
            first = ahead == null ? waiting.firstKey() : ahead;
            chunks = Math.min(Math.max(runChunks, wantedInARow(first)), content.chunkCount() - first);
            mine = ++runs;
            mineOnly = new ChunkAssembler(content, digests, buffers, first, first + chunks, this::arrived);
            assembler = mineOnly;
        }
        return origin.fetch(content, first, chunks, bytes -> accept(bytes, mine))
                .thenRun(() -> {
                    if (mineOnly.next() != first + chunks) {
                        throw new CompletionException(new IOException(
                                "only %d of %d chunks arrived".formatted(mineOnly.next() - first, chunks)));
                    }
                });
    }

    /** Guarded by this. */
    private int wantedInARow(int first) {
        int count = 1;
        while (count < MAX_RUN_CHUNKS && waiting.containsKey(first + count)) {
            count++;
        }
        return count;
    }

    private void accept(ByteBuffer bytes, int run) throws IOException {
        ChunkAssembler current;
        synchronized (this) {
            if (run != runs || ended) {
                throw new IOException("this transfer of " + content.id() + " was given up");
            }
            accepting = true;
            current = requireNonNull(assembler);
        }
        boolean right = false;
        try {
            current.take(bytes);
            right = true;
        } finally {
            synchronized (this) {
                accepting = false;
                if (!right) {
                    runs++; // What broke once stays broken, whether or not the origin listens.
                }
                if (!right || ended) {
                    current.discardUnfinished();
                }
            }
        }
    }

    private void arrived(int index, BufferPool.PooledChunk chunk, ByteBuffer bytes) {
        memory.put(content, index, chunk);
        ChunkPromise promise;
        synchronized (this) {
            next = index + 1;
            brought++;
            promise = waiting.remove(index);
        }
        if (promise != null) {
            promise.complete(chunk);
        }
    }

    @Override
    public synchronized Attempt broken(Throwable cause) {
        if (ended || accepting) {
            return new Attempt(brought, false);
        }
        runs++;
        if (assembler != null) {
            assembler.discardUnfinished();
        }
        return new Attempt(brought, true);
    }

    /** Ends this unless someone waits; who asks later is sent back to look again. */
    synchronized boolean endIfIdle() {
        ended = ended || waiting.isEmpty();
        return ended;
    }

    @Override
    public void fail(Throwable cause) {
        List<ChunkPromise> disappointed;
        synchronized (this) {
            if (ended) {
                return;
            }
            ended = true;
            failure = cause;
            disappointed = new ArrayList<>(waiting.values());
            waiting.clear();
            if (!accepting && assembler != null) {
                assembler.discardUnfinished();
            }
        }
        disappointed.forEach(promise -> promise.fail(cause));
    }
}
