package org.rackboot.region.sync;

import java.util.List;
import org.rackboot.region.store.ImageRepository.Image;

/**
 * What a source has.
 *
 * @param images and bootloaders, in the stream's order
 * @param warnings what was left out, and why
 * @param problem why it could not be read, or is not genuine; else empty
 */
public record SourceOffer(List<Offered> images, List<String> warnings, String problem) {
    public SourceOffer {
        images = List.copyOf(images);
        warnings = List.copyOf(warnings);
    }

    /** The newest version of an image, and how many bytes its files have together. */
    public record Offered(Image image, String newestSerial, int versions, long bytes) {}
}
