package org.rackboot.server.region;

import static org.rackboot.server.region.ApiJson.body;
import static org.rackboot.server.region.ApiJson.error;
import static org.rackboot.server.region.ApiJson.json;
import static org.rackboot.server.region.ApiJson.text;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.regex.Pattern;
import org.rackboot.region.Racks;
import org.rackboot.region.Region.RefusedException;
import org.rackboot.region.store.DatabaseException;
import org.rackboot.region.store.RackRepository.Rack;
import org.rackboot.region.store.RackRepository.Report;
import org.rackboot.server.http.HttpCall;
import org.rackboot.server.http.HttpReply;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.JsonNode;

/** {@code racks}: enrolment, revocation, what each has. */
final class RacksResource {
    private static final Logger LOG = LoggerFactory.getLogger(RacksResource.class);
    private static final int MAX_REPORT_BYTES = 4 << 20;
    private static final int MAX_CONTENTS = 40_000;
    private static final int MAX_LISTENERS = 64;
    private static final int MAX_TEXT = 200;
    private static final int MAX_WARNINGS = 32;
    private static final int MAX_WARNING = 1_000;
    private static final long MAX_CONTENT_BYTES = 1L << 50;
    private static final Pattern SHA256 = Pattern.compile("[0-9a-f]{64}");

    private final Racks racks;
    private final RackAccess access;
    private final String pin;

    /** @param pin what is added to a one-time token, by which a rack knows this region; may be empty */
    RacksResource(Racks racks, RackAccess access, String pin) {
        this.racks = racks;
        this.access = access;
        this.pin = pin;
    }

    List<Route> routes(Executor threads) {
        Work all = (call, names) -> json(200, list());
        Work expect = (call, names) -> expect(call);
        Work enrol = (call, names) -> enrol(call);
        Work report = (call, names) -> report(call);
        Work revoke = (call, names) -> revoke(call, names.get(0));
        return List.of(
                Route.of("racks", Map.of("GET", all.on(threads))),
                Route.of("racks/enrolments", Map.of("POST", expect.on(threads))),
                Route.of("racks/enrol", Map.of("POST", enrol.on(threads))),
                Route.of("racks/self", Map.of("PUT", report.on(threads))),
                Route.of("racks/{name}", Map.of("DELETE", revoke.on(threads))));
    }

    private HttpReply expect(HttpCall call) throws RefusedException, DatabaseException {
        JsonNode body = body(call);
        Duration life = body.path("seconds").isIntegralNumber()
                ? Duration.ofSeconds(body.path("seconds").asLong(0))
                : Racks.TOKEN_LIFE;
        Racks.Enrolment enrolment = racks.enrol(text(body, "name"), life);
        Audit.say(call, "lets a rack enrol as '%s' until %s".formatted(enrolment.name(), enrolment.expires()));
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("token", enrolment.token() + (pin.isEmpty() ? "" : "." + pin));
        json.put("name", enrolment.name());
        json.put("expires", enrolment.expires().toString());
        return json(201, json);
    }

    private HttpReply enrol(HttpCall call) throws RefusedException, DatabaseException {
        Optional<String> token = RackAccess.token(call).map(text -> text.replaceFirst("[.].*", ""));
        if (token.isEmpty() || !Racks.isSecret(token.get())) {
            return unusable();
        }
        JsonNode body = body(call);
        String host = bounded(text(body, "host").orElse(""), "host");
        Optional<Racks.Credential> credential = racks.redeem(
                token.get(),
                text(body, "key").orElse(""),
                host,
                bounded(text(body, "version").orElse(""), "version"));
        if (credential.isEmpty()) {
            LOG.warn(
                    "Somebody at {} brought a one-time token that is unknown, expired or used up",
                    call.remote().getAddress().getHostAddress());
            return unusable();
        }
        LOG.info(
                "Rack '{}' is enrolled: the machine {} at {}",
                credential.get().name(),
                host,
                call.remote().getAddress().getHostAddress());
        return json(
                201,
                Map.of(
                        "name",
                        credential.get().name(),
                        "credential",
                        credential.get().secret()));
    }

    private static HttpReply unusable() {
        return error(
                        401,
                        "This one-time token is unknown, expired or used up; make another: rackboot racks enrol, and start the"
                                + " rack with --token")
                .with("WWW-Authenticate", "Bearer");
    }

    private HttpReply report(HttpCall call) throws RefusedException, DatabaseException {
        if (call.body().length > MAX_REPORT_BYTES) {
            throw invalid("A report has %d bytes at most".formatted(MAX_REPORT_BYTES));
        }
        JsonNode body = body(call);
        List<String> listeners = new ArrayList<>();
        for (JsonNode listener : body.path("listeners")) {
            listeners.add(bounded(listener.asString(""), "listeners"));
        }
        if (listeners.size() > MAX_LISTENERS) {
            throw invalid("'listeners' has more than %d".formatted(MAX_LISTENERS));
        }
        List<String> warnings = new ArrayList<>();
        for (JsonNode warning : body.path("warnings")) {
            warnings.add(bounded(warning.asString(""), "warnings", MAX_WARNING));
        }
        if (warnings.size() > MAX_WARNINGS) {
            throw invalid("'warnings' has more than %d".formatted(MAX_WARNINGS));
        }
        Report report = new Report(
                bounded(text(body, "host").orElse(""), "host"),
                bounded(text(body, "version").orElse(""), "version"),
                body.path("catalogVersion").asLong(0),
                listeners,
                warnings,
                contents(body.path("contents")));
        String token = RackAccess.token(call).orElse("");
        if (access.isOperators(token)) {
            String name = text(body, "name").orElse("");
            return json(200, Map.of("name", name, "contentsKnown", racks.reportGuest(name, report)));
        }
        Optional<String> name = racks.bearer(token);
        return name.isPresent()
                ? json(200, Map.of("name", name.get(), "contentsKnown", racks.report(name.get(), report)))
                : RegionApi.stranger();
    }

    private static Optional<Map<String, Long>> contents(JsonNode json) throws RefusedException {
        if (!json.isObject()) {
            return Optional.empty();
        }
        if (json.size() > MAX_CONTENTS) {
            throw invalid("'contents' has more than %d".formatted(MAX_CONTENTS));
        }
        Map<String, Long> contents = new HashMap<>();
        for (Map.Entry<String, JsonNode> content : json.properties()) {
            long bytes = content.getValue().asLong(-1);
            if (!SHA256.matcher(content.getKey()).matches() || bytes < 0 || bytes > MAX_CONTENT_BYTES) {
                throw invalid("'contents' says bytes by sha256");
            }
            contents.put(content.getKey(), bytes);
        }
        return Optional.of(contents);
    }

    private static String bounded(String text, String key) throws RefusedException {
        return bounded(text, key, MAX_TEXT);
    }

    private static String bounded(String text, String key, int most) throws RefusedException {
        if (text.length() > most || text.chars().anyMatch(c -> c < ' ' || c > '~')) {
            throw invalid("'%s' is longer than %d characters, or not printable ASCII".formatted(key, most));
        }
        return text;
    }

    private static RefusedException invalid(String message) {
        return new RefusedException(RefusedException.Kind.INVALID, message);
    }

    private HttpReply revoke(HttpCall call, String name) throws RefusedException, DatabaseException {
        Optional<Racks.State> now = racks.revoke(name);
        access.forget();
        Audit.say(call, (now.isPresent() ? "revokes the rack '%s'" : "forgets the rack '%s'").formatted(name));
        return json(
                200, Map.of("name", name, "state", now.map(Racks.State::word).orElse("forgotten")));
    }

    List<Racks.Status> statuses() throws DatabaseException {
        return racks.list();
    }

    /** What racks that are there warn of. */
    static List<String> warnings(List<Racks.Status> statuses) {
        List<String> all = new ArrayList<>();
        for (Racks.Status status : statuses) {
            if (status.state() == Racks.State.IN_STEP || status.state() == Racks.State.BEHIND) {
                status.rack()
                        .report()
                        .warnings()
                        .forEach(each -> all.add("rack " + status.rack().name() + ": " + each));
            }
        }
        return all;
    }

    private List<Object> list() throws DatabaseException {
        List<Object> all = new ArrayList<>();
        for (Racks.Status status : racks.list()) {
            all.add(described(status));
        }
        return all;
    }

    private static Map<String, Object> described(Racks.Status status) {
        Rack rack = status.rack();
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("name", rack.name());
        json.put("state", status.state().word());
        json.put("access", rack.guest() ? "API token" : "credential");
        put(json, "enrolled", rack.enrolled());
        put(json, "revoked", rack.revoked());
        put(json, "lastContact", rack.contact());
        if (status.state() == Racks.State.EXPECTED || status.state() == Racks.State.EXPIRED) {
            json.put("expires", rack.expires().toString());
            return json;
        }
        json.put("host", rack.report().host());
        json.put("version", rack.report().version());
        json.put("catalogVersion", rack.report().catalogVersion());
        json.put("versionsBehind", status.versionsBehind());
        json.put("listeners", rack.report().listeners());
        json.put("warnings", rack.report().warnings());
        long bytes = 0;
        List<Object> images = new ArrayList<>();
        for (Racks.Held held : status.images()) {
            images.add(Map.of(
                    "name", held.image(),
                    "version", held.serial(),
                    "percent", held.percent(),
                    "bytes", held.bytes(),
                    "size", held.size()));
        }
        for (long each : rack.report().contents().orElse(Map.of()).values()) {
            bytes += each;
        }
        json.put("bytes", bytes);
        json.put("images", images);
        return json;
    }

    private static void put(Map<String, Object> json, String key, Optional<Instant> moment) {
        moment.ifPresent(at -> json.put(key, at.toString()));
    }
}
