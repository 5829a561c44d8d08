package org.rackboot.region.simplestreams;

import java.time.Instant;
import java.util.List;

/**
 * An index, such as {@code streams/v1/index.sjson}: which product files and further indexes there are.
 *
 * @param updated when the publisher wrote it
 * @param entries those that can be followed, in the file's order
 * @param warnings of entries that cannot, one sentence each
 */
public record StreamIndex(Instant updated, List<Entry> entries, List<String> warnings) implements StreamFile {
    public StreamIndex {
        entries = List.copyOf(entries);
        warnings = List.copyOf(warnings);
    }

    /**
     * One file.
     *
     * @param contentId {@code com.ubuntu.maas:stable:v3:download}
     * @param path mirror-relative
     * @param index whether the file is another index; else it holds products
     */
    public record Entry(String contentId, MirrorPath path, boolean index) {}
}
