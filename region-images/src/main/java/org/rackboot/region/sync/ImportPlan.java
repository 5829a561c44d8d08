package org.rackboot.region.sync;

import java.util.List;
import org.rackboot.region.simplestreams.MirrorPath;
import org.rackboot.region.source.BootSource;
import org.rackboot.region.source.Selection;
import org.rackboot.region.store.ImageRepository.Image;
import org.rackboot.region.store.ImageRepository.Version;

/**
 * What an import will fetch, publish and delete, as a value.
 *
 * @param versions one for each product that is wanted, also where it is published already
 * @param deletions in the order of {@code images list}
 * @param refusals wanted versions that are not taken
 * @param unmatched selections that no source offers a usable version for
 */
public record ImportPlan(
        List<PlannedVersion> versions, List<Deletion> deletions, List<Refusal> refusals, List<Selection> unmatched) {
    public ImportPlan {
        versions = List.copyOf(versions);
        deletions = List.copyOf(deletions);
        refusals = List.copyOf(refusals);
        unmatched = List.copyOf(unmatched);
    }

    /** The newest version of one product. */
    public record PlannedVersion(BootSource source, Image image, String serial, List<PlannedFile> files) {
        public PlannedVersion {
            files = List.copyOf(files);
        }

        /** {@code ubuntu/noble/amd64/ga-24.04 20260115}. */
        public String describe() {
            return image.name() + " " + serial;
        }
    }

    /**
     * One file to fetch.
     *
     * @param name the artifact's; for an archive, its members' names take its place
     * @param archive whether it is unpacked
     */
    public record PlannedFile(String name, String ftype, MirrorPath path, long size, String sha256, boolean archive) {}

    /** A published version that goes, and why. */
    public record Deletion(Version version, String reason) {
        public String describe() {
            return "%s %s: %s".formatted(version.image().name(), version.serial(), reason);
        }
    }

    /** A version that the stream offers and that is not taken, and why. */
    public record Refusal(String source, Image image, String serial, String cause) {
        public String describe() {
            return "%s %s (from %s) was refused: %s".formatted(image.name(), serial, source, cause);
        }
    }
}
