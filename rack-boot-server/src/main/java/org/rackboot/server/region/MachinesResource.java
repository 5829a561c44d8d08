package org.rackboot.server.region;

import static org.rackboot.server.region.ApiJson.json;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.stream.Collectors;
import org.rackboot.region.Machines;
import org.rackboot.region.Machines.Description;
import org.rackboot.region.Machines.Problem;
import org.rackboot.region.Region;
import org.rackboot.region.Region.RefusedException;
import org.rackboot.region.machine.Machine;
import org.rackboot.region.store.DatabaseException;
import org.rackboot.server.http.HttpCall;
import org.rackboot.server.http.HttpReply;
import tools.jackson.databind.JsonNode;

/** {@code machines}: those that operators made known. */
final class MachinesResource {
    private static final int MAX_BODY_BYTES = 256 << 10;
    private static final int SHOWN_PROBLEMS = 1_000;

    private static final Keys KEYS = Keys.of(
            "name",
            "macs",
            "uuid",
            "arch",
            "loader",
            "tags",
            "addTags",
            "removeTags",
            "kernelOptions",
            "network",
            "netboot");

    /** Of what lists of machines say, what is assigned is no part of the machine. */
    private static final Keys IMPORTED = KEYS.passingOver("assignment", "once");

    private final Machines machines;
    private final BootWarnings boots;

    MachinesResource(Region region) {
        this.machines = region.machines();
        this.boots = new BootWarnings(machines, region.assignments());
    }

    List<Route> routes(Executor threads) {
        Work all = (call, names) ->
                json(200, machines(call).stream().map(MachineJson::of).toList());
        Work add = (call, names) -> json(201, withWarnings(machines.add(description(oneBody(call)))));
        Work addAll = (call, names) -> addAll(call);
        Work one = (call, names) -> json(200, MachineJson.of(machines.get(names.get(0))));
        Work update = (call, names) -> update(call, names.get(0));
        Work remove = (call, names) -> remove(call, names.get(0));
        return List.of(
                Route.of("machines", Map.of("GET", all.on(threads), "POST", add.on(threads))),
                Route.of("machines/import", Map.of("POST", addAll.on(threads))), // Before names: none is called so.
                Route.of(
                        "machines/{name}",
                        Map.of("GET", one.on(threads), "PATCH", update.on(threads), "DELETE", remove.on(threads))));
    }

    private List<Machine> machines(HttpCall call) throws DatabaseException {
        String tag = call.query().getOrDefault("tag", "");
        return tag.isEmpty() ? machines.list() : machines.tagged(tag);
    }

    private HttpReply addAll(HttpCall call) throws RefusedException, DatabaseException {
        JsonNode rows = ApiJson.array(call);
        if (rows.size() > Machines.MOST_AT_ONCE) { // Before anything is made of them.
            throw invalid("%d machines are too many at once; import %d at most, in several parts if need be"
                    .formatted(rows.size(), Machines.MOST_AT_ONCE));
        }
        List<Description> said = new ArrayList<>();
        List<Problem> unknown = new ArrayList<>();
        for (JsonNode row : rows) {
            said.add(description(row));
            IMPORTED.problems(row).forEach(problem -> unknown.add(new Problem(said.size(), problem)));
        }
        List<Problem> problems = machines.addAll(said, unknown);
        if (problems.isEmpty()) {
            Audit.say(call, "added %d machine%s".formatted(said.size(), said.size() == 1 ? "" : "s"));
            return json(201, added(said));
        }
        Map<String, Object> json = new LinkedHashMap<>();
        json.put(
                "error",
                "No machine was added; first put right: %d problem%s, the first in row %d: %s"
                        .formatted(
                                problems.size(),
                                problems.size() == 1 ? "" : "s",
                                problems.get(0).row(),
                                problems.get(0).text()));
        json.put(
                "problems",
                problems.stream()
                        .limit(SHOWN_PROBLEMS)
                        .map(MachinesResource::problem)
                        .toList());
        if (problems.size() > SHOWN_PROBLEMS) {
            json.put("more", problems.size() - SHOWN_PROBLEMS);
        }
        return json(400, json);
    }

    private static Map<String, Object> problem(Problem problem) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("row", problem.row());
        json.put("problem", problem.text());
        problem.sameAs().ifPresent(row -> json.put("sameAs", row));
        return json;
    }

    private HttpReply update(HttpCall call, String nameOrMac) throws RefusedException, DatabaseException {
        Description said = description(oneBody(call));
        Machine before = machines.get(nameOrMac);
        Machine after = machines.update(nameOrMac, said);
        Audit.say(
                call,
                "changed machine '%s': %s before, %s now"
                        .formatted(before.name(), MachineJson.brief(before), MachineJson.brief(after)));
        boolean maySay = said.boot().network().isPresent()
                || said.boot().tags().isPresent()
                || !said.boot().addTags().isEmpty()
                || !said.boot().removeTags().isEmpty()
                || said.arch().isPresent();
        return json(200, maySay ? withWarnings(after) : MachineJson.of(after));
    }

    private Map<String, Object> withWarnings(Machine machine) throws DatabaseException {
        Map<String, Object> json = MachineJson.of(machine);
        List<String> warnings = boots.ofMachines(List.of(machine));
        if (!warnings.isEmpty()) {
            json.put("warnings", warnings);
        }
        return json;
    }

    private Map<String, Object> added(List<Description> said) throws DatabaseException {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("added", said.size());
        if (said.stream().anyMatch(each -> each.boot().network().isPresent())) {
            Set<String> macs = said.stream()
                    .flatMap(each -> each.macs().orElse(List.of()).stream())
                    .flatMap(mac -> Machine.mac(mac).stream())
                    .collect(Collectors.toSet());
            List<String> warnings = boots.ofMachines(machines.list().stream()
                    .filter(machine -> macs.contains(machine.macs().get(0)))
                    .toList());
            if (!warnings.isEmpty()) {
                json.put("warnings", warnings);
            }
        }
        return json;
    }

    private HttpReply remove(HttpCall call, String nameOrMac) throws RefusedException, DatabaseException {
        Machine removed = machines.remove(nameOrMac);
        Audit.say(call, "removed machine '%s': %s".formatted(removed.name(), MachineJson.brief(removed)));
        return json(200, MachineJson.of(removed));
    }

    private static JsonNode oneBody(HttpCall call) throws RefusedException {
        if (call.body().length > MAX_BODY_BYTES) {
            throw invalid("A machine is described by %d bytes at most".formatted(MAX_BODY_BYTES));
        }
        return KEYS.body(call);
    }

    /** What is there and of another type than it should be is passed on as it is written, and refused as such. */
    private static Description description(JsonNode said) {
        if (!said.isObject()) {
            return new Description(
                    Optional.empty(),
                    Optional.of(List.of(words(said))),
                    Optional.empty(),
                    Optional.empty(),
                    Optional.empty());
        }
        return new Description(
                text(said, "name"),
                texts(said, "macs"),
                text(said, "uuid"),
                text(said, "arch"),
                text(said, "loader"),
                new Machines.Boot(
                        texts(said, "tags"),
                        texts(said, "addTags").orElse(List.of()),
                        texts(said, "removeTags").orElse(List.of()),
                        texts(said, "kernelOptions"),
                        text(said, "network"),
                        text(said, "netboot")));
    }

    private static Optional<List<String>> texts(JsonNode said, String key) {
        if (!said.has(key)) {
            return Optional.empty();
        }
        List<String> texts = new ArrayList<>();
        JsonNode given = said.path(key);
        if (given.isArray()) {
            given.forEach(each -> texts.add(words(each)));
        } else if (!given.isNull() || key.equals("macs")) {
            texts.add(words(given));
        }
        return Optional.of(texts);
    }

    private static Optional<String> text(JsonNode said, String key) {
        return said.has(key) ? Optional.of(words(said.path(key))) : Optional.empty();
    }

    /** {@code null} is an empty text: nothing, from now on. */
    private static String words(JsonNode value) {
        return value.isNull() ? "" : value.isString() ? value.asString() : value.toString();
    }

    private static RefusedException invalid(String message) {
        return new RefusedException(RefusedException.Kind.INVALID, message);
    }
}
