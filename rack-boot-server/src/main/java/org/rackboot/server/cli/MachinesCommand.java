package org.rackboot.server.cli;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;

/** {@code rackboot machines}. */
@Command(
        name = "machines",
        description = "Machines that are known, what they boot, and unknown ones that asked.",
        subcommands = {
            MachinesCommand.ListCommand.class,
            MachinesCommand.AddCommand.class,
            MachinesCommand.UpdateCommand.class,
            MachinesCommand.RemoveCommand.class,
            MachinesCommand.ImportCommand.class,
            AssignCommands.AssignCommand.class,
            AssignCommands.UnassignCommand.class,
            AssignCommands.ListCommand.class,
            MachinesCommand.NetbootCommand.class,
            KernelOptionsCommand.OfTags.class,
            SeenCommands.ListCommand.class,
            SeenCommands.AdoptCommand.class,
            SeenCommands.ForgetCommand.class
        })
final class MachinesCommand {
    private static final String WHICH = "its name, or one of its MAC addresses";

    @Command(name = "list", description = "All machines that are known, and what each was assigned itself.")
    static final class ListCommand extends ClientCommand {
        @Option(names = "--tag", paramLabel = "T", description = "those with this tag alone")
        private @Nullable String tag;

        @Override
        int run(Client client) throws Exception {
            JsonNode machines = client.get(tag == null ? "machines" : "machines?tag=" + Client.segment(tag));
            if (json()) {
                printJson(machines);
                return DONE;
            }
            if (machines.isEmpty() && tag != null) {
                out().println("No machine has the tag '%s'".formatted(tag));
                return DONE;
            }
            if (machines.isEmpty()) {
                out().println("No machine is known; all boot as unknown ones do. For example:"
                        + " rackboot machines add --mac 52:54:00:12:34:56 --arch amd64");
                return DONE;
            }
            Table table = new Table("MACHINE", "ARCH", "LOADER", "BOOTS", "TAGS", "MAC", "UUID");
            for (JsonNode machine : machines) {
                table.add(
                        text(machine, "name"),
                        text(machine, "arch"),
                        text(machine, "loader"),
                        boots(machine),
                        joined(machine, "tags"),
                        joined(machine, "macs"),
                        text(machine, "uuid"));
            }
            table.print(out());
            return DONE;
        }

        /** What it was assigned itself: {@code once rescue, then install ubuntu/noble}. */
        private static String boots(JsonNode machine) {
            String always = AssignCommands.describe(machine.path("assignment"));
            String once = AssignCommands.describe(machine.path("once"));
            String assigned = once.isEmpty() ? always : "once " + once + (always.isEmpty() ? "" : ", then " + always);
            boolean off = !machine.path("netboot").asBoolean(true);
            return off ? "netboot off" + (assigned.isEmpty() ? "" : " (" + assigned + ")") : assigned;
        }
    }

    @Command(name = "add", description = "Makes a machine known.")
    static final class AddCommand extends ClientCommand {
        @Option(
                names = "--mac",
                required = true,
                split = ",",
                paramLabel = "MAC",
                description = "of a network card: 52:54:00:12:34:56; may be repeated")
        @SuppressWarnings("NullAway.Init") // Set by picocli.
        private List<String> macs;

        @Option(names = "--uuid", paramLabel = "U", description = "SMBIOS's, as dmidecode -s system-uuid shows it")
        private @Nullable String uuid;

        @Option(names = "--arch", paramLabel = "A", description = "amd64, arm64, ppc64el, …")
        private @Nullable String arch;

        @Option(
                names = "--name",
                paramLabel = "N",
                description = "a DNS label (default: m- and the first MAC's digits)")
        private @Nullable String name;

        @Option(
                names = "--loader",
                paramLabel = "L",
                description =
                        "what it is to begin with: signed (Secure Boot's chain) or ipxe (default: what others get)")
        private @Nullable String loader;

        @Mixin
        @SuppressWarnings("NullAway.Init") // Set by picocli.
        private BootOptions boot;

        @Override
        int run(Client client) throws Exception {
            Map<String, Object> machine = described(name, macs, uuid, arch, loader);
            boot.addTo(machine, "tags");
            JsonNode added = client.post("machines", machine);
            if (json()) {
                printJson(added);
            } else {
                out().println("added " + text(added, "name"));
            }
            printWarnings(added);
            return DONE;
        }
    }

    @Command(name = "update", description = "Changes a machine; what is not said stays.")
    static final class UpdateCommand extends ClientCommand {
        @Parameters(index = "0", paramLabel = "NAME|MAC", description = WHICH)
        @SuppressWarnings("NullAway.Init") // Set by picocli.
        private String machine;

        @Option(
                names = "--mac",
                split = ",",
                paramLabel = "MAC",
                description = "in the place of all that it has; may be repeated")
        private @Nullable List<String> macs;

        @Option(names = "--uuid", paramLabel = "U", description = "SMBIOS's; 'none' takes it away")
        private @Nullable String uuid;

        @Option(names = "--arch", paramLabel = "A", description = "amd64, arm64, ppc64el, …; 'none' takes it away")
        private @Nullable String arch;

        @Option(names = "--name", paramLabel = "N", description = "a DNS label")
        private @Nullable String name;

        @Option(names = "--loader", paramLabel = "L", description = "signed or ipxe; 'none' for what others get")
        private @Nullable String loader;

        @Option(
                names = "--untag",
                split = ",",
                paramLabel = "T",
                description = "bears this tag no more; may be repeated")
        private @Nullable List<String> untag;

        @Mixin
        @SuppressWarnings("NullAway.Init") // Set by picocli.
        private BootOptions boot;

        @Override
        int run(Client client) throws Exception {
            Map<String, Object> change = described(name, macs, orNone(uuid), orNone(arch), orNone(loader));
            boot.addTo(change, "addTags");
            put(change, "removeTags", untag);
            if (change.isEmpty()) {
                throw new Client.UsageException("say what is to change: --name, --mac, --uuid, --arch, --loader, --tag,"
                        + " --untag, --kernel-options or --network");
            }
            JsonNode changed = client.patch("machines/" + Client.segment(machine), change);
            if (json()) {
                printJson(changed);
            } else {
                out().println("changed " + text(changed, "name"));
            }
            printWarnings(changed);
            return DONE;
        }

        private static @Nullable String orNone(@Nullable String text) {
            return "none".equals(text) ? "" : text;
        }
    }

    @Command(
            name = "netboot",
            description =
                    "Says whether machines boot from the network; else from their own disks, whatever is assigned.")
    static final class NetbootCommand extends ClientCommand {
        @Parameters(index = "0", paramLabel = "on|off", description = "on or off")
        @SuppressWarnings("NullAway.Init") // Set by picocli.
        private String state;

        @Parameters(index = "1..*", arity = "1..*", paramLabel = "NAME|MAC", description = WHICH)
        @SuppressWarnings("NullAway.Init") // Set by picocli.
        private List<String> machines;

        @Override
        void check() throws Client.UsageException {
            if (!List.of("on", "off").contains(state)) {
                throw new Client.UsageException("'%s' is neither on nor off".formatted(state));
            }
        }

        @Override
        int run(Client client) throws Exception {
            int code = DONE;
            ArrayNode all = JsonMapper.shared().createArrayNode();
            for (String machine : machines) {
                try {
                    JsonNode changed =
                            client.patch("machines/" + Client.segment(machine), Map.of("netboot", state.equals("on")));
                    all.add(changed);
                    if (!json()) {
                        out().println("%s: netboot %s".formatted(text(changed, "name"), state));
                    }
                } catch (Client.RefusedException e) { // The others are changed all the same.
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

    @Command(name = "remove", description = "Forgets machines: they boot as unknown ones do.")
    static final class RemoveCommand extends ClientCommand {
        @Parameters(arity = "1..*", paramLabel = "NAME|MAC", description = WHICH)
        @SuppressWarnings("NullAway.Init") // Set by picocli.
        private List<String> machines;

        @Override
        int run(Client client) throws Exception {
            int code = DONE;
            ArrayNode all = JsonMapper.shared().createArrayNode();
            for (String machine : machines) {
                try {
                    JsonNode removed = client.delete("machines/" + Client.segment(machine));
                    all.add(removed);
                    if (!json()) {
                        out().println("removed " + text(removed, "name"));
                    }
                } catch (Client.RefusedException e) { // The others go all the same.
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

    @Command(
            name = "import",
            description = {
                "Makes many machines known: all of them, or none if anything is wrong with one.",
                "  name,mac,uuid,arch,loader,tags,kernel-options",
                "  web-1,52:54:00:12:34:56 52:54:00:12:34:57,,amd64,ipxe,web db,console=ttyS1"
            })
    static final class ImportCommand extends ClientCommand {
        private static final int MAX_BYTES = 8 << 20; // As much as the API takes.

        @Parameters(
                index = "0",
                paramLabel = "FILE",
                description = "CSV whose first line names its columns, or a JSON array; - reads standard input")
        @SuppressWarnings("NullAway.Init") // Set by picocli.
        private String file;

        @Override
        int run(Client client) throws Exception {
            MachineFile machines = MachineFile.read(content());
            try {
                JsonNode added = client.post("machines/import", machines.rows());
                if (json()) {
                    printJson(added);
                } else {
                    int count = added.path("added").asInt(0);
                    out().println("added %d machine%s".formatted(count, count == 1 ? "" : "s"));
                }
                printWarnings(added);
                return DONE;
            } catch (Client.RefusedException e) {
                JsonNode problems = e.answer().path("problems");
                if (problems.isEmpty()) {
                    throw e;
                }
                for (JsonNode problem : problems) {
                    err().println(machines.place(problem.path("row").asInt(0)) + ": " + words(problem, machines));
                }
                int more = e.answer().path("more").asInt(0);
                if (more > 0) {
                    err().println("and %d more".formatted(more));
                }
                err().println("rackboot: no machine was added; put these right, and say it again");
                return FAILED;
            }
        }

        /** The region counts rows; whoever wrote the file counts lines. */
        private static String words(JsonNode problem, MachineFile machines) {
            String words = text(problem, "problem");
            int other = problem.path("sameAs").asInt(0);
            return other == 0
                    ? words
                    : words.replace("row %d as well".formatted(other), machines.place(other) + " as well");
        }

        private String content() throws Client.UsageException, Client.RefusedException {
            try (InputStream in = file.equals("-") ? System.in : Files.newInputStream(Path.of(file))) {
                byte[] bytes = in.readNBytes(MAX_BYTES + 1);
                if (bytes.length > MAX_BYTES) {
                    throw new Client.UsageException("the file is larger than 8 MiB; import it in parts");
                }
                return FileWords.text(bytes);
            } catch (IOException e) {
                throw new Client.RefusedException("%s cannot be read: %s".formatted(file, FileWords.reason(e)));
            }
        }
    }

    private static Map<String, Object> described(
            @Nullable String name,
            @Nullable List<String> macs,
            @Nullable String uuid,
            @Nullable String arch,
            @Nullable String loader) {
        Map<String, Object> body = new LinkedHashMap<>();
        put(body, "name", name);
        put(body, "macs", macs);
        put(body, "uuid", uuid);
        put(body, "arch", arch);
        put(body, "loader", loader);
        return body;
    }

    private static void put(Map<String, Object> body, String key, @Nullable Object value) {
        if (value != null) {
            body.put(key, value);
        }
    }

    private static String joined(JsonNode machine, String key) {
        List<String> words = new ArrayList<>();
        machine.path(key).forEach(word -> words.add(word.asString("")));
        return String.join(" ", words);
    }

    private static String text(JsonNode node, String key) {
        return node.path(key).asString("");
    }
}
