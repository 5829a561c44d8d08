package org.rackboot.image.cache;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.rackboot.image.Chunk;
import org.rackboot.image.Content;
import org.rackboot.image.ContentId;
import org.rackboot.image.Sample;

class MemoryTierTest {
    private static final int KIB_16 = 16 << 10;
    private static final Content CONTENT = Sample.of(1, 10).content();

    private final BufferPool pool = new BufferPool(0);
    private final MemoryTier memory = new MemoryTier(4L * KIB_16, () -> 0);

    @Test
    void keepsAChunkAndHandsOutReferences() throws Exception {
        keep(CONTENT, 0, 42);

        Chunk first = memory.get(CONTENT, 0).orElseThrow();
        Chunk second = memory.get(CONTENT, 0).orElseThrow();

        assertThat(first.bytes().get(0)).isEqualTo((byte) 42);
        assertThat(memory.get(CONTENT, 1)).isEmpty();
        first.release();
        second.release();
        assertThat(memory.get(CONTENT, 0)).isPresent();
    }

    @Test
    void theWeightIsTheMemoryHeldAndNeverAboveTheLimit() throws Exception {
        for (int i = 0; i < 100; i++) {
            keep(CONTENT, i, i);

            assertThat(memory.weightBytes()).isLessThanOrEqualTo(4L * KIB_16);
            assertThat(pool.lentBytes()).as("eviction releases at once").isEqualTo(memory.weightBytes());
        }
        assertThat(memory.weightBytes()).isEqualTo(4L * KIB_16);
    }

    @Test
    void aChunkInTheHandsOfAReaderSurvivesItsEviction() throws Exception {
        keep(CONTENT, 0, 7);
        Chunk held = memory.get(CONTENT, 0).orElseThrow();

        memory.drop(CONTENT);

        assertThat(memory.get(CONTENT, 0)).isEmpty();
        assertThat(held.bytes().get(0)).isEqualTo((byte) 7);
        assertThat(pool.lentBytes()).isEqualTo(KIB_16);
        held.release();
        assertThat(pool.lentBytes()).isZero();
    }

    @Test
    void everyReaderOfManyEvictedChunksKeepsItsBytes() throws Exception {
        List<Chunk> held = new ArrayList<>();
        for (int i = 0; i < 50; i++) {
            BufferPool.PooledChunk chunk = chunk(i);
            memory.put(CONTENT, i, chunk);
            held.add(chunk);
        }

        for (int i = 0; i < 50; i++) {
            assertThat(held.get(i).bytes().get(0)).isEqualTo((byte) i);
            held.get(i).release();
        }
        assertThat(pool.lentBytes()).isEqualTo(memory.weightBytes());
    }

    @Test
    void aChunkPutAgainReplacesAndReleasesTheOldOne() throws Exception {
        keep(CONTENT, 0, 1);
        keep(CONTENT, 0, 2);

        Chunk chunk = memory.get(CONTENT, 0).orElseThrow();

        assertThat(chunk.bytes().get(0)).isEqualTo((byte) 2);
        chunk.release();
        assertThat(pool.lentBytes()).isEqualTo(KIB_16);
    }

    @Test
    void ofNoMemoryNothingIsKept() throws Exception {
        var nothing = new MemoryTier(0, () -> 0);
        BufferPool.PooledChunk chunk = chunk(1);

        nothing.put(CONTENT, 0, chunk);

        assertThat(nothing.get(CONTENT, 0)).isEmpty();
        assertThat(nothing.weightBytes()).isZero();
        chunk.release();
        assertThat(pool.lentBytes()).isZero();
    }

    @Test
    void aChunkLargerThanTheLimitIsNotKept() throws Exception {
        var small = new MemoryTier(KIB_16 - 1, () -> 0);
        BufferPool.PooledChunk chunk = chunk(1);

        small.put(CONTENT, 0, chunk);
        chunk.release();

        assertThat(small.get(CONTENT, 0)).isEmpty();
        assertThat(pool.lentBytes()).isZero();
    }

    @Test
    void chunksVerifiedAgainstAnotherListAreOtherChunks() throws Exception {
        var sameId = new Content(CONTENT.id(), CONTENT.size(), new ContentId("0".repeat(64)));
        keep(CONTENT, 0, 1);

        assertThat(memory.get(sameId, 0)).isEmpty();
        memory.drop(sameId);
        assertThat(memory.get(CONTENT, 0)).isPresent();
    }

    private void keep(Content content, int index, int value) throws IOException {
        BufferPool.PooledChunk chunk = chunk(value);
        memory.put(content, index, chunk);
        chunk.release();
    }

    private BufferPool.PooledChunk chunk(int value) throws IOException {
        return pool.chunk(KIB_16, buffer -> buffer.put(0, (byte) value));
    }
}
