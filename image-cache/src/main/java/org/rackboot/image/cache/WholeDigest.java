package org.rackboot.image.cache;

import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import org.jspecify.annotations.Nullable;
import org.rackboot.image.ChunkDigests;
import org.rackboot.image.ContentId;

/**
 * The sha256 of a whole content, beside its arrival: another thread may do it, as half of a fill's time is hashing. A few
 * chunks are kept for that at most; then whoever brings the next one does the work. Thread-safe.
 */
final class WholeDigest {
    static final int MOST_KEPT = 2;

    private record Piece(BufferPool.PooledChunk chunk, ByteBuffer bytes) {}

    private final Executor threads;
    private final Object inOrder = new Object(); // Held while pieces are digested, one after another.
    private final MessageDigest digest = ChunkDigests.sha256(); // Guarded by inOrder.

    // Guarded by this.
    private final Deque<Piece> pieces = new ArrayDeque<>();
    private boolean helped;
    private boolean discarded;

    /** @param threads that may help; nothing is lost when they do not */
    WholeDigest(Executor threads) {
        this.threads = threads;
    }

    /** Takes the next verified chunk; keeps a reference to it for a while. */
    void add(BufferPool.PooledChunk chunk, ByteBuffer bytes) {
        boolean help;
        boolean many;
        synchronized (this) {
            if (discarded || !chunk.tryRetain()) {
                return;
            }
            pieces.add(new Piece(chunk, bytes.duplicate()));
            many = pieces.size() > MOST_KEPT;
            help = !many && !helped;
            helped |= help;
        }
        if (many) {
            digestAll();
        } else if (help) {
            try {
                threads.execute(this::help);
            } catch (RejectedExecutionException e) {
                help(); // The program ends; so may this fill.
            }
        }
    }

    /** After the last chunk. */
    ContentId finish() {
        digestAll();
        synchronized (inOrder) {
            return ContentId.of(digest.digest());
        }
    }

    /** Gives back what was kept. */
    void discard() {
        synchronized (this) {
            discarded = true;
            pieces.forEach(piece -> piece.chunk().release());
            pieces.clear();
        }
    }

    private void help() {
        synchronized (this) {
            helped = false;
        }
        digestAll();
    }

    private void digestAll() {
        synchronized (inOrder) {
            for (Piece next = poll(); next != null; next = poll()) {
                digest.update(next.bytes());
                next.chunk().release();
            }
        }
    }

    private synchronized @Nullable Piece poll() {
        return pieces.poll();
    }
}
