package org.rackboot.image.cache;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import java.io.IOException;
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
import java.util.concurrent.RejectedExecutionException;
import java.util.function.LongSupplier;
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
     * @param memoryBytes of chunks kept in direct memory; each reader may hold one more in its hands
     * @param diskBytes of objects kept in files
     * @param maxFills fetches at once; more wait in line
     * @param retryAfter rest after a fetch that failed; may be zero
     */
    public record Settings(long memoryBytes, long diskBytes, int maxFills, Duration retryAfter) {
        public Settings {
            if (memoryBytes < 0 || diskBytes < 0 || maxFills < 1 || retryAfter.isNegative()) {
                throw new IllegalArgumentException(
                        "sizes and rests must not be negative, and at least one fill must be allowed");
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

    /**
     * How full and how busy the cache is.
     *
     * @param lentBytes of direct memory in use: the memory tier's, and what readers hold and fills receive besides
     */
    public record Statistics(
            long memoryBytes, long diskBytes, int diskObjects, int activeFills, int waitingFills, long lentBytes) {}

    /** Contents that may wait in line to be fetched; whoever asks for yet another is told to come back. */
    static final int MAX_WAITING_FILLS = 1_000;

    private static final int MAX_RECENT_FAILURES = 1_024;

    private final Settings settings;
    private final ContentOrigin origin;
    private final Executor diskThreads;
    private final Listener listener;
    private final BufferPool buffers;
    private final MemoryTier memory;
    private final DiskTier disk;
    private final Cache<Content, Throwable> recentFailures;

    // Guarded by fills. A key is the whole content: a wrong size or chunk list in one catalog spoils no other's
    // readers.
    private final Map<Content, Fill> fills = new HashMap<>();
    private final Queue<Fill> waitingFills = new ArrayDeque<>();
    private final Map<LoadKey, ChunkPromise> loads = new HashMap<>();
    private int activeFills;
    private boolean starting;

    private record LoadKey(Content content, int index) {}

    /** @throws IOException if the directory cannot be read or made */
    public ImageCache(Path directory, Settings settings, ContentOrigin origin, Executor diskThreads, Listener listener)
            throws IOException {
        this(directory, settings, origin, diskThreads, listener, System::nanoTime);
    }

    /** @param nanoClock monotonic; measures {@link Settings#retryAfter} */
    ImageCache(
            Path directory,
            Settings settings,
            ContentOrigin origin,
            Executor diskThreads,
            Listener listener,
            LongSupplier nanoClock)
            throws IOException {
        this.settings = settings;
        this.origin = origin;
        this.diskThreads = diskThreads;
        this.listener = listener;
        this.buffers = new BufferPool(Math.max(settings.memoryBytes() / 4, 8L * Content.CHUNK_BYTES));
        this.memory = new MemoryTier(settings.memoryBytes());
        this.disk = new DiskTier(directory, settings.diskBytes());
        this.recentFailures = Caffeine.newBuilder()
                .maximumSize(MAX_RECENT_FAILURES)
                .expireAfterWrite(settings.retryAfter())
                .ticker(nanoClock::getAsLong)
                .executor(Runnable::run)
                .build();
    }

    /** A reader of {@code content}, whether it is here or not. Costs nothing; needs no closing. */
    public ContentReader open(Content content) {
        return new Reader(content);
    }

    public Statistics statistics() {
        int active;
        int waiting;
        synchronized (fills) {
            active = activeFills;
            waiting = waitingFills.size();
        }
        return new Statistics(
                memory.weightBytes(), disk.weightBytes(), disk.all().size(), active, waiting, buffers.lentBytes());
    }

    /** Verifies an object on disk from end to end, so that it can go out by sendfile. Blocks: for a disk thread. */
    public void verifyStored(Content content) {
        Optional<DiskTier.StoredObject> stored = disk.find(content);
        if (stored.isEmpty()) {
            return;
        }
        try {
            buffers.chunk(Content.CHUNK_BYTES, stored.get()::verify).release();
        } catch (IOException e) {
            dropIfWrong(stored.get(), e);
        }
    }

    private CompletionStage<Chunk> chunk(Content content, int index) {
        Optional<Chunk> inMemory = memory.get(content, index);
        if (inMemory.isPresent()) {
            return CompletableFuture.completedFuture(inMemory.get());
        }
        Optional<DiskTier.StoredObject> stored = disk.find(content);
        return stored.isPresent() ? load(content, index, stored.get()) : fill(content, index);
    }

    /** Reads a chunk from disk once for all who ask at the same time. */
    private CompletionStage<Chunk> load(Content content, int index, DiskTier.StoredObject stored) {
        LoadKey key = new LoadKey(content, index);
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
            try {
                diskThreads.execute(() -> loadNow(key, stored));
            } catch (RejectedExecutionException e) {
                takeLoad(key).fail(explained(content, e));
            }
        }
        return mine;
    }

    private void loadNow(LoadKey key, DiskTier.StoredObject stored) {
        Content content = key.content();
        BufferPool.PooledChunk chunk;
        try {
            chunk = buffers.chunk(content.chunkLength(key.index()), buffer -> stored.read(key.index(), buffer));
        } catch (IOException | RuntimeException e) {
            try {
                dropIfWrong(stored, e);
            } finally {
                passOn(key);
            }
            return;
        }
        memory.put(content, key.index(), chunk);
        takeLoad(key).complete(chunk);
        chunk.release();
    }

    /** Readers of a file that proved wrong get their chunk from the origin instead. */
    private void passOn(LoadKey key) {
        ChunkPromise promise = takeLoad(key);
        fill(key.content(), key.index()).whenComplete((chunk, failure) -> {
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

    private CompletionStage<Chunk> fill(Content content, int index) {
        Fill fill;
        synchronized (fills) {
            Fill running = fills.get(content);
            if (running == null) {
                Throwable recent = recentFailures.getIfPresent(content);
                if (recent != null) {
                    return CompletableFuture.failedFuture(recent);
                }
                if (waitingFills.size() >= MAX_WAITING_FILLS) {
                    return CompletableFuture.failedFuture(new ContentUnavailableException(
                            "Content %s is not in the cache, and %d others wait to be fetched already; try again later"
                                    .formatted(content.id(), waitingFills.size())));
                }
                running = new Fill(content, memory, disk, buffers, diskThreads);
                fills.put(content, running);
                waitingFills.add(running);
            }
            fill = running;
        }
        Optional<CompletableFuture<Chunk>> mine = fill.chunk(index);
        startWaiting();
        return mine.isPresent() ? mine.get() : chunk(content, index); // Ended between two looks: it is on disk now.
    }

    /** Starts fills from one thread at a time, in a loop: some end at once, and must not pile up on its stack. */
    private void startWaiting() {
        synchronized (fills) {
            if (starting) {
                return;
            }
            starting = true;
        }
        for (Optional<Fill> next = nextToStart(); next.isPresent(); next = nextToStart()) {
            start(next.get());
        }
    }

    private Optional<Fill> nextToStart() {
        synchronized (fills) {
            if (activeFills == settings.maxFills() || waitingFills.isEmpty()) {
                starting = false;
                return Optional.empty();
            }
            activeFills++;
            return Optional.of(waitingFills.remove());
        }
    }

    private void start(Fill fill) {
        CompletableFuture.completedStage(fill.content())
                .thenCompose(content -> {
                    listener.fillStarted(content);
                    return origin.chunkDigests(content);
                })
                .thenComposeAsync(
                        digests -> {
                            try {
                                fill.begin(ChunkDigests.verified(fill.content(), digests));
                            } catch (IOException e) {
                                throw new CompletionException(e);
                            }
                            return origin.fetch(fill.content(), fill);
                        },
                        diskThreads)
                .thenRunAsync(
                        () -> {
                            try {
                                fill.complete();
                            } catch (IOException e) {
                                throw new CompletionException(e);
                            }
                        },
                        diskThreads)
                .whenComplete((nothing, failure) -> ended(fill, Optional.ofNullable(failure)));
    }

    private void ended(Fill fill, Optional<Throwable> failure) {
        Content content = fill.content();
        Optional<Throwable> cause = failure.map(each -> explained(content, each));
        synchronized (fills) {
            cause.ifPresent(each -> recentFailures.put(content, each));
            fills.remove(content);
            activeFills--;
        }
        try {
            if (cause.isEmpty()) {
                fill.finish();
                listener.fillCompleted(content);
            } else {
                fill.fail(cause.get());
                listener.fillFailed(content, cause.get());
            }
        } finally {
            startWaiting();
        }
    }

    private void dropIfWrong(DiskTier.StoredObject stored, Exception cause) {
        boolean wrong = cause instanceof IOException && !(cause instanceof UnreadableException);
        if (wrong && disk.drop(stored)) {
            listener.corruptionFound(stored.id(), cause);
        }
    }

    private static Throwable explained(Content content, Throwable failure) {
        Throwable cause = failure;
        while (cause instanceof CompletionException && cause.getCause() != null) {
            cause = cause.getCause();
        }
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
