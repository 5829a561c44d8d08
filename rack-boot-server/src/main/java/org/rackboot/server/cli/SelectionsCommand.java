package org.rackboot.server.cli;

import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import tools.jackson.databind.JsonNode;

/** {@code rackboot selections}. */
@Command(
        name = "selections",
        description = "Selections: which images are imported. Bootloaders always are.",
        subcommands = {
            SelectionsCommand.ListCommand.class,
            SelectionsCommand.AddCommand.class,
            SelectionsCommand.RemoveCommand.class
        })
final class SelectionsCommand {

    @Command(name = "list", description = "All selections.")
    static final class ListCommand extends ClientCommand {
        @Override
        int run(Client client) throws Exception {
            JsonNode selections = client.get("selections");
            if (json()) {
                printJson(selections);
                return DONE;
            }
            if (selections.isEmpty()) {
                out().println("Nothing is selected. For example:"
                        + " rackboot selections add --os ubuntu --release noble --arch amd64");
                return DONE;
            }
            Table table = new Table("OS", "RELEASE", "ARCH", "SUBARCH", "LABEL");
            for (JsonNode selection : selections) {
                table.add(
                        selection.path("os").asString(),
                        selection.path("release").asString(),
                        selection.path("arch").asString(),
                        selection.path("subarch").asString(),
                        selection.path("label").asString());
            }
            table.print(out());
            return DONE;
        }
    }

    /** A command about one selection, or one for each kernel. */
    abstract static class OneCommand extends ClientCommand {
        @Option(names = "--os", required = true, paramLabel = "OS", description = "ubuntu, centos, …")
        @SuppressWarnings("NullAway.Init") // Set by picocli.
        private String os;

        @Option(names = "--release", required = true, paramLabel = "R", description = "noble, centos70, …")
        @SuppressWarnings("NullAway.Init") // Set by picocli.
        private String release;

        @Option(names = "--arch", required = true, paramLabel = "A", description = "amd64, arm64, ppc64el, …")
        @SuppressWarnings("NullAway.Init") // Set by picocli.
        private String arch;

        @Option(
                names = "--subarch",
                paramLabel = "S",
                description = "kernel: ga-24.04, hwe-24.04, hwe-24.04-lowlatency, … may be repeated (default: all)")
        private String @Nullable [] subarchs;

        @Option(names = "--label", paramLabel = "L", description = "stable, candidate (default: any)")
        private @Nullable String label;

        abstract JsonNode ask(Client client, Map<String, Object> selection) throws Exception;

        abstract String done();

        @Override
        int run(Client client) throws Exception {
            String[] kernels = subarchs == null ? new String[] {"*"} : subarchs;
            for (String kernel : kernels) {
                Map<String, Object> body = new LinkedHashMap<>();
                body.put("os", os);
                body.put("release", release);
                body.put("arch", arch);
                body.put("subarch", kernel);
                body.put("label", label == null ? "*" : label);
                JsonNode answer = ask(client, body);
                if (json()) {
                    printJson(answer);
                } else {
                    out().println("%s %s/%s/%s%s"
                            .formatted(done(), os, release, arch, kernel.equals("*") ? "" : "/" + kernel));
                }
            }
            return DONE;
        }
    }

    @Command(name = "add", description = "Selects images; '*' stands for any. Then: rackboot images import --wait")
    static final class AddCommand extends OneCommand {
        @Override
        JsonNode ask(Client client, Map<String, Object> selection) throws Exception {
            return client.post("selections", selection);
        }

        @Override
        String done() {
            return "selected";
        }
    }

    @Command(name = "remove", description = "Forgets a selection, as it was added. Its images go with the next import.")
    static final class RemoveCommand extends OneCommand {
        @Override
        JsonNode ask(Client client, Map<String, Object> selection) throws Exception {
            return client.delete("selections", selection);
        }

        @Override
        String done() {
            return "no longer selected:";
        }
    }
}
