package org.rackboot.server.region;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;
import static org.rackboot.server.region.ApiJson.error;
import static org.rackboot.server.region.ApiJson.json;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.stream.IntStream;
import org.rackboot.region.Bundles;
import org.rackboot.region.Region;
import org.rackboot.region.store.DatabaseException;
import org.rackboot.server.http.HttpCall;
import org.rackboot.server.http.HttpReply;
import org.rackboot.server.http.HttpService;

/**
 * The region's API, {@code /api/v1/…}: JSON, a bearer token on everything, errors as {@code {"error": "…"}}.
 *
 * <p>Racks use {@code catalog} and {@code content}; people and programs the rest. Database work happens on the threads
 * given, never on an event loop.
 */
public final class RegionApi implements HttpService {
    /** Told what was not granted; may be called on any thread. */
    @FunctionalInterface
    public interface Listener {
        /**
         * @param resource the first word of one of this API's own paths, {@code uploads}; {@code other} for every other path
         * @param status from 400
         */
        void refused(String resource, int status);
    }

    private final Region region;
    private final byte[] token;
    private final Listener listener;
    private final SourcesResource sources;
    private final List<Route> routes = new ArrayList<>();

    /**
     * @param token that every request must bear
     * @param threads that may block on the database
     * @param slowWork for what waits for boot sources
     */
    public RegionApi(
            Region region, Bundles bundles, String token, Executor threads, SlowWork slowWork, Listener listener) {
        this.region = region;
        this.token = token.getBytes(UTF_8);
        this.listener = listener;
        this.sources = new SourcesResource(region);
        routes.addAll(new ContentResource(region, threads).routes()); // First: racks ask for them most.
        routes.addAll(sources.routes(threads, slowWork));
        routes.addAll(new SelectionsResource(region).routes(threads));
        routes.addAll(new ImagesResource(region).routes(threads));
        routes.addAll(new ImportResource(region, threads).routes(slowWork));
        routes.addAll(new UploadsResource(region).routes(threads));
        routes.addAll(new BundlesResource(bundles).routes(threads));
        Work status = (call, names) -> json(200, status());
        Work openApi = (call, names) -> HttpReply.bytes(200, "application/yaml", openApi());
        routes.add(Route.of("status", Map.of("GET", status.on(threads))));
        routes.add(Route.of("openapi.yaml", Map.of("GET", openApi.on(threads))));
    }

    @Override
    public CompletionStage<HttpReply> answer(HttpCall call) {
        for (Route route : routes) {
            Matcher path = route.path().matcher(call.path());
            if (path.matches()) {
                List<String> names = IntStream.rangeClosed(1, path.groupCount())
                        .mapToObj(path::group)
                        .toList();
                return answer(call, () -> answer(route, call, names))
                        .thenApply(reply -> counted(route.resource(), reply));
            }
        }
        HttpReply nothing = error(404, "There is no such resource; see /api/v1/openapi.yaml");
        return answer(call, () -> CompletableFuture.completedFuture(nothing))
                .thenApply(reply -> counted("other", reply));
    }

    private CompletionStage<HttpReply> answer(HttpCall call, Supplier<CompletionStage<HttpReply>> granted) {
        return isAuthorized(call)
                ? granted.get()
                : CompletableFuture.completedFuture(error(
                                401,
                                "Give the API token: Authorization: Bearer … (the file api-token in the state directory)")
                        .with("WWW-Authenticate", "Bearer"));
    }

    private HttpReply counted(String resource, HttpReply reply) {
        if (reply.status() >= 400) {
            listener.refused(resource, reply.status());
        }
        return reply;
    }

    private static CompletionStage<HttpReply> answer(Route route, HttpCall call, List<String> names) {
        Route.Answer answer = route.answers().get(call.isHead() ? "GET" : call.method());
        if (answer == null) {
            String allowed = String.join(", ", new TreeSet<>(route.answers().keySet()));
            return CompletableFuture.completedFuture(
                    error(405, "This resource takes " + allowed).with("Allow", allowed));
        }
        return answer.to(call, names);
    }

    /** Every request that is answered, {@code GET sources/{id}}. */
    Set<String> requests() {
        Set<String> all = new TreeSet<>();
        routes.forEach(route -> route.answers().keySet().forEach(verb -> all.add(verb + " " + route.template())));
        return all;
    }

    private Map<String, Object> status() throws DatabaseException {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("warnings", region.warnings());
        json.put("sources", sources.sources());
        json.put("selections", region.selections().size());
        json.put("versions", region.versions().size());
        json.put("catalogVersion", region.catalogVersion());
        json.put("import", ImportResource.state(region.imports()));
        return json;
    }

    private static byte[] openApi() {
        try (InputStream file = requireNonNull(RegionApi.class.getResourceAsStream("openapi.yaml"))) {
            return file.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e); // It is in this program's own jar.
        }
    }

    private boolean isAuthorized(HttpCall call) {
        String header = call.header("authorization").orElse("");
        boolean bearer = header.regionMatches(true, 0, "Bearer ", 0, 7);
        return bearer && MessageDigest.isEqual(header.substring(7).strip().getBytes(UTF_8), token);
    }
}
