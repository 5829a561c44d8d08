package org.rackboot.image.cache;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.LongStream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Random machines, a random region, a random disk, and what must hold whatever they do.
 *
 * <p>{@code -Drackboot.seeds=N} runs more worlds; {@code -Drackboot.seed=S} replays one.
 */
class ImageCacheSimulationTest {
    private static final int SEEDS = Integer.getInteger("rackboot.seeds", 10_000);

    private final Path directory;

    ImageCacheSimulationTest(@TempDir Path directory) {
        this.directory = directory;
    }

    static LongStream seeds() {
        Long one = Long.getLong("rackboot.seed");
        return one != null ? LongStream.of(one) : LongStream.range(0, SEEDS);
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void everyReaderGetsVerifiedBytesOrAFailureAndNothingIsLost(long seed) throws Exception {
        run(seed, "world");
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
    void aSeedReplaysToTheLetter(long seed) throws Exception {
        assertThat(run(seed, "first")).isEqualTo(run(seed, "second"));
    }

    private String run(long seed, String name) throws Exception {
        var world = new SimulatedWorld(seed, Files.createDirectory(directory.resolve(name)));
        try {
            world.live();
            return world.log();
        } catch (Exception | AssertionError e) {
            throw new AssertionError(
                    "%s%nReplay: mvn -pl image-cache verify -Dtest=ImageCacheSimulationTest -Drackboot.seed=%d%n%s"
                            .formatted(e, seed, world.lastEvents()),
                    e);
        }
    }
}
