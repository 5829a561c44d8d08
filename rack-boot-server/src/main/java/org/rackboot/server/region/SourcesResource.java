package org.rackboot.server.region;

import static org.rackboot.server.region.ApiJson.body;
import static org.rackboot.server.region.ApiJson.flag;
import static org.rackboot.server.region.ApiJson.json;
import static org.rackboot.server.region.ApiJson.keyring;
import static org.rackboot.server.region.ApiJson.text;

import java.net.URI;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Executor;
import org.rackboot.region.Region;
import org.rackboot.region.Region.RefusedException;
import org.rackboot.region.source.BootSource;
import org.rackboot.region.source.SourceStatus;
import org.rackboot.region.store.DatabaseException;
import org.rackboot.region.store.SourceRepository;
import org.rackboot.region.sync.SourceOffer;
import org.rackboot.server.http.HttpCall;
import org.rackboot.server.http.HttpReply;
import tools.jackson.databind.JsonNode;

/** {@code sources}. */
final class SourcesResource {
    private final Region region;

    SourcesResource(Region region) {
        this.region = region;
    }

    List<Route> routes(Executor threads, SlowWork slowWork) {
        Work all = (call, names) -> json(200, sources());
        Work add = (call, names) -> addSource(call);
        Work probe = (call, names) -> probe(call);
        Work one = (call, names) -> json(200, source(region.sourceStatus(names.get(0))));
        Work update = (call, names) -> updateSource(call, names.get(0));
        Work remove = (call, names) -> removeSource(call, names.get(0));
        return List.of(
                Route.of("sources", Map.of("GET", all.on(threads), "POST", add.on(threads))),
                Route.of("sources/probe", Map.of("POST", slowWork.of(probe))),
                Route.of(
                        "sources/{id}",
                        Map.of("GET", one.on(threads), "PATCH", update.on(threads), "DELETE", remove.on(threads))));
    }

    List<Map<String, Object>> sources() throws DatabaseException {
        List<Map<String, Object>> all = new ArrayList<>();
        for (SourceStatus status : region.sources()) {
            all.add(source(status));
        }
        return all;
    }

    private Map<String, Object> source(SourceStatus status) throws DatabaseException {
        BootSource source = status.source();
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("id", source.id());
        json.put("name", source.name());
        json.put("url", source.url().toString());
        json.put("priority", source.priority());
        json.put("enabled", status.usable());
        json.put("unsigned", source.unsigned());
        json.put("fingerprints", status.fingerprints());
        if (!source.access().mirrors().isEmpty()) {
            json.put(
                    "mirrors",
                    source.access().mirrors().stream().map(URI::toString).toList());
        }
        source.access().start().ifPresent(start -> json.put("start", start));
        source.access().proxy().ifPresent(proxy -> json.put("proxy", proxy.toString()));
        source.access().caCertificates().ifPresent(pem -> json.put("caCertificates", pem));
        status.problem().ifPresent(problem -> json.put("problem", problem));
        json.put("warnings", region.warnings());
        return json;
    }

    private HttpReply addSource(HttpCall call) throws RefusedException, DatabaseException {
        SourceStatus added = region.addSource(change(body(call)));
        if (added.source().unsigned()) {
            Audit.say(call, "added source '%s' without a keyring: nothing of it is verified".formatted(name(added)));
        }
        return json(201, source(added));
    }

    private HttpReply updateSource(HttpCall call, String name) throws RefusedException, DatabaseException {
        JsonNode body = body(call);
        Region.SourceChange change = change(body);
        boolean acceptOlder = body.path("acceptOlder").asBoolean(false);
        List<String> before = region.sourceStatus(name).fingerprints();
        SourceStatus updated = region.updateSource(name, change, acceptOlder);
        if (acceptOlder) {
            Audit.say(call, "lets source '%s' be older than what was accepted before".formatted(name(updated)));
        }
        if (updated.source().unsigned() && change.unsigned().isPresent()) {
            Audit.say(call, "took the keyring of source '%s': nothing of it is verified".formatted(name(updated)));
        }
        Map<String, Object> json = source(updated);
        if (!updated.fingerprints().equals(before)) { // S-54
            Audit.say(
                    call,
                    "changed who signs source '%s': %s before, %s now"
                            .formatted(name(updated), before, updated.fingerprints()));
            json.put("fingerprintsBefore", before);
        }
        return json(200, json);
    }

    private static String name(SourceStatus status) {
        return status.source().name();
    }

    private HttpReply removeSource(HttpCall call, String name) throws RefusedException, DatabaseException {
        String images = call.query().getOrDefault("images", "keep");
        if (!images.equals("keep") && !images.equals("delete")) {
            throw new RefusedException(RefusedException.Kind.INVALID, "'images' is keep or delete");
        }
        SourceRepository.Removed removed = region.removeSource(name, images.equals("delete"));
        Audit.say(
                call,
                "removed source '%s'; its images were %s"
                        .formatted(name, images.equals("delete") ? "deleted" : "kept"));
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("removed", name);
        json.put("images", removed.images());
        json.put("versions", removed.versions());
        json.put("size", removed.bytes());
        json.put("imagesDeleted", images.equals("delete"));
        return json(200, json);
    }

    private HttpReply probe(HttpCall call) throws RefusedException, DatabaseException, InterruptedException {
        JsonNode body = body(call);
        Optional<String> known = text(body, "source");
        SourceOffer offer = region.probe(known, change(body));
        List<Map<String, Object>> images = new ArrayList<>();
        for (SourceOffer.Offered offered : offer.images()) {
            Map<String, Object> image = ImageJson.describe(offered.image());
            image.put("version", offered.newestSerial());
            image.put("versions", offered.versions());
            image.put("size", offered.bytes());
            images.add(image);
        }
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("images", images);
        json.put("warnings", offer.warnings());
        json.put("problem", offer.problem());
        return json(200, json);
    }

    private static Region.SourceChange change(JsonNode body) throws RefusedException {
        Optional<List<String>> mirrors = Optional.empty();
        if (body.path("mirrors").isArray()) {
            List<String> all = new ArrayList<>();
            body.path("mirrors").forEach(mirror -> all.add(mirror.asString("")));
            mirrors = Optional.of(all);
        }
        return new Region.SourceChange(
                text(body, "url"),
                text(body, "name"),
                keyring(body),
                flag(body, "unsigned"),
                body.path("priority").isInt()
                        ? Optional.of(body.path("priority").asInt())
                        : Optional.empty(),
                flag(body, "enabled"),
                mirrors,
                text(body, "proxy"),
                text(body, "caCertificates"));
    }
}
