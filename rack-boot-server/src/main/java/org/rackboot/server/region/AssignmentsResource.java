package org.rackboot.server.region;

import static org.rackboot.server.region.ApiJson.json;
import static org.rackboot.server.region.ApiJson.textOrRefused;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executor;
import org.rackboot.region.Assignments;
import org.rackboot.region.KernelOptions;
import org.rackboot.region.Region;
import org.rackboot.region.Region.RefusedException;
import org.rackboot.region.machine.Tag;
import org.rackboot.region.store.AssignmentRepository.Assigned;
import org.rackboot.region.store.DatabaseException;
import org.rackboot.server.http.HttpCall;
import org.rackboot.server.http.HttpReply;
import tools.jackson.databind.JsonNode;

/** {@code assignments}: who boots what; and {@code tags} and {@code images/options}: what their kernels are given. */
final class AssignmentsResource {
    private static final int MAX_BODY_BYTES = 4 << 20;
    private static final int SHOWN_TARGETS = 20;
    private static final Keys ASSIGN = Keys.of(
            "targets", "purpose", "once", "image", "version", "cloudConfigUrl", "userData", "vendorData", "metadata");
    private static final Keys UNASSIGN = Keys.of("targets", "once");
    private static final Keys TAG = Keys.of("kernelOptions");
    private static final Keys IMAGE = Keys.of("image", "kernelOptions");

    private final Assignments assignments;
    private final BootWarnings boots;
    private final KernelOptions options;

    AssignmentsResource(Region region) {
        this.assignments = region.assignments();
        this.boots = new BootWarnings(region.machines(), region.assignments());
        this.options = region.kernelOptions();
    }

    List<Route> routes(Executor threads) {
        Work all = (call, names) ->
                json(200, assignments.list().stream().map(MachineJson::of).toList());
        Work assign = (call, names) -> assign(call);
        Work unassign = (call, names) -> unassign(call);
        Work tags = (call, names) -> json(
                200, options.tags().stream().map(AssignmentsResource::described).toList());
        Work setTag = (call, names) -> setTag(call, names.get(0));
        Work images = (call, names) -> json(
                200,
                options.images().entrySet().stream()
                        .map(each -> described(each.getKey().text(), each.getValue()))
                        .toList());
        Work setImage = (call, names) -> setImage(call);
        return List.of(
                Route.of(
                        "assignments",
                        Map.of("GET", all.on(threads), "POST", assign.on(threads), "DELETE", unassign.on(threads))),
                Route.of("tags", Map.of("GET", tags.on(threads))),
                Route.of("tags/{name}", Map.of("PATCH", setTag.on(threads))),
                Route.of("images/options", Map.of("GET", images.on(threads), "POST", setImage.on(threads))));
    }

    private HttpReply assign(HttpCall call) throws RefusedException, DatabaseException {
        JsonNode body = bounded(call, ASSIGN);
        boolean once = ApiJson.flagOrRefused(body, "once");
        Assignments.Wish wish = new Assignments.Wish(
                textOrRefused(body, "purpose").orElse(""),
                textOrRefused(body, "image"),
                textOrRefused(body, "version"),
                textOrRefused(body, "cloudConfigUrl"),
                textOrRefused(body, "userData"),
                textOrRefused(body, "vendorData"),
                ApiJson.flagOrRefused(body, "metadata"));
        Assignments.Result result = assignments.assign(ApiJson.textsOrRefused(body, "targets"), once, wish);
        Map<String, Object> first = MachineJson.of(result.assigned().get(0));
        first.keySet().removeAll(List.of("target", "once", "id"));
        Audit.say(call, "assigned to %s%s: %s".formatted(targets(result.assigned()), once ? " for once" : "", first));
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("assigned", result.assigned().stream().map(MachineJson::of).toList());
        List<String> warnings = new ArrayList<>(result.warnings());
        warnings.addAll(boots.ofAssigned(result.assigned()));
        json.put("warnings", warnings);
        return json(200, json);
    }

    private HttpReply unassign(HttpCall call) throws RefusedException, DatabaseException {
        JsonNode body = bounded(call, UNASSIGN);
        List<Assigned> removed =
                assignments.unassign(ApiJson.textsOrRefused(body, "targets"), ApiJson.flagOrRefused(body, "once"));
        if (!removed.isEmpty()) {
            Audit.say(call, "took away what was assigned to " + targets(removed));
        }
        return json(200, Map.of("removed", removed.stream().map(MachineJson::of).toList()));
    }

    private HttpReply setTag(HttpCall call, String name) throws RefusedException, DatabaseException {
        Tag tag = options.setTag(name, ApiJson.textsOrRefused(bounded(call, TAG), "kernelOptions"));
        Audit.say(call, "gave kernels of machines with the tag '%s' %s".formatted(tag.name(), tag.kernelOptions()));
        return json(200, described(tag));
    }

    private HttpReply setImage(HttpCall call) throws RefusedException, DatabaseException {
        JsonNode body = bounded(call, IMAGE);
        String image = textOrRefused(body, "image").orElse("");
        List<String> words = options.setImage(image, ApiJson.textsOrRefused(body, "kernelOptions"));
        Audit.say(call, "gave kernels of images %s %s".formatted(image, words));
        return json(200, described(image, words));
    }

    private static JsonNode bounded(HttpCall call, Keys keys) throws RefusedException {
        if (call.body().length > MAX_BODY_BYTES) {
            throw new RefusedException(
                    RefusedException.Kind.INVALID,
                    "An assignment is said in %d bytes at most".formatted(MAX_BODY_BYTES));
        }
        return keys.body(call);
    }

    private static String targets(List<Assigned> assigned) {
        List<String> some = assigned.stream()
                .map(each -> each.target().text())
                .distinct()
                .limit(SHOWN_TARGETS)
                .toList();
        int more = assigned.size() - some.size();
        return String.join(", ", some) + (more > 0 ? " and %d more".formatted(more) : "");
    }

    private static Map<String, Object> described(Tag tag) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("name", tag.name());
        json.put("kernelOptions", tag.kernelOptions());
        return json;
    }

    private static Map<String, Object> described(String image, List<String> words) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("image", image);
        json.put("kernelOptions", words);
        return json;
    }
}
