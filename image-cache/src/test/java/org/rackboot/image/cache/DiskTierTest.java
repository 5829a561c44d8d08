package org.rackboot.image.cache;

import static java.nio.file.LinkOption.NOFOLLOW_LINKS;
import static java.nio.file.StandardCopyOption.REPLACE_EXISTING;
import static java.nio.file.StandardOpenOption.APPEND;
import static java.nio.file.StandardOpenOption.WRITE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.rackboot.image.Content.CHUNK_BYTES;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rackboot.image.ChunkDigests;
import org.rackboot.image.Content;
import org.rackboot.image.ContentId;
import org.rackboot.image.Sample;
import org.rackboot.image.VerificationException;

class DiskTierTest {
    private static final long PLENTY = 1L << 30;
    private static final Sample SAMPLE = Sample.of(1, CHUNK_BYTES + 1_000);

    private final Path directory;
    private final FaultyFileSystem files;

    DiskTierTest(@TempDir Path directory) {
        this.directory = directory;
        this.files = new FaultyFileSystem(directory);
    }

    @Test
    void aCommittedObjectIsFoundAndReadByTheNextProcess() throws Exception {
        store(tier(PLENTY), SAMPLE);

        DiskTier restarted = tier(PLENTY);

        DiskTier.StoredObject found = restarted.find(SAMPLE.content()).orElseThrow();
        assertThat(read(found, 0)).isEqualTo(SAMPLE.chunk(0));
        assertThat(read(found, 1)).isEqualTo(SAMPLE.chunk(1));
        assertThat(found.isVerified()).as("since this process started").isFalse();
        assertThat(restarted.weightBytes()).isEqualTo(SAMPLE.content().size());
    }

    @Test
    void anObjectIsInvisibleUntilItIsCommitted() throws Exception {
        DiskTier tier = tier(PLENTY);

        DiskTier.Writer writer = write(tier, SAMPLE);

        assertThat(tier.find(SAMPLE.content())).isEmpty();
        assertThat(list("objects")).isEmpty();
        assertThat(list("tmp")).hasSize(1);
        writer.commit();
        writer.close();
        assertThat(tier.find(SAMPLE.content())).isPresent();
        assertThat(list("objects")).hasSize(2);
        assertThat(list("tmp")).isEmpty();
    }

    @Test
    void everyByteIsSyncedBeforeItsNameIsAndTheNameBeforeAnyoneSeesIt() throws Exception {
        DiskTier tier = tier(PLENTY);
        int before = files.calls().size();

        store(tier, SAMPLE);

        String id = SAMPLE.content().id().sha256();
        assertThat(files.calls().subList(before, files.calls().size()))
                .filteredOn(call -> call.startsWith("force") || call.startsWith("move"))
                .containsExactly(
                        "force " + id + ".1",
                        "force " + id + ".1.chunks",
                        "move " + id + ".1.chunks",
                        "move " + id + ".1",
                        "force objects");
    }

    @Test
    void whateverFailsDuringACommitLeavesNothing() throws Exception {
        int commitCalls = callsOfACommit();
        for (int n = 0; n < commitCalls; n++) {
            DiskTier tier = tier(PLENTY);
            DiskTier.Writer writer = write(tier, SAMPLE);
            files.fail(files.calls().size() + n, files.calls().size() + n + 1);

            assertThatThrownBy(writer::commit)
                    .as("call %d", n)
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("injected");
            writer.discard();
            writer.close();

            assertThat(tier.find(SAMPLE.content())).as("call %d", n).isEmpty();
            assertThat(list("objects")).as("call %d", n).isEmpty();
            assertThat(list("tmp")).as("call %d", n).isEmpty();
            assertThat(files.openChannels()).as("call %d", n).isZero();
        }
    }

    @Test
    void writesThatAreShortAreContinued() throws Exception {
        files.writeAtMost(77_777);
        DiskTier tier = tier(PLENTY);

        store(tier, SAMPLE);

        assertThat(Files.readAllBytes(object())).isEqualTo(SAMPLE.bytes());
    }

    @Test
    void whatACrashLeftIsSweptAtStart() throws Exception {
        write(tier(PLENTY), SAMPLE); // and no more
        Path orphan = Files.write(directory.resolve("objects").resolve("a".repeat(64) + ".chunks"), new byte[32]);
        Path listless = Files.write(directory.resolve("objects").resolve("b".repeat(64)), new byte[32]);

        DiskTier restarted = tier(PLENTY);

        assertThat(list("tmp")).isEmpty();
        assertThat(orphan).doesNotExist();
        assertThat(listless).doesNotExist();
        assertThat(restarted.all()).isEmpty();
    }

    @Test
    void filesOfOthersAreLeftAlone() throws Exception {
        Path note = Files.writeString(
                Files.createDirectories(directory.resolve("objects")).resolve("README"), "hands off");

        assertThat(tier(PLENTY).all()).isEmpty();

        assertThat(note).hasContent("hands off");
    }

    @Test
    void emptyContentIsStoredLikeAnyOther() throws Exception {
        Sample empty = Sample.of(new byte[0]);
        DiskTier tier = tier(PLENTY);
        store(tier, empty);

        assertThat(tier.find(empty.content()).orElseThrow().isVerified()).isTrue();

        DiskTier.StoredObject restarted = tier(PLENTY).find(empty.content()).orElseThrow();
        restarted.verify(ByteBuffer.allocate(CHUNK_BYTES), false, bytes -> {});
        assertThat(restarted.isVerified()).isTrue();
    }

    @Test
    void aTruncatedFileIsNoticed() throws Exception {
        DiskTier.StoredObject stored = stored();
        Files.write(object(), List.of("short"));

        assertUnsound(stored);
        assertThat(tier(PLENTY).find(SAMPLE.content())).isEmpty();
    }

    @Test
    void aFileTruncatedWhileItIsReadIsNoticed() throws Exception {
        try (FileChannel part = FileChannel.open(Files.write(directory.resolve("part"), new byte[10]))) {
            DiskTier.Writer writer = tier(PLENTY).write(SAMPLE.content(), digests(SAMPLE));

            assertThatThrownBy(() -> writer.read(0, ByteBuffer.allocate(CHUNK_BYTES)))
                    .isInstanceOf(EOFException.class);
            writer.close();
            assertThat(part.size()).isEqualTo(10);
        }
    }

    @Test
    void aLongerFileIsNoticed() throws Exception {
        DiskTier.StoredObject stored = stored();
        Files.write(object(), new byte[1], APPEND);

        assertUnsound(stored);
    }

    @Test
    void aTurnedBitIsNoticedInItsChunkOnly() throws Exception {
        DiskTier.StoredObject stored = stored();
        change(object(), SAMPLE.flipped(CHUNK_BYTES + 5));

        assertThat(read(stored, 0)).isEqualTo(SAMPLE.chunk(0));
        assertThatThrownBy(() -> read(stored, 1)).isInstanceOf(VerificationException.class);
        assertThat(stored.openVerified()).isEmpty();
    }

    @Test
    void aBitTurnedByHandWithTheTimeOfTheWriteSetBackIsNotSent() throws Exception {
        DiskTier.StoredObject stored = stored();
        FileTime written = Files.getLastModifiedTime(object());
        DiskTier.OpenedFile open = stored.openVerified().orElseThrow();
        assertThat(open.isFresh(0, SAMPLE.content().chunkCount())).isTrue();
        FileTime changed = (FileTime) Files.getAttribute(object(), "unix:ctime");
        do { // The clock of some file systems goes by leaps of 4 ms.
            Files.setLastModifiedTime(Files.write(object(), SAMPLE.flipped(5)), written);
        } while (Files.getAttribute(object(), "unix:ctime").equals(changed));

        assertThat(open.isFresh(0, 1)).isFalse();
        assertThat(open.check(0, 1, ByteBuffer.allocate(1_000))).isFalse();
        assertThat(stored.isVerified()).isFalse();
        open.close();
        assertThat(stored.openVerified()).isEmpty();
    }

    @Test
    void rotIsNoticedInItsChunkOnceThatIsReadAgain() throws Exception {
        AtomicLong nanos = new AtomicLong();
        DiskTier tier = new DiskTier(files.root(), PLENTY, nanos::get);
        store(tier, SAMPLE);
        DiskTier.StoredObject stored = tier.find(SAMPLE.content()).orElseThrow();
        DiskTier.OpenedFile open = stored.openVerified().orElseThrow();
        ByteBuffer piece = ByteBuffer.allocate(77_777);
        files.rot(SAMPLE.content().id().sha256(), CHUNK_BYTES + 5);
        assertThat(open.isFresh(0, 2)).as("it was written a moment ago").isTrue();

        nanos.addAndGet(ChunkChecksums.FRESH.toNanos());

        assertThat(open.isFresh(0, 1)).isFalse();
        assertThat(open.check(0, 1, piece)).isTrue();
        assertThat(open.isFresh(0, 1)).as("it was read a moment ago").isTrue();
        assertThatThrownBy(() -> open.check(0, 2, piece))
                .isInstanceOf(VerificationException.class)
                .hasMessageContaining("Chunk 1 of");
        assertThat(stored.isVerified()).isFalse();
        assertThatThrownBy(() -> read(stored, 1)).isInstanceOf(VerificationException.class);
        open.close();
    }

    @Test
    void aFileThatLeftTheDiskIsReadBeforeEachPartOfItIsSent() throws Exception {
        DiskTier tier = tier(PLENTY);
        store(tier, SAMPLE);
        DiskTier.OpenedFile open =
                tier.find(SAMPLE.content()).orElseThrow().openVerified().orElseThrow();
        tier.drop(open.object());
        int before = files.calls().size();

        assertThat(open.isFresh(0, 1)).isFalse();
        assertThat(open.check(1, 2, ByteBuffer.allocate(CHUNK_BYTES))).isTrue();
        assertThat(open.check(1, 2, ByteBuffer.allocate(CHUNK_BYTES))).isTrue();
        assertThat(files.calls().subList(before, files.calls().size()))
                .filteredOn(call -> call.startsWith("read"))
                .as("both, for what was sent before, and then the second")
                .hasSize(3);

        store(tier, SAMPLE); // Another file of the same name.
        assertThat(open.check(0, 2, ByteBuffer.allocate(CHUNK_BYTES))).isTrue();
        open.close();
    }

    @Test
    void aFileThatWasChangedBeforeItLeftTheDiskIsNotCalledRight() throws Exception {
        DiskTier tier = tier(PLENTY);
        store(tier, SAMPLE);
        DiskTier.OpenedFile open =
                tier.find(SAMPLE.content()).orElseThrow().openVerified().orElseThrow();
        assertThat(open.isFresh(0, 1)).isTrue(); // It is sent, and changed on its way.
        change(object(), SAMPLE.flipped(5));
        tier.drop(open.object());

        assertThatThrownBy(() -> open.check(1, 2, ByteBuffer.allocate(CHUNK_BYTES)))
                .isInstanceOf(VerificationException.class);
        open.close();
    }

    @Test
    void aFileCutOffBelowItsSizeIsNotCalledRight() throws Exception {
        DiskTier tier = tier(PLENTY);
        store(tier, SAMPLE);
        DiskTier.OpenedFile open =
                tier.find(SAMPLE.content()).orElseThrow().openVerified().orElseThrow();
        Path elsewhere = Files.move(object(), directory.resolve("elsewhere"));
        Files.write(elsewhere, new byte[10]);

        assertThatThrownBy(() -> open.check(0, 1, ByteBuffer.allocate(CHUNK_BYTES)))
                .isInstanceOf(EOFException.class);
        open.close();
    }

    @Test
    void aReplacedFileIsNotSentUnseen() throws Exception {
        DiskTier.StoredObject stored = stored();
        assertOpens(stored);
        Path other = Files.write(directory.resolve("other"), SAMPLE.flipped(0));
        Files.setLastModifiedTime(other, Files.getLastModifiedTime(object()));
        Files.move(other, object(), REPLACE_EXISTING);

        assertThat(stored.openVerified()).isEmpty();
        assertThat(stored.isVerified()).isFalse();
        assertThatThrownBy(() -> stored.verify(ByteBuffer.allocate(CHUNK_BYTES), false, bytes -> {}))
                .isInstanceOf(VerificationException.class);
    }

    @Test
    void aFileTouchedWithinTheSameMillisecondIsNotSentUnseen() throws Exception {
        DiskTier.StoredObject stored = stored();
        Files.setLastModifiedTime(object(), FileTime.from(Instant.ofEpochSecond(1_000, 1_000)));
        stored.verify(ByteBuffer.allocate(CHUNK_BYTES), false, bytes -> {});
        assertOpens(stored);

        Files.setLastModifiedTime(object(), FileTime.from(Instant.ofEpochSecond(1_000, 2_000)));

        assertThat(stored.openVerified()).isEmpty();
    }

    @Test
    void aDeletedFileIsNotSentAndNotRead() throws Exception {
        DiskTier.StoredObject stored = stored();
        Files.delete(object());

        assertThat(stored.openVerified()).isEmpty();
        assertThatThrownBy(() -> read(stored, 0)).isInstanceOf(NoSuchFileException.class);
    }

    @Test
    void aChunkListThatIsGoneOrWrongIsNoticed() throws Exception {
        DiskTier.StoredObject stored = stored();
        Path list = directory.resolve("objects").resolve(SAMPLE.content().id() + ".chunks");
        byte[] wrong = SAMPLE.digests().clone();
        wrong[0]++;

        Files.write(list, wrong);
        assertThatThrownBy(() -> read(stored, 0)).isInstanceOf(VerificationException.class);
        assertThat(tier(PLENTY).find(SAMPLE.content())).isEmpty();

        Files.write(list, new byte[3]);
        assertThatThrownBy(() -> read(stored, 0)).isInstanceOf(VerificationException.class);

        Files.delete(list);
        assertThatThrownBy(() -> read(stored, 0)).isInstanceOf(NoSuchFileException.class);
        assertThat(tier(PLENTY).find(SAMPLE.content())).isEmpty();
    }

    @Test
    void linksAreNotFollowed() throws Exception {
        DiskTier.StoredObject stored = stored();
        Path elsewhere = Files.move(object(), directory.resolve("elsewhere"));
        Files.createSymbolicLink(object(), elsewhere);

        assertThatThrownBy(() -> read(stored, 0)).isInstanceOf(VerificationException.class);
        assertThat(stored.openVerified()).isEmpty();

        Path temporary = directory.resolve("tmp").resolve("link");
        Files.createSymbolicLink(temporary, elsewhere);
        assertThat(tier(PLENTY).all()).isEmpty();
        assertThat(Files.exists(temporary, NOFOLLOW_LINKS)).isFalse();
        assertThat(elsewhere).exists();
    }

    @Test
    void aLinkedChunkListIsNotFollowed() throws Exception {
        DiskTier.StoredObject stored = stored();
        Path list = directory.resolve("objects").resolve(SAMPLE.content().id() + ".chunks");
        Files.createSymbolicLink(list.resolveSibling("x"), Files.move(list, directory.resolve("list")));
        Files.move(list.resolveSibling("x"), list);

        assertThatThrownBy(() -> read(stored, 0)).isInstanceOf(VerificationException.class);
    }

    @Test
    void aFetchOverALinkReplacesTheLinkAndNotItsTarget() throws Exception {
        Path target = Files.writeString(directory.resolve("target"), "precious");
        DiskTier tier = tier(PLENTY);
        Files.createSymbolicLink(object(), target);

        store(tier, SAMPLE);

        assertThat(target).hasContent("precious");
        assertThat(Files.isSymbolicLink(object())).isFalse();
        assertThat(read(tier.find(SAMPLE.content()).orElseThrow(), 1)).isEqualTo(SAMPLE.chunk(1));
    }

    @Test
    void aFileThatCannotBeOpenedNowIsNotCalledWrong() throws Exception {
        DiskTier.StoredObject stored = stored();
        Thread.currentThread().interrupt(); // As a pool's threads are at shutdown.

        assertThatThrownBy(() -> read(stored, 0)).isInstanceOf(UnreadableException.class);

        assertThat(Thread.interrupted()).isTrue();
        assertThat(read(stored, 0)).isEqualTo(SAMPLE.chunk(0));
    }

    @Test
    void contentOfAnotherSizeOrChunkListIsNotThisOne() throws Exception {
        DiskTier tier = tier(PLENTY);
        store(tier, SAMPLE);
        Content content = SAMPLE.content();

        assertThat(tier.find(new Content(content.id(), content.size() + 1, content.chunkList())))
                .isEmpty();
        assertThat(tier.find(new Content(content.id(), content.size(), new ContentId("0".repeat(64)))))
                .isEmpty();
        assertThat(tier.find(content)).isPresent();
    }

    @Test
    void theBudgetHoldsAndTheNewestObjectIsAlwaysKept() throws Exception {
        DiskTier tier = tier(100 << 10);
        List<Sample> older = new ArrayList<>();
        for (int i = 0; i < 30; i++) {
            Sample newest = Sample.of(i, (10 << 10) + i);
            // Machines boot the older ones all day.
            for (int j = 0; j < 50; j++) {
                older.forEach(each -> tier.find(each.content()));
            }

            store(tier, newest);

            assertThat(tier.find(newest.content())).as("object %d", i).isPresent();
            assertThat(tier.weightBytes()).isLessThanOrEqualTo(100 << 10);
            assertThat(list("objects"))
                    .as("an object and its list for each in the index")
                    .hasSize(2 * tier.all().size());
            older.add(newest);
        }
        assertThat(tier.all()).hasSizeGreaterThan(7);
    }

    @Test
    void anObjectLargerThanTheBudgetIsNotKeptAndDrivesNothingOut() throws Exception {
        DiskTier tier = tier(100 << 10);
        Sample small = Sample.of(2, 20 << 10);
        store(tier, small);

        assertThat(tier.mayHold(SAMPLE.content())).isFalse();
        assertThatThrownBy(() -> store(tier, SAMPLE))
                .isInstanceOf(UnkeepableException.class)
                .hasMessageContaining("no room");

        assertThat(tier.find(small.content())).isPresent();
        assertThat(list("tmp")).isEmpty();
        assertThat(list("objects")).hasSize(2);
    }

    @Test
    void ofNoBudgetNothingIsKept() throws Exception {
        DiskTier tier = tier(0);

        assertThatThrownBy(() -> store(tier, Sample.of(3, 1))).isInstanceOf(UnkeepableException.class);

        assertThat(tier.all()).isEmpty();
        assertThat(list("objects")).isEmpty();
    }

    @Test
    void aLargeObjectDrivesNoSmallOneOut() throws Exception {
        DiskTier tier = tier(1 << 20);
        List<Sample> loaders =
                IntStream.range(0, 8).mapToObj(i -> Sample.of(i, 50 << 10)).toList();
        for (Sample loader : loaders) {
            store(tier, loader);
        }
        for (int i = 0; i < 20; i++) { // Machines read the large ones all day.
            Sample squashfs = Sample.of(100 + i, 300 << 10);
            store(tier, squashfs);
            for (int j = 0; j < 50; j++) {
                tier.find(squashfs.content());
            }
        }

        assertThat(loaders)
                .allSatisfy(loader -> assertThat(tier.find(loader.content())).isPresent());
        assertThat(tier.all()).hasSize(8 + 2);
        assertThat(tier.evictions()).isEqualTo(18);
    }

    @Test
    void smallObjectsKeepHalfOfTheBudgetAndNoMoreWhenALargeOneComes() throws Exception {
        DiskTier tier = tier(1 << 20);
        for (int i = 0; i < 18; i++) {
            store(tier, Sample.of(i, 50 << 10));
        }
        assertThat(tier.all()).as("what nobody else wants").hasSize(18);

        store(tier, Sample.of(100, 500 << 10));

        assertThat(tier.all().stream().filter(each -> each.content().size() == 50 << 10))
                .hasSize(10);
        assertThat(tier.weightBytes()).isLessThanOrEqualTo(1 << 20);
        assertThatThrownBy(() -> store(tier, Sample.of(101, 600 << 10)))
                .as("one that needs more than the large ones' half, and there is no more")
                .isInstanceOf(UnkeepableException.class);
        assertThat(tier.all()).as("drives nothing out in vain").hasSize(11);
    }

    @Test
    void whatIsPinnedStays() throws Exception {
        DiskTier tier = tier(1 << 20);
        Sample kept = Sample.of(1, 400 << 10);
        store(tier, kept);
        tier.pin(Set.of(kept.content().id()));
        for (int i = 2; i < 10; i++) {
            store(tier, Sample.of(i, 400 << 10));
        }
        assertThat(tier.find(kept.content())).isPresent();
        assertThatThrownBy(() -> store(tier, Sample.of(11, 700 << 10))).isInstanceOf(UnkeepableException.class);

        tier.pin(Set.of());
        store(tier, Sample.of(11, 700 << 10));

        assertThat(tier.find(kept.content())).isEmpty();
    }

    @Test
    void whatArrivesTakesItsRoomBeforeItsFirstByte() throws Exception {
        DiskTier tier = tier(1 << 20);
        Sample first = Sample.of(1, 600 << 10);
        Sample second = Sample.of(2, 600 << 10);
        DiskTier.Writer arriving = write(tier, first);

        assertThatThrownBy(() -> write(tier, second)).isInstanceOf(UnkeepableException.class);

        arriving.discard();
        arriving.close();
        store(tier, second);
        assertThat(tier.find(second.content())).isPresent();
    }

    @Test
    void aDiskThatOthersFillGivesWhatItHas() throws Exception {
        files.holdAtMost(1 << 20);
        DiskTier tier = tier(PLENTY);
        Sample first = Sample.of(1, 600 << 10);
        store(tier, first);

        store(tier, Sample.of(2, 600 << 10));

        assertThat(tier.find(first.content())).as("the coldest").isEmpty();
        assertThat(tier.all()).hasSize(1);
        files.holdAtMost(700 << 10);
        assertThatThrownBy(() -> write(tier, Sample.of(3, 800 << 10))).isInstanceOf(UnkeepableException.class);
        assertThat(tier.all()).hasSize(1);
    }

    @Test
    void aSmallerBudgetKeepsTheNewestAtStart() throws Exception {
        DiskTier tier = tier(PLENTY);
        for (int i = 0; i < 5; i++) {
            Sample sample = Sample.of(i, 10_000);
            store(tier, sample);
            Files.setLastModifiedTime(
                    directory.resolve("objects").resolve(sample.content().id().sha256()),
                    FileTime.from(Instant.ofEpochSecond(1_000 + (i + 2) % 5)));
        }

        DiskTier restarted = tier(25 << 10);

        assertThat(restarted.all())
                .extracting(DiskTier.StoredObject::id)
                .containsExactlyInAnyOrder(
                        Sample.of(1, 10_000).content().id(),
                        Sample.of(2, 10_000).content().id());
        assertThat(list("objects")).hasSize(4);
    }

    @Test
    void anObjectEvictedWhileItIsSentIsSentToItsEnd() throws Exception {
        DiskTier tier = tier(PLENTY);
        store(tier, SAMPLE);
        DiskTier.StoredObject stored = tier.find(SAMPLE.content()).orElseThrow();

        DiskTier.OpenedFile open = stored.openVerified().orElseThrow();
        assertThat(tier.drop(stored)).isTrue();

        var bytes = ByteBuffer.allocate(SAMPLE.bytes().length);
        assertThat(open.channel().read(bytes, 0)).isEqualTo(bytes.capacity());
        assertThat(bytes.array()).isEqualTo(SAMPLE.bytes());
        open.close();
        assertThat(list("objects")).isEmpty();
    }

    @Test
    void droppingAnOldObjectTwiceSparesTheOneFetchedMeanwhile() throws Exception {
        DiskTier tier = tier(PLENTY);
        store(tier, SAMPLE);
        DiskTier.StoredObject old = tier.find(SAMPLE.content()).orElseThrow();
        assertThat(tier.drop(old)).isTrue();
        store(tier, SAMPLE);

        assertThat(tier.drop(old)).isFalse();

        DiskTier.StoredObject fetched = tier.find(SAMPLE.content()).orElseThrow();
        assertThat(read(fetched, 1)).isEqualTo(SAMPLE.chunk(1));
    }

    @Test
    void aPartThatChangesOnDiskIsNoticedWhenItIsReadBack() throws Exception {
        DiskTier tier = tier(PLENTY);
        DiskTier.Writer writer = write(tier, SAMPLE);
        Path part = directory.resolve("tmp").resolve(list("tmp").get(0));
        try (FileChannel channel = FileChannel.open(part, WRITE)) {
            channel.write(ByteBuffer.wrap(new byte[] {1, 2, 3, 4}), 10);
        }

        assertThatThrownBy(() -> writer.read(0, ByteBuffer.allocate(CHUNK_BYTES)))
                .isInstanceOf(VerificationException.class);
        writer.discard();
        writer.close();
    }

    private DiskTier tier(long maxBytes) throws IOException {
        return new DiskTier(files.root(), maxBytes, () -> 0);
    }

    /** One object, committed. */
    private DiskTier.StoredObject stored() throws IOException {
        DiskTier tier = tier(PLENTY);
        store(tier, SAMPLE);
        return tier.find(SAMPLE.content()).orElseThrow();
    }

    private static void store(DiskTier tier, Sample sample) throws IOException {
        DiskTier.Writer writer = write(tier, sample);
        writer.commit();
        writer.close();
    }

    private static DiskTier.Writer write(DiskTier tier, Sample sample) throws IOException {
        DiskTier.Writer writer = tier.write(sample.content(), digests(sample));
        for (int i = 0; i < sample.content().chunkCount(); i++) {
            writer.append(sample.chunk(i), sample.content().chunkOffset(i));
        }
        return writer;
    }

    private static ChunkDigests digests(Sample sample) throws IOException {
        return ChunkDigests.verified(sample.content(), sample.digests());
    }

    private static ByteBuffer read(DiskTier.StoredObject stored, int chunk) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(SAMPLE.content().chunkLength(chunk));
        stored.read(chunk, buffer);
        return buffer;
    }

    private static void assertUnsound(DiskTier.StoredObject stored) throws IOException {
        assertThat(stored.openVerified()).isEmpty();
        assertThatThrownBy(() -> read(stored, 0)).isInstanceOf(VerificationException.class);
        assertThatThrownBy(() -> stored.verify(ByteBuffer.allocate(CHUNK_BYTES), false, bytes -> {}))
                .isInstanceOf(VerificationException.class);
        assertThat(stored.isVerified()).isFalse();
    }

    private static void assertOpens(DiskTier.StoredObject stored) throws IOException {
        stored.openVerified().orElseThrow().close();
    }

    private int callsOfACommit() throws IOException {
        DiskTier tier = tier(PLENTY);
        DiskTier.Writer writer = write(tier, SAMPLE);
        int before = files.calls().size();
        writer.commit();
        int calls = files.calls().size() - before;
        writer.close();
        assertThat(tier.drop(tier.find(SAMPLE.content()).orElseThrow())).isTrue();
        return calls;
    }

    /** Overwrites in place; the clock ticks, as it does between two changes by hand. */
    private static void change(Path file, byte[] bytes) throws IOException {
        Files.write(file, bytes);
        Files.setLastModifiedTime(file, FileTime.from(Instant.ofEpochSecond(1_234)));
    }

    private Path object() {
        return directory.resolve("objects").resolve(SAMPLE.content().id().sha256());
    }

    private List<String> list(String name) throws IOException {
        try (Stream<Path> found = Files.list(directory.resolve(name))) {
            return found.map(file -> file.getFileName().toString()).sorted().toList();
        }
    }
}
