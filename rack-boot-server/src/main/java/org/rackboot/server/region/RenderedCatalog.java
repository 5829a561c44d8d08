package org.rackboot.server.region;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.rackboot.region.store.DatabaseException;

/**
 * The catalog as bytes, made once for each version: when hundreds of racks ask for a new one at the same instant, one of
 * them has it made and the others wait for it, also while changes come faster than it can be made. Blocks; thread-safe.
 */
final class RenderedCatalog {
    /** Where catalogs come from. */
    interface Source {
        long version() throws DatabaseException;

        byte[] document() throws DatabaseException;
    }

    /** @param etag of the document, by its sha256 */
    record Rendered(long version, String etag, byte[] document) {}

    private final Source source;
    private final AtomicLong moments = new AtomicLong();
    private @Nullable Rendered last; // Guarded by this, as the next.
    private long looked; // The moment before its version was looked up.

    RenderedCatalog(Source source) {
        this.source = source;
    }

    /** The newest as of this call, or newer. */
    Rendered current() throws DatabaseException {
        return since(moments.incrementAndGet());
    }

    private synchronized Rendered since(long asked) throws DatabaseException {
        Rendered current = last;
        if (current != null && looked > asked) {
            return current; // Made while the caller waited, of all that there was when it came.
        }
        looked = moments.incrementAndGet();
        long version = source.version(); // First: a document is never older than is said of it.
        if (current == null || current.version() != version) {
            byte[] document = source.document();
            current = new Rendered(version, '"' + HexFormat.of().formatHex(sha256(document)) + '"', document);
            last = current;
        }
        return current;
    }

    private static byte[] sha256(byte[] bytes) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(bytes);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // Every Java platform has it.
        }
    }
}
