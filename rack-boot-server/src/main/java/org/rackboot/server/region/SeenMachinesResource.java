package org.rackboot.server.region;

import static org.rackboot.server.region.ApiJson.body;
import static org.rackboot.server.region.ApiJson.json;
import static org.rackboot.server.region.ApiJson.textOrRefused;

import java.time.DateTimeException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Executor;
import org.rackboot.region.Racks;
import org.rackboot.region.Region;
import org.rackboot.region.Region.RefusedException;
import org.rackboot.region.SeenMachines;
import org.rackboot.region.SeenMachines.Sighting;
import org.rackboot.region.SeenMachines.Used;
import org.rackboot.region.machine.Machine;
import org.rackboot.region.store.DatabaseException;
import org.rackboot.server.http.HttpCall;
import org.rackboot.server.http.HttpReply;
import tools.jackson.databind.JsonNode;

/** {@code seen-machines}: who asked and is not known; and {@code racks/self/machines}, by which racks tell of machines. */
final class SeenMachinesResource {
    private static final int MAX_REPORT_BYTES = 512 << 10;

    private static final Keys ADOPT = Keys.of("name");

    private final SeenMachines seen;
    private final Racks racks;
    private final RackAccess access;

    SeenMachinesResource(Region region, RackAccess access) {
        this.seen = region.seenMachines();
        this.racks = region.racks();
        this.access = access;
    }

    List<Route> routes(Executor threads) {
        Work all = (call, names) ->
                json(200, seen.list().stream().map(MachineJson::of).toList());
        Work forgetAll = (call, names) -> json(200, Map.of("forgotten", seen.forgetAll()));
        Work forget = (call, names) -> forget(names.get(0));
        Work adopt = (call, names) -> adopt(call, names.get(0));
        Work report = (call, names) -> report(call);
        return List.of(
                Route.of("racks/self/machines", Map.of("POST", report.on(threads))),
                Route.of("seen-machines", Map.of("GET", all.on(threads), "DELETE", forgetAll.on(threads))),
                Route.of("seen-machines/{mac}", Map.of("DELETE", forget.on(threads))),
                Route.of("seen-machines/{mac}/adopt", Map.of("POST", adopt.on(threads))));
    }

    private HttpReply forget(String mac) throws RefusedException, DatabaseException {
        seen.forget(mac);
        return json(200, Map.of("mac", mac));
    }

    private HttpReply adopt(HttpCall call, String mac) throws RefusedException, DatabaseException {
        Optional<String> name = textOrRefused(ADOPT.body(call), "name");
        Machine machine = seen.adopt(mac, name);
        Audit.say(call, "adopted machine '%s': %s".formatted(machine.name(), MachineJson.brief(machine)));
        return json(201, MachineJson.of(machine));
    }

    private HttpReply report(HttpCall call) throws RefusedException, DatabaseException {
        if (call.body().length > MAX_REPORT_BYTES) {
            throw invalid("A report has %d bytes at most".formatted(MAX_REPORT_BYTES));
        }
        JsonNode body = body(call);
        String token = RackAccess.token(call).orElse("");
        Optional<String> rack = access.isOperators(token)
                ? Optional.of(textOrRefused(body, "name").orElse(""))
                : racks.bearer(token);
        if (rack.isEmpty()) {
            return RegionApi.stranger();
        }
        List<Sighting> sightings = new ArrayList<>();
        for (JsonNode each : list(body, "seen")) {
            sightings.add(sighting(each));
        }
        List<Used> used = new ArrayList<>();
        for (JsonNode each : list(body, "used")) {
            used.add(new Used(
                    textOrRefused(each, "machine").orElse(""),
                    number(each, "once").orElse(0L)));
        }
        seen.report(rack.get(), sightings, used, ApiJson.textsOrRefused(body, "netbootOff"));
        return json(200, Map.of());
    }

    private static Sighting sighting(JsonNode json) throws RefusedException {
        return new Sighting(
                textOrRefused(json, "mac").orElse(""),
                textOrRefused(json, "uuid").orElse(""),
                textOrRefused(json, "arch").orElse(""),
                textOrRefused(json, "address").orElse(""),
                textOrRefused(json, "asked").orElse(""),
                time(textOrRefused(json, "at").orElse("")),
                number(json, "times").orElse(1L));
    }

    private static Instant time(String text) throws RefusedException {
        try {
            return Instant.parse(text);
        } catch (DateTimeException e) {
            throw invalid("'at' is a time as 2026-01-01T00:00:00Z");
        }
    }

    /** Its elements; none if it is not there. */
    private static JsonNode list(JsonNode body, String key) throws RefusedException {
        JsonNode list = body.path(key);
        if (!list.isArray() && !list.isMissingNode()) {
            throw invalid("'%s' is no list".formatted(key));
        }
        if (list.size() > SeenMachines.MOST_AT_ONCE) { // Before anything is made of it.
            throw invalid("'%s' has more than %d".formatted(key, SeenMachines.MOST_AT_ONCE));
        }
        return list;
    }

    private static Optional<Long> number(JsonNode json, String key) throws RefusedException {
        JsonNode value = json.path(key);
        if (value.isMissingNode()) {
            return Optional.empty();
        }
        if (!value.isIntegralNumber() || !value.canConvertToLong()) {
            throw invalid("'%s' is no number".formatted(key));
        }
        return Optional.of(value.asLong());
    }

    private static RefusedException invalid(String message) {
        return new RefusedException(RefusedException.Kind.INVALID, message);
    }
}
