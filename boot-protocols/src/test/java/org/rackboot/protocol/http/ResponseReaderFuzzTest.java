package org.rackboot.protocol.http;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.OptionalLong;
import org.rackboot.protocol.http.ResponseReader.Part;

/** Any bytes from a server, cut anywhere (docs/testing.md). */
class ResponseReaderFuzzTest {

    @FuzzTest(maxDuration = "2m")
    void anAnswerIsTheSameHoweverItIsCut(byte[] bytes) { // F7
        for (boolean answersHead : new boolean[] {false, true}) {
            String whole = read(bytes, Math.max(1, bytes.length), answersHead);

            assertThat(read(bytes, 1, answersHead)).isEqualTo(whole);
            assertThat(read(bytes, 7, answersHead)).isEqualTo(whole);
        }
    }

    private static String read(byte[] bytes, int piece, boolean answersHead) {
        ResponseReader reader = new ResponseReader(answersHead);
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        int ends = 0;
        int taken = 0;
        try {
            for (int at = 0; at < bytes.length; at += piece) {
                ByteBuffer in = ByteBuffer.wrap(bytes, at, Math.min(piece, bytes.length - at));
                int before = in.remaining();
                for (Part part : reader.onBytes(in)) {
                    assertThat(ends).as("nothing follows the end").isZero();
                    if (part instanceof Part.Body data) {
                        byte[] copy = new byte[data.bytes().remaining()];
                        data.bytes().get(copy);
                        body.writeBytes(copy);
                    } else if (part instanceof Part.End) {
                        ends++;
                    }
                }
                taken += before - in.remaining();
            }
            ends += reader.onEndOfStream().size();
        } catch (MalformedResponseException e) {
            assertThat(e.getMessage()).hasSizeLessThan(10_000);
            return "malformed";
        }
        assertThat(ends).isEqualTo(reader.isComplete() ? 1 : 0);
        OptionalLong length = reader.bodyLength();
        if (reader.isComplete()
                && !answersHead
                && length.isPresent()
                && status(reader) != 304
                && status(reader) != 204) {
            assertThat((long) body.size()).isEqualTo(length.getAsLong());
        }
        return "%s %d %d %s"
                .formatted(
                        reader.head(),
                        ends,
                        taken,
                        HexFormat.of().formatHex(Arrays.copyOf(body.toByteArray(), body.size())));
    }

    private static int status(ResponseReader reader) {
        return reader.head().orElseThrow().status();
    }
}
