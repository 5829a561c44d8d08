package org.rackboot.protocol.http;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.rackboot.protocol.http.ContentRequest.Decision;

class ContentRequestTest {
    private static final String ETAG = "\"5e88\"";
    private static final Decision FULL = new Decision.Full();
    private static final Decision PART = new Decision.Partial(new ByteRange(10, 20));

    @Test
    void withoutConditionsTheWholeIsSent() {
        assertThat(decide(null, null, null, null)).isEqualTo(FULL);
    }

    @Test
    void aRangeIsSentAlone() {
        assertThat(decide(null, null, null, "bytes=10-29")).isEqualTo(PART);
        assertThat(decide(null, null, null, " bytes=10-29 ")).isEqualTo(PART);
        assertThat(decide(null, null, null, "bytes=u-u")).isEqualTo(FULL); // Quirk H10
        assertThat(decide(null, null, null, "bytes=100-")).isEqualTo(new Decision.RangeNotSatisfiable());
    }

    @ParameterizedTest
    @CsvSource(
            quoteCharacter = '`',
            delimiter = '|',
            value = {
                "\"5e88\"        | true",
                "*               | true",
                "\"a\", \"5e88\" | true",
                "W/\"5e88\"      | false", // RFC 9110, 13.1.1: the strong comparison.
                "\"other\"       | false",
                "5e88            | false",
                "``              | false",
            })
    void anInterruptedDownloadGoesOnOnlyInTheSameContent(String ifMatch, boolean same) { // Quirk H9: EDK2
        assertThat(decide(ifMatch, null, null, "bytes=10-29"))
                .isEqualTo(same ? PART : new Decision.PreconditionFailed());
    }

    @ParameterizedTest
    @CsvSource(
            quoteCharacter = '`',
            delimiter = '|',
            value = {
                "\"5e88\"          | true",
                "W/\"5e88\"        | true", // RFC 9110, 13.1.2: the weak comparison.
                "*                 | true",
                "\"a\",W/\"5e88\"  | true",
                "\"other\"         | false",
                "5e88              | false",
            })
    void whatTheClientHasIsNotSentAgain(String ifNoneMatch, boolean same) {
        assertThat(decide(null, ifNoneMatch, null, null)).isEqualTo(same ? new Decision.NotModified() : FULL);
        assertThat(decide(null, ifNoneMatch, null, "bytes=10-29")).isEqualTo(same ? new Decision.NotModified() : PART);
    }

    @ParameterizedTest
    @CsvSource(
            quoteCharacter = '`',
            delimiter = '|',
            value = {
                "\"5e88\"                      | true",
                "W/\"5e88\"                    | false", // RFC 9110, 13.1.5: strong only.
                "\"other\"                     | false",
                "Sun, 22 Nov 2026 12:00:00 GMT | false", // No dates are sent, so none can match.
            })
    void aRangeOfOtherContentBecomesTheWhole(String ifRange, boolean same) {
        assertThat(decide(null, null, ifRange, "bytes=10-29")).isEqualTo(same ? PART : FULL);
        assertThat(decide(null, null, ifRange, null)).isEqualTo(FULL);
    }

    @Test
    void ifMatchIsJudgedFirst() { // RFC 9110, 13.2.2
        assertThat(decide("\"other\"", ETAG, null, null)).isEqualTo(new Decision.PreconditionFailed());
        assertThat(decide(ETAG, ETAG, null, null)).isEqualTo(new Decision.NotModified());
    }

    private static Decision decide(
            @Nullable String ifMatch, @Nullable String ifNoneMatch, @Nullable String ifRange, @Nullable String range) {
        return ContentRequest.decide(
                100,
                ETAG,
                Optional.ofNullable(ifMatch),
                Optional.ofNullable(ifNoneMatch),
                Optional.ofNullable(ifRange),
                Optional.ofNullable(range));
    }
}
