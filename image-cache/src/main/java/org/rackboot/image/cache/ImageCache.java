package org.rackboot.image.cache;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.LongSupplier;
import org.rackboot.image.Chunk;
import org.rackboot.image.ChunkDigests;
import org.rackboot.image.Content;
import org.rackboot.image.ContentId;
import org.rackboot.image.ContentOrigin;
import org.rackboot.image.ContentReader;
import org.rackboot.image.ContentUnavailableException;
import org.rackboot.image.VerificationException;
import org.rackboot.image.VerifiedFile;

/**
 * Content by sha256, from memory, from disk, or from the origin, and never an unverified byte.
 *
 * <p>Any number of readers of content that is not here cause one fetch and all read behind it. A reader asks for one
 * chunk at a time, so each goes at its own pace and holds one chunk of memory. A fetch that breaks off is gone on
 * with; one that failed is not tried again for {@link Settings#retryAfter} and longer; whoever asks meanwhile gets the
 * same failure at once. What the disk cannot keep passes through it.
 *
 * <p>Thread-safe; no method blocks. Disk work happens on the executor given.
 */
public final class ImageCache {
    /**
     * Bounds.
     *
     * @param memoryBytes of chunks in direct memory. What readers hold counts: the tier gives way to it, and only
     *     readers who hold more than all of it together exceed it
     * @param diskBytes of objects kept in files, those that arrive included
     * @param maxFills fetches at once; more wait in line, those that machines wait for before those that none does
     * @param retryAfter rest after a fetch that failed, doubled with each further failure up to {@link
     *     #LONGEST_REST}; may be zero
     */
    public record Settings(long memoryBytes, long diskBytes, int maxFills, Duration retryAfter) {
        public Settings {
            if (memoryBytes < 0 || diskBytes < 0 || maxFills < 1 || retryAfter.isNegative()) {
                throw new IllegalArgumentException(
                        "sizes and rests must not be negative, and at least one fill must be allowed");
            }
        }
    }

    /** Does something later; the work must not run before this returns. */
    @FunctionalInterface
    public interface Timer {
        void after(Duration pause, Runnable work);
    }

    /** Told of what the cache does; called from any thread, must not block. */
    public interface Listener {
        /** A fetch of an object for the disk began. */
        default void fillStarted(Content content) {}

        default void fillCompleted(Content content) {}

        /** A fetch was given up, and its readers told. */
        default void fillFailed(Content content, Throwable cause) {}

        /** A fetch broke off and goes on where it was; its readers notice nothing but the time. */
        default void fillResumed(Content content, Throwable cause) {}

        /** The disk cannot keep what was being fetched; readers are served without it. */
        default void notKept(Content content, Throwable cause) {}

        /** A file on disk was not what it was when it was written; it was dropped. */
        default void corruptionFound(ContentId id, Throwable cause) {}
    }

    /**
     * How full and how busy the cache is.
     *
     * @param lentBytes of direct memory in use: the memory tier's, and what readers hold and fills receive besides
     * @param memoryHits chunks found in memory since the start; {@code diskHits} on disk; {@code misses} in neither
     * @param evictions objects that left the disk for others
     */
    public record Statistics(
            long memoryBytes,
            long diskBytes,
            int diskObjects,
            int activeFills,
            int waitingFills,
            long lentBytes,
            long memoryHits,
            long diskHits,
            long misses,
            long evictions) {}

    /** An object on disk; {@code verified} if every byte was since this process started. */
    public record Stored(Content content, boolean verified, boolean pinned) {}

    /** However often a fetch failed, it is tried again after so long, when someone asks. */
    public static final Duration LONGEST_REST = Duration.ofSeconds(30);

    /** After the disk failed, it is left alone for so long; content passes through. */
    static final Duration DISK_REST = Duration.ofSeconds(30);

    /** Contents that may wait in line to be fetched; whoever asks for yet another is told to come back. */
    static final int MAX_WAITING_FILLS = 1_000;

    private static final int CHECKED_AT_ONCE_BYTES = 256 << 10; // Stays in a processor's own cache.
    private static final int MAX_RECENT_FAILURES = 1_024;
    private static final Duration FAILURE_REMEMBERED = Duration.ofMinutes(10);
    private static final int MAX_CHUNK_LISTS = 64;

    private final Settings settings;
    private final ContentOrigin origin;
    private final Executor diskThreads;
    private final Listener listener;
    private final BufferPool buffers;
    private final MemoryTier memory;
    private final DiskTier disk;
    private final Timer timer;
    private final LongSupplier nanoClock;
    private final Cache<Content, Failure> recentFailures;
    private final Cache<Content, ChunkDigests> chunkLists =
            Caffeine.newBuilder().maximumSize(MAX_CHUNK_LISTS).build();
    private final LongAdder memoryHits = new LongAdder();
    private final LongAdder diskHits = new LongAdder();
    private final LongAdder misses = new LongAdder();

    // Guarded by inflows. A key is the whole content: a wrong size or chunk list in one catalog spoils no other's
    // readers.
    private final Map<Content, Session> inflows = new HashMap<>();
    private final Deque<Session> line = new ArrayDeque<>();
    private final Deque<Session> prefetchLine = new ArrayDeque<>();
    private final Map<Content, CompletableFuture<ChunkDigests>> listsAskedFor = new HashMap<>();
    private final Map<LoadKey, ChunkPromise> loads = new HashMap<>();
    private int activeFills;
    private int activePrefetches;
    private boolean starting;
    private Optional<Long> diskRestsUntilNanos = Optional.empty();

    /** Why a fetch failed, the last of {@code count} times, and until when it is not tried again. */
    private record Failure(Throwable cause, int count, long restsUntilNanos) {}

    private record LoadKey(Content content, int index) {}

    /**
     * @param diskThreads for all that waits for the disk
     * @throws IOException if the directory cannot be read or made
     */
    public ImageCache(
            Path directory,
            Settings settings,
            ContentOrigin origin,
            Executor diskThreads,
            Timer timer,
            Listener listener)
            throws IOException {
        this(directory, settings, origin, diskThreads, timer, listener, System::nanoTime);
    }

    /** @param nanoClock monotonic; measures rests */
    ImageCache(
            Path directory,
            Settings settings,
            ContentOrigin origin,
            Executor diskThreads,
            Timer timer,
            Listener listener,
            LongSupplier nanoClock)
            throws IOException {
        this.settings = settings;
        this.origin = origin;
        this.diskThreads = diskThreads;
        this.timer = timer;
        this.listener = listener;
        this.nanoClock = nanoClock;
        long idleBytes = Math.max(settings.memoryBytes() / 16, 8L * Content.CHUNK_BYTES);
        this.buffers = new BufferPool(idleBytes);
        this.memory = new MemoryTier(settings.memoryBytes(), buffers::lentBytes);
        this.disk = new DiskTier(directory, settings.diskBytes(), nanoClock);
        disk.foundBroken().forEach((id, cause) -> listener.corruptionFound(id, inWords(cause)));
        this.recentFailures = Caffeine.newBuilder()
                .maximumSize(MAX_RECENT_FAILURES)
                .expireAfterWrite(FAILURE_REMEMBERED)
                .ticker(nanoClock::getAsLong)
                .executor(Runnable::run)
                .build();
    }

    /** A reader of {@code content}, whether it is here or not. Costs nothing; needs no closing. */
    public ContentReader open(Content content) {
        return new Reader(content);
    }

    /**
     * Fetches content that is not here, behind everything that machines wait for. Completes once it is on disk; fails
     * when it cannot be fetched, or not be kept.
     */
    public CompletionStage<Void> prefetch(Content content) {
        if (disk.find(content).isPresent()) {
            return CompletableFuture.completedFuture(null);
        }
        Session session;
        synchronized (inflows) {
            Session running = inflows.get(content);
            if (running == null) {
                Optional<Throwable> refusal = refusal(content);
                if (refusal.isEmpty() && !isDiskFor(content)) {
                    refusal = Optional.of(new ContentUnavailableException(
                            "The disk cannot keep content %s of %d bytes now".formatted(content.id(), content.size())));
                }
                if (refusal.isPresent()) {
                    return CompletableFuture.failedFuture(refusal.get());
                }
                running = new Session(newFill(content), true);
                inflows.put(content, running);
                prefetchLine.add(running);
            }
            session = running;
        }
        startWaiting();
        return session.kept.copy();
    }

    /**
     * The digests of the content's chunks, for those who verify for themselves: from disk or from the origin, verified.
     * Whoever asks at the same time shares one answer.
     */
    public CompletionStage<ChunkDigests> chunkDigests(Content content) {
        ChunkDigests known = chunkLists.getIfPresent(content);
        if (known != null) {
            return CompletableFuture.completedFuture(known);
        }
        CompletableFuture<ChunkDigests> asked = new CompletableFuture<>();
        synchronized (inflows) {
            CompletableFuture<ChunkDigests> others = listsAskedFor.putIfAbsent(content, asked);
            if (others != null) {
                return others.copy();
            }
        }
        CompletableFuture.completedFuture(content)
                .thenApplyAsync(each -> disk.find(each).flatMap(DiskTier.StoredObject::digests), diskThreads)
                .thenCompose(stored -> stored.isPresent()
                        ? CompletableFuture.completedFuture(stored.get())
                        : origin.chunkDigests(content).thenApply(bytes -> verified(content, bytes)))
                .whenComplete((digests, failure) -> {
                    if (failure == null) {
                        chunkLists.put(content, digests);
                    }
                    synchronized (inflows) {
                        listsAskedFor.remove(content);
                    }
                    if (failure == null) {
                        asked.complete(digests);
                    } else {
                        asked.completeExceptionally(explained(content, failure));
                    }
                });
        return asked.copy();
    }

    private static ChunkDigests verified(Content content, byte[] digests) {
        try {
            return ChunkDigests.verified(content, digests);
        } catch (VerificationException e) {
            throw new CompletionException(e);
        }
    }

    /** What must stay on disk whatever else is wanted; replaces what was said before. */
    public void pin(Set<ContentId> contents) {
        disk.pin(contents);
    }

    /** All that is on disk. */
    public List<Stored> stored() {
        return disk.all().stream()
                .map(object -> new Stored(object.content(), object.isVerified(), disk.isPinned(object.id())))
                .toList();
    }

    /**
     * Forgets content, on disk and in memory. Whoever reads it goes on. Blocks: for a disk thread.
     *
     * @return whether it was on disk
     */
    public boolean evict(ContentId id) {
        Optional<DiskTier.StoredObject> stored = disk.find(id);
        stored.ifPresent(object -> memory.drop(object.content()));
        return stored.isPresent() && disk.drop(stored.get());
    }

    public Statistics statistics() {
        int active;
        int waiting;
        synchronized (inflows) {
            active = activeFills;
            waiting = line.size() + prefetchLine.size();
        }
        return new Statistics(
                memory.weightBytes(),
                disk.weightBytes(),
                disk.all().size(),
                active,
                waiting,
                buffers.lentBytes(),
                memoryHits.sum(),
                diskHits.sum(),
                misses.sum(),
                disk.evictions());
    }

    /** Paces work that nobody waits for. */
    @FunctionalInterface
    public interface Pace {
        /** Returns when it is time to go on after that many bytes. */
        void after(long bytes) throws InterruptedException;
    }

    /**
     * Reads again what was verified longest ago, so that rot is found before a machine asks. Blocks.
     *
     * @param age of the verification from which on an object's turn has come
     * @return how many objects were read, whatever was found
     */
    public int scrub(Duration age, Pace pace) throws InterruptedException {
        int read = 0;
        for (DiskTier.StoredObject object : disk.all()) {
            if (object.verifiedBefore(nanoClock.getAsLong() - age.toNanos())) {
                verify(object, true, pace);
                read++;
            }
        }
        return read;
    }

    /**
     * Verifies an object on disk from end to end, so that it can go out by sendfile. Blocks: for a disk thread.
     *
     * @return whether it is on disk, and right
     */
    public boolean verifyStored(Content content) {
        return disk.find(content).map(object -> verifyQuietly(object, false)).orElse(false);
    }

    /** Reads an object again from end to end, whenever it was verified before. Blocks: for a disk thread. */
    public boolean verifyAgain(Content content) {
        return disk.find(content).map(object -> verifyQuietly(object, true)).orElse(false);
    }

    private boolean verifyQuietly(DiskTier.StoredObject object, boolean again) {
        try {
            return verify(object, again, bytes -> {});
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    private boolean verify(DiskTier.StoredObject object, boolean again, Pace pace) throws InterruptedException {
        try {
            ByteBuffer buffer = buffers.take(Content.CHUNK_BYTES);
            try {
                object.verify(buffer, again, pace);
            } finally {
                buffers.giveBack(buffer);
            }
            return true;
        } catch (IOException e) {
            dropIfWrong(object, e);
            return false;
        }
    }

    private CompletionStage<Chunk> chunk(Content content, int index) {
        Optional<Chunk> inMemory = memory.get(content, index);
        if (inMemory.isPresent()) {
            memoryHits.increment();
            if (index == 0) {
                disk.find(content); // Used, though not read from there.
            }
            return CompletableFuture.completedFuture(inMemory.get());
        }
        Optional<DiskTier.StoredObject> stored = disk.find(content);
        if (stored.isPresent()) {
            diskHits.increment();
            return load(content, index, stored.get());
        }
        misses.increment();
        return fetch(content, index);
    }

    /** Reads a chunk from disk once for all who ask at the same time. */
    private CompletionStage<Chunk> load(Content content, int index, DiskTier.StoredObject stored) {
        LoadKey key = new LoadKey(content, index);
        CompletableFuture<Chunk> mine;
        boolean first;
        synchronized (inflows) {
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
        fetch(key.content(), key.index()).whenComplete((chunk, failure) -> {
            if (failure == null) {
                promise.complete(chunk);
                chunk.release();
            } else {
                promise.fail(failure);
            }
        });
    }

    private ChunkPromise takeLoad(LoadKey key) {
        synchronized (inflows) {
            ChunkPromise promise = loads.remove(key);
            if (promise == null) {
                throw new IllegalStateException("a load ended twice");
            }
            return promise;
        }
    }

    private CompletionStage<Chunk> fetch(Content content, int index) {
        Inflow inflow;
        synchronized (inflows) {
            Session running = inflows.get(content);
            if (running == null) {
                Optional<Throwable> refusal = refusal(content);
                if (refusal.isPresent()) {
                    return CompletableFuture.failedFuture(refusal.get());
                }
                running = new Session(isDiskFor(content) ? newFill(content) : newPassThrough(content), false);
                inflows.put(content, running);
                line.add(running);
            } else if (running.prefetch) {
                running.prefetch = false;
                if (prefetchLine.remove(running)) {
                    line.add(running);
                } else {
                    activePrefetches--;
                }
            }
            inflow = running.inflow;
        }
        Optional<CompletableFuture<Chunk>> mine = inflow.chunk(index);
        startWaiting();
        return mine.isPresent() ? mine.get() : chunk(content, index); // Ended between two looks.
    }

    /** Why content is not to be fetched now, if it is not. Guarded by inflows. */
    private Optional<Throwable> refusal(Content content) {
        Failure recent = recentFailures.getIfPresent(content);
        if (recent != null && nanoClock.getAsLong() - recent.restsUntilNanos() < 0) {
            return Optional.of(recent.cause());
        }
        int waiting = line.size() + prefetchLine.size();
        return waiting < MAX_WAITING_FILLS
                ? Optional.empty()
                : Optional.of(new ContentUnavailableException(
                        "Content %s is not in the cache, and %d others wait to be fetched already; try again later"
                                .formatted(content.id(), waiting)));
    }

    /** Guarded by inflows. */
    private boolean isDiskFor(Content content) {
        if (diskRestsUntilNanos.isPresent()) {
            if (nanoClock.getAsLong() - diskRestsUntilNanos.get() < 0) {
                return false;
            }
            diskRestsUntilNanos = Optional.empty();
        }
        return disk.mayHold(content);
    }

    private Inflow newFill(Content content) {
        return new Fill(content, origin, memory, disk, buffers, diskThreads);
    }

    private PassThrough newPassThrough(Content content) {
        int runChunks = (int)
                Math.max(1, Math.min(PassThrough.MAX_RUN_CHUNKS, settings.memoryBytes() / 8 / Content.CHUNK_BYTES));
        return new PassThrough(content, origin, memory, buffers, runChunks, chunkLists);
    }

    /** Starts sessions from one thread at a time, in a loop: some end at once, and must not pile up on its stack. */
    private void startWaiting() {
        synchronized (inflows) {
            if (starting) {
                return;
            }
            starting = true;
        }
        for (Optional<Session> next = nextToStart(); next.isPresent(); next = nextToStart()) {
            next.get().attempt();
        }
    }

    private Optional<Session> nextToStart() {
        synchronized (inflows) {
            if (activeFills < settings.maxFills()) {
                if (!line.isEmpty()) {
                    activeFills++;
                    return Optional.of(line.remove());
                }
                if (!prefetchLine.isEmpty() && activePrefetches < Math.max(1, settings.maxFills() / 2)) {
                    activeFills++;
                    activePrefetches++;
                    return Optional.of(prefetchLine.remove());
                }
            }
            starting = false;
            return Optional.empty();
        }
    }

    /** One inflow in the line, under way, or resting between two attempts. */
    private final class Session {
        private final CompletableFuture<Void> kept = new CompletableFuture<>();
        private Inflow inflow; // This and the next guarded by inflows.
        private boolean prefetch;
        private boolean started;
        private final Retries retries = new Retries();

        Session(Inflow inflow, boolean prefetch) {
            this.inflow = inflow;
            this.prefetch = prefetch;
        }

        void attempt() {
            Inflow mine = inflow;
            CompletableFuture.completedStage(mine)
                    .thenCompose(current -> {
                        if (!started && current instanceof Fill) {
                            listener.fillStarted(current.content());
                        }
                        started = true;
                        return current.attempt();
                    })
                    .thenRunAsync(
                            () -> {
                                try {
                                    if (mine instanceof Fill fill) {
                                        fill.complete();
                                    }
                                } catch (IOException e) {
                                    throw new CompletionException(e);
                                }
                            },
                            mine instanceof Fill ? diskThreads : Runnable::run)
                    .whenComplete((nothing, failure) -> {
                        if (failure == null) {
                            succeeded();
                        } else {
                            broke(explained(mine.content(), failure));
                        }
                    });
        }

        private void succeeded() {
            Content content = inflow.content();
            if (inflow instanceof Fill fill) {
                synchronized (inflows) {
                    recentFailures.invalidate(content);
                    leave();
                }
                try {
                    fill.finish();
                    listener.fillCompleted(content);
                } finally {
                    kept.complete(null);
                    startWaiting();
                }
                return;
            }
            synchronized (inflows) {
                recentFailures.invalidate(content);
                if (((PassThrough) inflow).endIfIdle()) {
                    leave();
                } else {
                    activeFills--;
                    line.add(this); // Behind the others: each gets its turn.
                }
            }
            startWaiting();
        }

        private void broke(Throwable cause) {
            Optional<UnkeepableException> unkeepable =
                    inflow instanceof Fill fill ? unkeepable(fill, cause) : Optional.empty();
            if (unkeepable.isPresent()) {
                passOn((Fill) inflow, unkeepable.get());
                return;
            }
            Optional<Duration> pause = retries.after(inflow.broken(cause), cause);
            if (pause.isEmpty() || !goOn(pause.get())) {
                fail(cause);
            } else {
                listener.fillResumed(inflow.content(), cause);
            }
        }

        private boolean goOn(Duration pause) {
            try {
                if (pause.isZero()) {
                    diskThreads.execute(this::attempt);
                } else {
                    timer.after(pause, this::attempt);
                }
                return true;
            } catch (RejectedExecutionException e) {
                return false;
            }
        }

        private Optional<UnkeepableException> unkeepable(Fill fill, Throwable cause) {
            for (Throwable each = cause; each != null; each = each.getCause()) {
                if (each instanceof UnkeepableException found) {
                    return Optional.of(found);
                }
            }
            return fill.unkeepable();
        }

        /** The disk cannot keep it, or not now: those who wait are served all the same. */
        private void passOn(Fill fill, UnkeepableException cause) {
            Content content = fill.content();
            PassThrough successor = newPassThrough(content);
            synchronized (inflows) {
                if (cause.isOfTheDisk()) {
                    diskRestsUntilNanos = Optional.of(nanoClock.getAsLong() + DISK_REST.toNanos());
                }
                inflow = successor;
            }
            successor.adopt(fill.handOver());
            kept.completeExceptionally(explained(content, cause));
            try {
                listener.notKept(content, cause);
            } finally {
                succeeded();
            }
        }

        private void fail(Throwable cause) {
            Content content = inflow.content();
            synchronized (inflows) {
                Failure last = recentFailures.getIfPresent(content);
                int count = last == null ? 1 : last.count() + 1;
                recentFailures.put(
                        content,
                        new Failure(
                                cause,
                                count,
                                nanoClock.getAsLong() + rest(count).toNanos()));
                leave();
            }
            try {
                inflow.fail(cause);
                kept.completeExceptionally(cause);
                listener.fillFailed(content, cause);
            } finally {
                startWaiting();
            }
        }

        private Duration rest(int failures) {
            Duration rest = settings.retryAfter();
            for (int i = 1; i < failures && rest.compareTo(LONGEST_REST) < 0; i++) {
                rest = rest.multipliedBy(2);
            }
            return rest.compareTo(LONGEST_REST) < 0 ? rest : LONGEST_REST;
        }

        /** Guarded by inflows. */
        private void leave() {
            inflows.remove(inflow.content(), this);
            activeFills--;
            if (prefetch) {
                activePrefetches--;
            }
        }
    }

    private void dropIfWrong(DiskTier.StoredObject stored, Exception cause) {
        boolean wrong = cause instanceof IOException && !(cause instanceof UnreadableException);
        if (wrong && disk.drop(stored)) {
            listener.corruptionFound(stored.id(), inWords(cause));
        }
    }

    /** Of a file alone that is not there, the message is but its path. */
    private static Exception inWords(Exception cause) {
        if (cause instanceof NoSuchFileException gone) {
            return new IOException("the file %s is gone".formatted(gone.getFile()), gone);
        }
        return cause instanceof AccessDeniedException denied
                ? new IOException("the file %s may not be read".formatted(denied.getFile()), denied)
                : cause;
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
        public Optional<VerifiedFile> openVerifiedFile() throws IOException {
            Optional<DiskTier.StoredObject> stored = disk.find(content);
            return stored.isPresent() ? stored.get().openVerified().map(SentFile::new) : Optional.empty();
        }
    }

    /** Reads part of a file into a buffer, and says whether it is what it was. */
    private interface Look {
        boolean isRight(ByteBuffer piece) throws IOException;
    }

    /** A file on its way to someone, who must not wait for the disk. */
    private final class SentFile implements VerifiedFile {
        private final DiskTier.OpenedFile file;

        SentFile(DiskTier.OpenedFile file) {
            this.file = file;
        }

        @Override
        public FileChannel channel() {
            return file.channel();
        }

        @Override
        public CompletionStage<Boolean> check(long from, int length) {
            int first = chunkOf(from);
            int end = chunkOf(from + length - 1) + 1;
            return file.isFresh(first, end)
                    ? CompletableFuture.completedFuture(true)
                    : onDiskThread(piece -> file.check(first, end, piece));
        }

        @Override
        public CompletionStage<Boolean> wasRight(long from, long until) {
            return onDiskThread(piece -> file.isRight(chunkOf(from), chunkOf(until - 1) + 1, piece));
        }

        private static int chunkOf(long offset) {
            return (int) Math.floorDiv(offset, (long) Content.CHUNK_BYTES);
        }

        private CompletionStage<Boolean> onDiskThread(Look look) {
            CompletableFuture<Boolean> right = new CompletableFuture<>();
            try {
                diskThreads.execute(() -> right.complete(now(look)));
            } catch (RejectedExecutionException e) {
                right.complete(false); // The program ends.
            }
            return right;
        }

        private boolean now(Look look) {
            try {
                ByteBuffer piece = buffers.take(CHECKED_AT_ONCE_BYTES);
                try {
                    return look.isRight(piece);
                } finally {
                    buffers.giveBack(piece);
                }
            } catch (UnreadableException | ClosedChannelException e) {
                return false; // No memory is left, or the reader has gone: nothing is known of the file.
            } catch (IOException | RuntimeException e) {
                dropIfWrong(file.object(), e);
                return false;
            }
        }

        @Override
        public void close() throws IOException {
            file.close();
        }
    }
}
