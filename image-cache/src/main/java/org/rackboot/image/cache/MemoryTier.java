package org.rackboot.image.cache;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import java.util.Optional;
import java.util.function.LongSupplier;
import org.rackboot.image.Chunk;
import org.rackboot.image.Content;

/**
 * Verified chunks in direct memory; Caffeine's W-TinyLFU decides which, within a weight in bytes. A chunk belongs to the
 * whole {@link Content} and not to its id alone: the chunk list is what it was verified against.
 */
final class MemoryTier {
    private record Key(Content content, int index) {}

    private final long maxBytes;
    private final LongSupplier lentBytes;
    private final Cache<Key, BufferPool.PooledChunk> chunks;

    /** @param lentBytes of all buffers in use, those of chunks that left this while readers hold them included */
    MemoryTier(long maxBytes, LongSupplier lentBytes) {
        this.maxBytes = maxBytes;
        this.lentBytes = lentBytes;
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
        giveWay();
    }

    /** What readers hold, and this does not, takes of this one's room. */
    private void giveWay() {
        long excess = lentBytes.getAsLong() - maxBytes;
        if (excess > 0) {
            chunks.policy().eviction().ifPresent(eviction -> {
                eviction.setMaximum(Math.max(0, weightBytes() - excess)); // Evicts at once.
                eviction.setMaximum(maxBytes);
            });
        }
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
