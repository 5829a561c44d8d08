package org.rackboot.server.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rackboot.server.http.HttpListener.Deadlines;
import org.rackboot.server.http.HttpListener.Limits;
import org.rackboot.server.http.HttpListener.Refused;
import org.rackboot.server.net.Egress;
import org.rackboot.server.net.EventLoops;
import org.rackboot.server.net.MovedClock;

/** A listener that may not send as fast as it could. The clock of its limit stands until a test moves it. */
class HttpEgressTest {
    private static final int RATE = 1_000_000;
    private static final String REQUEST = "GET /%s HTTP/1.1\r\nHost: a\r\n\r\n";

    @TempDir
    Path directory;

    private final EventLoops loops = EventLoops.best("test");
    private final MovedClock clock = new MovedClock();
    private final Egress egress = new Egress(RATE, 0, clock::nowNanos, clock);
    private final List<Refused> refused = new CopyOnWriteArrayList<>();
    private final AtomicReference<Optional<Throwable>> end = new AtomicReference<>(Optional.empty());
    private final byte[] body = new byte[300_000];
    private HttpListener listener = listener(Deadlines.STANDARD);
    private HeldContent kernel = HeldContent.of(body);
    private InetSocketAddress server = InetSocketAddress.createUnresolved("unbound", 0);

    @BeforeEach
    void start() throws IOException {
        new Random(1).nextBytes(body);
        kernel = HeldContent.of(body);
        server = listener.bind(InetAddress.getLoopbackAddress(), 0, "HTTP", "");
    }

    @AfterEach
    void stop() {
        listener.close();
        loops.close();
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void aBodyComesAsItIsGranted(boolean asFile) throws Exception {
        if (asFile) {
            kernel = new HeldContent(body, Optional.of(Files.write(directory.resolve("kernel"), body)), -1);
        }
        egress.spend(InetAddress.getLoopbackAddress(), RATE / 10);
        try (RawHttp client = new RawHttp(server)) {
            client.send(REQUEST.formatted("kernel"));
            assertThat(client.head()).contains("Content-Length: 300000");
            await().until(() -> egress.waiting() == 1);
            assertThat(kernel.lent.get()).isEqualTo(asFile ? 0 : 1);

            long waited = bodyArrives(client);

            assertThat(waited).isBetween(370L, 410L); // 0.1 s and 0.3 s, less a burst of 20 ms.
            client.send(REQUEST.formatted("kernel")); // The connection goes on.
            assertThat(client.head()).contains("Content-Length: 300000");
            bodyArrives(client);
        }
        await().untilAsserted(() -> assertThat(kernel.lent.get()).isZero());
        await().untilAsserted(() -> assertThat(egress.waiting()).isZero());
    }

    /** How many milliseconds of the limit's clock that took. */
    private long bodyArrives(RawHttp client) {
        long before = clock.passedNanos();
        CompletableFuture<byte[]> arrived = CompletableFuture.supplyAsync(() -> {
            try {
                return client.body(body.length);
            } catch (IOException e) {
                throw new IllegalStateException(e);
            }
        });
        await().pollInterval(Duration.ofMillis(1)).until(() -> {
            if (egress.waiting() == 1) { // Not before it asked, so that no time is lost.
                clock.pass(1_000_000);
            }
            return arrived.isDone();
        });
        assertThat(arrived.join()).isEqualTo(body);
        return (clock.passedNanos() - before) / 1_000_000;
    }

    @Test
    void whatWouldFitIntoOneWriteWaitsAsWell() throws Exception { // Else a client asks for small ranges only.
        egress.spend(InetAddress.getLoopbackAddress(), RATE);
        try (RawHttp client = new RawHttp(server)) {
            client.send("GET /kernel HTTP/1.1\r\nHost: a\r\nRange: bytes=0-59999\r\n\r\n");
            assertThat(client.head()).startsWith("HTTP/1.1 206 ");
            await().until(() -> egress.waiting() == 1);
        }
    }

    @Test
    void whatDidNotWaitIsPaidByWhoeverDoes() throws Exception {
        try (RawHttp client = new RawHttp(server)) {
            for (int i = 0; i < 10; i++) {
                client.send(REQUEST.formatted("small"));
                client.head();
                client.body(4_096);
            }
        }
        try (Egress.Flow other =
                egress.open(InetAddress.getByName("127.0.0.2"), 1).orElseThrow()) {
            assertThat(other.ask(1, bytes -> {})).isZero();
        }
    }

    @Test
    void whatIsSmallOrRefusedOrOnlyAHeadDoesNotWait() throws Exception {
        egress.spend(InetAddress.getLoopbackAddress(), RATE);
        try (RawHttp client = new RawHttp(server)) {
            client.send("HEAD /kernel HTTP/1.1\r\nHost: a\r\n\r\n");
            assertThat(client.head()).contains("Content-Length: 300000");
            client.send(REQUEST.formatted("configuration"));
            assertThat(client.head()).contains("Content-Length: 60000");
            assertThat(client.body(60_000)).hasSize(60_000);
            client.send(REQUEST.formatted("small"));
            assertThat(client.head()).contains("Content-Length: 4096");
            assertThat(client.body(4_096)).hasSize(4_096);
            client.send(REQUEST.formatted("missing"));
            assertThat(client.head()).startsWith("HTTP/1.1 404 ");
        }
        assertThat(clock.passedNanos()).isZero();
    }

    @Test
    void whoCouldNotBeFedInTimeIsToldWhenToComeAgain() throws Exception {
        Egress.Flow other =
                egress.open(InetAddress.getByName("127.0.0.2"), 600_000).orElseThrow();
        try (RawHttp client = new RawHttp(server)) {
            client.send(REQUEST.formatted("kernel"));
            String head = client.head();
            assertThat(head)
                    .startsWith("HTTP/1.1 503 ")
                    .contains("Retry-After: 2\r\n")
                    .contains("keep-alive");
            client.body(Integer.parseInt(head.replaceAll("(?s).*Content-Length: (\\d+).*", "$1")));
            assertThat(Objects.requireNonNull(end.get()).orElseThrow()).hasMessage(Egress.FULL);

            other.close();
            client.send(REQUEST.formatted("kernel"));
            assertThat(client.head()).startsWith("HTTP/1.1 200 ");
        }
        assertThat(egress.refusedFlows()).isOne();
    }

    @Test
    void whoLeavesWhileWaitingIsForgotten() throws Exception {
        egress.spend(InetAddress.getLoopbackAddress(), RATE);
        try (RawHttp client = new RawHttp(server)) {
            client.send(REQUEST.formatted("kernel"));
            await().until(() -> egress.waiting() == 1);
        }

        await().until(() -> {
            clock.pass(200_000_000); // Whoever goes is missed at the next write.
            return listener.openConnections() == 0;
        });
        assertThat(egress.waiting()).isZero();
        assertThat(egress.clients()).isZero();
        assertThat(kernel.lent.get()).isZero();
    }

    @Test
    void whoWaitsForHisShareIsNotSlow() throws Exception { // S-26, R-028
        listener.close();
        listener = listener(TestDeadlines.withSlowest(Duration.ofMillis(200)));
        server = listener.bind(InetAddress.getLoopbackAddress(), 0, "HTTP", "");
        egress.spend(InetAddress.getLoopbackAddress(), RATE);
        try (RawHttp client = new RawHttp(server)) {
            client.send(REQUEST.formatted("kernel"));
            client.head();
            await().until(() -> egress.waiting() == 1);
            loops.group().schedule(() -> {}, 700, TimeUnit.MILLISECONDS).get(); // As the listener's deadlines pass.

            bodyArrives(client);
        }
        assertThat(refused).isEmpty();
    }

    private HttpListener listener(Deadlines deadlines) {
        Limits limits = Limits.BOOT.within(deadlines.stoppingWithin(Duration.ofMillis(200))); // Some wait for ever.
        return new HttpListener(
                loops, call -> CompletableFuture.completedFuture(answer(call)), limits, refused::add, egress);
    }

    private HttpReply answer(HttpCall call) {
        return switch (call.path()) {
            case "/kernel" ->
                ContentReplies.answer(call, kernel, "application/octet-stream")
                        .whenSent((bytes, failure) -> end.set(failure));
            case "/small" -> ContentReplies.answer(call, HeldContent.of(new byte[4_096]), "application/octet-stream");
            case "/configuration" -> HttpReply.bytes(200, "text/plain", new byte[60_000]);
            default -> HttpReply.text(404, "none");
        };
    }
}
