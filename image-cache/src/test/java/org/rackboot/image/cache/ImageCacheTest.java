package org.rackboot.image.cache;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.rackboot.image.Content.CHUNK_BYTES;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rackboot.image.Chunk;
import org.rackboot.image.Content;
import org.rackboot.image.ContentId;
import org.rackboot.image.ContentOrigin;
import org.rackboot.image.ContentReader;
import org.rackboot.image.ContentUnavailableException;
import org.rackboot.image.Sample;
import org.rackboot.image.VerificationException;
import org.rackboot.image.VerifiedFile;

class ImageCacheTest {
    private static final Sample KERNEL = Sample.of(1, 2 * CHUNK_BYTES + 1_000);
    private static final Duration RETRY_AFTER = Duration.ofSeconds(10);
    private static final ImageCache.Settings SMALL_MEMORY = settings(0, 1L << 30, 2);
    private static final ImageCache.Settings PLENTY = settings(64L << 20, 1L << 30, 2);

    private final Path directory;
    private final FaultyFileSystem files;
    private final FakeOrigin origin = new FakeOrigin();
    private final ManualExecutor threads = new ManualExecutor();
    private final ManualTimer timer = new ManualTimer();
    private final RecordingListener listener = new RecordingListener();
    private long nowNanos = Long.MAX_VALUE - 1_000; // A monotonic clock may be anywhere, and may overflow.

    ImageCacheTest(@TempDir Path directory) {
        this.directory = directory;
        this.files = new FaultyFileSystem(directory);
    }

    @Test
    void aThousandReadersCauseOneFetch() throws Exception {
        ImageCache cache = cache(PLENTY);
        List<CompletableFuture<Chunk>> readers = IntStream.range(0, 1_000)
                .mapToObj(i -> read(cache, KERNEL, i % 3))
                .toList();

        deliver(KERNEL);

        assertThat(origin.asked()).isEqualTo(1);
        for (int i = 0; i < readers.size(); i++) {
            assertDelivers(readers.get(i), KERNEL, i % 3);
        }
        assertThat(listener.started).containsExactly(KERNEL.content());
        assertThat(listener.completed).containsExactly(KERNEL.content());
        assertNothingIsHeld(cache);
    }

    @Test
    void readersStreamBehindTheFetch() throws Exception {
        ImageCache cache = cache(PLENTY);
        CompletableFuture<Chunk> first = read(cache, KERNEL, 0);
        beginDelivery(KERNEL);

        send(KERNEL, 0, CHUNK_BYTES + 10);

        assertDelivers(first, KERNEL, 0);
        CompletableFuture<Chunk> second = read(cache, KERNEL, 1);
        assertThat(second).isNotDone();
        send(KERNEL, CHUNK_BYTES + 10, 2 * CHUNK_BYTES);
        assertDelivers(second, KERNEL, 1);
        CompletableFuture<Chunk> joining = read(cache, KERNEL, 0);
        threads.runAll();
        assertDelivers(joining, KERNEL, 0);
        assertThat(origin.asked()).isEqualTo(1);
        assertThat(cache.statistics().activeFills()).isEqualTo(1);
    }

    @Test
    void aLateReaderWithoutMemoryReadsBehindTheFetchFromDisk() throws Exception {
        ImageCache cache = cache(SMALL_MEMORY);
        CompletableFuture<Chunk> first = read(cache, KERNEL, 0);
        beginDelivery(KERNEL);
        send(KERNEL, 0, CHUNK_BYTES);
        assertDelivers(first, KERNEL, 0);

        CompletableFuture<Chunk> late = read(cache, KERNEL, 0);
        threads.runAll();

        assertDelivers(late, KERNEL, 0);
        assertThat(origin.asked()).isEqualTo(1);
    }

    @Test
    void aReaderThatLeavesChangesNothingForTheOthers() throws Exception {
        ImageCache cache = cache(PLENTY);
        CompletableFuture<Chunk> leader = read(cache, KERNEL, 0);
        CompletableFuture<Chunk> follower = read(cache, KERNEL, 0);

        leader.cancel(true);
        deliver(KERNEL);

        assertDelivers(follower, KERNEL, 0);
        assertThat(listener.completed).hasSize(1);
        assertNothingIsHeld(cache);
    }

    @Test
    void afterAFetchNothingIsFetchedAgain() throws Exception {
        ImageCache cache = fetched(PLENTY, KERNEL);

        assertReads(cache, KERNEL);

        assertThat(origin.asked()).isEqualTo(1);
        assertNothingIsHeld(cache);
    }

    @Test
    void withoutMemoryEverythingIsReadFromDiskAndNothingIsKept() throws Exception {
        ImageCache cache = fetched(SMALL_MEMORY, KERNEL);

        assertReads(cache, KERNEL);

        assertThat(origin.asked()).isEqualTo(1);
        assertThat(cache.statistics().lentBytes()).isZero();
        assertThat(cache.statistics().memoryBytes()).isZero();
    }

    @Test
    void readersOfOneChunkOnDiskReadItOnce() throws Exception {
        ImageCache cache = fetched(SMALL_MEMORY, KERNEL);
        int before = files.calls().size();

        List<CompletableFuture<Chunk>> readers =
                IntStream.range(0, 100).mapToObj(i -> read(cache, KERNEL, 1)).toList();
        threads.runAll();

        readers.forEach(reader -> assertDelivers(reader, KERNEL, 1));
        assertThat(files.calls().subList(before, files.calls().size()))
                .filteredOn(call -> call.equals("open " + KERNEL.content().id()))
                .hasSize(1);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 4_096, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES})
    void contentOfAnySizeArrivesAndIsReadAgainAfterARestart(int size) throws Exception {
        Sample sample = Sample.of(size, size);
        fetched(PLENTY, sample);

        ImageCache restarted = cache(PLENTY);

        assertReads(restarted, sample);
        assertThat(origin.asked()).isEqualTo(1);
    }

    @Test
    void emptyContentNeedsNoFetch() throws Exception {
        Sample empty = Sample.of(new byte[0]);
        ContentReader reader = cache(PLENTY).open(empty.content());

        assertThatThrownBy(() -> reader.chunk(0)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThat(reader.openVerifiedFile()).isEmpty();
        assertThat(origin.asked()).isZero();
    }

    @Test
    void aChunkThatDoesNotExistIsTheCallersMistake() throws Exception {
        ContentReader reader = cache(PLENTY).open(KERNEL.content());

        assertThatThrownBy(() -> reader.chunk(-1)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> reader.chunk(3)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThat(reader.content()).isEqualTo(KERNEL.content());
    }

    @Test
    void aFailureReachesAllReadersAtOnce() throws Exception {
        ImageCache cache = cache(PLENTY);
        List<CompletableFuture<Chunk>> readers = IntStream.range(0, 1_000)
                .mapToObj(i -> read(cache, KERNEL, i % 3))
                .toList();
        beginDelivery(KERNEL);
        send(KERNEL, 0, 10);

        breakForGood(new IOException("connection reset"));

        assertThat(readers)
                .allSatisfy(reader -> assertThatThrownBy(reader::join)
                        .hasCauseInstanceOf(ContentUnavailableException.class)
                        .hasMessageContaining("connection reset"));
        assertNothingIsHeld(cache);
    }

    @Test
    void afterAFailureItRestsAndThenTriesOnce() throws Exception {
        ImageCache cache = cache(PLENTY);
        CompletableFuture<Chunk> first = read(cache, KERNEL, 0);
        threads.runAll();
        breakForGood(new IOException("region is down"));
        assertThat(first).isCompletedExceptionally();
        assertThat(origin.asked()).as("once more, at once").isEqualTo(2);

        // While it rests, whoever asks is told at once, and the region is left alone.
        for (int i = 0; i < 100; i++) {
            assertFails(read(cache, KERNEL, i % 3), ContentUnavailableException.class);
        }
        nowNanos += RETRY_AFTER.toNanos() - 1_000;
        assertFails(read(cache, KERNEL, 0), ContentUnavailableException.class);
        assertThat(origin.asked()).isEqualTo(2);

        // Then one tries, for all.
        nowNanos += 1_000;
        CompletableFuture<Chunk> second = read(cache, KERNEL, 0);
        CompletableFuture<Chunk> third = read(cache, KERNEL, 1);
        deliver(KERNEL);
        assertThat(origin.asked()).isEqualTo(3);
        assertDelivers(second, KERNEL, 0);
        assertDelivers(third, KERNEL, 1);
    }

    @Test
    void aRetryInTheInstantOfAFailureIsToldOfIt() throws Exception {
        ImageCache cache = cache(PLENTY);
        List<CompletableFuture<Chunk>> retries = new ArrayList<>();
        read(cache, KERNEL, 0).whenComplete((chunk, failure) -> retries.add(read(cache, KERNEL, 0)));
        threads.runAll();

        breakForGood(new IOException("region is down"));

        assertThat(retries).hasSize(1);
        assertFails(retries.get(0), ContentUnavailableException.class);
        assertThat(origin.asked()).isEqualTo(2);
    }

    @Test
    void withoutARestARetryInTheInstantOfAFailureFetchesAnew() throws Exception {
        ImageCache cache = cache(new ImageCache.Settings(0, 1L << 30, 2, Duration.ZERO));
        List<CompletableFuture<Chunk>> retries = new ArrayList<>();
        read(cache, KERNEL, 0).whenComplete((chunk, failure) -> retries.add(read(cache, KERNEL, 0)));
        threads.runAll();
        breakForGood(new IOException("region is down"));

        deliver(KERNEL);

        assertDelivers(retries.get(0), KERNEL, 0);
        assertThat(origin.asked()).isEqualTo(3);
        assertNothingIsHeld(cache);
    }

    @Test
    void theFailureOfOneContentIsNotThatOfAnother() throws Exception {
        ImageCache cache = cache(PLENTY);
        Sample initrd = Sample.of(2, 100);
        read(cache, KERNEL, 0);
        threads.runAll();
        breakForGood(new IOException("404"));

        CompletableFuture<Chunk> other = read(cache, initrd, 0);
        deliver(initrd);

        assertDelivers(other, initrd, 0);
    }

    @Test
    void aWrongChunkListIsRefused() throws Exception {
        ImageCache cache = cache(PLENTY);
        CompletableFuture<Chunk> reader = read(cache, KERNEL, 0);
        threads.runAll();
        byte[] wrong = KERNEL.digests().clone();
        wrong[5]++;

        for (int attempt = 0; attempt < 2; attempt++) {
            assertThat(reader).as("asked again, once").isNotDone();
            origin.delivery().announce(wrong);
            threads.runAll();
        }

        assertFails(reader, VerificationException.class);
        assertThat(origin.delivery().wantsBytes())
                .as("nothing was fetched by it")
                .isFalse();
        assertNothingIsHeld(cache);
    }

    @Test
    void aWrongChunkIsNeverServedAndNeverKept() throws Exception {
        ImageCache cache = cache(PLENTY);
        CompletableFuture<Chunk> first = read(cache, KERNEL, 0);
        CompletableFuture<Chunk> second = read(cache, KERNEL, 1);
        beginDelivery(KERNEL);

        origin.delivery().send(KERNEL.flipped(CHUNK_BYTES));
        threads.runAll();

        assertDelivers(first, KERNEL, 0);
        assertThat(second).isNotDone();
        byte[] wrong = KERNEL.flipped(CHUNK_BYTES);
        origin.delivery().send(Arrays.copyOfRange(wrong, CHUNK_BYTES, wrong.length));
        threads.runAll();
        assertFails(second, VerificationException.class);
        assertThat(cache.statistics().diskObjects()).isZero();
        assertNothingIsHeld(cache);
    }

    @Test
    void anOriginThatWrapsOrSwallowsTheRefusalGetsNothingThrough() throws Exception {
        ImageCache cache = cache(PLENTY);
        CompletableFuture<Chunk> last = read(cache, KERNEL, 2);
        beginDelivery(KERNEL);
        FakeOrigin.Delivery delivery = origin.delivery();

        assertThatThrownBy(() -> delivery.sendRegardless(KERNEL.flipped(0))).isInstanceOf(IOException.class);
        assertThatThrownBy(() -> delivery.sendRegardless(KERNEL.bytes())).isInstanceOf(IOException.class);
        delivery.finish();
        threads.runAll();
        assertThatThrownBy(() -> delivery.sendRegardless(KERNEL.bytes())).isInstanceOf(IOException.class);
        assertThatThrownBy(() -> origin.delivery().sendRegardless(KERNEL.flipped(0)))
                .isInstanceOf(IOException.class);
        origin.delivery().finish();
        threads.runAll();

        assertFails(last, VerificationException.class);
        assertThat(cache.statistics().diskObjects()).isZero();
        assertNothingIsHeld(cache);
    }

    @Test
    void contentWhoseWholeSha256IsWrongIsNotKept() throws Exception {
        ImageCache cache = cache(PLENTY);
        Content misnamed = new Content(
                Sample.of(9, 9).content().id(),
                KERNEL.content().size(),
                KERNEL.content().chunkList());
        Sample lie = new Sample(misnamed, KERNEL.bytes(), KERNEL.digests());

        read(cache, lie, 0).thenAccept(Chunk::release);
        deliver(lie);

        assertThat(listener.failures).hasSize(1);
        assertThat(cache.statistics().memoryBytes()).isZero();
        assertFails(read(cache, lie, 0), VerificationException.class);
        assertNothingIsHeld(cache);
    }

    @ParameterizedTest
    @ValueSource(ints = {-1, 1})
    void aDeliveryThatIsOneByteShortOrLongFails(int difference) throws Exception {
        ImageCache cache = cache(PLENTY);
        CompletableFuture<Chunk> first = read(cache, KERNEL, 0);
        beginDelivery(KERNEL);

        origin.delivery().send(Arrays.copyOf(KERNEL.bytes(), KERNEL.bytes().length + difference));
        origin.delivery().finish();
        threads.runAll();
        if (difference < 0) { // All else arrived: the last chunk is asked for again, and comes short again.
            byte[] last = Arrays.copyOfRange(KERNEL.bytes(), 2 * CHUNK_BYTES, KERNEL.bytes().length - 1);
            origin.delivery().send(last);
            origin.delivery().finish();
            threads.runAll();
        }

        assertDelivers(first, KERNEL, 0);
        assertThat(listener.failures).hasSize(1);
        assertThat(cache.statistics().diskObjects()).isZero();
        assertNothingIsHeld(cache);
    }

    @Test
    void anOriginThatThrowsFailsItsReadersAndNothingElse() throws Exception {
        ContentOrigin broken = new ContentOrigin() {
            @Override
            public CompletableFuture<byte[]> chunkDigests(Content content) {
                throw new IllegalStateException("a bug");
            }

            @Override
            public CompletableFuture<Void> fetch(Content content, int first, int chunks, Sink sink) {
                throw new IllegalStateException("a bug");
            }
        };
        var cache = new ImageCache(files.root(), PLENTY, broken, threads, timer, listener, () -> nowNanos);

        CompletableFuture<Chunk> reader = read(cache, KERNEL, 0);
        threads.runAll();
        assertFails(reader, ContentUnavailableException.class);

        assertThat(cache.statistics().activeFills()).isZero();
    }

    @Test
    void fetchesAreBoundedAndTheRestWaitInLine() throws Exception {
        ImageCache cache = cache(PLENTY); // two at once
        List<Sample> samples =
                IntStream.range(0, 20).mapToObj(i -> Sample.of(i, 100 + i)).toList();
        List<CompletableFuture<Chunk>> readers =
                samples.stream().map(sample -> read(cache, sample, 0)).toList();

        for (int i = 0; i < samples.size(); i++) {
            assertThat(origin.underWay()).hasSize(Math.min(2, samples.size() - i));
            assertThat(cache.statistics().activeFills()).isEqualTo(Math.min(2, samples.size() - i));
            assertThat(cache.statistics().waitingFills()).isEqualTo(Math.max(0, samples.size() - i - 2));
            FakeOrigin.Delivery oldest = origin.underWay().get(0);
            assertThat(oldest.content()).as("in line").isEqualTo(samples.get(i).content());
            if (i % 3 == 0) {
                oldest.breakOff(new IOException("broken"));
                threads.runAll();
                origin.delivery().breakOff(new IOException("broken"));
                threads.runAll();
            } else {
                deliver(oldest, samples.get(i));
            }
        }

        for (int i = 0; i < samples.size(); i++) {
            if (i % 3 == 0) {
                assertFails(readers.get(i), ContentUnavailableException.class);
            } else {
                assertDelivers(readers.get(i), samples.get(i), 0);
            }
        }
        assertNothingIsHeld(cache);
    }

    @Test
    void theLineIsBoundedAndMovesOnThoughEveryFetchFailsAtOnce() throws Exception {
        ImageCache cache = cache(settings(0, 0, 1));
        List<CompletableFuture<Chunk>> readers = IntStream.range(0, ImageCache.MAX_WAITING_FILLS + 1)
                .mapToObj(i -> read(cache, Sample.of(i, 20), 0))
                .toList();

        CompletableFuture<Chunk> tooMany = read(cache, Sample.of(-1, 20), 0);
        assertFails(tooMany, ContentUnavailableException.class);
        assertThatThrownBy(tooMany::join).hasMessageContaining("1000 others wait");
        assertThat(readers).noneMatch(CompletableFuture::isDone);

        threads.shutDown(); // From here on, each fetch fails in the instant in which it starts.
        origin.failAll(new IOException("region is down"));

        assertThat(readers).allMatch(CompletableFuture::isCompletedExceptionally);
        assertThat(cache.statistics().activeFills()).isZero();
        assertThat(cache.statistics().waitingFills()).isZero();
    }

    @Test
    void twoCatalogsThatDisagreeDoNotSpoilEachOther() throws Exception {
        ImageCache cache = cache(PLENTY);
        Content longer = new Content(
                KERNEL.content().id(),
                KERNEL.content().size() + CHUNK_BYTES,
                KERNEL.content().chunkList());
        Content otherList = new Content(KERNEL.content().id(), KERNEL.content().size(), new ContentId("0".repeat(64)));
        CompletableFuture<Chunk> right = read(cache, KERNEL, 0);
        FakeOrigin.Delivery first = origin.delivery();
        CompletableFuture<Chunk> behindTheEnd = cache.open(longer).chunk(3).toCompletableFuture();
        FakeOrigin.Delivery second = origin.delivery();

        deliver(first, KERNEL);
        second.announce(KERNEL.digests());
        threads.runAll();
        origin.delivery().announce(KERNEL.digests());
        threads.runAll();

        assertDelivers(right, KERNEL, 0);
        assertFails(behindTheEnd, VerificationException.class);

        // A wrong list neither reads what was verified against the right one, nor drives it out.
        CompletableFuture<Chunk> wrong = cache.open(otherList).chunk(0).toCompletableFuture();
        for (int attempt = 0; attempt < 2; attempt++) {
            threads.runAll();
            origin.delivery().announce(KERNEL.digests());
            threads.runAll();
        }
        assertFails(wrong, VerificationException.class);
        assertThat(listener.corrupt).isEmpty();
        assertReads(cache(PLENTY), KERNEL);
        assertThat(origin.asked()).isEqualTo(5);
    }

    @Test
    void aRegionThatIsGoneStopsNoCachedImageAlsoAfterARestart() throws Exception {
        fetched(PLENTY, KERNEL);
        for (int year = 0; year < 3; year++) {
            ImageCache cache = cache(SMALL_MEMORY);
            nowNanos += Duration.ofDays(365).toNanos();

            assertReads(cache, KERNEL);
        }
        assertThat(origin.asked()).isEqualTo(1);
    }

    @ParameterizedTest
    @ValueSource(strings = {"flip", "truncate", "delete", "replace", "link", "delete list", "flip list"})
    void aFileSpoiledByHandIsNoticedDroppedAndFetchedAgain(String how) throws Exception {
        ImageCache cache = fetched(SMALL_MEMORY, KERNEL);
        spoil(how);

        CompletableFuture<Chunk> reader = read(cache, KERNEL, 1);
        CompletableFuture<Chunk> another = read(cache, KERNEL, 2);
        threads.runAll();
        deliver(KERNEL);

        assertDelivers(reader, KERNEL, 1);
        assertDelivers(another, KERNEL, 2);
        assertThat(listener.corrupt).containsExactly(KERNEL.content().id());
        if (how.startsWith("delete")) {
            assertThat(listener.corruptions.get(0)).startsWith("the file /").endsWith(" is gone");
        }
        assertThat(origin.asked()).isEqualTo(2);
        assertReads(cache, KERNEL);
        assertThat(origin.asked()).isEqualTo(2);
        assertSends(cache, KERNEL);
        assertNothingIsHeld(cache);
    }

    @ParameterizedTest
    @ValueSource(strings = {"flip", "truncate", "delete", "replace", "link", "delete list", "flip list"})
    void aFileSpoiledWhileItIsOffIsNoticedAndFetchedAgain(String how) throws Exception {
        fetched(SMALL_MEMORY, KERNEL);
        spoil(how);
        ImageCache restarted = cache(SMALL_MEMORY);

        restarted.stored().forEach(each -> restarted.verifyStored(each.content()));
        assertThat(restarted.stored()).isEmpty();
        assertThat(listener.corrupt)
                .as("a file alone that is gone may be an eviction that was cut short")
                .hasSize(how.equals("delete") || how.equals("link") ? 0 : 1);
        assertThat(restarted.open(KERNEL.content()).openVerifiedFile()).isEmpty();
        CompletableFuture<Chunk> reader = read(restarted, KERNEL, 1);
        threads.runAll();
        deliver(KERNEL);

        assertDelivers(reader, KERNEL, 1);
        assertThat(origin.asked()).isEqualTo(2);
        assertReads(restarted, KERNEL);
        assertNothingIsHeld(restarted);
    }

    @Test
    void aSpoiledFileAndARegionThatIsGoneMakeAFailureAndNoWrongByte() throws Exception {
        ImageCache cache = fetched(SMALL_MEMORY, KERNEL);
        spoil("flip");

        CompletableFuture<Chunk> reader = read(cache, KERNEL, 1);
        threads.runAll();
        breakForGood(new IOException("region is down"));

        assertFails(reader, ContentUnavailableException.class);
        assertNothingIsHeld(cache);
    }

    @Test
    void theWholeFileIsOfferedOnlyOnceItWasVerifiedInThisProcess() throws Exception {
        ImageCache cache = fetched(PLENTY, KERNEL);
        assertSends(cache, KERNEL);

        ImageCache restarted = cache(PLENTY);
        assertThat(restarted.open(KERNEL.content()).openVerifiedFile()).isEmpty();
        restarted.verifyStored(KERNEL.content());

        assertSends(restarted, KERNEL);
        assertThat(listener.corrupt).isEmpty();
        assertThat(restarted.statistics().lentBytes()).isZero();
    }

    @ParameterizedTest
    @ValueSource(strings = {"flip", "truncate", "delete", "replace", "link"})
    void aFileSpoiledAfterItsVerificationIsNotOffered(String how) throws Exception {
        ImageCache cache = fetched(PLENTY, KERNEL);
        spoil(how);

        assertThat(cache.open(KERNEL.content()).openVerifiedFile()).isEmpty();
        assertThat(files.openChannels()).isZero();

        cache.verifyStored(KERNEL.content());
        assertThat(listener.corrupt).containsExactly(KERNEL.content().id());
        assertThat(cache.statistics().diskObjects()).isZero();
    }

    @Test
    void aFileThatRotsWhileItIsSentIsNotSentFurtherDroppedAndFetchedAgain() throws Exception {
        ImageCache cache = fetched(SMALL_MEMORY, KERNEL);
        try (VerifiedFile file = cache.open(KERNEL.content()).openVerifiedFile().orElseThrow()) {
            assertThat(file.check(0, CHUNK_BYTES)).isCompletedWithValue(true);
            files.rot(KERNEL.content().id().sha256(), CHUNK_BYTES + 3);
            nowNanos += ChunkChecksums.FRESH.toNanos();

            CompletionStage<Boolean> first = file.check(5, 100);
            CompletionStage<Boolean> second = file.check(CHUNK_BYTES, 2);
            assertThat(second).as("waits for the disk, on another thread").isNotDone();
            threads.runAll();

            assertThat(first).isCompletedWithValue(true);
            assertThat(second).isCompletedWithValue(false);
        }
        assertThat(listener.corrupt).containsExactly(KERNEL.content().id());
        CompletableFuture<Chunk> reader = read(cache, KERNEL, 1);
        deliver(KERNEL);
        assertDelivers(reader, KERNEL, 1);
        assertSends(cache, KERNEL);
        assertNothingIsHeld(cache);
    }

    @Test
    void whatWentOutBeforeSomebodyTouchedTheFileIsLookedAtAgain() throws Exception {
        ImageCache cache = fetched(SMALL_MEMORY, KERNEL);
        try (VerifiedFile file = cache.open(KERNEL.content()).openVerifiedFile().orElseThrow()) {
            spoil("flip"); // Chunks 1 and 2.
            CompletionStage<Boolean> last = file.check(2 * CHUNK_BYTES, 1);
            CompletionStage<Boolean> first = file.wasRight(5, CHUNK_BYTES);
            CompletionStage<Boolean> both = file.wasRight(0, CHUNK_BYTES + 1);
            threads.runAll();

            assertThat(last).isCompletedWithValue(false);
            assertThat(first).isCompletedWithValue(true);
            assertThat(both).isCompletedWithValue(false);
        }
        assertThat(listener.corrupt).containsExactly(KERNEL.content().id());
        assertNothingIsHeld(cache);
    }

    @Test
    void aFileThatIsClosedWhileItIsCheckedIsNotCalledWrong() throws Exception {
        ImageCache cache = fetched(PLENTY, KERNEL);
        VerifiedFile file = cache.open(KERNEL.content()).openVerifiedFile().orElseThrow();
        nowNanos += ChunkChecksums.FRESH.toNanos();
        CompletionStage<Boolean> checked = file.check(0, 1);
        file.close();
        threads.runAll();

        assertThat(checked).isCompletedWithValue(false);
        assertThat(listener.corrupt).isEmpty();
        assertSends(cache, KERNEL);
        assertNothingIsHeld(cache);
    }

    @Test
    void verifyingWhatIsNotHereDoesNothing() throws Exception {
        cache(PLENTY).verifyStored(KERNEL.content());

        assertThat(origin.asked()).isZero();
    }

    @Test
    void aThreadInterruptedAtShutdownDoesNotCostAFile() throws Exception {
        fetched(SMALL_MEMORY, KERNEL);
        ImageCache cache = cache(SMALL_MEMORY);
        CompletableFuture<Chunk> reader = read(cache, KERNEL, 0);

        Thread.currentThread().interrupt();
        cache.verifyStored(KERNEL.content());
        threads.run(0);

        assertThat(Thread.interrupted()).isTrue();
        assertThat(listener.corrupt).isEmpty();
        assertThat(reader).as("it asks the origin").isNotDone();
        assertThat(cache.statistics().diskObjects()).isEqualTo(1);
        assertReads(cache(SMALL_MEMORY), KERNEL);
    }

    @Test
    void readersFailWhenThreadsAreGone() throws Exception {
        ImageCache cache = fetched(SMALL_MEMORY, KERNEL);
        threads.shutDown();

        assertFails(read(cache, KERNEL, 0), ContentUnavailableException.class);
        assertFails(read(cache, KERNEL, 0), ContentUnavailableException.class);

        CompletableFuture<Chunk> unknown = read(cache, Sample.of(3, 3), 0);
        origin.failAll(new IOException("region is down"));
        assertFails(unknown, ContentUnavailableException.class);
    }

    @Test
    void evictionFromDiskDuringAReadIsNoError() throws Exception {
        Sample other = Sample.of(7, 2 * CHUNK_BYTES);
        ImageCache cache = fetched(settings(0, 3L << 20, 2), KERNEL);
        CompletableFuture<Chunk> reader = read(cache, KERNEL, 0);
        try (VerifiedFile sent = cache.open(KERNEL.content()).openVerifiedFile().orElseThrow()) {
            // The other content drives this one out before the disk thread comes to read it.
            CompletableFuture<Chunk> otherReader = read(cache, other, 0);
            origin.delivery().announce(other.digests());
            threads.run(1);
            origin.delivery().send(other.bytes());
            origin.delivery().finish();
            threads.run(1); // Helps with the sha256.
            threads.run(1);
            assertDelivers(otherReader, other, 0);
            assertThat(cache.statistics().diskObjects()).isEqualTo(1);

            threads.runAll();
            deliver(KERNEL);

            assertDelivers(reader, KERNEL, 0);
            assertThat(listener.corrupt).as("eviction is no corruption").isEmpty();
            CompletionStage<Boolean> right = sent.check(0, KERNEL.bytes().length);
            threads.runAll();
            assertThat(right).isCompletedWithValue(true);
            assertThat(bytesOf(sent)).isEqualTo(KERNEL.bytes());
        }
        assertNothingIsHeld(cache);
    }

    @Test
    void contentLargerThanTheDiskStreamsThrough() throws Exception {
        ImageCache cache = cache(settings(0, 1L << 20, 2));
        List<CompletableFuture<Chunk>> readers =
                IntStream.range(0, 3).mapToObj(i -> read(cache, KERNEL, i)).toList();

        deliver(KERNEL);

        for (int i = 0; i < 3; i++) {
            assertDelivers(readers.get(i), KERNEL, i);
        }
        assertThat(cache.statistics().diskBytes()).isZero();
        assertNothingIsHeld(cache);
    }

    @Test
    void aDirectoryThatCannotBeWrittenIsDoneWithoutAndHeals() throws Exception {
        ImageCache cache = cache(PLENTY);
        Path temporary = directory.resolve("tmp");
        Files.delete(temporary);
        Files.writeString(temporary, "not a directory");
        CompletableFuture<Chunk> reader = read(cache, KERNEL, 0);
        threads.runAll();
        origin.delivery().announce(KERNEL.digests());
        threads.runAll();
        assertThat(listener.notKept).containsExactly(KERNEL.content());
        origin.delivery().announce(KERNEL.digests());
        origin.delivery().send(KERNEL.bytes());
        origin.delivery().finish();
        assertDelivers(reader, KERNEL, 0);
        assertThat(cache.statistics().diskObjects()).isZero();

        Files.delete(temporary);
        Files.createDirectory(temporary);
        nowNanos += ImageCache.DISK_REST.toNanos();
        cache.evict(KERNEL.content().id());
        Sample initrd = Sample.of(2, 100);
        CompletableFuture<Chunk> next = read(cache, initrd, 0);
        deliver(initrd);

        assertDelivers(next, initrd, 0);
        assertThat(cache.statistics().diskObjects()).isEqualTo(1);
        assertNothingIsHeld(cache);
    }

    @Test
    void aTransferThatBreaksOffIsGoneOnWithAndNobodyNotices() throws Exception {
        ImageCache cache = cache(PLENTY);
        List<CompletableFuture<Chunk>> readers =
                IntStream.range(0, 3).mapToObj(i -> read(cache, KERNEL, i)).toList();
        beginDelivery(KERNEL);
        FakeOrigin.Delivery broken = origin.delivery();
        send(KERNEL, 0, CHUNK_BYTES + 500);
        broken.breakOff(new IOException("connection reset"));
        threads.runAll();

        assertThat(origin.delivery().from()).as("behind what is verified").isEqualTo(CHUNK_BYTES);
        assertThatThrownBy(() -> broken.sendRegardless(new byte[10]))
                .as("what the old transfer still brings")
                .isInstanceOf(IOException.class);
        send(KERNEL, CHUNK_BYTES, KERNEL.bytes().length);
        origin.delivery().finish();
        threads.runAll();

        for (int i = 0; i < 3; i++) {
            assertDelivers(readers.get(i), KERNEL, i);
        }
        assertThat(listener.resumed).containsExactly(KERNEL.content());
        assertThat(listener.completed).containsExactly(KERNEL.content());
        assertThat(listener.failures).isEmpty();
        assertNothingIsHeld(cache);
    }

    @Test
    void aRegionThatIsRestartedMeanwhileIsWaitedForAndNoLonger() throws Exception {
        ImageCache cache = cache(PLENTY);
        CompletableFuture<Chunk> last = read(cache, KERNEL, 2);
        beginDelivery(KERNEL);
        send(KERNEL, 0, CHUNK_BYTES);
        IOException down = new IOException("connection refused");
        origin.delivery().breakOff(down);
        threads.runAll();
        origin.delivery().breakOff(down);
        while (timer.size() > 0) {
            assertThat(last).isNotDone();
            timer.run(0);
            origin.delivery().breakOff(down);
        }

        assertFails(last, ContentUnavailableException.class);
        assertThat(timer.pauses().stream().mapToLong(Duration::toMillis).sum()).isEqualTo(7_750);
        assertNothingIsHeld(cache);
    }

    @Test
    void eachFurtherFailureMakesTheRestLonger() throws Exception {
        ImageCache cache = cache(PLENTY);
        for (long rest : new long[] {10, 20, 30, 30}) {
            CompletableFuture<Chunk> reader = read(cache, KERNEL, 0);
            threads.runAll();
            breakForGood(new IOException("region is down"));
            assertThat(reader).isCompletedExceptionally();
            int asked = origin.asked();
            nowNanos += Duration.ofSeconds(rest).toNanos() - 1;
            assertFails(read(cache, KERNEL, 0), ContentUnavailableException.class);
            assertThat(origin.asked()).isEqualTo(asked);
            nowNanos += 1;
        }
    }

    @Test
    void whatMachinesWaitForGoesBeforePrefetches() throws Exception {
        ImageCache cache = cache(settings(1 << 20, 1L << 30, 2));
        List<Sample> later =
                IntStream.range(0, 4).mapToObj(i -> Sample.of(i, 50 + i)).toList();
        List<CompletableFuture<Void>> prefetches = later.stream()
                .map(sample -> cache.prefetch(sample.content()).toCompletableFuture())
                .toList();
        assertThat(origin.underWay())
                .as("half of the fetches are kept for machines")
                .hasSize(1);

        CompletableFuture<Chunk> machine = read(cache, KERNEL, 0);
        CompletableFuture<Chunk> impatient = read(cache, later.get(3), 0);

        assertThat(origin.underWay())
                .extracting(FakeOrigin.Delivery::content)
                .containsExactly(later.get(0).content(), KERNEL.content());
        deliver(origin.underWay().get(1), KERNEL);
        assertDelivers(machine, KERNEL, 0);
        assertThat(origin.underWay())
                .extracting(FakeOrigin.Delivery::content)
                .as("a machine's wish lifts a prefetch out of its line")
                .containsExactly(later.get(0).content(), later.get(3).content());
        deliver(origin.underWay().get(1), later.get(3));
        assertDelivers(impatient, later.get(3), 0);
        for (int i = 0; i < 3; i++) {
            deliver(origin.underWay().get(0), later.get(i));
        }
        assertThat(prefetches)
                .allMatch(CompletableFuture::isDone)
                .noneMatch(CompletableFuture::isCompletedExceptionally);
        assertThat(cache.statistics().diskObjects()).isEqualTo(5);
        assertNothingIsHeld(cache);
    }

    @Test
    void aPrefetchThatCannotBeKeptOrFetchedSaysSo() throws Exception {
        ImageCache cache = cache(settings(1 << 20, 1L << 20, 2));

        assertThat(cache.prefetch(KERNEL.content()).toCompletableFuture()).isCompletedExceptionally();

        Sample small = Sample.of(2, 100);
        CompletableFuture<Void> prefetch = cache.prefetch(small.content()).toCompletableFuture();
        threads.runAll();
        breakForGood(new IOException("region is down"));
        assertThatThrownBy(prefetch::join).hasMessageContaining("region is down");
        assertThat(cache.statistics().waitingFills()).isZero();
        assertNothingIsHeld(cache);
    }

    @Test
    void aDiskThatFillsUpMeanwhileCostsNoReader() throws Exception {
        ImageCache cache = cache(SMALL_MEMORY);
        List<CompletableFuture<Chunk>> readers =
                IntStream.range(0, 3).mapToObj(i -> read(cache, KERNEL, i)).toList();
        beginDelivery(KERNEL);
        send(KERNEL, 0, CHUNK_BYTES);
        CompletableFuture<Chunk> behind = read(cache, KERNEL, 0);
        files.holdAtMost(CHUNK_BYTES + 300_000);
        origin.delivery().send(Arrays.copyOfRange(KERNEL.bytes(), CHUNK_BYTES, KERNEL.bytes().length));
        threads.runAll();

        assertThat(listener.notKept).containsExactly(KERNEL.content());
        assertThat(directory.resolve("tmp").toFile()).isEmptyDirectory();
        origin.delivery().announce(KERNEL.digests());
        FakeOrigin.Delivery passing = origin.delivery();
        assertThat(passing.from())
                .as("what came before the disk was tried is not lost")
                .isEqualTo(2 * CHUNK_BYTES);
        passing.send(Arrays.copyOfRange(KERNEL.bytes(), passing.from(), passing.to()));
        passing.finish();
        threads.runAll();
        for (int i = 0; i < 3; i++) {
            assertDelivers(readers.get(i), KERNEL, i);
        }
        assertDelivers(behind, KERNEL, 0);
        assertNothingIsHeld(cache);
    }

    @Test
    void whatPassesThroughIsFetchedInOneRunAtATimeAndIsVerified() throws Exception {
        ImageCache cache = cache(settings(16 << 20, 1L << 20, 2));
        List<CompletableFuture<Chunk>> readers =
                IntStream.range(0, 100).mapToObj(i -> read(cache, KERNEL, 0)).toList();
        origin.delivery().announce(KERNEL.digests());
        assertThat(origin.underWay()).hasSize(1);
        FakeOrigin.Delivery run = origin.delivery();
        byte[] wrong = KERNEL.flipped(CHUNK_BYTES + 5);
        run.send(Arrays.copyOfRange(wrong, run.from(), run.to()));
        threads.runAll();

        readers.forEach(reader -> assertDelivers(reader, KERNEL, 0));
        CompletableFuture<Chunk> second = read(cache, KERNEL, 1);
        threads.runAll();
        FakeOrigin.Delivery next = origin.delivery();
        assertThat(next.from()).isEqualTo(CHUNK_BYTES);
        next.send(Arrays.copyOfRange(KERNEL.bytes(), next.from(), next.to()));
        next.finish();
        assertDelivers(second, KERNEL, 1);
        int asked = origin.asked();
        assertDelivers(read(cache, KERNEL, 1), KERNEL, 1);
        assertThat(origin.asked()).as("from memory").isEqualTo(asked);
        assertThat(cache.statistics().diskObjects()).isZero();
        assertNothingIsHeld(cache);
    }

    @Test
    void aScrubFindsRotBeforeAMachineDoes() throws Exception {
        ImageCache cache = fetched(PLENTY, KERNEL);
        Duration age = Duration.ofHours(24);
        assertThat(cache.scrub(age, bytes -> {})).as("just written").isZero();
        nowNanos += age.toNanos() + 1;
        List<Long> paced = new ArrayList<>();
        assertThat(cache.scrub(age, paced::add)).isEqualTo(1);
        assertThat(paced).hasSize(3).contains((long) CHUNK_BYTES);
        assertThat(cache.scrub(age, bytes -> {})).as("done for today").isZero();

        nowNanos += age.toNanos() + 1;
        spoil("flip");
        assertThat(cache.scrub(age, bytes -> {})).isEqualTo(1);

        assertThat(listener.corrupt).containsExactly(KERNEL.content().id());
        assertThat(cache.stored()).isEmpty();
    }

    @Test
    void whatIsEvictedIsFetchedAgain() throws Exception {
        ImageCache cache = fetched(PLENTY, KERNEL);
        assertThat(cache.stored()).containsExactly(new ImageCache.Stored(KERNEL.content(), true, false));

        assertThat(cache.evict(KERNEL.content().id())).isTrue();
        assertThat(cache.evict(KERNEL.content().id())).isFalse();

        assertThat(cache.stored()).isEmpty();
        CompletableFuture<Chunk> reader = read(cache, KERNEL, 0);
        assertThat(reader).isNotDone();
        deliver(KERNEL);
        assertDelivers(reader, KERNEL, 0);
        assertThat(cache.verifyAgain(KERNEL.content())).isTrue();
        assertThat(cache.verifyAgain(Sample.of(3, 3).content())).isFalse();
    }

    @Test
    void memoryGivesWayToWhatReadersHold() throws Exception {
        ImageCache cache = fetched(settings(3 << 20, 1L << 30, 2), KERNEL);
        List<Chunk> held = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            CompletableFuture<Chunk> reader = read(cache, KERNEL, i);
            threads.runAll();
            held.add(reader.join());
        }
        Sample other = Sample.of(4, 2 * CHUNK_BYTES);
        CompletableFuture<Chunk> reader = read(cache, other, 0);
        deliver(other);
        assertDelivers(reader, other, 0);

        assertThat(cache.statistics().lentBytes()).isLessThanOrEqualTo(3 << 20);
        held.forEach(Chunk::release);
        assertNothingIsHeld(cache);
    }

    /** As SQLite and curl do it: every call to the disk fails once, and from then on all. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void whicheverCallToTheDiskFailsReadersGetRightBytesOrAFailureAndNothingLeaks(boolean forGood) throws Exception {
        Sample sample = Sample.of(5, CHUNK_BYTES + 10);
        boolean injected = true;
        for (int n = 0; injected; n++) {
            var disk = new FaultyFileSystem(Files.createDirectory(directory.resolve("run" + n)));
            disk.fail(n, forGood ? Long.MAX_VALUE : n + 1);
            for (int restart = 0; restart < 2; restart++) {
                readUnderFaults(disk, sample, n);
            }
            injected = disk.calls().size() > n;

            disk.fail(0, 0);
            ImageCache healed = cacheHaving(disk, sample);
            for (int chunk = 0; chunk < 2; chunk++) {
                CompletableFuture<Chunk> reader = read(healed, sample, chunk);
                threads.runAll();
                assertDelivers(reader, sample, chunk);
            }
            assertThat(disk.root().resolve("tmp").toFile()).as("call %d", n).isEmptyDirectory();
            assertThat(disk.root().resolve("objects").toFile().list())
                    .as("call %d", n)
                    .hasSize(2);
        }
    }

    private void readUnderFaults(FaultyFileSystem disk, Sample sample, int n) {
        ImageCache cache;
        try {
            cache = cacheHaving(disk, sample);
        } catch (IOException e) { // It does not start, and says so.
            return;
        }
        for (int chunk = 0; chunk < 2; chunk++) {
            CompletableFuture<Chunk> reader = read(cache, sample, chunk);
            threads.runAll();
            assertThat(reader).as("call %d, chunk %d", n, chunk).isDone();
            if (!reader.isCompletedExceptionally()) {
                assertDelivers(reader, sample, chunk);
            }
            nowNanos += RETRY_AFTER.toNanos();
        }
        cache.verifyStored(sample.content());
        try {
            Optional<VerifiedFile> file = cache.open(sample.content()).openVerifiedFile();
            if (file.isPresent()) {
                nowNanos += ChunkChecksums.FRESH.toNanos();
                CompletionStage<Boolean> checked =
                        file.get().check(0, (int) sample.content().size());
                threads.runAll();
                assertThat(checked).as("call %d", n).isCompleted();
                file.get().close();
            }
        } catch (IOException e) {
            assertThat(e).as("call %d", n).hasMessageContaining("injected");
        }
        assertThat(cache.statistics().lentBytes()).as("call %d", n).isZero();
        assertThat(disk.openChannels()).as("call %d", n).isZero();
        assertThat(cache.statistics().activeFills()).as("call %d", n).isZero();
    }

    private ImageCache cacheHaving(FaultyFileSystem disk, Sample sample) throws IOException {
        return new ImageCache(
                disk.root(), SMALL_MEMORY, FakeOrigin.having(sample), threads, timer, listener, () -> nowNanos);
    }

    /** Real threads, for what one thread cannot show: races, and locks taken in two orders. */
    @Test
    void manyThreadsReadWhileContentComesAndGoes() throws Exception {
        List<Sample> samples = IntStream.range(0, 6)
                .mapToObj(i -> Sample.of(i, CHUNK_BYTES / 2 + i * 100_000))
                .toList();
        var pool = Executors.newFixedThreadPool(4);
        try {
            var cache = new ImageCache(
                    directory,
                    settings(1L << 20, 2L << 20, 2),
                    FakeOrigin.having(samples.toArray(new Sample[0])),
                    pool,
                    timer,
                    new ImageCache.Listener() {},
                    System::nanoTime);
            int reads = 600;
            var remaining = new CountDownLatch(reads);
            var wrong = new AtomicInteger();
            for (int i = 0; i < reads; i++) {
                Sample sample = samples.get(i * 7 % samples.size());
                int chunk = i % sample.content().chunkCount();
                pool.execute(() -> cache.open(sample.content()).chunk(chunk).whenComplete((bytes, failure) -> {
                    if (failure != null || !bytes.bytes().equals(sample.chunk(chunk))) {
                        wrong.incrementAndGet();
                    }
                    if (failure == null) {
                        bytes.release();
                    }
                    remaining.countDown();
                }));
            }

            assertThat(remaining.await(60, SECONDS)).isTrue();
            assertThat(wrong).hasValue(0);
            pool.shutdown();
            assertThat(pool.awaitTermination(60, SECONDS)).isTrue();
            ImageCache.Statistics statistics = cache.statistics();
            assertThat(statistics.lentBytes()).isEqualTo(statistics.memoryBytes());
            assertThat(statistics.memoryBytes()).isLessThanOrEqualTo(1L << 20);
            assertThat(statistics.diskBytes()).isLessThanOrEqualTo(2L << 20);
            assertThat(statistics.activeFills()).isZero();
            assertThat(directory.resolve("tmp").toFile()).isEmptyDirectory();
            assertThat(directory.resolve("objects").toFile().list()).hasSize(2 * statistics.diskObjects());
        } finally {
            pool.shutdownNow();
        }
    }

    @Test
    void settingsThatMakeNoSenseAreRefused() {
        assertThatIllegalArgumentException().isThrownBy(() -> settings(-1, 0, 1));
        assertThatIllegalArgumentException().isThrownBy(() -> settings(0, -1, 1));
        assertThatIllegalArgumentException().isThrownBy(() -> settings(0, 0, 0));
        assertThatIllegalArgumentException().isThrownBy(() -> new ImageCache.Settings(0, 0, 1, Duration.ofMillis(-1)));
    }

    private static ImageCache.Settings settings(long memoryBytes, long diskBytes, int maxFills) {
        return new ImageCache.Settings(memoryBytes, diskBytes, maxFills, RETRY_AFTER);
    }

    private ImageCache cache(ImageCache.Settings settings) throws IOException {
        return new ImageCache(files.root(), settings, origin, threads, timer, listener, () -> nowNanos);
    }

    private ImageCache fetched(ImageCache.Settings settings, Sample sample) throws IOException {
        ImageCache cache = cache(settings);
        CompletableFuture<Chunk> reader = read(cache, sample, 0);
        deliver(sample);
        assertDelivers(reader, sample, 0);
        return cache;
    }

    private static CompletableFuture<Chunk> read(ImageCache cache, Sample sample, int chunk) {
        return cache.open(sample.content()).chunk(chunk).toCompletableFuture();
    }

    private void beginDelivery(Sample sample) {
        threads.runAll();
        origin.delivery().announce(sample.digests());
        threads.runAll();
    }

    /** So that it is given up: an attempt that brought nothing is repeated once. */
    private void breakForGood(Throwable cause) {
        origin.delivery().breakOff(cause);
        threads.runAll();
        origin.delivery().breakOff(cause);
        threads.runAll();
    }

    private void send(Sample sample, int from, int to) {
        origin.delivery().send(Arrays.copyOfRange(sample.bytes(), from, to));
    }

    private void deliver(Sample sample) {
        deliver(origin.delivery(), sample);
    }

    private void deliver(FakeOrigin.Delivery delivery, Sample sample) {
        threads.runAll();
        delivery.announce(sample.digests());
        threads.runAll();
        delivery.send(sample.bytes());
        delivery.finish();
        threads.runAll();
    }

    private void spoil(String how) throws IOException {
        Path object = directory.resolve("objects").resolve(KERNEL.content().id().sha256());
        Path list = object.resolveSibling(object.getFileName() + ".chunks");
        FileTime later = FileTime.from(Instant.ofEpochSecond(2_000));
        byte[] flipped = KERNEL.bytes().clone();
        flipped[CHUNK_BYTES + 3] ^= 1;
        flipped[2 * CHUNK_BYTES + 3] ^= 1;
        switch (how) {
            case "flip" -> Files.setLastModifiedTime(Files.write(object, flipped), later);
            case "truncate" -> Files.write(object, Arrays.copyOf(KERNEL.bytes(), CHUNK_BYTES));
            case "delete" -> Files.delete(object);
            case "replace" -> {
                FileTime before = Files.getLastModifiedTime(object);
                Path other = Files.write(directory.resolve("other"), flipped);
                Files.delete(object);
                Files.setLastModifiedTime(Files.move(other, object), before);
            }
            case "link" -> Files.createSymbolicLink(object, Files.move(object, directory.resolve("elsewhere")));
            case "delete list" -> Files.delete(list);
            case "flip list" -> Files.write(list, new byte[KERNEL.digests().length]);
            default -> throw new IllegalArgumentException(how);
        }
    }

    private void assertReads(ImageCache cache, Sample sample) {
        for (int i = 0; i < sample.content().chunkCount(); i++) {
            CompletableFuture<Chunk> reader = read(cache, sample, i);
            threads.runAll();
            assertDelivers(reader, sample, i);
        }
    }

    private void assertSends(ImageCache cache, Sample sample) throws IOException {
        try (VerifiedFile file = cache.open(sample.content()).openVerifiedFile().orElseThrow()) {
            CompletionStage<Boolean> right = file.check(0, sample.bytes().length);
            threads.runAll();
            assertThat(right).isCompletedWithValue(true);
            assertThat(bytesOf(file)).isEqualTo(sample.bytes());
        }
    }

    private static byte[] bytesOf(VerifiedFile file) throws IOException {
        var bytes = ByteBuffer.allocate((int) file.channel().size());
        assertThat(file.channel().read(bytes, 0)).isEqualTo(bytes.capacity());
        return bytes.array();
    }

    private void assertNothingIsHeld(ImageCache cache) {
        ImageCache.Statistics statistics = cache.statistics();
        assertThat(statistics.lentBytes()).as("by memory tier alone").isEqualTo(statistics.memoryBytes());
        assertThat(statistics.activeFills()).isZero();
        assertThat(statistics.waitingFills()).isZero();
        assertThat(files.openChannels()).as("open files").isZero();
        assertThat(directory.resolve("tmp").toFile()).isEmptyDirectory();
    }

    private static void assertDelivers(CompletableFuture<Chunk> reader, Sample sample, int index) {
        assertThat(reader).isCompleted();
        Chunk chunk = reader.join();
        assertThat(chunk.bytes()).isEqualTo(sample.chunk(index));
        chunk.release();
    }

    private static void assertFails(CompletableFuture<Chunk> reader, Class<? extends Throwable> type) {
        assertThat(reader).isCompletedExceptionally();
        assertThatThrownBy(reader::join).isInstanceOf(CompletionException.class).hasCauseInstanceOf(type);
    }
}
