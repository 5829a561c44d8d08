package org.rackboot.image.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ReadOnlyBufferException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.rackboot.image.Content;

class BufferPoolTest {
    private final BufferPool pool = new BufferPool(2L * Content.CHUNK_BYTES);

    @ParameterizedTest
    @CsvSource({
        "0, 4096",
        "1, 4096",
        "4096, 4096",
        "4097, 16384",
        "65536, 65536",
        "65537, 262144",
        "262145, 1048576",
        "1048576, 1048576"
    })
    void aBufferIsOfTheNextSizeAndShowsTheLengthAsked(int length, int capacity) throws Exception {
        ByteBuffer buffer = pool.take(length);

        assertThat(buffer.isDirect()).isTrue();
        assertThat(buffer.position()).isZero();
        assertThat(buffer.limit()).isEqualTo(length);
        assertThat(buffer.capacity()).isEqualTo(capacity);
    }

    @Test
    void aBufferGivenBackIsUsedAgainFromItsStart() throws Exception {
        ByteBuffer first = pool.take(5_000).position(77);
        pool.giveBack(first);

        ByteBuffer second = pool.take(9_000);

        assertThat(second).isSameAs(first);
        assertThat(second.position()).isZero();
        assertThat(second.limit()).isEqualTo(9_000);
    }

    @Test
    void buffersOfOtherSizesAreNotMixedUp() throws Exception {
        ByteBuffer large = pool.take(Content.CHUNK_BYTES);
        pool.giveBack(large);

        assertThat(pool.take(10)).isNotSameAs(large);
        assertThat(pool.take(Content.CHUNK_BYTES)).isSameAs(large);
    }

    @Test
    void idleBuffersAreBounded() throws Exception {
        var taken = new ByteBuffer[5];
        for (int i = 0; i < taken.length; i++) {
            taken[i] = pool.take(Content.CHUNK_BYTES);
        }
        assertThat(pool.lentBytes()).isEqualTo(5L * Content.CHUNK_BYTES);

        for (ByteBuffer each : taken) {
            pool.giveBack(each);
        }

        assertThat(pool.lentBytes()).isZero();
        assertThat(pool.idleBytes()).isEqualTo(2L * Content.CHUNK_BYTES);
    }

    @Test
    void twoHoldersNeverShareABuffer() throws Exception {
        pool.giveBack(pool.take(100));

        assertThat(pool.take(100)).isNotSameAs(pool.take(100));
    }

    @Test
    void theBufferComesBackWithTheLastReference() throws Exception {
        BufferPool.PooledChunk chunk = pool.chunk(pool.take(100));
        chunk.retain();

        chunk.release();
        assertThat(pool.lentBytes()).isEqualTo(4_096);
        chunk.release();
        assertThat(pool.lentBytes()).isZero();
    }

    @Test
    void aReleasedChunkIsNeitherReleasedNorRetainedNorRead() throws Exception {
        BufferPool.PooledChunk chunk = pool.chunk(pool.take(100));
        chunk.release();

        assertThatIllegalStateException().isThrownBy(chunk::retain);
        assertThatIllegalStateException().isThrownBy(chunk::bytes);
        assertThat(chunk.tryRetain()).isFalse();
        assertThatIllegalStateException().isThrownBy(chunk::release);
        assertThatIllegalStateException().isThrownBy(chunk::retain);
        assertThat(pool.lentBytes()).as("given back once").isZero();
        assertThat(pool.idleBytes()).isEqualTo(4_096);
    }

    @Test
    void readersMoveTheirOwnPositionAndCannotWrite() throws Exception {
        BufferPool.PooledChunk chunk =
                pool.chunk(3, buffer -> buffer.put((byte) 1).put((byte) 2).put((byte) 3));

        chunk.bytes().position(2);

        assertThat(chunk.bytes().remaining()).isEqualTo(3);
        assertThat(chunk.bytes().get(2)).isEqualTo((byte) 3);
        assertThatThrownBy(() -> chunk.bytes().put((byte) 0)).isInstanceOf(ReadOnlyBufferException.class);
    }

    @Test
    void aFillerThatFailsKeepsNoBuffer() {
        assertThatThrownBy(() -> pool.chunk(100, buffer -> {
                    throw new IOException("broken");
                }))
                .hasMessage("broken");
        assertThatThrownBy(() -> pool.chunk(100, buffer -> {
                    throw new IllegalStateException("a bug");
                }))
                .hasMessage("a bug");

        assertThat(pool.lentBytes()).isZero();
    }
}
