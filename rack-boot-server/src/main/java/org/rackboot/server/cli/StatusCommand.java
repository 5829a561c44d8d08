package org.rackboot.server.cli;

import picocli.CommandLine.Command;
import tools.jackson.databind.JsonNode;

/** {@code rackboot status}. */
@Command(
        name = "status",
        description = {
            "How the region is: sources, selections, images, the last import, racks.",
            "Asked of a rack on its own, how that is: region, catalog, cache, listeners."
        })
final class StatusCommand extends ClientCommand {
    @Override
    int run(Client client) throws Exception {
        JsonNode status = client.get("status");
        if (json()) {
            printJson(status);
        } else if (status.path("role").asString("").equals("rack")) {
            printRack(status);
        } else {
            printRegion(status);
        }
        return DONE;
    }

    private void printRack(JsonNode status) {
        JsonNode region = status.path("region");
        String urls = String.join(
                ", ", region.path("urls").valueStream().map(JsonNode::asString).toList());
        out().println("role        rack, version " + status.path("version").asString());
        out().println("region      %s: %s"
                .formatted(
                        urls,
                        region.path("inStep").asBoolean()
                                ? "in step"
                                : "not in step: " + region.path("problem").asString()));
        out().println("catalog     "
                + (status.has("catalogAgeSeconds")
                        ? "version %d, which the region confirmed %d s ago"
                                .formatted(
                                        status.path("catalogVersion").asLong(),
                                        status.path("catalogAgeSeconds").asLong())
                        : "none yet"));
        JsonNode cache = status.path("cache");
        out().println("cache       disk %s, memory %s; %d fetches running, %d waiting"
                .formatted(
                        used(cache.path("disk")),
                        used(cache.path("memory")),
                        cache.path("fills").path("active").asInt(),
                        cache.path("fills").path("waiting").asInt()));
        status.path("listeners").forEach(listener -> out().println("listener    " + listener.asString()));
        status.path("warnings").forEach(warning -> out().println("warning     " + warning.asString()));
    }

    private static String used(JsonNode tier) {
        return "%s of %s"
                .formatted(
                        Table.bytes(tier.path("bytes").asLong()),
                        Table.bytes(tier.path("limit").asLong()));
    }

    private void printRegion(JsonNode status) {
        for (JsonNode source : status.path("sources")) {
            out().println("source      %s: %s"
                    .formatted(
                            source.path("name").asString(),
                            source.has("problem")
                                    ? source.path("problem").asString()
                                    : source.path("enabled").asBoolean() ? "enabled" : "disabled"));
        }
        out().println("selections  " + status.path("selections").asInt());
        out().println("versions    " + status.path("versions").asInt());
        JsonNode last = status.path("import");
        out().println("import      " + last.path("state").asString()
                + (last.has("ended") ? ", ended " + last.path("ended").asString() : "")
                + (last.has("elsewhere") ? "; another region process imports" : ""));
        last.path("problems").forEach(problem -> out().println("            " + problem.asString()));
        JsonNode racks = status.path("racks");
        out().println("racks       %d, %d of them in step"
                .formatted(racks.path("total").asInt(), racks.path("inStep").asInt()));
        status.path("warnings").forEach(warning -> out().println("warning     " + warning.asString()));
    }
}
