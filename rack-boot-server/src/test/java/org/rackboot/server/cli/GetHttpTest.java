package org.rackboot.server.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.netty.util.NetUtil;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.rackboot.server.http.HttpCall;
import org.rackboot.server.http.HttpListener;
import org.rackboot.server.http.HttpReply;
import org.rackboot.server.net.Addresses;
import org.rackboot.server.net.BindException;
import org.rackboot.server.net.EventLoops;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** {@code rackboot get http://…} against this program's own listener, and against servers that are wrong. */
class GetHttpTest {
    private static final byte[] LOADER = random(700_001);
    private static final String LOADER_SHA256 = Told.sha256(LOADER);
    private static final String SHORT_PATIENCE = "--timeout=0.3";

    @TempDir
    Path directory = Path.of("");

    private final EventLoops loops = EventLoops.best("test");
    private final HttpListener listener =
            new HttpListener(loops, GetHttpTest::answer, HttpListener.Limits.BOOT, why -> {});
    private String root = "";

    @BeforeEach
    void start() throws Exception {
        InetSocketAddress bound = listener.bind(NetUtil.LOCALHOST4, 0, "HTTP", "");
        root = "http://" + Addresses.hostAndPort(bound) + "/";
    }

    @AfterEach
    void stop() {
        listener.close();
        loops.close();
    }

    @Test
    void aFileComesInWholeAndEverythingIsShown() {
        Told told = Told.by("get", root + "bootx64.efi", "--sha256", LOADER_SHA256);

        assertThat(told.exitCode()).isZero();
        assertThat(told.err()).isEmpty();
        assertThat(told.out())
                .contains("GET /bootx64.efi HTTP/1.1")
                .contains("Host: 127.0.0.1:")
                .contains("HTTP/1.1 200 OK")
                .contains("Content-Length: 700001")
                .contains("HEAD        HTTP/1.1 200 OK, 700001 bytes, connection kept")
                .contains("700001 bytes in ")
                .contains("ms for the first reply")
                .contains("sha256      " + LOADER_SHA256)
                .doesNotContain("\r", "\033");
        assertThat(told.verdict()).isEqualTo("good: came in whole, as expected");
    }

    @Test
    void headAndGetGoOverOneConnection() { // H4
        JsonNode report = json("get", root + "bootx64.efi", "--json");

        assertThat(report.path("connections").asLong()).isOne();
        assertThat(report.path("head").path("equalsGet").asBoolean()).isTrue();
        assertThat(report.path("head").path("keptConnection").asBoolean()).isTrue();
    }

    @Test
    void aProgramReadsOneObject() {
        JsonNode report = json("get", root + "bootx64.efi", "--json");

        assertThat(report.path("protocol").asString()).isEqualTo("http");
        assertThat(report.path("result").asString()).isEqualTo("whole");
        assertThat(report.path("asked").path("line").asString()).isEqualTo("GET /bootx64.efi HTTP/1.1");
        assertThat(report.path("answer").path("line").asString()).isEqualTo("HTTP/1.1 200 OK");
        assertThat(report.path("answer").path("headers").valueStream())
                .anyMatch(header -> header.path("name").asString().equals("Content-Length")
                        && header.path("value").asString().equals("700001"));
        assertThat(report.path("bytes").asLong()).isEqualTo(700_001);
        assertThat(report.path("sha256").asString()).isEqualTo(LOADER_SHA256);
        assertThat(report.path("verdict").asString()).isEqualTo("good: came in whole");
    }

    @Test
    void aMissingFileIsAFailureWithTheServersReason() {
        Told told = Told.by(
                "get", root + "nothing", "--output", directory.resolve("x").toString());

        assertThat(told.exitCode()).isOne();
        assertThat(told.verdict()).startsWith("server refused: 404 Not Found 'no such file here'");
        assertThat(directory).isEmptyDirectory();
    }

    @Test
    void anotherFileThanExpectedIsAFailure() {
        Told told = Told.by("get", root + "bootx64.efi", "--sha256", "0".repeat(64));

        assertThat(told.exitCode()).isOne();
        assertThat(told.verdict()).startsWith("not the file that was expected");
    }

    @Test
    void aFileIsKeptUnderItsName() {
        Path file = directory.resolve("loader");

        assertThat(Told.by("get", root + "bootx64.efi", "--output", file.toString())
                        .exitCode())
                .isZero();
        assertThat(file).hasBinaryContent(LOADER);
    }

    @Test
    void ipv6WorksToo() throws Exception {
        InetSocketAddress bound;
        try {
            bound = listener.bind(NetUtil.LOCALHOST6, 0, "HTTP", "");
        } catch (BindException e) {
            assumeTrue(false, "this machine has no IPv6");
            return;
        }

        Told told = Told.by("get", "http://[::1]:%d/bootx64.efi".formatted(bound.getPort()));

        assertThat(told.exitCode()).isZero();
        assertThat(told.out()).contains("Host: [::1]:" + bound.getPort());
    }

    @Test
    void aClosedPortIsUnreachable() throws IOException {
        int port;
        try (ServerSocket socket = new ServerSocket(0, 1, NetUtil.LOCALHOST4)) {
            port = socket.getLocalPort();
        }

        Told told = Told.by("get", "http://127.0.0.1:%d/a".formatted(port));

        assertThat(told.exitCode()).isEqualTo(3);
        assertThat(told.verdict()).startsWith("nobody listens on TCP 127.0.0.1:" + port);
    }

    @Test
    void silenceIsUnreachable() throws Exception {
        try (ScriptedHttp server = new ScriptedHttp(request -> "")) {
            Told told = Told.by("get", server.url("/a"), SHORT_PATIENCE);

            assertThat(told.exitCode()).isEqualTo(3);
            assertThat(told.verdict()).startsWith("no answer at all");
        }
    }

    @Test
    void plainHttpBehindAnHttpsAddressIsNamed() {
        Told told = Told.by("get", root.replace("http:", "https:") + "bootx64.efi");

        assertThat(told.exitCode()).isOne();
        assertThat(told.verdict()).startsWith("TLS with 127.0.0.1:");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "200 OK~content-length: 5~ETag: x~~hello | 0 | came in whole, but header names are not Title-Case",
                "200 OK~Transfer-Encoding: chunked~~5~hello~0~~ | 0 | came in whole, but the body is chunked",
                "200 OK~ETag: x~~hello!CLOSE | 0 | came in whole, but Content-Length is missing: shim refuses that",
                "200 OK~Content-Length: 0~ETag: x~~ | 0 | came in whole, but the file is empty",
                "200 OK~Content-Length: 9~ETag: x~~hello!CLOSE | 1 | cut short: connection closed at 5 of 9 bytes",
                "200 OK~Content-Length: 9~ETag: x~~hello | 1 | cut short: not a byte came for 0.3 s, at 5 of 9 bytes",
                "200 OK~Content-Length: what~~ | 1 | what answers at 127.0.0.1:",
                "301 Moved~Location: /b~Content-Length: 0~~ | 1 | redirected, not served: 301 Moved to /b",
                "503 Busy~Retry-After: 2~Content-Length: 4~~full | 1 | server refused: 503 Busy 'full', asks to retry after 2 s",
                "404 Not Found~Content-Length: 6~~<html> | 1 | server refused: 404 Not Found. Check the path",
                "206 Partial~Content-Length: 1~~a | 1 | server refused: 206 Partial",
            })
    void whatFirmwareWouldMakeOfIt(String response, int exitCode, String verdict) throws Exception {
        String wire = "HTTP/1.1 " + response.replace("~", "\r\n").replace("!CLOSE", ScriptedHttp.CLOSE);
        try (ScriptedHttp server = ScriptedHttp.saying(wire)) {
            Told told = Told.by("get", server.url("/a"), SHORT_PATIENCE);

            assertThat(told.verdict()).startsWith(verdict);
            assertThat(told.exitCode()).isEqualTo(exitCode);
            assertThat(server.requests).noneMatch(request -> request.startsWith("GET /b")); // H2: none is followed.
        }
    }

    @Test
    void aConnectionClosedAfterHeadIsNamed() throws Exception { // H4
        String head = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: x\r\n\r\n";
        try (ScriptedHttp server =
                new ScriptedHttp(request -> request.startsWith("HEAD") ? head + ScriptedHttp.CLOSE : head + "hello")) {
            Told told = Told.by("get", server.url("/a"));

            assertThat(told.exitCode()).isZero();
            assertThat(told.verdict()).startsWith("came in whole, but it closes the connection after HEAD");
        }
    }

    @Test
    void aHeadThatIsNotLikeGetIsNamed() throws Exception { // H4
        String answer = "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nETag: x\r\n\r\n";
        try (ScriptedHttp server = new ScriptedHttp(
                request -> request.startsWith("HEAD") ? answer.formatted(0) : answer.formatted(5) + "hello")) {
            assertThat(Told.by("get", server.url("/a")).verdict()).contains("HEAD is not answered like GET");
        }
    }

    @Test
    void aRangeIsThatPart() throws Exception { // H9
        String part = "HTTP/1.1 206 Partial Content\r\nContent-Length: 2\r\nContent-Range: bytes 1-2/5\r\n\r\nel";
        try (ScriptedHttp server = ScriptedHttp.saying(part)) {
            Told told = Told.by("get", server.url("/a"), "--range", "1-2");

            assertThat(told.exitCode()).isZero();
            assertThat(told.verdict()).isEqualTo("good: came in whole");
            assertThat(server.requests).anyMatch(request -> request.contains("Range: bytes=1-2\r\n"));
        }
        try (ScriptedHttp server = ScriptedHttp.saying("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nETag: x\r\n\r\na")) {
            assertThat(Told.by("get", server.url("/a"), "--range", "1-2").verdict())
                    .contains("it ignores Range");
        }
    }

    private static JsonNode json(String... arguments) {
        Told told = Told.by(arguments[0], Arrays.copyOfRange(arguments, 1, arguments.length));
        assertThat(told.exitCode()).isZero();
        return JsonMapper.builder().build().readTree(told.out());
    }

    private static CompletableFuture<HttpReply> answer(HttpCall call) {
        return CompletableFuture.completedFuture(
                call.path().equals("/bootx64.efi")
                        ? HttpReply.bytes(200, "application/efi", LOADER)
                        : HttpReply.text(404, "no such file here"));
    }

    private static byte[] random(int size) {
        byte[] bytes = new byte[size];
        new Random(size).nextBytes(bytes);
        return bytes;
    }
}
