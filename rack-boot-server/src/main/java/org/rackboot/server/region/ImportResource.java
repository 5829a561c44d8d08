package org.rackboot.server.region;

import static org.rackboot.server.region.ApiJson.json;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executor;
import org.rackboot.region.Region;
import org.rackboot.region.store.DatabaseException;
import org.rackboot.region.sync.ImportService;

/** {@code images/import}. */
final class ImportResource {
    private final Region region;

    ImportResource(Region region) {
        this.region = region;
    }

    List<Route> routes(Executor threads, SlowWork slowWork) {
        Work status = (call, names) -> json(200, state(region.imports()));
        Work start = (call, names) -> json(202, ImportJson.of(region.imports().start()));
        Work stop =
                (call, names) -> json(200, Map.of("stopped", region.imports().stopEverywhere()));
        Work plan = (call, names) -> json(200, ImportJson.of(region.imports().preview()));
        return List.of(
                Route.of(
                        "images/import",
                        Map.of("GET", status.on(threads), "POST", start.on(threads), "DELETE", stop.on(threads))),
                Route.of("images/import/plan", Map.of("GET", slowWork.of(plan))));
    }

    /** The running or last import of this process, and whether another process imports. */
    static Map<String, Object> state(ImportService imports) throws DatabaseException {
        Map<String, Object> json =
                new LinkedHashMap<>(imports.status().map(ImportJson::of).orElse(Map.of("state", "idle")));
        if (imports.runsElsewhere()) {
            json.put("elsewhere", true);
        }
        return json;
    }
}
