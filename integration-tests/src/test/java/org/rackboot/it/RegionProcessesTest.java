package org.rackboot.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Two region processes on one PostgreSQL. */
@Timeout(180)
class RegionProcessesTest {
    private static final JsonMapper JSON = JsonMapper.builder().build();
    private static final String SERIAL = "20260115";
    private static final String SQUASHFS = "noble/amd64/" + SERIAL + "/squashfs";
    private static final String IMAGE = "ubuntu/noble/amd64/ga-24.04";

    @TempDir
    Path directory;

    private final HttpClient http = HttpClient.newHttpClient();
    private final SignedStream stream = SignedStream.of(1, SERIAL, 9 * (1 << 20) + 12_345);
    private EmbeddedPostgres postgres;
    private StreamServer source;
    private Program one;
    private Program two;

    @BeforeEach
    void start() throws Exception {
        postgres =
                EmbeddedPostgres.builder().setLocaleConfig("locale", "C.UTF-8").start();
        source = new StreamServer(stream.files());
        one = Program.serve(directory.resolve("one"), "--database", url());
        two = Program.serve(directory.resolve("two"), "--database", url());
        Path keyring = Files.write(directory.resolve("keyring.gpg"), stream.keyring());
        done(one, "sources", "add", source.url().toString(), "--keyring", keyring.toString(), "--name", "test");
        done(two, "selections", "add", "--os", "ubuntu", "--release", "noble", "--arch", "amd64");
    }

    @AfterEach
    void stop() throws Exception {
        one.close();
        two.close();
        source.close();
        postgres.close();
    }

    @Test
    void oneIsKilledInTheMiddleOfAnImportAndTheOtherGoesOn() throws Exception {
        source.hold();
        source.let(16 * 5 + 7); // Five chunks of the squashfs, and a part of the sixth.
        done(one, "images", "import");
        await().atMost(Duration.ofSeconds(60)).until(() -> chunksOfSquashfs() == 5);
        assertThat(api(two, "images/import").path("elsewhere").asBoolean()).isTrue();
        assertThat(api(one, "images/import").has("elsewhere")).isFalse();
        CompletableFuture<Program.Result> imported =
                CompletableFuture.supplyAsync(() -> two.run("images", "import", "--wait"));
        await().atMost(Duration.ofSeconds(30))
                .until(() ->
                        api(two, "images/import").path("phase").asString("").equals("waiting"));
        assertThat(source.requests())
                .filteredOn(request -> request.path().equals(SQUASHFS))
                .hasSize(1);

        one.kill();
        source.letAll();

        Program.Result result = imported.get(60, TimeUnit.SECONDS);
        assertThat(result.exitCode()).as(result.out() + result.err()).isZero();
        assertThat(result.out())
                .contains("another region process imports")
                .contains("squashfs: going on at byte " + 5 * (1 << 20));
        assertThat(source.requests())
                .filteredOn(request -> request.path().equals(SQUASHFS))
                .last()
                .isEqualTo(new StreamServer.Request(SQUASHFS, 5L << 20));
        assertThat(source.requests())
                .filteredOn(request -> request.path().endsWith("boot-kernel"))
                .hasSize(1);
        assertThat(squashfs(two)).isEqualTo(stream.file(SQUASHFS));

        one.restart();
        assertThat(squashfs(one)).isEqualTo(stream.file(SQUASHFS));
    }

    @Test
    void aChangeMadeByOneReachesTheRacksOfTheOther() throws Exception {
        done(one, "images", "import", "--wait");
        HttpResponse<byte[]> before = send(two, "catalog", "");
        String etag = before.headers().firstValue("ETag").orElseThrow();
        HttpResponse<byte[]> ofOne = send(one, "catalog", "");
        assertThat(ofOne.headers().firstValue("ETag")).contains(etag);
        assertThat(ofOne.body()).isEqualTo(before.body());

        CompletableFuture<HttpResponse<byte[]>> poll = poll(two, etag);
        done(one, "images", "pin", IMAGE, "--version", SERIAL);

        HttpResponse<byte[]> told = poll.get(20, TimeUnit.SECONDS);
        assertThat(told.statusCode()).isEqualTo(200);
        assertThat(JSON.readTree(told.body()).path("version").asLong())
                .isGreaterThan(JSON.readTree(before.body()).path("version").asLong());
        assertThat(send(one, "catalog", "").body()).isEqualTo(told.body());
    }

    /** The rack's question; asked again when the answer is that nothing changed, as racks do. */
    private CompletableFuture<HttpResponse<byte[]>> poll(Program region, String etag) {
        return CompletableFuture.supplyAsync(() -> {
            HttpResponse<byte[]> answer;
            do {
                try {
                    answer = send(region, "catalog?wait=60", etag);
                } catch (Exception e) {
                    throw new AssertionError(e);
                }
            } while (answer.statusCode() == 304);
            return answer;
        });
    }

    private String url() {
        return postgres.getJdbcUrl("postgres", "postgres");
    }

    private long chunksOfSquashfs() throws SQLException {
        try (var connection = DriverManager.getConnection(url());
                var query = connection.prepareStatement("select count(*) from content_chunk where sha256 = ?")) {
            query.setString(1, SignedStream.sha256(stream.file(SQUASHFS)));
            try (var rows = query.executeQuery()) {
                rows.next();
                return rows.getLong(1);
            }
        }
    }

    private byte[] squashfs(Program region) throws Exception {
        return send(region, "content/" + SignedStream.sha256(stream.file(SQUASHFS)), "")
                .body();
    }

    private JsonNode api(Program region, String path) throws Exception {
        return JSON.readTree(send(region, path, "").body());
    }

    private HttpResponse<byte[]> send(Program region, String path, String etag) throws Exception {
        String url = Files.readString(region.state().resolve("api-url")).strip();
        String token = Files.readString(region.state().resolve("api-token")).strip();
        HttpRequest.Builder request =
                HttpRequest.newBuilder(URI.create(url + "api/v1/" + path)).header("Authorization", "Bearer " + token);
        if (!etag.isEmpty()) {
            request.header("If-None-Match", etag);
        }
        return http.send(request.build(), BodyHandlers.ofByteArray());
    }

    private static void done(Program region, String... arguments) {
        Program.Result result = region.run(arguments);
        assertThat(result.exitCode()).as(result.out() + result.err()).isZero();
    }
}
