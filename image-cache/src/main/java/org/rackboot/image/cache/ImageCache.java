package org.rackboot.image.cache;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import org.rackboot.image.Chunk;
import org.rackboot.image.ChunkDigests;
import org.rackboot.image.Content;
import org.rackboot.image.ContentId;
import org.rackboot.image.ContentOrigin;
import org.rackboot.image.ContentReader;
import org.rackboot.image.ContentUnavailableException;
import org.rackboot.image.VerificationException;

/**
 * Content by sha256, from memory, from disk, or from the origin, and never an unverified byte.
 *
 * <p>Any number of readers of content that is not here cause one fetch and all read behind it. A reader asks for one
 * chunk at a time, so each goes at its own pace and holds one chunk of memory. A fetch that failed is not tried
 * again for {@link Settings#retryAfter}; whoever asks meanwhile gets the same failure at once.
 *
 * <p>Thread-safe; no method blocks. Disk work happens on the executor given.
 */
public final class ImageCache {
    /**
     * Bounds.
     *
     * @param memoryBytes of chunks kept in direct memory; as much again may be in the hands of readers
     * @param diskBytes of objects kept in files
     * @param maxFills fetches at once; more wait in line
     * @param retryAfter rest after a fetch that failed
     */
    public record Settings(long memoryBytes, long diskBytes, int maxFills, Duration retryAfter) {
        public Settings {
            if (memoryBytes < 0 || diskBytes < 0 || maxFills < 1) {
                throw new IllegalArgumentException("sizes must not be negative and at least one fill must be allowed");
            }
        }
    }

    /** Told of what the cache does; called from any thread, must not block. */
    public interface Listener {
        /** A fetch began; {@code readers} wait in line behind it from now on. */
        void fillStarted(Content content);

        void fillCompleted(Content content);

        void fillFailed(Content content, Throwable cause);

        /** A file on disk was not what it was when it was written; it was dropped. */
        void corruptionFound(ContentId id, Throwable cause);
    }

    /** How full and how busy the cache is. */
    public record Statistics(long memoryBytes, long diskBytes, int diskObjects, int activeFills, int waitingFills) {}

    private final Settings settings;
    private final ContentOrigin origin;
    private final Executor diskThreads;
    private final Listener listener;
    private final BufferPool buffers;
    private final MemoryTier memory;
    private final DiskTier disk;
    private final Cache<ContentId, Throwable> recentFailures;
    private final Map<ContentId, Fill> fills = new HashMap<>(); // This and the next three guarded by fills.
    private final Queue<Fill> waitingFills = new ArrayDeque<>();
    private final Map<LoadKey, ChunkPromise> loads = new HashMap<>();
    private int activeFills;

    private record LoadKey(ContentId id, int index) {}

    /** @throws IOException if the directory cannot be read or made */
    public ImageCache(Path directory, Settings settings, ContentOrigin origin, Executor diskThreads, Listener listener)
            throws IOException {
        this.settings = settings;
        this.origin = origin;
        this.diskThreads = diskThreads;
        this.listener = listener;
        this.buffers = new BufferPool(Math.max(settings.memoryBytes() / 4, 8L * Content.CHUNK_BYTES));
        this.memory = new MemoryTier(settings.memoryBytes());
        this.disk = new DiskTier(directory, settings.diskBytes());
        this.recentFailures = Caffeine.newBuilder()
                .maximumSize(1_024)
                .expireAfterWrite(settings.retryAfter())
                .executor(Runnable::run)
                .build();
    }

    /** A reader of {@code content}, whether it is here or not. Costs nothing; needs no closing. */
    public ContentReader open(Content content) {
        return new Reader(content);
    }

    public Statistics statistics() {
        synchronized (fills) {
            return new Statistics(
                    memory.weightBytes(), disk.weightBytes(), disk.all().size(), activeFills, waitingFills.size());
        }
    }

    /** Verifies an object on disk from end to end, so that it can go out by sendfile. Blocks: for a disk thread. */
    public void verifyStored(Content content) {
        Optional<DiskTier.StoredObject> stored = disk.find(content);
        if (stored.isPresent()) {
            ByteBuffer buffer = buffers.take(Content.CHUNK_BYTES);
            try {
                stored.get().verify(content, buffer);
            } catch (IOException e) {
                dropCorrupt(stored.get(), e);
            } finally {
                buffers.giveBack(buffer);
            }
        }
    }

    private CompletionStage<Chunk> chunk(Content content, int index) {
        Optional<Chunk> inMemory = memory.get(content.id(), index);
        if (inMemory.isPresent()) {
            return CompletableFuture.completedFuture(inMemory.get());
        }
        Optional<DiskTier.StoredObject> stored = disk.find(content);
        return stored.isPresent() ? load(content, index, stored.get()) : fill(content, index);
    }

    /** Reads a chunk from disk once for all who ask at the same time. */
    private CompletionStage<Chunk> load(Content content, int index, DiskTier.StoredObject stored) {
        LoadKey key = new LoadKey(content.id(), index);
        CompletableFuture<Chunk> mine;
        boolean first;
        synchronized (fills) {
            ChunkPromise promise = loads.get(key);
            first = promise == null;
            if (promise == null) {
                promise = new ChunkPromise();
                loads.put(key, promise);
            }
            mine = promise.add();
        }
        if (first) {
            diskThreads.execute(() -> loadNow(content, key, stored));
        }
        return mine;
    }

    private void loadNow(Content content, LoadKey key, DiskTier.StoredObject stored) {
        ByteBuffer buffer = buffers.take(content.chunkLength(key.index()));
        try {
            stored.read(content, key.index(), buffer);
        } catch (IOException e) {
            buffers.giveBack(buffer);
            dropCorrupt(stored, e);
            passOn(takeLoad(key), content, key.index());
            return;
        }
        BufferPool.PooledChunk chunk = buffers.chunk(buffer);
        memory.put(content.id(), key.index(), chunk);
        takeLoad(key).complete(chunk);
        chunk.release();
    }

    /** Readers of a file that proved wrong get their chunk from the origin instead. */
    private void passOn(ChunkPromise promise, Content content, int index) {
        fill(content, index).whenComplete((chunk, failure) -> {
            if (failure == null) {
                promise.complete(chunk);
                chunk.release();
            } else {
                promise.fail(failure);
            }
        });
    }

    private ChunkPromise takeLoad(LoadKey key) {
        synchronized (fills) {
            ChunkPromise promise = loads.remove(key);
            if (promise == null) {
                throw new IllegalStateException("a load ended twice");
            }
            return promise;
        }
    }

    private void dropCorrupt(DiskTier.StoredObject stored, IOException cause) {
        disk.drop(stored);
        listener.corruptionFound(stored.id(), cause);
    }

    private CompletionStage<Chunk> fill(Content content, int index) {
        CompletableFuture<Chunk> mine;
        Fill started = null;
        synchronized (fills) {
            Fill fill = fills.get(content.id());
            if (fill == null) {
                Throwable recent = recentFailures.getIfPresent(content.id());
                if (recent != null) {
                    return CompletableFuture.failedFuture(recent);
                }
                fill = new Fill(content, memory, disk, buffers, diskThreads);
                fills.put(content.id(), fill);
                if (activeFills < settings.maxFills()) {
                    activeFills++;
                    started = fill;
                } else {
                    waitingFills.add(fill);
                }
            }
            mine = fill.chunk(index);
        }
        if (started != null) {
            start(started);
        }
        return mine != null ? mine : chunk(content, index); // Ended between two looks: it is on disk now.
    }

    private void start(Fill fill) {
        Content content = fill.content();
        listener.fillStarted(content);
        origin.chunkDigests(content)
                .thenCompose(bytes -> {
                    try {
                        fill.begin(ChunkDigests.verified(content, bytes));
                    } catch (IOException e) {
                        throw new CompletionException(e);
                    }
                    return origin.fetch(content, fill);
                })
                .thenRun(() -> {
                    try {
                        fill.complete();
                    } catch (IOException e) {
                        throw new CompletionException(e);
                    }
                })
                .whenComplete((nothing, failure) -> ended(fill, failure));
    }

    private void ended(Fill fill, @org.jspecify.annotations.Nullable Throwable failure) {
        Content content = fill.content();
        Throwable cause =
                failure instanceof CompletionException && failure.getCause() != null ? failure.getCause() : failure;
        Fill next;
        synchronized (fills) {
            if (cause != null) {
                recentFailures.put(content.id(), explained(content, cause));
            }
            fills.remove(content.id());
            next = waitingFills.poll();
            if (next == null) {
                activeFills--;
            }
        }
        if (cause == null) {
            listener.fillCompleted(content);
        } else {
            fill.fail(explained(content, cause));
            listener.fillFailed(content, cause);
        }
        if (next != null) {
            start(next);
        }
    }

    private static Throwable explained(Content content, Throwable cause) {
        if (cause instanceof ContentUnavailableException || cause instanceof VerificationException) {
            return cause;
        }
        return new ContentUnavailableException(
                "Content %s is not in the cache and could not be fetched: %s".formatted(content.id(), cause), cause);
    }

    private final class Reader implements ContentReader {
        private final Content content;

        Reader(Content content) {
            this.content = content;
        }

        @Override
        public Content content() {
            return content;
        }

        @Override
        public CompletionStage<Chunk> chunk(int index) {
            if (index < 0 || index >= content.chunkCount()) {
                throw new IndexOutOfBoundsException(index);
            }
            return ImageCache.this.chunk(content, index);
        }

        @Override
        public Optional<FileChannel> openVerifiedFile() throws IOException {
            Optional<DiskTier.StoredObject> stored = disk.find(content);
            return stored.isPresent() ? stored.get().openVerified() : Optional.empty();
        }
    }
}
