package org.rackboot.region.source;

import java.util.List;
import java.util.Optional;

/**
 * A source and whether imports can use it.
 *
 * @param fingerprints of the keys that it is trusted to be signed by
 * @param problem why it is not used although it is enabled, and what to do; empty = it is used, or switched off
 */
public record SourceStatus(BootSource source, List<String> fingerprints, Optional<String> problem) {
    public SourceStatus {
        fingerprints = List.copyOf(fingerprints);
    }

    /** Whether an import asks it. */
    public boolean usable() {
        return source.enabled() && problem.isEmpty();
    }
}
