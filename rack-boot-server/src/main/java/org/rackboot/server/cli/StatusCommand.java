package org.rackboot.server.cli;

import picocli.CommandLine.Command;
import tools.jackson.databind.JsonNode;

/** {@code rackboot status}. */
@Command(name = "status", description = "How the region is: sources, selections, images, the last import.")
final class StatusCommand extends ClientCommand {
    @Override
    int run(Client client) throws Exception {
        JsonNode status = client.get("status");
        if (json()) {
            printJson(status);
            return DONE;
        }
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
        status.path("warnings").forEach(warning -> out().println("warning     " + warning.asString()));
        return DONE;
    }
}
