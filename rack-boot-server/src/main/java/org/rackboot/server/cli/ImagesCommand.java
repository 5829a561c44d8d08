package org.rackboot.server.cli;

import java.util.Map;
import java.util.concurrent.TimeUnit;
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
            ImagesCommand.ImportCommand.class
        })
final class ImagesCommand {

    @Command(name = "list", description = "Every complete, verified version.")
    static final class ListCommand extends ClientCommand {
        @Override
        int run(Client client) throws Exception {
            JsonNode images = client.get("images");
            if (json()) {
                printJson(images);
                return DONE;
            }
            if (images.isEmpty()) {
                out().println("No images yet. Select some ('rackboot selections add'), then 'rackboot images import'.");
                return DONE;
            }
            Table table = new Table("NAME", "LABEL", "VERSION", "SIZE", "FILES", "SOURCE");
            for (JsonNode image : images) {
                table.add(
                        image.path("name").asString(),
                        image.path("label").asString(),
                        image.path("version").asString(),
                        Table.bytes(image.path("size").asLong()),
                        Integer.toString(image.path("artifacts").size()),
                        image.path("source").asString());
            }
            table.print(out());
            return DONE;
        }
    }

    @Command(name = "show", description = "The versions of one image, with every file's sha256 and boot name.")
    static final class ShowCommand extends ClientCommand {
        @Parameters(
                paramLabel = "NAME",
                description = "as 'images list' shows it, or its beginning: ubuntu/noble, bootloader/uefi/amd64")
        @SuppressWarnings("NullAway.Init") // Set by picocli.
        private String name;

        @Override
        int run(Client client) throws Exception {
            ArrayNode found = JsonMapper.builder().build().createArrayNode();
            for (JsonNode image : client.get("images")) {
                String candidate = image.path("name").asString();
                if (candidate.equals(name) || candidate.startsWith(name + "/")) {
                    found.add(image);
                }
            }
            if (found.isEmpty()) {
                throw new Client.RefusedException(
                        "No image is called '%s'; see 'rackboot images list'".formatted(name));
            }
            if (json()) {
                printJson(found);
                return DONE;
            }
            for (JsonNode image : found) {
                out().println("%s %s (%s, from %s)"
                        .formatted(
                                image.path("name").asString(),
                                image.path("version").asString(),
                                image.path("label").asString(),
                                image.path("source").asString()));
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
    }

    @Command(name = "import", description = "Fetches what is selected and missing, verifies it, and publishes it.")
    static final class ImportCommand extends ClientCommand {
        private static final long LOOK_MILLIS = 200;
        private static final int BAR_WIDTH = 30;

        @Option(names = "--wait", description = "wait for the end; the exit code says how it went")
        private boolean wait;

        private int linesShown;
        private int lastPercent = -10;

        @Override
        int run(Client client) throws Exception {
            JsonNode status = client.post("images/import", Map.of());
            if (!wait) {
                if (json()) {
                    printJson(status);
                } else {
                    out().println("the import runs; 'rackboot images import --wait' waits for it");
                }
                return DONE;
            }
            boolean terminal = Boolean.getBoolean("rackboot.terminal") && !json(); // The launcher knows.
            while (status.path("state").asString().equals("running")) {
                if (!json()) {
                    show(status, terminal);
                }
                TimeUnit.MILLISECONDS.sleep(LOOK_MILLIS);
                status = client.get("images/import");
            }
            return ended(status, terminal);
        }

        private int ended(JsonNode status, boolean terminal) {
            String state = status.path("state").asString();
            if (json()) {
                printJson(status);
            } else {
                show(status, false);
                if (terminal) {
                    out().print("\r\033[K");
                }
                status.path("published").forEach(version -> out().println("published " + version.asString()));
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
                err().println("rackboot: the import failed; nothing of it was published");
            }
            return state.equals("done") ? DONE : FAILED;
        }

        /** New lines of the import's log, then a bar on a terminal, or a line for each tenth elsewhere. */
        private void show(JsonNode status, boolean terminal) {
            JsonNode log = status.path("log");
            String clear = terminal ? "\r\033[K" : "";
            for (; linesShown < log.size(); linesShown++) {
                out().println(clear + log.path(linesShown).asString());
            }
            long total = status.path("bytesTotal").asLong();
            long done = status.path("bytesDone").asLong();
            if (total > 0) {
                int percent = (int) Math.min(100, done * 100 / total);
                String text = "%3d %%  %s of %s, %d of %d files"
                        .formatted(
                                percent,
                                Table.bytes(done),
                                Table.bytes(total),
                                status.path("filesDone").asInt(),
                                status.path("filesTotal").asInt());
                if (terminal) {
                    int filled = percent * BAR_WIDTH / 100;
                    out().print("\r\033[K[" + "#".repeat(filled) + ".".repeat(BAR_WIDTH - filled) + "] " + text);
                } else if (percent >= lastPercent + 10) {
                    lastPercent = percent - percent % 10;
                    out().println(text);
                }
            }
            out().flush();
        }
    }
}
