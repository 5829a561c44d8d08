package org.rackboot.server.cli;

import java.util.LinkedHashMap;
import java.util.Map;
import tools.jackson.databind.JsonNode;

/**
 * An import as text: what happened, line by line, and below it on a terminal a bar for the whole and one for each file that
 * is on its way; elsewhere a line for each tenth. Give it each status once.
 */
final class ImportDisplay {
    private static final int BAR_WIDTH = 20;
    private static final int LINE_WIDTH = 79; // A line that wraps could not be taken back.

    private final boolean terminal;
    private final Map<String, String> words = new LinkedHashMap<>();
    private int drawn;
    private int lastPercent = -10;

    ImportDisplay(boolean terminal) {
        this.terminal = terminal;
    }

    /** What to print for the next status: new lines of the log, images whose fate is known, and how far it is. */
    String next(JsonNode status) {
        StringBuilder text = new StringBuilder(clear());
        status.path("log").forEach(line -> text.append(line.asString()).append('\n'));
        for (JsonNode image : status.path("images")) {
            String state = image.path("status").asString();
            String name =
                    image.path("name").asString() + " " + image.path("version").asString();
            boolean known = state.equals("synced") || state.equals("failed");
            if (known && !state.equals(words.put(name, state))) {
                text.append("%s: %s%n".formatted(name, status(image)));
            }
        }
        if (status.path("bytesTotal").asLong() > 0
                && status.path("state").asString().equals("running")) {
            if (terminal) {
                draw(status, text);
            } else {
                int percent = status.path("percent").asInt();
                if (percent >= lastPercent + 10) {
                    lastPercent = percent - percent % 10;
                    text.append(total(status)).append('\n');
                }
            }
        }
        return text.toString();
    }

    /** How an image fares, in words that MAAS's users know. */
    static String status(JsonNode image) {
        return switch (image.path("status").asString()) {
            case "queued" -> "Queued for download";
            case "downloading" ->
                "Downloading %d %%".formatted(image.path("percent").asInt());
            case "verifying" -> "Verifying";
            case "synced" -> "Synced";
            case "failed" -> "Failed: " + image.path("cause").asString();
            default -> image.path("status").asString();
        };
    }

    private String clear() {
        String up = drawn == 0 ? "" : "\033[" + drawn + "A\033[J";
        drawn = 0;
        return up;
    }

    private void draw(JsonNode status, StringBuilder text) {
        draw(text, bar(status.path("percent").asInt()) + " " + total(status));
        for (JsonNode file : status.path("files")) {
            String state = file.path("status").asString();
            if (state.equals("downloading") || state.equals("verifying")) {
                int percent = file.path("percent").asInt();
                draw(
                        text,
                        "%s %3d %%  %9s  %s"
                                .formatted(
                                        bar(percent),
                                        percent,
                                        Table.bytes(file.path("size").asLong()),
                                        file.path("path").asString()));
            }
        }
    }

    private void draw(StringBuilder text, String line) {
        text.append(line, 0, Math.min(line.length(), LINE_WIDTH)).append('\n');
        drawn++;
    }

    private static String bar(int percent) {
        int filled = Math.min(BAR_WIDTH, percent * BAR_WIDTH / 100);
        return "[" + "#".repeat(filled) + ".".repeat(BAR_WIDTH - filled) + "]";
    }

    private static String total(JsonNode status) {
        return "%3d %%  %s of %s, %d of %d files%s"
                .formatted(
                        status.path("percent").asInt(),
                        Table.bytes(status.path("bytesDone").asLong()),
                        Table.bytes(status.path("bytesTotal").asLong()),
                        status.path("filesDone").asInt(),
                        status.path("filesTotal").asInt(),
                        left(status));
    }

    private static String left(JsonNode status) {
        if (!status.has("secondsLeft")) {
            return "";
        }
        long seconds = status.path("secondsLeft").asLong();
        return seconds < 90
                ? ", about %d s left".formatted(seconds)
                : ", about %d min left".formatted(Math.round(seconds / 60.0));
    }
}
