package org.rackboot.server.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.StringJoiner;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;

/** {@code rackboot images}. */
@Command(
        name = "images",
        description = "Images and bootloaders of the region.",
        subcommands = {
            ImagesCommand.ListCommand.class,
            ImagesCommand.ShowCommand.class,
            ImagesCommand.ImportCommand.class,
            ImagesCommand.StopCommand.class,
            UploadCommand.class,
            ImagesCommand.PinCommand.class,
            ImagesCommand.UnpinCommand.class,
            ImagesCommand.RollbackCommand.class,
            ImagesCommand.DeleteCommand.class,
            KernelOptionsCommand.OfImages.class
        })
final class ImagesCommand {

    @Command(
            name = "list",
            description = "Every complete, verified version, and what the last import is still about or did not bring.")
    static final class ListCommand extends ClientCommand {
        @Override
        int run(Client client) throws Exception {
            JsonNode images = client.get("images?unpublished=true");
            if (json()) {
                printJson(images);
                return DONE;
            }
            if (images.isEmpty()) {
                out().println("No images yet. Select some ('rackboot selections add'), then 'rackboot images import'.");
                return DONE;
            }
            Table table = new Table("NAME", "LABEL", "VERSION", "STATUS", "STATE", "SIZE", "FILES", "SOURCE");
            for (JsonNode image : images) {
                table.add(
                        image.path("name").asString(),
                        image.path("label").asString(),
                        image.path("version").asString(),
                        ImportDisplay.status(image).replaceFirst(":.*", ""),
                        state(image),
                        Table.bytes(image.path("size").asLong()),
                        Integer.toString(image.path("artifacts").size()),
                        image.path("source").asString());
            }
            table.print(out());
            for (JsonNode image : images) {
                if (image.has("cause")) {
                    out().println("%s %s: %s"
                            .formatted(
                                    image.path("name").asString(),
                                    image.path("version").asString(),
                                    image.path("cause").asString()));
                }
            }
            return DONE;
        }

        private static String state(JsonNode image) {
            if (!image.path("status").asString().equals("synced")) {
                return "-";
            }
            return (image.path("served").asBoolean() ? "served" : "kept")
                    + (image.path("pinned").asBoolean() ? ", pinned" : "");
        }
    }

    @Command(name = "show", description = "The versions of one image, with every file's sha256 and boot name.")
    static final class ShowCommand extends ClientCommand {
        @Parameters(
                paramLabel = "NAME",
                description = "as 'images list' shows it, or its beginning: ubuntu/noble, bootloader/uefi/amd64")
        @SuppressWarnings("NullAway.Init") // Set by picocli.
        private String name;

        @Option(names = "--manifest", description = "the packages in it, with their versions")
        private boolean manifest;

        @Option(names = "--package", paramLabel = "TEXT", description = "of these only those whose name has this in it")
        private @Nullable String packageName;

        @Override
        int run(Client client) throws Exception {
            ArrayNode found = JsonMapper.builder().build().createArrayNode();
            for (JsonNode image : client.get("images?unpublished=true")) {
                String candidate = image.path("name").asString();
                if (candidate.equals(name) || candidate.startsWith(name + "/")) {
                    found.add(image);
                }
            }
            if (found.isEmpty()) {
                throw new Client.RefusedException(
                        "No image is called '%s'; see 'rackboot images list'".formatted(name));
            }
            if (manifest || packageName != null) {
                return showPackages(client, found);
            }
            if (json()) {
                printJson(found);
                return DONE;
            }
            for (JsonNode image : found) {
                out().println("%s %s (%s, from %s): %s"
                        .formatted(
                                image.path("name").asString(),
                                image.path("version").asString(),
                                image.path("label").asString(),
                                image.path("source").asString(),
                                ImportDisplay.status(image)));
                if (image.path("artifacts").isEmpty()) {
                    continue;
                }
                Table table = new Table("  FILE", "SIZE", "SHA256", "BOOT NAME");
                for (JsonNode file : image.path("artifacts")) {
                    table.add(
                            "  " + file.path("name").asString(),
                            Long.toString(file.path("size").asLong()),
                            file.path("sha256").asString(),
                            file.path("path").asString());
                }
                table.print(out());
            }
            return DONE;
        }

        /** Images that share a root file system share its list: it is shown once. */
        private int showPackages(Client client, ArrayNode images) throws Exception {
            Map<String, JsonNode> bySha256 = new LinkedHashMap<>();
            for (JsonNode image : images) {
                for (JsonNode file : image.path("artifacts")) {
                    if (file.path("ftype").asString().equals("manifest")) {
                        bySha256.putIfAbsent(file.path("sha256").asString(), image);
                    }
                }
            }
            if (bySha256.isEmpty()) {
                throw new Client.RefusedException("'%s' came without a list of its packages".formatted(name));
            }
            ArrayNode all = JsonMapper.builder().build().createArrayNode();
            for (Map.Entry<String, JsonNode> list : bySha256.entrySet()) {
                Table table = new Table("PACKAGE", "VERSION");
                for (String line :
                        new String(client.content(list.getKey()), UTF_8).lines().toList()) {
                    String[] words = line.split("\\s+", 2);
                    if (words.length == 2 && (packageName == null || words[0].contains(packageName))) {
                        table.add(words[0], words[1].strip());
                        all.addObject()
                                .put("image", list.getValue().path("name").asString())
                                .put(
                                        "imageVersion",
                                        list.getValue().path("version").asString())
                                .put("package", words[0])
                                .put("version", words[1].strip());
                    }
                }
                if (!json()) {
                    out().println("%s %s"
                            .formatted(
                                    list.getValue().path("name").asString(),
                                    list.getValue().path("version").asString()));
                    table.print(out());
                }
            }
            if (json()) {
                printJson(all);
            }
            return DONE;
        }
    }

    @Command(name = "import", description = "Fetches what is selected and missing, verifies it, and publishes it.")
    static final class ImportCommand extends ClientCommand {
        @Option(names = "--wait", description = "wait for the end; the exit code says how it went")
        private boolean wait;

        @Option(names = "--dry-run", description = "show what would be fetched, kept and deleted; change nothing")
        private boolean dryRun;

        @Override
        int run(Client client) throws Exception {
            if (dryRun) {
                return plan(client.get("images/import/plan"));
            }
            JsonNode status = client.post("images/import", Map.of());
            if (!wait) {
                if (json()) {
                    printJson(status);
                } else {
                    out().println(
                                    status.path("phase").asString("").equals("waiting")
                                            ? "the import begins when that of another region process has ended"
                                            : "the import runs; 'rackboot images import --wait' waits for it");
                }
                return DONE;
            }
            var display = new ImportDisplay(Boolean.getBoolean("rackboot.terminal")); // The launcher knows.
            show(display, status);
            while (status.path("state").asString().equals("running")) {
                status = client.get(
                        "images/import?wait=30&after=" + status.path("event").asString());
                show(display, status);
            }
            return ended(status);
        }

        private void show(ImportDisplay display, JsonNode status) {
            if (!json()) {
                out().print(display.next(status));
                out().flush();
            }
        }

        private int plan(JsonNode plan) {
            if (json()) {
                printJson(plan);
            } else {
                Table table = new Table("WHAT", "NAME", "VERSION", "BYTES", "");
                for (JsonNode image : plan.path("fetch")) {
                    table.add("fetch", name(image), version(image), bytes(image, "missingBytes"), from(image));
                }
                for (JsonNode image : plan.path("keep")) {
                    table.add("keep", name(image), version(image), bytes(image, "size"), from(image));
                }
                for (JsonNode image : plan.path("delete")) {
                    table.add(
                            "delete",
                            name(image),
                            version(image),
                            "",
                            image.path("reason").asString());
                }
                table.print(out());
                out().println("%s to fetch"
                        .formatted(Table.bytes(plan.path("fetchBytes").asLong())));
            }
            plan.path("problems").forEach(problem -> err().println("rackboot: " + problem.asString()));
            return plan.path("problems").isEmpty() ? DONE : FAILED;
        }

        private static String name(JsonNode image) {
            return image.path("name").asString();
        }

        private static String version(JsonNode image) {
            return image.path("version").asString();
        }

        private static String bytes(JsonNode image, String key) {
            return Table.bytes(image.path(key).asLong());
        }

        private static String from(JsonNode image) {
            return "from " + image.path("source").asString();
        }

        private int ended(JsonNode status) {
            String state = status.path("state").asString();
            if (json()) {
                printJson(status);
            } else {
                status.path("published").forEach(version -> out().println("published " + version.asString()));
                status.path("deleted").forEach(version -> out().println("deleted " + version.asString()));
                if (state.equals("done")) {
                    out().println("import done: %d new versions, %s fetched, %s kept"
                            .formatted(
                                    status.path("published").size(),
                                    Table.bytes(status.path("downloadedBytes").asLong()),
                                    Table.bytes(status.path("keptBytes").asLong())));
                }
            }
            status.path("problems").forEach(problem -> err().println("rackboot: " + problem.asString()));
            if (state.equals("failed")) {
                err().println("rackboot: the import failed; what was here before still is");
            }
            return state.equals("done") ? DONE : FAILED;
        }
    }

    @Command(name = "stop", description = "Stops the running import; the next one goes on from there.")
    static final class StopCommand extends ClientCommand {
        @Override
        int run(Client client) throws Exception {
            JsonNode answer = client.delete("images/import");
            if (json()) {
                printJson(answer);
            } else {
                out().println(answer.path("stopped").asBoolean() ? "the import was stopped" : "no import is running");
            }
            return DONE;
        }
    }

    /** A command about one image. */
    abstract static class OneCommand extends ClientCommand {
        @Parameters(paramLabel = "NAME", description = "as 'images list' shows it: ubuntu/noble/amd64/ga-24.04")
        @SuppressWarnings("NullAway.Init") // Set by picocli.
        private String name;

        Map<String, Object> body() {
            Map<String, Object> body = new LinkedHashMap<>();
            body.put("name", name);
            return body;
        }

        final int print(JsonNode answer, String sentence) {
            if (json()) {
                printJson(answer);
            } else {
                out().println(sentence);
            }
            return DONE;
        }

        final String name() {
            return name;
        }
    }

    /** A command about one image or one version of it. */
    abstract static class VersionCommand extends OneCommand {
        @Option(names = "--version", paramLabel = "SERIAL", description = "which version")
        private @Nullable String version;

        /** What every command has; but its {@code --version} is this one's, and then it is given neither. */
        @Option(
                names = {"-h", "--help"},
                usageHelp = true,
                description = "Show this help message and exit.")
        @SuppressWarnings("UnusedVariable") // Picocli looks at it.
        private boolean help;

        @Override
        Map<String, Object> body() {
            Map<String, Object> body = super.body();
            if (version != null) {
                body.put("version", version);
            }
            return body;
        }
    }

    @Command(
            name = "pin",
            description =
                    "Holds an image at a version (default: the one served now): machines get it, no import deletes it.")
    static final class PinCommand extends VersionCommand {
        @Override
        int run(Client client) throws Exception {
            JsonNode answer = client.post("images/pin", body());
            return print(
                    answer,
                    "%s stays at %s".formatted(name(), answer.path("pinned").asString()));
        }
    }

    @Command(name = "unpin", description = "Lets an image follow its newest version again.")
    static final class UnpinCommand extends OneCommand {
        @Override
        int run(Client client) throws Exception {
            JsonNode answer = client.post("images/unpin", body());
            return print(
                    answer,
                    "%s follows its newest version again, now %s"
                            .formatted(name(), answer.path("serves").asString()));
        }
    }

    @Command(
            name = "rollback",
            description = "Goes back to the version before the one that is served, and stays there.")
    static final class RollbackCommand extends OneCommand {
        @Override
        int run(Client client) throws Exception {
            JsonNode answer = client.post("images/rollback", body());
            return print(
                    answer,
                    "%s went back to %s and stays there; 'rackboot images unpin' lets it follow again"
                            .formatted(name(), answer.path("pinned").asString()));
        }
    }

    @Command(
            name = "delete",
            description = "Deletes an image, or one version of it. What is selected comes back with the next import.")
    static final class DeleteCommand extends VersionCommand {
        @Override
        int run(Client client) throws Exception {
            JsonNode answer = client.post("images/delete", body());
            StringJoiner versions = new StringJoiner(", ");
            answer.path("deleted").forEach(version -> versions.add(version.asString()));
            return print(answer, "deleted %s %s".formatted(name(), versions));
        }
    }
}
