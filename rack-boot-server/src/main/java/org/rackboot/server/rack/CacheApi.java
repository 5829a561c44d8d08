package org.rackboot.server.rack;

import static org.rackboot.server.rack.ApiToken.error;
import static org.rackboot.server.rack.ApiToken.json;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.function.Supplier;
import org.rackboot.image.ContentId;
import org.rackboot.image.cache.ImageCache;
import org.rackboot.protocol.resolve.BootCatalog;
import org.rackboot.protocol.resolve.BootFile;
import org.rackboot.server.http.HttpCall;
import org.rackboot.server.http.HttpReply;
import org.rackboot.server.http.HttpService;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** A rack's own API, {@code /api/v1/cache…}: what it has, and what operators do to it. The API token opens it. */
public final class CacheApi implements HttpService {
    /** Where all of it is. */
    public static final String ROOT = "/api/v1/cache";

    private static final int MAX_NAMES = 1_000;
    private static final JsonMapper JSON = JsonMapper.builder().build();

    private final Supplier<BootCatalog> catalog;
    private final Supplier<Optional<String>> lack;
    private final ImageCache cache;
    private final CacheKeeper keeper;
    private final ImageCache.Settings settings;
    private final ApiToken token;
    private final Executor threads;

    /** A request that cannot be granted; the message says why. */
    private static final class RefusedException extends Exception {
        private final int status;

        RefusedException(int status, String message) {
            super(message);
            this.status = status;
        }
    }

    private interface Work {
        HttpReply answer() throws RefusedException;
    }

    /**
     * @param lack why there is no catalog; empty once there is one
     * @param threads may read the disk for as long as it takes
     */
    public CacheApi(
            Supplier<BootCatalog> catalog,
            Supplier<Optional<String>> lack,
            ImageCache cache,
            CacheKeeper keeper,
            ImageCache.Settings settings,
            String token,
            Executor threads) {
        this.catalog = catalog;
        this.lack = lack;
        this.cache = cache;
        this.keeper = keeper;
        this.settings = settings;
        this.token = new ApiToken(token);
        this.threads = threads;
    }

    @Override
    public CompletionStage<HttpReply> answer(HttpCall call) {
        if (!token.opens(call)) {
            return CompletableFuture.completedFuture(ApiToken.refusal());
        }
        String verb = call.isHead() ? "GET" : call.method();
        return switch (verb + " " + call.path().substring(ROOT.length())) {
            case "GET " -> on(this::list);
            case "GET /warm" -> on(() -> json(200, warming(keeper.warming())));
            case "POST /warm" -> on(() -> warm(call));
            case "POST /verify" -> on(() -> verify(call));
            case "POST /evict" -> on(() -> evict(call));
            default ->
                CompletableFuture.completedFuture(error(
                        404,
                        "A rack has GET cache, GET and POST cache/warm, POST cache/verify and POST cache/evict; not %s %s"
                                .formatted(verb, call.path())));
        };
    }

    private CompletionStage<HttpReply> on(Work work) {
        return CompletableFuture.supplyAsync(
                () -> {
                    try {
                        return work.answer();
                    } catch (RefusedException e) {
                        HttpReply refusal = error(e.status, String.valueOf(e.getMessage()));
                        return e.status == 503 ? refusal.with("Retry-After", "2") : refusal;
                    } catch (JacksonException e) {
                        return error(
                                400,
                                "The request's body is not the JSON that is expected here: " + e.getOriginalMessage());
                    }
                },
                threads);
    }

    private HttpReply list() {
        BootCatalog now = catalog.get();
        List<ImageCache.Stored> stored = cache.stored();
        Set<String> here = new HashSet<>();
        stored.forEach(each -> here.add(each.content().id().sha256()));
        Map<String, Set<String>> names = new HashMap<>();
        List<Map<String, Object>> images = new ArrayList<>();
        for (CacheNames.Group group : CacheNames.groups(now)) {
            long size = 0;
            long cached = 0;
            for (BootFile file : group.files()) {
                names.computeIfAbsent(file.sha256(), sha256 -> new TreeSet<>()).add(group.name() + "/" + file.name());
                size += file.size();
                cached += here.contains(file.sha256()) ? file.size() : 0;
            }
            Map<String, Object> json = new LinkedHashMap<>();
            json.put("name", group.name());
            json.put("version", group.version());
            json.put("held", group.held());
            json.put("size", size);
            json.put("cached", cached);
            json.put("percent", size == 0 ? 100 : cached * 100 / size);
            images.add(json);
        }
        List<Map<String, Object>> contents = new ArrayList<>();
        for (ImageCache.Stored each : stored) {
            String sha256 = each.content().id().sha256();
            Map<String, Object> json = new LinkedHashMap<>();
            json.put("sha256", sha256);
            json.put("size", each.content().size());
            json.put("verified", each.verified());
            json.put("pinned", each.pinned());
            json.put("names", names.getOrDefault(sha256, Set.of()));
            contents.add(json);
        }
        ImageCache.Statistics statistics = cache.statistics();
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("catalogVersion", now.version());
        json.put("memory", Map.of("bytes", statistics.memoryBytes(), "limit", settings.memoryBytes()));
        json.put("disk", Map.of("bytes", statistics.diskBytes(), "limit", settings.diskBytes()));
        json.put(
                "chunks",
                Map.of(
                        "fromMemory", statistics.memoryHits(),
                        "fromDisk", statistics.diskHits(),
                        "fetched", statistics.misses()));
        json.put("fills", Map.of("active", statistics.activeFills(), "waiting", statistics.waitingFills()));
        json.put("evictions", statistics.evictions());
        json.put("images", images);
        json.put("contents", contents);
        return json(200, json);
    }

    private HttpReply warm(HttpCall call) throws RefusedException {
        return json(202, warming(keeper.warm(named(call).values())));
    }

    private Map<String, Object> warming(CacheKeeper.Warming warming) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("running", warming.running());
        json.put("total", warming.total());
        json.put("done", warming.done());
        json.put("bytes", warming.bytes());
        json.put("failures", warming.failures());
        json.put("notKept", warming.notKept().size());
        json.put("notKeptFiles", warming.notKept());
        json.put("disk", Map.of("bytes", cache.statistics().diskBytes(), "limit", settings.diskBytes()));
        return json;
    }

    private HttpReply verify(HttpCall call) throws RefusedException {
        Map<ContentId, BootFile> named = named(call);
        List<String> wrong = new ArrayList<>();
        int right = 0;
        for (ImageCache.Stored each : cache.stored()) {
            if (named.containsKey(each.content().id())) {
                if (cache.verifyAgain(each.content())) {
                    right++;
                } else {
                    wrong.add(each.content().id().sha256());
                }
            }
        }
        return json(200, Map.of("right", right, "wrong", wrong));
    }

    private HttpReply evict(HttpCall call) throws RefusedException {
        Set<String> evicted = new LinkedHashSet<>();
        JsonNode body = JSON.readTree(call.body());
        List<ContentId> ids = body.path("all").asBoolean(false)
                ? cache.stored().stream().map(each -> each.content().id()).toList() // No catalog need name it.
                : List.copyOf(named(call).keySet());
        for (ContentId id : ids) {
            if (cache.evict(id)) {
                evicted.add(id.sha256());
            }
        }
        return json(200, Map.of("evicted", evicted));
    }

    private Map<ContentId, BootFile> named(HttpCall call) throws RefusedException {
        Optional<String> why = lack.get();
        if (why.isPresent()) {
            throw new RefusedException(503, why.get());
        }
        BootCatalog now = catalog.get();
        JsonNode body = JSON.readTree(call.body());
        Map<ContentId, BootFile> named = new LinkedHashMap<>();
        if (body.path("all").asBoolean(false)) {
            for (CacheNames.Group group : CacheNames.groups(now)) {
                if (!group.held()) {
                    group.files().forEach(file -> named.put(new ContentId(file.sha256()), file));
                }
            }
            return named;
        }
        if (!body.path("names").isArray() || body.path("names").size() > MAX_NAMES) {
            throw new RefusedException(400, "Say which: {\"names\": […]}, at most 1000 of them, or {\"all\": true}");
        }
        for (JsonNode each : body.path("names")) {
            String name = each.asString("");
            Map<ContentId, BootFile> meant = CacheNames.meant(now, name);
            if (meant.isEmpty()) {
                throw new RefusedException(
                        404,
                        "Nothing in this rack's catalog is called '%s'; see 'rackboot cache list --images'"
                                .formatted(name.length() > 200 ? name.substring(0, 200) + "…" : name));
            }
            named.putAll(meant);
        }
        return named;
    }
}
