package org.rackboot.region.simplestreams;

import java.time.Instant;
import java.util.List;

/**
 * {@code streams/v1/index.sjson}: which product files there are.
 *
 * @param updated when the publisher wrote it
 */
public record StreamIndex(Instant updated, List<Entry> entries) {
    public StreamIndex {
        entries = List.copyOf(entries);
    }

    /**
     * One product file.
     *
     * @param contentId {@code com.ubuntu.maas:stable:v3:download}
     * @param path mirror-relative
     */
    public record Entry(String contentId, MirrorPath path) {}
}
