package org.rackboot.server.region;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.rackboot.image.Content;
import org.rackboot.image.ContentId;
import org.rackboot.region.Bundles;
import org.rackboot.region.Region;
import org.rackboot.region.Region.RefusedException;
import org.rackboot.region.catalog.Served;
import org.rackboot.region.source.BootSource;
import org.rackboot.region.source.Selection;
import org.rackboot.region.source.SourceStatus;
import org.rackboot.region.store.ContentRepository.StoredContent;
import org.rackboot.region.store.DatabaseException;
import org.rackboot.region.store.ImageRepository.Version;
import org.rackboot.region.store.SourceRepository;
import org.rackboot.region.sync.SourceOffer;
import org.rackboot.server.http.ContentReplies;
import org.rackboot.server.http.HttpCall;
import org.rackboot.server.http.HttpReply;
import org.rackboot.server.http.HttpService;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * The region's API, {@code /api/v1/…}: JSON, a bearer token on everything, errors as {@code {"error": "…"}}.
 *
 * <p>Racks use {@code catalog} and {@code content}; people and programs the rest. Database work happens on the threads
 * given, never on an event loop.
 */
public final class RegionApi implements HttpService {
    private static final Logger LOG = LoggerFactory.getLogger(RegionApi.class);
    private static final Duration LONGEST_WAIT = Duration.ofMinutes(2);
    private static final JsonMapper JSON = JsonMapper.builder().build();

    private final Region region;
    private final Bundles bundles;
    private final byte[] token;
    private final Executor threads;
    private final List<Route> routes = routes();
    private volatile @Nullable RenderedCatalog rendered;

    private record RenderedCatalog(long version, String etag, byte[] document) {}

    /** @param token that every request must bear */
    public RegionApi(Region region, Bundles bundles, String token, Executor threads) {
        this.region = region;
        this.bundles = bundles;
        this.token = token.getBytes(UTF_8);
        this.threads = threads;
    }

    /** Work that may fail in the ways the API has answers for. */
    @FunctionalInterface
    private interface Work {
        HttpReply run() throws RefusedException, IOException, JacksonException, InterruptedException;
    }

    @Override
    public CompletionStage<HttpReply> answer(HttpCall call) {
        if (!isAuthorized(call)) {
            return CompletableFuture.completedFuture(error(
                            401,
                            "Give the API token: Authorization: Bearer … (the file api-token in the state directory)")
                    .with("WWW-Authenticate", "Bearer"));
        }
        String method = call.isHead() ? "GET" : call.method();
        if (call.path().equals("/api/v1/catalog")) {
            return catalog(call, method);
        }
        for (Route route : routes) {
            Matcher path = route.path().matcher(call.path());
            if (path.matches()) {
                List<String> names = IntStream.rangeClosed(1, path.groupCount())
                        .mapToObj(path::group)
                        .toList();
                Map<String, Work> works = new LinkedHashMap<>();
                route.answers().forEach((verb, answer) -> works.put(verb, () -> answer.to(call, names)));
                return method(method, works);
            }
        }
        return CompletableFuture.completedFuture(error(404, "There is no such resource; see /api/v1/openapi.yaml"));
    }

    /** Answers a request; {@code names} are the parts of the path that vary. */
    @FunctionalInterface
    private interface Answer {
        HttpReply to(HttpCall call, List<String> names) throws RefusedException, IOException, InterruptedException;
    }

    private record Route(String template, Pattern path, Map<String, Answer> answers) {
        /** @param template as OpenAPI writes it: {@code sources/{id}} */
        static Route of(String template, Map<String, Answer> answers) {
            String path = template.replace("{sha256}", "([0-9a-f]{64})").replaceAll("\\{[a-z]+}", "([^/]+)");
            return new Route(template, Pattern.compile("/api/v1/" + path), answers);
        }
    }

    /** Every request that is answered, {@code GET sources/{id}}. */
    Set<String> requests() {
        Set<String> all = new TreeSet<>(Set.of("GET catalog"));
        routes.forEach(route -> route.answers().keySet().forEach(verb -> all.add(verb + " " + route.template())));
        return all;
    }

    private List<Route> routes() {
        return List.of(
                Route.of(
                        "sources",
                        Map.of("GET", (call, names) -> json(200, sources()), "POST", (call, names) -> addSource(call))),
                Route.of("sources/probe", Map.of("POST", (call, names) -> probe(call))),
                Route.of(
                        "sources/{id}",
                        Map.of(
                                "GET", (call, names) -> json(200, source(region.sourceStatus(names.get(0)))),
                                "PATCH", (call, names) -> updateSource(call, names.get(0)),
                                "DELETE", (call, names) -> removeSource(call, names.get(0)))),
                Route.of(
                        "selections",
                        Map.of(
                                "GET", (call, names) -> json(200, selections()),
                                "POST", (call, names) -> addSelection(call),
                                "DELETE", (call, names) -> removeSelection(call))),
                Route.of("images", Map.of("GET", (call, names) -> json(200, images()))),
                Route.of(
                        "images/import",
                        Map.of(
                                "GET", (call, names) -> json(200, importState()),
                                "POST",
                                        (call, names) -> json(
                                                202,
                                                ImportJson.of(region.imports().start())),
                                "DELETE",
                                        (call, names) -> json(
                                                200,
                                                Map.of(
                                                        "stopped",
                                                        region.imports().stopEverywhere())))),
                Route.of(
                        "images/import/plan",
                        Map.of(
                                "GET",
                                (call, names) ->
                                        json(200, ImportJson.of(region.imports().preview())))),
                Route.of("images/pin", Map.of("POST", (call, names) -> pin(call))),
                Route.of("images/unpin", Map.of("POST", (call, names) -> unpin(call))),
                Route.of("images/rollback", Map.of("POST", (call, names) -> rollback(call))),
                Route.of("images/delete", Map.of("POST", (call, names) -> delete(call))),
                Route.of(
                        "uploads",
                        Map.of(
                                "GET",
                                        (call, names) -> json(
                                                200,
                                                UploadJson.of(region.uploads().list())),
                                "POST", (call, names) -> begin(call))),
                Route.of(
                        "uploads/{id}",
                        Map.of(
                                "GET", (call, names) -> upload(names.get(0)),
                                "DELETE", (call, names) -> giveUp(names.get(0)))),
                Route.of(
                        "uploads/{id}/files/{name}",
                        Map.of("PUT", (call, names) -> receive(call, names.get(0), names.get(1)))),
                Route.of("uploads/{id}/finish", Map.of("POST", (call, names) -> finish(names.get(0)))),
                Route.of("bundles", Map.of("POST", (call, names) -> beginBundle(call))),
                Route.of(
                        "bundles/{id}",
                        Map.of(
                                "PUT", (call, names) -> receiveBundle(call, names.get(0)),
                                "DELETE",
                                        (call, names) -> {
                                            bundles.delete(names.get(0));
                                            return json(200, Map.of("removed", names.get(0)));
                                        })),
                Route.of("bundles/{id}/import", Map.of("POST", (call, names) -> importBundle(call, names.get(0)))),
                Route.of(
                        "openapi.yaml",
                        Map.of("GET", (call, names) -> HttpReply.bytes(200, "application/yaml", openApi()))),
                Route.of("status", Map.of("GET", (call, names) -> json(200, status()))),
                Route.of("content/{sha256}", Map.of("GET", (call, names) -> content(call, names.get(0)))),
                Route.of("content/{sha256}/chunks", Map.of("GET", (call, names) -> chunkDigests(names.get(0)))));
    }

    private CompletionStage<HttpReply> method(String method, Map<String, Work> works) {
        Work work = works.get(method);
        if (work == null) {
            String allowed = String.join(", ", new TreeSet<>(works.keySet()));
            return CompletableFuture.completedFuture(
                    error(405, "This resource takes " + allowed).with("Allow", allowed));
        }
        return CompletableFuture.supplyAsync(() -> run(work), threads);
    }

    private static HttpReply run(Work work) {
        try {
            return work.run();
        } catch (RefusedException e) {
            int status = switch (e.kind()) {
                case INVALID -> 400;
                case CONFLICT -> 409;
                case NOT_FOUND -> 404;
            };
            return error(status, String.valueOf(e.getMessage()));
        } catch (JacksonException e) {
            return error(400, "The request's body is not the JSON that is expected here: " + e.getOriginalMessage());
        } catch (DatabaseException e) {
            LOG.warn("The region database failed", e);
            return error(500, String.valueOf(e.getMessage()));
        } catch (IOException e) {
            LOG.warn("A file of the region failed", e);
            return error(500, "A file of the region failed: " + e.getMessage());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return error(503, "The region is stopping");
        }
    }

    /** Waits for a change if the caller has the newest: racks are told at once, and ask seldom. */
    private CompletionStage<HttpReply> catalog(HttpCall call, String method) {
        Optional<String> known = call.header("if-none-match");
        Duration wait = call.query().containsKey("wait") ? seconds(call.query().get("wait")) : Duration.ZERO;
        CompletionStage<Void> change = region.catalogChange(); // Before the look: no change is missed between.
        CompletionStage<HttpReply> now = method(method, Map.of("GET", () -> catalogNow(known)));
        if (wait.isZero() || known.isEmpty()) {
            return now;
        }
        return now.thenCompose(reply -> reply.status() != 304
                ? CompletableFuture.completedFuture(reply)
                : change.toCompletableFuture()
                        .copy()
                        .completeOnTimeout(null, wait.toMillis(), TimeUnit.MILLISECONDS)
                        .thenCompose(changed -> method(method, Map.of("GET", () -> catalogNow(known)))));
    }

    private HttpReply catalogNow(Optional<String> known) throws DatabaseException {
        RenderedCatalog current = rendered;
        long version = region.catalogVersion();
        if (current == null || current.version() != version) {
            byte[] document = region.catalog();
            String etag = '"' + HexFormat.of().formatHex(sha256(document)) + '"';
            current = new RenderedCatalog(version, etag, document);
            rendered = current;
        }
        HttpReply reply = known.isPresent() && known.get().equals(current.etag())
                ? HttpReply.notModified()
                : HttpReply.bytes(200, "application/json", current.document());
        return reply.with("ETag", current.etag());
    }

    private HttpReply content(HttpCall call, String sha256) throws DatabaseException {
        Optional<StoredContent> stored = region.contents().find(sha256);
        if (stored.isEmpty()) {
            return error(404, "The region has no complete content of this sha256");
        }
        Content content = new Content(
                new ContentId(sha256),
                stored.get().size(),
                new ContentId(stored.get().chunkList()));
        return ContentReplies.answer(
                call, new DatabaseContentReader(content, region.contents(), threads), "application/octet-stream");
    }

    private HttpReply chunkDigests(String sha256) throws DatabaseException {
        return region.contents()
                .chunkDigests(sha256)
                .map(digests -> HttpReply.bytes(200, "application/octet-stream", digests))
                .orElseGet(() -> error(404, "The region has no complete content of this sha256"));
    }

    private List<Map<String, Object>> sources() throws DatabaseException {
        List<Map<String, Object>> all = new ArrayList<>();
        for (SourceStatus status : region.sources()) {
            all.add(source(status));
        }
        return all;
    }

    private Map<String, Object> source(SourceStatus status) throws DatabaseException {
        BootSource source = status.source();
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("id", source.id());
        json.put("name", source.name());
        json.put("url", source.url().toString());
        json.put("priority", source.priority());
        json.put("enabled", status.usable());
        json.put("unsigned", source.unsigned());
        json.put("fingerprints", status.fingerprints());
        if (!source.access().mirrors().isEmpty()) {
            json.put(
                    "mirrors",
                    source.access().mirrors().stream().map(URI::toString).toList());
        }
        source.access().start().ifPresent(start -> json.put("start", start));
        source.access().proxy().ifPresent(proxy -> json.put("proxy", proxy.toString()));
        source.access().caCertificates().ifPresent(pem -> json.put("caCertificates", pem));
        status.problem().ifPresent(problem -> json.put("problem", problem));
        json.put("warnings", region.warnings());
        return json;
    }

    private HttpReply addSource(HttpCall call) throws RefusedException, DatabaseException {
        return json(201, source(region.addSource(change(body(call)))));
    }

    private HttpReply updateSource(HttpCall call, String name) throws RefusedException, DatabaseException {
        JsonNode body = body(call);
        boolean acceptOlder = body.path("acceptOlder").asBoolean(false);
        if (acceptOlder) {
            LOG.warn("An operator lets source '{}' be older than what was accepted before", name);
        }
        List<String> before = region.sourceStatus(name).fingerprints();
        SourceStatus after = region.updateSource(name, change(body), acceptOlder);
        Map<String, Object> json = source(after);
        if (!after.fingerprints().equals(before)) { // S-54
            LOG.warn(
                    "An operator changed who signs source '{}': {} before, {} now", name, before, after.fingerprints());
            json.put("fingerprintsBefore", before);
        }
        return json(200, json);
    }

    private HttpReply removeSource(HttpCall call, String name) throws RefusedException, DatabaseException {
        String images = call.query().getOrDefault("images", "keep");
        if (!images.equals("keep") && !images.equals("delete")) {
            throw new RefusedException(RefusedException.Kind.INVALID, "'images' is keep or delete");
        }
        SourceRepository.Removed removed = region.removeSource(name, images.equals("delete"));
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("removed", name);
        json.put("images", removed.images());
        json.put("versions", removed.versions());
        json.put("size", removed.bytes());
        json.put("imagesDeleted", images.equals("delete"));
        return json(200, json);
    }

    private HttpReply probe(HttpCall call) throws RefusedException, DatabaseException, InterruptedException {
        JsonNode body = body(call);
        Optional<String> known = text(body, "source");
        SourceOffer offer = region.probe(known, change(body));
        List<Map<String, Object>> images = new ArrayList<>();
        for (SourceOffer.Offered offered : offer.images()) {
            Map<String, Object> image = ImageJson.describe(offered.image());
            image.put("version", offered.newestSerial());
            image.put("versions", offered.versions());
            image.put("size", offered.bytes());
            images.add(image);
        }
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("images", images);
        json.put("warnings", offer.warnings());
        json.put("problem", offer.problem());
        return json(200, json);
    }

    private static Region.SourceChange change(JsonNode body) throws RefusedException {
        Optional<List<String>> mirrors = Optional.empty();
        if (body.path("mirrors").isArray()) {
            List<String> all = new ArrayList<>();
            body.path("mirrors").forEach(mirror -> all.add(mirror.asString("")));
            mirrors = Optional.of(all);
        }
        return new Region.SourceChange(
                text(body, "url"),
                text(body, "name"),
                keyring(body),
                flag(body, "unsigned"),
                body.path("priority").isInt()
                        ? Optional.of(body.path("priority").asInt())
                        : Optional.empty(),
                flag(body, "enabled"),
                mirrors,
                text(body, "proxy"),
                text(body, "caCertificates"));
    }

    private static Optional<Boolean> flag(JsonNode body, String key) {
        return body.path(key).isBoolean() ? Optional.of(body.path(key).asBoolean()) : Optional.empty();
    }

    private HttpReply pin(HttpCall call) throws RefusedException, DatabaseException {
        JsonNode body = body(call);
        return json(200, outcome("pinned", region.pin(image(body), text(body, "version"))));
    }

    private HttpReply unpin(HttpCall call) throws RefusedException, DatabaseException {
        return json(200, outcome("serves", region.unpin(image(body(call)))));
    }

    private HttpReply rollback(HttpCall call) throws RefusedException, DatabaseException {
        return json(200, outcome("pinned", region.rollback(image(body(call)))));
    }

    private HttpReply delete(HttpCall call) throws RefusedException, DatabaseException {
        JsonNode body = body(call);
        List<Version> deleted = region.delete(image(body), text(body, "version"));
        return json(
                200,
                Map.of(
                        "name",
                        image(body),
                        "deleted",
                        deleted.stream().map(Version::serial).toList()));
    }

    private HttpReply begin(HttpCall call) throws RefusedException, DatabaseException {
        return json(201, UploadJson.of(region.uploads().begin(UploadJson.spec(body(call)))));
    }

    private HttpReply upload(String id) throws RefusedException, DatabaseException {
        return json(200, UploadJson.of(region.uploads().progress(id)));
    }

    private HttpReply giveUp(String id) throws RefusedException, DatabaseException {
        region.uploads().delete(id);
        return json(200, Map.of("removed", id));
    }

    private HttpReply receive(HttpCall call, String id, String name) throws RefusedException, DatabaseException {
        long next = region.uploads().receive(id, name, offset(call), ByteBuffer.wrap(call.body()));
        return json(200, Map.of("offset", next));
    }

    private static long offset(HttpCall call) throws RefusedException {
        String offset = call.query().getOrDefault("offset", "");
        if (!offset.matches("\\d{1,15}")) {
            throw new RefusedException(
                    RefusedException.Kind.INVALID, "Say where the piece begins: ?offset=0 for the file's first byte");
        }
        return Long.parseLong(offset);
    }

    private HttpReply beginBundle(HttpCall call) throws RefusedException, IOException {
        JsonNode body = body(call);
        Bundles.Received begun =
                bundles.begin(text(body, "sha256").orElse(""), body.path("size").asLong(0));
        return json(201, received(begun));
    }

    private HttpReply receiveBundle(HttpCall call, String id) throws RefusedException, IOException {
        return json(200, received(bundles.receive(id, offset(call), ByteBuffer.wrap(call.body()))));
    }

    private static Map<String, Object> received(Bundles.Received received) {
        return Map.of("id", received.id(), "offset", received.offset());
    }

    private HttpReply importBundle(HttpCall call, String id)
            throws RefusedException, IOException, InterruptedException {
        JsonNode body = body(call);
        boolean acceptOlder = flag(body, "acceptOlder").orElse(false);
        if (acceptOlder) {
            LOG.warn("An operator lets a bundle be older than what was accepted before");
        }
        Bundles.Terms terms = new Bundles.Terms(
                text(body, "name").orElse("bundle"),
                keyring(body),
                flag(body, "unsigned").orElse(false),
                acceptOlder,
                flag(body, "select").orElse(true));
        return json(202, ImportJson.of(bundles.take(id, terms)));
    }

    private static Optional<byte[]> keyring(JsonNode body) throws RefusedException {
        try {
            return text(body, "keyring").map(base64 -> Base64.getMimeDecoder().decode(base64));
        } catch (IllegalArgumentException e) {
            throw new RefusedException(RefusedException.Kind.INVALID, "'keyring' is not base64");
        }
    }

    private HttpReply finish(String id) throws RefusedException, DatabaseException {
        Version version = region.uploads().finish(id);
        return json(201, ImageJson.of(new Served(version, true)));
    }

    private static byte[] openApi() {
        try (InputStream file = requireNonNull(RegionApi.class.getResourceAsStream("openapi.yaml"))) {
            return file.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e); // It is in this program's own jar.
        }
    }

    private static String image(JsonNode body) throws RefusedException {
        return text(body, "name")
                .orElseThrow(() -> new RefusedException(
                        RefusedException.Kind.INVALID, "Say which image: {\"name\": \"ubuntu/noble/amd64/ga-24.04\"}"));
    }

    private static Map<String, Object> outcome(String key, Version version) {
        return Map.of("name", version.image().name(), key, version.serial());
    }

    private Map<String, Object> status() throws DatabaseException {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("warnings", region.warnings());
        json.put("sources", sources());
        json.put("selections", region.selections().size());
        json.put("versions", region.versions().size());
        json.put("catalogVersion", region.catalogVersion());
        json.put("import", importState());
        return json;
    }

    private Map<String, Object> importState() throws DatabaseException {
        Map<String, Object> json = new LinkedHashMap<>(
                region.imports().status().map(ImportJson::of).orElse(Map.of("state", "idle")));
        if (region.imports().runsElsewhere()) {
            json.put("elsewhere", true);
        }
        return json;
    }

    private List<Map<String, Object>> selections() throws DatabaseException {
        return region.selections().stream().map(RegionApi::selection).toList();
    }

    private static Map<String, Object> selection(Selection selection) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("os", selection.os());
        json.put("release", selection.release());
        json.put("arch", selection.arch());
        json.put("subarch", selection.subarch());
        json.put("label", selection.label());
        return json;
    }

    private HttpReply addSelection(HttpCall call) throws RefusedException, DatabaseException {
        Selection selection = selection(body(call));
        boolean added = region.addSelection(selection);
        return json(added ? 201 : 200, selection(selection));
    }

    private HttpReply removeSelection(HttpCall call) throws RefusedException, DatabaseException {
        Selection selection = selection(body(call));
        region.removeSelection(selection);
        return json(200, selection(selection));
    }

    private static Selection selection(JsonNode body) {
        return new Selection(
                0,
                text(body, "os").orElse(""),
                text(body, "release").orElse(""),
                text(body, "arch").orElse(""),
                text(body, "subarch").orElse(Selection.ANY),
                text(body, "label").orElse(Selection.ANY));
    }

    private List<Map<String, Object>> images() throws DatabaseException {
        Map<String, String> baseImages = region.baseImages();
        List<Map<String, Object>> all = new ArrayList<>();
        for (Served served : Served.of(region.versions())) {
            Map<String, Object> json = ImageJson.of(served);
            String baseImage = baseImages.get(served.version().image().product());
            if (baseImage != null) {
                json.put("baseImage", baseImage);
            }
            all.add(json);
        }
        return all;
    }

    private boolean isAuthorized(HttpCall call) {
        String header = call.header("authorization").orElse("");
        boolean bearer = header.regionMatches(true, 0, "Bearer ", 0, 7);
        return bearer && MessageDigest.isEqual(header.substring(7).strip().getBytes(UTF_8), token);
    }

    private static JsonNode body(HttpCall call) throws RefusedException {
        JsonNode body = JSON.readTree(call.body());
        if (!body.isObject()) {
            throw new RefusedException(RefusedException.Kind.INVALID, "The request's body is not a JSON object");
        }
        return body;
    }

    private static Optional<String> text(JsonNode body, String key) {
        return body.path(key).isString() ? Optional.of(body.path(key).asString()) : Optional.empty();
    }

    private static Duration seconds(String text) {
        if (!text.matches("\\d{1,4}")) {
            return Duration.ZERO;
        }
        Duration asked = Duration.ofSeconds(Long.parseLong(text));
        return asked.compareTo(LONGEST_WAIT) > 0 ? LONGEST_WAIT : asked;
    }

    private static byte[] sha256(byte[] bytes) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(bytes);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // Every Java platform has it.
        }
    }

    private static HttpReply error(int status, String message) {
        return json(status, Map.of("error", message));
    }

    private static HttpReply json(int status, Object value) {
        return HttpReply.bytes(status, "application/json", JSON.writeValueAsBytes(value));
    }
}
