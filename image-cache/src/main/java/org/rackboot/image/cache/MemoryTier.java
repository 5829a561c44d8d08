package org.rackboot.image.cache;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import java.util.Optional;
import org.rackboot.image.Chunk;
import org.rackboot.image.Content;

/**
 * Verified chunks in direct memory; Caffeine's W-TinyLFU decides which, within a weight in bytes. A chunk belongs to the
 * whole {@link Content} and not to its id alone: the chunk list is what it was verified against.
 */
final class MemoryTier {
    private record Key(Content content, int index) {}

    private final Cache<Key, BufferPool.PooledChunk> chunks;

    MemoryTier(long maxBytes) {
        chunks = Caffeine.newBuilder()
                .maximumWeight(maxBytes)
                .weigher((Key key, BufferPool.PooledChunk chunk) -> chunk.capacity())
                // In the evicting thread: memory is free again at once, not after a queue.
                .executor(Runnable::run)
                .removalListener((key, chunk, cause) -> {
                    if (chunk != null) {
                        chunk.release();
                    }
                })
                .build();
    }

    /** The chunk with a reference for the caller. */
    Optional<Chunk> get(Content content, int index) {
        BufferPool.PooledChunk chunk = chunks.getIfPresent(new Key(content, index));
        return chunk != null && chunk.tryRetain() ? Optional.of(chunk) : Optional.empty();
    }

    /** Keeps a reference of its own; the caller's stays the caller's. */
    void put(Content content, int index, BufferPool.PooledChunk chunk) {
        chunk.retain();
        chunks.put(new Key(content, index), chunk);
    }

    /** Forgets content that proved not to be what its name says. */
    void drop(Content content) {
        chunks.asMap().keySet().removeIf(key -> key.content().equals(content));
    }

    long weightBytes() {
        return chunks.policy()
                .eviction()
                .flatMap(eviction -> {
                    var weight = eviction.weightedSize();
                    return weight.isPresent() ? Optional.of(weight.getAsLong()) : Optional.empty();
                })
                .orElse(0L);
    }
}
