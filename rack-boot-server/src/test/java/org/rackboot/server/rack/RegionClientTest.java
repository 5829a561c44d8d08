package org.rackboot.server.rack;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpExchange;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rackboot.image.Content;
import org.rackboot.image.ContentId;
import org.rackboot.image.ContentOrigin;
import org.rackboot.image.ContentUnavailableException;
import org.rackboot.server.config.StateDirectory;
import org.rackboot.server.http.HttpListener;
import org.rackboot.server.http.HttpReply;
import org.rackboot.server.http.OwnCertificate;
import org.rackboot.server.http.TlsCertificates;
import org.rackboot.server.net.EventLoops;

/** One region, two addresses. */
@Timeout(60)
class RegionClientTest {
    @TempDir
    Path directory;

    private static final byte[] BYTES = new byte[2 * Content.CHUNK_BYTES + 99];
    private static final byte[] DIGESTS = new byte[3 * 32];

    private final ExecutorService threads = Executors.newFixedThreadPool(2);
    private final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor();
    private final ByteArrayOutputStream received = new ByteArrayOutputStream();
    private ScriptedRegion one;
    private ScriptedRegion two;
    private Content content;
    private RegionClient client;

    @BeforeEach
    void start() throws Exception {
        new Random(7).nextBytes(BYTES);
        new Random(8).nextBytes(DIGESTS);
        content = new Content(
                new ContentId(ScriptedRegion.sha256(BYTES)),
                BYTES.length,
                new ContentId(ScriptedRegion.sha256(DIGESTS)));
        one = new ScriptedRegion(RegionClientTest::serve);
        two = new ScriptedRegion(RegionClientTest::serve);
        client = client(one.url(), two.url());
    }

    @AfterEach
    void stop() {
        one.close();
        two.close();
        threads.shutdownNow();
        timer.shutdownNow();
    }

    @Test
    void theAddressThatAnsweredIsAskedAgain() {
        assertThat(client.chunkDigests(content).toCompletableFuture().join()).isEqualTo(DIGESTS);
        fetch(0, 3);

        assertThat(received.toByteArray()).isEqualTo(BYTES);
        assertThat(one.asked()).hasSize(2);
        assertThat(two.asked()).isEmpty();
    }

    @Test
    void whenOneCannotBeReachedTheOtherIsAskedWithoutAFailure() throws Exception {
        one.close();

        assertThat(client.catalog(Optional.empty(), Duration.ZERO).orElseThrow().document())
                .isEqualTo("a catalog".getBytes(UTF_8));
        assertThat(client.chunkDigests(content).toCompletableFuture().join()).isEqualTo(DIGESTS);
        fetch(0, 3);

        assertThat(received.toByteArray()).isEqualTo(BYTES);
    }

    @ParameterizedTest
    @ValueSource(ints = {401, 404, 500, 503})
    void whenOneDoesNotAnswerAsItShouldTheOtherIsAsked(int status) throws Exception {
        one.from(exchange -> ScriptedRegion.reply(exchange, status, "no".getBytes(UTF_8)));

        assertThat(client.catalog(Optional.empty(), Duration.ZERO)).isPresent();
        fetch(1, 2);

        assertThat(received.toByteArray()).isEqualTo(Arrays.copyOfRange(BYTES, Content.CHUNK_BYTES, BYTES.length));
        assertThat(one.asked()).as("it rests after the first time").hasSize(1);
    }

    @Test
    void aRegionWithAnotherKeyIsNotTrustedAndNotSaidToBeSilent() throws Exception {
        TlsCertificates.Listener nobody = new TlsCertificates.Listener() {
            @Override
            public void reloaded() {}

            @Override
            public void reloadFailed() {}
        };
        String token = "t".repeat(43) + "." + "p".repeat(43);
        try (EventLoops loops = EventLoops.best("test");
                TlsCertificates own = TlsCertificates.load(
                        List.of(OwnCertificate.readOrMake(directory, "a region", Clock.systemUTC())),
                        nobody,
                        Clock.systemUTC());
                HttpListener listener = new HttpListener(
                        loops,
                        call -> CompletableFuture.completedStage(HttpReply.text(200, "here")),
                        HttpListener.Limits.API,
                        why -> {})) {
            int port = listener.bindBoth(InetAddress.getLoopbackAddress(), 0, own, "The test", "")
                    .getPort();
            RegionClient pinned = new RegionClient(
                    List.of(URI.create("https://127.0.0.1:" + port + "/")),
                    0,
                    Enrolment.of(new StateDirectory(directory), Optional.of(token)),
                    threads,
                    timer);

            assertThatThrownBy(() -> pinned.catalog(Optional.empty(), Duration.ZERO))
                    .isInstanceOfSatisfying(
                            RegionClient.NoCatalogException.class,
                            none -> assertThat(none.what()).isEqualTo("This rack does not trust the region"))
                    .hasMessageContaining("is not trusted (its key is not the one that came with this rack's token")
                    .hasMessageNotContaining("does not answer");
        }
    }

    @Test
    void aTransferThatBreaksOffFailsAndGoesOnAtTheOtherAddress() {
        one.from(exchange -> {
            exchange.sendResponseHeaders(200, BYTES.length);
            exchange.getResponseBody().write(BYTES, 0, Content.CHUNK_BYTES + 10);
            exchange.getResponseBody().flush();
            throw new IOException("the process is killed");
        });

        assertThatThrownBy(() -> fetch(0, 3)).hasCauseInstanceOf(ContentUnavailableException.class);
        assertThat(received.toByteArray()).isEqualTo(Arrays.copyOf(BYTES, received.size()));
        assertThat(two.asked()).as("what came is not asked for twice").isEmpty();
        received.reset();
        fetch(1, 2); // As the cache goes on, behind its last verified chunk.

        assertThat(received.toByteArray()).isEqualTo(Arrays.copyOfRange(BYTES, Content.CHUNK_BYTES, BYTES.length));
        assertThat(two.asked())
                .containsExactly("/api/v1/content/%s bytes=%d-%d"
                        .formatted(content.id(), Content.CHUNK_BYTES, BYTES.length - 1));
    }

    @ParameterizedTest
    @ValueSource(strings = {"bytes 0-1048674/2097251", "bytes 1048576-2097250/2097252", "bytes */2097251", ""})
    void aPartThatIsNotTheOneAskedForIsNotTaken(String range) throws Exception {
        one.from(exchange -> {
            if (!range.isEmpty()) {
                exchange.getResponseHeaders().set("Content-Range", range);
            }
            ScriptedRegion.reply(exchange, 206, Arrays.copyOf(BYTES, Content.CHUNK_BYTES + 99));
        });

        fetch(1, 2);

        assertThat(received.toByteArray()).isEqualTo(Arrays.copyOfRange(BYTES, Content.CHUNK_BYTES, BYTES.length));
        assertThat(two.asked()).hasSize(1);
    }

    @Test
    void theWholeInThePlaceOfAPartIsNotTaken() {
        one.from(exchange -> ScriptedRegion.reply(exchange, 200, BYTES));
        two.from(exchange -> ScriptedRegion.reply(exchange, 200, BYTES));

        assertThatThrownBy(() -> fetch(1, 2))
                .hasCauseInstanceOf(ContentUnavailableException.class)
                .hasMessageContaining("another part");
        assertThat(received.size()).isZero();
    }

    @Test
    void whenNoneAnswersTheFailureSaysWhatTheLastOneDid() {
        one.close();
        two.from(exchange -> ScriptedRegion.reply(exchange, 503, new byte[0]));

        assertThatThrownBy(() -> client.catalog(Optional.empty(), Duration.ZERO))
                .isInstanceOf(IOException.class)
                .hasMessageContaining(two.url() + " answered 503");
        assertThatThrownBy(() -> fetch(0, 3)).hasCauseInstanceOf(ContentUnavailableException.class);
    }

    /** As one whose machine is off, or behind a cable that is cut: not even a refusal comes. */
    @Test
    void aRegionThatIsKnownToBeSilentHoldsUpNoMachine() throws Exception {
        try (ServerSocket silent = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            List<SocketChannel> queue = new ArrayList<>();
            for (int i = 0; i < 8; i++) { // More than fit into its queue, so that the next are not answered.
                SocketChannel waiting = SocketChannel.open();
                waiting.configureBlocking(false);
                waiting.connect(silent.getLocalSocketAddress());
                queue.add(waiting);
            }
            client = client(URI.create("http://127.0.0.1:" + silent.getLocalPort() + "/"));
            assertThatThrownBy(() -> client.catalog(Optional.empty(), Duration.ZERO))
                    .hasMessageContaining("does not answer in time");

            long began = System.nanoTime();
            assertThatThrownBy(() -> fetch(0, 3))
                    .hasCauseInstanceOf(ContentUnavailableException.class)
                    .hasMessageContaining("not in this rack's cache")
                    .hasMessageContaining("does not answer in time");
            assertThatThrownBy(() ->
                            client.chunkDigests(content).toCompletableFuture().join())
                    .hasCauseInstanceOf(ContentUnavailableException.class);
            for (int i = 0; i < 100; i++) { // Strangers below, each of whom would hold a thread.
                assertThatThrownBy(() -> client.askForOthers("HEAD", "api/v1/catalog", "stranger", new byte[0]))
                        .isInstanceOf(IOException.class)
                        .hasMessageContaining("does not answer in time");
            }
            assertThat(Duration.ofNanos(System.nanoTime() - began)).isLessThan(Duration.ofSeconds(3));
            for (SocketChannel each : queue) {
                each.close();
            }
        }
    }

    @Test
    void contentThatWasOpenedWaitsUntilItIsTaken() {
        ContentOrigin.Delivery delivery =
                client.open(content, 0, 3).toCompletableFuture().join();

        assertThat(received.size()).isZero();
        delivery.to(this::take).toCompletableFuture().join();

        assertThat(received.toByteArray()).isEqualTo(BYTES);
        assertThat(one.asked()).hasSize(1);
    }

    @Test
    void contentThatIsRefusedIsNotSentAnyMore() {
        CompletableFuture<Long> sent = new CompletableFuture<>();
        byte[] piece = new byte[1 << 20];
        one.from(exchange -> {
            exchange.sendResponseHeaders(200, BYTES.length * 1_000L);
            long bytes = 0;
            try {
                for (; bytes < BYTES.length * 1_000L - piece.length; bytes += piece.length) {
                    exchange.getResponseBody().write(piece);
                }
            } finally {
                sent.complete(bytes);
            }
        });

        client.open(content, 0, 3).toCompletableFuture().join().refuse();

        assertThat(sent.join()).as("until the connection broke").isLessThan(BYTES.length * 500L);
    }

    @Test
    void whoTriedInVainForSomebodyElseSaysSoToTheNext() throws Exception {
        try (ServerSocket silent = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            List<SocketChannel> queue = new ArrayList<>();
            for (int i = 0; i < 8; i++) {
                SocketChannel waiting = SocketChannel.open();
                waiting.configureBlocking(false);
                waiting.connect(silent.getLocalSocketAddress());
                queue.add(waiting);
            }
            client = client(URI.create("http://127.0.0.1:" + silent.getLocalPort() + "/"), two.url());

            RegionClient.Answer first = client.askForOthers("HEAD", "api/v1/catalog", "a rack", new byte[0]);
            two.close();

            assertThat(first.status()).isEqualTo(200);
            long began = System.nanoTime();
            assertThatThrownBy(() -> client.askForOthers("HEAD", "api/v1/catalog", "a rack", new byte[0]))
                    .isInstanceOf(IOException.class);
            assertThat(Duration.ofNanos(System.nanoTime() - began)).isLessThan(Duration.ofSeconds(3));
            for (SocketChannel each : queue) {
                each.close();
            }
        }
    }

    private void fetch(int first, int chunks) throws CompletionException {
        client.fetch(content, first, chunks, this::take).toCompletableFuture().join();
    }

    private void take(ByteBuffer bytes) {
        byte[] copy = new byte[bytes.remaining()];
        bytes.get(copy);
        received.writeBytes(copy);
    }

    private RegionClient client(URI... addresses) throws IOException {
        return new RegionClient(
                List.of(addresses),
                0,
                Enrolment.ofRegionItself(new StateDirectory(directory), "token"),
                threads,
                timer);
    }

    /** As a region does. */
    private static void serve(HttpExchange exchange) throws IOException {
        String path = exchange.getRequestURI().getPath();
        String range = exchange.getRequestHeaders().getFirst("Range");
        if (path.endsWith("/catalog")) {
            ScriptedRegion.catalog(exchange, "a catalog");
        } else if (path.endsWith("/chunks")) {
            ScriptedRegion.reply(exchange, 200, DIGESTS);
        } else if (range == null) {
            ScriptedRegion.reply(exchange, 200, BYTES);
        } else {
            String[] ends = range.replace("bytes=", "").split("-");
            int from = Integer.parseInt(ends[0]);
            int to = Integer.parseInt(ends[1]) + 1;
            exchange.getResponseHeaders().set("Content-Range", "bytes %d-%d/%d".formatted(from, to - 1, BYTES.length));
            ScriptedRegion.reply(exchange, 206, Arrays.copyOfRange(BYTES, from, to));
        }
    }
}
