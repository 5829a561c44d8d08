package org.rackboot.server.region;

import static org.rackboot.server.region.ApiJson.body;
import static org.rackboot.server.region.ApiJson.json;
import static org.rackboot.server.region.ApiJson.text;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executor;
import org.rackboot.region.Region;
import org.rackboot.region.Region.RefusedException;
import org.rackboot.region.source.Selection;
import org.rackboot.region.store.DatabaseException;
import org.rackboot.server.http.HttpCall;
import org.rackboot.server.http.HttpReply;
import tools.jackson.databind.JsonNode;

/** {@code selections}. */
final class SelectionsResource {
    private final Region region;

    SelectionsResource(Region region) {
        this.region = region;
    }

    List<Route> routes(Executor threads) {
        Work all = (call, names) -> json(200, selections());
        Work add = (call, names) -> addSelection(call);
        Work remove = (call, names) -> removeSelection(call);
        return List.of(Route.of(
                "selections", Map.of("GET", all.on(threads), "POST", add.on(threads), "DELETE", remove.on(threads))));
    }

    private List<Map<String, Object>> selections() throws DatabaseException {
        return region.selections().stream().map(SelectionsResource::selection).toList();
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
        Selection selection = selection(body(call));
        boolean added = region.addSelection(selection);
        return json(added ? 201 : 200, selection(selection));
    }

    private HttpReply removeSelection(HttpCall call) throws RefusedException, DatabaseException {
        Selection selection = selection(body(call));
        region.removeSelection(selection);
        return json(200, selection(selection));
    }

    private static Selection selection(JsonNode body) {
        return new Selection(
                0,
                text(body, "os").orElse(""),
                text(body, "release").orElse(""),
                text(body, "arch").orElse(""),
                text(body, "subarch").orElse(Selection.ANY),
                text(body, "label").orElse(Selection.ANY));
    }
}
