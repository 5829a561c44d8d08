package org.rackboot.it;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.apache.commons.net.tftp.TFTP;
import org.apache.commons.net.tftp.TFTPClient;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** An enrolled rack whose region is killed and comes back, each a process of its own. */
@Timeout(600)
class RegionGoneTest {
    private static final JsonMapper JSON = JsonMapper.builder().build();
    private static final Duration PATIENCE = Duration.ofSeconds(90);
    private static final Duration AT_ONCE = Duration.ofSeconds(8); // Two connections that nobody answers take 10 s.
    private static final Duration IN_STEP_AGAIN = Duration.ofSeconds(60);
    private static final String SERIAL = "20260115";
    private static final String IMAGE = "ubuntu/noble/amd64/ga-24.04";
    private static final String NEVER_ASKED = "ubuntu/noble/arm64/ga-24.04";

    @TempDir
    Path directory;

    private final HttpClient http = HttpClient.newHttpClient();
    private final SignedStream stream = SignedStream.of(1, SERIAL, 3 * (1 << 20) + 12_345);

    /** What the rack is to have from now on: bytes by boot name. */
    private final Map<String, byte[]> cached = new TreeMap<>();

    private String kernel = "";
    private String neverCached = "";
    private StreamServer source;
    private Program region;
    private Program rack;

    @BeforeEach
    void aRackThatHasOneOfTwoImages() throws Exception {
        source = new StreamServer(stream.files());
        region = Program.region(directory.resolve("region"));
        Path keyring = Files.write(directory.resolve("keyring.gpg"), stream.keyring());
        done(region, "sources", "add", source.url().toString(), "--keyring", keyring.toString(), "--name", "test");
        for (String arch : new String[] {"amd64", "arm64"}) {
            done(region, "selections", "add", "--os", "ubuntu", "--release", "noble", "--arch", arch);
        }
        done(region, "images", "import", "--wait");

        String base = "noble/amd64/" + SERIAL + "/";
        cached.put(name(IMAGE, "boot-kernel"), stream.file(base + "ga-24.04/generic/boot-kernel"));
        cached.put(name(IMAGE, "boot-initrd"), stream.file(base + "ga-24.04/generic/boot-initrd"));
        cached.put(name(IMAGE, "squashfs"), stream.file(base + "squashfs"));
        for (String loader : new String[] {"bootx64.efi", "lpxelinux.0"}) {
            cached.put(loader, SignedStream.noise(100_000, loader));
        }
        kernel = name(IMAGE, "boot-kernel");
        neverCached = name(NEVER_ASKED, "squashfs");

        String token = JSON.readTree(done(region, "racks", "enrol", "east", "--json"))
                .path("token")
                .asString();
        rack = Program.rack(directory.resolve("rack"), "--region", tls(), "--token", token);
        await().atMost(PATIENCE).until(() -> gauge("region_in_step") == 1);
        done(rack, "cache", "warm", "bootloader/uefi/amd64", "bootloader/pxe/i386");
        done(rack, "cache", "pin", IMAGE);
    }

    @AfterEach
    void stop() throws Exception {
        region.close();
        if (rack != null) {
            rack.close();
        }
        source.close();
    }

    @Test
    void whatIsCachedBootsAlsoAfterARestartAndTheRackIsSoonInStepAgain() throws Exception {
        String tls = tls();
        int port = URI.create(tls).getPort();
        region.kill();

        theRackSaysThatItsRegionIsAway("cannot be reached");
        everythingCachedComes();
        theRestIsRefusedAtOnce("cannot be reached");
        try (AutoCloseable swallowing = nothingAnswersAt(port)) {
            assertThat(swallowing).isNotNull();
            theRackSaysThatItsRegionIsAway("does not answer in time");
            everythingCachedComes();
            theRestIsRefusedAtOnce("does not answer in time");
        }

        rack.kill();
        fromTheFuture(rack.state());
        rack = Program.rack(rack.state(), "--region", tls);

        assertThat(pin()).isEqualTo("kept");
        theRackSaysThatItsRegionIsAway("cannot be reached");
        everythingCachedComes();
        theRestIsRefusedAtOnce("cannot be reached");

        Path rescue = Files.write(directory.resolve("rescue.tgz"), SignedStream.noise(400_000, "rescue"));
        region = Program.region(region.state()); // Somewhere else, so that all changes before the rack hears of it.
        done(region, "images", "upload", "--name", "custom/rescue", "--arch", "amd64", rescue.toString());
        done(region, "images", "delete", IMAGE, "--version", SERIAL);
        String uploaded = name("custom/rescue", "root-tgz");
        region.terminate();
        assertThat(get(uploaded).statusCode()).isEqualTo(404);

        long began = System.nanoTime();
        region = Program.region(region.state(), "--api-port", Integer.toString(port));
        long isBack = System.nanoTime();
        await().atMost(IN_STEP_AGAIN).until(() -> get(uploaded).statusCode() == 200);
        long changed = System.nanoTime();
        assertThat(get(uploaded).body()).isEqualTo(Files.readAllBytes(rescue));
        assertThat(get(kernel).statusCode()).as("deleted at the region").isEqualTo(404);
        assertThat(pin()).isEqualTo("names nothing now");
        done(rack, "cache", "unpin", IMAGE);
        assertThat(gauge("region_in_step")).isOne();
        Duration left = IN_STEP_AGAIN.minusNanos(System.nanoTime() - isBack);
        await().atMost(left).until(() -> state("east").equals("in step"));
        long reported = System.nanoTime();
        await().atMost(IN_STEP_AGAIN).until(() -> get(neverCached).statusCode() == 200);
        assertThat(text(rack.admin().resolve("readyz"))).isEqualTo("ready\n");
        System.out.printf(
                "RegionGoneTest: the region was started again in %.1f s; the rack had its catalog %.1f s after the start,"
                        + " and the region knew that after %.1f s%n",
                (isBack - began) / 1e9, (changed - began) / 1e9, (reported - began) / 1e9);
    }

    /** The state of the one that was pinned. */
    private String pin() throws Exception {
        JsonNode pins = JSON.readTree(done(rack, "cache", "list", "--json")).path("pins");
        assertThat(pins.findValuesAsString("name")).containsExactly(IMAGE);
        return pins.path(0).path("state").asString();
    }

    private void theRackSaysThatItsRegionIsAway(String how) throws Exception {
        await().atMost(PATIENCE)
                .until(() -> text(rack.admin().resolve("readyz")).contains(how));
        assertThat(gauge("region_in_step")).isZero();
        double age = gauge("catalog_age_seconds");
        await().atMost(PATIENCE).until(() -> gauge("catalog_age_seconds") > age);
        assertThat(age).isLessThan(600);
        assertThat(text(rack.admin().resolve("readyz")))
                .as("it boots machines, so it is ready")
                .startsWith("ready, with catalog version");
    }

    private void everythingCachedComes() throws Exception {
        for (Map.Entry<String, byte[]> each : cached.entrySet()) {
            String name = each.getKey();
            byte[] bytes = each.getValue();
            String sha256 = SignedStream.sha256(bytes);

            HttpResponse<byte[]> whole = get(name);
            assertThat(whole.statusCode()).as(name).isEqualTo(200);
            assertThat(SignedStream.sha256(whole.body())).as(name).isEqualTo(sha256);

            HttpResponse<byte[]> head = send(name, "HEAD", "");
            assertThat(head.statusCode()).as(name).isEqualTo(200);
            assertThat(head.headers().firstValueAsLong("Content-Length")).hasValue(bytes.length);
            assertThat(head.headers().firstValue("ETag")).contains('"' + sha256 + '"');

            int from = bytes.length / 2;
            int to = Math.min(from + 70_000, bytes.length);
            HttpResponse<byte[]> part = send(name, "GET", "bytes=" + from + "-" + (to - 1));
            assertThat(part.statusCode()).as(name).isEqualTo(206);
            assertThat(part.body()).as(name).isEqualTo(Arrays.copyOfRange(bytes, from, to));

            assertThat(SignedStream.sha256(tftp(name))).as(name).isEqualTo(sha256);
        }
        for (String configuration : new String[] {
            "grub/grub.cfg-default-amd64",
            "pxelinux.cfg/default",
            "pxelinux.cfg/default-amd64",
            "ipxe.cfg-default-amd64"
        }) {
            assertThat(new String(tftp(configuration), UTF_8)).as(configuration).contains(kernel);
            HttpResponse<byte[]> overHttp = get(configuration);
            assertThat(overHttp.statusCode()).as(configuration).isEqualTo(200);
            assertThat(new String(overHttp.body(), UTF_8)).as(configuration).contains(kernel);
        }
    }

    private void theRestIsRefusedAtOnce(String why) throws Exception {
        long began = System.nanoTime();
        HttpResponse<byte[]> refused = get(neverCached);
        assertThat(refused.statusCode()).isEqualTo(503);
        assertThat(refused.headers().firstValue("Retry-After")).isPresent();
        assertThat(new String(refused.body(), UTF_8))
                .contains("not in this rack's cache")
                .contains(why);
        assertThatThrownBy(() -> tftp(neverCached))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("not in this rack's cache")
                .hasMessageContaining(why);
        assertThat(Duration.ofNanos(System.nanoTime() - began)).isLessThan(AT_ONCE);
    }

    /** As a machine that is off, or behind a cable that is cut: connections are neither taken nor refused. */
    private static AutoCloseable nothingAnswersAt(int port) throws IOException {
        ServerSocket silent = new ServerSocket(port, 1, InetAddress.getLoopbackAddress());
        List<SocketChannel> queue = new ArrayList<>(); // More than fit into it.
        for (int i = 0; i < 8; i++) {
            SocketChannel waiting = SocketChannel.open();
            waiting.configureBlocking(false);
            waiting.connect(silent.getLocalSocketAddress());
            queue.add(waiting);
        }
        return () -> {
            for (SocketChannel each : queue) {
                each.close();
            }
            silent.close();
        };
    }

    /** As a rack sees its files that believes it is long ago. */
    private static void fromTheFuture(Path state) throws IOException {
        FileTime time = FileTime.from(Instant.parse("2099-01-01T00:00:00Z"));
        try (Stream<Path> files = Files.walk(state)) {
            for (Path file : files.toList()) {
                Files.setLastModifiedTime(file, time);
            }
        }
    }

    private double gauge(String name) throws Exception {
        Matcher line = Pattern.compile("(?m)^rackboot_" + name + " (\\S+)$")
                .matcher(text(rack.admin().resolve("metrics")));
        assertThat(line.find()).as("a metric rackboot_" + name).isTrue();
        return Double.parseDouble(line.group(1));
    }

    private String name(String image, String artifact) {
        JsonNode shown = JSON.readTree(done(region, "images", "show", image, "--json"));
        for (JsonNode each : shown.path(0).path("artifacts")) {
            if (each.path("name").asString("").equals(artifact)) {
                return each.path("path").asString();
            }
        }
        throw new AssertionError("no " + artifact + " in " + shown);
    }

    private String state(String name) {
        for (JsonNode each : JSON.readTree(done(region, "racks", "list", "--json"))) {
            if (each.path("name").asString("").equals(name)) {
                return each.path("state").asString("");
            }
        }
        return "";
    }

    private String tls() throws IOException {
        return Files.readString(region.state().resolve("api-url")).strip().replaceFirst("http:", "https:");
    }

    private HttpResponse<byte[]> get(String name) throws Exception {
        return send(name, "GET", "");
    }

    private HttpResponse<byte[]> send(String name, String method, String range) throws Exception {
        HttpRequest.Builder request = HttpRequest.newBuilder(rack.http().resolve(name))
                .timeout(Duration.ofSeconds(30))
                .method(method, HttpRequest.BodyPublishers.noBody());
        if (!range.isEmpty()) {
            request.header("Range", range);
        }
        return http.send(request.build(), BodyHandlers.ofByteArray());
    }

    private String text(URI address) throws Exception {
        HttpResponse<String> answer = http.send(HttpRequest.newBuilder(address).build(), BodyHandlers.ofString());
        assertThat(answer.statusCode()).as(address + ": " + answer.body()).isEqualTo(200);
        return answer.body();
    }

    private byte[] tftp(String name) throws IOException {
        TFTPClient client = new TFTPClient();
        client.setDefaultTimeout(Duration.ofSeconds(10));
        client.open(0, InetAddress.getLoopbackAddress());
        try {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            client.receiveFile(name, TFTP.BINARY_MODE, bytes, InetAddress.getLoopbackAddress(), rack.tftpPort());
            return bytes.toByteArray();
        } finally {
            client.close();
        }
    }

    private static String done(Program program, String... arguments) {
        Program.Result result = program.run(arguments);
        assertThat(result.exitCode()).as(result.out() + result.err()).isZero();
        return result.out();
    }
}
