package org.rackboot.region.publish;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;

import java.io.IOException;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TarHeaderTest {

    @Test
    void aHeaderIsWhatPosixSays() throws Exception {
        byte[] block = new TarHeader("noble/squashfs", 300_000).encode(1_768_456_800);

        assertThat(text(block, 0, 15)).isEqualTo("noble/squashfs\0");
        assertThat(text(block, 100, 8)).isEqualTo("0000644\0");
        assertThat(text(block, 124, 12)).isEqualTo("00001111740\0");
        assertThat(text(block, 136, 12)).isEqualTo("15132101140\0");
        assertThat(text(block, 156, 1)).isEqualTo("0");
        assertThat(text(block, 257, 8)).isEqualTo("ustar\00000");
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 1, 511, 512, (1L << 33) - 1, 1L << 33, TarHeader.MAX_SIZE})
    void everySizeComesBack(long size) throws Exception {
        TarHeader header = new TarHeader("a/b", size);

        assertThat(TarHeader.decode(header.encode(0))).isEqualTo(header);
        assertThat(header.paddedSize() % 512).isZero();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 99, 100})
    void everyNameThatFitsComesBack(int last) throws Exception {
        TarHeader header = new TarHeader("a".repeat(100) + "/" + "b".repeat(54 - 10) + "/" + "c".repeat(last), 1);

        assertThat(TarHeader.decode(header.encode(0))).isEqualTo(header);
    }

    @Test
    void aNameThatFitsNowhereIsRefused() {
        assertThatIOException()
                .isThrownBy(() -> new TarHeader("a/" + "b".repeat(101), 1).encode(0))
                .withMessageContaining("too long");
        assertThatIOException()
                .isThrownBy(() -> new TarHeader("a".repeat(156) + "/b", 1).encode(0))
                .withMessageContaining("too long");
    }

    @ParameterizedTest
    @CsvSource({
        "0, '/etc/passwd', clean relative path",
        "0, '../up', clean relative path",
        "0, '', characters",
        "156, '1', no plain file",
        "156, '2', no plain file",
        "156, '5', no plain file",
        "156, 'S', no plain file",
        "156, 'L', no plain file",
        "156, 'x', no plain file",
        "156, 'g', no plain file",
        "157, 'target', no plain file",
        "257, 'ustar  ', no tar header",
        "124, '7777777777x', a number",
        "124, '-0000000001', a number",
        "124, '', a number"
    })
    void whatIsNoPlainFileIsRefused(int at, String text, String why) throws Exception {
        byte[] block = new TarHeader("a", 0).encode(0);
        byte[] bytes = (text + "\0").getBytes(US_ASCII);
        System.arraycopy(bytes, 0, block, at, at == 156 ? 1 : bytes.length);

        assertThatIOException()
                .isThrownBy(() -> TarHeader.decode(summed(block)))
                .withMessageContaining(why);
    }

    @Test
    void sizesOutOfBoundsAreRefused() throws Exception {
        byte[] huge = new TarHeader("a", TarHeader.MAX_SIZE + 1).encode(0);
        byte[] negative = new TarHeader("a", 1L << 33).encode(0);
        negative[128] = (byte) 0x80;
        byte[] beyond = new TarHeader("a", 1L << 33).encode(0);
        beyond[126] = 1;

        assertThatIOException().isThrownBy(() -> TarHeader.decode(huge)).withMessageContaining("at most");
        assertThatIOException()
                .isThrownBy(() -> TarHeader.decode(summed(negative)))
                .withMessageContaining("out of all bounds");
        assertThatIOException()
                .isThrownBy(() -> TarHeader.decode(summed(beyond)))
                .withMessageContaining("out of all bounds");
    }

    @Test
    void everyFlippedBitIsNoticed() throws Exception {
        byte[] block = new TarHeader("noble/squashfs", 300_000).encode(1_768_456_800);
        for (int bit = 0; bit < block.length * 8; bit++) {
            byte[] flipped = block.clone();
            flipped[bit / 8] ^= (byte) (1 << bit % 8);

            if (bit / 8 != 154 && bit / 8 != 155) { // What ends the checksum may be a blank as well as a zero.
                assertThatIOException().as("bit %d", bit).isThrownBy(() -> TarHeader.decode(flipped));
            }
        }
    }

    @Test
    void randomBytesAreRefusedOrAHeader() {
        Random random = new Random(7);
        for (int i = 0; i < 20_000; i++) {
            try {
                byte[] block = new TarHeader("a/b", random.nextInt(9_000)).encode(0);
                for (int change = random.nextInt(4); change >= 0; change--) {
                    block[random.nextInt(350)] = (byte) random.nextInt();
                }
                TarHeader.decode(summed(block));
            } catch (IOException e) {
                assertThat(e).hasMessageNotContaining("null");
            }
        }
    }

    private static String text(byte[] block, int at, int length) {
        return new String(block, at, length, US_ASCII);
    }

    /** The block with a right checksum. */
    static byte[] summed(byte[] block) {
        byte[] copy = block.clone();
        java.util.Arrays.fill(copy, 148, 156, (byte) ' ');
        int sum = 0;
        for (byte b : copy) {
            sum += b & 0xff;
        }
        System.arraycopy("%06o\0 ".formatted(sum).getBytes(US_ASCII), 0, copy, 148, 8);
        return copy;
    }
}
