package org.rackboot.it;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** A region and a rack, each a process of its own. */
@Timeout(300)
class RackEnrolmentTest {
    private static final JsonMapper JSON = JsonMapper.builder().build();
    private static final Duration PATIENCE = Duration.ofSeconds(90);
    private static final String LOADER = "bootx64.efi";

    @TempDir
    Path directory;

    private final HttpClient http = HttpClient.newHttpClient();
    private StreamServer source;
    private Program region;

    @BeforeEach
    void start() throws Exception {
        SignedStream stream = SignedStream.of(1, "20260115", 100_000);
        source = new StreamServer(stream.files());
        region = Program.serve(directory.resolve("region"));
        Path keyring = Files.write(directory.resolve("keyring.gpg"), stream.keyring());
        done("sources", "add", source.url().toString(), "--keyring", keyring.toString(), "--name", "test");
        done("selections", "add", "--os", "ubuntu", "--release", "noble", "--arch", "amd64");
        done("images", "import", "--wait");
    }

    @AfterEach
    void stop() throws Exception {
        region.close();
        source.close();
    }

    @Test
    void aRackIsEnrolledOnceRestartsWithoutATokenAndIsRevoked() throws Exception {
        String token = token("east");
        Path state = directory.resolve("east");
        try (Program rack = Program.rack(state, "--region", tls(), "--token", token)) {
            await().atMost(PATIENCE).until(() -> get(rack, LOADER).statusCode() == 200);
            await().atMost(PATIENCE).until(() -> state("east").equals("in step"));
            assertThat(done("racks", "list")).contains("east").contains("in step");
            assertThat(Program.failingRack(directory.resolve("west"), "--region", tls(), "--token", token))
                    .contains("used up")
                    .contains("rackboot racks enrol");
            rack.kill();
        }

        try (Program rack = Program.rack(state, "--region", tls())) {
            await().atMost(PATIENCE).until(() -> state("east").equals("in step"));
            assertThat(get(rack, LOADER).statusCode()).isEqualTo(200);

            assertThat(done("racks", "revoke", "east")).contains("revoked east");

            String credential =
                    Files.readString(state.resolve("rack-credential")).strip();
            assertThat(catalog(credential)).isEqualTo(401);
            await().atMost(PATIENCE).until(() -> rack.log().contains("not enrolled, or revoked"));
            assertThat(get(rack, LOADER).statusCode()).as("what it has").isEqualTo(200);
            rack.kill();
        }

        try (Program rack = Program.rack(state, "--region", tls(), "--token", token("east"))) {
            await().atMost(PATIENCE).until(() -> state("east").equals("in step"));
            assertThat(get(rack, LOADER).statusCode()).isEqualTo(200);
        }
    }

    @Test
    void aRackThatIsStartedBeforeItsRegionWaitsForIt() throws Exception {
        String token = token("east");
        String url = url();
        region.terminate();

        try (Program rack = Program.rack(directory.resolve("east"), "--region", url, "--token", token)) {
            assertThat(readiness(rack).statusCode()).isEqualTo(503);
            assertThat(readiness(rack).body()).contains("no catalog yet").contains("cannot be reached");
            HttpResponse<byte[]> refused = get(rack, LOADER);
            assertThat(refused.statusCode()).isEqualTo(503);
            assertThat(refused.headers().firstValue("Retry-After")).contains("2");
            assertThat(new String(refused.body(), UTF_8))
                    .contains("no catalog yet")
                    .contains("cannot be reached");
            assertThat(rack.log())
                    .contains("there is no catalog yet, so every machine is refused")
                    .doesNotContain("catalog version 0");
            assertThat(rack.run("status").out())
                    .contains("region      " + url + ": not in step")
                    .contains("catalog     none yet")
                    .contains("listener    tftp://");
            assertThat(rack.run("explain", "--mac", "52:54:00:00:00:01").err()).contains("no catalog yet");
            try (Program again = Program.serve(
                    directory.resolve("region"),
                    "--api-port",
                    String.valueOf(URI.create(url).getPort()))) {
                assertThat(again).isNotNull();
                await().atMost(PATIENCE).until(() -> get(rack, LOADER).statusCode() == 200);
                assertThat(readiness(rack).statusCode()).isEqualTo(200);
            }
        }
    }

    @Test
    void aRackBelowARackIsEnrolledThroughItAndNeedsNoRegionAfterwards() throws Exception {
        Path below = directory.resolve("below");
        try (Program above = Program.rack(directory.resolve("above"), "--region", tls(), "--token", token("above"))) {
            String upstream = above.http().toString();
            try (Program rack = Program.rack(below, "--region", upstream, "--token", token("below"))) {
                await().atMost(PATIENCE).until(() -> get(rack, LOADER).statusCode() == 200);
                await().atMost(PATIENCE).until(() -> state("below").equals("in step"));
                assertThat(rack.log()).doesNotContain("API token");
                rack.kill();
            }

            int port = URI.create(url()).getPort();
            region.kill();
            try (Program rack = Program.rack(below, "--region", upstream)) {
                await().atMost(PATIENCE).until(() -> get(rack, LOADER).statusCode() == 200);

                region = Program.serve(directory.resolve("region"), "--api-port", String.valueOf(port));
                done("racks", "revoke", "below");
                await().atMost(PATIENCE).until(() -> rack.log().contains("revoked, used up, expired"));
                assertThat(get(rack, LOADER).statusCode()).as("what it has").isEqualTo(200);
            }
        }
    }

    @Test
    void theApiTokenIsGoodForARackAsWell() throws Exception {
        String token = Files.readString(region.state().resolve("api-token")).strip();

        try (Program rack = Program.rack(directory.resolve("guest"), "--region", url(), "--token", token)) {
            await().atMost(PATIENCE).until(() -> get(rack, LOADER).statusCode() == 200);
            assertThat(rack.log()).contains("bears the region's API token");
            Program.Result misdirected = rack.run("machines", "list");
            assertThat(misdirected.exitCode()).isEqualTo(1);
            assertThat(misdirected.err()).contains("This is a rack").contains(url());
        }
    }

    private String token(String name) {
        return JSON.readTree(done("racks", "enrol", name, "--json"))
                .path("token")
                .asString();
    }

    private String state(String name) {
        for (JsonNode rack : JSON.readTree(done("racks", "list", "--json"))) {
            if (rack.path("name").asString("").equals(name)) {
                return rack.path("state").asString("");
            }
        }
        return "";
    }

    private int catalog(String credential) throws Exception {
        return http.send(
                        HttpRequest.newBuilder(URI.create(url() + "api/v1/catalog"))
                                .header("Authorization", "Bearer " + credential)
                                .build(),
                        BodyHandlers.discarding())
                .statusCode();
    }

    private String url() throws Exception {
        return Files.readString(region.state().resolve("api-url")).strip();
    }

    /** The same port, whose key the rack knows by its token. */
    private String tls() throws Exception {
        return url().replaceFirst("http:", "https:");
    }

    private HttpResponse<byte[]> get(Program rack, String name) throws Exception {
        return http.send(HttpRequest.newBuilder(rack.http().resolve(name)).build(), BodyHandlers.ofByteArray());
    }

    private HttpResponse<String> readiness(Program rack) throws Exception {
        return http.send(HttpRequest.newBuilder(rack.admin().resolve("readyz")).build(), BodyHandlers.ofString());
    }

    private String done(String... arguments) {
        Program.Result result = region.run(arguments);
        assertThat(result.exitCode()).as(result.out() + result.err()).isZero();
        return result.out();
    }
}
