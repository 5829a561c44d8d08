package org.rackboot.image;

import java.nio.ByteBuffer;

/** Bytes that the garbage collector frees: counting references to them is no use. */
record HeapChunk(byte[] array) implements Chunk {
    @Override
    public ByteBuffer bytes() {
        return ByteBuffer.wrap(array).asReadOnlyBuffer();
    }

    @Override
    public Chunk retain() {
        return this;
    }

    @Override
    public void release() {
        // The garbage collector's.
    }
}
