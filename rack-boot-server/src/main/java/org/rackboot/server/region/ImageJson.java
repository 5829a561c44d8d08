package org.rackboot.server.region;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.rackboot.region.store.ImageRepository.Artifact;
import org.rackboot.region.store.ImageRepository.Image;
import org.rackboot.region.store.ImageRepository.Kind;
import org.rackboot.region.store.ImageRepository.Version;

/** A published version as JSON. */
final class ImageJson {
    private ImageJson() {}

    static Map<String, Object> of(Version version) {
        Image image = version.image();
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("kind", image.kind().word());
        json.put("name", name(image));
        json.put("os", image.os());
        if (image.kind() == Kind.IMAGE) {
            json.put("release", image.release());
            json.put("title", image.title());
        }
        json.put("arch", image.arch());
        if (image.kind() == Kind.IMAGE) {
            json.put("subarch", image.subarch());
            json.put("subarches", image.subarches());
        } else {
            json.put("method", image.method());
        }
        json.put("label", image.label());
        json.put("version", version.serial());
        json.put("product", image.product());
        json.put("source", version.source());
        json.put("published", version.publishedAt().toString());
        json.put("status", "synced");
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

    /** {@code ubuntu/noble/amd64/ga-24.04}, {@code bootloader/uefi/amd64}. */
    private static String name(Image image) {
        return image.kind() == Kind.IMAGE
                ? String.join("/", image.os(), image.release(), image.arch(), image.subarch())
                : String.join("/", "bootloader", image.method(), image.arch());
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
