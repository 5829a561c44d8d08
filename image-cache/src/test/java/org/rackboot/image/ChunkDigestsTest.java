package org.rackboot.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.rackboot.image.Content.CHUNK_BYTES;

import java.nio.ByteBuffer;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class ChunkDigestsTest {
    private static final Sample SAMPLE = Sample.of(1, 2 * CHUNK_BYTES + 3);

    @Test
    void eachChunkMatchesItsOwnDigestOnly() throws Exception {
        var digests = ChunkDigests.verified(SAMPLE.content(), SAMPLE.digests());

        for (int chunk = 0; chunk < 3; chunk++) {
            for (int index = 0; index < 3; index++) {
                assertThat(digests.matches(index, SAMPLE.chunk(chunk))).isEqualTo(chunk == index);
            }
        }
    }

    @Test
    void theBufferIsLeftAsItWas() throws Exception {
        var digests = ChunkDigests.verified(SAMPLE.content(), SAMPLE.digests());
        var buffer = ByteBuffer.allocateDirect(10)
                .position(5)
                .put(SAMPLE.chunk(2))
                .flip()
                .position(5);

        assertThat(digests.matches(2, buffer)).isTrue();

        assertThat(buffer.position()).isEqualTo(5);
        assertThat(buffer.limit()).isEqualTo(8);
    }

    @Test
    void aTurnedBitOrAMissingByteDoesNotMatch() throws Exception {
        var digests = ChunkDigests.verified(SAMPLE.content(), SAMPLE.digests());

        assertThat(digests.matches(2, ByteBuffer.wrap(SAMPLE.flipped(2 * CHUNK_BYTES + 1), 2 * CHUNK_BYTES, 3)))
                .isFalse();
        assertThat(digests.matches(2, ByteBuffer.wrap(SAMPLE.bytes(), 2 * CHUNK_BYTES, 2)))
                .isFalse();
    }

    @Test
    void anotherListIsRefusedWithBothDigests() {
        byte[] other = SAMPLE.digests().clone();
        other[40]++;

        assertThatThrownBy(() -> ChunkDigests.verified(SAMPLE.content(), other))
                .isInstanceOf(VerificationException.class)
                .hasMessageContaining(SAMPLE.content().chunkList().sha256())
                .hasMessageContaining(Sample.sha256(other).sha256());
    }

    @Test
    void aListOfAnotherLengthIsRefusedEvenWhenItsDigestIsTheAnnouncedOne() {
        byte[] longer = Arrays.copyOf(SAMPLE.digests(), 128);
        var content = new Content(SAMPLE.content().id(), SAMPLE.content().size(), Sample.sha256(longer));

        assertThatThrownBy(() -> ChunkDigests.verified(content, longer))
                .isInstanceOf(VerificationException.class)
                .hasMessageContaining("128 bytes; expected 96");
    }

    @Test
    void theListDoesNotChangeUnderItsReader() throws Exception {
        byte[] bytes = SAMPLE.digests().clone();
        var digests = ChunkDigests.verified(SAMPLE.content(), bytes);

        Arrays.fill(bytes, (byte) 0);
        Arrays.fill(digests.toBytes(), (byte) 0);

        assertThat(digests.toBytes()).isEqualTo(SAMPLE.digests());
        assertThat(digests.matches(0, SAMPLE.chunk(0))).isTrue();
    }

    @Test
    void emptyContentHasAnEmptyList() throws Exception {
        var empty = Sample.of(new byte[0]);

        assertThat(ChunkDigests.verified(empty.content(), empty.digests()).toBytes())
                .isEmpty();
    }
}
