package org.rackboot.server.region;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.rackboot.region.catalog.Served;
import org.rackboot.region.store.ImageRepository.Artifact;
import org.rackboot.region.store.ImageRepository.Image;
import org.rackboot.region.store.ImageRepository.Kind;
import org.rackboot.region.store.ImageRepository.Version;

/** A published version as JSON. */
final class ImageJson {
    private ImageJson() {}

    /** What it is, whatever its version. */
    static Map<String, Object> describe(Image image) {
        boolean loader = image.kind() == Kind.BOOTLOADER;
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("kind", image.kind().word());
        json.put("name", image.name());
        json.put("os", image.os());
        if (!loader) {
            json.put("release", image.release());
            json.put("title", image.title());
        }
        json.put("arch", image.arch());
        if (loader) {
            json.put("method", image.method());
        } else {
            json.put("subarch", image.subarch());
            json.put("subarches", image.subarches());
        }
        json.put("label", image.label());
        json.put("product", image.product());
        return json;
    }

    static Map<String, Object> of(Served served) {
        Version version = served.version();
        Image image = version.image();
        Map<String, Object> json = describe(image);
        json.put("version", version.serial());
        json.put("source", version.source());
        json.put("published", version.publishedAt().toString());
        json.put("status", "synced");
        json.put("served", served.isServed());
        json.put("pinned", version.isPinned());
        json.put("size", version.artifacts().stream().mapToLong(Artifact::size).sum());
        List<Map<String, Object>> artifacts = new ArrayList<>();
        for (Artifact artifact : version.artifacts()) {
            Map<String, Object> file = new LinkedHashMap<>();
            file.put("name", artifact.name());
            file.put("ftype", artifact.ftype());
            file.put("size", artifact.size());
            file.put("sha256", artifact.sha256());
            file.put("path", path(image, artifact));
            artifacts.add(file);
        }
        json.put("artifacts", artifacts);
        return json;
    }

    /** The boot name that racks serve it under. */
    private static String path(Image image, Artifact artifact) {
        return image.kind() == Kind.IMAGE
                ? String.join(
                        "/",
                        "images",
                        artifact.sha256(),
                        image.os(),
                        image.arch(),
                        image.subarch(),
                        image.release(),
                        image.label(),
                        artifact.name())
                : String.join("/", "bootloaders", image.method(), image.arch(), artifact.name());
    }
}
