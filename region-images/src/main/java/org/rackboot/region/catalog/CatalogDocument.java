package org.rackboot.region.catalog;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.rackboot.region.machine.Assignment;
import org.rackboot.region.machine.ImageReference;
import org.rackboot.region.machine.Machine;
import org.rackboot.region.machine.Tag;
import org.rackboot.region.machine.UnknownMachines;
import org.rackboot.region.store.AssignmentRepository.Assigned;
import org.rackboot.region.store.AssignmentRepository.Everything;
import org.rackboot.region.store.ImageRepository.Artifact;
import org.rackboot.region.store.ImageRepository.Image;
import org.rackboot.region.store.ImageRepository.Kind;
import org.rackboot.region.store.ImageRepository.Version;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.util.RawValue;

/**
 * The catalog as racks read it, format {@value #FORMAT}.
 *
 * <p>{@code objects} maps each sha256 to size and sha256 of its chunk list; the list itself is fetched with the
 * content, so the document stays small however large the images are. {@code images} holds every version, and marks as
 * {@code held} those that no machine gets unless it began with it; {@code bootloaders} holds the one in use of each method
 * and architecture. {@code machines}, {@code assignments}, {@code tags} and {@code documents} are left out if there are none,
 * and of a machine what it has not. An assignment names its texts by their sha256, under which {@code documents} has them.
 */
public final class CatalogDocument {
    public static final String FORMAT = "rackboot-catalog:1";

    private static final JsonMapper JSON = JsonMapper.builder().build();

    private CatalogDocument() {}

    /**
     * What the region's configuration says of all machines.
     *
     * @param kernelOptions that the operator adds to every machine's kernel command line
     * @param unknownMachines what those get that nobody made known, and nothing is assigned to
     */
    public record Settings(List<String> kernelOptions, UnknownMachines unknownMachines) {}

    /** Of a region where nothing is assigned to anyone. */
    public static byte[] render(
            long version, List<Version> versions, List<Machine> machines, List<String> kernelOptions) {
        return render(
                version,
                versions,
                new Everything(machines, List.of(), List.of(), Map.of(), Map.of(), Map.of()),
                new Settings(kernelOptions, UnknownMachines.BOOT));
    }

    /**
     * Renders the document.
     *
     * @param versions the ones that win first, newest serial first
     */
    public static byte[] render(long version, List<Version> versions, Everything everything, Settings settings) {
        Map<String, List<Object>> objects = new LinkedHashMap<>();
        List<Map<String, Object>> images = new ArrayList<>();
        List<Map<String, Object>> bootloaders = new ArrayList<>();
        for (Served served : Served.of(versions)) {
            Version each = served.version();
            Image image = each.image();
            boolean loader = image.kind() == Kind.BOOTLOADER;
            if (loader && !served.isServed()) {
                continue;
            }
            Map<String, Object> entry = new LinkedHashMap<>();
            if (loader) {
                entry.put("method", image.method());
                entry.put("arch", image.arch());
            } else {
                entry.put("os", image.os());
                entry.put("release", image.release());
                entry.put("version", image.releaseVersion());
                entry.put("title", image.title());
                entry.put("arch", image.arch());
                entry.put("subarch", image.subarch());
                entry.put("flavour", image.flavour());
                entry.put("label", image.label());
                entry.put("subarches", image.subarches());
                if (!image.kparams().isEmpty()) {
                    entry.put("kparams", image.kparams());
                }
                List<String> options = options(image, everything.imageOptions());
                if (!options.isEmpty()) {
                    entry.put("kernelOptions", options);
                }
                String baseImage = everything.baseImages().get(image.product());
                if (baseImage != null) {
                    entry.put("baseImage", baseImage);
                }
            }
            entry.put("serial", each.serial());
            if (!served.isServed()) {
                entry.put("held", true);
            }
            entry.put("files", files(each.artifacts(), objects));
            (loader ? bootloaders : images).add(entry);
        }
        Map<String, Object> document = new LinkedHashMap<>();
        document.put("format", FORMAT);
        document.put("version", version);
        document.put("settings", settings(settings));
        document.put("images", images);
        document.put("bootloaders", bootloaders);
        document.put("objects", objects);
        put(document, "machines", everything.machines(), CatalogDocument::machine);
        put(document, "assignments", everything.assigned(), CatalogDocument::assigned);
        put(document, "tags", everything.tags(), CatalogDocument::tag);
        if (!everything.documents().isEmpty()) {
            document.put("documents", everything.documents());
        }
        return JSON.writeValueAsBytes(document);
    }

    private static <T> void put(Map<String, Object> document, String key, List<T> all, Function<T, ?> entry) {
        if (!all.isEmpty()) {
            document.put(key, all.stream().map(entry).toList());
        }
    }

    private static Map<String, Object> settings(Settings settings) {
        Map<String, Object> entry = new LinkedHashMap<>();
        entry.put("kernelOptions", settings.kernelOptions());
        if (settings.unknownMachines() != UnknownMachines.BOOT) {
            entry.put("unknownMachines", settings.unknownMachines().word());
        }
        return entry;
    }

    /** The more words name the image, the later its options come: the kernel heeds the last. */
    private static List<String> options(Image image, Map<ImageReference, List<String>> all) {
        return all.entrySet().stream()
                .filter(each -> each.getKey().means(image.os(), image.release(), image.arch(), image.subarch(), ""))
                .sorted(Comparator.comparingInt(each -> each.getKey().words().size()))
                .flatMap(each -> each.getValue().stream())
                .toList();
    }

    private static Map<String, Object> machine(Machine machine) {
        Machine.Boot boot = machine.boot();
        Map<String, Object> entry = new LinkedHashMap<>();
        entry.put("name", machine.name());
        entry.put("macs", machine.macs());
        machine.uuid().ifPresent(uuid -> entry.put("uuid", uuid));
        machine.arch().ifPresent(arch -> entry.put("arch", arch));
        machine.loader().ifPresent(loader -> entry.put("loader", loader.word()));
        if (!boot.tags().isEmpty()) {
            entry.put("tags", boot.tags());
        }
        if (!boot.kernelOptions().isEmpty()) {
            entry.put("kernelOptions", boot.kernelOptions());
        }
        boot.network().ifPresent(network -> entry.put("network", new RawValue(network)));
        if (!boot.netboot()) {
            entry.put("netboot", false);
        }
        boot.assignment().ifPresent(assignment -> entry.put("assignment", assignment(assignment, Map.of())));
        boot.once().ifPresent(once -> entry.put("once", assignment(once, Map.of())));
        return entry;
    }

    private static Map<String, Object> tag(Tag tag) {
        Map<String, Object> entry = new LinkedHashMap<>();
        entry.put("name", tag.name());
        entry.put("kernelOptions", tag.kernelOptions());
        return entry;
    }

    private static Map<String, Object> assigned(Assigned assigned) {
        return assignment(
                assigned.assignment(), Map.of("target", assigned.target().text()));
    }

    private static Map<String, Object> assignment(Assignment assignment, Map<String, Object> before) {
        Map<String, Object> entry = new LinkedHashMap<>(before);
        entry.put("id", assignment.id());
        entry.put("purpose", assignment.purpose().word());
        assignment.image().ifPresent(image -> entry.put("image", image.text()));
        assignment.version().ifPresent(serial -> entry.put("version", serial));
        assignment.cloudConfigUrl().ifPresent(url -> entry.put("cloudConfigUrl", url));
        assignment.userData().ifPresent(sha256 -> entry.put("userData", sha256));
        assignment.vendorData().ifPresent(sha256 -> entry.put("vendorData", sha256));
        if (assignment.metadata()) {
            entry.put("metadata", true);
        }
        return entry;
    }

    private static Map<String, String> files(List<Artifact> artifacts, Map<String, List<Object>> objects) {
        Map<String, String> files = new LinkedHashMap<>();
        for (Artifact artifact : artifacts) {
            files.put(artifact.name(), artifact.sha256());
            objects.putIfAbsent(artifact.sha256(), List.of(artifact.size(), artifact.chunkList()));
        }
        return files;
    }
}
