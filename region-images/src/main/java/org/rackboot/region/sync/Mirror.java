package org.rackboot.region.sync;

import java.io.IOException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import org.rackboot.region.source.BootSource;

/** What an import needs of a boot source's web server. Calls block. */
public interface Mirror {

    /** Takes the bytes of one file. */
    interface Receiver {
        /**
         * Called once before the first byte, and again where another server goes on or starts afresh.
         *
         * @param from offset of the first byte that follows: what was asked for, or 0 if the server sends all
         * @param etag the file's strong validator, if the server has one
         */
        void begin(long from, Optional<String> etag) throws IOException;

        void accept(ByteBuffer bytes) throws IOException;
    }

    /** This mirror, reached as a source says: over its proxy, trusting its certificates, with its further roots. */
    default Mirror via(BootSource source) {
        return this;
    }

    /**
     * The paths that are there, of a mirror that is a part by intent, such as a bundle: a version that it does not hold as
     * a whole is not offered. Empty = it claims to have all that it lists.
     */
    default Optional<Set<String>> part() {
        return Optional.empty();
    }

    /** A whole metadata file of at most {@code maxBytes}. Throws what {@link #download} does. */
    byte[] metadata(URI file, int maxBytes) throws IOException, InterruptedException;

    /**
     * Delivers a file from an offset on, if it still is the one that {@code ifRange} names; else from its start.
     *
     * @param size that the file must have
     * @throws NotFoundException if there is no such file
     * @throws MirrorException if the server answered, and will answer the same again
     * @throws BusyException if the server says when to come again
     * @throws IOException if another try may do better
     */
    void download(URI file, long from, Optional<String> ifRange, long size, Receiver receiver)
            throws IOException, InterruptedException;

    /** An answer that no second try changes. */
    class MirrorException extends IOException {
        public MirrorException(String message) {
            super(message);
        }
    }

    /** The address, or one that it leads to, is none to fetch from. */
    final class RefusedAddressException extends MirrorException {
        public RefusedAddressException(String message) {
            super(message);
        }
    }

    /** More or fewer bytes than there must be. */
    final class WrongSizeException extends MirrorException {
        public WrongSizeException(String message) {
            super(message);
        }
    }

    /** There is no such file. */
    final class NotFoundException extends MirrorException {
        public NotFoundException(String message) {
            super(message);
        }
    }

    /** The server asks to be left alone for a while. */
    final class BusyException extends IOException {
        private final Duration wait;

        /** @param wait at least 0, and no more than an import may be held up */
        public BusyException(String message, Duration wait) {
            super(message);
            this.wait = wait;
        }

        /** How long the server wants to be left alone. */
        public Duration pause() {
            return wait;
        }
    }
}
