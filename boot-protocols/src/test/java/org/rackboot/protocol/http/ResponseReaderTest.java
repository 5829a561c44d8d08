package org.rackboot.protocol.http;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalLong;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rackboot.protocol.http.ResponseHead.Header;
import org.rackboot.protocol.http.ResponseReader.Part;

class ResponseReaderTest {
    private static final String PLAIN =
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type:application/efi\r\n\r\nhello";
    private static final String CHUNKED =
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n"
                    + "\r\n3;x=1\r\nhel\r\n2\r\nlo\r\n0\r\nTrailer: 1\r\n\r\n";
    private static final String UNTIL_CLOSE = "HTTP/1.0 200 OK\nServer: old\n\nhello";

    private final StringBuilder body = new StringBuilder();
    private ResponseReader reader = new ResponseReader(false);

    @Test
    void theHeadIsKeptAsItStandsOnTheWire() throws MalformedResponseException { // Quirk H1
        read(PLAIN, 1_000);

        ResponseHead head = reader.head().orElseThrow();
        assertThat(head.statusLine()).isEqualTo("HTTP/1.1 200 OK");
        assertThat(head.headers())
                .containsExactly(new Header("Content-Length", " 5"), new Header("Content-Type", "application/efi"));
        assertThat(head.value("content-TYPE")).isEqualTo("application/efi");
        assertThat(head.contentLength()).hasValue(5);
        assertThat(head.bareLineFeeds()).isFalse();
        assertThat(head.closes()).isFalse();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 7, 1_000})
    void aBodyMayComeInPiecesOfAnySize(int pieceBytes) throws MalformedResponseException {
        for (String response : List.of(PLAIN, CHUNKED, UNTIL_CLOSE)) {
            reader = new ResponseReader(false);
            body.setLength(0);

            read(response, pieceBytes);

            assertThat(body).hasToString("hello");
            assertThat(reader.isComplete()).isEqualTo(!response.equals(UNTIL_CLOSE));
        }
    }

    @Test
    void onlyABodyWithoutLengthEndsWithTheConnection() throws MalformedResponseException {
        read(UNTIL_CLOSE, 1_000);
        assertThat(reader.onEndOfStream()).containsExactly(new Part.End());
        assertThat(reader.isComplete()).isTrue();
        assertThat(reader.head().orElseThrow().bareLineFeeds()).isTrue();
        assertThat(reader.head().orElseThrow().closes()).isTrue();

        for (String cut : List.of(
                PLAIN.substring(0, PLAIN.length() - 1), CHUNKED.substring(0, CHUNKED.length() - 2), "HTTP/1.1")) {
            reader = new ResponseReader(false);
            read(cut, 1_000);
            assertThat(reader.onEndOfStream()).isEmpty();
            assertThat(reader.isComplete()).isFalse();
        }
    }

    @Test
    void anAnswerToHeadHasNoBody() throws MalformedResponseException {
        reader = new ResponseReader(true);
        ByteBuffer in = bytes("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHTTP/1.1 404 Not Found\r\n");

        assertThat(reader.onBytes(in)).hasSize(2).last().isEqualTo(new Part.End());
        assertThat(reader.bodyLength()).isEqualTo(OptionalLong.of(5));
        assertThat(in.remaining()).isEqualTo("HTTP/1.1 404 Not Found\r\n".length());
    }

    @Test
    void anEmptyBodyEndsAtOnce() throws MalformedResponseException {
        assertThat(reader.onBytes(bytes("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")))
                .last()
                .isEqualTo(new Part.End());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "SSH-2.0-OpenSSH\r\n\r\n",
                "\r\n\r\n",
                "HTTP/1.1 2000 OK\r\n\r\n",
                "HTTP/2 200\r\n\r\n",
                "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
                "HTTP/1.1 200 OK\r\n: no name\r\n\r\n",
                "HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\n",
                "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
                "HTTP/1.1 200 OK\r\nContent-Length: 5\r\ncontent-length: 6\r\n\r\n",
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
            })
    void rubbishIsRefused(String response) {
        assertThatThrownBy(() -> read(response, 1_000)).isInstanceOf(MalformedResponseException.class);
    }

    @Test
    void whatNeverEndsIsCutOff() {
        for (String endless : List.of(
                "HTTP/1.1 200 OK\r\nX: " + "a".repeat(70_000),
                "HTTP/1.1 100 Continue\r\n\r\n".repeat(20),
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + "0".repeat(2_000),
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + "A: b\r\n".repeat(200))) {
            reader = new ResponseReader(false);
            assertThatThrownBy(() -> read(endless, 1_000)).isInstanceOf(MalformedResponseException.class);
        }
    }

    @Test
    void mutatedResponsesAreReadOrRefusedAndNothingElse() {
        SplittableRandom random = new SplittableRandom(9_112);
        List<String> originals = List.of(PLAIN, CHUNKED, UNTIL_CLOSE);
        int refused = 0;
        for (int i = 0; i < 50_000; i++) {
            byte[] bytes = originals.get(random.nextInt(originals.size())).getBytes(ISO_8859_1);
            for (int changes = random.nextInt(5); changes > 0; changes--) {
                bytes[random.nextInt(bytes.length)] = (byte) random.nextInt(random.nextBoolean() ? 64 : 256);
            }
            reader = new ResponseReader(false);
            try {
                read(new String(bytes, ISO_8859_1), random.nextInt(1, 50));
            } catch (MalformedResponseException e) {
                refused++;
            } catch (RuntimeException | Error e) {
                throw new AssertionError(Arrays.toString(bytes), e);
            }
        }
        assertThat(refused).isBetween(2_500, 47_500);
    }

    private void read(String response, int pieceBytes) throws MalformedResponseException {
        ByteBuffer in = bytes(response);
        while (in.hasRemaining() && !reader.isComplete()) {
            ByteBuffer piece = in.slice(in.position(), Math.min(pieceBytes, in.remaining()));
            for (Part part : reader.onBytes(piece)) {
                if (part instanceof Part.Body bytes) {
                    body.append(ISO_8859_1.decode(bytes.bytes()));
                }
            }
            in.position(in.position() + piece.position());
        }
    }

    private static ByteBuffer bytes(String text) {
        return ByteBuffer.wrap(text.getBytes(ISO_8859_1));
    }
}
