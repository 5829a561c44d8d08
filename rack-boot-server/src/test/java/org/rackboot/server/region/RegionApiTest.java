package org.rackboot.server.region;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
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
import org.rackboot.region.signature.SigningKey;
import org.rackboot.region.store.RegionDatabase;
import org.rackboot.region.sync.Importer;
import org.rackboot.region.sync.Mirror;
import org.rackboot.server.http.HttpListener;
import org.rackboot.server.net.EventLoops;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;
import tools.jackson.dataformat.yaml.YAMLMapper;

@Timeout(60)
class RegionApiTest {
    private static final Instant NOW = Instant.parse("2026-01-20T00:00:00Z");
    private static final Set<String> REFUSING_FOREIGN_FIELDS = Set.of(
            "POST machines",
            "PATCH machines/{name}",
            "POST assignments",
            "DELETE assignments",
            "PATCH tags/{name}",
            "POST images/options",
            "POST seen-machines/{mac}/adopt");
    private static final String TOKEN = "the token";
    private static final String NOBLE = "{\"name\": \"ubuntu/noble/amd64/ga-24.04\"}";
    private static final JsonMapper JSON = JsonMapper.builder().build();

    @TempDir
    Path directory;

    private EventLoops loops;
    private final HttpClient http = HttpClient.newHttpClient();
    private final Files files = new Files();
    private RegionDatabase database;
    private RegionApi api;
    private HttpListener listener;
    private URI root;

    private final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor();
    private final Queue<String> refused = new ConcurrentLinkedQueue<>();
    private SlowWork slowWork;
    private volatile long free = Long.MAX_VALUE;

    @BeforeEach
    void start() throws Exception {
        start(new SlowWork.Limits(2, 2, Duration.ofMinutes(1)));
    }

    private void start(SlowWork.Limits limits) throws Exception {
        loops = EventLoops.best("test");
        database = RegionDatabase.open("jdbc:sqlite:" + directory.resolve("region.db"));
        Region region = new Region(
                database,
                files,
                Clock.fixed(NOW, ZoneOffset.UTC),
                pause -> {},
                new Region.Settings(List.of(), false, new Importer.Settings(2, () -> free)));
        slowWork = new SlowWork(limits, timer, Thread::new);
        api = new RegionApi(
                region,
                new Bundles(region, directory.resolve("bundles")),
                new RegionContent(region.contents(), cache(region)),
                TOKEN,
                "",
                Runnable::run,
                slowWork,
                (resource, status) -> refused.add(resource + " " + status));
        listener = new HttpListener(loops, api, HttpListener.Limits.API, why -> {});
        InetSocketAddress address = listener.bind(InetAddress.getLoopbackAddress(), 0, "The API", "");
        root = URI.create("http://127.0.0.1:" + address.getPort() + "/api/v1/");
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
    }

    @Test
    void everyRequestIsDescribedAndNothingElseIs() throws Exception {
        JsonNode description = YAMLMapper.builder().build().readTree(send("GET", "openapi.yaml", ""));
        Set<String> described = new TreeSet<>();
        for (Map.Entry<String, JsonNode> path : description.path("paths").properties()) {
            for (String verb : Set.of("get", "post", "put", "patch", "delete")) {
                if (path.getValue().has(verb)) {
                    described.add(
                            verb.toUpperCase(Locale.ROOT) + " " + path.getKey().substring(1));
                }
            }
        }

        assertThat(described).isEqualTo(api.requests());
    }

    @Test
    void withoutTheTokenNothingIsAnswered() throws Exception { // S-57
        for (String request : api.requests()) {
            String[] words = request.split(" ");
            String path = words[1].replace("{id}", "1")
                    .replace("{name}", "x")
                    .replace("{mac}", "x")
                    .replace("{sha256}", "a".repeat(64));
            for (String authorization : new String[] {"", "Bearer other", "Basic " + TOKEN, "Bearer "}) {
                HttpRequest.Builder asking =
                        HttpRequest.newBuilder(root.resolve(path)).method(words[0], BodyPublishers.ofString("{}"));
                if (words[0].equals("GET")) {
                    asking.GET();
                }
                if (!authorization.isEmpty()) {
                    asking.header("Authorization", authorization);
                }
                assertThat(http.send(asking.build(), BodyHandlers.ofString()).statusCode())
                        .as("%s with '%s'", request, authorization)
                        .isEqualTo(401);
            }
        }
    }

    /**
     * Every field that any request or answer has is sent with each request that changes something: what is not the
     * request's own, nor described as such, changes nothing, or is refused.
     */
    @Test
    void aFieldThatIsNotOfARequestChangesNothing() throws Exception { // S-56
        String expected = everythingDone("");
        for (String value : List.of("\"other\"", "7", "true", "false", "[\"other\"]", "{\"other\": 7}")) {
            stop();
            for (String file : List.of("region.db", "region.db-wal", "region.db-shm")) {
                java.nio.file.Files.deleteIfExists(directory.resolve(file));
            }
            start();

            assertThat(everythingDone(value)).as("fields that are " + value).isEqualTo(expected);
        }
    }

    /** Makes each kind of request that changes something; tells what was answered and what is there in the end. */
    private String everythingDone(String value) throws Exception {
        JsonNode description = YAMLMapper.builder().build().readTree(send("GET", "openapi.yaml", ""));
        List<String> said = new ArrayList<>();
        Sent sent = (token, request, path, body) -> {
            String verb = request.substring(0, request.indexOf(' '));
            String whole = value.isEmpty() ? body : withForeignFields(body, description, request, value);
            if (!value.isEmpty() && REFUSING_FOREIGN_FIELDS.contains(request)) {
                HttpResponse<String> refused = as(token, verb, path, whole);
                assertThat(refused.statusCode()).as(request).isEqualTo(400);
                assertThat(refused.body()).contains("Unknown key 'access'");
                whole = body;
            }
            HttpResponse<String> response = as(token, verb, path, whole);
            said.add(request + " " + response.statusCode());
            return JSON.readTree(response.body());
        };
        sent.by(
                TOKEN,
                "POST sources",
                "sources",
                "{\"url\": \"http://mirror.example\", \"unsigned\": true, \"name\": \"mine\"}");
        sent.by(TOKEN, "PATCH sources/{id}", "sources/mine", "{\"priority\": 3}");
        sent.by(TOKEN, "POST selections", "selections", "{\"os\": \"suse\", \"release\": \"15\", \"arch\": \"*\"}");
        sent.by(TOKEN, "POST selections", "selections", selection());
        for (String serial : List.of("20260101", "20260102")) {
            files.stream(serial, "kernel " + serial);
            json("POST", "images/import", "");
            String state;
            do {
                state = json("GET", "images/import", "").path("state").asString();
            } while (state.equals("running"));
            said.add("import " + state);
        }
        String first = "{\"name\": \"ubuntu/noble/amd64/ga-24.04\", \"version\": \"20260101\"}";
        sent.by(TOKEN, "POST images/pin", "images/pin", first);
        sent.by(TOKEN, "POST images/unpin", "images/unpin", NOBLE);
        sent.by(TOKEN, "POST images/rollback", "images/rollback", NOBLE);
        sent.by(
                TOKEN,
                "POST images/delete",
                "images/delete",
                "{\"name\": \"ubuntu/noble/amd64/ga-24.04\", \"version\": \"20260102\"}");
        sent.by(TOKEN, "POST uploads", "uploads", """
                {"name": "custom/x", "arch": "amd64", "files": [{"filetype": "ddraw", "size": 3, "sha256": "%s"}]}""".formatted("a".repeat(64)));
        String bundle = sent.by(
                        TOKEN, "POST bundles", "bundles", "{\"sha256\": \"%s\", \"size\": 3}".formatted("b".repeat(64)))
                .path("id")
                .asString();
        sent.by(TOKEN, "POST bundles/{id}/import", "bundles/" + bundle + "/import", "{\"select\": false}");
        String token = sent.by(TOKEN, "POST racks/enrolments", "racks/enrolments", "{\"name\": \"east\"}")
                .path("token")
                .asString();
        String credential = sent.by(token, "POST racks/enrol", "racks/enrol", ENROL)
                .path("credential")
                .asString();
        sent.by(credential, "PUT racks/self", "racks/self", "{\"host\": \"h\", \"catalogVersion\": 2}");
        sent.by(credential, "POST sources", "sources", "{}");
        sent.by(TOKEN, "POST machines", "machines", "{\"name\": \"m\", \"macs\": [\"52:54:00:00:00:01\"]}");
        sent.by(TOKEN, "PATCH machines/{name}", "machines/m", "{\"arch\": \"amd64\"}");
        String targets = "{\"targets\": [\"m\", \"tag:t\"], \"purpose\": \"hold\"}";
        sent.by(TOKEN, "POST assignments", "assignments", targets);
        sent.by(TOKEN, "DELETE assignments", "assignments", "{\"targets\": [\"m\"]}");
        sent.by(TOKEN, "PATCH tags/{name}", "tags/t", "{\"kernelOptions\": [\"a\"]}");
        sent.by(TOKEN, "POST images/options", "images/options", "{\"image\": \"a/b\", \"kernelOptions\": [\"a\"]}");
        for (String last : List.of("2", "3")) {
            sent.by(credential, "POST racks/self/machines", "racks/self/machines", """
                    {"seen": [{"mac": "52:54:00:00:00:0%s", "at": "1970-01-01T00:00:00Z"}]}""".formatted(last));
        }
        sent.by(TOKEN, "POST seen-machines/{mac}/adopt", "seen-machines/52:54:00:00:00:02/adopt", "{}");
        sent.by(TOKEN, "DELETE selections", "selections", selection());
        for (String list : List.of(
                "sources",
                "selections",
                "images",
                "uploads",
                "racks",
                "machines",
                "assignments",
                "tags",
                "images/options",
                "seen-machines")) {
            said.add(list + " " + send("GET", list, "").replaceAll("[0-9a-f-]{36}", "ID"));
        }
        return String.join("\n", said);
    }

    /** Sends a request, described by its template, and returns the answer. */
    private interface Sent {
        JsonNode by(String token, String request, String path, String body) throws Exception;
    }

    private static String withForeignFields(String body, JsonNode description, String request, String value) {
        Set<String> foreign = new TreeSet<>(Set.of("id", "admin", "role", "state", "access", "enrolled", "revoked"));
        foreign.addAll(Set.of("updated", "created", "active", "token", "credential", "marks", "guest", "kind"));
        addFields(description, foreign);
        String[] words = request.split(" ");
        JsonNode operation = description.path("paths").path("/" + words[1]).path(words[0].toLowerCase(Locale.ROOT));
        JsonNode schema = meant(
                description, meant(description, operation.path("requestBody")).at("/content/application~1json/schema"));
        Set<String> own = new TreeSet<>(schema.path("properties").propertyNames());
        assertThat(own).as(request).isNotEmpty();
        if (words[1].startsWith("racks/self")) {
            own.remove("name"); // A rack is who its credential says.
        }
        foreign.removeAll(own);
        ObjectNode all = (ObjectNode) JSON.readTree(body);
        foreign.forEach(name -> all.set(name, JSON.readTree(value)));
        return all.toString();
    }

    private static void addFields(JsonNode node, Set<String> names) {
        names.addAll(node.path("properties").propertyNames());
        node.forEach(child -> addFields(child, names));
    }

    private static JsonNode meant(JsonNode description, JsonNode node) {
        return node.has("$ref") ? description.at(node.path("$ref").asString().substring(1)) : node;
    }

    @Test
    void aRackIsEnrolledOnceAndItsCredentialIsForCatalogAndContentAlone() throws Exception {
        String credential = enrolled("east");

        for (String request : api.requests()) {
            String[] words = request.split(" ");
            String path = words[1].replace("{id}", "1")
                    .replace("{name}", "x")
                    .replace("{mac}", "x")
                    .replace("{sha256}", "a".repeat(64));
            int expected = switch (request) {
                case "GET catalog", "PUT racks/self", "POST racks/self/machines" -> 200;
                case "GET content/{sha256}", "GET content/{sha256}/chunks" -> 404;
                case "POST racks/enrol" -> 400; // A credential is no one-time token; but first, its key is missing.
                default -> 403;
            };
            assertThat(as(credential, words[0], path, "{}").statusCode())
                    .as(request)
                    .isEqualTo(expected);
        }
        assertThat(as(credential, "GET", "nothing", "").statusCode()).isEqualTo(403);
        assertThat(as(credential, "POST", "racks/enrol", ENROL).statusCode()).isEqualTo(401);
        assertThat(refused).contains("sources 403", "racks 401", "other 403");
    }

    @Test
    void aOneTimeTokenIsUsedUp() throws Exception {
        String token = json("POST", "racks/enrolments", "{\"seconds\": 60}")
                .path("token")
                .asString();

        assertThat(as(token, "GET", "catalog", "").statusCode())
                .as("it opens nothing else")
                .isEqualTo(401);
        assertThat(as(token, "POST", "racks/enrol", ENROL).statusCode()).isEqualTo(201);
        HttpResponse<String> again = as(token, "POST", "racks/enrol", ENROL.replace('1', '2'));

        assertThat(again.statusCode()).isEqualTo(401);
        assertThat(again.body()).contains("unknown, expired or used up").contains("rackboot racks enrol");
    }

    @Test
    void aRevocationEndsTheRacksLongPollAtOnce() throws Exception {
        String credential = enrolled("east");
        String etag = as(credential, "GET", "catalog", "")
                .headers()
                .firstValue("ETag")
                .orElseThrow();
        assertThat(as(credential, "GET", "content/" + "a".repeat(64), "").statusCode())
                .isEqualTo(404);
        CompletableFuture<HttpResponse<String>> poll = http.sendAsync(
                HttpRequest.newBuilder(root.resolve("catalog?wait=100"))
                        .header("Authorization", "Bearer " + credential)
                        .header("If-None-Match", etag)
                        .build(),
                BodyHandlers.ofString());
        assertThat(poll).isNotDone();

        assertThat(json("DELETE", "racks/east", "").path("state").asString()).isEqualTo("revoked");

        assertThat(poll.get(10, TimeUnit.SECONDS).statusCode()).isEqualTo(401);
        for (String path : List.of("catalog", "content/" + "a".repeat(64))) {
            assertThat(as(credential, "GET", path, "").statusCode()).as(path).isEqualTo(401);
        }
        assertThat(json("GET", "racks", "").path(0).path("state").asString()).isEqualTo("revoked");
    }

    @Test
    void whatARackHoldsIsShownByImage() throws Exception {
        files.stream("20260101", "kernel 1");
        json("POST", "sources", "{\"url\": \"http://mirror.example\", \"unsigned\": true, \"name\": \"mine\"}");
        json("POST", "selections", selection());
        importNow();
        JsonNode file = json("GET", "images", "").path(0).path("artifacts").path(0);
        String credential = enrolled("east");
        String report =
                "{\"host\": \"h\", \"version\": \"1.0\", \"catalogVersion\": %d, \"listeners\": [\"http://a:1\"],"
                                .formatted(json("GET", "status", "")
                                        .path("catalogVersion")
                                        .asLong())
                        + " \"contents\": {\"%s\": %d}}"
                                .formatted(
                                        file.path("sha256").asString(),
                                        file.path("size").asLong());

        assertThat(as(credential, "PUT", "racks/self", "{}").body()).contains("\"contentsKnown\":false");
        assertThat(as(credential, "PUT", "racks/self", report).body()).contains("\"contentsKnown\":true");

        JsonNode rack = json("GET", "racks", "").path(0);
        assertThat(rack.path("name").asString()).isEqualTo("east");
        assertThat(rack.path("state").asString()).isEqualTo("in step");
        JsonNode status = json("GET", "status", "");
        assertThat(status.path("role").asString()).isEqualTo("region");
        assertThat(status.path("racks").toString()).isEqualTo("{\"total\":1,\"inStep\":1}");
        assertThat(rack.path("version").asString()).isEqualTo("1.0");
        assertThat(rack.path("lastContact").asString()).isEqualTo(NOW.toString());
        JsonNode image = rack.path("images").path(0);
        assertThat(image.path("bytes").asLong()).isEqualTo(file.path("size").asLong());
        assertThat(image.path("percent").asInt()).isEqualTo((int)
                (100 * image.path("bytes").asLong() / image.path("size").asLong()));
    }

    @Test
    void aRackThatBearsTheApiTokenSaysItsName() throws Exception {
        json("PUT", "racks/self", "{\"name\": \"guest-1\", \"catalogVersion\": 1}");

        assertThat(json("GET", "racks", "").path(0).path("access").asString()).isEqualTo("API token");
        assertThat(status("PUT", "racks/self", "{\"name\": \"a b\"}")).isEqualTo(400);
        enrolled("east");
        assertThat(status("PUT", "racks/self", "{\"name\": \"east\"}")).isEqualTo(409);
    }

    @Test
    void aReportHasBounds() throws Exception {
        String credential = enrolled("east");

        for (String report : List.of(
                "[]",
                "{\"host\": \"%s\"}".formatted("h".repeat(201)),
                "{\"host\": \"\\u001b[2J\"}",
                "{\"listeners\": [%s\"\"]}".formatted("\"\",".repeat(64)),
                "{\"contents\": {\"x\": 1}}",
                "{\"contents\": {\"%s\": -1}}".formatted("a".repeat(64)),
                "{\"host\": \"%s\"}".formatted("h".repeat(4 << 20)))) {
            assertThat(as(credential, "PUT", "racks/self", report).statusCode()).isEqualTo(400);
        }
    }

    private static final String ENROL =
            "{\"key\": \"%s\", \"host\": \"h\", \"version\": \"1\"}".formatted("1".repeat(32));

    private String enrolled(String name) throws Exception {
        String token = json("POST", "racks/enrolments", "{\"name\": \"%s\"}".formatted(name))
                .path("token")
                .asString();
        return JSON.readTree(as(token, "POST", "racks/enrol", ENROL).body())
                .path("credential")
                .asString();
    }

    private HttpResponse<String> as(String token, String verb, String path, String body) throws Exception {
        return http.send(
                HttpRequest.newBuilder(root.resolve(path))
                        .header("Authorization", "Bearer " + token)
                        .method(
                                verb,
                                body.isEmpty() || verb.equals("GET")
                                        ? BodyPublishers.noBody()
                                        : BodyPublishers.ofString(body))
                        .build(),
                BodyHandlers.ofString());
    }

    @Test
    void aSourceIsAddedProbedChangedAndRemoved() throws Exception {
        files.stream("20260101", "kernel 1");
        JsonNode added =
                json("POST", "sources", "{\"url\": \"http://mirror.example\", \"unsigned\": true, \"name\": \"mine\"}");
        assertThat(added.path("url").asString()).isEqualTo("http://mirror.example/");

        JsonNode offer = json("POST", "sources/probe", "{\"source\": \"mine\"}");
        assertThat(offer.path("problem").asString()).isEmpty();
        assertThat(offer.path("images").path(0).path("name").asString()).isEqualTo("ubuntu/noble/amd64/ga-24.04");
        assertThat(offer.path("images").path(0).path("version").asString()).isEqualTo("20260101");

        String one = "sources/" + added.path("id").asString();
        assertThat(json("PATCH", one, "{\"priority\": 3, \"enabled\": false}")
                        .path("priority")
                        .asInt())
                .isEqualTo(3);
        assertThat(json("GET", one, "").path("enabled").asBoolean()).isFalse();
        assertThat(json("DELETE", one, "").path("removed").asString()).isNotEmpty();
        assertThat(status("GET", one, "")).isEqualTo(404);
    }

    @Test
    void whoSignsASourceFromNowOnIsShownBesideWhoDid() throws Exception { // S-54
        String one = "sources/"
                + json(
                                "POST",
                                "sources",
                                "{\"url\": \"http://mirror.example\", \"keyring\": \"%s\"}".formatted(newKey()))
                        .path("id")
                        .asString();
        String before = json("GET", one, "").path("fingerprints").path(0).asString();

        assertThat(json("PATCH", one, "{\"priority\": 3}").has("fingerprintsBefore"))
                .isFalse();
        JsonNode changed = json("PATCH", one, "{\"keyring\": \"%s\"}".formatted(newKey()));

        assertThat(changed.path("fingerprintsBefore").path(0).asString()).isEqualTo(before);
        assertThat(changed.path("fingerprints").path(0).asString())
                .isNotEqualTo(before)
                .hasSize(before.length());
    }

    private static String newKey() {
        return Base64.getEncoder()
                .encodeToString(SigningKey.make("lab", NOW, new SecureRandom()).publicKey());
    }

    @Test
    void theImagesOfARemovedSourceStayUnlessTheyAreToBeDeleted() throws Exception {
        files.stream("20260101", "kernel 1");
        String mine = "{\"url\": \"http://mirror.example\", \"unsigned\": true, \"name\": \"mine\"}";
        String one = "sources/" + json("POST", "sources", mine).path("id").asString();
        json("POST", "selections", "{\"os\": \"ubuntu\", \"release\": \"noble\", \"arch\": \"amd64\"}");
        importNow();
        assertThat(json("GET", "images", "")).isNotEmpty();
        int images = json("GET", "images", "").size();

        assertThat(status("DELETE", one + "?images=some", "")).isEqualTo(400);
        JsonNode removed = json("DELETE", one, "");

        assertThat(removed.path("images").asInt()).isPositive();
        assertThat(removed.path("size").asLong()).isPositive();
        assertThat(removed.path("imagesDeleted").asBoolean()).isFalse();
        assertThat(json("GET", "images", "")).hasSize(images);

        one = "sources/" + json("POST", "sources", mine).path("id").asString();
        assertThat(json("DELETE", one + "?images=delete", "")
                        .path("imagesDeleted")
                        .asBoolean())
                .isTrue();
        assertThat(json("GET", "images", "")).isEmpty();
    }

    @Test
    void slowSourcesHoldUpNobodyElseAndTooManyAreRefused() throws Exception {
        files.stream("20260101", "kernel 1");
        var goOn = new CountDownLatch(1);
        files.hold = goOn;
        List<CompletableFuture<HttpResponse<String>>> probes = new ArrayList<>();
        var first = new CompletableFuture<HttpResponse<String>>();
        for (int i = 0; i < 5; i++) { // Two run and two wait; which is one too many, nobody knows.
            CompletableFuture<HttpResponse<String>> probe = http.sendAsync(
                    HttpRequest.newBuilder(root.resolve("sources/probe"))
                            .header("Authorization", "Bearer " + TOKEN)
                            .POST(BodyPublishers.ofString("{\"url\": \"http://mirror.example/\", \"unsigned\": true}"))
                            .build(),
                    BodyHandlers.ofString());
            probe.thenAccept(first::complete);
            probes.add(probe);
        }

        HttpResponse<String> tooMany = first.get();
        assertThat(tooMany.statusCode()).isEqualTo(503);
        assertThat(tooMany.headers().firstValue("Retry-After")).contains("30");
        assertThat(tooMany.body()).contains("try again in half a minute");
        assertThat(refused).containsExactly("sources 503");
        assertThat(status("GET", "catalog", "")).isEqualTo(200);
        assertThat(status("GET", "content/" + "a".repeat(64), "")).isEqualTo(404);
        goOn.countDown();
        List<Integer> statuses = new ArrayList<>();
        for (CompletableFuture<HttpResponse<String>> probe : probes) {
            statuses.add(probe.get().statusCode());
        }
        assertThat(statuses).containsExactlyInAnyOrder(200, 200, 200, 200, 503);
    }

    @Test
    void anImportIsFollowedFromEventToEvent() throws Exception {
        json("POST", "sources", "{\"url\": \"http://mirror.example\", \"unsigned\": true, \"name\": \"mine\"}");
        json("POST", "selections", selection());
        files.stream("20260101", "kernel 1");
        var goOn = new CountDownLatch(1);
        files.holdFiles = goOn;
        assertThat(json("GET", "images/import", "").path("event").asString()).isEqualTo("0-0-0");

        JsonNode status = json("POST", "images/import", "");
        while (!status.path("files").path(0).path("status").asString().equals("downloading")) {
            status = json(
                    "GET", "images/import?wait=30&after=" + status.path("event").asString(), "");
        }
        assertThat(status.path("state").asString()).isEqualTo("running");
        assertThat(status.path("files").path(0).path("path").asString()).isEqualTo("20260101/boot-kernel");
        assertThat(status.path("files").path(0).path("size").asInt()).isEqualTo(8);
        assertThat(status.path("images").path(0).path("status").asString()).isEqualTo("downloading");
        JsonNode listed = json("GET", "images?unpublished=true", "").path(0);
        assertThat(listed.path("status").asString()).isEqualTo("downloading");
        assertThat(listed.path("version").asString()).isEqualTo("20260101");
        assertThat(json("GET", "images", "")).as("only what is published").isEmpty();

        String known = status.path("event").asString();
        CompletableFuture<HttpResponse<String>> waiting = http.sendAsync(
                HttpRequest.newBuilder(root.resolve("images/import?wait=60&after=" + known))
                        .header("Authorization", "Bearer " + TOKEN)
                        .build(),
                BodyHandlers.ofString());
        goOn.countDown();
        JsonNode next = JSON.readTree(waiting.get().body());
        assertThat(next.path("event").asString()).isNotEqualTo(known);
        assertThat(next.path("log")).as("what was told is not told again").hasSizeLessThan(2);
        while (next.path("state").asString().equals("running")) {
            next = json(
                    "GET", "images/import?wait=30&after=" + next.path("event").asString(), "");
        }
        assertThat(next.path("state").asString()).isEqualTo("done");
        assertThat(next.path("percent").asInt()).isEqualTo(100);
        assertThat(json("GET", "images?unpublished=true", "")).hasSize(1);
        assertThat(json(
                                "GET",
                                "images/import?wait=1&after="
                                        + next.path("event").asString(),
                                "")
                        .path("event"))
                .as("after a second without news")
                .isEqualTo(next.path("event"));
    }

    @Test
    void aVersionThatDidNotComeIsListedWithItsCause() throws Exception {
        json("POST", "sources", "{\"url\": \"http://mirror.example\", \"unsigned\": true, \"name\": \"mine\"}");
        json("POST", "selections", selection());
        files.stream("20260101", "kernel 1");
        files.byPath.remove("/20260101/boot-kernel");
        JsonNode status = json("POST", "images/import", "");
        while (status.path("state").asString().equals("running")) {
            status = json(
                    "GET", "images/import?wait=30&after=" + status.path("event").asString(), "");
        }

        assertThat(status.path("files").path(0).path("status").asString()).isEqualTo("failed");
        JsonNode image = json("GET", "images?unpublished=true", "").path(0);
        assertThat(image.path("status").asString()).isEqualTo("failed");
        assertThat(image.path("cause").asString()).contains("404");
        assertThat(image.path("kind").asString()).isEqualTo("image");
    }

    @Test
    void aProbeThatTakesTooLongIsEnded() throws Exception {
        stop();
        start(new SlowWork.Limits(1, 1, Duration.ofMillis(100)));
        files.hold = new CountDownLatch(1);

        HttpResponse<String> late =
                ask("POST", "sources/probe", "{\"url\": \"http://mirror.example/\", \"unsigned\": true}");

        assertThat(late.statusCode()).isEqualTo(504);
        assertThat(late.body()).contains("did not answer within");
        assertThat(files.interrupted.await(30, TimeUnit.SECONDS)).isTrue();
    }

    @Test
    void whatAnOperatorOverridesIsLoggedWithWhoAndWhat() throws Exception {
        var lines = new ListAppender<ILoggingEvent>();
        lines.start();
        var log = (Logger) LoggerFactory.getLogger(Audit.class);
        log.addAppender(lines);
        try {
            files.stream("20260101", "kernel 1");
            json("POST", "sources", "{\"url\": \"http://mirror.example\", \"unsigned\": true, \"name\": \"mine\"}");
            json("POST", "selections", selection());
            importNow();
            json("PATCH", "sources/mine", "{\"acceptOlder\": true}");
            json("PATCH", "sources/mine", "{\"unsigned\": true}");
            assertThat(status("PATCH", "sources/other", "{\"acceptOlder\": true}"))
                    .isEqualTo(404);
            json("POST", "images/delete", NOBLE);
            json("DELETE", "sources/mine", "");
        } finally {
            log.detachAppender(lines);
        }

        assertThat(lines.list.stream().map(ILoggingEvent::getFormattedMessage))
                .containsExactly(
                        "An operator at 127.0.0.1 added source 'mine' without a keyring: nothing of it is verified",
                        "An operator at 127.0.0.1 lets source 'mine' be older than what was accepted before",
                        "An operator at 127.0.0.1 took the keyring of source 'mine': nothing of it is verified",
                        "An operator at 127.0.0.1 deleted ubuntu/noble/amd64/ga-24.04 20260101",
                        "An operator at 127.0.0.1 removed source 'mine'; its images were kept");
        assertThat(lines.list.get(0).getInstant()).isNotNull();
    }

    @Test
    void whatIsNotGrantedIsCounted() throws Exception {
        http.send(HttpRequest.newBuilder(root.resolve("sources")).build(), BodyHandlers.ofString());
        http.send(HttpRequest.newBuilder(root.resolve("x")).build(), BodyHandlers.ofString());
        ask("POST", "uploads", "{}");
        ask("PUT", "images", "");
        ask("GET", "images", "");

        assertThat(refused).containsExactly("sources 401", "other 401", "uploads 400", "images 405");
    }

    @Test
    void aProbeOfAnAddressSavesNothing() throws Exception {
        files.stream("20260101", "kernel 1");

        JsonNode offer = json("POST", "sources/probe", "{\"url\": \"http://mirror.example/\", \"unsigned\": true}");

        assertThat(offer.path("images")).hasSize(1);
        assertThat(json("GET", "sources", "")).hasSize(1); // The default one.
    }

    @Test
    void anImageIsPlannedImportedRolledBackAndDeleted() throws Exception {
        json("POST", "sources", "{\"url\": \"http://mirror.example\", \"unsigned\": true}");
        assertThat(status("POST", "selections", selection())).isEqualTo(201);
        assertThat(status("POST", "selections", selection())).isEqualTo(200);
        for (String serial : new String[] {"20260101", "20260102"}) {
            files.stream(serial, "kernel of " + serial);
            JsonNode plan = json("GET", "images/import/plan", "");
            assertThat(plan.path("fetch").path(0).path("version").asString()).isEqualTo(serial);
            assertThat(plan.path("fetchBytes").asInt()).isEqualTo(18);
            importNow();
        }
        assertThat(json("GET", "images/import/plan", "").path("keep")).hasSize(1);

        assertThat(served()).isEqualTo("20260102");
        assertThat(json("POST", "images/rollback", NOBLE).path("pinned").asString())
                .isEqualTo("20260101");
        assertThat(served()).isEqualTo("20260101");
        assertThat(status("POST", "images/rollback", NOBLE)).isEqualTo(409);
        assertThat(json("POST", "images/unpin", NOBLE).path("serves").asString())
                .isEqualTo("20260102");
        assertThat(json("POST", "images/pin", NOBLE.replace("}", ", \"version\": \"20260101\"}"))
                        .path("pinned")
                        .asString())
                .isEqualTo("20260101");
        assertThat(json("GET", "status", "").path("versions").asInt()).isEqualTo(2);
        assertThat(json("POST", "images/delete", NOBLE).path("deleted")).hasSize(2);
        assertThat(json("GET", "images", "")).isEmpty();
        assertThat(status("POST", "images/delete", NOBLE)).isEqualTo(404);
        assertThat(status("DELETE", "selections", selection())).isEqualTo(200);
        assertThat(status("DELETE", "selections", selection())).isEqualTo(404);
        assertThat(json("DELETE", "images/import", "").path("stopped").asBoolean())
                .isFalse();
    }

    @Test
    void anImageIsUploadedInPiecesAndGoesOnAfterARestart() throws Exception {
        byte[] image = new byte[(3 << 20) + 5];
        new Random(1).nextBytes(image);
        String begin = """
                {"name": "custom/rescue", "arch": "amd64", "title": "Rescue", "baseImage": "ubuntu/noble",
                "files": [{"filetype": "tgz", "size": %d, "sha256": "%s"}]}""".formatted(image.length, sha256(image));
        JsonNode upload = json("POST", "uploads", begin);
        String file =
                "uploads/%s/files/root-tgz?offset=".formatted(upload.path("id").asString());
        assertThat(upload.path("files").path(0).path("offset").asInt()).isZero();

        assertThat(put(file + 0, Arrays.copyOf(image, 2 << 20)).path("offset").asInt())
                .isEqualTo(2 << 20);
        assertThat(put(file + 0, Arrays.copyOf(image, 2 << 20)).path("offset").asInt())
                .as("a piece that came before is skipped")
                .isEqualTo(2 << 20);
        assertThat(status("PUT", file + (3 << 20), "x")).as("a gap").isEqualTo(409);
        assertThat(status("POST", "uploads/" + upload.path("id").asString() + "/finish", "{}"))
                .isEqualTo(409);
        stop();
        start();

        JsonNode again = json("POST", "uploads", begin);
        assertThat(again.path("id").asString()).isEqualTo(upload.path("id").asString());
        assertThat(again.path("files").path(0).path("offset").asInt()).isEqualTo(2 << 20);
        assertThat(put(file + (2 << 20), Arrays.copyOfRange(image, 2 << 20, image.length))
                        .path("offset")
                        .asInt())
                .isEqualTo(image.length);
        JsonNode version = json("POST", "uploads/" + upload.path("id").asString() + "/finish", "{}");
        assertThat(version.path("name").asString()).isEqualTo("custom/rescue/amd64/generic");
        assertThat(version.path("version").asString()).isEqualTo("20260120");
        JsonNode listed = json("GET", "images", "").path(0);
        assertThat(listed.path("baseImage").asString()).isEqualTo("ubuntu/noble");
        assertThat(listed.path("title").asString()).isEqualTo("Rescue");
        assertThat(listed.path("source").asString()).isEqualTo("uploads");
        assertThat(json("GET", "uploads", "")).isEmpty();
        assertThat(json("GET", "sources", ""))
                .as("it is no source to import from")
                .hasSize(1);
        HttpResponse<byte[]> back = http.send(
                HttpRequest.newBuilder(root.resolve("content/" + sha256(image)))
                        .header("Authorization", "Bearer " + TOKEN)
                        .build(),
                BodyHandlers.ofByteArray());
        assertThat(back.body()).isEqualTo(image);
    }

    @Test
    void anUploadThatThereIsNoRoomForIsRefused() throws Exception {
        stop();
        free = 2;
        start();

        HttpResponse<String> response = ask("POST", "uploads", """
                {"name": "custom/x", "arch": "amd64", "files": [{"filetype": "ddraw", "size": 3, "sha256": "%s"}]}""".formatted("a".repeat(64)));

        assertThat(response.statusCode()).isEqualTo(507);
        assertThat(response.body()).contains("3 bytes are to come, but only 2 are free");
        assertThat(refused).containsExactly("uploads 507");
        free = 3;
        assertThat(json("POST", "uploads", """
                {"name": "custom/x", "arch": "amd64", "files": [{"filetype": "ddraw", "size": 3, "sha256": "%s"}]}""".formatted("a".repeat(64)))
                        .path("expires")
                        .asString())
                .isEqualTo("2026-01-27T00:00:00Z");
    }

    @Test
    void whatIsUploadedUnderAWrongHashIsThrownAway() throws Exception {
        JsonNode upload = json("POST", "uploads", """
                {"name": "custom/x", "arch": "amd64", "files": [{"filetype": "ddraw", "size": 3, "sha256": "%s"}]}""".formatted("a".repeat(64)));
        String id = upload.path("id").asString();

        assertThat(status("PUT", "uploads/" + id + "/files/root-dd.raw?offset=0", "abc"))
                .isEqualTo(400);

        assertThat(json("GET", "uploads/" + id, "")
                        .path("files")
                        .path(0)
                        .path("offset")
                        .asInt())
                .isZero();
        assertThat(status("PUT", "uploads/" + id + "/files/root-dd.raw?offset=0", "abcd"))
                .isEqualTo(400);
        assertThat(json("DELETE", "uploads/" + id, "").path("removed").asString())
                .isEqualTo(id);
        assertThat(status("GET", "uploads/" + id, "")).isEqualTo(404);
    }

    @Test
    void anUploadedBootloaderWinsOverTheStreamsAndNewVersionsFollow() throws Exception {
        for (String text : new String[] {"one", "two", "three"}) {
            JsonNode upload = json("POST", "uploads", """
                    {"bootloader": "uefi/amd64", "files": [{"name": "bootx64.efi", "size": %d, "sha256": "%s"}]}""".formatted(text.length(), sha256(text.getBytes(UTF_8))));
            String id = upload.path("id").asString();
            assertThat(status("PUT", "uploads/" + id + "/files/bootx64.efi?offset=0", text))
                    .isEqualTo(200);
            assertThat(status("POST", "uploads/" + id + "/finish", "{}")).isEqualTo(201);
        }

        JsonNode images = json("GET", "images", "");
        assertThat(images).hasSize(2);
        assertThat(images.path(0).path("version").asString()).isEqualTo("20260120.002");
        assertThat(images.path(0).path("served").asBoolean()).isTrue();
        assertThat(images.path(0).path("name").asString()).isEqualTo("bootloader/uefi/amd64");
    }

    @ParameterizedTest
    @CsvSource({
        "custom, amd64, tgz, 1, OS/NAME",
        "ubuntu/mine, amd64, tgz, 1, upload it as custom/mine",
        "beos/5, amd64, tgz, 1, no operating system known here",
        "custom/centos7, amd64, tgz, 1, reserved",
        "custom/../x, amd64, tgz, 1, OS/NAME",
        "custom/x, a/b, tgz, 1, architecture",
        "custom/x, amd64, zip, 1, no file type",
        "custom/x, amd64, tgz, 0, has 0 bytes"
    })
    void anUploadThatCannotBeIsRefusedBeforeItBegins(String name, String arch, String type, int size, String why)
            throws Exception {
        HttpResponse<String> response = ask("POST", "uploads", """
                {"name": "%s", "arch": "%s", "files": [{"filetype": "%s", "size": %d, "sha256": "%s"}]}""".formatted(name, arch, type, size, "a".repeat(64)));

        assertThat(response.statusCode()).isEqualTo(400);
        assertThat(response.body()).contains(why);
    }

    @Test
    void aBundleComesInPiecesAndIsRefusedForWhatItIs() throws Exception {
        String id = "a".repeat(64);
        String begin = "{\"sha256\": \"%s\", \"size\": 10}".formatted(id);
        assertThat(json("POST", "bundles", begin).path("offset").asInt()).isZero();
        String pieces = "bundles/" + id + "?offset=";
        assertThat(put(pieces + 0, "01234".getBytes(UTF_8)).path("offset").asInt())
                .isEqualTo(5);
        assertThat(put(pieces + 0, "again".getBytes(UTF_8)).path("offset").asInt())
                .as("not where it ends")
                .isEqualTo(5);
        assertThat(json("POST", "bundles", begin).path("offset").asInt())
                .as("it goes on")
                .isEqualTo(5);

        assertThat(ask("POST", "bundles/" + id + "/import", "{\"unsigned\": true}")
                        .body())
                .contains("cut off");
        assertThat(status("POST", "bundles/" + id + "/import", "{\"name\": \"../x\"}"))
                .isEqualTo(400);
        assertThat(status("POST", "bundles/" + id + "/import", "{\"keyring\": \"#\"}"))
                .isEqualTo(400);
        assertThat(status("PUT", "bundles/" + id + "?offset=-1", "x")).isEqualTo(400);
        assertThat(status("PUT", "bundles/region.db?offset=0", "x")).isEqualTo(400);
        assertThat(status("POST", "bundles", "{\"sha256\": \"%s\", \"size\": %d}".formatted(id, 1L << 43)))
                .isEqualTo(400);

        send("POST", "bundles", "{\"sha256\": \"%s\", \"size\": 10}".formatted("b".repeat(64)));
        assertThat(status("PUT", pieces + 5, "56789")).as("gone").isEqualTo(404);
        send("DELETE", "bundles/" + "b".repeat(64), "");
        assertThat(directory.resolve("bundles")).isEmptyDirectory();
    }

    private JsonNode put(String path, byte[] bytes) throws Exception {
        HttpResponse<String> response = http.send(
                HttpRequest.newBuilder(root.resolve(path))
                        .header("Authorization", "Bearer " + TOKEN)
                        .PUT(BodyPublishers.ofByteArray(bytes))
                        .build(),
                BodyHandlers.ofString());
        assertThat(response.statusCode()).as(response.body()).isEqualTo(200);
        return JSON.readTree(response.body());
    }

    private static String sha256(byte[] bytes) throws Exception {
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    }

    @ParameterizedTest
    @CsvSource({
        "POST, sources, '', 400",
        "POST, sources, '[]', 400",
        "POST, sources, '{', 400",
        "POST, sources, '{}', 400",
        "POST, 'sources', '{\"url\": \"http://a/\", \"unsigned\": true, \"priority\": -1}', 400",
        "POST, 'sources', '{\"url\": \"http://a/\", \"keyring\": \"*\"}', 400",
        "PATCH, sources/99, '{}', 404",
        "DELETE, sources/maas-stable, '', 409",
        "DELETE, selections, '{}', 404",
        "POST, images/pin, '{}', 400",
        "POST, images/pin, '{\"name\": \"x\"}', 404",
        "PUT, images, '', 405",
        "GET, nothing, '', 404",
        "GET, content/x, '', 404",
        "GET, 'sources/%2e%2e%2fx', '', 404"
    })
    void whatCannotBeDoneIsSaidSo(String verb, String path, String body, int status) throws Exception {
        HttpResponse<String> response = ask(verb, path, body);

        assertThat(response.statusCode()).isEqualTo(status);
        assertThat(JSON.readTree(response.body()).path("error").asString()).isNotEmpty();
    }

    private void importNow() throws Exception {
        int number = json("POST", "images/import", "").path("number").asInt();
        JsonNode status;
        do {
            status = json("GET", "images/import", "");
        } while (status.path("state").asString().equals("running"));
        assertThat(status.path("number").asInt()).isEqualTo(number);
        assertThat(status.path("state").asString()).as(status.toString()).isEqualTo("done");
        assertThat(status.path("images").path(0).path("status").asString()).isEqualTo("synced");
    }

    private String served() throws Exception {
        for (JsonNode image : json("GET", "images", "")) {
            if (image.path("served").asBoolean()) {
                return image.path("version").asString();
            }
        }
        return "nothing";
    }

    private static String selection() {
        return "{\"os\": \"ubuntu\", \"release\": \"noble\", \"arch\": \"amd64\"}";
    }

    private JsonNode json(String verb, String path, String body) throws Exception {
        return JSON.readTree(send(verb, path, body));
    }

    private String send(String verb, String path, String body) throws Exception {
        HttpResponse<String> response = ask(verb, path, body);
        assertThat(response.statusCode()).as(response.body()).isBetween(200, 299);
        return response.body();
    }

    private int status(String verb, String path, String body) throws Exception {
        return ask(verb, path, body).statusCode();
    }

    private HttpResponse<String> ask(String verb, String path, String body) throws Exception {
        HttpRequest.Builder request =
                HttpRequest.newBuilder(root.resolve(path)).header("Authorization", "Bearer " + TOKEN);
        request.method(verb, body.isEmpty() ? BodyPublishers.noBody() : BodyPublishers.ofString(body));
        return http.send(request.build(), BodyHandlers.ofString());
    }

    /** An unsigned stream with one image of one file. */
    private static final class Files implements Mirror {
        private final Map<String, byte[]> byPath = new ConcurrentHashMap<>();
        private final CountDownLatch interrupted = new CountDownLatch(1);
        private volatile @Nullable CountDownLatch hold;
        private volatile @Nullable CountDownLatch holdFiles;

        void stream(String serial, String kernel) throws Exception {
            byte[] bytes = kernel.getBytes(UTF_8);
            String sha256 = HexFormat.of()
                    .formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
            byPath.put("/" + serial + "/boot-kernel", bytes);
            put("index", """
                    {"format": "index:1.0", "updated": "Thu, 15 Jan 2026 06:00:00 +0000", "index": {"c": {
                    "format": "products:1.0", "datatype": "image-ids", "path": "streams/v1/c.json"}}}""");
            put("c", """
                    {"format": "products:1.0", "content_id": "c", "updated": "Thu, 15 Jan 2026 06:00:00 +0000", "products": {
                    "p": {"os": "ubuntu", "release": "noble", "version": "24.04", "arch": "amd64", "subarch": "ga-24.04",
                    "label": "stable", "versions": {"%s": {"items": {"boot-kernel": {"ftype": "boot-kernel",
                    "path": "%s/boot-kernel", "size": %d, "sha256": "%s"}}}}}}}""".formatted(serial, serial, bytes.length, sha256));
        }

        private void put(String name, String json) {
            byPath.put("/streams/v1/" + name + ".json", json.getBytes(UTF_8));
        }

        private byte[] file(URI file) throws MirrorException {
            byte[] bytes = byPath.get(file.getPath());
            if (bytes == null) {
                throw new MirrorException("the server answered 404 (not found)");
            }
            return bytes;
        }

        @Override
        public byte[] metadata(URI file, int maxBytes) throws IOException, InterruptedException {
            CountDownLatch latch = hold;
            if (latch != null) {
                try {
                    latch.await();
                } catch (InterruptedException e) {
                    interrupted.countDown();
                    throw e;
                }
            }
            return file(file);
        }

        @Override
        public void download(URI file, long from, Optional<String> ifRange, long size, Receiver receiver)
                throws IOException, InterruptedException {
            CountDownLatch latch = holdFiles;
            if (latch != null) {
                latch.await();
            }
            receiver.begin(0, Optional.empty());
            receiver.accept(ByteBuffer.wrap(file(file)));
        }
    }
}
