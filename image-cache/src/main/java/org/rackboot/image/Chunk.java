package org.rackboot.image;

import java.nio.ByteBuffer;

/**
 * The verified bytes of one chunk, shared by reference counting. Whoever is handed one owns a reference and must
 * {@link #release} it once; the bytes must not be touched afterwards.
 */
public interface Chunk {
    /** A read-only view from the first byte to the last. */
    ByteBuffer bytes();

    /** Takes another reference for someone else. The caller must own one. */
    Chunk retain();

    void release();

    /** A chunk over an array on the heap, which needs no release. */
    static Chunk of(byte[] bytes) {
        return new HeapChunk(bytes);
    }
}
