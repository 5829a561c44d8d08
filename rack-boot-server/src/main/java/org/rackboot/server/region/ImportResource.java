package org.rackboot.server.region;

import static org.rackboot.server.region.ApiJson.json;

import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.rackboot.region.Region;
import org.rackboot.region.store.DatabaseException;
import org.rackboot.region.sync.ImportService;
import org.rackboot.region.sync.ImportService.Status;
import org.rackboot.server.http.CatalogPoll;
import org.rackboot.server.http.HttpCall;
import org.rackboot.server.http.HttpReply;

/** {@code images/import}. */
final class ImportResource {
    private static final int MAX_FOLLOWERS = 64;
    private static final long STEP_MILLIS = 500;
    private static final String NO_EVENT = "0-0-0";

    private final Region region;
    private final Executor threads;
    private final AtomicInteger followers = new AtomicInteger();

    ImportResource(Region region, Executor threads) {
        this.region = region;
        this.threads = threads;
    }

    List<Route> routes(SlowWork slowWork) {
        Work start = (call, names) -> json(202, ImportJson.of(region.imports().start()));
        Work stop =
                (call, names) -> json(200, Map.of("stopped", region.imports().stopEverywhere()));
        Work plan = (call, names) -> json(200, ImportJson.of(region.imports().preview()));
        return List.of(
                Route.of(
                        "images/import",
                        Map.of("GET", this::status, "POST", start.on(threads), "DELETE", stop.on(threads))),
                Route.of("images/import/plan", Map.of("GET", slowWork.of(plan))));
    }

    /**
     * Where the import is; with {@code after}, an event that the caller has, not before there is another or {@code wait}
     * is over. Looks into memory only. A running import changes all the time, so it is told twice a second at most.
     */
    private CompletionStage<HttpReply> status(HttpCall call, List<String> names) {
        String after = call.query().getOrDefault("after", "");
        Duration wait = CatalogPoll.wait(call.query().getOrDefault("wait", ""));
        if (after.isEmpty() || wait.isZero()) {
            return now(call, region.imports().status(), after);
        }
        if (followers.incrementAndGet() > MAX_FOLLOWERS) {
            followers.decrementAndGet();
            return CompletableFuture.completedFuture(
                    ApiJson.error(503, "Too many follow the import already; ask without 'wait'")
                            .with("Retry-After", "10"));
        }
        return look(call, after, System.nanoTime() + wait.toNanos(), true)
                .whenComplete((reply, failure) -> followers.decrementAndGet());
    }

    private CompletionStage<HttpReply> look(HttpCall call, String after, long endNanos, boolean first) {
        Optional<Status> status = region.imports().status();
        boolean changed = !status.map(ImportJson::event).orElse(NO_EVENT).equals(after);
        boolean running = status.map(Status::running).orElse(false);
        if ((changed && !(first && running)) || System.nanoTime() - endNanos >= 0) {
            return now(call, status, after);
        }
        return CompletableFuture.supplyAsync(
                        () -> look(call, after, endNanos, false),
                        CompletableFuture.delayedExecutor(STEP_MILLIS, TimeUnit.MILLISECONDS))
                .thenCompose(later -> later);
    }

    /** On a database thread: only the database knows of other processes. */
    private CompletionStage<HttpReply> now(HttpCall call, Optional<Status> status, String after) {
        Work answer = (asked, names) -> {
            Map<String, Object> json = new LinkedHashMap<>(status.map(known -> ImportJson.of(known, after))
                    .orElse(Map.of("state", "idle", "event", NO_EVENT)));
            addElsewhere(json, region.imports());
            return json(200, json);
        };
        return answer.on(threads).to(call, List.of());
    }

    /** The running or last import of this process, and whether another process imports. */
    static Map<String, Object> state(ImportService imports) throws DatabaseException {
        Map<String, Object> json =
                new LinkedHashMap<>(imports.status().map(ImportJson::of).orElse(Map.of("state", "idle")));
        addElsewhere(json, imports);
        return json;
    }

    private static void addElsewhere(Map<String, Object> json, ImportService imports) throws DatabaseException {
        if (imports.runsElsewhere()) {
            json.put("elsewhere", true);
        }
    }
}
