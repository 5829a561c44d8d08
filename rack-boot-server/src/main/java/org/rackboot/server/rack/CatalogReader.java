package org.rackboot.server.rack;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import org.rackboot.protocol.address.Subnet;
import org.rackboot.protocol.bootconfig.KernelOptions;
import org.rackboot.protocol.bootname.MacAddress;
import org.rackboot.protocol.netconfig.NetworkConfig;
import org.rackboot.protocol.resolve.Assignment;
import org.rackboot.protocol.resolve.BootCatalog;
import org.rackboot.protocol.resolve.BootFile;
import org.rackboot.protocol.resolve.BootImage;
import org.rackboot.protocol.resolve.BootPhase;
import org.rackboot.protocol.resolve.BootRules;
import org.rackboot.protocol.resolve.Bootloader;
import org.rackboot.protocol.resolve.ImageReference;
import org.rackboot.protocol.resolve.LoaderPreference;
import org.rackboot.protocol.resolve.Machine;
import org.rackboot.protocol.resolve.Purpose;
import org.rackboot.protocol.resolve.UnknownMachines;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Reads the region's catalog document, format {@code rackboot-catalog:1}, into a {@link BootCatalog}. */
public final class CatalogReader {
    public static final int MAX_BYTES = 64 << 20;

    private static final int MAX_MACHINES = 100_000;

    private static final String FORMAT = "rackboot-catalog:1";
    private static final Pattern SHA256 = Pattern.compile("[0-9a-f]{64}");
    private static final Pattern WORD = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._+-]{0,99}");

    private final JsonMapper json = JsonMapper.builder(JsonFactory.builder()
                    .streamReadConstraints(StreamReadConstraints.builder()
                            .maxDocumentLength(MAX_BYTES)
                            .maxNestingDepth(32)
                            .build())
                    .build())
            .build();

    /** @throws CatalogFormatException if anything in it is not as it must be; nothing is taken from such a document */
    public BootCatalog read(byte[] document) throws CatalogFormatException {
        try {
            JsonNode root = json.readTree(document);
            require(root.path("format").asString("").equals(FORMAT), "the format is not " + FORMAT);
            Map<String, JsonNode> objects = new HashMap<>();
            root.path("objects").properties().forEach(entry -> objects.put(entry.getKey(), entry.getValue()));
            List<BootImage> images = new ArrayList<>();
            for (JsonNode image : root.path("images")) {
                images.add(image(image, objects));
            }
            List<Bootloader> bootloaders = new ArrayList<>();
            for (JsonNode loader : root.path("bootloaders")) {
                List<BootFile> files = new ArrayList<>();
                for (Map.Entry<String, JsonNode> file : loader.path("files").properties()) {
                    files.add(file(file.getKey(), file.getValue(), BootPhase.LOADER, objects));
                }
                bootloaders.add(
                        new Bootloader(word(loader, "method"), word(loader, "arch"), text(loader, "serial"), files));
            }
            List<String> kernelOptions = new ArrayList<>();
            root.path("settings").path("kernelOptions").forEach(option -> kernelOptions.add(option.asString()));
            require(root.path("machines").size() <= MAX_MACHINES, "it has more than " + MAX_MACHINES + " machines");
            Map<String, String> documents = new HashMap<>();
            root.path("documents")
                    .properties()
                    .forEach(entry ->
                            documents.put(entry.getKey(), entry.getValue().asString("")));
            List<Machine> machines = new ArrayList<>();
            for (JsonNode machine : root.path("machines")) { // A region that knows none does not say so.
                machines.add(machine(machine, documents));
            }
            return new BootCatalog(
                    root.path("version").asLong(),
                    images,
                    bootloaders,
                    kernelOptions,
                    machines,
                    rules(root, documents));
        } catch (JacksonException | IllegalArgumentException e) {
            throw new CatalogFormatException("The region's catalog cannot be read: " + e.getMessage(), e);
        }
    }

    private static BootImage image(JsonNode image, Map<String, JsonNode> objects) {
        Map<String, BootFile> files = new HashMap<>();
        for (Map.Entry<String, JsonNode> file : image.path("files").properties()) {
            files.put(file.getKey(), file(file.getKey(), file.getValue(), phase(file.getKey()), objects));
        }
        return new BootImage(
                word(image, "os"),
                word(image, "release"),
                text(image, "version"),
                text(image, "title"),
                word(image, "arch"),
                word(image, "subarch"),
                word(image, "flavour"),
                word(image, "label"),
                text(image, "serial"),
                image.path("held").asBoolean(false),
                Set.copyOf(List.of(text(image, "subarches").split(","))),
                KernelOptions.split(text(image, "kparams")),
                words(image, "kernelOptions"),
                optional(image, "baseImage").map(ImageReference::parse).orElse(Optional.empty()),
                files);
    }

    /** What only a newer region knows of a machine, a loader or an architecture, is not known here; the rest is taken. */
    private Machine machine(JsonNode machine, Map<String, String> documents) {
        List<MacAddress> macs = new ArrayList<>();
        for (JsonNode mac : machine.path("macs")) {
            macs.add(new MacAddress(mac.asString()));
        }
        return new Machine(
                text(machine, "name"),
                macs,
                optional(machine, "uuid"),
                optional(machine, "arch").filter(Machine.ARCHITECTURES::contains),
                optional(machine, "loader").flatMap(LoaderPreference::parse),
                instructions(machine, documents));
    }

    private Machine.Instructions instructions(JsonNode machine, Map<String, String> documents) {
        return new Machine.Instructions(
                words(machine, "tags"),
                words(machine, "kernelOptions"),
                machine.has("network") ? network(machine.path("network")) : Optional.empty(),
                machine.path("netboot").asBoolean(true),
                machine.has("assignment") ? assignment(machine.path("assignment"), documents) : Optional.empty(),
                machine.has("once") ? assignment(machine.path("once"), documents) : Optional.empty());
    }

    /** The region checked it; what a newer one knows and this rack does not, leaves the machine without. */
    private Optional<NetworkConfig> network(JsonNode network) {
        return NetworkConfig.read(json.convertValue(network, Object.class)).config();
    }

    /** Empty for a purpose that only a newer region knows. */
    private static Optional<Assignment> assignment(JsonNode assignment, Map<String, String> documents) {
        long id = assignment.path("id").asLong(-1);
        require(id >= 0, "an assignment has no id");
        return Purpose.parse(text(assignment, "purpose"))
                .map(purpose -> new Assignment(
                        id,
                        purpose,
                        optional(assignment, "image").map(CatalogReader::imageReference),
                        optional(assignment, "version"),
                        optional(assignment, "cloudConfigUrl"),
                        optional(assignment, "userData").map(sha256 -> document(sha256, documents)),
                        optional(assignment, "vendorData").map(sha256 -> document(sha256, documents)),
                        assignment.path("metadata").asBoolean(false)));
    }

    private static ImageReference imageReference(String text) {
        return ImageReference.parse(text)
                .orElseThrow(() -> new IllegalArgumentException("an assignment names no image: '" + text + "'"));
    }

    private static String document(String sha256, Map<String, String> documents) {
        String document = documents.get(sha256);
        if (document == null) {
            throw new IllegalArgumentException("an assignment names a document that is not there");
        }
        return document;
    }

    private static BootRules rules(JsonNode root, Map<String, String> documents) {
        Map<String, Assignment> byTag = new HashMap<>();
        List<BootRules.OfSubnet> bySubnet = new ArrayList<>();
        Map<String, Assignment> byArch = new HashMap<>();
        Optional<Assignment> byDefault = Optional.empty();
        for (JsonNode rule : root.path("assignments")) {
            Optional<Assignment> assignment = assignment(rule, documents);
            String target = text(rule, "target");
            String value = target.substring(target.indexOf(':') + 1);
            if (assignment.isEmpty()) {
                continue;
            }
            if (target.equals("default")) {
                byDefault = assignment;
            } else if (target.startsWith("tag:")) {
                byTag.put(value, assignment.get());
            } else if (target.startsWith("arch:")) {
                byArch.put(value, assignment.get());
            } else if (target.startsWith("subnet:")) {
                Subnet subnet = Subnet.parse(value)
                        .orElseThrow(() -> new IllegalArgumentException("'" + value + "' is no subnet"));
                bySubnet.add(new BootRules.OfSubnet(value, subnet, assignment.get()));
            } // Else a newer region's.
        }
        Map<String, List<String>> tagOptions = new HashMap<>();
        for (JsonNode tag : root.path("tags")) {
            tagOptions.put(text(tag, "name"), words(tag, "kernelOptions"));
        }
        UnknownMachines unknown = optional(root.path("settings"), "unknownMachines")
                .flatMap(UnknownMachines::parse)
                .orElse(UnknownMachines.BOOT);
        return new BootRules(byTag, bySubnet, byArch, byDefault, tagOptions, unknown);
    }

    private static List<String> words(JsonNode node, String key) {
        List<String> words = new ArrayList<>();
        node.path(key).forEach(word -> words.add(word.asString()));
        return words;
    }

    private static Optional<String> optional(JsonNode node, String key) {
        require(!node.has(key) || node.path(key).isString(), "'" + key + "' is no text");
        return node.has(key) ? Optional.of(node.path(key).asString()) : Optional.empty();
    }

    private static BootFile file(String name, JsonNode sha256, BootPhase phase, Map<String, JsonNode> objects) {
        String id = sha256.asString();
        JsonNode object = objects.get(id);
        require(WORD.matcher(name).matches(), "a file has an impossible name");
        require(object != null && SHA256.matcher(id).matches(), "a file names content that is not described");
        long size = object == null ? -1 : object.path(0).asLong(-1);
        String chunkList = object == null ? "" : object.path(1).asString("");
        require(size >= 0 && SHA256.matcher(chunkList).matches(), "content is described without size or chunk list");
        return new BootFile(name, id, size, chunkList, phase);
    }

    private static BootPhase phase(String type) {
        return switch (type) {
            case "boot-kernel" -> BootPhase.KERNEL;
            case "boot-initrd" -> BootPhase.INITRD;
            case "squashfs", "root-image.gz", "root-tgz" -> BootPhase.ROOT;
            default -> BootPhase.OTHER;
        };
    }

    /** Text that becomes part of names and configurations. */
    private static String word(JsonNode node, String key) {
        String word = text(node, key);
        require(WORD.matcher(word).matches(), "'" + key + "' has characters that no name has");
        return word;
    }

    private static String text(JsonNode node, String key) {
        return node.path(key).asString("");
    }

    private static void require(boolean condition, String problem) {
        if (!condition) {
            throw new IllegalArgumentException(problem);
        }
    }
}
