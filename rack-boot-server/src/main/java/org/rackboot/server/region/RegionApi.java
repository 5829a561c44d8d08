package org.rackboot.server.region;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.Base64;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.rackboot.image.Content;
import org.rackboot.image.ContentId;
import org.rackboot.region.Region;
import org.rackboot.region.Region.RefusedException;
import org.rackboot.region.source.Selection;
import org.rackboot.region.source.SourceStatus;
import org.rackboot.region.store.ContentRepository.StoredContent;
import org.rackboot.region.store.DatabaseException;
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
    private static final Pattern CONTENT = Pattern.compile("/api/v1/content/([0-9a-f]{64})(/chunks)?");
    private static final JsonMapper JSON = JsonMapper.builder().build();

    private final Region region;
    private final byte[] token;
    private final Executor threads;
    private volatile @Nullable RenderedCatalog rendered;

    private record RenderedCatalog(long version, String etag, byte[] document) {}

    /** @param token that every request must bear */
    public RegionApi(Region region, String token, Executor threads) {
        this.region = region;
        this.token = token.getBytes(UTF_8);
        this.threads = threads;
    }

    /** Work that may fail in the ways the API has answers for. */
    @FunctionalInterface
    private interface Work {
        HttpReply run() throws RefusedException, DatabaseException, JacksonException;
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
        return switch (call.path()) {
            case "/api/v1/sources" ->
                method(method, Map.of("GET", () -> json(200, sources()), "POST", () -> addSource(call)));
            case "/api/v1/selections" ->
                method(method, Map.of("GET", () -> json(200, selections()), "POST", () -> addSelection(call)));
            case "/api/v1/images" -> method(method, Map.of("GET", () -> json(200, images())));
            case "/api/v1/images/import" ->
                method(
                        method,
                        Map.of(
                                "GET", () -> importStatus(),
                                "POST",
                                        () -> json(
                                                202,
                                                ImportJson.of(region.imports().start()))));
            case "/api/v1/catalog" -> catalog(call, method);
            default -> other(call, method);
        };
    }

    private CompletionStage<HttpReply> other(HttpCall call, String method) {
        Matcher content = CONTENT.matcher(call.path());
        if (!content.matches()) {
            return CompletableFuture.completedFuture(error(404, "There is no such resource; see docs/api.md"));
        }
        String sha256 = content.group(1);
        boolean chunks = content.group(2) != null;
        return method(method, Map.of("GET", () -> chunks ? chunkDigests(sha256) : content(call, sha256)));
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
        return region.sources().stream().map(RegionApi::source).toList();
    }

    private static Map<String, Object> source(SourceStatus status) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("id", status.source().id());
        json.put("name", status.source().name());
        json.put("url", status.source().url().toString());
        json.put("priority", status.source().priority());
        json.put("enabled", status.usable());
        json.put("unsigned", status.source().unsigned());
        json.put("fingerprints", status.fingerprints());
        status.problem().ifPresent(problem -> json.put("problem", problem));
        return json;
    }

    private HttpReply addSource(HttpCall call) throws RefusedException, DatabaseException {
        JsonNode body = body(call);
        Optional<byte[]> keyring;
        try {
            keyring =
                    text(body, "keyring").map(base64 -> Base64.getMimeDecoder().decode(base64));
        } catch (IllegalArgumentException e) {
            throw new RefusedException(RefusedException.Kind.INVALID, "'keyring' is not base64");
        }
        SourceStatus added = region.addSource(
                text(body, "url").orElse(""),
                text(body, "name"),
                keyring,
                body.path("unsigned").asBoolean(false),
                body.path("priority").isInt()
                        ? Optional.of(body.path("priority").asInt())
                        : Optional.empty());
        return json(201, source(added));
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
        JsonNode body = body(call);
        Selection selection = new Selection(
                0,
                text(body, "os").orElse(""),
                text(body, "release").orElse(""),
                text(body, "arch").orElse(""),
                text(body, "subarch").orElse(Selection.ANY),
                text(body, "label").orElse(Selection.ANY));
        boolean added = region.addSelection(selection);
        return json(added ? 201 : 200, selection(selection));
    }

    private List<Map<String, Object>> images() throws DatabaseException {
        return region.versions().stream().map(ImageJson::of).toList();
    }

    private HttpReply importStatus() {
        return region.imports()
                .status()
                .map(status -> json(200, ImportJson.of(status)))
                .orElseGet(() -> json(200, Map.of("state", "idle")));
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
