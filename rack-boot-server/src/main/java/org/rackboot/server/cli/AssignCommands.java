package org.rackboot.server.cli;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;

/** The commands of {@code rackboot machines} that say who boots what. */
final class AssignCommands {
    private static final String TARGETS =
            "a machine's name or MAC address, tag:T, subnet:198.18.0.0/15, arch:A, or default for all others";

    private AssignCommands() {}

    @Command(
            name = "assign",
            description = {
                "Says what machines boot, in the place of what they were assigned before.",
                "  rackboot machines assign web-1 --image ubuntu/noble --purpose install",
                "Of several, the first counts: a machine's own for once, its own, its tags', its subnet's, its architecture's, default."
            })
    static final class AssignCommand extends ClientCommand {
        private static final int MAX_TEXT_BYTES = 256 << 10; // The region takes less, and says so.

        @Parameters(arity = "1..*", paramLabel = "TARGET", description = TARGETS)
        @SuppressWarnings("NullAway.Init") // Set by picocli.
        private List<String> targets;

        @Option(
                names = "--purpose",
                required = true,
                paramLabel = "P",
                description = "ephemeral (in memory), install, rescue, local (its own disk), hold (waits) or poweroff")
        @SuppressWarnings("NullAway.Init") // Set by picocli.
        private String purpose;

        @Option(
                names = "--image",
                paramLabel = "I",
                description = "OS/RELEASE[/ARCH[/SUBARCH]] (default: the default image of its architecture)")
        private @Nullable String image;

        @Option(names = "--version", paramLabel = "SERIAL", description = "of the image (default: the newest)")
        private @Nullable String version;

        @Option(names = "--once", description = "for the next boot alone")
        private boolean once;

        @Option(
                names = "--cloud-config-url",
                paramLabel = "U",
                description = "with {name}, {mac}, {uuid}, {arch}, {rack} and {purpose} filled in")
        private @Nullable String cloudConfigUrl;

        @Option(names = "--user-data", paramLabel = "FILE", description = "for cloud-init; - reads standard input")
        private @Nullable String userData;

        @Option(names = "--vendor-data", paramLabel = "FILE", description = "for cloud-init; - reads standard input")
        private @Nullable String vendorData;

        @Option(names = "--metadata", description = "the rack serves metadata to it though there are no data")
        private boolean metadata;

        /** What every command has; but its {@code --version} is this one's, and then it is given neither. */
        @Option(
                names = {"-h", "--help"},
                usageHelp = true,
                description = "Show this help message and exit.")
        @SuppressWarnings("UnusedVariable") // Picocli looks at it.
        private boolean help;

        @Override
        int run(Client client) throws Exception {
            Map<String, Object> body = new LinkedHashMap<>();
            body.put("targets", targets);
            body.put("purpose", purpose);
            put(body, "image", image);
            put(body, "version", version);
            put(body, "cloudConfigUrl", cloudConfigUrl);
            put(body, "userData", text(userData));
            put(body, "vendorData", text(vendorData));
            if (once) {
                body.put("once", true);
            }
            if (metadata) {
                body.put("metadata", true);
            }
            JsonNode answer = client.post("assignments", body);
            if (json()) {
                printJson(answer);
            } else {
                for (JsonNode each : answer.path("assigned")) {
                    out().println("%s boots %s%s"
                            .formatted(each.path("target").asString(), describe(each), once ? ", once" : ""));
                }
            }
            printWarnings(answer);
            return DONE;
        }

        private static void put(Map<String, Object> body, String key, @Nullable String value) {
            if (value != null) {
                body.put(key, value);
            }
        }

        private static @Nullable String text(@Nullable String file)
                throws Client.UsageException, Client.RefusedException {
            if (file == null) {
                return null;
            }
            try (InputStream in = file.equals("-") ? System.in : Files.newInputStream(Path.of(file))) {
                byte[] bytes = in.readNBytes(MAX_TEXT_BYTES + 1);
                if (bytes.length > MAX_TEXT_BYTES) {
                    throw new Client.UsageException(
                            "%s is larger than the 64 KiB that are taken; what is larger may be fetched by --cloud-config-url"
                                    .formatted(file));
                }
                return FileWords.text(bytes);
            } catch (CharacterCodingException e) {
                throw new Client.UsageException(
                        "%s is no text in UTF-8; what is packed may be fetched by --cloud-config-url".formatted(file));
            } catch (IOException e) {
                throw new Client.RefusedException("%s cannot be read: %s".formatted(file, FileWords.reason(e)));
            }
        }
    }

    @Command(name = "unassign", description = "Takes away what machines were assigned.")
    static final class UnassignCommand extends ClientCommand {
        @Parameters(arity = "1..*", paramLabel = "TARGET", description = TARGETS)
        @SuppressWarnings("NullAway.Init") // Set by picocli.
        private List<String> targets;

        @Option(names = "--once", description = "only what is for the next boot alone")
        private boolean once;

        @Override
        int run(Client client) throws Exception {
            JsonNode answer = client.delete("assignments", Map.of("targets", targets, "once", once));
            if (json()) {
                printJson(answer);
                return DONE;
            }
            Set<String> told = new HashSet<>();
            for (JsonNode each : answer.path("removed")) {
                if (told.add(each.path("target").asString())) {
                    out().println("unassigned " + each.path("target").asString());
                }
            }
            if (told.isEmpty()) {
                out().println("nothing was assigned");
            }
            return DONE;
        }
    }

    @Command(
            name = "assignments",
            description = "What is assigned, to machines and others; the earlier kind in the list counts.")
    static final class ListCommand extends ClientCommand {
        @Override
        int run(Client client) throws Exception {
            ArrayNode all = JsonMapper.shared().createArrayNode();
            for (JsonNode machine : client.get("machines")) {
                for (String key : List.of("once", "assignment")) {
                    if (machine.has(key)) {
                        var entry = all.addObject()
                                .put("target", machine.path("name").asString());
                        if (key.equals("once")) {
                            entry.put("once", true);
                        }
                        machine.path(key).properties().forEach(each -> entry.set(each.getKey(), each.getValue()));
                    }
                }
            }
            List<JsonNode> others = new ArrayList<>();
            client.get("assignments").forEach(others::add);
            for (String kind : List.of("tag:", "subnet:", "arch:", "default")) {
                others.stream()
                        .filter(each -> each.path("target").asString().startsWith(kind))
                        .forEach(all::add);
            }
            if (json()) {
                printJson(all);
                return DONE;
            }
            if (all.isEmpty()) {
                out().println(
                                "Nothing is assigned; every machine boots the default image of its architecture. For example:"
                                        + " rackboot machines assign default --purpose hold");
                return DONE;
            }
            Table table = new Table("TARGET", "ONCE", "BOOTS", "CLOUD-CONFIG", "DATA");
            for (JsonNode each : all) {
                table.add(
                        each.path("target").asString(),
                        each.path("once").asBoolean(false) ? "once" : "",
                        describe(each),
                        each.path("cloudConfigUrl").asString(""),
                        data(each));
            }
            table.print(out());
            return DONE;
        }

        private static String data(JsonNode assignment) {
            List<String> words = new ArrayList<>();
            for (String key : List.of("userData", "vendorData")) {
                if (assignment.has(key)) {
                    words.add((key.equals("userData") ? "user " : "vendor ")
                            + assignment.path(key).asString().substring(0, 8));
                }
            }
            if (words.isEmpty() && assignment.path("metadata").asBoolean(false)) {
                words.add("metadata");
            }
            return String.join(", ", words);
        }
    }

    /** {@code install ubuntu/noble 20260101}. */
    static String describe(JsonNode assignment) {
        StringBuilder words = new StringBuilder(assignment.path("purpose").asString(""));
        for (String key : List.of("image", "version")) {
            if (assignment.has(key)) {
                words.append(' ').append(assignment.path(key).asString());
            }
        }
        return words.toString();
    }
}
