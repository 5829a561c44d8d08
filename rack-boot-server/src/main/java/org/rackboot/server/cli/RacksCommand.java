package org.rackboot.server.cli;

import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;

/** {@code rackboot racks}. */
@Command(
        name = "racks",
        description = "Racks: which belong to the region, how they are, and what each has.",
        subcommands = {RacksCommand.ListCommand.class, RacksCommand.EnrolCommand.class, RacksCommand.RevokeCommand.class
        })
final class RacksCommand {

    @Command(name = "list", description = "All racks: how each is, when it was last heard, and what it has.")
    static final class ListCommand extends ClientCommand {
        @Option(names = "--images", description = "also how much each has of each image")
        private boolean images;

        @Override
        int run(Client client) throws Exception {
            JsonNode racks = client.get("racks");
            if (json()) {
                printJson(racks);
                return DONE;
            }
            if (racks.isEmpty()) {
                out().println("No rack is known. Make a one-time token for one: rackboot racks enrol");
                return DONE;
            }
            Table table = images
                    ? new Table("RACK", "IMAGE", "VERSION", "HAS", "SIZE")
                    : new Table("RACK", "STATE", "LAST CONTACT", "VERSION", "IMAGES", "HOST");
            for (JsonNode rack : racks) {
                if (images) {
                    addImages(table, rack);
                } else {
                    table.add(
                            text(rack, "name"),
                            state(rack),
                            rack.has("lastContact") ? ago(text(rack, "lastContact")) : "never",
                            text(rack, "version"),
                            whole(rack.path("images")),
                            text(rack, "host"));
                }
            }
            table.print(out());
            return DONE;
        }

        private static void addImages(Table table, JsonNode rack) {
            for (JsonNode image : rack.path("images")) {
                table.add(
                        text(rack, "name"),
                        text(image, "name"),
                        text(image, "version"),
                        image.path("percent").asInt(0) + " %",
                        Table.bytes(image.path("size").asLong(0)));
            }
        }

        private static String state(JsonNode rack) {
            return switch (text(rack, "state")) {
                case "behind" -> "behind by " + rack.path("versionsBehind").asLong(0);
                case "expected" -> "expected until " + text(rack, "expires");
                default -> text(rack, "state");
            };
        }

        /** How many images it has from end to end. */
        private static String whole(JsonNode images) {
            int whole = 0;
            for (JsonNode image : images) {
                whole += image.path("percent").asInt(0) == 100 ? 1 : 0;
            }
            return whole + "/" + images.size();
        }

        private static String ago(String moment) {
            try {
                long seconds = Math.max(
                        0,
                        Duration.between(Instant.parse(moment), Instant.now()).toSeconds());
                return seconds < 120
                        ? seconds + " s ago"
                        : seconds < 7_200 ? seconds / 60 + " min ago" : moment.replaceFirst("[.]\\d+Z", "Z");
            } catch (DateTimeParseException e) {
                return moment;
            }
        }
    }

    @Command(
            name = "enrol",
            description = "Makes a one-time token for a rack. There: rackboot rack --region URL --token TOKEN")
    static final class EnrolCommand extends ClientCommand {
        private static final Pattern LIFE = Pattern.compile("(\\d{1,7})([smhd])");

        @Parameters(
                index = "0",
                arity = "0..1",
                paramLabel = "NAME",
                description = "of the rack (default: rack-1, rack-2, …)")
        private @Nullable String name;

        @Option(
                names = "--expires",
                paramLabel = "TIME",
                defaultValue = "24h",
                description = "how long the token is good: 30m, 24h, 7d (default: 24h)")
        @SuppressWarnings("NullAway.Init") // Set by picocli.
        private String expires;

        @Override
        void check() throws Client.UsageException {
            seconds();
        }

        @Override
        int run(Client client) throws Exception {
            Map<String, Object> body = new LinkedHashMap<>();
            if (name != null) {
                body.put("name", name);
            }
            body.put("seconds", seconds());
            JsonNode enrolment = client.post("racks/enrolments", body);
            if (json()) {
                printJson(enrolment);
            } else {
                out().println(text(enrolment, "token"));
                out().flush();
                err().println("For the rack '%s', once, until %s. It is not shown again. There:"
                        .formatted(text(enrolment, "name"), text(enrolment, "expires")));
                err().println("  rackboot rack --region " + address(client.root()) + " --token "
                        + text(enrolment, "token"));
            }
            return DONE;
        }

        /** As a rack elsewhere sees it; TLS is on the same port. */
        private static String address(URI root) {
            boolean here = root.getHost().matches("localhost|127[.].*|\\[::1]");
            return "https://" + (here ? "REGION" : root.getHost()) + (root.getPort() < 0 ? "" : ":" + root.getPort())
                    + "/";
        }

        private long seconds() throws Client.UsageException {
            Matcher life = LIFE.matcher(expires);
            if (!life.matches()) {
                throw new Client.UsageException(
                        "--expires is '%s'; use a number and s, m, h or d: 24h".formatted(expires));
            }
            long unit = switch (life.group(2)) {
                case "s" -> 1;
                case "m" -> 60;
                case "h" -> 3_600;
                default -> 86_400;
            };
            return Long.parseLong(life.group(1)) * unit;
        }
    }

    @Command(
            name = "revoke",
            description =
                    "Takes a rack's credential at once; what it has cached, it goes on serving. Forgets a rack that was"
                            + " revoked before, or did not come.")
    static final class RevokeCommand extends ClientCommand {
        @Parameters(index = "0", paramLabel = "NAME", description = "as 'racks list' shows it")
        @SuppressWarnings("NullAway.Init") // Set by picocli.
        private String name;

        @Override
        int run(Client client) throws Exception {
            JsonNode revoked = client.delete("racks/" + Client.segment(name));
            if (json()) {
                printJson(revoked);
            } else {
                out().println(text(revoked, "state") + " " + text(revoked, "name"));
            }
            return DONE;
        }
    }

    private static String text(JsonNode node, String key) {
        return node.path(key).asString("");
    }
}
