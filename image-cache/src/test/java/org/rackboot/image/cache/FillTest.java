package org.rackboot.image.cache;

import static java.util.Objects.requireNonNull;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.rackboot.image.Content.CHUNK_BYTES;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rackboot.image.Chunk;
import org.rackboot.image.ChunkDigests;
import org.rackboot.image.Content;
import org.rackboot.image.ContentOrigin;
import org.rackboot.image.Sample;
import org.rackboot.image.VerificationException;

class FillTest {
    private static final Sample SAMPLE = Sample.of(1, 2 * CHUNK_BYTES + 1_000);

    private static final ContentOrigin NO_ORIGIN = new FakeOrigin(); // Tests hand the bytes over themselves.

    private final FaultyFileSystem files;
    private final DiskTier disk;
    private final ManualExecutor threads = new ManualExecutor();
    private final BufferPool buffers = new BufferPool(8L * CHUNK_BYTES);
    private final MemoryTier memory = new MemoryTier(0, () -> 0); // Everything that is asked for late is read back.

    FillTest(@TempDir Path directory) throws IOException {
        files = new FaultyFileSystem(directory);
        disk = new DiskTier(files.root(), 1L << 30, () -> 0);
    }

    @Test
    void aChunkIsHandedOutAsSoonAsItsLastByteIsHere() throws Exception {
        Fill fill = begun(SAMPLE);
        CompletableFuture<Chunk> first = fill.chunk(0).orElseThrow();
        CompletableFuture<Chunk> second = fill.chunk(1).orElseThrow();

        send(fill, 0, CHUNK_BYTES - 1);
        assertThat(first).isNotDone();
        send(fill, CHUNK_BYTES - 1, CHUNK_BYTES);

        assertDelivers(first, 0);
        assertThat(second).isNotDone();
        fill.fail(new IOException("end of test"));
    }

    @Test
    void bytesMayComeInAnyPortions() throws Exception {
        Fill fill = begun(SAMPLE);
        CompletableFuture<Chunk> last = fill.chunk(2).orElseThrow();

        send(fill, 0, 0);
        send(fill, 0, 1);
        send(fill, 1, CHUNK_BYTES + 5);
        send(fill, CHUNK_BYTES + 5, SAMPLE.bytes().length);
        fill.complete();
        fill.finish();

        assertDelivers(last, 2);
        assertThat(disk.find(SAMPLE.content())).isPresent();
        assertNothingIsHeld();
    }

    @Test
    void aLateReaderIsGivenWhatWasVerifiedBefore() throws Exception {
        Fill fill = begun(SAMPLE);
        send(fill, 0, CHUNK_BYTES + 5);

        threads.runAll();
        CompletableFuture<Chunk> late = fill.chunk(0).orElseThrow();
        CompletableFuture<Chunk> later = fill.chunk(0).orElseThrow();
        assertThat(threads.size()).as("read once for both").isEqualTo(1);
        threads.runAll();

        assertDelivers(late, 0);
        assertDelivers(later, 0);
        fill.fail(new IOException("end of test"));
        assertNothingIsHeld();
    }

    @Test
    void aReaderThatGivesUpChangesNothingAndLeaksNothing() throws Exception {
        Fill fill = begun(SAMPLE);
        CompletableFuture<Chunk> leaving = fill.chunk(0).orElseThrow();
        CompletableFuture<Chunk> staying = fill.chunk(0).orElseThrow();

        leaving.cancel(true);
        send(fill, 0, CHUNK_BYTES);

        assertDelivers(staying, 0);
        fill.fail(new IOException("end of test"));
        assertNothingIsHeld();
    }

    @Test
    void aReaderThatGivesUpWhileItsChunkIsReadBackLeaksNothing() throws Exception {
        Fill fill = begun(SAMPLE);
        send(fill, 0, SAMPLE.bytes().length);
        CompletableFuture<Chunk> leaving = fill.chunk(0).orElseThrow();

        leaving.cancel(true);
        fill.complete();
        fill.finish();
        threads.runAll();

        assertNothingIsHeld();
    }

    @Test
    void aReaderOfTheArrivingFileGoesOnAfterItsEndAndEviction() throws Exception {
        Fill fill = begun(SAMPLE);
        send(fill, 0, SAMPLE.bytes().length);
        CompletableFuture<Chunk> late = fill.chunk(1).orElseThrow();
        fill.complete();
        fill.finish();
        assertThat(disk.drop(disk.find(SAMPLE.content()).orElseThrow())).isTrue();

        threads.runAll();

        assertDelivers(late, 1);
        assertNothingIsHeld();
    }

    @Test
    void afterTheEndReadersAreSentToTheDisk() throws Exception {
        Fill fill = begun(SAMPLE);
        send(fill, 0, SAMPLE.bytes().length);
        fill.complete();
        fill.finish();

        assertThat(fill.chunk(0)).isEmpty();
    }

    @Test
    void aFailureReachesAllReadersAndLeavesNothing() throws Exception {
        Fill fill = begun(SAMPLE);
        CompletableFuture<Chunk> second = fill.chunk(1).orElseThrow();
        CompletableFuture<Chunk> third = fill.chunk(2).orElseThrow();
        send(fill, 0, CHUNK_BYTES + 5);

        var cause = new IOException("region gone");
        fill.fail(cause);

        assertFails(second, cause);
        assertFails(third, cause);
        assertFails(fill.chunk(0).orElseThrow(), cause);
        assertNothingIsHeld();
    }

    @Test
    void aFailureLetsAReadThatIsUnderWayFinish() throws Exception {
        Fill fill = begun(SAMPLE);
        send(fill, 0, CHUNK_BYTES);
        CompletableFuture<Chunk> late = fill.chunk(0).orElseThrow();

        fill.fail(new IOException("region gone"));
        threads.runAll();

        assertDelivers(late, 0);
        assertNothingIsHeld();
    }

    @Test
    void bytesThatComeAfterAFailureAreRefusedAndTakeNoBuffer() throws Exception {
        Fill fill = begun(SAMPLE);
        send(fill, 0, 100);
        fill.fail(new IOException("it stalled"));

        assertThatThrownBy(() -> send(fill, 100, 2_000)).hasMessageContaining("given up: it stalled");

        assertNothingIsHeld();
    }

    @Test
    void aFailureWhileBytesAreTakenDoesNotLendTheirBufferToAnother() throws Exception {
        Fill fill = begun(SAMPLE);
        // A reader's callback runs in the midst of accept(): there the watchdog strikes, as another thread would.
        fill.chunk(0).orElseThrow().thenAccept(chunk -> {
            chunk.release();
            fill.fail(new IOException("it stalled"));
        });
        CompletableFuture<Chunk> second = fill.chunk(1).orElseThrow();

        assertThatThrownBy(() -> send(fill, 0, SAMPLE.bytes().length)).hasMessageContaining("given up");

        assertThat(second).isCompletedExceptionally();
        assertNothingIsHeld();
    }

    /** A watchdog fails the fill on its own thread, at the worst moment that a few hundred tries find. */
    @Test
    void aBufferThatIsBeingFilledWhenTheFillFailsIsGivenBackOnce() throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(2);
        try {
            for (int round = 0; round < 150; round++) {
                Fill fill = begun(SAMPLE);
                var bothReady = new CyclicBarrier(2);
                Future<?> accepting = pool.submit(() -> {
                    bothReady.await(10, SECONDS);
                    send(fill, 0, CHUNK_BYTES);
                    return true;
                });
                Future<?> failing = pool.submit(() -> {
                    bothReady.await(10, SECONDS);
                    while (buffers.lentBytes() == 0 && !accepting.isDone()) {
                        Thread.onSpinWait(); // Now a buffer is taken, and bytes are being put into it.
                    }
                    fill.fail(new IOException("it stalled"));
                    return true;
                });
                failing.get(30, SECONDS);
                try {
                    accepting.get(30, SECONDS);
                } catch (ExecutionException e) {
                    assertThat(e).hasMessageContaining("given up");
                }
                assertNothingIsHeld();
            }
        } finally {
            pool.shutdownNow();
        }
    }

    @Test
    void aWrongChunkIsShownToNobody() throws Exception {
        Fill fill = begun(SAMPLE);
        CompletableFuture<Chunk> second = fill.chunk(1).orElseThrow();
        byte[] wrong = SAMPLE.flipped(CHUNK_BYTES + 17);

        assertThatThrownBy(() -> fill.accept(ByteBuffer.wrap(wrong)))
                .isInstanceOf(VerificationException.class)
                .hasMessageContaining("Chunk 1 of " + SAMPLE.content().id());

        assertThat(second).isNotDone();
        assertNotCompletable(fill);
    }

    @Test
    void whatBrokeOnceStaysBrokenEvenWhenTheRightBytesFollow() throws Exception {
        Fill fill = begun(SAMPLE);
        byte[] wrong = SAMPLE.flipped(17);
        assertThatThrownBy(() -> fill.accept(ByteBuffer.wrap(wrong, 0, CHUNK_BYTES)))
                .isInstanceOf(VerificationException.class);

        assertThatThrownBy(() -> send(fill, 0, SAMPLE.bytes().length)).isInstanceOf(VerificationException.class);

        assertNotCompletable(fill);
    }

    @Test
    void oneByteTooManyIsRefused() throws Exception {
        Fill fill = begun(SAMPLE);
        send(fill, 0, SAMPLE.bytes().length);

        assertThatThrownBy(() -> send(fill, 0, 1))
                .isInstanceOf(VerificationException.class)
                .hasMessageContaining("More than the " + SAMPLE.bytes().length + " bytes");

        assertNotCompletable(fill);
    }

    @Test
    void oneByteTooFewIsNotTheWhole() throws Exception {
        Fill fill = begun(SAMPLE);
        send(fill, 0, SAMPLE.bytes().length - 1);

        assertThatThrownBy(fill::complete)
                .isInstanceOf(VerificationException.class)
                .hasMessageContaining("Only 2 of the 3 chunks");
        assertNotCompletable(fill);
    }

    @Test
    void bytesAfterTheEndAreRefused() throws Exception {
        Fill fill = begun(SAMPLE);
        send(fill, 0, SAMPLE.bytes().length);
        fill.complete();

        assertThatThrownBy(() -> send(fill, 0, 1)).isInstanceOf(IOException.class);

        fill.finish();
        assertNothingIsHeld();
    }

    @Test
    void chunksThatAreRightButNotTheWholeAreForgotten() throws Exception {
        var keeping = new MemoryTier(100L * CHUNK_BYTES, () -> 0);
        Content misnamed = new Content(
                Sample.of(9, 1).content().id(),
                SAMPLE.content().size(),
                SAMPLE.content().chunkList());
        var fill = new Fill(misnamed, NO_ORIGIN, keeping, disk, buffers, threads);
        fill.begin(ChunkDigests.verified(misnamed, SAMPLE.digests()));
        send(fill, 0, SAMPLE.bytes().length);

        assertThatThrownBy(fill::complete)
                .isInstanceOf(VerificationException.class)
                .hasMessageContaining(SAMPLE.content().id().sha256());

        fill.fail(new IOException("end of test"));
        assertThat(keeping.weightBytes()).isZero();
        assertThat(disk.find(misnamed)).isEmpty();
        assertNothingIsHeld();
    }

    @Test
    void emptyContentIsCompleteAtOnce() throws Exception {
        Sample empty = Sample.of(new byte[0]);
        Fill fill = begun(empty);

        send(fill, 0, 0);
        fill.complete();
        fill.finish();

        assertThat(disk.find(empty.content())).isPresent();
        assertNothingIsHeld();
    }

    @Test
    void aFileThatSpoiledWhileItWasWrittenIsNotKept() throws Exception {
        Fill fill = begun(SAMPLE);
        send(fill, 0, CHUNK_BYTES);
        CompletableFuture<Chunk> late = fill.chunk(0).orElseThrow();
        files.fail(files.calls().size(), files.calls().size() + 1);
        threads.runAll();

        assertThat(late).as("who reads behind the fill is handed over").isNotDone();
        assertThatThrownBy(() -> send(fill, CHUNK_BYTES, SAMPLE.bytes().length)).hasMessageContaining("injected");
        assertThat(fill.unkeepable()).isPresent();
        assertThat(fill.handOver()).containsOnlyKeys(0);
        assertNotCompletable(fill);
    }

    @Test
    void readersFailWhenThreadsAreGone() throws Exception {
        Fill fill = begun(SAMPLE);
        send(fill, 0, CHUNK_BYTES);
        threads.shutDown();

        assertThat(fill.chunk(0).orElseThrow()).isCompletedExceptionally();

        fill.fail(new IOException("end of test"));
        assertNothingIsHeld();
    }

    @Test
    void theListAndTheContentAreAskedForAtOnce() throws Exception {
        var origin = new TwoPhaseOrigin();
        var fill = new Fill(SAMPLE.content(), origin, memory, disk, buffers, threads);
        CompletableFuture<Chunk> first = fill.chunk(0).orElseThrow();

        CompletableFuture<Void> attempt = fill.attempt().toCompletableFuture();
        assertThat(origin.asked).as("neither waits for the other").containsExactlyInAnyOrder("list", "content from 0");
        origin.content.complete(origin);
        threads.runAll();
        assertThat(origin.sink).as("nothing is taken that cannot be verified").isNull();
        origin.list.complete(SAMPLE.digests());
        threads.runAll();
        requireNonNull(origin.sink).accept(ByteBuffer.wrap(SAMPLE.bytes()));
        origin.delivered.complete(null);

        assertThat(attempt).isCompleted();
        assertDelivers(first, 0);
        fill.fail(new IOException("end of test"));
    }

    @Test
    void contentIsRefusedWhenItsListIsWrong() {
        var origin = new TwoPhaseOrigin();
        var fill = new Fill(SAMPLE.content(), origin, memory, disk, buffers, threads);

        CompletableFuture<Void> attempt = fill.attempt().toCompletableFuture();
        origin.list.complete(new byte[3 * ChunkDigests.DIGEST_BYTES]);
        threads.runAll();
        assertThat(attempt).isNotDone(); // Or its answer would come to nobody, and hold its connection.
        origin.content.complete(origin);
        threads.runAll();

        assertThat(attempt).isCompletedExceptionally();
        assertThat(origin.refused).isTrue();
        assertThat(origin.sink).isNull();
        fill.fail(new IOException("end of test"));
        assertNothingIsHeld();
    }

    @Test
    void contentIsRefusedWhenItsListDoesNotCome() {
        var origin = new TwoPhaseOrigin();
        var fill = new Fill(SAMPLE.content(), origin, memory, disk, buffers, threads);

        CompletableFuture<Void> attempt = fill.attempt().toCompletableFuture();
        origin.content.complete(origin);
        origin.list.completeExceptionally(new IOException("no list"));
        threads.runAll();

        assertThat(attempt).isCompletedExceptionally();
        assertThat(origin.refused).isTrue();
        assertThat(fill.broken(new IOException("no list"))).isEqualTo(new Inflow.Attempt(0, true));
        fill.fail(new IOException("end of test"));
    }

    @Test
    void aListThatCameIsNotAskedForAgain() throws Exception {
        var origin = new TwoPhaseOrigin();
        var fill = new Fill(SAMPLE.content(), origin, memory, disk, buffers, threads);
        CompletableFuture<Chunk> last = fill.chunk(2).orElseThrow();

        CompletableFuture<Void> attempt = fill.attempt().toCompletableFuture();
        origin.list.complete(SAMPLE.digests());
        origin.content.completeExceptionally(new IOException("no content"));
        threads.runAll();
        assertThat(attempt).isCompletedExceptionally();
        fill.broken(new IOException("no content"));
        origin.asked.clear();
        origin.content = CompletableFuture.completedFuture(origin);
        attempt = fill.attempt().toCompletableFuture();
        requireNonNull(origin.sink).accept(ByteBuffer.wrap(SAMPLE.bytes()));
        origin.delivered.complete(null);

        assertThat(origin.asked).containsExactly("content from 0");
        assertThat(attempt).isCompleted();
        assertDelivers(last, 2);
        fill.fail(new IOException("end of test"));
    }

    /** Answers when a test says so. */
    private static final class TwoPhaseOrigin implements ContentOrigin, ContentOrigin.Delivery {
        final List<String> asked = new ArrayList<>();
        final CompletableFuture<byte[]> list = new CompletableFuture<>();
        final CompletableFuture<Void> delivered = new CompletableFuture<>();
        CompletableFuture<Delivery> content = new CompletableFuture<>();

        @Nullable
        Sink sink;

        boolean refused;

        @Override
        public CompletableFuture<byte[]> chunkDigests(Content of) {
            asked.add("list");
            return list;
        }

        @Override
        public CompletableFuture<Delivery> open(Content of, int first, int chunks) {
            asked.add("content from " + first);
            return content;
        }

        @Override
        public CompletableFuture<Void> fetch(Content of, int first, int chunks, Sink taker) {
            throw new AssertionError("a fill opens, and then takes");
        }

        @Override
        public CompletableFuture<Void> to(Sink taker) {
            sink = taker;
            return delivered;
        }

        @Override
        public void refuse() {
            refused = true;
        }
    }

    private Fill begun(Sample sample) throws IOException {
        var fill = new Fill(sample.content(), NO_ORIGIN, memory, disk, buffers, threads);
        fill.begin(ChunkDigests.verified(sample.content(), sample.digests()));
        return fill;
    }

    private static void send(Fill fill, int from, int to) throws IOException {
        fill.accept(ByteBuffer.wrap(Arrays.copyOfRange(SAMPLE.bytes(), from, to)));
    }

    private void assertNotCompletable(Fill fill) {
        assertThatThrownBy(fill::complete).isInstanceOf(IOException.class);
        fill.fail(new IOException("end of test"));
        assertThat(disk.find(fill.content())).isEmpty();
        assertNothingIsHeld();
    }

    private void assertNothingIsHeld() {
        assertThat(buffers.lentBytes()).as("bytes of buffers").isZero();
        assertThat(files.openChannels()).as("open files").isZero();
        assertThat(files.root().resolve("tmp").toFile()).isEmptyDirectory();
    }

    private static void assertDelivers(CompletableFuture<Chunk> chunk, int index) {
        assertThat(chunk).isCompleted();
        assertThat(chunk.join().bytes()).isEqualTo(SAMPLE.chunk(index));
        chunk.join().release();
    }

    private static void assertFails(CompletableFuture<Chunk> chunk, Throwable cause) {
        assertThat(chunk).isCompletedExceptionally();
        assertThatThrownBy(chunk::join).isInstanceOf(CompletionException.class).hasCause(cause);
    }
}
