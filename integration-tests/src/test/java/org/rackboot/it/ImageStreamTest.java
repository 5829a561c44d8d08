package org.rackboot.it;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** What a region publishes under {@code /images-stream/} for other regions and any simplestreams client. */
class ImageStreamTest {
    private static final JsonMapper JSON = JsonMapper.builder().build();
    private static final String SERIAL = "20260115";
    private static final String SQUASHFS = "noble/amd64/" + SERIAL + "/squashfs";

    @TempDir
    Path directory;

    private final HttpClient http = HttpClient.newHttpClient();

    @Test
    void aSecondRegionImportsWhatTheFirstPublishes() throws Exception {
        SignedStream stream = SignedStream.of(1, SERIAL, 3 << 20);
        try (StreamServer source = new StreamServer(stream.files());
                Program first = imported("first", source, stream);
                Program second = Program.serve(directory.resolve("second"))) {
            Path keyring = Files.write(
                    directory.resolve("first.gpg"), get(first, "keyring.gpg").body());
            second.run("sources", "add", stream(first).toString(), "--keyring", keyring.toString());
            second.run("selections", "add", "--os", "ubuntu", "--release", "noble", "--arch", "amd64");

            Program.Result result = second.run("images", "import", "--wait");

            assertThat(result.exitCode()).as(result.out() + result.err()).isZero();
            assertThat(images(second)).isNotEmpty().isEqualTo(images(first));
        }
    }

    @Test
    void gpgvAcceptsEverySignedFile() throws Exception {
        ForeignProgram gpgv = new ForeignProgram(directory);
        SignedStream stream = SignedStream.of(1, SERIAL, 100_000);
        try (StreamServer source = new StreamServer(stream.files());
                Program region = imported("state", source, stream)) {
            Path keyring = save(region, "keyring.gpg");
            ForeignProgram.Said read =
                    new IndependentReader(directory).read(stream(region).toString(), keyring);
            assertThat(read.exitCode()).as(read.text()).isZero();
            assertThat(read.text()).contains(SQUASHFS).contains(".tar.xz");
            JsonNode index = JSON.readTree(get(region, "streams/v1/index.json").body());
            assertThat(index.path("index").size()).isEqualTo(2);
            for (String name : new String[] {
                "index", "com.ubuntu.maas:stable:v3:download", "com.ubuntu.maas:stable:1:bootloader-download"
            }) {
                Path json = save(region, "streams/v1/" + name + ".json");
                Path detached = save(region, "streams/v1/" + name + ".json.gpg");
                Path clear = save(region, "streams/v1/" + name + ".sjson");

                assertThat(gpgv.run("gpgv", "--keyring", keyring.toString(), clear.toString())
                                .exitCode())
                        .isZero();
                assertThat(gpgv.run("gpgv", "--keyring", keyring.toString(), detached.toString(), json.toString())
                                .exitCode())
                        .isZero();
            }
        }
    }

    @Test
    void aFileComesWholeOrInPartWithoutAToken() throws Exception {
        SignedStream stream = SignedStream.of(1, SERIAL, 3 << 20);
        try (StreamServer source = new StreamServer(stream.files());
                Program region = imported("state", source, stream)) {
            byte[] expected = stream.file(SQUASHFS);

            assertThat(get(region, SQUASHFS).body()).isEqualTo(expected);
            HttpResponse<byte[]> rest = send(region, SQUASHFS, "GET", "Range", "bytes=2000000-");
            assertThat(rest.statusCode()).isEqualTo(206);
            assertThat(rest.body()).isEqualTo(Arrays.copyOfRange(expected, 2_000_000, expected.length));
            HttpResponse<byte[]> head = send(region, SQUASHFS, "HEAD", "Accept", "*/*");
            assertThat(head.headers().firstValueAsLong("Content-Length")).hasValue(expected.length);
            assertThat(head.body()).isEmpty();
            assertThat(get(region, "streams/v1/com.ubuntu.maas%3Astable%3Av3%3Adownload.sjson")
                            .statusCode())
                    .isEqualTo(200);
        }
    }

    @Test
    void aPathIsLookedUpAndNeverJoinedToADirectory() throws Exception {
        SignedStream stream = SignedStream.of(1, SERIAL, 100_000);
        try (StreamServer source = new StreamServer(stream.files());
                Program region = imported("state", source, stream)) {
            assertThat(get(region, "").statusCode()).isEqualTo(404);
            for (String path : new String[] {
                "../api-token",
                "/etc/passwd",
                "..%2f..%2fapi-token",
                "stream-signing-key.asc",
                SQUASHFS + "/..",
                "%00",
                "streams/v1/"
            }) {
                assertThat(raw(region, "GET /images-stream/" + path))
                        .as(path)
                        .containsPattern("^HTTP/1.1 (400|401|404) ")
                        .doesNotContain("root:")
                        .doesNotContain("PRIVATE KEY");
            }
            HttpResponse<byte[]> put = http.send(
                    HttpRequest.newBuilder(stream(region).resolve("streams/v1/index.json"))
                            .PUT(BodyPublishers.ofString("{}"))
                            .build(),
                    BodyHandlers.ofByteArray());
            assertThat(put.statusCode()).isEqualTo(405);
            assertThat(put.headers().firstValue("Allow")).contains("GET, HEAD");
            assertThat(http.send(
                                    HttpRequest.newBuilder(stream(region).resolve("../api/v1/images"))
                                            .build(),
                                    BodyHandlers.ofByteArray())
                            .statusCode())
                    .as("everything else still wants the token")
                    .isEqualTo(401);
        }
    }

    @Test
    void aRestartChangesNeitherKeyNorDateAndADeletionMovesTheDateForward() throws Exception {
        SignedStream stream = SignedStream.of(1, SERIAL, 100_000);
        try (StreamServer source = new StreamServer(stream.files());
                Program region = imported("state", source, stream)) {
            byte[] keyring = get(region, "keyring.gpg").body();
            byte[] before = get(region, "streams/v1/index.json").body();
            assertThat(PosixFilePermissions.toString(
                            Files.getPosixFilePermissions(region.state().resolve("stream-signing-key.asc"))))
                    .isEqualTo("rw-------");

            region.kill();
            region.restart();

            assertThat(get(region, "keyring.gpg").body()).isEqualTo(keyring);
            assertThat(get(region, "streams/v1/index.json").body()).isEqualTo(before);
            assertThat(region.run("images", "delete", "ubuntu/noble/amd64/ga-24.04")
                            .exitCode())
                    .isZero();
            JsonNode index = JSON.readTree(get(region, "streams/v1/index.json").body());
            assertThat(index.path("index").size()).isEqualTo(1);
            assertThat(index.path("updated").asString())
                    .isNotEqualTo(JSON.readTree(before).path("updated").asString());
            assertThat(get(region, SQUASHFS).statusCode()).isEqualTo(404);
        }
    }

    private Program imported(String state, StreamServer source, SignedStream stream) throws Exception {
        Program region = Program.serve(directory.resolve(state));
        try {
            Path keyring = Files.write(directory.resolve(state + "-source.gpg"), stream.keyring());
            region.run("sources", "add", source.url().toString(), "--keyring", keyring.toString());
            region.run("selections", "add", "--os", "ubuntu", "--release", "noble", "--arch", "amd64");
            Program.Result result = region.run("images", "import", "--wait");
            assertThat(result.exitCode()).as(result.out() + result.err()).isZero();
            return region;
        } catch (RuntimeException | AssertionError e) {
            region.close(); // Nobody else has it yet.
            throw e;
        }
    }

    /** By name and file, the sha256 of everything that a region has. */
    private static Map<String, String> images(Program region) {
        Map<String, String> all = new TreeMap<>();
        for (JsonNode image :
                JSON.readTree(region.run("images", "list", "--json").out())) {
            for (JsonNode file : image.path("artifacts")) {
                all.put(
                        String.join(
                                " ",
                                image.path("name").asString(),
                                image.path("product").asString(),
                                image.path("version").asString(),
                                image.path("subarches").asString(),
                                file.path("name").asString()),
                        file.path("sha256").asString());
            }
        }
        return all;
    }

    private Path save(Program region, String path) throws Exception {
        HttpResponse<byte[]> response = get(region, path);
        assertThat(response.statusCode()).as(path).isEqualTo(200);
        return Files.write(directory.resolve(path.replaceAll("[:/]", "_")), response.body());
    }

    private HttpResponse<byte[]> get(Program region, String path) throws Exception {
        return send(region, path, "GET", "Accept", "*/*");
    }

    private HttpResponse<byte[]> send(Program region, String path, String method, String header, String value)
            throws Exception {
        return http.send(
                HttpRequest.newBuilder(URI.create(stream(region) + path))
                        .method(method, BodyPublishers.noBody())
                        .header(header, value)
                        .build(),
                BodyHandlers.ofByteArray());
    }

    /** A request line as it is, which no client library would send. */
    private static String raw(Program region, String requestLine) throws Exception {
        try (Socket socket = new Socket(
                        InetAddress.getLoopbackAddress(), stream(region).getPort());
                OutputStream out = socket.getOutputStream();
                InputStream in = socket.getInputStream()) {
            out.write((requestLine + " HTTP/1.1\r\nHost: region\r\nConnection: close\r\n\r\n").getBytes(UTF_8));
            return new String(in.readAllBytes(), UTF_8);
        }
    }

    private static URI stream(Program region) throws Exception {
        return URI.create(Files.readString(region.state().resolve("api-url")).strip() + "images-stream/");
    }
}
