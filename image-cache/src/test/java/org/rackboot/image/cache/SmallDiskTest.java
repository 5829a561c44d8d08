package org.rackboot.image.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.rackboot.image.Chunk;
import org.rackboot.image.Content;
import org.rackboot.image.ContentOrigin;
import org.rackboot.image.Sample;

/** A real file system that is much smaller than what the cache was promised, and that others fill. Needs root. */
@Timeout(120)
class SmallDiskTest {
    private static final int FILE_SYSTEM_BYTES = 12 << 20;
    private static final ImageCache.Settings SETTINGS =
            new ImageCache.Settings(1 << 20, 1L << 30, 3, Duration.ofMillis(1));

    @TempDir
    Path directory;

    private final ExecutorService threads = Executors.newFixedThreadPool(4);
    private final AtomicLong nowNanos = new AtomicLong();
    private final AtomicInteger notKept = new AtomicInteger();
    private Path disk = Path.of("");
    private boolean mounted;
    private volatile Runnable whenRoomWasFound = () -> {};

    @BeforeEach
    void mount() throws Exception {
        disk = Files.createDirectory(directory.resolve("disk"));
        mounted = run("mount", "-t", "tmpfs", "-o", "size=" + FILE_SYSTEM_BYTES, "tmpfs", disk.toString());
        assumeTrue(mounted || "true".equals(System.getenv("CI")), "a small file system can be mounted: root");
        assertThat(mounted).isTrue();
    }

    @AfterEach
    void unmount() throws Exception {
        threads.shutdownNow();
        if (mounted) {
            assertThat(run("umount", disk.toString())).isTrue();
        }
    }

    @Test
    void whatIsColdestLeavesBeforeTheFileSystemIsFull() throws Exception {
        List<Sample> samples = samples(8, 3 << 20);
        ImageCache cache = cache(origin(samples));

        for (Sample sample : samples) {
            assertThat(read(cache, sample)).isEqualTo(sample.bytes());
            cache.prefetch(sample.content()).toCompletableFuture().get(); // It is on disk.
        }

        assertThat(notKept).hasValue(0);
        assertThat(cache.statistics().evictions()).isPositive();
        assertThat(cache.stored()).hasSizeBetween(2, 3);
        for (ImageCache.Stored stored : cache.stored()) {
            assertThat(cache.verifyStored(stored.content())).isTrue();
        }
    }

    @Test
    void machinesGetTheirBytesWhileOthersFillTheDiskAndItIsUsedAgainAfterwards() throws Exception {
        List<Sample> samples = samples(4, (3 << 20) + 77);
        Path foreign = disk.resolve("foreign");
        ImageCache cache = cache(origin(samples));

        whenRoomWasFound = () -> fill(foreign);
        for (Sample sample : samples.subList(0, 2)) {
            assertThat(read(cache, sample)).isEqualTo(sample.bytes());
        }
        assertThat(notKept).hasPositiveValue();
        assertThat(cache.stored()).isEmpty();
        assertThat(disk.resolve("cache/tmp")).isEmptyDirectory();

        whenRoomWasFound = () -> {};
        Files.delete(foreign);
        nowNanos.addAndGet(ImageCache.DISK_REST.toNanos() + 1);
        for (Sample sample : samples.subList(2, 4)) {
            assertThat(read(cache, sample)).isEqualTo(sample.bytes());
            cache.prefetch(sample.content()).toCompletableFuture().get();
        }
        assertThat(cache.stored()).hasSize(2);
    }

    private static void fill(Path file) {
        try (OutputStream out = Files.newOutputStream(file)) {
            byte[] block = new byte[4_096];
            while (true) {
                out.write(block);
            }
        } catch (IOException e) {
            assertThat(e).hasMessageContaining("No space left");
        }
    }

    private ImageCache cache(ContentOrigin origin) throws IOException {
        FileStore store = Files.getFileStore(disk);
        assertThat(store.getTotalSpace()).isEqualTo(FILE_SYSTEM_BYTES);
        return new ImageCache(
                disk.resolve("cache"),
                SETTINGS,
                origin,
                threads,
                (pause, work) -> threads.execute(work),
                new ImageCache.Listener() {
                    @Override
                    public void notKept(Content content, Throwable cause) {
                        notKept.incrementAndGet();
                    }
                },
                nowNanos::get);
    }

    private ContentOrigin origin(List<Sample> samples) {
        ContentOrigin honest = FakeOrigin.having(samples.toArray(new Sample[0]));
        return new ContentOrigin() {
            @Override
            public CompletionStage<byte[]> chunkDigests(Content content) {
                return honest.chunkDigests(content);
            }

            @Override
            public CompletionStage<Void> fetch(Content content, int first, int chunks, Sink sink) {
                whenRoomWasFound.run();
                return honest.fetch(content, first, chunks, sink);
            }
        };
    }

    private static byte[] read(ImageCache cache, Sample sample) throws Exception {
        ByteBuffer all = ByteBuffer.allocate((int) sample.content().size());
        var reader = cache.open(sample.content());
        for (int i = 0; i < sample.content().chunkCount(); i++) {
            Chunk chunk = reader.chunk(i).toCompletableFuture().get();
            all.put(chunk.bytes());
            chunk.release();
        }
        return all.array();
    }

    private static List<Sample> samples(int count, int size) {
        List<Sample> samples = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            samples.add(Sample.of(i, size));
        }
        return samples;
    }

    private static boolean run(String... command) throws Exception {
        return new ProcessBuilder(command).inheritIO().start().waitFor() == 0;
    }
}
