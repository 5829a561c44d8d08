package org.rackboot.server.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rackboot.server.http.HttpListener.Deadlines;
import org.rackboot.server.http.HttpListener.Limits;
import org.rackboot.server.http.HttpListener.Refused;
import org.rackboot.server.net.EventLoops;

/** Too many, too slow, and gone: what a listener does with clients that take more than their share. */
class HttpOverloadTest {
    private static final String GET = "GET /kernel HTTP/1.1\r\nHost: a\r\n\r\n";
    private static final Duration SHORT = Duration.ofMillis(200);
    private static final Duration LONG = Duration.ofMinutes(1);

    @TempDir
    static Path directory;

    private final List<Refused> refused = new CopyOnWriteArrayList<>();
    private final AtomicReference<CompletionStage<HttpReply>> answer =
            new AtomicReference<>(CompletableFuture.completedFuture(HttpReply.text(200, "x")));
    private final AtomicReference<@Nullable HeldContent> content = new AtomicReference<>();
    /** Clients in front, so that closing a listener does not wait for them. */
    private final List<AutoCloseable> opened = new ArrayList<>();

    private EventLoops loops = EventLoops.best("test");

    @AfterEach
    void stop() throws Exception {
        for (AutoCloseable each : opened) {
            each.close();
        }
        loops.close();
    }

    @Test
    void whoeverIsOneTooManyIsToldWhenToComeAgain() throws Exception { // H11, G-10
        HttpListener listener = listener(Limits.BOOT.withConnections(2, 2));
        InetSocketAddress server = bind(listener);
        RawHttp first = client(server);
        RawHttp second = client(server);
        await().until(() -> listener.openConnections() == 2);
        try (RawHttp third = new RawHttp(server)) {
            third.send(GET);

            assertThat(third.head())
                    .startsWith("HTTP/1.1 503 ")
                    .contains("Retry-After: 2\r\n")
                    .contains("Connection: close");
            third.body(1_000);
            assertThat(third.isClosedByServer()).isTrue();
        }
        assertThat(refused).containsExactly(Refused.TOO_MANY_CONNECTIONS);

        first.close(); // Whose place is free again.
        await().until(() -> listener.openConnections() == 1);
        try (RawHttp fourth = new RawHttp(server)) {
            fourth.send(GET);
            assertThat(fourth.head()).startsWith("HTTP/1.1 200 ");
        }
        second.send(GET);
        assertThat(second.head()).startsWith("HTTP/1.1 200 "); // Who was there kept its place.
    }

    @Test
    void tellingSoIsBoundedItself() throws Exception { // G-10
        HttpListener listener = listener(Limits.BOOT.withConnections(1, 1));
        InetSocketAddress server = bind(listener);
        for (int i = 0; i < 40; i++) {
            client(server);
        }

        await().until(() -> refused.size() == 39);
        assertThat(listener.openConnections()).isLessThanOrEqualTo(1 + 16);
    }

    @Test
    void oneAddressCannotTakeAllConnections() throws Exception { // G-09
        HttpListener listener = listener(Limits.BOOT.withConnections(100, 3));
        InetSocketAddress server = bind(listener);
        for (int i = 0; i < 3; i++) {
            client(server).send(GET);
        }
        await().until(() -> listener.openConnections() == 3);
        try (RawHttp greedy = new RawHttp(server);
                RawHttp other = RawHttp.from("127.0.0.2", server)) {
            greedy.send(GET);
            other.send(GET);

            assertThat(greedy.head()).startsWith("HTTP/1.1 503 ");
            assertThat(other.head()).startsWith("HTTP/1.1 200 ");
        }
        assertThat(refused).containsExactly(Refused.TOO_MANY_OF_ONE_ADDRESS);
    }

    @Test
    void anIdleConnectionStaysUntilThereIsACrowd() throws Exception { // H4
        HttpListener listener = listener(
                Limits.BOOT.withConnections(4, 4).within(TestDeadlines.withIdle(LONG, Duration.ofMillis(100))));
        InetSocketAddress server = bind(listener);
        RawHttp kept = client(server);
        kept.send(GET);
        kept.head();
        kept.body(2);
        client(server); // Fresh: it never asked for anything.
        passes(Duration.ofMillis(500));
        assertThat(listener.openConnections()).isEqualTo(2); // Half of what is allowed is no crowd.

        for (int i = 0; i < 2; i++) {
            RawHttp crowding = client(server);
            crowding.send(GET);
            crowding.head(); // It is counted by now.
        }

        // Those that look at the same moment may all see the crowd, and leave.
        await().until(() -> listener.openConnections() <= 2);
        assertThat(refused).isEmpty(); // Nobody's fault.
    }

    @Test
    void anIdleConnectionEndsAtLast() throws Exception {
        InetSocketAddress server = bind(listener(Limits.BOOT.within(TestDeadlines.withIdle(SHORT, SHORT))));
        RawHttp fresh = client(server);
        RawHttp kept = client(server);
        kept.send(GET);
        kept.head();
        kept.body(2);

        assertThat(fresh.isClosedByServer()).isTrue();
        assertThat(kept.isClosedByServer()).isTrue();
    }

    @Test
    void standardDeadlinesAreWhatFirmwareNeeds() { // H4, S-18, S-21, S-26, R-028, R-031
        assertThat(Deadlines.STANDARD.idle()).isGreaterThanOrEqualTo(Duration.ofSeconds(60));
        assertThat(Deadlines.STANDARD.header()).isEqualTo(Duration.ofSeconds(5));
        assertThat(Deadlines.STANDARD.handshake()).isEqualTo(Duration.ofSeconds(5));
        assertThat(Deadlines.STANDARD.slowest()).isEqualTo(Duration.ofSeconds(60));
        assertThat(Deadlines.STANDARD.stop()).isEqualTo(Duration.ofSeconds(30));
        assertThat(Limits.BOOT.leastBytesPerSecond()).isEqualTo(1_024);
    }

    @Test
    void theHeaderDeadlineCountsFromEachRequestsFirstByte() throws Exception { // S-26: one byte now and then
        InetSocketAddress server = bind(listener(Limits.BOOT.within(TestDeadlines.withHeader(Duration.ofMillis(300)))));
        RawHttp client = client(server);
        client.send(GET);
        client.head();
        client.body(2);
        passes(Duration.ofMillis(500)); // Idle is not slow.
        client.send("GET / HT");

        assertThat(client.head()).startsWith("HTTP/1.1 408 ");
        assertThat(refused).containsExactly(Refused.TOO_SLOW);
    }

    @Test
    void aBodyThatDoesNotComeIsNotWaitedForForever() throws Exception { // S-26
        InetSocketAddress server = bind(listener(Limits.API.within(TestDeadlines.withBody(SHORT))));
        RawHttp client = client(server);
        client.send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n123");

        assertThat(client.head()).startsWith("HTTP/1.1 408 ");
        assertThat(refused).containsExactly(Refused.TOO_SLOW);
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void whoTakesNextToNothingLosesTheConnection(boolean asFile) throws Exception { // S-26, R-028
        HeldContent kernel = kernel(64 << 20, asFile);
        HttpListener listener = listener(Limits.BOOT.within(TestDeadlines.withSlowest(SHORT)));
        RawHttp client = RawHttp.withBuffer(4_096, bind(listener));
        opened.add(0, client);
        client.send(GET);

        await().until(() -> refused.contains(Refused.SLOW_READER));
        await().until(() -> listener.openConnections() == 0);
        await().until(() -> kernel.lent.get() == 0);
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void whoIsOnlySlowIsServedToTheEnd(boolean asFile) throws Exception {
        HeldContent kernel = kernel(8 << 20, asFile);
        Limits limits = Limits.BOOT.within(TestDeadlines.withSlowest(Duration.ofMillis(400)));
        RawHttp client = RawHttp.withBuffer(64 << 10, bind(listener(limits)));
        opened.add(0, client);
        client.send(GET);
        client.head();

        int left = (int) kernel.content().size();
        for (int i = 0; i < 20; i++) { // Two seconds, five windows.
            passes(Duration.ofMillis(100));
            left -= client.body(200_000).length;
        }
        left -= client.body(left).length;
        assertThat(left).isZero();
        assertThat(refused).isEmpty();
    }

    @Test
    void whoWaitsForUsIsNotSlow() throws Exception { // A long poll, or content on its way.
        CompletableFuture<HttpReply> later = new CompletableFuture<>();
        answer.set(later);
        InetSocketAddress server = bind(
                listener(Limits.BOOT.within(new Deadlines(SHORT, SHORT, SHORT, SHORT, SHORT, SHORT, SHORT, LONG))));
        RawHttp client = client(server);
        client.send(GET);
        passes(Duration.ofMillis(700));
        later.complete(HttpReply.text(200, "at last"));

        assertThat(client.head()).startsWith("HTTP/1.1 200 ");
    }

    @Test
    void aRefusedClientThatNeverClosesIsClosed() throws Exception {
        HttpListener listener = listener(Limits.BOOT.within(TestDeadlines.withLinger(SHORT)));
        RawHttp client = client(bind(listener));
        client.send("junk\r\n");
        assertThat(client.head()).startsWith("HTTP/1.1 400 ");

        await().until(() -> listener.openConnections() == 0);
    }

    @Test
    void stoppingEndsWhatIsIdleAndLetsAnswersFinish() throws Exception {
        kernel(32 << 20, true);
        HttpListener listener = listener(Limits.BOOT);
        InetSocketAddress server = bind(listener);
        RawHttp idle = client(server);
        RawHttp busy = RawHttp.withBuffer(64 << 10, server);
        opened.add(0, busy);
        busy.send(GET);
        busy.head();
        CompletableFuture<Void> stopped = CompletableFuture.runAsync(listener::close);

        assertThat(idle.isClosedByServer()).isTrue();
        assertThatThrownBy(() -> new RawHttp(server)).isInstanceOf(IOException.class); // Nobody new.
        assertThat(stopped).isNotDone();
        assertThat(busy.body(32 << 20)).hasSize(32 << 20);
        assertThat(busy.isClosedByServer()).isTrue(); // After its answer, though it asked to keep the connection.
        stopped.get(10, TimeUnit.SECONDS);
        assertThat(listener.openConnections()).isZero();
    }

    @Test
    void stoppingWaitsOnlySoLong() throws Exception {
        kernel(32 << 20, true);
        HttpListener listener = listener(Limits.BOOT.within(Deadlines.STANDARD.stoppingWithin(SHORT)));
        RawHttp busy = RawHttp.withBuffer(64 << 10, bind(listener));
        opened.add(0, busy);
        busy.send(GET);
        busy.head();

        listener.close();

        await().until(() -> listener.openConnections() == 0);
        assertThat(busy.body(32 << 20)).hasSizeLessThan(32 << 20); // Short of its length: never a clean end.
    }

    @Test
    void whoEndsItsOwnSideStillGetsItsAnswers() throws Exception { // printf … | nc -N
        CompletableFuture<HttpReply> later = new CompletableFuture<>();
        answer.set(later);
        RawHttp client = client(bind(listener(Limits.BOOT)));
        client.send(GET + GET);
        client.endOutput();
        later.complete(HttpReply.text(200, "x"));

        assertThat(client.head()).startsWith("HTTP/1.1 200 ");
        client.body(2);
        assertThat(client.head()).startsWith("HTTP/1.1 200 ");
        client.body(2);
        assertThat(client.isClosedByServer()).isTrue();
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void halfClosedAndResetConnectionsLeaveNothingBehind(boolean epoll) throws Exception {
        loops.close();
        loops = epoll ? EventLoops.best("test") : EventLoops.nio("test");
        CompletableFuture<HttpReply> never = new CompletableFuture<>();
        HttpListener listener = listener(Limits.BOOT);
        InetSocketAddress server = bind(listener);
        for (int i = 0; i < 1_000; i++) {
            answer.set(i % 2 == 0 ? never : CompletableFuture.completedFuture(HttpReply.text(200, "x")));
            try (RawHttp client = new RawHttp(server)) {
                client.resetAtClose();
                client.send(i % 3 == 0 ? GET : "GET / HT");
                client.endOutput();
            }
        }
        never.complete(HttpReply.text(200, "x"));

        await().until(() -> listener.openConnections() == 0);
        long before = cpuNanos();
        passes(Duration.ofMillis(500));
        assertThat(Duration.ofNanos(cpuNanos() - before)).isLessThan(Duration.ofMillis(100)); // No loop spins.
    }

    /** Processor time of all event loops. */
    private static long cpuNanos() {
        ThreadMXBean threads = ManagementFactory.getThreadMXBean();
        long nanos = 0;
        for (long id : threads.getAllThreadIds()) {
            var info = threads.getThreadInfo(id);
            if (info != null && info.getThreadName().startsWith("io-")) {
                nanos += Math.max(0, threads.getThreadCpuTime(id));
            }
        }
        return nanos;
    }

    /** Lets time pass on an event loop, as all of the listener's deadlines do. */
    private void passes(Duration time) throws Exception {
        loops.group().schedule(() -> {}, time.toNanos(), TimeUnit.NANOSECONDS).get(30, TimeUnit.SECONDS);
    }

    private HeldContent kernel(int size, boolean asFile) throws IOException {
        byte[] bytes = new byte[size];
        new Random(size).nextBytes(bytes);
        Optional<Path> file =
                asFile ? Optional.of(Files.write(directory.resolve("kernel-" + size), bytes)) : Optional.empty();
        HeldContent kernel = new HeldContent(bytes, file, -1);
        content.set(kernel);
        return kernel;
    }

    private HttpListener listener(Limits limits) {
        HttpListener listener = new HttpListener(
                loops,
                call -> {
                    HeldContent held = content.get();
                    return held == null
                            ? Objects.requireNonNull(answer.get())
                            : CompletableFuture.completedFuture(
                                    ContentReplies.answer(call, held, "application/octet-stream"));
                },
                limits,
                refused::add);
        opened.add(listener);
        return listener;
    }

    private RawHttp client(InetSocketAddress server) throws IOException {
        RawHttp client = new RawHttp(server);
        opened.add(0, client);
        return client;
    }

    private static InetSocketAddress bind(HttpListener listener) throws IOException {
        return listener.bind(InetAddress.getLoopbackAddress(), 0, "HTTP", "");
    }
}
