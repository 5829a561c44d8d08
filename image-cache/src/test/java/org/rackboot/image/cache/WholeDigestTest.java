package org.rackboot.image.cache;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.rackboot.image.Content;
import org.rackboot.image.Sample;

class WholeDigestTest {
    private static final Sample SAMPLE = Sample.of(1, 9 * Content.CHUNK_BYTES + 77);

    private final BufferPool buffers = new BufferPool(0);
    private final ManualExecutor threads = new ManualExecutor();
    private final WholeDigest whole = new WholeDigest(threads);

    @Test
    void nobodyHasToHelp() throws Exception {
        for (int i = 0; i < SAMPLE.content().chunkCount(); i++) {
            add(i);
            assertThat(buffers.lentBytes() / Content.CHUNK_BYTES).isLessThanOrEqualTo(WholeDigest.MOST_KEPT);
        }

        assertThat(whole.finish()).isEqualTo(SAMPLE.content().id());
        assertThat(buffers.lentBytes()).isZero();
    }

    @Test
    void whoHelpsTakesPiecesInTheirOrder() throws Exception {
        for (int i = 0; i < SAMPLE.content().chunkCount(); i++) {
            add(i);
            if (i % 2 == 1) {
                threads.runAll();
                assertThat(buffers.lentBytes()).isZero();
            }
        }

        assertThat(whole.finish()).isEqualTo(SAMPLE.content().id());
    }

    @Test
    void whatIsGivenUpIsGivenBack() throws Exception {
        add(0);
        add(1);

        whole.discard();
        add(2);
        threads.runAll();

        assertThat(buffers.lentBytes()).isZero();
    }

    @Test
    void threadsThatAreGoneAreDoneWithout() throws Exception {
        threads.shutDown();
        for (int i = 0; i < SAMPLE.content().chunkCount(); i++) {
            add(i);
        }

        assertThat(whole.finish()).isEqualTo(SAMPLE.content().id());
    }

    private void add(int index) throws Exception {
        BufferPool.PooledChunk chunk =
                buffers.chunk(SAMPLE.content().chunkLength(index), buffer -> buffer.put(SAMPLE.chunk(index)));
        whole.add(chunk, chunk.bytes());
        chunk.release();
    }
}
