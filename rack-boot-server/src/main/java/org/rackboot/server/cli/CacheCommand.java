package org.rackboot.server.cli;

import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** {@code rackboot cache}. */
@Command(
        name = "cache",
        description = "A rack's cache: what it has, and what it should have.",
        subcommands = {
            CacheCommand.ListCommand.class,
            CacheCommand.WarmCommand.class,
            CacheCommand.PinCommand.class,
            CacheCommand.UnpinCommand.class,
            CacheCommand.VerifyCommand.class,
            CacheCommand.EvictCommand.class
        })
final class CacheCommand {
    private static final int SHOWN_DIGITS = 12;
    private static final String NAMES =
            "an image (ubuntu/noble), a loader (bootloader/uefi/amd64), a boot name, or a sha256 or its first 8 digits or"
                    + " more";

    @Command(name = "list", description = "What is on the disk of this rack.")
    static final class ListCommand extends ClientCommand {
        @Option(names = "--images", description = "how much of each image is here, instead of each file")
        private boolean images;

        @Option(names = "--pins", description = "what 'cache pin' was told, instead of each file")
        private boolean pins;

        @Override
        int run(Client client) throws Exception {
            JsonNode cache = client.get("cache");
            if (json()) {
                printJson(cache);
                return DONE;
            }
            if (images) {
                listImages(cache);
            } else if (!pins) {
                listContents(cache);
            }
            if (pins || (!images && !cache.path("pins").isEmpty())) {
                listPins(cache);
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

        private void listPins(JsonNode cache) {
            if (images || !pins) {
                out().println();
                out().println("pinned by name:");
            }
            if (cache.path("pins").isEmpty()) {
                out().println("nothing is pinned by 'rackboot cache pin'");
                return;
            }
            Table table = new Table("NAME", "SIZE", "HERE", "STATE");
            for (JsonNode pin : cache.path("pins")) {
                table.add(
                        pin.path("name").asString(),
                        Table.bytes(pin.path("size").asLong()),
                        pin.path("percent").asInt() + " %",
                        pin.path("state").asString());
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
        @Parameters(paramLabel = "NAME", arity = "0..*", description = NAMES)
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
        @Override
        int run(Client client) throws Exception {
            Warming warming = new Warming(this, client);
            JsonNode state = warming.await(client.post("cache/warm", which()));
            if (json()) {
                printJson(state);
            } else {
                warming.print(state, "", "warm less");
            }
            return Warming.exitCode(state);
        }
    }

    @Command(
            name = "pin",
            description = "Fetches files and keeps them on the disk, in new versions as well, until they are unpinned.")
    static final class PinCommand extends ClientCommand {
        @Parameters(
                paramLabel = "NAME",
                arity = "1..*",
                description = NAMES + "; an image or a loader stays pinned by its name when it changes")
        private List<String> names = List.of();

        @Override
        int run(Client client) throws Exception {
            JsonNode answer = client.post("cache/pin", Map.of("names", names));
            JsonNode pinned = answer.path("pinned");
            Warming warming = new Warming(this, client);
            JsonNode state = warming.await(answer);
            if (json()) {
                printJson(((ObjectNode) state).set("pinned", pinned));
            } else {
                warming.print(state, "pinned %s: ".formatted(count(pinned.size(), "name")), "unpin some");
                if (!state.path("failures").isEmpty()) {
                    err().println(
                                    "rackboot: pinned all the same; what is missing is tried again about every minute, see"
                                            + " 'rackboot cache list --pins'");
                }
            }
            return Warming.exitCode(state);
        }
    }

    @Command(name = "unpin", description = "Takes pins back; what they kept leaves the disk when others need the room.")
    static final class UnpinCommand extends SomeCommand {
        @Override
        int run(Client client) throws Exception {
            JsonNode result = client.post("cache/unpin", which());
            if (json()) {
                printJson(result);
            } else {
                out().println("unpinned " + count(result.path("unpinned").size(), "name"));
            }
            return DONE;
        }
    }

    /** A fetch that the rack was asked for, followed to its end. */
    private static final class Warming {
        private static final long LOOK_MILLIS = 300;

        private final ClientCommand command;
        private final Client client;

        Warming(ClientCommand command, Client client) {
            this.command = command;
            this.client = client;
        }

        JsonNode await(JsonNode begun) throws Exception {
            JsonNode state = begun;
            while (state.path("running").asBoolean()) {
                if (!command.json() && Boolean.getBoolean("rackboot.terminal")) { // The launcher knows.
                    command.out()
                            .print("\r%d of %d files"
                                    .formatted(
                                            state.path("done").asInt(),
                                            state.path("total").asInt()));
                    command.out().flush();
                }
                TimeUnit.MILLISECONDS.sleep(LOOK_MILLIS);
                state = client.get("cache/warm");
            }
            return state;
        }

        static int exitCode(JsonNode state) {
            return state.path("failures").isEmpty() && state.path("notKept").asInt() == 0
                    ? ClientCommand.DONE
                    : ClientCommand.FAILED;
        }

        /** @param orElse what to do when not everything fits the disk */
        void print(JsonNode state, String done, String orElse) {
            int total = state.path("total").asInt();
            int notKept = state.path("notKept").asInt();
            command.out()
                    .println((Boolean.getBoolean("rackboot.terminal") ? "\r" : "")
                            + done
                            + "%d of %d files, %s"
                                    .formatted(
                                            state.path("done").asInt()
                                                    - state.path("failures").size()
                                                    - notKept,
                                            total,
                                            Table.bytes(state.path("bytes").asLong())));
            state.path("failures")
                    .properties()
                    .forEach(failure -> command.err()
                            .println("rackboot: %s: %s"
                                    .formatted(
                                            failure.getKey().substring(0, SHOWN_DIGITS),
                                            failure.getValue().asString())));
            if (notKept > 0) {
                command.err()
                        .println("rackboot: %d of %d files do not fit the cache of %s: raise cache.disk, or %s"
                                .formatted(
                                        notKept,
                                        total,
                                        Table.binary(
                                                state.path("disk").path("limit").asLong()),
                                        orElse));
                state.path("notKeptFiles")
                        .properties()
                        .forEach(file -> command.err()
                                .println("rackboot: not kept: %s %s"
                                        .formatted(
                                                file.getKey().substring(0, SHOWN_DIGITS),
                                                file.getValue().asString())));
            }
        }
    }

    private static String count(int count, String what) {
        return "%d %s%s".formatted(count, what, count == 1 ? "" : "s");
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
                int stayed = result.path("stayed").asInt(0);
                out().println("evicted %d files"
                                .formatted(result.path("evicted").size())
                        + (stayed > 0 ? "; %s stayed, pinned".formatted(count(stayed, "file")) : ""));
            }
            return DONE;
        }
    }
}
