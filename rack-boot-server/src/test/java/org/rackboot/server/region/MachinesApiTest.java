package org.rackboot.server.region;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.rackboot.image.cache.ImageCache;
import org.rackboot.region.Bundles;
import org.rackboot.region.Region;
import org.rackboot.region.store.RegionDatabase;
import org.rackboot.region.sync.Importer;
import org.rackboot.region.sync.Mirror;
import org.rackboot.server.cli.Main;
import org.rackboot.server.http.HttpListener;
import org.rackboot.server.net.EventLoops;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Machines by the API, and by the commands that use it. */
@Timeout(120)
class MachinesApiTest {
    private static final String TOKEN = "the token";
    private static final String MAC = "52:54:00:00:00:01";
    private static final String OTHER_MAC = "52:54:00:00:00:02";
    private static final String UUID = "4c4c4544-0035-3110-8052-b4c04f4d3132";
    private static final JsonMapper JSON = JsonMapper.builder().build();

    @TempDir
    Path directory;

    private final EventLoops loops = EventLoops.best("test");
    private final HttpClient http = HttpClient.newHttpClient();
    private final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor();
    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();
    private RegionDatabase database;
    private SlowWork slowWork;
    private HttpListener listener;
    private URI server;

    @BeforeEach
    void start() throws Exception {
        database = RegionDatabase.open("jdbc:sqlite:" + directory.resolve("region.db"));
        Region region = new Region(
                database,
                new NoMirror(),
                Clock.fixed(Instant.EPOCH, ZoneOffset.UTC),
                pause -> {},
                new Region.Settings(List.of(), false, new Importer.Settings(2, () -> Long.MAX_VALUE)));
        slowWork = new SlowWork(new SlowWork.Limits(1, 1, Duration.ofMinutes(1)), timer, Thread::new);
        RegionApi api = new RegionApi(
                region,
                new Bundles(region, directory.resolve("bundles")),
                new RegionContent(region.contents(), cache(region)),
                TOKEN,
                "",
                Runnable::run,
                slowWork,
                (resource, status) -> {});
        listener = new HttpListener(loops, api, HttpListener.Limits.API, why -> {});
        InetSocketAddress address = listener.bind(InetAddress.getLoopbackAddress(), 0, "The API", "");
        server = URI.create("http://127.0.0.1:" + address.getPort() + "/");
        Files.writeString(directory.resolve("token"), TOKEN);
    }

    private ImageCache cache(Region region) throws IOException {
        return new ImageCache(
                directory.resolve("region-cache"),
                new ImageCache.Settings(16 << 20, 64 << 20, 1, Duration.ZERO),
                new DatabaseOrigin(region.contents(), Runnable::run, Runnable::run),
                Runnable::run,
                (pause, work) -> timer.execute(work),
                new ImageCache.Listener() {});
    }

    @AfterEach
    void stop() {
        listener.close();
        slowWork.close();
        loops.close();
        database.close();
        timer.shutdownNow();
    }

    @Test
    void aMachineIsAddedChangedAndRemoved() throws Exception {
        HttpResponse<String> added = ask("POST", "machines", """
                {"name": "web-1", "macs": ["52-54-00-00-00-01"], "uuid": "%s", "arch": "amd64", "loader": "signed"}""".formatted(UUID));
        assertThat(added.statusCode()).isEqualTo(201);
        String web = "{\"name\":\"web-1\",\"macs\":[\"" + MAC + "\"],\"uuid\":\"" + UUID
                + "\",\"arch\":\"amd64\",\"loader\":\"signed\"}";
        assertThat(added.body()).isEqualTo(web);
        assertThat(ask("GET", "machines", "").body()).isEqualTo("[" + web + "]");
        for (String key : List.of("web-1", MAC, "52-54-00-00-00-01", "52%3A54%3A00%3A00%3A00%3A01")) {
            assertThat(ask("GET", "machines/" + key, "").body()).isEqualTo(web);
        }
        assertThat(json("GET", "status", "").path("machines").asInt()).isOne();

        HttpResponse<String> changed = ask("PATCH", "machines/" + MAC, """
                {"macs": ["52:54:00:00:00:01", "52:54:00:00:00:02"], "uuid": "", "loader": null, "name": "web-2"}""");
        assertThat(changed.statusCode()).isEqualTo(200);
        assertThat(changed.body())
                .isEqualTo("{\"name\":\"web-2\",\"macs\":[\"" + MAC + "\",\"" + OTHER_MAC + "\"],\"arch\":\"amd64\"}");

        assertThat(ask("DELETE", "machines/" + OTHER_MAC, "").body()).isEqualTo(changed.body());
        assertThat(ask("GET", "machines", "").body()).isEqualTo("[]");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "POST | machines | [] | 400",
                "POST | machines | {} | 400",
                "POST | machines | {\"macs\": \"x\"} | 400",
                "POST | machines | {\"macs\": [7]} | 400",
                "POST | machines | {\"macs\": [\"52:54:00:00:00:02\"], \"uuid\": 7} | 400",
                "POST | machines | {\"macs\": [\"52:54:00:00:00:02\"], \"arch\": {}} | 400",
                "POST | machines | {\"macs\": [\"52:54:00:00:00:02\"], \"loader\": false} | 400",
                "POST | machines | {\"macs\": [\"52:54:00:00:00:01\"]} | 409",
                "POST | machines | {\"macs\": [\"52:54:00:00:00:02\"], \"name\": \"web\"} | 409",
                "POST | machines/import | {} | 400",
                "POST | machines/import | [7] | 400",
                "POST | machines/import | [[]] | 400",
                "GET | machines/import | | 405",
                "PUT | machines | {} | 405",
                "GET | machines/other | | 404",
                "GET | machines/52:54:00:00:00:02 | | 404",
                "PATCH | machines/other | {} | 404",
                "PATCH | machines/web | [] | 400",
                "PATCH | machines/web | {\"macs\": []} | 400",
                "PATCH | machines/web | {\"macs\": null} | 400",
                "DELETE | machines/other | | 404"
            })
    void whatCannotBeDoneIsSaidSoAndChangesNothing(String verb, String path, String body, int status) throws Exception {
        ask("POST", "machines", "{\"name\": \"web\", \"macs\": [\"" + MAC + "\"]}");
        String before = ask("GET", "machines", "").body();

        HttpResponse<String> response = ask(verb, path, body == null ? "" : body);

        assertThat(response.statusCode()).isEqualTo(status);
        assertThat(JSON.readTree(response.body()).path("error").asString()).isNotEmpty();
        assertThat(ask("GET", "machines", "").body()).isEqualTo(before);
    }

    @Test
    void aDescriptionHasABound() throws Exception {
        String body = "{\"macs\": [\"" + MAC + "\"], \"more\": \"" + "x".repeat(64 << 10) + "\"}";

        assertThat(ask("POST", "machines", body).statusCode()).isEqualTo(400);
        assertThat(ask("POST", "machines/import", "[" + "1,".repeat(50_000) + "1]")
                        .body())
                .contains("50001 machines are too many at once");
    }

    @Test
    void anImportTellsEveryProblemWithItsRow() throws Exception {
        HttpResponse<String> refused = ask("POST", "machines/import", """
                [{"macs": ["52:54:00:00:00:01"]}, {"macs": ["x", "y"]}, {"macs": ["52:54:00:00:00:01"], "name": "n"}]""");

        assertThat(refused.statusCode()).isEqualTo(400);
        JsonNode problems = JSON.readTree(refused.body()).path("problems");
        assertThat(problems).extracting(problem -> problem.path("row").asInt()).containsExactly(2, 2, 3);
        assertThat(problems.path(2).path("problem").asString()).contains("that of row 1 as well");
        assertThat(JSON.readTree(refused.body()).path("error").asString()).contains("3 problems, the first in row 2");
        assertThat(ask("GET", "machines", "").body()).isEqualTo("[]");
    }

    @Test
    void aRackHearsOfAMachineWithinItsLongPoll() throws Exception {
        HttpResponse<String> before = ask("GET", "catalog", "");
        CompletableFuture<HttpResponse<String>> poll = http.sendAsync(
                request("catalog?wait=100")
                        .header(
                                "If-None-Match",
                                before.headers().firstValue("ETag").orElseThrow())
                        .build(),
                BodyHandlers.ofString());

        ask("POST", "machines", "{\"name\": \"web\", \"macs\": [\"" + MAC + "\"]}");

        assertThat(before.body()).doesNotContain("machines");
        assertThat(poll.get().body()).endsWith(",\"machines\":[{\"name\":\"web\",\"macs\":[\"" + MAC + "\"]}]}");
    }

    @Test
    void whatIsChangedAndRemovedIsLoggedWithWhoAndWhat() throws Exception {
        var lines = new ListAppender<ILoggingEvent>();
        lines.start();
        var log = (Logger) LoggerFactory.getLogger(Audit.class);
        log.addAppender(lines);
        try {
            ask("POST", "machines", "{\"name\": \"web\", \"macs\": [\"" + MAC + "\"]}");
            ask("POST", "machines/import", "[{\"macs\": [\"" + OTHER_MAC + "\"]}]");
            ask("PATCH", "machines/web", "{\"loader\": \"ipxe\"}");
            ask("DELETE", "machines/web", "");
        } finally {
            log.detachAppender(lines);
        }

        assertThat(lines.list.stream().map(ILoggingEvent::getFormattedMessage))
                .containsExactly(
                        "An operator at 127.0.0.1 added 1 machines",
                        "An operator at 127.0.0.1 changed machine 'web': {name=web, macs=[52:54:00:00:00:01]} before,"
                                + " {name=web, macs=[52:54:00:00:00:01], loader=ipxe} now",
                        "An operator at 127.0.0.1 removed machine 'web': {name=web, macs=[52:54:00:00:00:01], loader=ipxe}");
    }

    @Test
    void theCommandsDoTheSame() throws Exception {
        assertThat(told(0, "list")).startsWith("No machine is known");
        assertThat(told(0, "add", "--mac", MAC, "--mac", OTHER_MAC, "--uuid", UUID, "--arch", "amd64"))
                .isEqualTo("added m-525400000001\n");
        assertThat(told(0, "update", OTHER_MAC, "--name", "web", "--uuid", "none", "--loader", "ipxe"))
                .isEqualTo("changed web\n");
        assertThat(told(0, "list")).isEqualTo("""
                MACHINE  ARCH   LOADER  MAC                                  UUID
                web      amd64  ipxe    52:54:00:00:00:01 52:54:00:00:00:02
                """);
        assertThat(JSON.readTree(told(0, "list", "--json"))
                        .path(0)
                        .path("macs")
                        .path(1)
                        .asString())
                .isEqualTo(OTHER_MAC);

        assertThat(told(1, "add", "--mac", OTHER_MAC)).contains("is that of machine 'web'; change that one");
        assertThat(told(2, "add", "--name", "x")).contains("--mac");
        assertThat(told(2, "update", "web")).contains("say what is to change");
        assertThat(told(1, "update", "db", "--arch", "arm64")).contains("There is no machine 'db'");
        assertThat(told(1, "remove", "db", "web")).contains("There is no machine 'db'", "removed web");
        assertThat(told(0, "list", "--json")).isEqualTo("[ ]\n");
    }

    @Test
    void aFileOfMachinesIsImportedWholeOrNotAtAll() throws Exception {
        Path csv = directory.resolve("machines.csv");
        Files.writeString(
                csv,
                "name,mac,uuid,arch,loader\nweb,%s %s,,amd64,ipxe\n\ndb,rubbish,,,\nDB,,,,\n"
                        .formatted(MAC, OTHER_MAC));

        assertThat(told(1, "import", csv.toString()))
                .contains("line 4: 'rubbish' is no MAC address", "line 5: A machine needs a MAC", "line 5: 'DB' is no")
                .endsWith("rackboot: no machine was added; put these right, and say it again\n");
        assertThat(told(0, "list")).startsWith("No machine is known");

        Files.writeString(csv, "name,mac,uuid,arch,loader\nweb,%s %s,,amd64,ipxe\n".formatted(MAC, OTHER_MAC));
        assertThat(told(0, "import", csv.toString())).isEqualTo("added 1 machines\n");
        InputStream before = System.in;
        System.setIn(
                new ByteArrayInputStream("[{\"macs\": [\"52:54:00:00:00:03\"]}]".getBytes(StandardCharsets.UTF_8)));
        try {
            assertThat(told(0, "import", "-", "--json")).contains("\"added\" : 1");
        } finally {
            System.setIn(before);
        }
        assertThat(told(0, "list")).contains("web", "m-525400000003");

        assertThat(told(2, "import", Files.writeString(csv, "name\nweb\n").toString()))
                .contains("no column 'mac'");
        assertThat(told(1, "import", directory.resolve("missing").toString())).contains("cannot be read");
    }

    @Test
    void tenThousandMachinesAreImportedAndListed() throws Exception {
        StringBuilder csv = new StringBuilder("mac,uuid,arch\n");
        for (int i = 0; i < 10_000; i++) {
            csv.append("52:54:01:00:%02x:%02x 52:54:02:00:%02x:%02x,4c4c4544-0035-3110-8052-%012x,amd64\n"
                    .formatted(i >> 8, i & 255, i >> 8, i & 255, i));
        }
        Path file = Files.writeString(directory.resolve("machines.csv"), csv);

        long begun = System.nanoTime();
        assertThat(told(0, "import", file.toString())).isEqualTo("added 10000 machines\n");
        long imported = System.nanoTime();
        String list = told(0, "list");
        long listed = System.nanoTime();
        System.out.printf(
                "10,000 machines: imported in %d ms, listed in %d ms%n",
                (imported - begun) / 1_000_000, (listed - imported) / 1_000_000);

        assertThat(list.lines()).hasSize(10_001);
    }

    /** What a command says on both streams, given that it ends with this code. */
    private String told(int code, String... arguments) {
        out.getBuffer().setLength(0);
        err.getBuffer().setLength(0);
        List<String> line = new ArrayList<>(List.of("machines"));
        line.addAll(List.of(arguments));
        line.addAll(List.of(
                "--url",
                server.toString(),
                "--token-file",
                directory.resolve("token").toString()));
        int ended = Main.run(new PrintWriter(out), new PrintWriter(err), line.toArray(String[]::new));
        assertThat(ended).as("%s%s", out, err).isEqualTo(code);
        return out.toString() + err;
    }

    private JsonNode json(String verb, String path, String body) throws Exception {
        return JSON.readTree(ask(verb, path, body).body());
    }

    private HttpResponse<String> ask(String verb, String path, String body) throws Exception {
        HttpRequest.Builder request = request(path);
        request.method(verb, body.isEmpty() ? BodyPublishers.noBody() : BodyPublishers.ofString(body));
        return http.send(request.build(), BodyHandlers.ofString());
    }

    private HttpRequest.Builder request(String path) {
        return HttpRequest.newBuilder(server.resolve("api/v1/" + path)).header("Authorization", "Bearer " + TOKEN);
    }

    /** Nothing is imported here. */
    private static final class NoMirror implements Mirror {
        @Override
        public byte[] metadata(URI file, int maxBytes) throws IOException {
            throw new MirrorException("there is no mirror");
        }

        @Override
        public void download(URI file, long from, Optional<String> ifRange, long size, Receiver receiver)
                throws IOException {
            throw new MirrorException("there is no mirror");
        }
    }
}
