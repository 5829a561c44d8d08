package org.rackboot.server.region;

import static java.util.Objects.requireNonNull;
import static org.rackboot.server.region.ApiJson.error;
import static org.rackboot.server.region.ApiJson.json;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.regex.Matcher;
import java.util.stream.IntStream;
import org.rackboot.region.Bundles;
import org.rackboot.region.Racks;
import org.rackboot.region.Region;
import org.rackboot.region.store.DatabaseException;
import org.rackboot.server.http.HttpCall;
import org.rackboot.server.http.HttpReply;
import org.rackboot.server.http.HttpService;
import org.rackboot.server.region.RackAccess.Caller;

/**
 * The region's API, {@code /api/v1/…}: JSON, a bearer token on everything (the operators', or a rack's own), errors as {@code {"error": "…"}}.
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

    /** What a rack's credential is good for. */
    private static final Set<String> FOR_RACKS = Set.of(
            "GET catalog",
            "GET content/{sha256}",
            "GET content/{sha256}/chunks",
            "PUT racks/self",
            "POST racks/self/machines");

    private static final String ENROL = "racks/enrol"; // Bears a one-time token, which only its resource understands.
    private static final String CATALOG = "catalog"; // May wait for a minute or two, and be revoked meanwhile.

    private final Region region;
    private final RackAccess access;
    private final RacksResource racks;
    private final Listener listener;
    private final SourcesResource sources;
    private final List<Route> routes = new ArrayList<>();

    /**
     * @param token the operators': every request must bear it, or what a rack got
     * @param pin what is added to one-time tokens, by which a rack knows this region; may be empty
     * @param threads that may block on the database
     * @param slowWork for what waits for boot sources
     */
    public RegionApi(
            Region region,
            Bundles bundles,
            RegionContent contents,
            String token,
            String pin,
            Executor threads,
            SlowWork slowWork,
            Listener listener) {
        this.region = region;
        this.access = new RackAccess(region.racks(), token, threads, System::nanoTime);
        this.listener = listener;
        this.sources = new SourcesResource(region);
        routes.addAll(new ContentResource(region, contents, threads).routes()); // First: racks ask for them most.
        routes.addAll(sources.routes(threads, slowWork));
        routes.addAll(new SelectionsResource(region).routes(threads));
        routes.addAll(new ImagesResource(region).routes(threads));
        routes.addAll(new ImportResource(region, threads).routes(slowWork));
        routes.addAll(new UploadsResource(region).routes(threads));
        routes.addAll(new BundlesResource(bundles).routes(threads));
        this.racks = new RacksResource(region.racks(), access, pin);
        routes.addAll(racks.routes(threads));
        routes.addAll(new MachinesResource(region).routes(threads));
        routes.addAll(new AssignmentsResource(region).routes(threads));
        routes.addAll(new SeenMachinesResource(region, access).routes(threads));
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
                return answer(route, call, names).thenApply(reply -> counted(route.resource(), reply));
            }
        }
        return access.caller(call, false)
                .thenApply(caller -> refusal(caller)
                        .orElseGet(() -> caller instanceof Caller.Rack rack
                                ? notForRacks(rack)
                                : error(404, "There is no such resource; see /api/v1/openapi.yaml")))
                .thenApply(reply -> counted("other", reply));
    }

    private CompletionStage<HttpReply> answer(Route route, HttpCall call, List<String> names) {
        if (route.template().equals(ENROL)) {
            return granted(route, call, names);
        }
        boolean mayWait = route.template().equals(CATALOG);
        return access.caller(call, mayWait).thenCompose(caller -> {
            Optional<HttpReply> refusal = refusal(caller);
            if (refusal.isPresent()) {
                return CompletableFuture.completedStage(refusal.get());
            }
            if (!(caller instanceof Caller.Rack rack)) {
                return granted(route, call, names);
            }
            if (!FOR_RACKS.contains(verb(call) + " " + route.template())) {
                return CompletableFuture.completedStage(notForRacks(rack));
            }
            CompletionStage<HttpReply> reply = granted(route, call, names);
            return mayWait
                    ? reply.thenCompose(ready -> access.caller(call, true)
                            .thenApply(still -> refusal(still).orElse(ready)))
                    : reply;
        });
    }

    private static Optional<HttpReply> refusal(Caller caller) {
        if (caller instanceof Caller.Stranger) {
            return Optional.of(stranger());
        }
        return caller instanceof Caller.Unknown unknown
                ? Optional.of(error(503, unknown.why()).with("Retry-After", "1"))
                : Optional.empty();
    }

    static HttpReply stranger() {
        return error(
                        401,
                        "Give the API token: Authorization: Bearer … (the file api-token in the state directory). If this is a"
                                + " rack: it is not enrolled, or was revoked; see 'rackboot racks enrol'")
                .with("WWW-Authenticate", "Bearer");
    }

    private static HttpReply notForRacks(Caller.Rack rack) {
        return error(
                403,
                "The credential of the rack '%s' is for the catalog and content alone; everything else wants the API token"
                        .formatted(rack.name()));
    }

    private static String verb(HttpCall call) {
        return call.isHead() ? "GET" : call.method();
    }

    private HttpReply counted(String resource, HttpReply reply) {
        if (reply.status() >= 400) {
            listener.refused(resource, reply.status());
        }
        return reply;
    }

    private static CompletionStage<HttpReply> granted(Route route, HttpCall call, List<String> names) {
        Route.Answer answer = route.answers().get(verb(call));
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
        List<String> warnings = new ArrayList<>(region.warnings());
        List<Racks.Status> statuses = racks.statuses();
        warnings.addAll(RacksResource.warnings(statuses));
        json.put("role", "region");
        json.put("warnings", warnings);
        json.put("sources", sources.sources());
        json.put("selections", region.selections().size());
        json.put("versions", region.versions().size());
        json.put("machines", region.machines().count());
        json.put("catalogVersion", region.catalogVersion());
        json.put("import", ImportResource.state(region.imports()));
        long inStep = statuses.stream()
                .filter(rack -> rack.state() == Racks.State.IN_STEP)
                .count();
        Map<String, Object> count = new LinkedHashMap<>();
        count.put("total", statuses.size());
        count.put("inStep", inStep);
        json.put("racks", count);
        return json;
    }

    private static byte[] openApi() {
        try (InputStream file = requireNonNull(RegionApi.class.getResourceAsStream("openapi.yaml"))) {
            return file.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e); // It is in this program's own jar.
        }
    }
}
