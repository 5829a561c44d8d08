package org.rackboot.region.sync;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rackboot.region.sync.Mirror.MirrorException;
import org.rackboot.region.sync.Mirror.Receiver;
import org.rackboot.region.sync.ScriptedServer.Script;

@Timeout(60)
class HttpMirrorTest {
    private static final Duration PATIENCE = Duration.ofMillis(300);
    private static final Duration LONG = Duration.ofMinutes(1);

    private final ScheduledExecutorService watchdog = Executors.newSingleThreadScheduledExecutor(work -> {
        Thread thread = new Thread(work, "watchdog");
        thread.setDaemon(true);
        return thread;
    });
    private final Received received = new Received();

    @AfterEach
    void stop() {
        watchdog.shutdownNow();
    }

    @Test
    void aWholeFileComesWithItsValidator() throws Exception {
        try (var server = serving("HTTP/1.1 200 OK\nContent-Length: 5\nETag: \"v1\"\n\nhello")) {
            download(server, 0, Optional.empty(), 5);

            assertThat(received).hasToString("begin 0 \"v1\": hello");
            assertThat(server.requests().get(0).headers())
                    .containsEntry("accept-encoding", "identity")
                    .doesNotContainKeys("range", "if-range");
        }
    }

    @Test
    void aPartIsAskedForAndTaken() throws Exception {
        try (var server =
                serving("HTTP/1.1 206 Partial Content\nContent-Length: 3\nContent-Range: bytes 2-4/5\n\nllo")) {
            download(server, 2, Optional.of("\"v1\""), 5);

            assertThat(received).hasToString("begin 2 -: llo");
            assertThat(server.requests().get(0).headers())
                    .containsEntry("range", "bytes=2-")
                    .containsEntry("if-range", "\"v1\"");
        }
    }

    @Test
    void aServerWithoutRangesOrWithAnotherFileSendsAll() throws Exception {
        try (var server = serving("HTTP/1.1 200 OK\nContent-Length: 5\nETag: \"v2\"\n\nhello")) {
            download(server, 2, Optional.of("\"v1\""), 5);

            assertThat(received).hasToString("begin 0 \"v2\": hello");
        }
    }

    @Test
    void aWeakValidatorIsNone() throws Exception {
        try (var server = serving("HTTP/1.1 200 OK\nContent-Length: 5\nETag: W/\"v1\"\n\nhello")) {
            download(server, 0, Optional.empty(), 5);

            assertThat(received).hasToString("begin 0 -: hello");
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "bytes 1-4/5",
                "bytes 2-3/5",
                "bytes 2-4/6",
                "bytes 2-4/*",
                "bytes */5",
                "bytes=2-4/5",
                "items 2-4/5",
                ""
            })
    void aPartThatWasNotAskedForIsRefused(String range) throws Exception {
        try (var server =
                serving("HTTP/1.1 206 Partial Content\nContent-Length: 3\nContent-Range: " + range + "\n\nllo")) {
            refused("another part than was asked for", () -> download(server, 2, Optional.empty(), 5));
        }
    }

    @Test
    void aPartWhereAllWasAskedForIsRefused() throws Exception {
        try (var server =
                serving("HTTP/1.1 206 Partial Content\nContent-Length: 5\nContent-Range: bytes 0-4/5\n\nhello")) {
            refused("the server answered 206", () -> download(server, 0, Optional.empty(), 5));
        }
    }

    @Test
    void anotherSizeThanTheStreamSaysIsRefusedBeforeAnyByte() throws Exception {
        try (var server = serving("HTTP/1.1 200 OK\nContent-Length: 6\n\nhello!")) {
            refused("the server has 6 bytes; the stream says 5", () -> download(server, 0, Optional.empty(), 5));
            refused("the server has 6 bytes; the stream says 5", () -> download(server, 2, Optional.empty(), 5));
        }
    }

    @Test
    void aBodyThatIsShorterThanAnnouncedBrokeOff() throws Exception {
        try (var server = serving("HTTP/1.1 200 OK\nContent-Length: 5\n\nhel")) {
            mayPass("broke off", () -> download(server, 0, Optional.empty(), 5));
            assertThat(received).hasToString("begin 0 -: hel");
        }
        try (var server = serving("HTTP/1.1 200 OK\n\nhel")) {
            mayPass("ended after 3 of 5 bytes", () -> download(server, 0, Optional.empty(), 5));
        }
        try (var server = serving("HTTP/1.1 206 Partial Content\nContent-Range: bytes 2-4/5\n\nl")) {
            mayPass("ended after 3 of 5 bytes", () -> download(server, 2, Optional.empty(), 5));
        }
    }

    @Test
    void aResetInTheMiddleBrokeOff() throws Exception {
        Script script = (request, socket) -> {
            ScriptedServer.write(socket, "HTTP/1.1 200 OK\nContent-Length: 5000000\n\nhel");
            ScriptedServer.reset(socket);
        };
        try (var server = new ScriptedServer(script)) {
            assertThatExceptionOfType(IOException.class)
                    .isThrownBy(() -> download(server, 0, Optional.empty(), 5_000_000))
                    .isNotInstanceOf(MirrorException.class);
        }
    }

    @Test
    void bytesBeyondTheEndOfAChunkedBodyAreRefused() throws Exception {
        try (var server = serving("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n6\nhello!\n0\n\n")) {
            refused("more than the announced 5 bytes came", () -> download(server, 0, Optional.empty(), 5));

            assertThat(received).hasToString("begin 0 -: ");
        }
    }

    @Test
    void aHeaderThatNeverEndsIsGivenUp() throws Exception {
        try (var server = dripping("HTTP/1.1 200 OK\nContent-Length: 5\n", "X: y\n")) {
            mayPass("no answer came within 0.3 s", () -> download(server, PATIENCE));
        }
    }

    @Test
    void aServerThatIsSilentIsGivenUp() throws Exception {
        try (var server = new ScriptedServer(HttpMirrorTest::holdOn)) {
            mayPass("no answer came within 0.3 s", () -> download(server, PATIENCE));
            mayPass("no answer came within 0.3 s", () -> mirror(PATIENCE).metadata(server.address(), 100));
        }
    }

    @Test
    void aBodyThatStallsIsGivenUp() throws Exception {
        Script stall = (request, socket) -> {
            ScriptedServer.write(socket, "HTTP/1.1 200 OK\nContent-Length: 5\n\nhel");
            holdOn(request, socket);
        };
        try (var server = new ScriptedServer(stall)) {
            mayPass("brought less than 30720 bytes in 0.3 s", () -> download(server, PATIENCE));
            mayPass(
                    "brought less than 30720 bytes in 0.3 s",
                    () -> mirror(PATIENCE).metadata(server.address(), 100));
            assertThat(received).hasToString("begin 0 -: hel");
        }
    }

    @Test
    void aBodyThatOnlyDripsIsGivenUpToo() throws Exception {
        try (var server = dripping("HTTP/1.1 200 OK\nContent-Length: 1000000\n\n", "drop")) {
            mayPass(
                    "brought less than 30720 bytes in 0.3 s",
                    () -> mirror(PATIENCE).download(server.address(), 0, Optional.empty(), 1_000_000, received));
        }
    }

    @Test
    void aReceiverThatTakesItsTimeIsNotTheServersFault() throws Exception {
        try (var server = serving("HTTP/1.1 200 OK\nContent-Length: 5\n\nhello")) {
            var watchLooked = new CountDownLatch(60); // Twice as often as it takes to lose patience.
            ScheduledFuture<?> clock =
                    watchdog.scheduleWithFixedDelay(watchLooked::countDown, 10, 10, TimeUnit.MILLISECONDS);
            var slow = new Received() {
                @Override
                public void accept(ByteBuffer bytes) {
                    try {
                        watchLooked.await();
                    } catch (InterruptedException e) {
                        throw new AssertionError(e);
                    }
                    super.accept(bytes);
                }
            };

            mirror(PATIENCE).download(server.address(), 0, Optional.empty(), 5, slow);

            assertThat(slow).hasToString("begin 0 -: hello");
            clock.cancel(false);
        }
    }

    @Test
    void encodedBytesAreRefused() throws Exception {
        try (var server = serving("HTTP/1.1 200 OK\nContent-Length: 5\nContent-Encoding: gzip\n\nhello")) {
            refused("came encoded", () -> download(server, LONG));
            refused("came encoded", () -> mirror(LONG).metadata(server.address(), 100));
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {400, 401, 403, 404, 410})
    void aRefusalIsFinal(int status) throws Exception {
        try (var server = serving("HTTP/1.1 " + status + " No\nContent-Length: 0\n\n")) {
            refused("the server answered " + status, () -> download(server, LONG));
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {408, 429, 500, 502, 503, 504})
    void troubleMayPass(int status) throws Exception {
        try (var server = serving("HTTP/1.1 " + status + " No\nContent-Length: 0\n\n")) {
            mayPass("the server answered " + status, () -> download(server, LONG));
        }
    }

    @Test
    void whatIsNoHttpMayPass() throws Exception {
        try (var server = serving("SSH-2.0-OpenSSH_9.2\n")) {
            mayPass("no answer came", () -> download(server, LONG));
        }
        try (var server = new ScriptedServer((request, socket) -> socket.close())) {
            mayPass("no answer came", () -> download(server, LONG));
        }
    }

    @Test
    void aServerThatIsDownIsNamed() throws Exception {
        try (Socket bound =
                new Socket()) { // And not listening: a port that is free could be given to the client itself.
            bound.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
            URI address = URI.create("http://127.0.0.1:" + bound.getLocalPort() + "/");

            mayPass(
                    "cannot connect to " + address.getAuthority(),
                    () -> mirror(LONG).download(address, 0, Optional.empty(), 5, received));
        }
    }

    @Test
    void metadataComesWholeOrNotAtAll() throws Exception {
        try (var server = serving("HTTP/1.1 200 OK\nContent-Length: 5\n\nhello")) {
            assertThat(mirror(LONG).metadata(server.address(), 5)).isEqualTo("hello".getBytes(US_ASCII));
            refused("longer than 4 bytes", () -> mirror(LONG).metadata(server.address(), 4));
        }
        try (var server = serving("HTTP/1.1 200 OK\nContent-Length: 6\n\nhello")) {
            mayPass("broke off", () -> mirror(LONG).metadata(server.address(), 100));
        }
    }

    @Test
    void anInterruptEndsATransferThatWaits() throws Exception {
        var begun = new CountDownLatch(1);
        Script stall = (request, socket) -> {
            ScriptedServer.write(socket, "HTTP/1.1 200 OK\nContent-Length: 5\n\nhel");
            holdOn(request, socket);
        };
        var watched = new Received() {
            @Override
            public void accept(ByteBuffer bytes) {
                begun.countDown();
            }
        };
        try (var server = new ScriptedServer(stall)) {
            var outcome = new CompletableFuture<Exception>();
            var downloading = new Thread(() -> {
                try {
                    mirror(LONG).download(server.address(), 0, Optional.empty(), 5, watched);
                } catch (IOException | InterruptedException e) {
                    outcome.complete(e);
                }
            });
            downloading.start();
            begun.await();

            downloading.interrupt();

            assertThat(outcome.get(20, TimeUnit.SECONDS)).isNotInstanceOf(MirrorException.class);
            downloading.join();
        }
    }

    private interface Call {
        void make() throws Exception;
    }

    private static void refused(String why, Call call) {
        assertThatExceptionOfType(MirrorException.class).isThrownBy(call::make).withMessageContaining(why);
    }

    private static void mayPass(String why, Call call) {
        assertThatExceptionOfType(IOException.class)
                .isThrownBy(call::make)
                .withMessageContaining(why)
                .isNotInstanceOf(MirrorException.class);
    }

    private HttpMirror mirror(Duration patience) {
        return new HttpMirror(watchdog, patience, RateLimit.NONE, HttpMirror.Net.ofTheSystem());
    }

    private void download(ScriptedServer server, Duration patience) throws Exception {
        mirror(patience).download(server.address(), 0, Optional.empty(), 5, received);
    }

    private void download(ScriptedServer server, long from, Optional<String> ifRange, long size) throws Exception {
        mirror(LONG).download(server.address(), from, ifRange, size, received);
    }

    private static ScriptedServer serving(String answer) throws IOException {
        return new ScriptedServer((request, socket) -> ScriptedServer.write(socket, answer));
    }

    /** Sends the head at once and then a drop at a time, for as long as the client stays. */
    private ScriptedServer dripping(String head, String drop) throws IOException {
        return new ScriptedServer((request, socket) -> {
            ScriptedServer.write(socket, head);
            ScheduledFuture<?> drips =
                    watchdog.scheduleWithFixedDelay(() -> drip(socket, drop), 20, 20, TimeUnit.MILLISECONDS);
            holdOn(request, socket);
            drips.cancel(false);
        });
    }

    private static void drip(Socket socket, String drop) {
        try {
            ScriptedServer.write(socket, drop);
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e); // Ends the dripping.
        }
    }

    /** Until the client leaves. */
    private static void holdOn(ScriptedServer.Request request, Socket socket) throws IOException {
        while (socket.getInputStream().read() >= 0) {
            assertThat(request.path()).isNotEmpty();
        }
    }

    private static class Received implements Receiver {
        private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        private String begun = "";

        @Override
        public void begin(long from, Optional<String> etag) {
            begun = "begin " + from + " " + etag.orElse("-") + ": ";
            bytes.reset();
        }

        @Override
        public void accept(ByteBuffer part) {
            byte[] copy = new byte[part.remaining()];
            part.get(copy);
            bytes.writeBytes(copy);
        }

        @Override
        public String toString() {
            return begun + bytes.toString(US_ASCII);
        }
    }
}
