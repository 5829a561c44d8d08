package org.rackboot.server.rack;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Clock;
import java.time.Duration;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.rackboot.image.Content;
import org.rackboot.image.ContentOrigin;
import org.rackboot.image.cache.ImageCache;
import org.rackboot.protocol.resolve.BootCatalog;
import org.rackboot.protocol.resolve.BootFile;
import org.rackboot.protocol.resolve.BootPhase;
import org.rackboot.protocol.resolve.BootResolution.Decision;
import org.rackboot.protocol.resolve.BootRules;
import org.rackboot.protocol.resolve.Bootloader;
import org.rackboot.protocol.resolve.UnknownMachines;
import org.rackboot.server.event.BootEvents;
import org.rackboot.server.event.Neighbours;
import org.rackboot.server.http.HttpListener;
import org.rackboot.server.net.EventLoops;

/** What machines are told over HTTP: the resolver, the cache and the listener together. */
class RackHttpTest {
    private static final byte[] LOADER = new byte[90_000];

    @TempDir
    Path directory;

    private final EventLoops loops = EventLoops.best("test");
    private final BootEvents events = new BootEvents(new Neighbours(Path.of("/proc/net/arp"), new AtomicLong()::get));
    private final HttpClient client =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private final List<Decision> delivered = new CopyOnWriteArrayList<>();
    private BootCatalog catalog = BootCatalog.empty();
    private HttpListener listener = new HttpListener(
            loops, call -> CompletableFuture.failedFuture(new IOException()), HttpListener.Limits.BOOT, why -> {});
    private URI server = URI.create("http://unbound/");

    @BeforeEach
    void start() throws Exception {
        new Random(5).nextBytes(LOADER);
        catalog = new BootCatalog(
                1,
                List.of(),
                List.of(new Bootloader(
                        "uefi",
                        "amd64",
                        "1",
                        List.of(file("bootx64.efi"), file("disk.img"), file("cd.iso"), file("data.bin")))),
                List.of());
        ImageCache cache = new ImageCache(
                directory,
                new ImageCache.Settings(16 << 20, 64 << 20, 1, Duration.ZERO),
                new Origin(),
                Runnable::run,
                (pause, work) -> {
                    throw new AssertionError("nothing breaks off here");
                },
                new ImageCache.Listener() {});
        Rack.Listener hearing = new Racks.Nobody() {
            @Override
            public void delivered(Decision decision) {
                delivered.add(decision);
            }
        };
        Rack rack = Racks.rack(() -> catalog, cache, events, Clock.systemUTC(), hearing);
        listener = new HttpListener(loops, rack, HttpListener.Limits.BOOT, why -> {});
        InetSocketAddress bound = listener.bind(InetAddress.getLoopbackAddress(), 0, "HTTP", "");
        server = URI.create("http://127.0.0.1:" + bound.getPort());
    }

    @AfterEach
    void stop() {
        listener.close();
        events.close();
        loops.close();
    }

    @ParameterizedTest
    @CsvSource({
        "bootx64.efi, application/efi",
        "disk.img, application/vnd.efi-img",
        "cd.iso, application/vnd.efi-iso",
        "data.bin, application/octet-stream",
    })
    void mediaTypesAreExact(String name, String type) throws Exception { // H6
        HttpResponse<byte[]> response = get("/" + name);

        assertThat(response.headers().allValues("Content-Type")).containsExactly(type);
        assertThat(response.headers().firstValue("ETag")).contains('"' + sha256(LOADER) + '"'); // H9
        assertThat(response.headers().map()).doesNotContainKeys("content-encoding", "transfer-encoding"); // H5, H11
        assertThat(response.body()).isEqualTo(LOADER);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "//bootx64.efi",
                "/./bootx64.efi",
                "/%5Cbootx64.efi",
                "/BOOTX64.EFI",
                "/bootloaders//uefi/amd64/bootx64.efi",
                "/bootloaders%5cuefi\\amd64/bootx64.efi",
                "/bootx64.efi?x=y",
                "/bootx64.efi%ff%fe",
            })
    void oneFileHasManyWaysOfBeingAskedForAndNoRedirect(String path) throws Exception { // H8, T33 to T35
        assertThat(raw("GET " + path)).startsWith("HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n");
    }

    @Test
    void everyUnknownNameIsToldTheSame() throws Exception { // S-19, S-29
        Set<String> bodies = new HashSet<>();
        for (String name : List.of(
                "/nothing",
                "/x/y/z",
                "/" + "a".repeat(1_000),
                "/etc/passwd",
                "/.git/config",
                "/metrics",
                "/healthz",
                "/api/v1/images",
                "/images",
                "/bootloaders/",
                "/index.html",
                "/%3Cscript%3E",
                "/~root")) {
            HttpResponse<byte[]> response = get(name);
            assertThat(response.statusCode()).isEqualTo(404);
            bodies.add(new String(response.body(), UTF_8));
        }

        assertThat(bodies).containsExactly("no such file\n");
    }

    @Test
    void everyMissSaysWhyInOneOfAFewSentences() throws Exception { // Every failed boot says why; H19: at once.
        Set<String> bodies = new HashSet<>();
        Random random = new Random(404);
        List<String> pieces = List.of(
                "images/",
                "grub/",
                "grub.cfg-",
                "pxelinux.cfg/",
                "01-52-54-00-0b-00-07",
                "default",
                "-amd64",
                "-vax",
                "x.efi",
                "ipxe.cfg-",
                "..",
                "/",
                "\u0001",
                "%00",
                "revocations.efi",
                "a".repeat(600),
                "x86_64-efi/a.mod");
        for (int i = 0; i < 2_000; i++) {
            StringBuilder path = new StringBuilder("GET /");
            for (int n = random.nextInt(5); n >= 0; n--) {
                path.append(pieces.get(random.nextInt(pieces.size())).replace("\u0001", "%01"));
            }
            String answer = raw(path.toString());
            if (!answer.startsWith("HTTP/1.1 200")) {
                assertThat(answer).startsWith("HTTP/1.1 404 ");
                bodies.add(answer.substring(answer.indexOf("\r\n\r\n") + 4));
            }
        }

        assertThat(bodies).hasSizeBetween(6, 20).allMatch(body -> body.length() < 256 && body.endsWith("\n"));
    }

    @Test
    void aHeadSaysWhatTheGetWouldAlsoOfAMiss() throws Exception { // H4
        for (String path : List.of("/bootx64.efi", "/missing.efi", "/grub/grub.cfg", "/grub/x86_64-efi/fs.lst")) {
            String head = raw("HEAD " + path);
            String get = raw("GET " + path);

            assertThat(head).endsWith("\r\n\r\n");
            assertThat(withoutDate(get)).startsWith(withoutDate(head));
            assertThat(head).contains("Content-Length: ");
        }
    }

    @Test
    void aRenderedConfigurationHasAnETagAndRanges() throws Exception { // H9, H17: GRUB reads on from where it was.
        String whole = new String(get("/grub/grub.cfg").body(), UTF_8);
        HttpResponse<byte[]> rest = client.send(
                HttpRequest.newBuilder(server.resolve("/grub/grub.cfg"))
                        .header("Range", "bytes=10-")
                        .header("If-Match", '"' + sha256(whole.getBytes(UTF_8)) + '"')
                        .build(),
                BodyHandlers.ofByteArray());

        assertThat(rest.statusCode()).isEqualTo(206);
        assertThat(new String(rest.body(), UTF_8)).isEqualTo(whole.substring(10));
        assertThat(rest.headers().firstValue("Content-Range"))
                .contains("bytes 10-" + (whole.length() - 1) + "/" + whole.length());
    }

    @ParameterizedTest
    @CsvSource({
        "Range, bytes=0-, 206, 1",
        "Range, bytes=10-, 206, 1", // GRUB's rest (quirk H17).
        "Range, bytes=-1, 206, 1",
        "Range, bytes=0-0, 206, 0",
        "Range, bytes=5-6, 206, 0",
        "Range, bytes=999999-, 416, 0",
        "If-Match, '\"x\"', 412, 0",
        "X-Nothing, x, 200, 1",
    })
    void aConfigurationIsDeliveredWithItsLastByte(String header, String value, int status, int times) throws Exception {
        BootRules holding =
                new BootRules(Map.of(), List.of(), Map.of(), Optional.empty(), Map.of(), UnknownMachines.HOLD);
        catalog = new BootCatalog(1, List.of(), List.of(), List.of(), List.of(), holding);

        HttpResponse<byte[]> response = client.send(
                HttpRequest.newBuilder(server.resolve("/grub/grub.cfg-default-x86_64"))
                        .header(header, value)
                        .build(),
                BodyHandlers.ofByteArray());

        assertThat(response.statusCode()).isEqualTo(status);
        await().until(() -> delivered.size() >= times);
        listener.close(); // What a connection has to tell, it has told now.
        assertThat(delivered).hasSize(times);
    }

    @Test
    void anEmptyAnswerIsWholeWhateverPartIsAskedFor() throws Exception { // T36, H2: GRUB knows no 416.
        HttpResponse<byte[]> response = client.send(
                HttpRequest.newBuilder(server.resolve("/grub/x86_64-efi/fs.lst"))
                        .header("Range", "bytes=0-")
                        .build(),
                BodyHandlers.ofByteArray());

        assertThat(response.statusCode()).isEqualTo(200);
        assertThat(response.headers().firstValue("Content-Length")).contains("0");
    }

    @Test
    void noDateIsSentSoNoneIsJudged() throws Exception { // H9: EDK2 resumes by ETag, as there is no date to resume by.
        for (String date : List.of("Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 31 Dec 2099 23:59:59 GMT", "junk")) {
            HttpResponse<byte[]> response = client.send(
                    HttpRequest.newBuilder(server.resolve("/bootx64.efi"))
                            .header("Range", "bytes=89990-")
                            .header("If-Unmodified-Since", date)
                            .header("If-Modified-Since", date)
                            .build(),
                    BodyHandlers.ofByteArray());

            assertThat(response.statusCode()).isEqualTo(206);
            assertThat(response.headers().map()).doesNotContainKey("last-modified");
            assertThat(response.body()).hasSize(10);
        }
    }

    @Test
    void theServersAddressIsNeverTakenFromTheHost() throws Exception { // H16
        String script = raw("GET /ipxe.cfg", "Host: evil.example:1\r\n");

        assertThat(script).contains("127.0.0.1:5248").doesNotContain("evil");
    }

    private HttpResponse<byte[]> get(String path) throws IOException, InterruptedException {
        return client.send(HttpRequest.newBuilder(server.resolve(path)).build(), BodyHandlers.ofByteArray());
    }

    private String raw(String line) throws IOException {
        return raw(line, "Host: 198.18.0.1\r\n");
    }

    /** Sends what the JDK's client would not, and returns the head and as much of the body as a text has. */
    private String raw(String line, String fields) throws IOException {
        try (var socket = new Socket(InetAddress.getLoopbackAddress(), server.getPort())) {
            socket.setSoTimeout(10_000);
            socket.getOutputStream()
                    .write((line + " HTTP/1.1\r\n" + fields + "Connection: close\r\n\r\n").getBytes(UTF_8));
            return new String(socket.getInputStream().readNBytes(4_096), UTF_8);
        }
    }

    private static String withoutDate(String answer) {
        return answer.replaceAll("Date: [^\r]*", "");
    }

    private static BootFile file(String name) throws Exception {
        return new BootFile(
                name,
                sha256(LOADER),
                LOADER.length,
                sha256(MessageDigest.getInstance("SHA-256").digest(LOADER)),
                BootPhase.LOADER);
    }

    private static String sha256(byte[] bytes) throws Exception {
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    }

    /** Delivers the one content there is. */
    private static final class Origin implements ContentOrigin {
        @Override
        public CompletionStage<byte[]> chunkDigests(Content content) {
            return CompletableFuture.completedFuture(content.id().digest()); // It has one chunk.
        }

        @Override
        public CompletionStage<Void> fetch(Content content, int first, int chunks, Sink sink) {
            try {
                sink.accept(ByteBuffer.wrap(LOADER));
                return CompletableFuture.completedFuture(null);
            } catch (IOException e) {
                return CompletableFuture.failedFuture(e);
            }
        }
    }

    static final class Ports implements Rack.HttpPorts {
        @Override
        public int named(InetSocketAddress local) {
            return 5248;
        }

        @Override
        public boolean alsoPort80(InetSocketAddress local) {
            return false;
        }

        @Override
        public String host(InetSocketAddress local) {
            return local.getAddress().getHostAddress();
        }
    }
}
