package org.rackboot.server.http;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rackboot.server.net.EventLoops;

class HttpListenerTest {
    private static final byte[] LOADER = random(100_000, 1);
    private static final byte[] KERNEL = random(3 * (1 << 20) + 77, 2);

    @TempDir
    static Path directory;

    private final EventLoops loops = EventLoops.best("test");
    private final Map<String, HeldContent> files = new ConcurrentHashMap<>();
    private final List<HttpListener.Refused> refused = new CopyOnWriteArrayList<>();
    private final AtomicReference<Optional<Throwable>> lastEnd = new AtomicReference<>(Optional.empty());
    private HttpListener listener = listener(HttpListener.Limits.BOOT);
    private InetSocketAddress server = InetSocketAddress.createUnresolved("unbound", 0);

    @BeforeEach
    void start() throws Exception {
        files.put("/bootx64.efi", HeldContent.of(LOADER));
        files.put("/boot-kernel", HeldContent.of(KERNEL));
        server = listener.bind(InetAddress.getLoopbackAddress(), 0, "HTTP", "");
    }

    @AfterEach
    void stop() {
        listener.close();
        loops.close();
    }

    @Test
    void headerNamesAreTitleCaseWithALengthThatIsNotLast() throws Exception { // H1, H3, H5, H14
        try (RawHttp client = new RawHttp(server)) {
            client.send("GET /bootx64.efi HTTP/1.1\r\nHost: 198.18.0.1\r\nUser-Agent: GRUB 2.06\r\n\r\n");

            String head = client.head();
            assertThat(head).startsWith("HTTP/1.1 200 OK\r\n").contains("\r\nContent-Length: 100000\r\n");
            assertThat(head).doesNotContain("Transfer-Encoding").doesNotContain("Content-Encoding");
            assertThat(head.length()).isLessThan(1_024); // S-14
            String[] lines = head.split("\r\n");
            assertThat(lines[lines.length - 1]).doesNotStartWith("Content-Length");
            assertThat(Arrays.stream(lines).skip(1))
                    .allMatch(line -> line.matches("([A-Z][a-z]*-?)+: \\S.*"), "no empty value (H7)");
            assertThat(client.body(LOADER.length)).isEqualTo(LOADER);
        }
    }

    @Test
    void headIsExactlyLikeGetOnAConnectionThatStays() throws Exception { // H4
        try (RawHttp client = new RawHttp(server)) {
            client.send("HEAD /bootx64.efi HTTP/1.1\r\nHost: 198.18.0.1\r\nAccept: */*\r\n"
                    + "User-Agent: UefiHttpBoot/1.0\r\n\r\n");
            String head = client.head();
            client.send("GET /bootx64.efi HTTP/1.1\r\nHost: 198.18.0.1\r\n\r\n");

            String get = client.head();
            assertThat(withoutDate(get)).isEqualTo(withoutDate(head));
            assertThat(client.body(LOADER.length)).isEqualTo(LOADER);
        }
    }

    @Test
    void requestsSentAheadAreAnsweredInOrder() throws Exception {
        try (RawHttp client = new RawHttp(server)) {
            client.send("GET /boot-kernel HTTP/1.1\r\nHost: a\r\n\r\nGET /missing HTTP/1.1\r\nHost: a\r\n\r\n"
                    + "GET /bootx64.efi HTTP/1.1\r\nHost: a\r\n\r\n");

            assertThat(client.head()).contains(" 200 ");
            assertThat(client.body(KERNEL.length)).isEqualTo(KERNEL);
            assertThat(client.head()).contains(" 404 ").contains("Content-Length: 5\r\n");
            client.body(5);
            assertThat(client.head()).contains(" 200 ");
            assertThat(client.body(LOADER.length)).isEqualTo(LOADER);
        }
    }

    @Test
    void aRequestMayComeByteByByte() throws Exception {
        try (RawHttp client = new RawHttp(server)) {
            for (char c : "GET /bootx64.efi HTTP/1.1\r\nHost: a\r\n\r\n".toCharArray()) {
                client.send(String.valueOf(c));
            }

            assertThat(client.head()).contains(" 200 ");
        }
    }

    @Test
    void anOldClientIsAnsweredWithLengthAndClosed() throws Exception { // H14, H15
        try (RawHttp client = new RawHttp(server)) {
            client.send("GET /bootx64.efi HTTP/1.0\r\nHost: a:5248\r\nUser-Agent: Syslinux/6.04\r\n"
                    + "Connection: close\r\n\r\n");

            assertThat(client.head()).startsWith("HTTP/1.1 200 OK").contains("Content-Length: 100000");
            assertThat(client.body(LOADER.length)).isEqualTo(LOADER);
            assertThat(client.isClosedByServer()).isTrue();
        }
    }

    /** It would not close it itself, and calls from the same port after its next start. */
    @Test
    void aGrubIsAnsweredWholeAndItsConnectionForgotten() throws Exception { // H22
        try (RawHttp client = new RawHttp(server)) {
            client.send("GET /boot-kernel HTTP/1.1\r\nHost: a\r\nUser-Agent: GRUB 2.06-13+deb12u2\r\n\r\n");

            assertThat(client.head()).startsWith("HTTP/1.1 200 OK").contains("Connection: close");
            assertThat(client.body(KERNEL.length)).isEqualTo(KERNEL);
            assertThat(client.isClosedByServer()).isTrue();
            await().untilAsserted(() -> assertThat(client.isKnownToTheServersKernel())
                    .as("a connection from this port at the server")
                    .isFalse());
        }
    }

    @Test
    void aRangeIsThatPartAcrossChunks() throws Exception { // H9
        int first = (1 << 20) - 10;
        try (RawHttp client = new RawHttp(server)) {
            client.send(
                    "GET /boot-kernel HTTP/1.1\r\nHost: a\r\nRange: bytes=" + first + "-" + (first + 99) + "\r\n\r\n");

            assertThat(client.head())
                    .startsWith("HTTP/1.1 206 Partial Content")
                    .contains("Content-Range: bytes %d-%d/%d\r\n".formatted(first, first + 99, KERNEL.length))
                    .contains("Content-Length: 100\r\n");
            assertThat(client.body(100)).isEqualTo(Arrays.copyOfRange(KERNEL, first, first + 100));
        }
    }

    @Test
    void conditionsAreJudgedByTheSha256() throws Exception {
        String etag = "\"" + HeldContent.sha256(LOADER) + "\"";
        try (RawHttp client = new RawHttp(server)) {
            client.send("GET /bootx64.efi HTTP/1.1\r\nHost: a\r\nIf-None-Match: " + etag + "\r\n\r\n");
            String head = client.head();
            assertThat(head).contains(" 304 ").contains("ETag: " + etag).doesNotContain("Content-Length");

            client.send("GET /bootx64.efi HTTP/1.1\r\nHost: a\r\nIf-Match: \"other\"\r\n\r\n");
            assertThat(client.head()).contains(" 412 ");
        }
    }

    @Test
    void aVerifiedFileGoesOutByItself() throws Exception {
        Path file = Files.write(directory.resolve("kernel"), KERNEL);
        files.put("/boot-kernel", new HeldContent(KERNEL, Optional.of(file), 0)); // Its chunks would fail.
        try (RawHttp client = new RawHttp(server)) {
            client.send("GET /boot-kernel HTTP/1.1\r\nHost: a\r\nRange: bytes=5-\r\n\r\n");

            client.head();
            assertThat(client.body(KERNEL.length - 5)).isEqualTo(Arrays.copyOfRange(KERNEL, 5, KERNEL.length));
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, (2 << 20) + 1})
    void aFileThatIsFoundSpoiledOnTheWayGoesOnAsChunks(int spoiledFrom) throws Exception {
        Path file = Files.write(directory.resolve("kernel"), KERNEL);
        byte[] spoiled = KERNEL.clone();
        Arrays.fill(spoiled, spoiledFrom, spoiled.length, (byte) 0);
        Files.write(file, spoiled);
        HeldContent kernel = new HeldContent(KERNEL, Optional.of(file), -1).spoiledFrom(spoiledFrom);
        files.put("/boot-kernel", kernel);
        try (RawHttp client = new RawHttp(server)) {
            for (int i = 0; i < 2; i++) { // On one connection.
                client.send("GET /boot-kernel HTTP/1.1\r\nHost: a\r\n\r\n");

                assertThat(client.head()).contains("Content-Length: " + KERNEL.length);
                assertThat(client.body(KERNEL.length)).isEqualTo(KERNEL);
            }
        }
        await().untilAsserted(() -> assertThat(kernel.lent).hasValue(0));
        await().untilAsserted(() -> assertThat(kernel.openFiles).hasValue(0));
    }

    @ParameterizedTest
    @ValueSource(ints = {2 << 20, 3 * (1 << 20)}) // While the first part was on its way, and all but the last.
    void aFileThatWasChangedWhileItWasSentHasNoCleanEnd(int changedBehind) throws Exception {
        Path file = Files.write(directory.resolve("kernel"), KERNEL);
        HeldContent kernel = new HeldContent(KERNEL, Optional.of(file), -1)
                .spoiledFrom(changedBehind)
                .wrongFrom(changedBehind - (1 << 20));
        files.put("/boot-kernel", kernel);
        try (RawHttp client = new RawHttp(server)) {
            client.send("GET /boot-kernel HTTP/1.1\r\nHost: a\r\n\r\n");

            assertThat(client.head()).contains("Content-Length: " + KERNEL.length);
            assertThat(client.body(KERNEL.length)).hasSizeLessThan(KERNEL.length);
            assertThat(client.isClosedByServer()).isTrue();
        }
        await().untilAsserted(() -> assertThat(lastEnd.get()).isPresent());
        await().untilAsserted(() -> assertThat(kernel.openFiles).hasValue(0));
    }

    @Test
    void aFileFoundSpoiledThatCannotBeFetchedAgainEndsShortOfItsLength() throws Exception {
        Path file = Files.write(directory.resolve("kernel"), KERNEL);
        files.put("/boot-kernel", new HeldContent(KERNEL, Optional.of(file), 2).spoiledFrom(2 << 20));
        try (RawHttp client = new RawHttp(server)) {
            client.send("GET /boot-kernel HTTP/1.1\r\nHost: a\r\n\r\n");

            client.head();
            assertThat(client.body(KERNEL.length)).isEqualTo(Arrays.copyOf(KERNEL, 2 << 20));
            assertThat(client.isClosedByServer()).isTrue();
        }
        await().untilAsserted(() -> assertThat(lastEnd.get()).isPresent());
    }

    @Test
    void contentThatBreaksOffEndsShortOfItsLength() throws Exception { // Never a clean end.
        HeldContent broken = new HeldContent(KERNEL, Optional.empty(), 2);
        files.put("/boot-kernel", broken);
        try (RawHttp client = new RawHttp(server)) {
            client.send("GET /boot-kernel HTTP/1.1\r\nHost: a\r\n\r\n");

            assertThat(client.head()).contains("Content-Length: " + KERNEL.length);
            assertThat(client.body(KERNEL.length)).hasSize(2 << 20);
            assertThat(client.isClosedByServer()).isTrue();
        }
        await().untilAsserted(() -> assertThat(broken.lent).hasValue(0));
        await().untilAsserted(() -> assertThat(lastEnd.get()).isPresent());
    }

    @Test
    void contentThatCannotBeHadAtAllIsSaidSoAndWhenToComeAgain() throws Exception {
        files.put("/boot-kernel", new HeldContent(KERNEL, Optional.empty(), 0));
        try (RawHttp client = new RawHttp(server)) {
            client.send("GET /boot-kernel HTTP/1.1\r\nHost: a\r\n\r\n");

            assertThat(client.head())
                    .startsWith("HTTP/1.1 503 ")
                    .contains("Retry-After: 2\r\n")
                    .contains("keep-alive");
            assertThat(client.body("the region broke off\n".length()))
                    .asString(UTF_8)
                    .isEqualTo("the region broke off\n");
        }
        await().untilAsserted(() -> assertThat(lastEnd.get()).isPresent());
    }

    @Test
    void aClientThatLeavesCostsNothingMore() throws Exception {
        HeldContent kernel = HeldContent.of(random(64 << 20, 3));
        files.put("/boot-kernel", kernel);
        try (RawHttp client = new RawHttp(server)) {
            client.send("GET /boot-kernel HTTP/1.1\r\nHost: a\r\n\r\n");
            client.head();
        }

        await().untilAsserted(() -> assertThat(listener.openConnections()).isZero());
        await().untilAsserted(() -> assertThat(kernel.lent).hasValue(0));
        assertThat(lastEnd.get()).isPresent();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
                "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\nhello",
                "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\nhello",
                "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
                "\u0001\u0002\u0003 garbage\r\n\r\n",
            })
    void nothingCanBeSmuggledInABody(String request) throws Exception { // S-16
        try (RawHttp client = new RawHttp(server)) {
            client.send(request);

            assertThat(client.head()).startsWith("HTTP/1.1 400 ").contains("Connection: close");
            assertThat(client.body(1_000)).hasSizeLessThan(200);
            assertThat(client.isClosedByServer()).isTrue();
        }
        assertThat(refused).hasSize(1);
    }

    @Test
    void tooLongLinesAndHeadersAreRefused() throws Exception { // S-18
        for (String request : new String[] {
            "GET /" + "a".repeat(5_000) + " HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nX: " + "a".repeat(9_000) + "\r\n\r\n",
            "GET / HTTP/1.1\r\n" + "X: a\r\n".repeat(60) + "\r\n"
        }) {
            try (RawHttp client = new RawHttp(server)) {
                client.send(request);

                assertThat(client.head()).startsWith(request.startsWith("GET /a") ? "HTTP/1.1 414 " : "HTTP/1.1 431 ");
                assertThat(client.body(1_000)).hasSizeLessThan(200);
            }
        }
    }

    @Test
    void aHeaderThatNeverEndsIsCutOff() throws Exception { // S-26
        listener.close();
        listener = listener(HttpListener.Limits.BOOT.within(TestDeadlines.withHeader(Duration.ofMillis(200))));
        server = listener.bind(InetAddress.getLoopbackAddress(), 0, "HTTP", "");
        try (RawHttp client = new RawHttp(server)) {
            client.send("GET / HTTP/1.1\r\nHost:");

            assertThat(client.head()).startsWith("HTTP/1.1 408 ").contains("Connection: close");
            client.body(1_000);
            assertThat(client.isClosedByServer()).isTrue();
        }
        assertThat(refused).containsExactly(HttpListener.Refused.TOO_SLOW);
    }

    @Test
    void aBodyIsTakenWhereBodiesAreAllowedAlsoInPieces() throws Exception {
        listener.close();
        listener = listener(HttpListener.Limits.API);
        server = listener.bind(InetAddress.getLoopbackAddress(), 0, "API", "");
        try (RawHttp client = new RawHttp(server)) {
            client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n");
            client.send("01234");
            client.send("56789");

            assertThat(client.head()).contains(" 200 ");
            assertThat(client.body(10)).asString(UTF_8).isEqualTo("0123456789");

            client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n" + "x".repeat(100_000));
            assertThat(client.head()).startsWith("HTTP/1.1 413 "); // Though not all it sent was read.
        }
    }

    @Test
    void bodiesThatNeverEndFillNoMoreThanTheirShareOfMemory() throws Exception {
        listener.close();
        listener = listener(HttpListener.Limits.API);
        server = listener.bind(InetAddress.getLoopbackAddress(), 0, "API", "");
        String unfinished = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 8000000\r\n\r\n" + "x".repeat(7_900_000);
        List<RawHttp> clients = new ArrayList<>();
        try {
            for (int i = 0; i < 5; i++) { // 39.5 MB of the 32 MiB allowed: at least one is turned away.
                RawHttp client = new RawHttp(server);
                clients.add(client);
                try {
                    client.send(unfinished);
                } catch (IOException e) {
                    assertThat(e).hasMessageMatching("(?i).*(reset|broken pipe).*"); // Refused while it still sent.
                }
            }
            await().untilAsserted(() -> assertThat(refused).contains(HttpListener.Refused.TOO_MANY_BODIES));
        } finally {
            for (RawHttp client : clients) {
                client.close();
            }
        }

        await().untilAsserted(() -> assertThat(listener.openConnections()).isZero());
        try (RawHttp client = new RawHttp(server)) { // What they held is free again.
            client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok");
            assertThat(client.head()).contains(" 200 ");
        }
    }

    @Test
    void pathsAreDecodedToBytesAndTheHostIsNeverLookedAt() throws Exception { // H16
        try (RawHttp client = new RawHttp(server)) {
            client.send("GET http://elsewhere:1/%62ootx64%2Eefi?x=1 HTTP/1.1\r\nHost: other\r\n\r\n");
            assertThat(client.head()).contains(" 200 ");
        }
    }

    private HttpListener listener(HttpListener.Limits limits) {
        return new HttpListener(loops, this::answer, limits, refused::add);
    }

    private CompletableFuture<HttpReply> answer(HttpCall call) {
        if (call.path().equals("/echo")) {
            return CompletableFuture.completedFuture(HttpReply.bytes(200, "text/plain", call.body()));
        }
        HeldContent content = files.get(call.path());
        if (content == null) {
            return CompletableFuture.completedFuture(HttpReply.text(404, "none"));
        }
        return CompletableFuture.completedFuture(ContentReplies.answer(call, content, "application/efi")
                .whenSent((bytes, failure) -> lastEnd.set(failure)));
    }

    private static String withoutDate(String head) {
        return head.replaceAll("Date: [^\r]*", "");
    }

    private static byte[] random(int size, long seed) {
        byte[] bytes = new byte[size];
        new Random(seed).nextBytes(bytes);
        return bytes;
    }
}
