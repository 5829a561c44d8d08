package org.rackboot.region.sync;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.rackboot.region.source.BootSource;
import org.rackboot.region.store.ContentRepository;
import org.rackboot.region.store.ContentRepository.ChecksumMismatchException;
import org.rackboot.region.store.ContentRepository.Writer;
import org.rackboot.region.store.RegionDatabase;
import org.rackboot.region.store.TestDatabase;
import org.rackboot.region.sync.Mirror.BusyException;
import org.rackboot.region.sync.Mirror.MirrorException;
import org.rackboot.region.sync.Mirror.Receiver;
import org.rackboot.region.sync.ScriptedServer.Request;
import org.rackboot.region.sync.ScriptedServer.Script;

/**
 * Whatever a mirror does, a download ends in verified bytes or in nothing, with the cause told; and once the mirror behaves,
 * the next try succeeds (S-20, S-33, S-37).
 */
@Timeout(60)
class FaultyUpstreamTest {
    private static final int SIZE = 2 * ContentRepository.CHUNK_BYTES + 1_000;
    private static final int HALF = ContentRepository.CHUNK_BYTES + 500;
    private static final byte[] FILE = TestStream.noise(1, SIZE);
    private static final byte[] OTHER = TestStream.noise(2, SIZE);
    private static final String SHA256 = TestStream.sha256(FILE);
    private static final Duration PATIENCE = Duration.ofMillis(400);
    private static final Duration LONG = Duration.ofMinutes(1);
    private static final Instant NOW = Instant.parse("2026-01-15T06:00:00Z");

    private final ScheduledExecutorService watchdog = Executors.newSingleThreadScheduledExecutor(work -> {
        Thread thread = new Thread(work, "watchdog");
        thread.setDaemon(true);
        return thread;
    });

    @TempDir
    Path directory;

    private RegionDatabase database;
    private ContentRepository contents;
    private Optional<String> trusted = Optional.empty();

    @BeforeEach
    void open() throws Exception {
        database = TestDatabase.open(directory);
        contents = new ContentRepository(database);
    }

    @AfterEach
    void close() {
        database.close();
        watchdog.shutdownNow();
    }

    /**
     * What a mirror does instead of answering properly.
     *
     * @param cause part of what is told
     * @param patience how long the client waits
     */
    private record Fault(String name, String cause, Duration patience, Script script) {
        @Override
        public String toString() {
            return name;
        }
    }

    static Stream<Fault> faults() {
        return Stream.of(
                fault("silence", "no answer came within 0.4 s", PATIENCE, (request, socket) -> holdOn(socket)),
                fault(
                        "a header that drips",
                        "no answer came within 0.4 s",
                        PATIENCE,
                        dripping("HTTP/1.1 200 OK\n", "X: y\n")),
                fault("a body that drips", "less than 30720 bytes in 0.4 s", PATIENCE, dripping(ok(SIZE), "drop")),
                fault("a stall at half", "less than 30720 bytes in 0.4 s", PATIENCE, (request, socket) -> {
                    send(socket, ok(SIZE), FILE, HALF);
                    holdOn(socket);
                }),
                fault(
                        "an end at half",
                        "broke off (the connection ended early)",
                        (request, socket) -> send(socket, ok(SIZE), FILE, HALF)),
                fault(
                        "an end at half of an answer without length",
                        "ended after",
                        (request, socket) -> send(socket, "HTTP/1.1 200 OK\n\n", FILE, HALF)),
                fault("a half-close at half", "broke off", (request, socket) -> {
                    send(socket, ok(SIZE), FILE, HALF);
                    socket.shutdownOutput();
                    holdOn(socket);
                }),
                fault("a reset at half", "broke off", (request, socket) -> {
                    send(socket, ok(SIZE), FILE, HALF);
                    ScriptedServer.reset(socket);
                }),
                fault("a reset at once", "no answer came", (request, socket) -> ScriptedServer.reset(socket)),
                fault(
                        "a Content-Length that is too large",
                        "the stream says",
                        (request, socket) -> send(socket, ok(SIZE + 1), FILE, SIZE)),
                fault(
                        "a Content-Length that is too small",
                        "the stream says",
                        (request, socket) -> send(socket, ok(SIZE - 1), FILE, SIZE)),
                fault(
                        "a Content-Length that is no number",
                        "no number",
                        (request, socket) -> send(socket, "HTTP/1.1 200 OK\nContent-Length: 0x10\n\n", FILE, SIZE)),
                fault(
                        "two Content-Lengths",
                        "contradicts itself",
                        (request, socket) -> send(
                                socket,
                                "HTTP/1.1 200 OK\nContent-Length: 5\nContent-Length: %d\n\n".formatted(SIZE),
                                FILE,
                                SIZE)),
                fault(
                        "a length and chunks",
                        "no clear end",
                        (request, socket) -> send(
                                socket,
                                "HTTP/1.1 200 OK\nContent-Length: %d\nTransfer-Encoding: chunked\n\n".formatted(SIZE),
                                FILE,
                                SIZE)),
                fault(
                        "an unknown transfer coding",
                        "no clear end",
                        (request, socket) ->
                                send(socket, "HTTP/1.1 200 OK\nTransfer-Encoding: gzip, chunked\n\n", FILE, SIZE)),
                fault(
                        "a chunk without a size",
                        "a chunk has no size",
                        (request, socket) -> send(socket, chunked("size"), FILE, SIZE)),
                fault(
                        "a chunk that is longer than it says",
                        "a chunk is longer than it says",
                        (request, socket) -> send(socket, chunked("5"), FILE, SIZE)),
                fault(
                        "a chunk whose size never ends",
                        "header is longer",
                        (request, socket) -> ScriptedServer.write(socket, chunked("0".repeat(100_000)))),
                fault(
                        "chunks that end too early",
                        "ended after 5 of",
                        (request, socket) -> ScriptedServer.write(socket, chunked("5") + "hello\n0\n\n")),
                fault("trailers without end", "header is longer", (request, socket) -> {
                    ScriptedServer.write(socket, chunked("0"));
                    endless(socket, "X: y\n");
                }),
                fault("a bit that flipped", "sha256", (request, socket) -> {
                    byte[] flipped = FILE.clone();
                    flipped[HALF] ^= 4;
                    send(socket, ok(SIZE), flipped, SIZE);
                }),
                fault(
                        "a tail of zeros",
                        "sha256",
                        (request, socket) ->
                                send(socket, ok(SIZE), Arrays.copyOf(Arrays.copyOf(FILE, HALF), SIZE), SIZE)),
                fault("another object", "sha256", (request, socket) -> send(socket, ok(SIZE), OTHER, SIZE)),
                fault(
                        "a page that says sorry",
                        "the stream says",
                        (request, socket) -> ScriptedServer.write(
                                socket,
                                "HTTP/1.1 200 OK\nContent-Type: text/html\nContent-Length: 13\n\n<html>Sorry.\n")),
                fault(
                        "a part that nobody asked for",
                        "answered 206",
                        (request, socket) -> send(
                                socket,
                                "HTTP/1.1 206 Part\nContent-Length: %d\nContent-Range: bytes 0-%d/%d\n\n"
                                        .formatted(SIZE, SIZE - 1, SIZE),
                                FILE,
                                SIZE)),
                fault(
                        "a redirect without end",
                        "redirects more than 3 times",
                        (request, socket) -> redirect(socket, "/again")),
                fault(
                        "a redirect to a cloud's metadata",
                        "never fetched",
                        (request, socket) -> redirect(socket, "http://169.254.169.254/latest/")),
                fault(
                        "a redirect inside",
                        "must not lead inside",
                        (request, socket) -> redirect(socket, "http://10.0.0.1/")),
                fault(
                        "a redirect to another name for here",
                        "must not lead inside",
                        (request, socket) -> redirect(socket, "http://localhost:%d/".formatted(socket.getLocalPort()))),
                fault(
                        "a redirect to a file",
                        "neither http nor https",
                        (request, socket) -> redirect(socket, "file:///etc/passwd")),
                fault(
                        "a redirect to nowhere",
                        "redirects to nowhere",
                        (request, socket) -> ScriptedServer.write(socket, "HTTP/1.1 302 Found\n\n")),
                fault(
                        "a gzip coding",
                        "came encoded",
                        (request, socket) -> send(
                                socket,
                                "HTTP/1.1 200 OK\nContent-Encoding: gzip\nContent-Length: %d\n\n".formatted(SIZE),
                                FILE,
                                SIZE)),
                fault(
                        "'continue' without end",
                        "nothing but 'wait'",
                        (request, socket) -> endless(socket, "HTTP/1.1 100 Continue\n\n")),
                fault(
                        "a header of a mebibyte",
                        "header is longer than 65536 bytes",
                        (request, socket) -> ScriptedServer.write(
                                socket, "HTTP/1.1 200 OK\nX: %s\n\n".formatted("x".repeat(1 << 20)))),
                fault("a header of endless lines", "header is longer than 65536 bytes", (request, socket) -> {
                    ScriptedServer.write(socket, "HTTP/1.1 200 OK\n");
                    endless(socket, "X: y\n");
                }),
                fault(
                        "a header line that is none",
                        "a line that is none",
                        (request, socket) -> ScriptedServer.write(socket, "HTTP/1.1 200 OK\nno colon\n\n")),
                fault("a body without end", "more than the announced", (request, socket) -> {
                    ScriptedServer.write(socket, "HTTP/1.1 200 OK\n\n");
                    endless(socket, "x".repeat(10_000));
                }),
                fault("chunks without end", "more than the announced", (request, socket) -> {
                    ScriptedServer.write(socket, "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n");
                    endless(socket, "2710\n%s\n".formatted("x".repeat(10_000)));
                }),
                fault(
                        "trouble",
                        "answered 503",
                        (request, socket) -> ScriptedServer.write(socket, "HTTP/1.1 503 Busy\nRetry-After: 7\n\n")),
                fault(
                        "another protocol",
                        "does not speak HTTP",
                        (request, socket) -> ScriptedServer.write(socket, "SSH-2.0-OpenSSH_9.2\n")));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("faults")
    void aFaultBringsNothingAndTheNextTryAll(Fault fault) throws Exception {
        var requests = new AtomicInteger();
        var faulty = new AtomicBoolean(true);
        Script script = (request, socket) -> {
            requests.incrementAndGet();
            if (faulty.get()) {
                fault.script.play(request, socket);
            } else {
                proper(request, socket);
            }
        };
        try (var server = new ScriptedServer(script)) {
            var failure = catchThrowableOfType(IOException.class, () -> fetch(server.address(), fault.patience));

            assertThat(failure).as("the fault shows").isNotNull().hasMessageContaining(fault.cause);
            assertThat(contents.find(SHA256)).isEmpty();
            assertThat(requests).hasValueLessThanOrEqualTo(4);

            faulty.set(false);
            fetch(server.address(), LONG);
            assertThat(contents.find(SHA256)).isPresent();
        }
    }

    @Test
    void aConnectionThatIsRefusedBringsNothing() throws Exception {
        try (Socket bound = new Socket()) { // And not listening.
            bound.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));

            var failure = catchThrowableOfType(
                    IOException.class,
                    () -> fetch(URI.create("http://127.0.0.1:%d/".formatted(bound.getLocalPort())), LONG));

            assertThat(failure)
                    .hasMessageContaining("cannot connect to 127.0.0.1:")
                    .isNotInstanceOf(MirrorException.class);
        }
    }

    /** A listener whose queue is full: Linux drops what comes then, as a firewall does that says nothing. */
    @Test
    void aConnectionThatNobodyAnswersIsGivenUp() throws Exception {
        List<Socket> queued = new ArrayList<>();
        try (var listener = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            while (queued.size() < 64 && connects(listener, queued)) {
                assertThat(queued.get(queued.size() - 1).isConnected()).isTrue();
            }
            assumeThat(queued).as("a system whose queue fills").hasSizeLessThan(64);

            var failure = catchThrowableOfType(
                    IOException.class,
                    () -> fetch(URI.create("http://127.0.0.1:%d/".formatted(listener.getLocalPort())), PATIENCE));

            assertThat(failure)
                    .hasMessageContaining("no answer came within 0.4 s")
                    .isNotInstanceOf(MirrorException.class);
        } finally {
            for (Socket socket : queued) {
                socket.close();
            }
        }
    }

    private static boolean connects(ServerSocket listener, List<Socket> connected) throws IOException {
        Socket socket = new Socket();
        try {
            socket.connect(listener.getLocalSocketAddress(), 200);
            connected.add(socket);
            return true;
        } catch (SocketTimeoutException e) {
            socket.close();
            return false;
        }
    }

    // Over TLS, which says who answers; what it brings is believed no more than without.

    /** @param cause part of what is told, unless the transfer succeeds at once */
    private record TlsFault(String name, Optional<String> cause, Script script) {
        @Override
        public String toString() {
            return name;
        }
    }

    static Stream<TlsFault> tlsFaults() {
        return Stream.of(
                new TlsFault("an end at half, in order", Optional.of("broke off"), (request, socket) -> {
                    send(socket, ok(SIZE), FILE, HALF);
                    socket.close();
                }),
                new TlsFault("an end at half without close_notify", Optional.of("broke off"), (request, socket) -> {
                    send(socket, ok(SIZE), FILE, HALF);
                    TestTls.cut(socket);
                }),
                new TlsFault(
                        "an end without close_notify of an answer without length, at half",
                        Optional.of("ended"),
                        (request, socket) -> {
                            send(socket, "HTTP/1.1 200 OK\n\n", FILE, HALF);
                            TestTls.cut(socket);
                        }),
                new TlsFault("a whole answer without close_notify", Optional.empty(), (request, socket) -> {
                    send(socket, ok(SIZE), FILE, SIZE);
                    TestTls.cut(socket);
                }),
                new TlsFault("bytes that are no TLS record, at half", Optional.of("broke off"), (request, socket) -> {
                    send(socket, ok(SIZE), FILE, HALF);
                    TestTls.write(socket, "HTTP/1.1 200 OK\r\n\r\n");
                }));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("tlsFaults")
    void aFaultOfTlsBringsNothingAndTheNextTryAll(TlsFault fault) throws Exception {
        var tls = new TestTls(directory, "ip:127.0.0.1");
        var faulty = new AtomicBoolean(true);
        Script script = (request, socket) -> {
            if (faulty.get()) {
                fault.script.play(request, socket);
            } else {
                proper(request, socket);
            }
        };
        try (var server = tls.serving(script)) {
            trusted = Optional.of(tls.pem());
            var failure = catchThrowableOfType(IOException.class, () -> fetch(server.address(), LONG));

            if (fault.cause.isPresent()) {
                assertThat(failure).isNotNull().hasMessageContaining(fault.cause.get());
                assertThat(contents.find(SHA256)).isEmpty();
                faulty.set(false);
                fetch(server.address(), LONG);
            }
            assertThat(contents.find(SHA256)).isPresent();
        }
    }

    /** The server breaks off at half, and whoever answers the next request shows another certificate. */
    @ParameterizedTest(name = "{0}")
    @CsvSource({
        "of an authority that nobody trusts, ip:127.0.0.1, -1d, 2, an authority that is not trusted here",
        "that ran out, ip:127.0.0.1, -10d, 2, does not hold today (NotAfter",
        "that does not hold yet, ip:127.0.0.1, +2d, 2, does not hold today (NotBefore",
        "of another host, dns:other.example, -1d, 2, another host"
    })
    void aCertificateThatChangedBetweenTwoRequestsEndsTheRun(
            String name, String host, String start, int days, String why) throws Exception {
        var first = new TestTls(directory, "ip:127.0.0.1");
        var second = new TestTls(directory, host, start, days);
        trusted = Optional.of(first.pem() + (name.contains("nobody trusts") ? "" : second.pem()));
        int port;
        try (var server = first.serving((request, socket) -> send(socket, ok(SIZE), FILE, HALF))) {
            port = server.port();
            assertThat(catchThrowableOfType(IOException.class, () -> fetch(server.address(), LONG)))
                    .hasMessageContaining("broke off");
        }
        assertThat(contents.storedBytes(SHA256)).isPositive();
        try (var server = second.servingAt(port, FaultyUpstreamTest::proper)) {
            var failure = catchThrowableOfType(IOException.class, () -> fetch(server.address(), LONG));

            assertThat(failure)
                    .hasMessageContaining("no safe connection to 127.0.0.1:" + port)
                    .hasMessageContaining(why);
            assertThat(server.requests()).as("what it was asked").isEmpty();
            assertThat(contents.find(SHA256)).isEmpty();
        }
        try (var server = first.servingAt(port, FaultyUpstreamTest::proper)) {
            fetch(server.address(), LONG);

            assertThat(server.requests().get(0).from()).isEqualTo(ContentRepository.CHUNK_BYTES);
            assertThat(contents.find(SHA256)).isPresent();
        }
    }

    /** What looks odd, and is right. */
    @Test
    void answersWithoutLengthInChunksOrWithSomethingBehindThemAreFine() throws Exception {
        Script[] fine = {
            (request, socket) -> send(socket, "HTTP/1.1 200 OK\n\n", FILE, SIZE),
            (request, socket) -> send(socket, "HTTP/1.0 200 OK\n\n", FILE, SIZE),
            (request, socket) -> {
                send(socket, chunked(Integer.toHexString(SIZE) + ";name=value"), FILE, SIZE);
                ScriptedServer.write(socket, "\n000\nTrailer: x\n\n");
            },
            (request, socket) -> {
                send(socket, ok(SIZE), FILE, SIZE);
                ScriptedServer.write(socket, "HTTP/1.1 200 OK\nContent-Length: 5\n\nevil!");
            },
            (request, socket) -> {
                ScriptedServer.write(socket, "HTTP/1.1 100 Continue\n\nHTTP/1.1 103 Early Hints\nLink: x\n\n");
                send(socket, ok(SIZE), FILE, SIZE);
            },
            (request, socket) -> {
                if (request.path().equals("/")) {
                    redirect(socket, "there?is=more");
                } else {
                    proper(request, socket);
                }
            }
        };
        for (Script script : fine) {
            try (var server = new ScriptedServer(script)) {
                byte[] bytes = new HttpMirror(watchdog, LONG, RateLimit.NONE, net()).metadata(server.address(), SIZE);

                assertThat(TestStream.sha256(bytes)).isEqualTo(SHA256);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"bytes 0-5/%2$d", "bytes %1$d-%3$d/%4$d", "bytes */%2$d", ""})
    void aWrongContentRangeKeepsWhatWasThereAndTakesNothing(String range) throws Exception {
        String said = range.formatted(ContentRepository.CHUNK_BYTES, SIZE, SIZE - 1, SIZE + 1);
        Script script = (request, socket) -> {
            if (request.from() == 0) {
                send(socket, ok(SIZE), FILE, HALF);
            } else {
                send(socket, "HTTP/1.1 206 Part\nContent-Range: %s\n\n".formatted(said), FILE, SIZE);
            }
        };
        try (var server = new ScriptedServer(script)) {
            assertThat(catchThrowableOfType(IOException.class, () -> fetch(server.address(), LONG)))
                    .isNotNull();

            var failure = catchThrowableOfType(MirrorException.class, () -> fetch(server.address(), LONG));

            assertThat(failure).hasMessageContaining("another part than was asked for");
            assertThat(contents.find(SHA256)).isEmpty();
            assertThat(contents.storedBytes(SHA256)).isEqualTo(ContentRepository.CHUNK_BYTES);
        }
    }

    @Test
    void anotherFileBetweenTwoPartsIsTakenFromItsStartAndRefused() throws Exception {
        Script script = (request, socket) -> {
            if (request.from() == 0) {
                send(socket, ok(SIZE).replace("\n\n", "\nETag: \"1\"\n\n"), FILE, HALF);
            } else {
                assertThat(request.headers()).containsEntry("if-range", "\"1\"");
                send(socket, ok(SIZE).replace("\n\n", "\nETag: \"2\"\n\n"), OTHER, SIZE);
            }
        };
        try (var server = new ScriptedServer(script)) {
            assertThat(catchThrowableOfType(IOException.class, () -> fetch(server.address(), LONG)))
                    .isNotNull();

            assertThat(catchThrowableOfType(ChecksumMismatchException.class, () -> fetchOnce(server.address(), LONG)))
                    .isNotNull();
            assertThat(contents.find(SHA256)).isEmpty();
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "0=PT0S",
                "7=PT7S",
                "120=PT2M",
                "999999999=PT2M",
                "Thu, 15 Jan 2026 06:00:30 GMT=PT30S",
                "Thu, 15 Jan 2026 05:00:00 GMT=PT0S",
                "Thu, 15 Jan 2099 05:00:00 GMT=PT2M"
            })
    void aServerThatAsksForAPauseGetsOneOfTwoMinutesAtMost(String given) throws Exception {
        String[] part = given.split("=");
        Script script = (request, socket) ->
                ScriptedServer.write(socket, "HTTP/1.1 503 Busy\nRetry-After: %s\n\n".formatted(part[0]));
        try (var server = new ScriptedServer(script)) {
            var busy = catchThrowableOfType(BusyException.class, () -> fetch(server.address(), LONG));

            assertThat(busy.pause()).isEqualTo(Duration.parse(part[1]));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"soon", "-1", "1.5", "9999999999", ""})
    void aPauseThatIsNoneIsOrdinaryTrouble(String given) throws Exception {
        Script script = (request, socket) ->
                ScriptedServer.write(socket, "HTTP/1.1 429 Busy\nRetry-After: %s\n\n".formatted(given));
        try (var server = new ScriptedServer(script)) {
            var failure = catchThrowableOfType(IOException.class, () -> fetch(server.address(), LONG));

            assertThat(failure)
                    .hasMessageContaining("429")
                    .isNotInstanceOfAny(BusyException.class, MirrorException.class);
        }
    }

    /** As an import does it: from where the last try came to, and if that does not fit, from the start. */
    private void fetch(URI address, Duration patience) throws IOException, InterruptedException {
        boolean resumed = contents.storedBytes(SHA256) > 0;
        try {
            fetchOnce(address, patience);
        } catch (ChecksumMismatchException e) {
            if (!resumed) {
                throw e;
            }
            fetchOnce(address, patience);
        }
    }

    private void fetchOnce(URI address, Duration patience) throws IOException, InterruptedException {
        Writer writer = contents.write(SHA256, SIZE);
        Receiver receiver = new Receiver() {
            @Override
            public void begin(long from, Optional<String> etag) throws IOException {
                if (from == 0) {
                    writer.restart(etag.orElse(null));
                }
            }

            @Override
            public void accept(ByteBuffer bytes) throws IOException {
                writer.append(bytes);
            }
        };
        var source = new BootSource(
                1,
                "lab",
                address,
                0,
                true,
                true,
                Optional.empty(),
                new BootSource.Access(List.of(), Optional.empty(), trusted));
        new HttpMirror(watchdog, patience, RateLimit.NONE, net())
                .via(source)
                .download(address, writer.position(), writer.etag(), SIZE, receiver);
        writer.finish();
    }

    private static HttpMirror.Net net() {
        HttpMirror.Net system = HttpMirror.Net.ofTheSystem();
        return new HttpMirror.Net(system.resolver(), system.rules(), system.tls(), Clock.fixed(NOW, ZoneOffset.UTC));
    }

    private static Fault fault(String name, String cause, Script script) {
        return new Fault(name, cause, LONG, script);
    }

    private static Fault fault(String name, String cause, Duration patience, Script script) {
        return new Fault(name, cause, patience, script);
    }

    private static String ok(int length) {
        return "HTTP/1.1 200 OK\nContent-Length: %d\n\n".formatted(length);
    }

    private static String chunked(String size) {
        return "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n%s\n".formatted(size);
    }

    private static void proper(Request request, Socket socket) throws IOException {
        int from = (int) request.from();
        String head = from == 0
                ? ok(SIZE)
                : "HTTP/1.1 206 Part\nContent-Length: %d\nContent-Range: bytes %d-%d/%d\n\n"
                        .formatted(SIZE - from, from, SIZE - 1, SIZE);
        send(socket, head, Arrays.copyOfRange(FILE, from, SIZE), SIZE - from);
    }

    private static void send(Socket socket, String head, byte[] bytes, int count) throws IOException {
        ScriptedServer.write(socket, head);
        socket.getOutputStream().write(bytes, 0, count);
        socket.getOutputStream().flush();
    }

    private static void redirect(Socket socket, String location) throws IOException {
        ScriptedServer.write(socket, "HTTP/1.1 302 Found\nLocation: %s\nContent-Length: 0\n\n".formatted(location));
    }

    /** For as long as the client takes it, and far beyond any bound. */
    private static void endless(Socket socket, String piece) throws IOException {
        byte[] bytes = piece.replace("\n", "\r\n").getBytes(ISO_8859_1);
        OutputStream out = socket.getOutputStream();
        for (long sent = 0; sent < 1L << 30; sent += bytes.length) {
            out.write(bytes);
        }
    }

    /** Until the client leaves. */
    private static void holdOn(Socket socket) throws IOException {
        while (socket.getInputStream().read() >= 0) {
            assertThat(socket.isConnected()).isTrue();
        }
    }

    /** Sends the head at once and then a drop at a time, for as long as the client stays. */
    private static Script dripping(String head, String drop) {
        return (request, socket) -> {
            ScriptedServer.write(socket, head);
            ScheduledExecutorService tap = Executors.newSingleThreadScheduledExecutor();
            ScheduledFuture<?> drips =
                    tap.scheduleWithFixedDelay(() -> drip(socket, drop), 20, 20, TimeUnit.MILLISECONDS);
            holdOn(socket);
            drips.cancel(false);
            tap.shutdownNow();
        };
    }

    private static void drip(Socket socket, String drop) {
        try {
            ScriptedServer.write(socket, drop);
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e); // Ends the dripping.
        }
    }
}
