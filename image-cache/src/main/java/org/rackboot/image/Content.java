package org.rackboot.image;

/**
 * What must be known of content before its first byte can be trusted.
 *
 * @param id sha256 of all bytes
 * @param size in bytes, 0 or more
 * @param chunkList sha256 of the concatenated sha256 values of its chunks; binds {@link ChunkDigests} to this
 */
public record Content(ContentId id, long size, ContentId chunkList) {
    /** Content is verified, kept and delivered in pieces of this size; the last one may be shorter. */
    public static final int CHUNK_BYTES = 1 << 20;

    public Content {
        if (size < 0 || size > (long) CHUNK_BYTES * Integer.MAX_VALUE) {
            throw new IllegalArgumentException("content of " + size + " bytes");
        }
    }

    public int chunkCount() {
        return (int) ((size + CHUNK_BYTES - 1) / CHUNK_BYTES);
    }

    public long chunkOffset(int index) {
        return (long) index * CHUNK_BYTES;
    }

    public int chunkLength(int index) {
        return (int) Math.min(CHUNK_BYTES, size - chunkOffset(index));
    }
}
