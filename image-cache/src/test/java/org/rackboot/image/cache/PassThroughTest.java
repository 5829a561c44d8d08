package org.rackboot.image.cache;

import static org.assertj.core.api.Assertions.assertThat;

import com.github.benmanes.caffeine.cache.Caffeine;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.rackboot.image.Chunk;
import org.rackboot.image.Content;
import org.rackboot.image.Sample;

class PassThroughTest {
    private static final Sample SAMPLE = Sample.of(1, 3 * Content.CHUNK_BYTES);

    private final FakeOrigin origin = new FakeOrigin();
    private final BufferPool buffers = new BufferPool(0);
    private final MemoryTier memory = new MemoryTier(8L * Content.CHUNK_BYTES, () -> 0);
    private final PassThrough inflow = new PassThrough(
            SAMPLE.content(), origin, memory, buffers, 3, Caffeine.newBuilder().build());

    @Test
    void whoAsksForAChunkThatHasJustArrivedGetsItInsteadOfAnotherFetch() {
        CompletableFuture<Chunk> first = inflow.chunk(0).orElseThrow();
        CompletableFuture<Void> run = inflow.attempt().toCompletableFuture();
        FakeOrigin.Delivery delivery = origin.underWay().get(0);
        delivery.announce(SAMPLE.digests());
        delivery.send(SAMPLE.bytes());

        // A reader that missed chunk 1 in memory a moment before it arrived:
        Optional<CompletableFuture<Chunk>> second = inflow.chunk(1);

        assertThat(first).isCompleted();
        assertThat(second).hasValueSatisfying(chunk -> {
            assertThat(chunk).isCompleted();
            assertThat(chunk.join().bytes()).isEqualTo(SAMPLE.chunk(1));
        });
        delivery.finish();
        assertThat(run).isCompleted();
        assertThat(inflow.endIfIdle()).as("nothing is left to fetch").isTrue();
    }
}
