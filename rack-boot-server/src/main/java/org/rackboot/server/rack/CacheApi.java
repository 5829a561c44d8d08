package org.rackboot.server.rack;

import static org.rackboot.server.rack.ApiToken.error;
import static org.rackboot.server.rack.ApiToken.json;

import java.io.IOException;
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
import java.util.regex.Pattern;
import java.util.stream.Collectors;
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
    private static final int NAMES_IN_WORDS = 10;
    private static final String OR_ALL = ", or {\"all\": true}";
    private static final Pattern SHA256 = Pattern.compile("[0-9a-f]{64}");
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
            case "POST /pin" -> on(() -> pin(call));
            case "POST /unpin" -> on(() -> unpin(call));
            default ->
                CompletableFuture.completedFuture(error(
                        404,
                        "A rack has GET cache, GET and POST cache/warm, POST cache/verify, cache/evict, cache/pin and cache/unpin; not %s %s"
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
        json.put("pins", pins(here));
        return json(200, json);
    }

    private List<Map<String, Object>> pins(Set<String> here) {
        List<Map<String, Object>> pins = new ArrayList<>();
        for (PinPlan.Pin pin : keeper.pinned().pins()) {
            long size = pin.size();
            long cached = pin.files().stream()
                    .filter(file -> here.contains(file.sha256()))
                    .mapToLong(BootFile::size)
                    .sum();
            Map<String, Object> json = new LinkedHashMap<>();
            json.put("name", pin.name());
            json.put("size", size);
            json.put("cached", cached);
            json.put("percent", size == 0 ? 0 : cached * 100 / size);
            json.put("state", state(pin, cached == size));
            pins.add(json);
        }
        return pins;
    }

    private static String state(PinPlan.Pin pin, boolean isHere) {
        if (pin.meansNothing()) {
            return "names nothing now";
        }
        if (!pin.fits()) {
            return "does not fit";
        }
        return isHere ? "kept" : "fetching";
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
        boolean all = isAll(JSON.readTree(call.body()));
        Set<ContentId> named = all ? Set.of() : named(call).keySet();
        List<String> wrong = new ArrayList<>();
        int right = 0;
        for (ImageCache.Stored each : cache.stored()) {
            if (all || named.contains(each.content().id())) { // Of all, also what no catalog names.
                if (cache.verifyAgain(each.content())) {
                    right++;
                } else {
                    wrong.add(each.content().id().sha256());
                }
            }
        }
        return json(200, Map.of("right", right, "wrong", wrong));
    }

    /** What operators pinned stays: by name it is refused, and of all it is left out. */
    private HttpReply evict(HttpCall call) throws RefusedException {
        PinPlan plan = keeper.pinned();
        boolean all = isAll(JSON.readTree(call.body()));
        List<ContentId> ids = all
                ? cache.stored().stream().map(each -> each.content().id()).toList() // No catalog need name it.
                : List.copyOf(named(call).keySet());
        List<String> keeping = all ? List.of() : plan.keeping(ids);
        if (!keeping.isEmpty()) {
            throw new RefusedException(
                    409,
                    "Nothing was evicted: %s pinned. Let go of it with 'rackboot cache unpin %s'"
                            .formatted(
                                    keeping.size() == 1
                                            ? "'%s' is".formatted(keeping.get(0))
                                            : "'%s' and %d more are".formatted(keeping.get(0), keeping.size() - 1),
                                    keeping.stream().limit(NAMES_IN_WORDS).collect(Collectors.joining(" "))));
        }
        Set<String> evicted = new LinkedHashSet<>();
        int stayed = 0;
        for (ContentId id : ids) {
            if (plan.kept().containsKey(id)) {
                stayed++;
            } else if (cache.evict(id)) {
                evicted.add(id.sha256());
            }
        }
        return json(200, Map.of("evicted", evicted, "stayed", stayed));
    }

    private HttpReply pin(HttpCall call) throws RefusedException {
        requireCatalog();
        BootCatalog now = catalog.get();
        List<CacheNames.Group> groups = CacheNames.groups(now);
        Set<String> toPin = new LinkedHashSet<>();
        JsonNode body = JSON.readTree(call.body());
        if (isAll(body)) {
            throw new RefusedException(400, "All is too much to pin; say which: {\"names\": [\"…\"]}");
        }
        for (String name : names(body, "")) {
            List<String> remembered = new ArrayList<>(CacheNames.toRemember(groups, now, name));
            Map<ContentId, BootFile> onDisk = new LinkedHashMap<>();
            if (remembered.isEmpty() && putIfOnDisk(onDisk, name)) {
                onDisk.keySet().forEach(id -> remembered.add(id.sha256()));
            }
            if (remembered.isEmpty() || !CachePins.NAME.matcher(name).matches()) {
                throw unknown(name);
            }
            toPin.addAll(remembered);
        }
        try {
            CacheKeeper.Warming warming = keeper.pin(toPin);
            Map<String, Object> json = new LinkedHashMap<>();
            json.put("pinned", toPin);
            json.putAll(warming(warming));
            return json(202, json);
        } catch (CacheKeeper.PinRefusedException e) {
            throw new RefusedException(409, String.valueOf(e.getMessage()));
        } catch (IOException e) {
            throw notWritten(e);
        }
    }

    private HttpReply unpin(HttpCall call) throws RefusedException {
        JsonNode body = JSON.readTree(call.body());
        List<String> pinned =
                keeper.pinned().pins().stream().map(PinPlan.Pin::name).toList();
        Set<String> toUnpin = new LinkedHashSet<>();
        if (isAll(body)) {
            toUnpin.addAll(pinned);
        } else {
            for (String name : names(body, OR_ALL)) {
                List<String> meant = pinned.contains(name)
                        ? List.of(name)
                        : pinned.stream()
                                .filter(each -> isBeginning(name, each))
                                .toList();
                if (meant.isEmpty()) {
                    throw new RefusedException(
                            404,
                            "'%s' is not pinned, so nothing was unpinned; see 'rackboot cache list --pins'"
                                    .formatted(shortened(name)));
                }
                toUnpin.addAll(meant);
            }
        }
        try {
            keeper.unpin(toUnpin);
        } catch (IOException e) {
            throw notWritten(e);
        }
        return json(200, Map.of("unpinned", toUnpin));
    }

    private static boolean isBeginning(String name, String pinned) {
        return name.length() >= CacheNames.LEAST_PREFIX
                && pinned.startsWith(name)
                && SHA256.matcher(pinned).matches();
    }

    private static RefusedException notWritten(IOException cause) {
        return new RefusedException(
                503,
                "The pins cannot be written to the state directory (%s), so they are as they were; see to its disk, then try again"
                        .formatted(cause));
    }

    private void requireCatalog() throws RefusedException {
        Optional<String> why = lack.get();
        if (why.isPresent()) {
            throw new RefusedException(503, why.get());
        }
    }

    /** What was in the catalog once is found by its sha256, for as long as it is on disk. */
    private boolean putIfOnDisk(Map<ContentId, BootFile> named, String sha256) {
        boolean found = false;
        if (sha256.length() >= CacheNames.LEAST_PREFIX) {
            for (ImageCache.Stored each : cache.stored()) {
                if (each.content().id().sha256().startsWith(sha256)) {
                    named.put(each.content().id(), CacheNames.file(each.content()));
                    found = true;
                }
            }
        }
        return found;
    }

    private static boolean isAll(JsonNode body) throws RefusedException {
        boolean all = body.path("all").asBoolean(false);
        if (all && body.has("names")) {
            throw new RefusedException(400, "Say which: names, or all; not both");
        }
        return all;
    }

    private static List<String> names(JsonNode body, String orElse) throws RefusedException {
        JsonNode given = body.path("names");
        List<String> names = new ArrayList<>();
        given.forEach(each -> {
            if (each.isString()) {
                names.add(each.asString());
            }
        });
        if (!given.isArray() || given.isEmpty() || names.size() < given.size() || names.size() > MAX_NAMES) {
            throw new RefusedException(
                    400, "Say which: {\"names\": [\"…\"]}, 1 to %d of them".formatted(MAX_NAMES) + orElse);
        }
        return names;
    }

    private static RefusedException unknown(String name) {
        return new RefusedException(
                404,
                "Nothing in this rack's catalog is called '%s'; see 'rackboot cache list --images'"
                        .formatted(shortened(name)));
    }

    private static String shortened(String name) {
        return name.length() > 200 ? name.substring(0, 200) + "…" : name;
    }

    private Map<ContentId, BootFile> named(HttpCall call) throws RefusedException {
        requireCatalog();
        BootCatalog now = catalog.get();
        JsonNode body = JSON.readTree(call.body());
        Map<ContentId, BootFile> named = new LinkedHashMap<>();
        if (isAll(body)) {
            for (CacheNames.Group group : CacheNames.groups(now)) {
                if (!group.held()) {
                    group.files().forEach(file -> named.put(new ContentId(file.sha256()), file));
                }
            }
            return named;
        }
        for (String name : names(body, OR_ALL)) {
            Map<ContentId, BootFile> meant = CacheNames.meant(now, name);
            named.putAll(meant);
            if (meant.isEmpty() && !putIfOnDisk(named, name)) {
                throw unknown(name);
            }
        }
        return named;
    }
}
