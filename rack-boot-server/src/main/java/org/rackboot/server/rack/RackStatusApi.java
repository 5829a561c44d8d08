package org.rackboot.server.rack;

import java.net.URI;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Supplier;
import org.rackboot.image.cache.ImageCache;
import org.rackboot.server.http.HttpCall;
import org.rackboot.server.http.HttpReply;
import org.rackboot.server.http.HttpService;

/** {@code GET /api/v1/status} of a rack on its own: how it is, also while its region is away. The API token opens it. */
public final class RackStatusApi implements HttpService {
    /** Where it is. */
    public static final String PATH = "/api/v1/status";

    private final CatalogFollower follower;
    private final List<URI> regions;
    private final ImageCache cache;
    private final ImageCache.Settings settings;
    private final Supplier<List<String>> listeners;
    private final Supplier<List<String>> warnings;
    private final String version;
    private final ApiToken token;

    /**
     * @param listeners where machines are served, as URLs
     * @param warnings for the operator
     * @param version of this program
     */
    public RackStatusApi(
            CatalogFollower follower,
            List<URI> regions,
            ImageCache cache,
            ImageCache.Settings settings,
            Supplier<List<String>> listeners,
            Supplier<List<String>> warnings,
            String version,
            String token) {
        this.follower = follower;
        this.regions = List.copyOf(regions);
        this.cache = cache;
        this.settings = settings;
        this.listeners = listeners;
        this.warnings = warnings;
        this.version = version;
        this.token = new ApiToken(token);
    }

    @Override
    public CompletionStage<HttpReply> answer(HttpCall call) {
        return CompletableFuture.completedFuture(reply(call));
    }

    private HttpReply reply(HttpCall call) {
        if (!token.opens(call)) {
            return ApiToken.refusal();
        }
        if (!call.isHead() && !call.method().equals("GET")) {
            return ApiToken.error(405, "status takes GET alone, not " + call.method())
                    .with("Allow", "GET, HEAD");
        }
        return ApiToken.json(200, status());
    }

    private Map<String, Object> status() {
        List<String> all = new ArrayList<>();
        follower.lack().ifPresent(lack -> all.add("no machine can boot from here: " + lack));
        all.addAll(warnings.get());
        Map<String, Object> region = new LinkedHashMap<>();
        region.put("urls", regions.stream().map(URI::toString).toList());
        region.put("inStep", follower.isInStep());
        if (!follower.isInStep()) {
            region.put("problem", follower.lastProblem().orElse("the region did not answer yet"));
        }
        ImageCache.Statistics statistics = cache.statistics();
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("role", "rack");
        json.put("version", version);
        json.put("warnings", all);
        json.put("region", region);
        json.put("catalogVersion", follower.catalog().version());
        if (follower.document().isPresent()) {
            json.put("catalogAgeSeconds", follower.age().toSeconds());
        }
        json.put(
                "cache",
                Map.of(
                        "memory", Map.of("bytes", statistics.memoryBytes(), "limit", settings.memoryBytes()),
                        "disk", Map.of("bytes", statistics.diskBytes(), "limit", settings.diskBytes()),
                        "fills", Map.of("active", statistics.activeFills(), "waiting", statistics.waitingFills())));
        json.put("listeners", listeners.get());
        return json;
    }
}
