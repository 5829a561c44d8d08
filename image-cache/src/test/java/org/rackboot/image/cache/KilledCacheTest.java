package org.rackboot.image.cache;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.rackboot.image.Chunk;
import org.rackboot.image.Content;
import org.rackboot.image.ContentId;
import org.rackboot.image.Sample;

/**
 * A process that fills and evicts all the time is killed again and again; what it leaves is whole. {@code
 * -Drackboot.kills=N} says how often.
 */
@Timeout(900)
class KilledCacheTest {
    private static final int KILLS = Integer.getInteger("rackboot.kills", 100);
    private static final ImageCache.Settings SETTINGS =
            new ImageCache.Settings(1 << 20, 4 << 20, 3, Duration.ofMillis(1));

    @TempDir
    Path directory;

    /** Some are small, most are large; together they are much larger than the budget. */
    private static final List<Sample> SAMPLES = IntStream.range(0, 9)
            .mapToObj(i -> Sample.of(i, i % 3 == 0 ? 20_000 + i : Content.CHUNK_BYTES + 30_000 * i))
            .toList();

    @Test
    void whatIsLeftAfterAnyKillIsWholeAndIsUsed() throws Exception {
        Random random = new Random(KILLS);
        int found = 0;
        for (int kill = 0; kill < KILLS; kill++) {
            runAndKill(1 + random.nextInt(12), random.nextInt(4_000_000));

            try (var threads = new Threads()) {
                ImageCache cache = cache(directory, threads);
                assertThat(directory.resolve("tmp").toFile())
                        .as("kill %d", kill)
                        .isEmptyDirectory();
                assertThat(cache.statistics().diskBytes()).isLessThanOrEqualTo(SETTINGS.diskBytes());
                for (ImageCache.Stored stored : cache.stored()) {
                    assertThat(stored.verified())
                            .as("kill %d: nothing is taken on trust", kill)
                            .isFalse();
                    assertThat(cache.verifyStored(stored.content()))
                            .as("kill %d: %s", kill, stored.content())
                            .isTrue();
                    found++;
                }
                assertThat(directory.resolve("objects").toFile().list())
                        .as("kill %d: an object and its list for each", kill)
                        .hasSize(2 * cache.stored().size());
            }
        }
        assertThat(found).as("objects that outlived a kill").isGreaterThan(KILLS);
    }

    /** Kills the process that many nanoseconds after it has kept that many objects: at any moment of the next. */
    private void runAndKill(int objects, int nanos) throws Exception {
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-XX:TieredStopAtLevel=1",
                        "-XX:+UseSerialGC",
                        "-Xshare:auto",
                        "-cp",
                        System.getProperty("java.class.path"),
                        Main.class.getName(),
                        directory.toString())
                .redirectErrorStream(true)
                .start();
        try (var lines = new BufferedReader(new InputStreamReader(process.getInputStream(), UTF_8))) {
            for (int i = 0; i < objects; i++) {
                assertThat(lines.readLine()).startsWith("kept ");
            }
            long from = System.nanoTime();
            while (System.nanoTime() - from < nanos) {
                Thread.onSpinWait(); // The moment is the point; nothing tells of it.
            }
        } finally {
            process.destroyForcibly().waitFor();
        }
    }

    private static ImageCache cache(Path directory, Threads threads) throws IOException {
        return new ImageCache(
                directory,
                SETTINGS,
                FakeOrigin.having(SAMPLES.toArray(new Sample[0])),
                threads.pool,
                (pause, work) -> threads.pool.execute(work),
                new ImageCache.Listener() {});
    }

    private record Threads(ExecutorService pool) implements AutoCloseable {
        Threads() {
            this(Executors.newFixedThreadPool(4, work -> {
                Thread thread = new Thread(work);
                thread.setDaemon(true);
                return thread;
            }));
        }

        @Override
        public void close() {
            pool.shutdownNow();
        }
    }

    /** Reads at random until it is killed. */
    static final class Main {
        private Main() {}

        public static void main(String[] arguments) throws Exception {
            Path directory = Path.of(arguments[0]);
            Random random = new Random();
            ImageCache cache = cache(directory, new Threads());
            while (true) {
                Sample sample = SAMPLES.get(random.nextInt(SAMPLES.size()));
                Optional<ContentId> evicted = random.nextInt(10) > 0
                        ? Optional.empty()
                        : cache.stored().stream()
                                .map(each -> each.content().id())
                                .findFirst();
                evicted.ifPresent(cache::evict);
                Chunk chunk = cache.open(sample.content())
                        .chunk(0)
                        .toCompletableFuture()
                        .get();
                chunk.release();
                cache.prefetch(sample.content()).toCompletableFuture().get();
                System.out.println("kept " + sample.content().id());
            }
        }
    }
}
