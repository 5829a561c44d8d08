package org.rackboot.protocol.http;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.rackboot.protocol.http.ByteRange.Selection;

class ByteRangeTest {
    private static final byte[] BODY = "0123456789abcdefghij".getBytes(US_ASCII);

    @ParameterizedTest
    @CsvSource({
        "bytes=0-0,0,1",
        "bytes=0-19,0,20",
        "bytes=5-,5,15", // Quirk H17: GRUB seeks.
        "bytes=0-99,0,20",
        "bytes=19-19,19,1",
        "bytes=-1,19,1",
        "bytes=-99,0,20",
        "BYTES=1-2,1,2",
        "bytes= 1-2,1,2",
        "bytes=1-9223372036854775807,1,19",
        "bytes=1-9999999999999999999,1,19", // Larger than a long (S-25).
    })
    void aPartIsSelected(String header, long first, long length) {
        assertThat(ByteRange.select(header, BODY.length)).isEqualTo(new Selection.Part(new ByteRange(first, length)));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "bytes=u-u", // Quirk H10: iPXE's BIOS builds.
                "bytes=-",
                "bytes=",
                "",
                "bytes=5-4",
                "bytes=0-1,3-4",
                "bytes=1-2-3",
                "bytes 1-2",
                "items=1-2",
                "bytes=+1-2",
                "bytes=\u0661-\u0662",
                "bytes=99999999999999999999-",
            })
    void aMalformedRangeOrSeveralAreIgnored(String header) { // Quirk H10, S-25
        assertThat(ByteRange.select(header, BODY.length)).isEqualTo(new Selection.Whole());
    }

    @ParameterizedTest
    @ValueSource(strings = {"bytes=20-", "bytes=20-30", "bytes=9999999999999999999-", "bytes=-0"})
    void aRangeBehindTheEndCannotBeSatisfied(String header) {
        assertThat(ByteRange.select(header, BODY.length)).isEqualTo(new Selection.Unsatisfiable());
    }

    @Test
    void anEmptyBodyHasNoParts() {
        assertThat(ByteRange.select("bytes=0-", 0)).isEqualTo(new Selection.Unsatisfiable());
        assertThat(ByteRange.select("bytes=-5", 0)).isEqualTo(new Selection.Unsatisfiable());
    }

    @Test
    void everyPartIsTheSliceOfAnArray() {
        SplittableRandom random = new SplittableRandom(9_110);
        for (int i = 0; i < 50_000; i++) {
            byte[] body = Arrays.copyOf(BODY, random.nextInt(BODY.length + 1));
            int first = random.nextInt(-5, 25);
            int last = random.nextInt(0, 30);
            String header = first < 0 ? "bytes=" + first : "bytes=" + first + "-" + last;

            int from = first < 0 ? Math.max(0, body.length + first) : first;
            int to = first < 0 ? body.length : Math.min(body.length, last + 1);
            Selection selection = ByteRange.select(header, body.length);
            if (first >= 0 && last < first) {
                assertThat(selection).isEqualTo(new Selection.Whole());
            } else if (from >= to) {
                assertThat(selection).isEqualTo(new Selection.Unsatisfiable());
            } else {
                ByteRange part = ((Selection.Part) selection).range();
                int start = (int) part.first();
                assertThat(Arrays.copyOfRange(body, start, start + (int) part.length()))
                        .isEqualTo(Arrays.copyOfRange(body, from, to));
            }
        }
    }
}
