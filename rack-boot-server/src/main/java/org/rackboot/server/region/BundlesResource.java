package org.rackboot.server.region;

import static org.rackboot.server.region.ApiJson.body;
import static org.rackboot.server.region.ApiJson.flag;
import static org.rackboot.server.region.ApiJson.json;
import static org.rackboot.server.region.ApiJson.keyring;
import static org.rackboot.server.region.ApiJson.offset;
import static org.rackboot.server.region.ApiJson.text;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executor;
import org.rackboot.region.Bundles;
import org.rackboot.region.Region.RefusedException;
import org.rackboot.server.http.HttpCall;
import org.rackboot.server.http.HttpReply;
import tools.jackson.databind.JsonNode;

/** {@code bundles}. */
final class BundlesResource {
    private final Bundles bundles;

    BundlesResource(Bundles bundles) {
        this.bundles = bundles;
    }

    List<Route> routes(Executor threads) {
        Work begin = (call, names) -> begin(call);
        Work receive = (call, names) ->
                json(200, received(bundles.receive(names.get(0), offset(call), ByteBuffer.wrap(call.body()))));
        Work remove = (call, names) -> {
            bundles.delete(names.get(0));
            return json(200, Map.of("removed", names.get(0)));
        };
        Work take = (call, names) -> take(call, names.get(0));
        return List.of(
                Route.of("bundles", Map.of("POST", begin.on(threads))),
                Route.of("bundles/{id}", Map.of("PUT", receive.on(threads), "DELETE", remove.on(threads))),
                Route.of("bundles/{id}/import", Map.of("POST", take.on(threads))));
    }

    private HttpReply begin(HttpCall call) throws RefusedException, IOException {
        JsonNode body = body(call);
        return json(
                201,
                received(bundles.begin(
                        text(body, "sha256").orElse(""), body.path("size").asLong(0))));
    }

    private HttpReply take(HttpCall call, String id) throws RefusedException, IOException, InterruptedException {
        JsonNode body = body(call);
        boolean acceptOlder = flag(body, "acceptOlder").orElse(false);
        if (acceptOlder) {
            Audit.say(call, "lets a bundle be older than what was accepted before");
        }
        Bundles.Terms terms = new Bundles.Terms(
                text(body, "name").orElse("bundle"),
                keyring(body),
                flag(body, "unsigned").orElse(false),
                acceptOlder,
                flag(body, "select").orElse(true));
        return json(202, ImportJson.of(bundles.take(id, terms)));
    }

    private static Map<String, Object> received(Bundles.Received received) {
        return Map.of("id", received.id(), "offset", received.offset());
    }
}
