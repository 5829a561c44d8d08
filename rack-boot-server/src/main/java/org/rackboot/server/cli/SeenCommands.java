package org.rackboot.server.cli;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;

/** The commands of {@code rackboot machines} about machines that asked and are not known. */
final class SeenCommands {
    private SeenCommands() {}

    @Command(name = "seen", description = "Unknown machines that asked racks for a configuration, the last one first.")
    static final class ListCommand extends ClientCommand {
        @Override
        int run(Client client) throws Exception {
            JsonNode machines = client.get("seen-machines");
            if (json()) {
                printJson(machines);
                return DONE;
            }
            if (machines.isEmpty()) {
                out().println("No unknown machine was seen.");
                return DONE;
            }
            Table table = new Table("MAC", "ARCH", "ADDRESS", "RACK", "LAST", "TIMES", "ASKED");
            for (JsonNode machine : machines) {
                table.add(
                        text(machine, "mac"),
                        text(machine, "arch"),
                        text(machine, "address"),
                        text(machine, "rack"),
                        text(machine, "last"),
                        Long.toString(machine.path("times").asLong(0)),
                        text(machine, "asked"));
            }
            table.print(out());
            return DONE;
        }
    }

    @Command(name = "adopt", description = "Makes machines known that were seen.")
    static final class AdoptCommand extends ClientCommand {
        @Parameters(arity = "1..*", paramLabel = "MAC", description = "as 'machines seen' shows it")
        @SuppressWarnings("NullAway.Init") // Set by picocli.
        private List<String> macs;

        @Option(names = "--name", paramLabel = "N", description = "a DNS label, of one machine alone")
        private @Nullable String name;

        @Override
        void check() throws Client.UsageException {
            if (name != null && macs.size() > 1) {
                throw new Client.UsageException("--name is one machine's; adopt them one by one, or without names");
            }
        }

        @Override
        int run(Client client) throws Exception {
            int code = DONE;
            ArrayNode all = JsonMapper.shared().createArrayNode();
            for (String mac : macs) {
                try {
                    Map<String, Object> body = new LinkedHashMap<>();
                    if (name != null) {
                        body.put("name", name);
                    }
                    JsonNode adopted = client.post("seen-machines/" + Client.segment(mac) + "/adopt", body);
                    all.add(adopted);
                    if (!json()) {
                        out().println("adopted " + text(adopted, "name"));
                    }
                } catch (Client.RefusedException e) { // The others are adopted all the same.
                    err().println("rackboot: " + e.getMessage());
                    code = FAILED;
                }
            }
            if (json()) {
                printJson(all);
            }
            return code;
        }
    }

    @Command(name = "forget", description = "Forgets machines that were seen, until they ask again.")
    static final class ForgetCommand extends ClientCommand {
        @Parameters(arity = "0..*", paramLabel = "MAC", description = "as 'machines seen' shows it")
        private @Nullable List<String> macs;

        @Option(names = "--all", description = "every one of them")
        private boolean all;

        @Override
        void check() throws Client.UsageException {
            if (all == (macs != null && !macs.isEmpty())) {
                throw new Client.UsageException("say which: MAC addresses, or --all");
            }
        }

        @Override
        int run(Client client) throws Exception {
            int forgotten = 0;
            int code = DONE;
            if (all) {
                forgotten = client.delete("seen-machines").path("forgotten").asInt(0);
            }
            for (String mac : macs == null ? List.<String>of() : macs) {
                try {
                    client.delete("seen-machines/" + Client.segment(mac));
                    forgotten++;
                } catch (Client.RefusedException e) { // The others are forgotten all the same.
                    err().println("rackboot: " + e.getMessage());
                    code = FAILED;
                }
            }
            if (json()) {
                printJson(JsonMapper.shared().createObjectNode().put("forgotten", forgotten));
            } else {
                out().println("forgot %d machine%s".formatted(forgotten, forgotten == 1 ? "" : "s"));
            }
            return code;
        }
    }

    private static String text(JsonNode node, String key) {
        return node.path(key).asString("");
    }
}
