package org.rackboot.server.region;

import static org.rackboot.server.region.ApiJson.body;
import static org.rackboot.server.region.ApiJson.json;
import static org.rackboot.server.region.ApiJson.text;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executor;
import org.rackboot.region.Region;
import org.rackboot.region.Region.RefusedException;
import org.rackboot.region.catalog.Served;
import org.rackboot.region.store.DatabaseException;
import org.rackboot.region.store.ImageRepository.Version;
import org.rackboot.region.sync.ImportProgress.State;
import org.rackboot.server.http.HttpCall;
import org.rackboot.server.http.HttpReply;
import tools.jackson.databind.JsonNode;

/** {@code images}: what is published, and which version machines get. */
final class ImagesResource {
    private final Region region;

    ImagesResource(Region region) {
        this.region = region;
    }

    List<Route> routes(Executor threads) {
        Work all = (call, names) ->
                json(200, images(call.query().getOrDefault("unpublished", "").equals("true")));
        Work pin = (call, names) -> pin(call);
        Work unpin = (call, names) -> unpin(call);
        Work rollback = (call, names) -> rollback(call);
        Work delete = (call, names) -> delete(call);
        return List.of(
                Route.of("images", Map.of("GET", all.on(threads))),
                Route.of("images/pin", Map.of("POST", pin.on(threads))),
                Route.of("images/unpin", Map.of("POST", unpin.on(threads))),
                Route.of("images/rollback", Map.of("POST", rollback.on(threads))),
                Route.of("images/delete", Map.of("POST", delete.on(threads))));
    }

    private List<Map<String, Object>> images(boolean unpublished) throws DatabaseException {
        Map<String, String> baseImages = region.baseImages();
        List<Map<String, Object>> all = new ArrayList<>();
        for (Served served : Served.of(region.versions())) {
            Map<String, Object> json = ImageJson.of(served);
            String baseImage = baseImages.get(served.version().image().product());
            if (baseImage != null) {
                json.put("baseImage", baseImage);
            }
            all.add(json);
        }
        if (unpublished) {
            all.addAll(unpublished());
        }
        return all;
    }

    /** What the running or last import is still about, or did not bring. */
    private List<Map<String, Object>> unpublished() {
        return region.imports().status().stream()
                .flatMap(status -> status.progress().versions().stream())
                .filter(version -> version.state() != State.SYNCED)
                .map(version -> {
                    Map<String, Object> json = ImageJson.describe(version.image());
                    json.putAll(ImportJson.version(version));
                    json.put("served", false);
                    json.put("pinned", false);
                    json.put("artifacts", List.of());
                    return json;
                })
                .toList();
    }

    private HttpReply pin(HttpCall call) throws RefusedException, DatabaseException {
        JsonNode body = body(call);
        return json(200, outcome("pinned", region.pin(image(body), text(body, "version"))));
    }

    private HttpReply unpin(HttpCall call) throws RefusedException, DatabaseException {
        return json(200, outcome("serves", region.unpin(image(body(call)))));
    }

    private HttpReply rollback(HttpCall call) throws RefusedException, DatabaseException {
        return json(200, outcome("pinned", region.rollback(image(body(call)))));
    }

    private HttpReply delete(HttpCall call) throws RefusedException, DatabaseException {
        JsonNode body = body(call);
        List<Version> deleted = region.delete(image(body), text(body, "version"));
        deleted.forEach(version ->
                Audit.say(call, "deleted %s %s".formatted(version.image().name(), version.serial())));
        return json(
                200,
                Map.of(
                        "name",
                        image(body),
                        "deleted",
                        deleted.stream().map(Version::serial).toList()));
    }

    private static String image(JsonNode body) throws RefusedException {
        return text(body, "name")
                .orElseThrow(() -> new RefusedException(
                        RefusedException.Kind.INVALID, "Say which image: {\"name\": \"ubuntu/noble/amd64/ga-24.04\"}"));
    }

    private static Map<String, Object> outcome(String key, Version version) {
        return Map.of("name", version.image().name(), key, version.serial());
    }
}
