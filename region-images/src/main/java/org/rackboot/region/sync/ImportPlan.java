package org.rackboot.region.sync;

import java.util.List;
import org.rackboot.region.simplestreams.MirrorPath;
import org.rackboot.region.source.BootSource;
import org.rackboot.region.store.ImageRepository.Image;

/**
 * What an import will fetch and publish, as a value.
 *
 * @param versions one for each product that is wanted
 * @param unmatched selections that no source offers anything for, described
 */
public record ImportPlan(List<PlannedVersion> versions, List<String> unmatched) {
    public ImportPlan {
        versions = List.copyOf(versions);
        unmatched = List.copyOf(unmatched);
    }

    /** The newest version of one product. */
    public record PlannedVersion(BootSource source, Image image, String serial, List<PlannedFile> files) {
        public PlannedVersion {
            files = List.copyOf(files);
        }
    }

    /**
     * One file to fetch.
     *
     * @param name the artifact's; for an archive, its members' names take its place
     * @param archive whether it is unpacked
     */
    public record PlannedFile(String name, String ftype, MirrorPath path, long size, String sha256, boolean archive) {}
}
