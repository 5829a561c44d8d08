package org.rackboot.server.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;

/** {@code rackboot sources}. */
@Command(
        name = "sources",
        description = "Boot sources: where images come from, and who signs them.",
        subcommands = {SourcesCommand.ListCommand.class, SourcesCommand.AddCommand.class})
final class SourcesCommand {

    @Command(name = "list", description = "All boot sources, the one that wins first.")
    static final class ListCommand extends ClientCommand {
        @Override
        int run(Client client) throws Exception {
            JsonNode sources = client.get("sources");
            if (json()) {
                printJson(sources);
                return DONE;
            }
            Table table = new Table("NAME", "URL", "PRIORITY", "STATE", "SIGNED BY");
            for (JsonNode source : sources) {
                String key = source.path("fingerprints").path(0).asString("-");
                table.add(
                        source.path("name").asString(),
                        source.path("url").asString(),
                        source.path("priority").asString(),
                        source.path("enabled").asBoolean() ? "enabled" : "disabled",
                        source.path("unsigned").asBoolean() ? "nobody (--unsigned)" : key);
            }
            table.print(out());
            for (JsonNode source : sources) {
                if (source.has("problem")) {
                    out().println(source.path("name").asString() + ": "
                            + source.path("problem").asString());
                }
            }
            return DONE;
        }
    }

    @Command(
            name = "add",
            description = "Adds a boot source. Nothing is fetched until something is selected and imported.")
    static final class AddCommand extends ClientCommand {
        private static final int MAX_KEYRING_BYTES = 1 << 20;

        @Parameters(paramLabel = "URL", description = "the mirror's address, http:// or https://")
        @SuppressWarnings("NullAway.Init") // Set by picocli.
        private String url;

        @Option(names = "--keyring", paramLabel = "FILE", description = "OpenPGP keys that sign it, binary or armoured")
        private @Nullable Path keyring;

        @Option(names = "--unsigned", description = "take what comes without a signature")
        private boolean unsigned;

        @Option(names = "--name", paramLabel = "N", description = "a name for people (default: the address)")
        private @Nullable String name;

        @Option(
                names = "--priority",
                paramLabel = "P",
                description = "the larger wins where two sources offer the same image (default: 100)")
        private @Nullable Integer priority;

        @Override
        int run(Client client) throws Exception {
            Map<String, Object> body = new LinkedHashMap<>();
            body.put("url", url);
            body.put("unsigned", unsigned);
            if (name != null) {
                body.put("name", name);
            }
            if (priority != null) {
                body.put("priority", priority);
            }
            if (keyring != null) {
                body.put("keyring", Base64.getEncoder().encodeToString(read(keyring)));
            }
            JsonNode added = client.post("sources", body);
            if (json()) {
                printJson(added);
            } else {
                String key = added.path("fingerprints").path(0).asString("nobody");
                out().println("added %s (%s), signed by %s"
                        .formatted(
                                added.path("name").asString(), added.path("url").asString(), key));
            }
            return DONE;
        }

        private static byte[] read(Path file) throws Client.RefusedException {
            try {
                if (Files.size(file) > MAX_KEYRING_BYTES) {
                    throw new Client.RefusedException("The keyring %s is larger than 1 MiB".formatted(file));
                }
                return Files.readAllBytes(file);
            } catch (IOException e) {
                throw new Client.RefusedException("The keyring %s cannot be read: %s".formatted(file, e));
            }
        }
    }
}
