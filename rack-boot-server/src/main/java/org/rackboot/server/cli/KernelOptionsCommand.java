package org.rackboot.server.cli;

import java.util.List;
import java.util.Map;
import java.util.stream.StreamSupport;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** What kernels are given, by image or by tag: shows it, or says something else. */
abstract class KernelOptionsCommand extends ClientCommand {
    private static final String WORDS = "what kernels are given, all of it, in quotation marks; 'none' for nothing";

    private final String path;
    private final String key;

    /** @param key of whose options they are, in the API's answers */
    private KernelOptionsCommand(String path, String key) {
        this.path = path;
        this.key = key;
    }

    abstract @Nullable String whose();

    abstract @Nullable String words();

    abstract JsonNode set(Client client, String whose, List<String> words) throws Exception;

    @Override
    final int run(Client client) throws Exception {
        String whose = whose();
        String words = words();
        if (whose == null || words == null) {
            return show(client.get(path), whose);
        }
        JsonNode now = set(client, whose, BootOptions.words(words));
        if (json()) {
            printJson(now);
        } else {
            out().println(
                            now.path("kernelOptions").isEmpty()
                                    ? "kernels of %s are given nothing more".formatted(whose)
                                    : "kernels of %s are given: %s".formatted(whose, joined(now)));
        }
        return DONE;
    }

    private int show(JsonNode all, @Nullable String whose) {
        List<JsonNode> shown = StreamSupport.stream(all.spliterator(), false)
                .filter(each -> whose == null || each.path(key).asString("").equals(whose))
                .toList();
        if (json()) {
            printJson(JsonMapper.shared().createArrayNode().addAll(shown));
        } else if (shown.isEmpty()) {
            out().println("no kernel options");
        } else {
            Table table = new Table(key.equals("image") ? "IMAGE" : "TAG", "KERNEL OPTIONS");
            shown.forEach(each -> table.add(each.path(key).asString(""), joined(each)));
            table.print(out());
        }
        return DONE;
    }

    private static String joined(JsonNode options) {
        return String.join(
                " ",
                StreamSupport.stream(options.path("kernelOptions").spliterator(), false)
                        .map(word -> word.asString(""))
                        .toList());
    }

    @Command(
            name = "options",
            description = {
                "Shows what kernels of images are given, or says it.",
                "  rackboot images options ubuntu/noble \"console=ttyS1 nomodeset\""
            })
    static final class OfImages extends KernelOptionsCommand {
        @Parameters(
                index = "0",
                arity = "0..1",
                paramLabel = "IMAGE",
                description = "OS/RELEASE[/ARCH[/SUBARCH]]: all images that are meant, and those that come later")
        private @Nullable String image;

        @Parameters(index = "1", arity = "0..1", paramLabel = "WORDS", description = WORDS)
        private @Nullable String words;

        OfImages() {
            super("images/options", "image");
        }

        @Override
        @Nullable
        String whose() {
            return image;
        }

        @Override
        @Nullable
        String words() {
            return words;
        }

        @Override
        JsonNode set(Client client, String whose, List<String> kernelOptions) throws Exception {
            return client.post("images/options", Map.of("image", whose, "kernelOptions", kernelOptions));
        }
    }

    @Command(
            name = "tag-options",
            description = {
                "Shows what kernels of machines with a tag are given, or says it.",
                "  rackboot machines tag-options gpu \"iommu=pt\""
            })
    static final class OfTags extends KernelOptionsCommand {
        @Parameters(index = "0", arity = "0..1", paramLabel = "TAG", description = "that machines bear")
        private @Nullable String tag;

        @Parameters(index = "1", arity = "0..1", paramLabel = "WORDS", description = WORDS)
        private @Nullable String words;

        OfTags() {
            super("tags", "name");
        }

        @Override
        @Nullable
        String whose() {
            return tag;
        }

        @Override
        @Nullable
        String words() {
            return words;
        }

        @Override
        JsonNode set(Client client, String whose, List<String> kernelOptions) throws Exception {
            return client.patch("tags/" + Client.segment(whose), Map.of("kernelOptions", kernelOptions));
        }
    }
}
