package org.rackboot.region.sync;

import java.io.IOException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.util.Optional;

/** What an import needs of a boot source's web server. Calls block. */
public interface Mirror {

    /** Takes the bytes of one file. */
    interface Receiver {
        /**
         * Called once before the first byte.
         *
         * @param from offset of the first byte that follows: what was asked for, or 0 if the server sends all
         * @param etag the file's strong validator, if the server has one
         */
        void begin(long from, Optional<String> etag) throws IOException;

        void accept(ByteBuffer bytes) throws IOException;
    }

    /** A whole metadata file of at most {@code maxBytes}. */
    byte[] metadata(URI file, int maxBytes) throws IOException, InterruptedException;

    /**
     * Delivers a file from an offset on, if it still is the one that {@code ifRange} names; else from its start.
     *
     * @param size that the file must have
     * @throws MirrorException if the server answered, and will answer the same again
     * @throws IOException if another try may do better
     */
    void download(URI file, long from, Optional<String> ifRange, long size, Receiver receiver)
            throws IOException, InterruptedException;

    /** An answer that no second try changes. */
    final class MirrorException extends IOException {
        public MirrorException(String message) {
            super(message);
        }
    }
}
