package org.rackboot.server.rack;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.sun.net.httpserver.HttpExchange;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Queue;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.rackboot.image.ChunkDigests;
import org.rackboot.image.cache.ImageCache;
import org.rackboot.protocol.tftp.TftpError;
import org.rackboot.server.config.StateDirectory;
import org.rackboot.server.event.BootEvents;
import org.rackboot.server.event.Neighbours;
import org.rackboot.server.http.HttpListener;
import org.rackboot.server.net.EventLoops;
import org.rackboot.server.tftp.TftpService;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Region, a rack that follows it, and racks that follow that rack. The clocks of all racks say 1970. */
@Timeout(60)
class RackUpstreamTest {
    private static final String TOKEN = "the-rack's-token";
    private static final ImageCache.Settings SETTINGS =
            new ImageCache.Settings(16 << 20, 64 << 20, 2, Duration.ofSeconds(1));
    private static final byte[] LOADER = new byte[3 * (1 << 20) + 77];

    @TempDir
    Path directory;

    private final EventLoops loops = EventLoops.best("test");
    private final HttpClient http =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private final Deque<AutoCloseable> open = new ArrayDeque<>();
    private final Set<String> credentials = ConcurrentHashMap.newKeySet();
    private final Queue<String> told = new ConcurrentLinkedQueue<>();
    private volatile String document = "";
    private ScriptedRegion region;
    private RunningRack upper;

    @BeforeEach
    void start() throws Exception {
        new Random(3).nextBytes(LOADER);
        credentials.add("Bearer " + TOKEN);
        document = document(1, "bootx64.efi");
        region = new ScriptedRegion(this::answer);
        upper = new RunningRack("upper", region.url());
    }

    @AfterEach
    void stop() throws Exception {
        while (!open.isEmpty()) {
            open.removeLast().close();
        }
        region.close();
        loops.close();
    }

    @Test
    void racksBelowARackCauseOneFetchAboveItAndNeedNoRegionAfterwards() throws Exception {
        List<RunningRack> lower = new ArrayList<>();
        List<CompletableFuture<HttpResponse<byte[]>>> boots = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            lower.add(new RunningRack("lower" + i, upper.url));
        }
        for (RunningRack rack : lower) {
            boots.add(http.sendAsync(
                    HttpRequest.newBuilder(rack.url.resolve("bootx64.efi")).build(), BodyHandlers.ofByteArray()));
        }

        for (CompletableFuture<HttpResponse<byte[]>> boot : boots) {
            assertThat(boot.get().body()).isEqualTo(LOADER);
        }
        assertThat(region.asked())
                .filteredOn(path -> path.equals("/api/v1/content/" + ScriptedRegion.sha256(LOADER)))
                .hasSize(1);
        await().until(() -> lower.get(0).cache.statistics().diskObjects() == 1);

        region.close();
        upper.upstream.close();
        upper.listener.close();
        assertThat(get(lower.get(0).url, "bootx64.efi").body()).isEqualTo(LOADER);
    }

    @Test
    void aRackThatComesLaterIsServedWithoutTheRegion() throws Exception {
        assertThat(get(upper.url, "bootx64.efi").body()).isEqualTo(LOADER);
        await().until(() -> upper.cache.statistics().diskObjects() == 1);
        region.close();

        RunningRack late = new RunningRack("late", upper.url);

        assertThat(get(late.url, "bootx64.efi").body()).isEqualTo(LOADER);
        assertThat(late.follower.document().orElseThrow().document()).isEqualTo(document.getBytes(UTF_8));
        assertThat(late.follower.isInStep()).isTrue();
    }

    @Test
    void aChangeReachesTheRacksBelowAtOnce() throws Exception {
        RunningRack lower = new RunningRack("lower", upper.url);
        assertThat(get(lower.url, "new.efi").statusCode()).isEqualTo(404);

        document = document(2, "new.efi");

        await().until(() -> lower.follower.catalog().version() == 2);
        assertThat(get(lower.url, "new.efi").body()).isEqualTo(LOADER);
        assertThat(lower.follower.document().orElseThrow().etag())
                .isEqualTo('"' + ScriptedRegion.sha256(document.getBytes(UTF_8)) + '"');
    }

    @Test
    void withoutACredentialThereIsNeitherCatalogNorContent() throws Exception {
        for (String path : List.of(
                "api/v1/catalog",
                "api/v1/content/" + ScriptedRegion.sha256(LOADER),
                "api/v1/content/" + ScriptedRegion.sha256(LOADER) + "/chunks")) {
            for (String authorization : List.of("", "Bearer other", "Bearer ", "Basic " + TOKEN)) {
                HttpRequest.Builder request = HttpRequest.newBuilder(upper.url.resolve(path));
                if (!authorization.isEmpty()) {
                    request.header("Authorization", authorization);
                }
                assertThat(http.send(request.build(), BodyHandlers.ofString()).statusCode())
                        .as("%s with '%s'", path, authorization)
                        .isEqualTo(401);
            }
        }
        assertThat(get(upper.url, "api/v1/sources").statusCode())
                .as("a boot name")
                .isEqualTo(404);
        assertThat(authorized("api/v1/content/" + "a".repeat(64)).statusCode()).isEqualTo(404);
    }

    @Test
    void aRackEnrolsThroughTheRackAboveAndIsKnownThereWhileTheRegionIsAway() throws Exception {
        HttpResponse<byte[]> enrolled = send("POST", "racks/enrol", "one-time", "{\"key\":\"k\"}");
        assertThat(enrolled.statusCode()).isEqualTo(201);
        assertThat(enrolled.body()).asString().contains("lower's-own");
        assertThat(told).containsExactly("{\"key\":\"k\"}");
        assertThat(send("POST", "racks/enrol", "one-time!", "{}").statusCode()).isEqualTo(401);
        assertThat(send("PUT", "racks/self", "lower's-own", "{\"host\":\"h\"}").statusCode())
                .isEqualTo(200);
        assertThat(told).contains("{\"host\":\"h\"}");
        assertThat(send("POST", "racks/self/machines", "lower's-own", "{\"used\":[7]}")
                        .statusCode())
                .isEqualTo(200);
        assertThat(told).contains("{\"used\":[7]}");
        assertThat(send("POST", "racks/self/machines", "nobody's", "{}").statusCode())
                .isEqualTo(401);
        assertThat(send("GET", "catalog", "lower's-own", "").statusCode()).isEqualTo(200);

        region.close();

        assertThat(send("GET", "catalog", "lower's-own", "").statusCode()).isEqualTo(200);
        assertThat(send("GET", "catalog", "another's", "").statusCode()).isEqualTo(503);
        assertThat(send("PUT", "racks/self", "lower's-own", "{}").statusCode()).isEqualTo(503);
        assertThat(Files.readString(directory.resolve("upper/racks-below")).strip())
                .isEqualTo(ScriptedRegion.sha256("lower's-own".getBytes(UTF_8)));
    }

    @Test
    void whoIsRevokedIsRefusedAsSoonAsTheRegionSaysSo() throws Exception {
        credentials.add("Bearer lower's-own");
        assertThat(send("GET", "catalog", "lower's-own", "").statusCode()).isEqualTo(200);

        credentials.remove("Bearer lower's-own");

        assertThat(send("PUT", "racks/self", "lower's-own", "{}").statusCode()).isEqualTo(401);
        assertThat(send("GET", "catalog", "lower's-own", "").statusCode()).isEqualTo(401);
    }

    @Test
    void onlyEnrolmentAndReportsHaveBodies() throws Exception {
        for (String method : List.of("POST", "PUT", "DELETE")) {
            for (String path : List.of("catalog", "racks", "racks/enrolments", "racks/lower", "sources")) {
                assertThat(send(method, path, TOKEN, "{}").statusCode())
                        .as("%s %s", method, path)
                        .isEqualTo(405);
            }
        }
        assertThat(send("PUT", "racks/enrol", TOKEN, "{}").statusCode()).isEqualTo(405);
        assertThat(send("PUT", "racks/self/machines", TOKEN, "{}").statusCode()).isEqualTo(405);
        assertThat(answerToHead(
                        "PUT /api/v1/racks/self HTTP/1.1\r\nHost: rack\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n"
                                .formatted(TOKEN, RackUpstream.MAX_REPORT_BYTES + 1)))
                .startsWith("HTTP/1.1 413 ");
        assertThat(send("PUT", "racks/self", "", "{}").statusCode()).isEqualTo(401);
        assertThat(told).isEmpty();
    }

    @Test
    void aStopDoesNotWaitForRacksThatWaitForAChange() throws Exception {
        HttpResponse<byte[]> now = authorized("api/v1/catalog");
        CompletableFuture<HttpResponse<byte[]>> waiting = http.sendAsync(
                HttpRequest.newBuilder(upper.url.resolve("api/v1/catalog?wait=60"))
                        .header("Authorization", "Bearer " + TOKEN)
                        .header(
                                "If-None-Match",
                                now.headers().firstValue("ETag").orElseThrow())
                        .build(),
                BodyHandlers.ofByteArray());
        await().until(() -> upper.upstream.waiting() == 1);

        upper.upstream.close();

        assertThat(waiting.get().statusCode()).isEqualTo(304);
        assertThat(upper.upstream.waiting()).isZero();
        assertThat(authorized("api/v1/catalog?wait=60").statusCode())
                .as("at once")
                .isEqualTo(200);
    }

    @Test
    void aCatalogOnDiskThatIsNotWhatWasWrittenIsSetAside() throws Exception {
        Path kept = directory.resolve("upper").resolve("catalog.json");
        region.close();
        byte[] bytes = Files.readAllBytes(kept);
        int digit = document.indexOf(":1,\"settings") + 1;
        bytes[digit] = '3'; // Still a document that can be read.
        Path broken = Files.createDirectories(directory.resolve("broken"));
        Files.write(broken.resolve("catalog.json"), bytes);
        Path well = Files.createDirectories(directory.resolve("well"));
        Files.copy(kept, well.resolve("catalog.json"));
        Path old = Files.createDirectories(directory.resolve("old")); // From before the sha256 was kept.
        Files.writeString(old.resolve("catalog.json"), document);

        assertThat(new RunningRack("broken", region.url()).follower.catalog().version())
                .isZero();
        assertThat(broken.resolve("catalog.json")).doesNotExist();
        assertThat(broken.resolve("catalog.json.broken")).hasBinaryContent(bytes);
        assertThat(new RunningRack("well", region.url()).follower.catalog().version())
                .isOne();
        assertThat(new RunningRack("old", region.url()).follower.catalog().version())
                .isOne();
    }

    @Test
    void aRackThatNeverHadACatalogSaysThatAndNotThatNothingExists() throws Exception {
        region.from(exchange -> ScriptedRegion.reply(exchange, 503, new byte[0]));
        RunningRack late = new RunningRack("late", region.url());
        InetSocketAddress local = new InetSocketAddress(InetAddress.getLoopbackAddress(), 69);
        String why = "there is no catalog yet, and the region at " + region.url() + " answered 503";

        for (String name : List.of(
                "bootx64.efi",
                "grub/grub.cfg-52:54:00:0b:00:01",
                "images/" + "0".repeat(64) + "/ubuntu/amd64/generic/noble/stable/boot-kernel",
                "nothing")) {
            HttpResponse<byte[]> refused = get(late.url, name);
            assertThat(refused.statusCode()).as(name).isEqualTo(503);
            assertThat(refused.headers().firstValue("Retry-After")).as(name).contains("2");
            assertThat(new String(refused.body(), UTF_8)).as(name).contains(why);
            assertThat(late.gate.answer(name, local, local))
                    .isEqualTo(new TftpService.Answer.Refuse(TftpError.ACCESS_VIOLATION, why));
        }
        region.from(this::answer);
        await().atMost(Duration.ofSeconds(20))
                .until(() -> get(late.url, "bootx64.efi").statusCode() == 200);
        assertThat(get(late.url, "nothing").statusCode()).isEqualTo(404);
        assertThat(late.gate.answer("nothing", local, local))
                .isEqualTo(new TftpService.Answer.Refuse(TftpError.NOT_FOUND, "no such file"));
    }

    @Test
    void aRackTellsHowItIsAlsoWithoutItsRegion() throws Exception {
        JsonNode well = status(upper, 200);
        assertThat(well.path("role").asString()).isEqualTo("rack");
        assertThat(well.path("catalogVersion").asInt()).isOne();
        assertThat(well.path("catalogAgeSeconds").asInt(-1)).isBetween(0, 60);
        assertThat(well.path("region").path("inStep").asBoolean()).isTrue();
        assertThat(well.path("region").has("problem")).isFalse();
        assertThat(well.path("cache").path("disk").path("limit").asInt()).isEqualTo(64 << 20);
        assertThat(well.path("listeners").path(0).asString()).isEqualTo("tftp://127.0.0.1:69");
        assertThat(well.path("warnings").toString()).isEqualTo("[\"another DHCP server\"]");

        region.from(exchange -> ScriptedRegion.reply(exchange, 503, new byte[0]));
        JsonNode alone = status(new RunningRack("late", region.url()), 200);

        assertThat(alone.path("region").path("inStep").asBoolean(true)).isFalse();
        assertThat(alone.path("region").path("problem").asString()).contains("answered 503");
        assertThat(alone.path("region").path("urls").path(0).asString())
                .isEqualTo(region.url().toString());
        assertThat(alone.has("catalogAgeSeconds")).isFalse();
        assertThat(alone.path("warnings").path(0).asString()).contains("no machine can boot from here");
        credentials.clear();
        assertThat(status(upper, 401).path("error").asString()).contains("api-token");
    }

    /** The token is one of the credentials, or none. */
    private JsonNode status(RunningRack rack, int expected) throws Exception {
        RackStatusApi api = new RackStatusApi(
                rack.follower,
                List.of(region.url()),
                rack.cache,
                SETTINGS,
                () -> List.of("tftp://127.0.0.1:69"),
                () -> List.of("another DHCP server"),
                "1.0",
                TOKEN);
        try (HttpListener listener = new HttpListener(loops, api, HttpListener.Limits.API, why -> {})) {
            InetSocketAddress bound = listener.bind(InetAddress.getLoopbackAddress(), 0, "API", "");
            HttpResponse<byte[]> answer = http.send(
                    HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + bound.getPort() + RackStatusApi.PATH))
                            .header("Authorization", credentials.isEmpty() ? "Bearer another" : "Bearer " + TOKEN)
                            .build(),
                    BodyHandlers.ofByteArray());
            assertThat(answer.statusCode()).isEqualTo(expected);
            return JsonMapper.builder().build().readTree(answer.body());
        }
    }

    @Test
    void aRackThatNeverHadACatalogSendsTheRacksBelowItAway() throws Exception {
        region.from(exchange -> {
            if (exchange.getRequestMethod().equals("HEAD")) { // Who the rack below is, the region knows.
                answer(exchange);
            } else {
                ScriptedRegion.reply(exchange, 503, new byte[0]);
            }
        });
        upper = new RunningRack("late", region.url());

        for (String path : List.of("catalog", "content/" + ScriptedRegion.sha256(LOADER))) {
            HttpResponse<byte[]> refused = authorized("api/v1/" + path);
            assertThat(refused.statusCode()).as(path).isEqualTo(503);
            assertThat(refused.headers().firstValue("Retry-After")).as(path).contains("2");
        }
    }

    private HttpResponse<byte[]> get(URI rack, String path) throws Exception {
        return http.send(HttpRequest.newBuilder(rack.resolve(path)).build(), BodyHandlers.ofByteArray());
    }

    /** A client that still sends its body when it is refused may not get to read why. */
    private String answerToHead(String head) throws IOException {
        try (Socket socket = new Socket(upper.url.getHost(), upper.url.getPort())) {
            socket.getOutputStream().write(head.getBytes(UTF_8));
            return new String(socket.getInputStream().readAllBytes(), UTF_8);
        }
    }

    private HttpResponse<byte[]> authorized(String path) throws Exception {
        return http.send(
                HttpRequest.newBuilder(upper.url.resolve(path))
                        .header("Authorization", "Bearer " + TOKEN)
                        .build(),
                BodyHandlers.ofByteArray());
    }

    private HttpResponse<byte[]> send(String method, String path, String bearer, String body) throws Exception {
        HttpRequest.Builder request =
                HttpRequest.newBuilder(upper.url.resolve("api/v1/" + path)).header("Authorization", "Bearer " + bearer);
        return http.send(
                body.isEmpty()
                        ? request.GET().build()
                        : request.method(method, HttpRequest.BodyPublishers.ofString(body))
                                .build(),
                BodyHandlers.ofByteArray());
    }

    private static String document(int version, String name) {
        String id = ScriptedRegion.sha256(LOADER);
        return """
                {"format":"rackboot-catalog:1","version":%d,"settings":{"kernelOptions":[]},"images":[],\
                "bootloaders":[{"method":"uefi","arch":"amd64","serial":"1","files":{"%s":"%s"}}],\
                "objects":{"%s":[%d,"%s"]}}""".formatted(version, name, id, id, LOADER.length, ScriptedRegion.sha256(digests()));
    }

    private static byte[] digests() {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        for (int at = 0; at < LOADER.length; at += 1 << 20) {
            MessageDigest digest = ChunkDigests.sha256();
            digest.update(LOADER, at, Math.min(1 << 20, LOADER.length - at));
            all.writeBytes(digest.digest());
        }
        return all.toByteArray();
    }

    /** A region, but for the long poll: it says 304 after a moment. */
    private void answer(HttpExchange exchange) throws IOException {
        String path = exchange.getRequestURI().getPath();
        String bearer = exchange.getRequestHeaders().getFirst("Authorization");
        if (path.endsWith("/racks/enrol") && bearer.equals("Bearer one-time")) {
            told.add(new String(exchange.getRequestBody().readAllBytes(), UTF_8));
            credentials.add("Bearer lower's-own");
            ScriptedRegion.reply(exchange, 201, "{\"name\":\"lower\",\"credential\":\"lower's-own\"}".getBytes(UTF_8));
        } else if (!credentials.contains(bearer)) {
            ScriptedRegion.reply(exchange, 401, new byte[0]);
        } else if (path.endsWith("/racks/self") || path.endsWith("/racks/self/machines")) {
            told.add(new String(exchange.getRequestBody().readAllBytes(), UTF_8));
            ScriptedRegion.reply(exchange, 200, "{\"contentsKnown\":true}".getBytes(UTF_8));
        } else if (exchange.getRequestMethod().equals("HEAD")) {
            exchange.sendResponseHeaders(200, -1);
            exchange.close();
        } else if (path.endsWith("/catalog")) {
            if ("wait=30".equals(exchange.getRequestURI().getQuery())) {
                String before = document;
                await().pollInterval(Duration.ofMillis(20))
                        .atMost(Duration.ofSeconds(30))
                        .until(() -> !before.equals(document)
                                || Thread.currentThread().isInterrupted());
            }
            ScriptedRegion.catalog(exchange, document);
        } else {
            ScriptedRegion.reply(exchange, 200, path.endsWith("/chunks") ? digests() : LOADER);
        }
    }

    /** What a rack is made of, as it is wired, without TFTP. */
    private final class RunningRack {
        private final URI url;
        private final ImageCache cache;
        private final CatalogFollower follower;
        private final CatalogGate gate;
        private final RackUpstream upstream;
        private final HttpListener listener;

        RunningRack(String name, URI above) throws Exception {
            Path state = Files.createDirectories(directory.resolve(name));
            ExecutorService threads = Executors.newFixedThreadPool(4);
            open.add(threads::shutdownNow);
            ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor();
            open.add(timer::shutdownNow);
            RegionClient client = new RegionClient(
                    List.of(above), 0, Enrolment.ofRegionItself(new StateDirectory(state), TOKEN), threads, timer);
            cache = new ImageCache(
                    state.resolve("cache"),
                    SETTINGS,
                    client,
                    threads,
                    (pause, work) -> threads.execute(work),
                    new ImageCache.Listener() {});
            BootEvents events = new BootEvents(new Neighbours(Path.of("/proc/net/arp"), new AtomicLong()::get));
            open.add(events);
            follower = new CatalogFollower(
                    client, state.resolve("catalog.json"), new Random(1), Clock.systemUTC(), System::nanoTime);
            open.add(follower);
            follower.start();
            follower.awaitFirstAnswer(Duration.ofSeconds(20));
            Rack rack = Racks.rack(follower::catalog, cache, events, Clock.fixed(Instant.EPOCH, ZoneOffset.UTC));
            RacksBelow below =
                    new RacksBelow(client::ask, () -> TOKEN, new StateDirectory(state), threads, System::nanoTime);
            gate = new CatalogGate(rack, follower::lack, events, Clock.systemUTC());
            upstream = new RackUpstream(follower, cache, rack, gate, below, status -> {});
            listener = new HttpListener(
                    loops, upstream, HttpListener.Limits.BOOT.withBodies(RackUpstream.MAX_REPORT_BYTES), why -> {});
            open.add(listener);
            open.add(upstream);
            InetSocketAddress bound = listener.bind(InetAddress.getLoopbackAddress(), 0, "HTTP", "");
            url = URI.create("http://127.0.0.1:" + bound.getPort() + "/");
        }
    }
}
