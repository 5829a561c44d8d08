package org.rackboot.it.lab;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** What the region says it has: the output of {@code rackboot images list --json}. */
final class ImageCatalog {
    /** One file of one version of one image. */
    record Artifact(String arch, String version, String name, String sha256, long size) {}

    private final List<Artifact> artifacts;

    private ImageCatalog(List<Artifact> artifacts) {
        this.artifacts = List.copyOf(artifacts);
    }

    static ImageCatalog read(Path file) {
        return parse(JsonMapper.shared().readTree(file.toFile()));
    }

    private static ImageCatalog parse(JsonNode root) {
        JsonNode images = root.isArray() ? root : root.path("images");
        List<Artifact> artifacts = new ArrayList<>();
        for (JsonNode image : images) {
            for (JsonNode artifact : image.path("artifacts")) {
                artifacts.add(new Artifact(
                        image.path("arch").asString(""),
                        image.path("version").asString(""),
                        artifact.path("name").asString(""),
                        artifact.path("sha256").asString(""),
                        artifact.path("size").asLong(0)));
            }
        }
        return new ImageCatalog(artifacts);
    }

    /** The artifact of that name in the newest version of an architecture's image. */
    Optional<Artifact> newest(String arch, String name) {
        return artifacts.stream()
                .filter(artifact ->
                        artifact.arch().equals(arch) && artifact.name().equals(name))
                .max(Comparator.comparing(Artifact::version));
    }
}
