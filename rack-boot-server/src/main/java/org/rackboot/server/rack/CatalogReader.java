package org.rackboot.server.rack;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import org.rackboot.protocol.bootname.MacAddress;
import org.rackboot.protocol.resolve.BootCatalog;
import org.rackboot.protocol.resolve.BootFile;
import org.rackboot.protocol.resolve.BootImage;
import org.rackboot.protocol.resolve.BootPhase;
import org.rackboot.protocol.resolve.Bootloader;
import org.rackboot.protocol.resolve.LoaderPreference;
import org.rackboot.protocol.resolve.Machine;
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
            List<Machine> machines = new ArrayList<>();
            for (JsonNode machine : root.path("machines")) { // A region that knows none does not say so.
                machines.add(machine(machine));
            }
            return new BootCatalog(root.path("version").asLong(), images, bootloaders, kernelOptions, machines);
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
                files);
    }

    /** What only a newer region knows of a machine, a loader or an architecture, is not known here; the rest is taken. */
    private static Machine machine(JsonNode machine) {
        List<MacAddress> macs = new ArrayList<>();
        for (JsonNode mac : machine.path("macs")) {
            macs.add(new MacAddress(mac.asString()));
        }
        return new Machine(
                text(machine, "name"),
                macs,
                optional(machine, "uuid"),
                optional(machine, "arch").filter(Machine.ARCHITECTURES::contains),
                optional(machine, "loader").flatMap(LoaderPreference::parse));
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
