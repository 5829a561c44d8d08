package org.rackboot.region.store;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.rackboot.region.store.ContentRepository.CHUNK_BYTES;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Instant;
import java.util.AbstractSet;
import java.util.Arrays;
import java.util.Collections;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rackboot.region.store.ContentRepository.ChecksumMismatchException;
import org.rackboot.region.store.ContentRepository.SizeMismatchException;
import org.rackboot.region.store.ContentRepository.StoredContent;
import org.rackboot.region.store.ContentRepository.Writer;
import org.rackboot.region.upload.UploadSpec;
import org.rackboot.region.upload.UploadSpec.UploadFile;

/** Holds on every database; {@link TestDatabase} says which one this is. */
class ContentRepositoryTest {
    private static final byte[] CONTENT = noise(2 * CHUNK_BYTES + 1_000);
    private static final String SHA256 = sha256(CONTENT);

    @TempDir
    Path directory;

    private RegionDatabase database;
    private ContentRepository contents;

    @BeforeEach
    void open() throws Exception {
        database = TestDatabase.open(directory);
        contents = new ContentRepository(database);
    }

    @AfterEach
    void close() {
        database.close();
    }

    @Test
    void contentIsSeenOnceTheWholeWasVerified() throws Exception {
        Writer writer = contents.write(SHA256, CONTENT.length);
        append(writer, 0, CONTENT.length);

        assertThat(contents.find(SHA256)).isEmpty();
        assertThat(contents.chunkDigests(SHA256)).isEmpty();
        assertThat(contents.chunk(SHA256, 0)).isEmpty();

        StoredContent stored = writer.finish();

        assertThat(contents.find(SHA256)).contains(stored);
        assertThat(stored.size()).isEqualTo(CONTENT.length);
        assertThat(stored.chunkCount()).isEqualTo(3);
        assertThat(contents.chunk(SHA256, 1).orElseThrow())
                .isEqualTo(Arrays.copyOfRange(CONTENT, CHUNK_BYTES, 2 * CHUNK_BYTES));
        assertThat(contents.chunk(SHA256, 2).orElseThrow()).hasSize(1_000);
        assertThat(contents.chunk(SHA256, 3)).isEmpty();
    }

    @Test
    void theChunkListIsTheDigestOfTheChunksDigests() throws Exception {
        StoredContent stored = contents.store(CONTENT);

        byte[] digests = contents.chunkDigests(SHA256).orElseThrow();
        assertThat(digests).hasSize(3 * 32);
        assertThat(Arrays.copyOf(digests, 32))
                .isEqualTo(HexFormat.of().parseHex(sha256(Arrays.copyOf(CONTENT, CHUNK_BYTES))));
        assertThat(stored.chunkList()).isEqualTo(sha256(digests));
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES})
    void anySizeComesBackAsItWas(int size) throws Exception {
        byte[] bytes = noise(size);
        String sha256 = sha256(bytes);

        Writer writer = contents.write(sha256, size);
        for (int at = 0; at < size; at += 300_000) {
            writer.append(ByteBuffer.wrap(bytes, at, Math.min(300_000, size - at)));
        }
        StoredContent written = writer.finish();

        byte[] back = new byte[size];
        for (int i = 0; i < written.chunkCount(); i++) {
            byte[] chunk = contents.chunk(sha256, i).orElseThrow();
            System.arraycopy(chunk, 0, back, i * CHUNK_BYTES, chunk.length);
        }
        assertThat(back).isEqualTo(bytes);
        assertThat(contents.store(bytes)).isEqualTo(written);
    }

    @Test
    void storingInOneStepIsTheSameAsWriting() throws Exception {
        StoredContent stored = contents.store(CONTENT);

        assertThat(contents.find(SHA256)).contains(stored);
        assertThat(contents.storedBytes(SHA256)).isEqualTo(CONTENT.length);
        assertThat(contents.store(new byte[0]).chunkCount()).isZero();
    }

    @Test
    void anotherWriterGoesOnAtTheFirstMissingChunk() throws Exception {
        Writer first = contents.write(SHA256, CONTENT.length);
        first.restart("\"v1\"");
        append(first, 0, CHUNK_BYTES + 500_000);
        assertThat(first.position()).isEqualTo(CHUNK_BYTES + 500_000);
        assertThat(contents.storedBytes(SHA256)).isEqualTo(CHUNK_BYTES);

        Writer second = contents.write(SHA256, CONTENT.length);
        assertThat(second.position()).isEqualTo(CHUNK_BYTES);
        assertThat(second.keptBytes()).isEqualTo(CHUNK_BYTES);
        assertThat(second.etag()).contains("\"v1\"");
        append(second, CHUNK_BYTES, CONTENT.length);

        assertThat(second.finish()).isEqualTo(contents.find(SHA256).orElseThrow());
    }

    @Test
    void aRestartForgetsWhatCame() throws Exception {
        Writer writer = contents.write(SHA256, CONTENT.length);
        append(writer, 0, CHUNK_BYTES + 5);

        writer.restart("\"v2\"");

        assertThat(writer.position()).isZero();
        assertThat(writer.keptBytes()).isZero();
        assertThat(writer.etag()).contains("\"v2\"");
        assertThat(contents.storedBytes(SHA256)).isZero();
        append(writer, 0, CONTENT.length);
        writer.finish();
    }

    @Test
    void wrongBytesAreThrownAway() throws Exception {
        byte[] wrong = CONTENT.clone();
        wrong[CHUNK_BYTES] ^= 1;
        Writer writer = contents.write(SHA256, CONTENT.length);
        writer.append(ByteBuffer.wrap(wrong));

        assertThatExceptionOfType(ChecksumMismatchException.class)
                .isThrownBy(writer::finish)
                .withMessage("sha256 is %s; expected %s", sha256(wrong), SHA256);

        assertThat(contents.find(SHA256)).isEmpty();
        assertThat(contents.storedBytes(SHA256)).isZero();
        assertThat(contents.write(SHA256, CONTENT.length).position()).isZero();
    }

    @Test
    void tooManyAndTooFewBytesAreRefused() throws Exception {
        Writer writer = contents.write(SHA256, CONTENT.length);
        append(writer, 0, CONTENT.length - 1);

        assertThatExceptionOfType(SizeMismatchException.class)
                .isThrownBy(writer::finish)
                .withMessage("%d bytes came; %d were announced", CONTENT.length - 1, CONTENT.length);
        assertThatExceptionOfType(SizeMismatchException.class)
                .isThrownBy(() -> writer.append(ByteBuffer.allocate(2)))
                .withMessage("more than the announced %d bytes came", CONTENT.length);
        assertThat(contents.find(SHA256)).isEmpty();
    }

    @Test
    void anotherSizeThanBeforeBeginsAnewUnlessTheContentIsComplete() throws Exception {
        append(contents.write(SHA256, CONTENT.length + 5), 0, CHUNK_BYTES);

        Writer writer = contents.write(SHA256, CONTENT.length);
        assertThat(writer.position()).isZero();
        append(writer, 0, CONTENT.length);
        StoredContent stored = writer.finish();

        assertThatExceptionOfType(SizeMismatchException.class)
                .isThrownBy(() -> contents.write(SHA256, 7))
                .withMessage("content %s has %d bytes; 7 were announced", SHA256, CONTENT.length);
        assertThat(contents.find(SHA256)).contains(stored);
    }

    @Test
    void completeContentNeverChanges() throws Exception {
        Writer late = contents.write(SHA256, CONTENT.length);
        append(late, 0, CHUNK_BYTES + 1);
        StoredContent stored = contents.store(CONTENT);

        late.append(ByteBuffer.allocate(CHUNK_BYTES)); // Not what belongs there.
        late.restart(null);
        late.append(ByteBuffer.allocate(CONTENT.length));
        assertThatExceptionOfType(ChecksumMismatchException.class).isThrownBy(late::finish);
        late.discard();

        assertThat(contents.find(SHA256)).contains(stored);
        assertThat(contents.chunk(SHA256, 0).orElseThrow()).isEqualTo(Arrays.copyOf(CONTENT, CHUNK_BYTES));
        assertThat(sha256(contents.chunkDigests(SHA256).orElseThrow())).isEqualTo(stored.chunkList());
    }

    @Test
    void ofTwoWritersThatMeetNoneMakesAnythingWrongVisible() throws Exception {
        Writer right = contents.write(SHA256, CONTENT.length);
        Writer wrong = contents.write(SHA256, CONTENT.length);
        append(right, 0, CONTENT.length);
        wrong.append(ByteBuffer.allocate(CHUNK_BYTES));

        assertThatExceptionOfType(DatabaseException.class)
                .isThrownBy(right::finish)
                .withMessageContaining("changed while it was written");

        assertThat(contents.find(SHA256)).isEmpty();
    }

    @Test
    void smallContentReplacesWhatADownloadOfTheSameHadReached() throws Exception {
        append(contents.write(SHA256, CONTENT.length + CHUNK_BYTES), 0, CONTENT.length);

        StoredContent stored = contents.store(CONTENT);

        assertThat(contents.find(SHA256)).contains(stored);
        assertThat(contents.chunkDigests(SHA256).orElseThrow()).hasSize(3 * 32);
    }

    @Test
    void whatAnUploadCameToNeedDuringACollectionStays() throws Exception {
        String unused = contents.store("unused".getBytes(UTF_8)).sha256();
        var asksLate = new AbstractSet<String>() {
            @Override
            public Iterator<String> iterator() {
                return Collections.emptyIterator();
            }

            @Override
            public int size() {
                return 0;
            }

            @Override
            public boolean contains(Object sha256) { // Asked between the look for candidates and their deletion.
                try {
                    new UploadRepository(database).add("id", upload(unused), Instant.EPOCH);
                } catch (DatabaseException e) {
                    throw new AssertionError(e);
                }
                return false;
            }
        };

        assertThat(contents.collect(asksLate)).isZero();
        assertThat(contents.find(unused)).isPresent();
    }

    private static UploadSpec upload(String sha256) {
        return new UploadSpec(
                false,
                "custom",
                "x",
                "amd64",
                "generic",
                "",
                "",
                "",
                List.of(new UploadFile("root", "tgz", sha256, 6)));
    }

    @Test
    void anArchivesMembersAreRemembered() throws Exception {
        contents.store(CONTENT);
        assertThat(contents.archive("a".repeat(64))).isEmpty();

        contents.putArchive("a".repeat(64), Map.of("grubx64.efi", SHA256, "bootx64.efi", SHA256));
        contents.putArchive("a".repeat(64), Map.of("grubx64.efi", SHA256, "bootx64.efi", SHA256));

        assertThat(contents.archive("a".repeat(64))).isEqualTo(Map.of("grubx64.efi", SHA256, "bootx64.efi", SHA256));
    }

    private static void append(Writer writer, int from, int to) throws Exception {
        writer.append(ByteBuffer.wrap(CONTENT, from, to - from));
    }

    private static byte[] noise(int size) {
        byte[] bytes = new byte[size];
        new Random(size).nextBytes(bytes);
        return bytes;
    }

    private static String sha256(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        } catch (java.security.NoSuchAlgorithmException e) {
            throw new AssertionError(e);
        }
    }
}
