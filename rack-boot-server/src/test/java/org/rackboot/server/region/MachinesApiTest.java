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
import java.security.MessageDigest;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.HexFormat;
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
import tools.jackson.databind.node.ObjectNode;

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
    private HttpClient http = HttpClient.newHttpClient();
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
                "POST | machines | {\"macs\": [\"52:54:00:00:00:02\"], \"name\": \"default\"} | 400",
                "POST | machines | {\"macs\": [\"52:54:00:00:00:02\"], \"name\": \"\\ud800\"} | 400",
                "POST | machines | {\"macs\": [\"52:54:00:00:00:02\"], \"tags\": \"A\"} | 400",
                "POST | machines | {\"macs\": [\"52:54:00:00:00:02\"], \"tags\": [7, {}]} | 400",
                "POST | machines | {\"macs\": [\"52:54:00:00:00:02\"], \"kernelOptions\": [\"\\u00e9\"]} | 400",
                "POST | machines | {\"macs\": [\"52:54:00:00:00:02\"], \"network\": 7} | 400",
                "POST | machines | {\"macs\": [\"52:54:00:00:00:02\"], \"network\": {\"version\": 1}} | 400",
                "POST | machines | {\"macs\": [\"52:54:00:00:00:02\"], \"netboot\": \"off\"} | 400",
                "PATCH | machines/web | {\"netboot\": null} | 400",
                "DELETE | machines/other | | 404",
                "POST | machines | {\"macs\": [\"52:54:00:00:00:02\"], \"macs\": [\"52:54:00:00:00:03\"]} | 400",
                "POST | machines | {\"macs\": [\"52:54:00:00:00:02\"], \"network\": {\"version\": 2, \"version\": 2}} | 400",
                "POST | machines/import | [{\"macs\": [\"52:54:00:00:00:02\"], \"name\": \"a\", \"name\": \"b\"}] | 400",
                "PATCH | machines/web | {\"arch\": \"amd64\", \"arch\": \"arm64\"} | 400",
                "POST | machines | {\"macs\": [\"52:54:00:00:00:02\"], \"kernelOption\": [\"x\"]} | 400",
                "POST | machines | {\"macs\": [\"52:54:00:00:00:02\"], \"assignment\": {}} | 400",
                "PATCH | machines/web | {\"foo\": 1} | 400",
                "POST | assignments | {\"targets\": [\"web\"], \"purpose\": \"hold\", \"bogus\": 1} | 400",
                "DELETE | assignments | {\"targets\": [\"web\"], \"onse\": true} | 400",
                "PATCH | tags/web | {\"kernelOption\": [\"a\"]} | 400",
                "POST | images/options | {\"image\": \"a/b\", \"kerneloptions\": [\"a\"]} | 400",
                "POST | seen-machines/52:54:00:00:00:09/adopt | {\"nam\": \"a\"} | 400",
                "POST | assignments | {} | 400",
                "POST | assignments | {\"targets\": [\"web\"]} | 400",
                "POST | assignments | {\"targets\": [7], \"purpose\": \"hold\"} | 400",
                "POST | assignments | {\"targets\": {}, \"purpose\": \"hold\"} | 400",
                "POST | assignments | {\"targets\": [\"\\ud800\"], \"purpose\": \"hold\"} | 400",
                "POST | assignments | {\"targets\": [\"other\"], \"purpose\": \"hold\"} | 404",
                "POST | assignments | {\"targets\": [\"web\"], \"purpose\": 7} | 400",
                "POST | assignments | {\"targets\": [\"web\"], \"purpose\": \"hold\", \"once\": \"yes\"} | 400",
                "POST | assignments | {\"targets\": [\"web\"], \"purpose\": \"install\", \"image\": []} | 400",
                "POST | assignments | {\"targets\": [\"web\"], \"purpose\": \"install\", \"userData\": {}} | 400",
                "POST | assignments | {\"targets\": [\"web\"], \"purpose\": \"install\", \"metadata\": 1} | 400",
                "DELETE | assignments | {} | 400",
                "DELETE | assignments | {\"targets\": [\"other\"]} | 404",
                "PUT | assignments | {} | 405",
                "PATCH | tags/web | {\"kernelOptions\": 7} | 400",
                "PATCH | tags/Web | {\"kernelOptions\": [\"a\"]} | 400",
                "POST | images/options | {\"kernelOptions\": [\"a\"]} | 400",
                "POST | images/options | {\"image\": \"a/b\", \"kernelOptions\": [7]} | 400",
                "DELETE | seen-machines/52:54:00:00:00:09 | | 404",
                "POST | seen-machines/52:54:00:00:00:09/adopt | {} | 404",
                "POST | racks/self/machines | {\"seen\": {}} | 400",
                "POST | racks/self/machines | {\"seen\": [7]} | 400",
                "POST | racks/self/machines | {\"seen\": [{\"mac\": \"52:54:00:00:00:09\"}]} | 400",
                "POST | racks/self/machines | {\"seen\": [{\"mac\": \"52:54:00:00:00:09\", \"at\": \"now\"}]} | 400",
                "POST | racks/self/machines | {\"used\": [{\"machine\": \"web\", \"once\": \"1\"}]} | 400",
                "POST | racks/self/machines | {\"used\": [{\"machine\": \"web\", \"once\": 1e30}]} | 400",
                "POST | racks/self/machines | {\"netbootOff\": [7]} | 400",
                "POST | racks/self/machines | {\"netbootOff\": [\"Web\"]} | 400",
                "POST | racks/self/machines | {\"name\": 7} | 400"
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
    void whatIsNoJsonIsRefusedWithoutTheParsersOwnWords() throws Exception {
        assertThat(ask("POST", "machines", "[1").body())
                .isEqualTo(
                        "{\"error\":\"The request's body is not the JSON that is expected here: Unexpected end-of-input:"
                                + " expected close marker for Array (line 1, column 3)\"}");
        assertThat(ask("PATCH", "machines/web", "{\"arch\": \"amd64\", \"arch\": \"arm64\"}")
                        .body())
                .contains("the key 'arch' is there twice (line 1, column 25)");
    }

    @Test
    void aMisspeltKeyIsRefusedWithTheOneThatIsNear() throws Exception {
        ask("POST", "machines", "{\"name\": \"web\", \"macs\": [\"" + MAC + "\"]}");

        assertThat(json("PATCH", "machines/web", "{\"kernelOption\": [\"x\"]}")
                        .path("error")
                        .asString())
                .isEqualTo("Unknown key 'kernelOption'; did you mean 'kernelOptions'?");
        assertThat(json("DELETE", "assignments", "{\"targets\": [\"web\"], \"something\": 1}")
                        .path("error")
                        .asString())
                .isEqualTo("Unknown key 'something'; the keys are targets, once");
        assertThat(json("PATCH", "machines/web", "{\"a1\":1,\"b1\":1,\"c1\":1,\"d1\":1,\"e1\":1,\"f1\":1,\"g1\":1}")
                        .path("error")
                        .asString())
                .endsWith("And 2 more such keys");
    }

    @Test
    void anImportRefusesUnknownKeysByRowAndTakesWhatAListSays() throws Exception {
        JsonNode refused = json("POST", "machines/import", """
                [{"macs": ["52:54:00:00:00:01"], "tag": "a"}, {"macs": ["x"], "kerneloptions": "b"}]""");
        assertThat(refused.path("problems"))
                .extracting(problem -> problem.path("row").asInt() + " "
                        + problem.path("problem").asString().replaceAll("[;,].*did", "; did"))
                .containsExactly(
                        "1 Unknown key 'tag'; did you mean 'tags'?",
                        "2 Unknown key 'kerneloptions'; did you mean 'kernelOptions'?",
                        "2 'x' is no MAC address; write 52:54:00:12:34:56 or 52-54-00-12-34-56");
        assertThat(ask("GET", "machines", "").body()).isEqualTo("[]");

        ask("POST", "machines", """
                {"name": "web", "macs": ["%s"], "uuid": "%s", "arch": "amd64", "loader": "ipxe", "tags": ["a"],
                 "kernelOptions": "x", "netboot": false, "network": {"version": 2, "ethernets": {"e0": {"dhcp4": true}}}}""".formatted(MAC, UUID));
        ask("POST", "assignments", "{\"targets\": [\"web\"], \"purpose\": \"hold\"}");
        ask("POST", "assignments", "{\"targets\": [\"web\"], \"purpose\": \"rescue\", \"once\": true}");
        Path file = Files.writeString(directory.resolve("list.json"), told(0, "list", "--json"));
        JsonNode before = json("GET", "machines/web", "");
        ask("DELETE", "machines/web", "");

        told(0, "import", file.toString());

        ObjectNode expected = (ObjectNode) before;
        expected.remove(List.of("assignment", "once"));
        assertThat(json("GET", "machines/web", "")).isEqualTo(expected);
    }

    @Test
    void aDescriptionHasABound() throws Exception {
        String body = "{\"macs\": [\"" + MAC + "\"], \"more\": \"" + "x".repeat(256 << 10) + "\"}";

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
                        "An operator at 127.0.0.1 added 1 machine",
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
                MACHINE  ARCH   LOADER  BOOTS  TAGS  MAC                                  UUID
                web      amd64  ipxe                 52:54:00:00:00:01 52:54:00:00:00:02
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
    void whatEsxiWillNotTakeOfANetworkIsNamedBeforeTheMachineBoots() throws Exception {
        ask("POST", "machines", """
                {"name": "esx", "macs": ["%s"], "network": {"version": 2, "ethernets": {"eth0": {}},
                 "bonds": {"bond0": {"interfaces": ["eth0"], "dhcp4": true, "parameters": {"mode": "802.3ad",
                 "lacp-rate": "fast", "transmit-hash-policy": "layer3+4"}}}}}""".formatted(MAC));

        JsonNode answer = JSON.readTree(ask(
                        "POST",
                        "assignments",
                        "{\"targets\": [\"esx\"], \"purpose\": \"install\", \"image\": \"esxi/8.0\"}")
                .body());

        assertThat(answer.path("assigned")).hasSize(1);
        assertThat(answer.path("warnings").toString())
                .contains("esx: network bonds.bond0.parameters.mode dropped (mode: 802.3ad)")
                .contains("esx: network bonds.bond0.parameters.lacp-rate dropped")
                .contains("esx: network bonds.bond0.parameters.transmit-hash-policy dropped");
    }

    private static final String ESXI_NETWORK =
            "\"network\": {\"version\": 2, \"ethernets\": {\"e0\": {\"match\": {\"macaddress\": \"52:54:00:00:00:01\"},"
                    + " \"addresses\": [\"198.18.0.7/24\"], \"wakeonlan\": true}}}";
    private static final String DROPPED =
            ": network ethernets.e0.wakeonlan dropped (wakeonlan: true): ESXi has no such setting";

    @Test
    void aNetworkThatIsSaidAfterTheAssignmentIsLookedAtAsWell() throws Exception {
        ask("POST", "machines", "{\"name\": \"esx\", \"macs\": [\"" + MAC + "\"]}");
        assign("esx", "esxi/8.0", "");

        assertThat(warnings("PATCH", "machines/esx", "{" + ESXI_NETWORK + "}")).containsExactly("esx" + DROPPED);
        assertThat(warnings("PATCH", "machines/esx", "{\"loader\": \"ipxe\"}")).isEmpty();
        assign("esx", "ubuntu/noble", "");
        assertThat(warnings("PATCH", "machines/esx", "{" + ESXI_NETWORK + "}")).isEmpty();
        assign("esx", "esxi/8.0", ", \"once\": true");
        assertThat(warnings("PATCH", "machines/esx", "{" + ESXI_NETWORK + "}")).containsExactly("esx" + DROPPED);
        Path network = Files.writeString(directory.resolve("net.json"), "{" + ESXI_NETWORK + "}");
        assertThat(told(0, "update", "esx", "--network", network.toString()))
                .isEqualTo("changed esx\nrackboot: esx" + DROPPED + "\n");
    }

    @ParameterizedTest
    @CsvSource({
        "tag:t, ''",
        "arch:amd64, ''",
        "default, ''",
        "subnet:198.18.0.0/15, ', if it boots in 198.18.0.0/15'",
    })
    void machinesThatAnAssignmentReachesAreLookedAtByItAndByThem(String target, String condition) throws Exception {
        String esx = "{\"name\": \"esx\", \"macs\": [\"" + MAC + "\"], \"arch\": \"amd64\", \"tags\": [\"t\"], "
                + ESXI_NETWORK + "}";
        assertThat(warnings("POST", "machines", esx)).isEmpty();
        ask("POST", "machines", esx.replace("\"esx\"", "\"other\"").replace(":01\"]", ":02\"]"));
        assign("other", "ubuntu/noble", "");
        ask("POST", "machines", "{\"name\": \"bare\", \"macs\": [\"52:54:00:00:00:03\"], \"tags\": [\"t\"]}");

        assertThat(assign(target, "esxi/8.0", "")).containsExactly("esx" + condition + DROPPED);
        ask("DELETE", "machines/esx", "");
        assertThat(warnings("POST", "machines", esx)).containsExactly("esx" + condition + DROPPED);
        ask("DELETE", "machines/esx", "");
        assertThat(warnings("POST", "machines/import", "[" + esx + "]")).containsExactly("esx" + condition + DROPPED);
        assertThat(assign(target, "ubuntu/noble", "")).isEmpty();
    }

    @Test
    void aTagThatBringsEsxiAndASubnetElsewhereAreToldApart() throws Exception {
        ask("POST", "machines", "{\"name\": \"esx\", \"macs\": [\"" + MAC + "\"], " + ESXI_NETWORK + "}");
        assign("tag:b", "esxi/8.0", "");
        assign("tag:a", "ubuntu/noble", "");

        assertThat(warnings("PATCH", "machines/esx", "{\"addTags\": [\"b\"]}")).containsExactly("esx" + DROPPED);
        assertThat(warnings("PATCH", "machines/esx", "{\"addTags\": [\"a\"]}"))
                .as("a counts, being the first by name")
                .isEmpty();
        assertThat(warnings("PATCH", "machines/esx", "{\"tags\": []}")).isEmpty();
        assertThat(assign("subnet:203.0.113.0/24", "esxi/8.0", "")).isEmpty();
        assertThat(assign("arch:amd64", "esxi/8.0", "")).containsExactly("esx, if it is amd64" + DROPPED);
    }

    @ParameterizedTest
    @CsvSource({
        "web, ubuntu/noble/arm64, true",
        "web, ubuntu/noble/arm64/ga-24.04, true",
        "web, ubuntu/noble/amd64, false",
        "web, ubuntu/noble/i386, false",
        "web, ubuntu/noble, false",
        "web, custom/x/any, false",
        "tag:t, ubuntu/noble/arm64, true",
        "arch:amd64, ubuntu/noble/arm64, true",
        "default, ubuntu/noble/arm64, true",
        "subnet:198.18.0.0/15, ubuntu/noble/arm64, false",
    })
    void anImageOfAnotherArchitectureIsToldOf(String target, String image, boolean told) throws Exception {
        String web = "{\"name\": \"web\", \"macs\": [\"" + MAC + "\"], \"arch\": \"amd64\", \"tags\": [\"t\"]}";
        ask("POST", "machines", web);
        ask("POST", "machines", "{\"name\": \"bare\", \"macs\": [\"" + OTHER_MAC + "\"], \"tags\": [\"t\"]}");
        String warning = "web is recorded as amd64, and the image " + image + " is of arm64: it will not boot that";
        List<String> expected = told ? List.of(warning) : List.of();

        assertThat(assign(target, image, "")).isEqualTo(expected);
        assertThat(warnings("PATCH", "machines/web", "{\"arch\": \"amd64\"}")).isEqualTo(expected);
        assertThat(warnings("PATCH", "machines/web", "{\"arch\": \"\"}")).isEmpty();
    }

    @Test
    void ofManyMachinesTwentyAreNamed() throws Exception {
        StringBuilder all = new StringBuilder();
        for (int i = 0; i < 22; i++) {
            all.append("%s{\"name\": \"m%02d\", \"macs\": [\"52:54:00:00:01:%02x\"], %s}"
                    .formatted(i == 0 ? "" : ",", i, i, ESXI_NETWORK));
        }
        ask("POST", "machines/import", "[" + all + "]");

        assertThat(assign("default", "esxi/8.0", ""))
                .hasSize(21)
                .startsWith("m00" + DROPPED)
                .endsWith("m19" + DROPPED, "and 2 more machines whose network ESXi does not take as it is");
    }

    private List<String> assign(String target, String image, String more) throws Exception {
        String body = "{\"targets\": [\"%s\"], \"purpose\": \"install\", \"image\": \"%s\"%s}";
        return warnings("POST", "assignments", body.formatted(target, image, more)).stream()
                .filter(warning -> !warning.startsWith("no image "))
                .toList();
    }

    private List<String> warnings(String verb, String path, String body) throws Exception {
        HttpResponse<String> response = ask(verb, path, body);
        assertThat(response.statusCode()).as(response.body()).isBetween(200, 201);
        List<String> warnings = new ArrayList<>();
        JSON.readTree(response.body()).path("warnings").forEach(each -> warnings.add(each.asString()));
        return warnings;
    }

    @Test
    void whatIsAssignedIsToldWithItsMachineAndToRacks() throws Exception {
        ask("POST", "machines", """
                {"name": "web", "macs": ["%s"], "tags": ["db", "a"], "kernelOptions": "x y", "netboot": false,
                 "network": {"version": 2, "ethernets": {}}}""".formatted(MAC));
        HttpResponse<String> assigned = ask("POST", "assignments", """
                {"targets": ["%s", "default", "tag:db"], "purpose": "commissioning", "image": "ubuntu/noble/arm64",
                 "userData": "#cloud-config"}""".formatted(MAC));
        ask("POST", "assignments", "{\"targets\": [\"web\"], \"purpose\": \"rescue\", \"once\": true}");
        ask("PATCH", "tags/db", "{\"kernelOptions\": [\"c\"]}");

        assertThat(assigned.statusCode()).isEqualTo(200);
        assertThat(JSON.readTree(assigned.body()).path("assigned")).hasSize(3);
        assertThat(JSON.readTree(assigned.body()).path("warnings").path(0).asString())
                .contains("no image ubuntu/noble/arm64 yet: import it");
        String assignment = "\"purpose\":\"ephemeral\",\"image\":\"ubuntu/noble/arm64\",\"userData\":\""
                + sha256("#cloud-config") + "\"}";
        String web =
                "{\"name\":\"web\",\"macs\":[\"" + MAC + "\"],\"tags\":[\"a\",\"db\"],\"kernelOptions\":[\"x\",\"y\"]";
        String boots = "\"netboot\":false,\"assignment\":{\"id\":1," + assignment
                + ",\"once\":{\"id\":4,\"purpose\":\"rescue\"}";
        String network = "\"network\":{\"ethernets\":{},\"version\":2}";
        assertThat(ask("GET", "machines/web", "").body()).isEqualTo(web + "," + boots + "," + network + "}");
        assertThat(ask("GET", "machines?tag=a", "").body()).startsWith("[" + web);
        assertThat(ask("GET", "machines?tag=b", "").body()).isEqualTo("[]");
        assertThat(ask("GET", "assignments", "").body())
                .isEqualTo("[{\"target\":\"default\",\"id\":2," + assignment + ",{\"target\":\"tag:db\",\"id\":3,"
                        + assignment + "]");
        assertThat(ask("GET", "catalog", "").body())
                .contains(web + "," + network + "," + boots + "}]", "{\"target\":\"default\",\"id\":2," + assignment)
                .endsWith("\"tags\":[{\"name\":\"db\",\"kernelOptions\":[\"c\"]}],\"documents\":{\""
                        + sha256("#cloud-config") + "\":\"#cloud-config\"}}");

        ask("DELETE", "assignments", "{\"targets\": [\"default\", \"tag:db\", \"web\"]}");
        assertThat(ask("GET", "catalog", "").body()).doesNotContain("assignment", "documents", "once");
    }

    @Test
    void aRackTellsOfMachinesAndItsOwnNameCounts() throws Exception {
        String token = json("POST", "racks/enrolments", "{\"name\": \"east\"}")
                .path("token")
                .asString();
        String key = "0".repeat(32);
        HttpRequest.Builder enrol = HttpRequest.newBuilder(server.resolve("api/v1/racks/enrol"))
                .header("Authorization", "Bearer " + token)
                .POST(BodyPublishers.ofString("{\"key\": \"" + key + "\", \"host\": \"h\", \"version\": \"1\"}"));
        String credential = JSON.readTree(
                        http.send(enrol.build(), BodyHandlers.ofString()).body())
                .path("credential")
                .asString();
        ask("POST", "machines", "{\"name\": \"web\", \"macs\": [\"" + MAC + "\"]}");
        ask("POST", "assignments", "{\"targets\": [\"web\"], \"purpose\": \"rescue\", \"once\": true}");
        String report = """
                {"name": "other", "seen": [{"mac": "52:54:00:00:00:02", "uuid": "%s", "arch": "amd64", "address": "198.18.0.7",
                 "asked": "ipxe.cfg", "at": "1970-01-01T00:00:00Z", "times": 3}],
                 "used": [{"machine": "web", "once": 1}], "netbootOff": ["web"]}""".formatted(UUID);

        HttpRequest.Builder told = HttpRequest.newBuilder(server.resolve("api/v1/racks/self/machines"))
                .header("Authorization", "Bearer " + credential)
                .POST(BodyPublishers.ofString(report));
        HttpResponse<String> answer = http.send(told.build(), BodyHandlers.ofString());

        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(answer.body()).isEqualTo("{}");
        assertThat(ask("GET", "seen-machines", "").body())
                .isEqualTo("[{\"mac\":\"52:54:00:00:00:02\",\"uuid\":\"" + UUID + "\",\"arch\":\"amd64\","
                        + "\"address\":\"198.18.0.7\",\"rack\":\"east\",\"asked\":\"ipxe.cfg\","
                        + "\"first\":\"1970-01-01T00:00:00Z\",\"last\":\"1970-01-01T00:00:00Z\",\"times\":3}]");
        assertThat(json("GET", "machines/web", "").has("once")).isFalse();
        assertThat(json("GET", "machines/web", "").path("netboot").asBoolean(true))
                .isFalse();
        assertThat(ask("POST", "racks/self/machines", report).statusCode()).isEqualTo(200);
        assertThat(json("GET", "seen-machines", "").path(0).path("rack").asString())
                .as("the API's token says whose report it is")
                .isEqualTo("other");
        String tooMuch = "{\"seen\": [" + "7,".repeat(256) + "7]}";
        assertThat(ask("POST", "racks/self/machines", tooMuch).body()).contains("'seen' has more than 256");
        assertThat(ask("POST", "racks/self/machines", "{\"x\": \"" + "x".repeat(512 << 10) + "\"}")
                        .statusCode())
                .isEqualTo(400);
    }

    @Test
    void theCommandsAssignAdoptAndSwitchOff() throws Exception {
        Path userData = Files.writeString(directory.resolve("user-data"), "#cloud-config");
        Path network = Files.writeString(directory.resolve("net.yaml"), "network:\n  version: 2\n  ethernets: {}\n");
        told(
                0,
                "add",
                "--mac",
                MAC,
                "--name",
                "web",
                "--tag",
                "db,web",
                "--kernel-options",
                "a b=c",
                "--network",
                network.toString());
        assertThat(told(0, "assignments")).startsWith("Nothing is assigned");

        assertThat(told(0, "assign", MAC, "--image", "ubuntu/noble/amd64/ga-24.04", "--purpose", "install"))
                .isEqualTo("""
                        web boots install ubuntu/noble/amd64/ga-24.04
                        rackboot: no image ubuntu/noble/amd64/ga-24.04 yet: import it, with 'rackboot selections add --os ubuntu \
                        --release noble --arch amd64' and then 'rackboot images import'
                        """);
        assertThat(told(0, "assign", "web", "--purpose", "rescue", "--once", "--metadata"))
                .isEqualTo("web boots rescue, once\n");
        assertThat(told(
                        0,
                        "assign",
                        "tag:db",
                        "default",
                        "--purpose",
                        "ephemeral",
                        "--user-data",
                        userData.toString(),
                        "--cloud-config-url",
                        "http://h/{name}"))
                .isEqualTo("tag:db boots ephemeral\ndefault boots ephemeral\n");
        assertThat(told(0, "list")).contains("once rescue, then install ubuntu/noble/amd64/ga-24.04  db web  " + MAC);
        assertThat(told(0, "assignments"))
                .isEqualTo("""
                TARGET   ONCE  BOOTS                                CLOUD-CONFIG     DATA
                web      once  rescue                                                metadata
                web            install ubuntu/noble/amd64/ga-24.04
                tag:db         ephemeral                            http://h/{name}  user %1$s
                default        ephemeral                            http://h/{name}  user %1$s
                """.formatted(sha256("#cloud-config").substring(0, 8)));
        assertThat(told(0, "netboot", "off", "web")).isEqualTo("web: netboot off\n");
        assertThat(told(0, "list", "--tag", "db")).contains("netboot off (once rescue, then install");
        assertThat(told(0, "list", "--tag", "x")).isEqualTo("No machine has the tag 'x'\n");
        assertThat(told(
                        0,
                        "update",
                        "web",
                        "--untag",
                        "db",
                        "--tag",
                        "a",
                        "--kernel-options",
                        "none",
                        "--network",
                        "none"))
                .isEqualTo("changed web\n");
        assertThat(ask("GET", "machines/web", "").body())
                .contains("\"tags\":[\"a\",\"web\"]")
                .doesNotContain("kernelOptions", "network");
        assertThat(told(0, "unassign", "web", "--once")).isEqualTo("unassigned web\n");
        assertThat(told(0, "unassign", "web", "tag:db", "default"))
                .isEqualTo("unassigned web\nunassigned tag:db\nunassigned default\n");
        assertThat(told(0, "unassign", "web")).isEqualTo("nothing was assigned\n");
        assertThat(told(0, "tag-options", "db", "c d=e")).isEqualTo("kernels of db are given: c d=e\n");
        assertThat(told(0, "tag-options")).isEqualTo("TAG  KERNEL OPTIONS\ndb   c d=e\n");
        assertThat(told(0, "tag-options", "db", "none")).isEqualTo("kernels of db are given nothing more\n");
        assertThat(told(0, "tag-options")).isEqualTo("no kernel options\n");
        assertThat(said(0, "images", "options", "ubuntu/noble", " a  b "))
                .isEqualTo("kernels of ubuntu/noble are given: a b\n");
        assertThat(said(0, "images", "options", "ubuntu/noble"))
                .isEqualTo("IMAGE         KERNEL OPTIONS\nubuntu/noble  a b\n");
        assertThat(said(0, "images", "options", "ubuntu/jammy")).isEqualTo("no kernel options\n");
        assertThat(said(1, "images", "options", "ubuntu", "a")).contains("names no images");

        assertThat(told(0, "seen")).isEqualTo("No unknown machine was seen.\n");
        ask("POST", "racks/self/machines", """
                {"name": "east", "seen": [{"mac": "%s", "at": "1970-01-01T00:00:00Z", "address": "198.18.0.7"},
                 {"mac": "52:54:00:00:00:03", "at": "1970-01-01T00:00:00Z"}]}""".formatted(OTHER_MAC));
        assertThat(told(0, "seen")).contains("52:54:00:00:00:02", "198.18.0.7", "east");
        assertThat(told(0, "adopt", OTHER_MAC, "--name", "db")).isEqualTo("adopted db\n");
        assertThat(told(1, "adopt", OTHER_MAC)).contains("see 'rackboot machines seen'");
        assertThat(told(0, "forget", "--all")).isEqualTo("forgot 1 machine\n");

        assertThat(told(2, "assign", "web")).contains("--purpose");
        assertThat(told(2, "assign", "--purpose", "hold")).contains("TARGET");
        assertThat(told(1, "assign", "web", "--purpose", "sleep")).contains("use ephemeral, install");
        assertThat(told(1, "assign", "nobody", "--purpose", "hold")).contains("There is no machine 'nobody'");
        Files.write(userData, new byte[] {(byte) 0x1f, (byte) 0x8b});
        assertThat(told(2, "assign", "web", "--purpose", "install", "--user-data", userData.toString()))
                .contains("is no text in UTF-8");
        assertThat(told(
                        2,
                        "update",
                        "web",
                        "--network",
                        Files.writeString(network, "a: [").toString()))
                .contains("cannot be read as YAML or JSON: while parsing");
        assertThat(told(
                        2,
                        "update",
                        "web",
                        "--network",
                        Files.writeString(network, "version: 2\nethernets: {}\nethernets: {a: {}}\n")
                                .toString()))
                .contains("the key 'ethernets' is there twice (line 3");
        assertThat(told(2, "netboot", "maybe", "web")).contains("neither on nor off");
        assertThat(told(1, "netboot", "on", "nobody", "web"))
                .contains("There is no machine 'nobody'", "web: netboot on");
        assertThat(told(2, "adopt", OTHER_MAC, MAC, "--name", "x")).contains("--name is one machine's");
        assertThat(told(2, "forget")).contains("say which");
    }

    @Test
    void whatIsAssignedIsLoggedWithWhoAndWhat() throws Exception {
        var lines = new ListAppender<ILoggingEvent>();
        lines.start();
        var log = (Logger) LoggerFactory.getLogger(Audit.class);
        log.addAppender(lines);
        try {
            ask("POST", "assignments", "{\"targets\": [\"default\", \"tag:a\"], \"purpose\": \"hold\"}");
            ask("DELETE", "assignments", "{\"targets\": [\"default\"]}");
            ask("DELETE", "assignments", "{\"targets\": [\"default\"]}");
            ask("PATCH", "tags/a", "{\"kernelOptions\": \"x y\"}");
            ask("POST", "images/options", "{\"image\": \"a/b\", \"kernelOptions\": \"z\"}");
        } finally {
            log.detachAppender(lines);
        }

        assertThat(lines.list.stream().map(ILoggingEvent::getFormattedMessage))
                .containsExactly(
                        "An operator at 127.0.0.1 assigned to default, tag:a: {purpose=hold}",
                        "An operator at 127.0.0.1 took away what was assigned to default",
                        "An operator at 127.0.0.1 gave kernels of machines with the tag 'a' [x, y]",
                        "An operator at 127.0.0.1 gave kernels of images a/b [z]");
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
        assertThat(told(0, "import", csv.toString())).isEqualTo("added 1 machine\n");
        InputStream before = System.in;
        System.setIn(
                new ByteArrayInputStream("[{\"macs\": [\"52:54:00:00:00:03\"]}]".getBytes(StandardCharsets.UTF_8)));
        try {
            assertThat(told(0, "import", "-", "--json")).contains("\"added\" : 1");
        } finally {
            System.setIn(before);
        }
        assertThat(told(0, "list")).contains("web", "m-525400000003");

        Files.writeString(csv, "mac,name\n\n52:54:00:00:00:04,\n52:54:00:00:00:04,row 1 is it\n52:54:00:00:00:04,c\n");
        assertThat(told(1, "import", csv.toString()))
                .contains("line 5: The MAC address 52:54:00:00:00:04 is that of line 3 as well");
        Files.writeString(csv, "mac\n" + "x\n".repeat(1_001));
        assertThat(told(1, "import", csv.toString()))
                .contains("line 1001: 'x' is no MAC", "\nand 1 more\nrackboot: no machine was added")
                .doesNotContain("line 1002:");
        assertThat(told(2, "import", Files.writeString(csv, " {\"macs\": []}").toString()))
                .contains("machines are a JSON array");
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

    private static String sha256(String text) throws Exception {
        return HexFormat.of()
                .formatHex(MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8)));
    }

    /** What a command says on both streams, given that it ends with this code. */
    private String told(int code, String... arguments) {
        return said(code, "machines", arguments);
    }

    private String said(int code, String command, String... arguments) {
        out.getBuffer().setLength(0);
        err.getBuffer().setLength(0);
        List<String> line = new ArrayList<>(List.of(command));
        line.addAll(List.of(arguments));
        line.addAll(List.of(
                "--url",
                server.toString(),
                "--token-file",
                directory.resolve("token").toString()));
        int ended = Main.run(new PrintWriter(out), new PrintWriter(err), line.toArray(String[]::new));
        http = HttpClient.newHttpClient(); // A command that is done ends the clients of its whole program.
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
