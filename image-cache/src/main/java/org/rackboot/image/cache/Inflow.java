package org.rackboot.image.cache;

import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.rackboot.image.Chunk;
import org.rackboot.image.Content;

/** Content on its way from the origin, and the readers who wait for it. Thread-safe. */
interface Inflow {
    Content content();

    /** The chunk, as soon as it is verified; empty when this has ended: look again where it may be now. */
    Optional<CompletableFuture<Chunk>> chunk(int index);

    /**
     * Fetches what is missing, once, from where the last attempt broke off. A later call is for after a failure of
     * this one.
     */
    CompletionStage<Void> attempt();

    /** Whether it makes sense to attempt it again after a failure, and what became of the last attempt. */
    Attempt broken(Throwable cause);

    /**
     * What an attempt that failed achieved.
     *
     * @param verifiedChunks that it brought
     * @param repeatable whether another may follow
     */
    record Attempt(int verifiedChunks, boolean repeatable) {}

    /** Every waiting reader fails at once, and nothing stays but verified chunks in memory. */
    void fail(Throwable cause);
}
