package org.rackboot.server.region;

import java.util.Optional;
import org.rackboot.image.Content;
import org.rackboot.image.ContentId;
import org.rackboot.image.ContentReader;
import org.rackboot.image.cache.ImageCache;
import org.rackboot.region.store.ContentRepository;
import org.rackboot.region.store.DatabaseException;

/**
 * The contents of the region database, read through a cache: whatever the number of readers, the database reads a
 * content once.
 *
 * <p>The database alone says what exists, at each request: what was deleted is not found, although the cache may have it
 * still, and what was missing is found as soon as it is stored.
 */
public final class RegionContent {
    private final ContentRepository contents;
    private final ImageCache cache;

    /** @param cache filled by a {@link DatabaseOrigin} of the same database */
    public RegionContent(ContentRepository contents, ImageCache cache) {
        this.contents = contents;
        this.cache = cache;
    }

    /** A reader of complete content. Blocks for one look into the database. */
    Optional<ContentReader> open(String sha256) throws DatabaseException {
        return contents.find(sha256)
                .map(stored -> cache.open(
                        new Content(new ContentId(sha256), stored.size(), new ContentId(stored.chunkList()))));
    }

    /** The concatenated digests of complete content's chunks, 32 bytes each. Blocks. */
    Optional<byte[]> chunkDigests(String sha256) throws DatabaseException {
        return contents.chunkDigests(sha256);
    }
}
