package org.rackboot.region.catalog;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.rackboot.region.machine.Machine;
import org.rackboot.region.store.ImageRepository.Artifact;
import org.rackboot.region.store.ImageRepository.Image;
import org.rackboot.region.store.ImageRepository.Kind;
import org.rackboot.region.store.ImageRepository.Version;
import tools.jackson.databind.json.JsonMapper;

/**
 * The catalog as racks read it, format {@value #FORMAT}.
 *
 * <p>{@code objects} maps each sha256 to size and sha256 of its chunk list; the list itself is fetched with the
 * content, so the document stays small however large the images are. {@code images} holds every version, and marks as
 * {@code held} those that no machine gets unless it began with it; {@code bootloaders} holds the one in use of each method
 * and architecture. {@code machines} is left out if there are none, and of a machine what it has not.
 */
public final class CatalogDocument {
    public static final String FORMAT = "rackboot-catalog:1";

    private static final JsonMapper JSON = JsonMapper.builder().build();

    private CatalogDocument() {}

    /**
     * Renders the document.
     *
     * @param versions the ones that win first, newest serial first
     * @param machines by name
     * @param kernelOptions that the operator adds to every machine's kernel command line
     */
    public static byte[] render(
            long version, List<Version> versions, List<Machine> machines, List<String> kernelOptions) {
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
        document.put("settings", Map.of("kernelOptions", kernelOptions));
        document.put("images", images);
        document.put("bootloaders", bootloaders);
        document.put("objects", objects);
        if (!machines.isEmpty()) {
            document.put(
                    "machines", machines.stream().map(CatalogDocument::machine).toList());
        }
        return JSON.writeValueAsBytes(document);
    }

    private static Map<String, Object> machine(Machine machine) {
        Map<String, Object> entry = new LinkedHashMap<>();
        entry.put("name", machine.name());
        entry.put("macs", machine.macs());
        machine.uuid().ifPresent(uuid -> entry.put("uuid", uuid));
        machine.arch().ifPresent(arch -> entry.put("arch", arch));
        machine.loader().ifPresent(loader -> entry.put("loader", loader.word()));
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
