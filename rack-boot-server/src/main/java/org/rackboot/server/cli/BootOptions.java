package org.rackboot.server.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.rackboot.server.json.StrictJson;
import picocli.CommandLine.Option;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;

/** What is to be different when a machine boots, as {@code machines add} and {@code update} take it. */
final class BootOptions {
    private static final int MAX_NETWORK_BYTES = 256 << 10; // The region takes less, and says so.

    @Option(names = "--tag", split = ",", paramLabel = "T", description = "bears this tag; may be repeated")
    private @Nullable List<String> tags;

    @Option(
            names = "--kernel-options",
            paramLabel = "WORDS",
            description = "what its kernel is given, all of it, in quotation marks; 'none' for nothing")
    private @Nullable String kernelOptions;

    @Option(
            names = "--network",
            paramLabel = "FILE",
            description = "its network configuration, netplan's version 2 in YAML or JSON; 'none' takes it away")
    private @Nullable String network;

    /** @param tagKey under which the API takes the tags */
    void addTo(Map<String, Object> body, String tagKey) throws Client.UsageException, Client.RefusedException {
        if (tags != null) {
            body.put(tagKey, tags);
        }
        if (kernelOptions != null) {
            body.put("kernelOptions", words(kernelOptions));
        }
        if (network != null) {
            body.put("network", network.equals("none") ? "" : read(Path.of(network)));
        }
    }

    /** The words of a text, parted by blanks; of {@code none}, none. */
    static List<String> words(String text) {
        return text.equals("none")
                ? List.of()
                : Arrays.stream(text.strip().split("\\s+"))
                        .filter(word -> !word.isEmpty())
                        .toList();
    }

    /** A file of netplan's has everything below {@code network}. */
    private static JsonNode read(Path file) throws Client.UsageException, Client.RefusedException {
        try {
            if (Files.size(file) > MAX_NETWORK_BYTES) {
                throw new Client.UsageException("%s is larger than any network configuration".formatted(file));
            }
            byte[] bytes = Files.readAllBytes(file);
            FileWords.text(bytes); // Else its bytes are nobody's letters.
            JsonNode root = StrictJson.yaml(bytes);
            return root.size() == 1 && root.has("network") ? root.path("network") : root;
        } catch (IOException e) {
            throw new Client.RefusedException("%s cannot be read: %s".formatted(file, FileWords.reason(e)));
        } catch (JacksonException e) {
            throw new Client.UsageException(
                    "%s cannot be read as YAML or JSON: %s".formatted(file, StrictJson.problem(e)));
        }
    }
}
