package org.rackboot.server.region;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.rackboot.image.Chunk;
import org.rackboot.image.Content;
import org.rackboot.image.ContentReader;
import org.rackboot.image.cache.ImageCache;
import org.rackboot.region.store.ContentRepository;
import org.rackboot.region.store.RegionDatabase;

@Timeout(60)
class RegionContentTest {
    private static final int CHUNKS = 20;
    private static final byte[] SQUASHFS = new byte[(CHUNKS - 1) * Content.CHUNK_BYTES + 4_711];
    private static final int READERS = 16;

    @TempDir
    Path directory;

    private final ExecutorService databaseThreads = Executors.newFixedThreadPool(4);
    private final ExecutorService fillThreads = Executors.newFixedThreadPool(2);
    private final ExecutorService diskThreads = Executors.newFixedThreadPool(2);
    private final ExecutorService readers = Executors.newFixedThreadPool(READERS);
    private RegionDatabase database;
    private ContentRepository contents;
    private Counting counting;
    private DatabaseOrigin origin;

    @BeforeEach
    void start() throws Exception {
        new Random(11).nextBytes(SQUASHFS);
        database = RegionDatabase.open("jdbc:sqlite:" + directory.resolve("region.db"));
        contents = new ContentRepository(database);
        counting = new Counting(new DatabaseOrigin.Stored(contents));
        origin = new DatabaseOrigin(counting, databaseThreads, fillThreads);
    }

    @AfterEach
    void stop() {
        for (ExecutorService each : List.of(readers, fillThreads, databaseThreads, diskThreads)) {
            each.shutdownNow();
        }
        database.close();
    }

    @Test
    void whatManyReadAtOnceTheDatabaseReadsOnce() throws Exception {
        RegionContent region = region(64 << 20, 256 << 20);
        String sha256 = contents.store(SQUASHFS).sha256();

        assertThat(readByAll(region, sha256))
                .allSatisfy(read -> assertThat(read).isEqualTo(sha256));
        assertThat(read(region.open(sha256).orElseThrow())).isEqualTo(sha256);

        assertThat(counting.chunks).hasSize(CHUNKS).doesNotHaveDuplicates();
        assertThat(counting.digests).hasSize(1);
        assertThat(origin.bytesRead()).isEqualTo(SQUASHFS.length);
        await().untilAsserted(() -> assertThat(region.open(sha256).orElseThrow().openVerifiedFile())
                .as("goes out by sendfile from now on") // That the disk has all is found out on another thread.
                .hasValueSatisfying(file -> assertThat(file.channel().isOpen()).isTrue()));
    }

    @Test
    void withoutDiskReadersAtTheSamePlaceShareWhatIsRead() throws Exception { // As in 'rackboot serve'.
        RegionContent region = region(64 << 20, 0);
        String sha256 = contents.store(SQUASHFS).sha256();

        assertThat(readByAll(region, sha256))
                .allSatisfy(read -> assertThat(read).isEqualTo(sha256));

        assertThat(counting.chunks).hasSize(CHUNKS).doesNotHaveDuplicates();
        assertThat(region.open(sha256).orElseThrow().openVerifiedFile()).isEmpty();
    }

    @Test
    void onlyTheDatabaseSaysWhatThereIs() throws Exception {
        RegionContent region = region(64 << 20, 256 << 20);
        String sha256 = sha256(SQUASHFS);
        assertThat(region.open(sha256)).isEmpty();
        assertThat(region.chunkDigests(sha256)).isEmpty();

        contents.store(SQUASHFS);
        assertThat(read(region.open(sha256).orElseThrow())).as("found at once").isEqualTo(sha256);

        assertThat(contents.collect(Set.of())).isOne(); // No version needs it.
        assertThat(region.open(sha256)).as("cached, and gone all the same").isEmpty();
        assertThat(counting.chunks).hasSize(CHUNKS);
    }

    @Test
    void aChunkThatTheDatabaseGotWrongReachesNobody() throws Exception {
        RegionContent region = region(64 << 20, 256 << 20);
        String sha256 = contents.store(SQUASHFS).sha256();
        counting.spoiled = 3;
        ContentReader reader = region.open(sha256).orElseThrow();

        reader.chunk(2).toCompletableFuture().get().release();
        assertThatThrownBy(() -> reader.chunk(3).toCompletableFuture().get())
                .rootCause()
                .hasMessageContaining("Chunk 3");
    }

    private RegionContent region(long memoryBytes, long diskBytes) throws IOException {
        return new RegionContent(
                contents,
                new ImageCache(
                        directory.resolve("region-cache"),
                        new ImageCache.Settings(memoryBytes, diskBytes, 2, Duration.ZERO),
                        origin,
                        diskThreads,
                        (pause, work) -> diskThreads.execute(work),
                        new ImageCache.Listener() {}));
    }

    private List<String> readByAll(RegionContent region, String sha256) throws Exception {
        CountDownLatch start = new CountDownLatch(1);
        List<CompletableFuture<String>> all = new ArrayList<>();
        for (int i = 0; i < READERS; i++) {
            all.add(CompletableFuture.supplyAsync(
                    () -> {
                        try {
                            start.await();
                            return read(region.open(sha256).orElseThrow());
                        } catch (Exception e) {
                            throw new AssertionError(e);
                        }
                    },
                    readers));
        }
        start.countDown();
        List<String> read = new ArrayList<>();
        for (CompletableFuture<String> each : all) {
            read.add(each.get());
        }
        return read;
    }

    /** The sha256 of what is read. */
    private static String read(ContentReader reader) throws Exception {
        MessageDigest whole = MessageDigest.getInstance("SHA-256");
        for (int i = 0; i < reader.content().chunkCount(); i++) {
            Chunk chunk = reader.chunk(i).toCompletableFuture().get();
            whole.update(chunk.bytes());
            chunk.release();
        }
        return HexFormat.of().formatHex(whole.digest());
    }

    private static String sha256(byte[] bytes) throws Exception {
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    }

    /** Counts what the database is asked for. */
    private static final class Counting implements DatabaseOrigin.Chunks {
        private final DatabaseOrigin.Chunks real;
        private final List<Integer> chunks = Collections.synchronizedList(new ArrayList<>());
        private final Set<Content> digests = ConcurrentHashMap.newKeySet();
        private volatile int spoiled = -1;

        Counting(DatabaseOrigin.Chunks real) {
            this.real = real;
        }

        @Override
        public byte[] digests(Content content) throws IOException {
            assertThat(digests.add(content)).isTrue();
            return real.digests(content);
        }

        @Override
        public byte[] chunk(Content content, int index) throws IOException {
            chunks.add(index);
            byte[] bytes = real.chunk(content, index);
            if (index == spoiled) {
                bytes[17] ^= 1;
            }
            return bytes;
        }
    }
}
