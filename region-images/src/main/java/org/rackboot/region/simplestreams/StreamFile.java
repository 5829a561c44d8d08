package org.rackboot.region.simplestreams;

import java.time.Instant;

/** One metadata file of a stream: an index of further files, or products. */
public sealed interface StreamFile permits StreamIndex, Products {
    /** When the publisher wrote it. */
    Instant updated();
}
