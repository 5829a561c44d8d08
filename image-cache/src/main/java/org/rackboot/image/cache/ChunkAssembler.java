package org.rackboot.image.cache;

import java.io.IOException;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;
import org.rackboot.image.ChunkDigests;
import org.rackboot.image.Content;
import org.rackboot.image.VerificationException;

/** Cuts arriving bytes into chunks, and verifies each before anyone sees it. Not thread-safe. */
final class ChunkAssembler {
    /** Takes a verified chunk; the reference stays the assembler's. */
    @FunctionalInterface
    interface Taker {
        void take(int index, BufferPool.PooledChunk chunk, ByteBuffer bytes) throws IOException;
    }

    private final Content content;
    private final ChunkDigests digests;
    private final BufferPool buffers;
    private final int end;
    private final Taker taker;
    private int next;
    private @Nullable ByteBuffer arriving;

    /** @param first of the chunks that arrive; {@code end} is the one behind the last */
    ChunkAssembler(Content content, ChunkDigests digests, BufferPool buffers, int first, int end, Taker taker) {
        this.content = content;
        this.digests = digests;
        this.buffers = buffers;
        this.next = first;
        this.end = end;
        this.taker = taker;
    }

    /** The chunk that arrives, or is to. */
    int next() {
        return next;
    }

    /** @throws VerificationException if the bytes are not the content's; nothing of that chunk was handed on */
    void take(ByteBuffer bytes) throws IOException {
        while (bytes.hasRemaining()) {
            takeSome(bytes);
        }
    }

    /** Forgets the bytes of a chunk that did not arrive as a whole. */
    void discardUnfinished() {
        ByteBuffer unfinished = arriving;
        arriving = null;
        if (unfinished != null) {
            buffers.giveBack(unfinished);
        }
    }

    private void takeSome(ByteBuffer bytes) throws IOException {
        if (next == end) {
            throw new VerificationException(
                    end == content.chunkCount()
                            ? "More than the %d bytes of %s arrived".formatted(content.size(), content.id())
                            : "More than the chunks before %d of %s arrived".formatted(end, content.id()));
        }
        ByteBuffer buffer = arriving;
        if (buffer == null) {
            buffer = buffers.take(content.chunkLength(next));
            arriving = buffer;
        }
        int taken = Math.min(bytes.remaining(), buffer.remaining());
        buffer.put(bytes.slice().limit(taken));
        bytes.position(bytes.position() + taken);
        if (!buffer.hasRemaining()) {
            arriving = null;
            arrived(buffer.flip());
        }
    }

    private void arrived(ByteBuffer bytes) throws IOException {
        BufferPool.PooledChunk chunk = buffers.chunk(bytes);
        try {
            if (!digests.matches(next, bytes)) {
                throw new VerificationException("Chunk %d of %s arrived with other bytes than the region announced"
                        .formatted(next, content.id()));
            }
            taker.take(next, chunk, bytes);
            next++;
        } finally {
            chunk.release();
        }
    }
}
