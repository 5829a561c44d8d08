package org.rackboot.protocol.http;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Any bytes on a connection, cut anywhere (docs/testing.md). */
class RequestParserFuzzTest {
    private static final int MOST_HEADS = 100;

    @FuzzTest(maxDuration = "2m")
    void requestsAreTheSameHoweverTheyAreCut(byte[] bytes) { // F7, S-16
        List<String> whole = read(bytes, Math.max(1, bytes.length));

        assertThat(read(bytes, 1)).isEqualTo(whole);
        assertThat(read(bytes, 7)).isEqualTo(whole);
    }

    private static List<String> read(byte[] bytes, int piece) {
        RequestParser parser = new RequestParser();
        List<String> events = new ArrayList<>();
        long body = 0;
        try {
            for (int at = 0; at < bytes.length && events.size() < MOST_HEADS; at += piece) {
                ByteBuffer in = ByteBuffer.wrap(bytes, at, Math.min(piece, bytes.length - at));
                while (in.hasRemaining()) {
                    int skipped = (int) Math.min(body, in.remaining());
                    in.position(in.position() + skipped);
                    body -= skipped;
                    if (in.hasRemaining()) {
                        Optional<RequestHead> head = parser.parse(in);
                        head.ifPresent(each -> events.add(described(each)));
                        body = head.map(RequestHead::contentLength).orElse(0L);
                        assertThat(head.isPresent() || !in.hasRemaining())
                                .as("all is taken")
                                .isTrue();
                    }
                }
            }
            events.add(parser.isAmidRequest() + " " + body);
        } catch (RefusedRequestException e) {
            events.add(e.refusal() + " " + e.isHead());
        }
        return events;
    }

    private static String described(RequestHead head) {
        String path = head.path();
        for (int i = 0; i < path.length(); i++) {
            assertThat(path.charAt(i)).isLessThan('\u0100');
        }
        assertThat(path.length() + head.query().length()).isLessThanOrEqualTo(RequestParser.MAX_LINE_BYTES);
        assertThat(RequestHead.percentDecoded(path).length()).isLessThanOrEqualTo(path.length());
        assertThat(head.method()).isNotEmpty();
        assertThat(head.contentLength()).isNotNegative();
        assertThat(head.header("transfer-encoding")).isEmpty();
        assertThat(head.header("host").orElse("")).doesNotContain("\r", "\n", " ");
        return String.join(
                "|",
                head.method(),
                path,
                head.query(),
                Boolean.toString(head.isKeepAlive()),
                Boolean.toString(head.isExpecting()),
                Long.toString(head.contentLength()),
                head.header("host").toString(),
                head.header("range").toString(),
                head.header("if-match").toString());
    }

    @FuzzTest(maxDuration = "2m")
    void anyTextIsDecodedOnce(byte[] text) { // F7, S-01
        String decoded = RequestHead.percentDecoded(new String(text, ISO_8859_1));

        assertThat(decoded.length()).isLessThanOrEqualTo(text.length);
        StringBuilder escaped = new StringBuilder();
        for (byte each : decoded.getBytes(ISO_8859_1)) {
            escaped.append("%%%02x".formatted(each & 0xFF));
        }
        assertThat(RequestHead.percentDecoded(escaped.toString())).isEqualTo(decoded);
    }
}
