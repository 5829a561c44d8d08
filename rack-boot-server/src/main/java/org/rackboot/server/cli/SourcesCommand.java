package org.rackboot.server.cli;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;

/** {@code rackboot sources}. */
@Command(
        name = "sources",
        description = "Boot sources: where images come from, and who signs them.",
        subcommands = {
            SourcesCommand.ListCommand.class,
            SourcesCommand.AddCommand.class,
            SourcesCommand.ProbeCommand.class,
            SourcesCommand.UpdateCommand.class,
            SourcesCommand.RemoveCommand.class
        })
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
            sources.path(0).path("warnings").forEach(warning -> out().println("warning: " + warning.asString()));
            return DONE;
        }
    }

    /** What can be said of a source on the command line. */
    static final class Description {
        private static final int MAX_FILE_BYTES = 1 << 20;

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

        @Option(
                names = "--mirror",
                paramLabel = "URL",
                description =
                        "another address of the same stream, asked when the first does not deliver; may be repeated")
        private String @Nullable [] mirrors;

        @Option(names = "--proxy", paramLabel = "URL", description = "an HTTP proxy to reach it by, http://host:port")
        private @Nullable String proxy;

        @Option(
                names = "--ca-file",
                paramLabel = "FILE",
                description = "certificates (PEM) that its https server may have, beside the system's")
        private @Nullable Path caFile;

        Map<String, Object> body() throws Client.RefusedException {
            Map<String, Object> body = new LinkedHashMap<>();
            if (unsigned) {
                body.put("unsigned", true);
            }
            put(body, "name", name);
            put(body, "priority", priority);
            put(body, "proxy", proxy);
            put(body, "mirrors", mirrors == null ? null : List.of(mirrors));
            if (keyring != null) {
                body.put("keyring", Base64.getEncoder().encodeToString(read("keyring", keyring)));
            }
            if (caFile != null) {
                body.put("caCertificates", new String(read("CA file", caFile), US_ASCII));
            }
            return body;
        }

        private static void put(Map<String, Object> body, String key, @Nullable Object value) {
            if (value != null) {
                body.put(key, value);
            }
        }

        private static byte[] read(String what, Path file) throws Client.RefusedException {
            try {
                if (Files.size(file) > MAX_FILE_BYTES) {
                    throw new Client.RefusedException("The %s %s is larger than 1 MiB".formatted(what, file));
                }
                return Files.readAllBytes(file);
            } catch (IOException e) {
                throw new Client.RefusedException(
                        "The %s %s cannot be read: %s".formatted(what, file, FileWords.reason(e)));
            }
        }
    }

    private static String signedBy(JsonNode source) {
        return source.path("fingerprints").path(0).asString("nobody");
    }

    @Command(
            name = "add",
            description = "Adds a boot source. Nothing is fetched until something is selected and imported.")
    static final class AddCommand extends ClientCommand {
        @Parameters(paramLabel = "URL", description = "the mirror's address, http:// or https://")
        @SuppressWarnings("NullAway.Init") // Set by picocli.
        private String url;

        @Mixin
        @SuppressWarnings("NullAway.Init") // Set by picocli.
        private Description description;

        @Override
        int run(Client client) throws Exception {
            Map<String, Object> body = description.body();
            body.put("url", url);
            JsonNode added = client.post("sources", body);
            if (json()) {
                printJson(added);
            } else {
                out().println("added %s (%s), signed by %s"
                        .formatted(
                                added.path("name").asString(), added.path("url").asString(), signedBy(added)));
                added.path("warnings").forEach(warning -> out().println("warning: " + warning.asString()));
            }
            return DONE;
        }
    }

    @Command(name = "probe", description = "Shows what a source offers, without saving anything.")
    static final class ProbeCommand extends ClientCommand {
        @Parameters(paramLabel = "URL|NAME", description = "a mirror's address, or a source that is there already")
        @SuppressWarnings("NullAway.Init") // Set by picocli.
        private String source;

        @Mixin
        @SuppressWarnings("NullAway.Init") // Set by picocli.
        private Description description;

        @Override
        int run(Client client) throws Exception {
            Map<String, Object> body = description.body();
            boolean described = body.containsKey("keyring") || body.containsKey("unsigned");
            body.put(described ? "url" : "source", source);
            JsonNode offer = client.post("sources/probe", body);
            String problem = offer.path("problem").asString();
            if (json()) {
                printJson(offer);
            } else {
                Table table = new Table("NAME", "LABEL", "NEWEST", "VERSIONS", "SIZE");
                for (JsonNode image : offer.path("images")) {
                    table.add(
                            image.path("name").asString(),
                            image.path("label").asString(),
                            image.path("version").asString(),
                            image.path("versions").asString(),
                            Table.bytes(image.path("size").asLong()));
                }
                table.print(out());
                offer.path("warnings").forEach(warning -> out().println("warning: " + warning.asString()));
            }
            if (!problem.isEmpty()) {
                err().println("rackboot: " + problem);
            }
            return problem.isEmpty() ? DONE : FAILED;
        }
    }

    @Command(name = "update", description = "Changes a source; what is not given stays.")
    static final class UpdateCommand extends ClientCommand {
        @Parameters(paramLabel = "NAME", description = "the source's name or address")
        @SuppressWarnings("NullAway.Init") // Set by picocli.
        private String source;

        @Option(names = "--address", paramLabel = "URL", description = "another address of the mirror")
        private @Nullable String address;

        @Mixin
        @SuppressWarnings("NullAway.Init") // Set by picocli.
        private Description description;

        @Option(names = "--enable", description = "imports ask it")
        private boolean enable;

        @Option(names = "--disable", description = "imports do not ask it; its images stay")
        private boolean disable;

        @Option(
                names = "--accept-older",
                description = "let the next import take a stream that is older than the last one accepted")
        private boolean acceptOlder;

        @Override
        void check() throws Client.UsageException {
            if (enable && disable) {
                throw new Client.UsageException("give --enable or --disable, not both");
            }
        }

        @Override
        int run(Client client) throws Exception {
            Map<String, Object> body = description.body();
            if (address != null) {
                body.put("url", address);
            }
            if (enable || disable) {
                body.put("enabled", enable);
            }
            if (acceptOlder) {
                body.put("acceptOlder", true);
            }
            JsonNode updated = client.patch("sources/" + id(client, source), body);
            if (json()) {
                printJson(updated);
            } else {
                out().println("%s: %s, priority %s, %s, signed by %s"
                        .formatted(
                                updated.path("name").asString(),
                                updated.path("url").asString(),
                                updated.path("priority").asString(),
                                updated.path("enabled").asBoolean() ? "enabled" : "disabled",
                                signedBy(updated)));
                if (updated.has("fingerprintsBefore")) {
                    out().println("before, it was signed by "
                            + updated.path("fingerprintsBefore").path(0).asString("nobody"));
                }
                updated.path("warnings").forEach(warning -> out().println("warning: " + warning.asString()));
            }
            return DONE;
        }
    }

    @Command(
            name = "remove",
            description = "Removes a source. What was imported from it stays, unless --delete-images is given.")
    static final class RemoveCommand extends ClientCommand {
        @Parameters(paramLabel = "NAME", description = "the source's name or address")
        @SuppressWarnings("NullAway.Init") // Set by picocli.
        private String source;

        @Option(
                names = "--delete-images",
                description = "delete every image that came from it at once, the pinned ones included")
        private boolean deleteImages;

        @Override
        int run(Client client) throws Exception {
            String path = "sources/" + id(client, source);
            JsonNode removed = client.delete(deleteImages ? path + "?images=delete" : path);
            if (json()) {
                printJson(removed);
                return DONE;
            }
            String images = "%s images (%s versions, %s)"
                    .formatted(
                            removed.path("images").asString(),
                            removed.path("versions").asString(),
                            Table.bytes(removed.path("size").asLong()));
            if (removed.path("images").asInt() == 0) {
                out().println("removed %s; no images had come from it".formatted(source));
            } else if (deleteImages) {
                out().println("removed %s and the %s that came from it".formatted(source, images));
            } else {
                out().println(("removed %s; the %s that came from it stay until another source brings them"
                                + " ('rackboot images delete NAME' deletes one)")
                        .formatted(source, images));
            }
            return DONE;
        }
    }

    /** Names are often addresses, which fit into no path. */
    private static String id(Client client, String name) throws Exception {
        for (JsonNode source : client.get("sources")) {
            String url = source.path("url").asString();
            if (List.of(source.path("name").asString(), url, url.replaceFirst("/$", ""))
                    .contains(name)) {
                return source.path("id").asString();
            }
        }
        throw new Client.RefusedException("There is no source '%s'; see 'rackboot sources list'".formatted(name));
    }
}
