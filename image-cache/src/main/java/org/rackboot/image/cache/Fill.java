package org.rackboot.image.cache;

import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.rackboot.image.Chunk;
import org.rackboot.image.ChunkDigests;
import org.rackboot.image.Content;
import org.rackboot.image.ContentId;
import org.rackboot.image.ContentOrigin;
import org.rackboot.image.ContentOrigin.Delivery;
import org.rackboot.image.VerificationException;

/**
 * One object arriving from its first byte to its last. Verifies each chunk before anyone sees it, writes it to disk,
 * keeps it in memory and hands it to the readers waiting for it; they come and go without any effect on the fill.
 *
 * <p>A transfer that breaks off is gone on with behind the last verified chunk. Ends with {@link #complete} and {@link
 * #finish}, with {@link #handOver}, or with {@link #fail}, which may come at any time and from any thread: also while
 * the origin is still handing bytes over.
 */
final class Fill implements Inflow {
    private final Content content;
    private final ContentOrigin origin;
    private final MemoryTier memory;
    private final DiskTier disk;
    private final BufferPool buffers;
    private final Executor diskThreads;

    // All that follows is guarded by this, except what the thread in accept() has to itself meanwhile.
    private final Map<Integer, ChunkPromise> waiting = new HashMap<>();
    private final Map<Integer, ChunkPromise> readBacks = new HashMap<>();
    private DiskTier.@Nullable Writer writer;
    private int usersOfPart;
    private int verifiedChunks;
    private int chunksBefore; // The attempt that runs.
    private int transfers;
    private boolean accepting;
    private boolean ended;
    private @Nullable Throwable failure; // What every reader is told.
    private @Nullable IOException refusal; // What the origin is told.
    private @Nullable UnkeepableException unkeepable;

    // The accepting thread's; the next one's after it.
    private final WholeDigest whole;
    private @Nullable ChunkAssembler assembler;

    Fill(
            Content content,
            ContentOrigin origin,
            MemoryTier memory,
            DiskTier disk,
            BufferPool buffers,
            Executor diskThreads) {
        this.content = content;
        this.origin = origin;
        this.memory = memory;
        this.disk = disk;
        this.buffers = buffers;
        this.diskThreads = diskThreads;
        this.whole = new WholeDigest(diskThreads);
    }

    @Override
    public Content content() {
        return content;
    }

    @Override
    public Optional<CompletableFuture<Chunk>> chunk(int index) {
        CompletableFuture<Chunk> reader;
        synchronized (this) {
            if (failure != null) {
                return Optional.of(CompletableFuture.failedFuture(failure));
            }
            if (ended) {
                return Optional.empty();
            }
            if (index >= verifiedChunks || unkeepable != null) {
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

    @Override
    public CompletionStage<Void> attempt() {
        boolean begun;
        int first;
        synchronized (this) {
            begun = assembler != null;
            first = verifiedChunks;
            chunksBefore = first;
        }
        CompletionStage<Delivery> delivery = origin.open(content, first, content.chunkCount() - first);
        if (begun) {
            return delivery.thenCompose(this::take);
        }
        // Both at once: a machine waits for the first byte as long as the slower one takes, not as both.
        CompletableFuture<byte[]> digests = origin.chunkDigests(content).toCompletableFuture();
        return delivery.handle(Asked::new)
                .thenCombineAsync(
                        digests.handle((bytes, failure) -> digests),
                        (asked, list) -> beginWith(asked, list),
                        diskThreads)
                .thenCompose(Function.identity());
    }

    /** What became of the request for the content. */
    private record Asked(
            @Nullable Delivery delivery, @Nullable Throwable failure) {}

    private CompletionStage<Void> beginWith(Asked asked, CompletableFuture<byte[]> digests) {
        Delivery delivery = asked.delivery();
        try {
            begin(ChunkDigests.verified(content, digests.join()));
        } catch (IOException | RuntimeException e) {
            if (delivery != null) {
                delivery.refuse();
            }
            return CompletableFuture.failedStage(e);
        }
        return delivery == null ? CompletableFuture.failedStage(requireNonNull(asked.failure())) : take(delivery);
    }

    /** Before the first byte: what the chunks must be, and room for them. */
    void begin(ChunkDigests digests) throws IOException {
        DiskTier.Writer opened;
        try {
            opened = disk.write(content, digests);
        } catch (UnkeepableException e) {
            throw e;
        } catch (IOException e) {
            throw UnkeepableException.broken(e);
        }
        boolean late;
        synchronized (this) {
            late = ended;
            writer = opened;
            assembler = new ChunkAssembler(content, digests, buffers, 0, content.chunkCount(), this::arrived);
        }
        if (late) {
            opened.discard();
            opened.close();
            throw new IOException("the fetch of " + content.id() + " was given up");
        }
    }

    private CompletionStage<Void> take(Delivery delivery) {
        int mine;
        synchronized (this) {
            mine = ++transfers;
        }
        return delivery.to(bytes -> accept(bytes, mine));
    }

    @Override
    public synchronized Attempt broken(Throwable cause) {
        int brought = verifiedChunks - chunksBefore;
        if (ended || accepting || unkeepable != null) { // A transfer that ends while its bytes are taken is stuck here.
            return new Attempt(brought, false);
        }
        transfers++; // Whatever that transfer still brings is refused.
        refusal = null;
        if (assembler != null) {
            assembler.discardUnfinished();
        }
        return new Attempt(brought, verifiedChunks < content.chunkCount());
    }

    /** Why the disk cannot keep this, if it cannot. */
    synchronized Optional<UnkeepableException> unkeepable() {
        return Optional.ofNullable(unkeepable);
    }

    /** As the latest transfer does. */
    void accept(ByteBuffer bytes) throws IOException {
        int latest;
        synchronized (this) {
            latest = transfers;
        }
        accept(bytes, latest);
    }

    private void accept(ByteBuffer bytes, int transfer) throws IOException {
        synchronized (this) {
            if (transfer != transfers) {
                throw new IOException("this transfer of " + content.id() + " was given up");
            }
            throwRefusal();
            accepting = true;
            usersOfPart++;
        }
        @Nullable IOException broken = null;
        try {
            requireNonNull(assembler).take(bytes);
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
        ContentId actual = whole.finish();
        if (!actual.equals(content.id())) {
            memory.drop(content); // Each chunk was what the list says, and the list was wrong.
            throw new VerificationException("%s arrived with sha256 %s".formatted(content.id(), actual));
        }
        try {
            requireNonNull(writer).commit();
        } catch (IOException e) {
            throw UnkeepableException.broken(e);
        }
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

    /** Ends because the disk fails; the readers who wait are the caller's, who serves them without it. */
    Map<Integer, ChunkPromise> handOver() {
        Map<Integer, ChunkPromise> readers;
        synchronized (this) {
            readers = new HashMap<>(waiting);
        }
        end(null);
        return readers;
    }

    @Override
    public void fail(Throwable cause) {
        end(cause).forEach(promise -> promise.fail(cause));
    }

    /** Discards what arrived. Returns those who waited for more. */
    private List<ChunkPromise> end(@Nullable Throwable cause) {
        List<ChunkPromise> disappointed;
        DiskTier.Writer discarded;
        DiskTier.Writer unused;
        synchronized (this) {
            if (ended) {
                return List.of();
            }
            ended = true;
            failure = cause;
            refusal = new IOException("the fetch of " + content.id() + " was given up: "
                    + (cause == null ? "the disk fails" : cause.getMessage()));
            disappointed = new ArrayList<>(waiting.values());
            waiting.clear();
            discarded = writer;
            unused = partIfUnused();
            if (!accepting && assembler != null) {
                assembler.discardUnfinished();
            }
        }
        if (discarded != null) {
            discarded.discard();
        }
        whole.discard();
        close(unused);
        return disappointed;
    }

    private void arrived(int index, BufferPool.PooledChunk chunk, ByteBuffer bytes) throws IOException {
        whole.add(chunk, bytes);
        memory.put(content, index, chunk);
        ChunkPromise waited;
        synchronized (this) {
            throwRefusal(); // It was given up meanwhile.
            waited = waiting.remove(index);
        }
        complete(waited, chunk); // They need not wait for the disk.
        try {
            requireNonNull(writer).append(bytes, content.chunkOffset(index));
        } catch (IOException e) {
            throw spoiled(e);
        }
        ChunkPromise came;
        synchronized (this) {
            throwRefusal();
            verifiedChunks++;
            came = waiting.remove(index);
        }
        complete(came, chunk);
    }

    private static void complete(@Nullable ChunkPromise promise, Chunk chunk) {
        if (promise != null) {
            promise.complete(chunk);
        }
    }

    /** The origin has its thread back. What broke once stays broken, whether or not the origin listens. */
    private void pause(@Nullable IOException broken) {
        DiskTier.Writer unused;
        synchronized (this) {
            accepting = false;
            usersOfPart--;
            if (refusal == null) {
                refusal = broken;
            }
            unused = partIfUnused();
            if (ended) {
                requireNonNull(assembler).discardUnfinished();
            }
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
            spoiled(e);
            waitForHandOver(index, e);
            return;
        }
        memory.put(content, index, chunk);
        endReadBack(index).complete(chunk);
        chunk.release();
    }

    /** The file is spoiled, and the fill must not end well. */
    private synchronized UnkeepableException spoiled(IOException cause) {
        if (unkeepable == null) {
            unkeepable = UnkeepableException.broken(cause);
            refusal = unkeepable;
        }
        return unkeepable;
    }

    /** Whoever reads behind the fill is served without the disk, as all the others. */
    private void waitForHandOver(int index, IOException cause) {
        ChunkPromise promise = endReadBack(index);
        boolean tooLate;
        synchronized (this) {
            tooLate = ended;
            if (!tooLate) {
                waiting.computeIfAbsent(index, i -> new ChunkPromise()).addAll(promise);
            }
        }
        if (tooLate) {
            promise.fail(cause);
        }
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

    private DiskTier.@Nullable Writer partIfUnused() {
        return ended && usersOfPart == 0 ? writer : null;
    }

    private static void close(DiskTier.@Nullable Writer unused) {
        if (unused != null) {
            unused.close();
        }
    }
}
