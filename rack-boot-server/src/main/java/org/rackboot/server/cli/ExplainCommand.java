package org.rackboot.server.cli;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import tools.jackson.databind.JsonNode;

/** {@code rackboot explain}: nothing is changed by asking. */
@Command(
        name = "explain",
        description = "What a machine would be given by this rack now, name by name, and on whose word.")
final class ExplainCommand extends ClientCommand {
    @Option(names = "--mac", paramLabel = "MAC", description = "of the machine; --path can do without")
    private @Nullable String mac;

    @Option(
            names = "--arch",
            paramLabel = "N",
            description =
                    "DHCP's architecture type (0 BIOS, 7 x64 UEFI, 11 arm64 UEFI, 16 x64 UEFI HTTP), or amd64, arm64,"
                            + " ppc64el, …; default: the machine's")
    private @Nullable String arch;

    @Option(
            names = "--loader",
            paramLabel = "L",
            description = "firmware (default), or ipxe for a machine that is iPXE already")
    private @Nullable String loader;

    @Option(
            names = "--uuid",
            paramLabel = "UUID",
            description = "of the machine's SMBIOS; default: the one that is recorded")
    private @Nullable String uuid;

    @Option(names = "--address", paramLabel = "IP", description = "of the machine, for assignments by subnet")
    private @Nullable String address;

    @Option(names = "--rack", paramLabel = "IP", description = "of this rack, as the machine reaches it")
    private @Nullable String rack;

    @Option(
            names = "--path",
            paramLabel = "NAME",
            description = "only what this name is answered with, by TFTP and HTTP")
    private @Nullable String path;

    @Override
    void check() throws Client.UsageException {
        if (mac == null && path == null) {
            throw new Client.UsageException("say which machine (--mac MAC), or which name (--path NAME)");
        }
    }

    @Override
    int run(Client client) throws Exception {
        Map<String, String> query = new LinkedHashMap<>();
        put(query, "mac", mac);
        put(query, "arch", arch);
        put(query, "loader", loader);
        put(query, "uuid", uuid);
        put(query, "address", address);
        put(query, "rack", rack);
        put(query, "path", path);
        JsonNode answer = client.get("explain?"
                + query.entrySet().stream()
                        .map(each -> each.getKey() + "=" + Client.segment(each.getValue()))
                        .collect(Collectors.joining("&")));
        if (json()) {
            printJson(answer);
        } else if (path != null) {
            printName(answer);
        } else {
            printWalk(answer);
        }
        return DONE;
    }

    private static void put(Map<String, String> query, String key, @Nullable String value) {
        if (value != null) {
            query.put(key, value);
        }
    }

    private void printName(JsonNode answer) {
        JsonNode tftp = answer.path("tftp");
        JsonNode http = answer.path("http");
        if (tftp.equals(http)) {
            out().println("tftp and http: " + summary(tftp));
            printDetails(tftp);
            return;
        }
        out().println("tftp: " + summary(tftp));
        printDetails(tftp);
        out().println("http: " + summary(http));
        printDetails(http);
    }

    private void printDetails(JsonNode answer) {
        if (answer.has("decision")) {
            printDecision(answer.path("decision"));
        }
        printText(answer);
    }

    private void printWalk(JsonNode walk) {
        out().println("machine     " + walk.path("machine").asString("(nobody knows it)") + " "
                + walk.path("mac").asString());
        out().println("firmware    %s (architecture type %d)"
                .formatted(
                        walk.path("architectureName").asString(),
                        walk.path("architecture").asInt()));
        JsonNode offer = walk.path("offer");
        out().println("offer       "
                + (offer.has("file") ? named(offer.path("file").asString()) : "none"));
        if (offer.has("remark")) {
            out().println("            " + offer.path("remark").asString());
        }
        if (walk.has("decision")) {
            printDecision(walk.path("decision"));
        }
        out().println();
        for (JsonNode step : walk.path("steps")) {
            out().println(step.path("who").asString() + " asks "
                    + step.path("url").asString() + ": " + summary(step));
            printText(step);
        }
        for (JsonNode reason : walk.path("missing")) {
            out().println("missing     " + reason.asString());
        }
        if (walk.path("boots").asBoolean()) {
            out().println("nothing is missing");
        }
    }

    private static String named(String file) {
        return file.isEmpty() ? "this server; the machine knows its files' names" : file;
    }

    private void printDecision(JsonNode decision) {
        out().println("purpose     " + decision.path("purpose").asString() + ", by "
                + decision.path("by").asString() + (decision.path("once").asBoolean() ? " (once)" : ""));
        if (decision.path("image").isString()) {
            out().println("image       " + decision.path("image").asString());
        }
        if (decision.has("bootedImage")) {
            out().println("booted      " + decision.path("bootedImage").asString());
        }
        if (decision.has("reason")) {
            out().println("reason      " + decision.path("reason").asString());
        }
        decision.path("notes").forEach(note -> out().println("note        " + note.asString()));
        decision.path("kernelOptions").properties().forEach(each -> {
            StringBuilder words = new StringBuilder();
            each.getValue().forEach(word -> words.append(' ').append(word.asString()));
            out().println("options    " + words + "  (" + each.getKey() + ")");
        });
    }

    private static String summary(JsonNode answer) {
        return switch (answer.path("answer").asString()) {
            case "content" ->
                "%d B, sha256 %s"
                        .formatted(
                                answer.path("size").asLong(),
                                answer.path("sha256").asString());
            case "text" -> answer.path("size").asLong() + " B, made for it:";
            case "empty" -> "an empty file";
            default ->
                answer.path("answer").asString() + " (" + answer.path("reason").asString() + ")";
        };
    }

    private void printText(JsonNode answer) {
        if (answer.has("text")) {
            answer.path("text").asString().lines().forEach(line -> out().println("    " + line));
        }
    }
}
