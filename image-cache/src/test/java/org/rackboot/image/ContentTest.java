package org.rackboot.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.rackboot.image.Content.CHUNK_BYTES;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ContentTest {
    private static final ContentId ID = Sample.sha256(new byte[0]);

    @ParameterizedTest
    @CsvSource({
        "0, 0, 0",
        "1, 1, 1",
        "1048575, 1, 1048575",
        "1048576, 1, 1048576",
        "1048577, 2, 1",
        "3145728, 3, 1048576"
    })
    void isCutIntoChunksOfWhichTheLastMayBeShorter(long size, int chunks, int lastLength) {
        var content = new Content(ID, size, ID);

        assertThat(content.chunkCount()).isEqualTo(chunks);
        long sum = 0;
        for (int i = 0; i < chunks; i++) {
            assertThat(content.chunkOffset(i)).isEqualTo(sum);
            assertThat(content.chunkLength(i)).isEqualTo(i < chunks - 1 ? CHUNK_BYTES : lastLength);
            sum += content.chunkLength(i);
        }
        assertThat(sum).isEqualTo(size);
    }

    @Test
    void offsetsGoBeyondTwoGibibytes() {
        var content = new Content(ID, 3L << 30, ID);

        assertThat(content.chunkCount()).isEqualTo(3_072);
        assertThat(content.chunkOffset(3_071)).isEqualTo((3L << 30) - CHUNK_BYTES);
        assertThat(content.chunkLength(3_071)).isEqualTo(CHUNK_BYTES);
    }

    @Test
    void theLargestSizeHasAsManyChunksAsAnIntCounts() {
        long largest = (long) CHUNK_BYTES * Integer.MAX_VALUE;

        assertThat(new Content(ID, largest, ID).chunkCount()).isEqualTo(Integer.MAX_VALUE);
        assertThatIllegalArgumentException().isThrownBy(() -> new Content(ID, largest + 1, ID));
        assertThatIllegalArgumentException().isThrownBy(() -> new Content(ID, -1, ID));
    }
}
