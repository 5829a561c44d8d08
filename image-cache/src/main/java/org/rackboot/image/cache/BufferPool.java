package org.rackboot.image.cache;

import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.rackboot.image.Chunk;
import org.rackboot.image.Content;

/**
 * Direct buffers for chunks, used again instead of left to the garbage collector, which frees direct memory too late.
 * Buffers come in sizes of 4 KiB, 16 KiB, … 1 MiB. Thread-safe.
 */
final class BufferPool {
    private static final int LEAST_BYTES = 4 << 10;

    private final long maxIdleBytes;
    private final List<Deque<ByteBuffer>> idle = new ArrayList<>();
    private long idleBytes;

    /** @param maxIdleBytes of unused buffers kept for the next chunk */
    BufferPool(long maxIdleBytes) {
        this.maxIdleBytes = maxIdleBytes;
        for (int size = LEAST_BYTES; size <= Content.CHUNK_BYTES; size *= 4) {
            idle.add(new ArrayDeque<>());
        }
    }

    /** A buffer with position 0 and limit {@code length}, from 0 to 1 MiB; give it back with {@link #giveBack}. */
    ByteBuffer take(int length) {
        int sizeClass = sizeClass(length);
        synchronized (this) {
            ByteBuffer used = idle.get(sizeClass).poll();
            if (used != null) {
                idleBytes -= used.capacity();
                return used.clear().limit(length);
            }
        }
        return ByteBuffer.allocateDirect(LEAST_BYTES << (2 * sizeClass)).limit(length);
    }

    synchronized void giveBack(ByteBuffer buffer) {
        if (idleBytes + buffer.capacity() <= maxIdleBytes) {
            idleBytes += buffer.capacity();
            idle.get(sizeClass(buffer.capacity())).push(buffer);
        }
    }

    /** Makes a filled buffer a chunk with one reference; the buffer comes back here with the last one. */
    PooledChunk chunk(ByteBuffer filled) {
        return new PooledChunk(filled);
    }

    private static int sizeClass(int length) {
        int sizeClass = 0;
        while (LEAST_BYTES << (2 * sizeClass) < length) {
            sizeClass++;
        }
        return sizeClass;
    }

    /** See {@link Chunk}. */
    final class PooledChunk implements Chunk {
        private final ByteBuffer buffer;
        private final AtomicInteger references = new AtomicInteger(1);

        private PooledChunk(ByteBuffer filled) {
            this.buffer = filled;
        }

        /** Memory held, which is what the memory tier weighs. */
        int capacity() {
            return buffer.capacity();
        }

        /** Takes a reference unless the last one is gone already: for whoever found the chunk in a map. */
        boolean tryRetain() {
            int now = references.get();
            while (now > 0) {
                if (references.compareAndSet(now, now + 1)) {
                    return true;
                }
                now = references.get();
            }
            return false;
        }

        @Override
        public ByteBuffer bytes() {
            return buffer.asReadOnlyBuffer();
        }

        @Override
        public Chunk retain() {
            if (!tryRetain()) {
                throw new IllegalStateException("a chunk was retained after its release");
            }
            return this;
        }

        @Override
        public void release() {
            int left = references.decrementAndGet();
            if (left < 0) {
                throw new IllegalStateException("a chunk was released twice");
            }
            if (left == 0) {
                giveBack(buffer);
            }
        }
    }
}
