package org.rackboot.protocol.http;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RequestParserTest {
    private static final String EDK2 = "HEAD /images/a%20b.efi?x=1 HTTP/1.1\r\nHost: 198.18.0.1\r\nAccept: */*\r\n"
            + "User-Agent: UefiHttpBoot/1.0\r\n\r\n";

    @Test
    void aRequestOfFirmwareIsUnderstood() throws Exception {
        RequestHead head = parse(EDK2).orElseThrow();

        assertThat(head.method()).isEqualTo("HEAD");
        assertThat(head.isHead()).isTrue();
        assertThat(head.path()).isEqualTo("/images/a b.efi");
        assertThat(head.query()).isEqualTo("x=1");
        assertThat(head.isKeepAlive()).isTrue();
        assertThat(head.contentLength()).isZero();
        assertThat(head.header("user-agent")).contains("UefiHttpBoot/1.0");
        assertThat(head.header("range")).isEmpty();
    }

    @Test
    void bytesMayComeInAnyPieces() throws Exception {
        byte[] wire = EDK2.getBytes(ISO_8859_1);
        for (int cut = 1; cut < wire.length; cut++) {
            RequestParser parser = new RequestParser();
            assertThat(parser.parse(ByteBuffer.wrap(wire, 0, cut))).isEmpty();
            assertThat(parser.isAmidRequest()).isTrue();
            assertThat(parser.parse(ByteBuffer.wrap(wire, cut, wire.length - cut)))
                    .isPresent();
            assertThat(parser.isAmidRequest()).isFalse();
        }
    }

    @Test
    void whatFollowsAHeadIsLeft() throws Exception {
        ByteBuffer in = wire("GET /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nxyz");
        RequestParser parser = new RequestParser();

        assertThat(parser.parse(in).orElseThrow().contentLength()).isEqualTo(3);
        assertThat(in.remaining()).isEqualTo(3);
    }

    @Test
    void requestsOnOneConnectionKnowNothingOfEachOther() throws Exception {
        ByteBuffer in = wire("GET /a HTTP/1.0\r\nConnection: keep-alive\r\nExpect: x\r\nContent-Length: 3\r\n\r\n"
                + "\r\nGET /b HTTP/1.1\r\nHost: b\r\n\r\n");
        RequestParser parser = new RequestParser();
        RequestHead first = parser.parse(in).orElseThrow();
        RequestHead second = parser.parse(in).orElseThrow(); // One empty line before it is ignored (RFC 9112, 2.2).

        assertThat(first.isKeepAlive()).isTrue();
        assertThat(first.isExpecting()).isTrue();
        assertThat(second.path()).isEqualTo("/b");
        assertThat(second.contentLength()).isZero();
        assertThat(second.isExpecting()).isFalse();
        assertThat(first.path()).isEqualTo("/a");
        assertThat(first.header("host")).isEmpty();
    }

    @Test
    void fieldsAreFoundWhateverTheirCaseAndJoined() throws Exception {
        RequestHead head = parse(
                        "GET / HTTP/1.1\r\nhOST: a\r\nIF-NONE-MATCH:\t\"a\" \r\nX: \r\nif-none-match:\"b\"\r\n\r\n")
                .orElseThrow();

        assertThat(head.header("if-none-match")).contains("\"a\",\"b\"");
        assertThat(head.header("x")).contains("");
    }

    @Test
    void theConnectionStaysUnlessOneSideIsOldOrDoneWithIt() throws Exception { // H4, H14, H15
        assertThat(keepAlive("HTTP/1.1", "X: a")).isTrue();
        assertThat(keepAlive("HTTP/1.1", "Connection: close")).isFalse();
        assertThat(keepAlive("HTTP/1.1", "Connection: Keep-Alive , CLOSE")).isFalse();
        assertThat(keepAlive("HTTP/1.0", "X: a")).isFalse();
        assertThat(keepAlive("HTTP/1.0", "Connection: te,keep-alive")).isTrue();
        assertThat(keepAlive("HTTP/1.0", "Connection: keep-alive\r\nConnection: close"))
                .isFalse();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "/a",
                "//a",
                "\\a",
                "a",
                "http://h:1/a",
                "HTTPS://h/a",
                "/a?b",
                "/%61",
                "http://user@[::1]:80/a?x"
            })
    void everyFormOfATargetHasItsPath(String target) throws Exception { // H8, H16
        RequestHead head =
                parse("GET " + target + " HTTP/1.1\r\nHost: other\r\n\r\n").orElseThrow();

        assertThat(head.path()).matches("(//?|\\\\)?a");
    }

    @Test
    void escapesBecomeBytesAndWhatIsNoneStays() {
        assertThat(RequestHead.percentDecoded("/a%00%zz%c3%a9%")).isEqualTo("/a\0%zz\u00c3\u00a9%");
        assertThat(RequestHead.percentDecoded("%4%")).isEqualTo("%4%");
    }

    @Test
    void limitsAreExact() throws Exception { // S-18
        String target = "/" + "a".repeat(RequestParser.MAX_LINE_BYTES - "GET / HTTP/1.1".length());
        assertThat(parse("GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n")).isPresent();
        refuses(RequestRefusal.TARGET_TOO_LONG, "GET " + target + "a HTTP/1.1\r\nHost: a\r\n\r\n");

        String line = "X: " + "a".repeat(RequestParser.MAX_LINE_BYTES - 3);
        assertThat(parse("GET / HTTP/1.1\r\nHost: a\r\n" + line + "\r\n\r\n")).isPresent();
        refuses(RequestRefusal.HEADER_TOO_LONG, "GET / HTTP/1.1\r\nHost: a\r\n" + line + "a\r\n\r\n");
        refuses(RequestRefusal.HEADER_TOO_LONG, "GET / HTTP/1.1\r\nHost: a\r\n" + (line + "\r\n").repeat(2) + "\r\n");

        String fields = "X: a\r\n".repeat(RequestParser.MAX_FIELDS - 1);
        assertThat(parse("GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n")).isPresent();
        refuses(RequestRefusal.HEADER_TOO_LONG, "GET / HTTP/1.1\r\nHost: a\r\nY: b\r\n" + fields + "\r\n");
    }

    @Test
    void aHeadWhoseTargetIsTooLongIsKnownAsOneAlsoWhenItCameAtOnce() { // Its answer must have no body.
        assertThatThrownBy(() -> parse("HEAD /" + "a".repeat(2 * RequestParser.MAX_LINE_BYTES) + " HTTP/1.1\r\n"))
                .isInstanceOfSatisfying(
                        RefusedRequestException.class,
                        e -> assertThat(e.isHead()).isTrue());
    }

    @Test
    void aByteThatBelongsToNoRequestIsRefusedAtOnce() { // A TLS client need not wait for a deadline.
        refuses(RequestRefusal.STRAY_BYTE, "\u0016\u0003\u0001");
        refuses(RequestRefusal.STRAY_BYTE, "GET / HTTP/1.1\n");
        refuses(RequestRefusal.MALFORMED_LINE, "GET /\r\n");
        refuses(RequestRefusal.VERSION, "PRI * HTTP/2.0\r\n");
    }

    @Test
    void arbitraryBytesAreRefusedOrWaitedForAndNeverAFault() { // S-16
        SplittableRandom random = new SplittableRandom(9_112);
        String pieces =
                "GET POST / /a HTTP/1.1 HTTP/1.0 \r\n \r \n \t : Host: Content-Length: 5 0 , ; chunked \0 \u00ff";
        String[] words = pieces.split(" ", -1);
        int sound = 0;
        for (int i = 0; i < 200_000; i++) {
            StringBuilder wire = new StringBuilder(random.nextBoolean() ? "GET / HTTP/1.1\r\nHost: a\r\n" : "");
            for (int n = random.nextInt(12); n > 0; n--) {
                wire.append(words[random.nextInt(words.length)]);
                wire.append(random.nextInt(3) == 0 ? " " : random.nextInt(3) == 0 ? "\r\n" : "");
            }
            try {
                sound += parse(wire.append("\r\n\r\n").toString()).isPresent() ? 1 : 0;
            } catch (RefusedRequestException e) {
                assertThat(e.refusal().status()).isBetween(400, 505);
                assertThat(e.refusal().sentence()).hasSizeLessThan(256);
            }
        }
        assertThat(sound).isPositive();
    }

    private static boolean keepAlive(String version, String fields) throws RefusedRequestException {
        return parse("GET / " + version + "\r\nHost: a\r\n" + fields + "\r\n\r\n")
                .orElseThrow()
                .isKeepAlive();
    }

    private static void refuses(RequestRefusal refusal, String wire) {
        assertThatThrownBy(() -> parse(wire))
                .isInstanceOfSatisfying(
                        RefusedRequestException.class,
                        e -> assertThat(e.refusal()).isEqualTo(refusal));
    }

    private static Optional<RequestHead> parse(String text) throws RefusedRequestException {
        return new RequestParser().parse(wire(text));
    }

    private static ByteBuffer wire(String text) {
        return ByteBuffer.wrap(text.getBytes(ISO_8859_1));
    }
}
