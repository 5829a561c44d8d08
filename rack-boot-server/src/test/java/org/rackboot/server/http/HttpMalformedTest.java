package org.rackboot.server.http;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.rackboot.server.net.EventLoops;

/**
 * Requests that no client of good faith sends, one connection each, every one of them with a second request behind it
 * (S-16, S-18, S-29). None is answered but by one refusal.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class HttpMalformedTest {
    /** What an attacker hopes to have answered as well. */
    private static final String SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

    private static final String SOUND = "GET /asked-for HTTP/1.1\r\nHost: a\r\n";

    private final EventLoops loops = EventLoops.best("test");
    private final List<HttpListener.Refused> refused = new CopyOnWriteArrayList<>();
    private final List<String> served = new CopyOnWriteArrayList<>();
    private final HttpListener listener = new HttpListener(loops, this::serve, HttpListener.Limits.BOOT, refused::add);
    private InetSocketAddress server = InetSocketAddress.createUnresolved("unbound", 0);

    @BeforeAll
    void start() throws IOException {
        server = listener.bind(InetAddress.getLoopbackAddress(), 0, "HTTP", "");
    }

    @AfterAll
    void stop() {
        listener.close();
        loops.close();
    }

    @ParameterizedTest
    @MethodSource("corpus")
    void isRefusedOnceAndClosed(int status, String request) throws IOException {
        refused.clear();
        served.clear();
        try (RawHttp client = new RawHttp(server)) {
            client.send(request + SMUGGLED);

            String head = client.head();
            assertThat(head).startsWith("HTTP/1.1 " + status + " ").contains("\r\nConnection: close\r\n");
            byte[] body = client.body(10_000); // To the end: a second answer would be in it.
            assertThat(head).contains("Content-Length: " + (request.startsWith("HEAD ") ? "" : body.length));
            assertThat(body).hasSizeLessThan(256);
            assertThat(head + new String(body, ISO_8859_1))
                    .doesNotContain("asked-for")
                    .doesNotContain("smuggled");
            assertThat(head.contains("Allow: GET, HEAD\r\n")).isEqualTo(status == 405);
            assertThat(client.isClosedByServer()).isTrue();
        }
        assertThat(served).isEmpty();
        assertThat(refused).hasSize(1);
    }

    @Test
    void theCorpusIsLargeEnough() {
        assertThat(corpus()).hasSizeGreaterThanOrEqualTo(200);
    }

    @ParameterizedTest
    @MethodSource("oddities")
    void whatIsOnlyOddIsServed(String request) throws IOException {
        served.clear();
        try (RawHttp client = new RawHttp(server)) {
            client.send(request);

            assertThat(client.head()).startsWith("HTTP/1.1 200 OK\r\n");
            assertThat(served).containsExactly("/asked-for");
        }
    }

    @Test
    void aRefusalBehindGoodRequestsComesLast() throws IOException {
        served.clear();
        try (RawHttp client = new RawHttp(server)) {
            client.send(SOUND + "\r\n" + SOUND + "\r\nGET / HTTP/9.9\r\n\r\n" + SMUGGLED);

            for (int i = 0; i < 2; i++) {
                assertThat(client.head()).startsWith("HTTP/1.1 200 ");
                client.body(2);
            }
            assertThat(client.head()).startsWith("HTTP/1.1 505 ");
            client.body(10_000);
            assertThat(served).containsExactly("/asked-for", "/asked-for");
        }
    }

    @Test
    void aRefusalIsNotLostToAResetWhileTheClientStillSends() throws IOException {
        for (int i = 0; i < 50; i++) {
            try (RawHttp client = new RawHttp(server)) {
                client.send("POST /asked-for HTTP/1.1\r\nHost: a\r\nContent-Length: 150000\r\n\r\n");
                client.send("x".repeat(150_000)); // A close would reset the connection, and take the answer with it.

                assertThat(client.head()).startsWith("HTTP/1.1 405 ");
            }
        }
    }

    static List<Arguments> corpus() {
        List<Arguments> all = new ArrayList<>();
        for (String fields : new String[] { // Bodies, and what makes their length unclear.
            "Content-Length: 5",
            "Content-Length: 1",
            "Content-Length: 999999999999999999",
            "content-length: 44",
            "CONTENT-LENGTH:5",
            "Content-Length: +5",
            "Content-Length: -5",
            "Content-Length: -0",
            "Content-Length: +0",
            "Content-Length: 0x5",
            "Content-Length: 0x0",
            "Content-Length: 5 5",
            "Content-Length: 0, 0",
            "Content-Length: 0,0",
            "Content-Length: 5, 5",
            "Content-Length: 0,5",
            "Content-Length: 0\r\nContent-Length: 0",
            "Content-Length: 5\r\nContent-Length: 5",
            "Content-Length: 0\r\nContent-Length: 5",
            "Content-Length: 5\r\ncontent-length: 0",
            "Content-Length: 0\r\nX: y\r\nContent-Length: 44",
            "Content-Length:",
            "Content-Length: ",
            "Content-Length: 5.0",
            "Content-Length: 0.0",
            "Content-Length: 5e0",
            "Content-Length: 5;",
            "Content-Length: 0;x=1",
            "Content-Length: \"5\"",
            "Content-Length: '0'",
            "Content-Length: 9223372036854775808",
            "Content-Length: 18446744073709551616",
            "Content-Length: 18446744073709551621",
            "Content-Length: 4294967296",
            "Content-Length: 99999999999999999999999999999999999999",
            "Content-Length: 0000000000000000000000000000000000000000",
            "Content-Length: \u00b2",
            "Content-Length: \u00a00",
            "Content-Length: five",
            "Content-Length: 0b1",
            "Content-Length: 0_0",
            "Content-Length: 1,",
            "Content-Length: ,0",
            "Content-Length: chunked",
            "Transfer-Encoding: chunked",
            "transfer-encoding: chunked",
            "TRANSFER-ENCODING: CHUNKED",
            "Transfer-Encoding: Chunked",
            "Transfer-Encoding: identity",
            "Transfer-Encoding: gzip",
            "Transfer-Encoding: gzip, chunked",
            "Transfer-Encoding: chunked, gzip",
            "Transfer-Encoding: chunked, identity",
            "Transfer-Encoding: chunked, chunked",
            "Transfer-Encoding: xchunked",
            "Transfer-Encoding: chunkedx",
            "Transfer-Encoding: \"chunked\"",
            "Transfer-Encoding: chunked;q=1",
            "Transfer-Encoding:\tchunked",
            "Transfer-Encoding:chunked",
            "Transfer-Encoding: chunked\t",
            "Transfer-Encoding:",
            "Transfer-Encoding: ,chunked",
            "Transfer-Encoding: x\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
            "Content-Length: 4\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\nContent-Length: 4",
            "Content-Length: 0\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\nContent-Length: 0",
            "Content-Length: 44\r\nTransfer-Encoding: identity",
            "Content-Length : 0",
            "Content-Length\t: 0",
            "Content-Length 0",
            "Transfer-Encoding : chunked",
            "Transfer-Encoding\t: chunked",
            "Transfer-Encoding\u000b: chunked",
            "Transfer-Encoding\u00a0: chunked",
            "Transfer_Encoding\r: chunked",
            " Transfer-Encoding: chunked",
            "\tTransfer-Encoding: chunked",
            " Content-Length: 5",
            "X: y\r\n Transfer-Encoding: chunked", // Folded lines.
            "X: y\r\n\tTransfer-Encoding: chunked",
            "X: y\r\n z",
            "X: y\r\n\tz",
            "X:\r\n y",
            "Content-Length:\r\n 5",
            "Transfer-Encoding:\r\n chunked",
            " x: y",
            "\tx: y",
            " ",
            "\t",
            ": empty name",
            ":",
            "no colon",
            "x",
            "X Y: z", // Names.
            "X\tY: z",
            "X(Y): z",
            "X/Y: z",
            "X[Y]: z",
            "X@Y: z",
            "X\"Y: z",
            "X{Y}: z",
            "X,Y: z",
            "X;Y: z",
            "X=Y: z",
            "X?Y: z",
            "X<Y: z",
            "X\\Y: z",
            "X\u00e9: z",
            "\u00ff\u00fe: z",
            "GET /smuggled HTTP/1.1",
            "Host: b", // A second one.
            "Host: a",
            "host: a",
            "Host:",
        }) {
            all.add(Arguments.of(400, SOUND + fields + "\r\n\r\n"));
        }
        for (char control : new char[] {0, 1, 7, 8, '\n', 0xb, 0xc, '\r', 0x1b, 0x1f, 0x7f}) { // Controls anywhere.
            all.add(Arguments.of(400, SOUND + "X" + control + "Y: z\r\n\r\n"));
            all.add(Arguments.of(400, SOUND + "X: y" + control + "z\r\n\r\n"));
            all.add(Arguments.of(400, SOUND + "X: y" + control + "\r\n\r\n"));
            all.add(Arguments.of(400, SOUND + control + "X: y\r\n\r\n"));
            all.add(Arguments.of(400, "GET /asked" + control + "-for HTTP/1.1\r\nHost: a\r\n\r\n"));
            all.add(Arguments.of(400, "GE" + control + "T /asked-for HTTP/1.1\r\nHost: a\r\n\r\n"));
            all.add(Arguments.of(400, "GET /asked-for HTTP/1.1" + control + "X: y\r\nHost: a\r\n\r\n"));
            all.add(Arguments.of(400, control + "GET /asked-for HTTP/1.1\r\nHost: a\r\n\r\n"));
        }
        for (String request : new String[] { // Lines that end in anything but CR LF.
            "GET /asked-for HTTP/1.1\nHost: a\n\n",
            "GET /asked-for HTTP/1.1\nHost: a\r\n\r\n",
            "GET /asked-for HTTP/1.1\r\nHost: a\n\r\n",
            "GET /asked-for HTTP/1.1\r\nHost: a\r\n\n",
            "GET /asked-for HTTP/1.1\rHost: a\r\r",
            "GET /asked-for HTTP/1.1\r\r\nHost: a\r\n\r\n",
            "GET /asked-for HTTP/1.1\r\nHost: a\r\r\n\r\n",
            "GET /asked-for HTTP/1.1\r\nHost: a\n\rX: y\r\n\r\n",
            "\n\nGET /asked-for HTTP/1.1\r\nHost: a\r\n\r\n",
            "\r\n\r\nGET /asked-for HTTP/1.1\r\nHost: a\r\n\r\n",
            " \r\nGET /asked-for HTTP/1.1\r\nHost: a\r\n\r\n",
            "\t\r\nGET /asked-for HTTP/1.1\r\nHost: a\r\n\r\n",
            " GET /asked-for HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET  /asked-for HTTP/1.1\r\nHost: a\r\n\r\n", // Request lines.
            "GET /asked-for  HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /asked-for HTTP/1.1 \r\nHost: a\r\n\r\n",
            "GET\t/asked-for HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /asked-for\tHTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /asked for HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET  HTTP/1.1\r\nHost: a\r\n\r\n",
            "/asked-for HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET\r\nHost: a\r\n\r\n",
            "GET /asked-for\r\n", // HTTP/0.9.
            "GET /asked-for \r\n",
            "GET /asked-for HTTP\r\nHost: a\r\n\r\n",
            "GET /asked-for HTTP/\r\nHost: a\r\n\r\n",
            "GET /asked-for HTTP/1\r\nHost: a\r\n\r\n",
            "GET /asked-for HTTP/1.\r\nHost: a\r\n\r\n",
            "GET /asked-for HTTP/.1\r\nHost: a\r\n\r\n",
            "GET /asked-for HTTP/1.10\r\nHost: a\r\n\r\n",
            "GET /asked-for HTTP/1.1.1\r\nHost: a\r\n\r\n",
            "GET /asked-for HTTP/11.1\r\nHost: a\r\n\r\n",
            "GET /asked-for HTTP/1,1\r\nHost: a\r\n\r\n",
            "GET /asked-for HTTP/-1.1\r\nHost: a\r\n\r\n",
            "GET /asked-for HTTP 1.1\r\nHost: a\r\n\r\n",
            "GET /asked-for http/1.1\r\nHost: a\r\n\r\n",
            "GET /asked-for HTTPS/1.1\r\nHost: a\r\n\r\n",
            "GET /asked-for HTTP/1.x\r\nHost: a\r\n\r\n",
            "GET /asked-for FTP/1.1\r\nHost: a\r\n\r\n",
            "GET /asked-for ICY/1.1\r\nHost: a\r\n\r\n",
            "GET /asked-for HTTP/\u00b9.1\r\nHost: a\r\n\r\n",
            "G\u00c9T /asked-for HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET: /asked-for HTTP/1.1\r\nHost: a\r\n\r\n",
            "(GET) /asked-for HTTP/1.1\r\nHost: a\r\n\r\n",
            "\"GET\" /asked-for HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /asked-for HTTP/1.1\r\n\r\n", // Hosts.
            "GET /asked-for HTTP/1.1\r\nX: y\r\n\r\n",
            "GET http://a/asked-for HTTP/1.1\r\n\r\n",
            "GET /asked-for HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n",
            "GET /asked-for HTTP/1.1\r\nHost: a b\r\n\r\n",
            "GET /asked-for HTTP/1.1\r\nHost: a/b\r\n\r\n",
            "GET /asked-for HTTP/1.1\r\nHost: a@b\r\n\r\n",
            "GET /asked-for HTTP/1.1\r\nHost: a\\b\r\n\r\n",
            "GET /asked-for HTTP/1.1\r\nHost: a#b\r\n\r\n",
            "GET /asked-for HTTP/1.1\r\nHost: a?b\r\n\r\n",
            "GET /asked-for HTTP/1.1\r\nHost: a\tb\r\n\r\n",
            "GET /asked-for HTTP/1.1\r\nHost: \u00e9\r\n\r\n",
            "GET /asked-for HTTP/1.1\r\nHost : a\r\n\r\n",
            "GET /asked-for HTTP/1.1\r\n Host: a\r\n\r\n",
            "POST /asked-for HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", // Chunks.
            "GET /asked-for HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            SOUND + "Transfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\n\r\n",
            SOUND + "Transfer-Encoding: chunked\r\n\r\n5;\nhello\r\n0\r\n\r\n",
            SOUND + "Transfer-Encoding: chunked\r\n\r\n0;" + "x".repeat(1_000) + "\r\n\r\n",
            SOUND + "Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
            SOUND + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
            SOUND + "Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n",
            "HEAD /asked-for HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n",
            "HEAD /asked-for HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
            "\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003", // A ClientHello of TLS.
            "\u0016\u0003\u0003\u00001",
            "\u0080.\u0001\u0000\u0002", // One of SSL 2.
            "\u0000\u0001bootx64.efi\u0000octet\u0000", // TFTP.
            "SSH-2.0-x\r\n",
            "\u0005\u0001\u0000", // SOCKS.
            "\u0004\u0001\u0000P\u007f\u0000\u0000\u0001\u0000",
            "EHLO a\r\n",
            "{\"jsonrpc\":\"2.0\"}\r\n",
            "PROXY TCP4 198.18.0.1 198.18.0.2 1 2\r\n",
            "\r\n\r\n\u0000\r\nQUIT\n",
        }) {
            all.add(Arguments.of(400, request));
        }
        for (String version : new String[] {"0.9", "1.2", "1.9", "2.0", "3.0", "9.9", "0.0", "0.1"}) {
            all.add(Arguments.of(505, "GET /asked-for HTTP/" + version + "\r\nHost: a\r\n\r\n"));
        }
        all.add(Arguments.of(505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
        all.add(Arguments.of(505, "CONNECT a:80 HTTP/2.0\r\n\r\n"));
        for (String line : new String[] { // S-29
            "POST /asked-for",
            "PUT /asked-for",
            "DELETE /asked-for",
            "PATCH /asked-for",
            "OPTIONS /asked-for",
            "OPTIONS *",
            "TRACE /asked-for",
            "TRACE *",
            "CONNECT a:80",
            "CONNECT /asked-for",
            "PROPFIND /asked-for",
            "get /asked-for",
            "Get /asked-for",
            "head /asked-for",
            "GETT /asked-for",
            "GE /asked-for",
            "HEADER /asked-for",
            "LINK /asked-for",
            "X /asked-for",
            "!#$%&'*+-.^_`|~ /asked-for",
            "G".repeat(1_000) + " /asked-for"
        }) {
            all.add(Arguments.of(405, line + " HTTP/1.1\r\nHost: a\r\n\r\n"));
        }
        all.add(Arguments.of(405, "POST /asked-for HTTP/1.0\r\n\r\n"));
        all.add(Arguments.of(405, "POST /asked-for HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"));
        for (String expectation : new String[] {"100-continue", "100-Continue", "x", ""}) {
            all.add(Arguments.of(417, SOUND + "Expect: " + expectation + "\r\n\r\n"));
        }
        all.add(Arguments.of(417, SOUND + "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"));
        all.add(Arguments.of(414, "GET /" + "a".repeat(4_100) + " HTTP/1.1\r\nHost: a\r\n\r\n"));
        all.add(Arguments.of(414, "G".repeat(5_000) + " / HTTP/1.1\r\nHost: a\r\n\r\n"));
        all.add(Arguments.of(414, "G".repeat(200_000)));
        all.add(Arguments.of(431, SOUND + "X: " + "a".repeat(4_096) + "\r\n\r\n"));
        all.add(Arguments.of(431, SOUND + "X".repeat(5_000) + ": a\r\n\r\n"));
        all.add(Arguments.of(431, SOUND + ("X: " + "a".repeat(1_000) + "\r\n").repeat(9) + "\r\n"));
        all.add(Arguments.of(431, SOUND + "X: a\r\n".repeat(50) + "\r\n"));
        all.add(Arguments.of(431, SOUND + "X: a\r\n".repeat(20_000) + "\r\n"));
        all.add(Arguments.of(431, SOUND + "Cookie: " + "a".repeat(100_000) + "\r\n\r\n"));
        Random random = new Random(16);
        for (int i = 0; i < 20; i++) { // Junk, which for a byte of control cannot be a request.
            byte[] junk = new byte[1 + random.nextInt(300)];
            random.nextBytes(junk);
            junk[0] = (byte) random.nextInt(9);
            all.add(Arguments.of(400, new String(junk, ISO_8859_1)));
        }
        return all;
    }

    static List<String> oddities() {
        return List.of(
                "GET /asked-for HTTP/1.0\r\n\r\n", // U-Boot sends no more (H15).
                "GET /asked-for HTTP/1.0\r\nHost: 198.18.0.1:5248\r\n\r\n",
                "\r\nGET /asked-for HTTP/1.1\r\nHost: a\r\n\r\n", // RFC 9112, 2.2.
                "GET /asked-for HTTP/1.1\r\nHost:\r\n\r\n", // RFC 9112, 3.2.
                "GET /asked-for HTTP/1.1\r\nHost:a\r\n\r\n",
                "GET /asked-for HTTP/1.1\r\nHOST: [fe80::1%25eth0]:5248\r\n\r\n",
                "GET http://elsewhere:1/asked-for HTTP/1.1\r\nHost: other\r\n\r\n", // RFC 9112, 3.2.2.
                "GET HTTPS://elsewhere/asked-for?x HTTP/1.1\r\nHost: other\r\n\r\n",
                "GET /%61sked-for?a=b HTTP/1.1\r\nHost: a\r\n\r\n",
                SOUND + "Content-Length: 0\r\n\r\n", // What U-Boot's newer wget says of its empty body.
                SOUND + "X:\r\nY: \r\n\r\n",
                SOUND + "X:   y  \t\r\n\r\n",
                SOUND + "X: \u00e9\u00ff\r\n\r\n",
                SOUND + "Upgrade: h2c\r\nHTTP2-Settings: x\r\nConnection: Upgrade\r\n\r\n", // S-17: stays what it is.
                SOUND + "TE: trailers\r\n\r\n",
                SOUND + "X: a\r\n".repeat(49) + "\r\n",
                SOUND + "ONIE-SERIAL-NUMBER: x\r\nONIE-ETH-ADDR: 52:54:00:0b:00:00\r\n\r\n"); // H19
    }

    private CompletionStage<HttpReply> serve(HttpCall call) {
        served.add(call.path());
        return CompletableFuture.completedFuture(HttpReply.text(200, "x"));
    }
}
