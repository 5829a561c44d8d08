package org.rackboot.image.cache;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.rackboot.image.Chunk;

/**
 * One chunk awaited by any number of readers. Each is handed a reference of its own, and a reader that gives up takes
 * nothing from the others. Not thread-safe before completion: its owner's lock guards {@link #add}.
 */
final class ChunkPromise {
    private final List<CompletableFuture<Chunk>> waiting = new ArrayList<>(1);

    CompletableFuture<Chunk> add() {
        CompletableFuture<Chunk> reader = new CompletableFuture<>();
        waiting.add(reader);
        return reader;
    }

    /** Takes over those who wait elsewhere for the same chunk. */
    void addAll(ChunkPromise other) {
        waiting.addAll(other.waiting);
    }

    /** Hands out references; the caller keeps its own. Call without holding a lock: readers go on at once. */
    void complete(Chunk chunk) {
        for (CompletableFuture<Chunk> reader : waiting) {
            if (!reader.complete(chunk.retain())) {
                chunk.release(); // It gave up.
            }
        }
    }

    void fail(Throwable cause) {
        for (CompletableFuture<Chunk> reader : waiting) {
            reader.completeExceptionally(cause);
        }
    }
}
