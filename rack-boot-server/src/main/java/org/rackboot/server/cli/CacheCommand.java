package org.rackboot.server.cli;

import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;

/** {@code rackboot cache}. */
@Command(
        name = "cache",
        description = "A rack's cache: what it has, and what it should have.",
        subcommands = {
            CacheCommand.ListCommand.class,
            CacheCommand.WarmCommand.class,
            CacheCommand.VerifyCommand.class,
            CacheCommand.EvictCommand.class
        })
final class CacheCommand {
    private static final int SHOWN_DIGITS = 12;

    @Command(name = "list", description = "What is on the disk of this rack.")
    static final class ListCommand extends ClientCommand {
        @Option(names = "--images", description = "how much of each image is here, instead of each file")
        private boolean images;

        @Override
        int run(Client client) throws Exception {
            JsonNode cache = client.get("cache");
            if (json()) {
                printJson(cache);
                return DONE;
            }
            if (images) {
                listImages(cache);
            } else {
                listContents(cache);
            }
            out().println("disk %s of %s, memory %s of %s; %d fetches running, %d waiting"
                    .formatted(
                            Table.bytes(cache.path("disk").path("bytes").asLong()),
                            Table.bytes(cache.path("disk").path("limit").asLong()),
                            Table.bytes(cache.path("memory").path("bytes").asLong()),
                            Table.bytes(cache.path("memory").path("limit").asLong()),
                            cache.path("fills").path("active").asInt(),
                            cache.path("fills").path("waiting").asInt()));
            return DONE;
        }

        private void listImages(JsonNode cache) {
            Table table = new Table("NAME", "VERSION", "SIZE", "HERE");
            for (JsonNode image : cache.path("images")) {
                table.add(
                        image.path("name").asString(),
                        image.path("version").asString(),
                        Table.bytes(image.path("size").asLong()),
                        image.path("percent").asInt() + " %");
            }
            table.print(out());
        }

        private void listContents(JsonNode cache) {
            Table table = new Table("SHA256", "SIZE", "STATE", "NAME");
            for (JsonNode content : cache.path("contents")) {
                JsonNode names = content.path("names");
                table.add(
                        content.path("sha256").asString().substring(0, SHOWN_DIGITS),
                        Table.bytes(content.path("size").asLong()),
                        (content.path("verified").asBoolean() ? "verified" : "to verify")
                                + (content.path("pinned").asBoolean() ? ", pinned" : ""),
                        names.isEmpty()
                                ? "(in no image now)"
                                : names.path(0).asString()
                                        + (names.size() > 1 ? " and %d more".formatted(names.size() - 1) : ""));
            }
            table.print(out());
        }
    }

    /** A command about some of what the catalog names, or all. */
    abstract static class SomeCommand extends ClientCommand {
        @Parameters(
                paramLabel = "NAME",
                arity = "0..*",
                description =
                        "an image (ubuntu/noble), a loader (bootloader/uefi/amd64), a boot name, or a sha256 or its"
                                + " first 8 digits or more")
        private @Nullable List<String> names;

        @Option(names = "--all", description = "everything")
        private boolean all;

        @Override
        final void check() throws Client.UsageException {
            if (all == (names != null)) {
                throw new Client.UsageException("Say which: one or more names, or --all");
            }
        }

        final Map<String, Object> which() {
            return all ? Map.of("all", true) : Map.of("names", names == null ? List.of() : names);
        }
    }

    @Command(
            name = "warm",
            description = "Fetches what machines will ask for; what they ask for meanwhile comes first.")
    static final class WarmCommand extends SomeCommand {
        private static final long LOOK_MILLIS = 300;

        @Override
        int run(Client client) throws Exception {
            JsonNode state = client.post("cache/warm", which());
            while (state.path("running").asBoolean()) {
                if (!json() && Boolean.getBoolean("rackboot.terminal")) { // The launcher knows.
                    out().print("\r%d of %d files"
                            .formatted(
                                    state.path("done").asInt(),
                                    state.path("total").asInt()));
                    out().flush();
                }
                TimeUnit.MILLISECONDS.sleep(LOOK_MILLIS);
                state = client.get("cache/warm");
            }
            if (json()) {
                printJson(state);
            } else {
                print(state);
            }
            return state.path("failures").isEmpty() && state.path("notKept").asInt() == 0 ? DONE : FAILED;
        }

        private void print(JsonNode state) {
            int total = state.path("total").asInt();
            int notKept = state.path("notKept").asInt();
            out().println((Boolean.getBoolean("rackboot.terminal") ? "\r" : "")
                    + "%d of %d files, %s"
                            .formatted(
                                    state.path("done").asInt()
                                            - state.path("failures").size()
                                            - notKept,
                                    total,
                                    Table.bytes(state.path("bytes").asLong())));
            state.path("failures")
                    .properties()
                    .forEach(failure -> err().println("rackboot: %s: %s"
                            .formatted(
                                    failure.getKey().substring(0, SHOWN_DIGITS),
                                    failure.getValue().asString())));
            if (notKept > 0) {
                err().println("rackboot: %d of %d files do not fit the cache of %s: raise cache.disk, or warm less"
                        .formatted(
                                notKept,
                                total,
                                Table.binary(state.path("disk").path("limit").asLong())));
                state.path("notKeptFiles")
                        .properties()
                        .forEach(file -> err().println("rackboot: not kept: %s %s"
                                .formatted(
                                        file.getKey().substring(0, SHOWN_DIGITS),
                                        file.getValue().asString())));
            }
        }
    }

    @Command(name = "verify", description = "Reads files again; drops what is not what it was, to be fetched again.")
    static final class VerifyCommand extends SomeCommand {
        @Override
        int run(Client client) throws Exception {
            JsonNode result = client.post("cache/verify", which());
            if (json()) {
                printJson(result);
            } else {
                out().println("%d files are right, %d were wrong and dropped"
                        .formatted(
                                result.path("right").asInt(),
                                result.path("wrong").size()));
                result.path("wrong").forEach(sha256 -> out().println("wrong: " + sha256.asString()));
            }
            return result.path("wrong").isEmpty() ? DONE : FAILED;
        }
    }

    @Command(name = "evict", description = "Forgets files; they are fetched again when a machine asks.")
    static final class EvictCommand extends SomeCommand {
        @Override
        int run(Client client) throws Exception {
            JsonNode result = client.post("cache/evict", which());
            if (json()) {
                printJson(result);
            } else {
                out().println("evicted %d files"
                        .formatted(result.path("evicted").size()));
            }
            return DONE;
        }
    }
}
