package org.rackboot.protocol.http;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.util.Optional;
import org.rackboot.protocol.http.ContentRequest.Decision;

/** Any conditional headers, for content of any size (docs/testing.md). */
class ContentRequestFuzzTest {
    private static final String ETAG = "\"5e88\"";
    private static final long[] SIZES = {0, 1, 100, 1 << 20, Long.MAX_VALUE};

    /** One header a line: Range, If-Match, If-None-Match, If-Range; a line that is missing or a dot was not sent. */
    @FuzzTest(maxDuration = "2m")
    void headersSelectAPartOrTheWholeOrNothing(byte[] bytes) { // F7, S-25
        String[] lines = new String(bytes, ISO_8859_1).split("\n", -1);
        Optional<String> range = header(lines, 0);
        Optional<String> ifMatch = header(lines, 1);
        Optional<String> ifNoneMatch = header(lines, 2);
        Optional<String> ifRange = header(lines, 3);
        for (long size : SIZES) {
            Decision decision = ContentRequest.decide(size, ETAG, ifMatch, ifNoneMatch, ifRange, range);

            if (decision instanceof Decision.Partial partial) {
                long first = partial.range().first();
                long length = partial.range().length();
                assertThat(first).isBetween(0L, size - 1);
                assertThat(length).isBetween(1L, size - first);
            }
            boolean partly = decision instanceof Decision.Partial || decision instanceof Decision.RangeNotSatisfiable;
            assertThat(partly && range.isEmpty())
                    .as("a range that was not asked")
                    .isFalse();
            boolean other = ifRange.isPresent() && !ifRange.get().contains(ETAG);
            assertThat(partly && other).as("a part of other content").isFalse();
            if (decision instanceof Decision.PreconditionFailed) {
                assertThat(ifMatch).isPresent();
            }
            if (decision instanceof Decision.NotModified) {
                assertThat(ifNoneMatch)
                        .hasValueSatisfying(value -> assertThat(value).containsAnyOf(ETAG, "*"));
            }
            if (ifMatch.isPresent()
                    && !ifMatch.get().contains(ETAG)
                    && !ifMatch.get().contains("*")) {
                assertThat(decision).isEqualTo(new Decision.PreconditionFailed());
            }
        }
    }

    private static Optional<String> header(String[] lines, int index) {
        return index < lines.length && !lines[index].equals(".") ? Optional.of(lines[index]) : Optional.empty();
    }
}
