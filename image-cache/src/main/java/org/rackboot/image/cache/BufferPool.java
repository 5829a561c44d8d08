package org.rackboot.image.cache;

import java.io.IOException;
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
    private long idleBytes; // This and the next guarded by this.
    private long lentBytes;

    /** Puts a chunk's bytes into a buffer, from position to limit. */
    @FunctionalInterface
    interface Filler {
        void fill(ByteBuffer buffer) throws IOException;
    }

    /** @param maxIdleBytes of unused buffers kept for the next chunk */
    BufferPool(long maxIdleBytes) {
        this.maxIdleBytes = maxIdleBytes;
        for (int size = LEAST_BYTES; size <= Content.CHUNK_BYTES; size *= 4) {
            idle.add(new ArrayDeque<>());
        }
    }

    /**
     * A buffer with position 0 and limit {@code length}, from 0 to 1 MiB; give it back with {@link #giveBack}.
     *
     * @throws UnreadableException if no direct memory is left
     */
    ByteBuffer take(int length) throws UnreadableException {
        int sizeClass = sizeClass(length);
        ByteBuffer buffer;
        synchronized (this) {
            buffer = idle.get(sizeClass).poll();
            if (buffer != null) {
                idleBytes -= buffer.capacity();
                lentBytes += buffer.capacity();
                return buffer.clear().limit(length);
            }
        }
        try {
            buffer = ByteBuffer.allocateDirect(LEAST_BYTES << (2 * sizeClass)).limit(length);
        } catch (OutOfMemoryError e) { // Not the heap's: the program is well, and readers come back.
            throw new UnreadableException("no direct memory is left; give the program more, or the cache less", e);
        }
        synchronized (this) {
            lentBytes += buffer.capacity();
        }
        return buffer;
    }

    synchronized void giveBack(ByteBuffer buffer) {
        lentBytes -= buffer.capacity();
        if (idleBytes + buffer.capacity() <= maxIdleBytes) {
            idleBytes += buffer.capacity();
            idle.get(sizeClass(buffer.capacity())).push(buffer);
        }
    }

    /** Makes a filled buffer a chunk with one reference; the buffer comes back here with the last one. */
    PooledChunk chunk(ByteBuffer filled) {
        return new PooledChunk(filled);
    }

    /** A chunk of {@code length} bytes with one reference; when the filler fails, nothing is kept. */
    PooledChunk chunk(int length, Filler filler) throws IOException {
        ByteBuffer buffer = take(length);
        boolean filled = false;
        try {
            filler.fill(buffer);
            filled = true;
        } finally {
            if (!filled) {
                giveBack(buffer);
            }
        }
        return chunk(buffer.rewind());
    }

    /** Of buffers taken and not given back. */
    synchronized long lentBytes() {
        return lentBytes;
    }

    /** Of buffers waiting for the next chunk. */
    synchronized long idleBytes() {
        return idleBytes;
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
            if (references.get() <= 0) {
                throw new IllegalStateException("a chunk was read after its release");
            }
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
