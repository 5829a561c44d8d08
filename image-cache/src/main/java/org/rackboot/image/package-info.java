/**
 * Immutable content named by its sha256: what it is called, how it is cut into chunks, where it comes from.
 *
 * <p>Start at {@link org.rackboot.image.cache.ImageCache}, which keeps it, and {@link
 * org.rackboot.image.ContentOrigin}, the one thing the cache needs from outside.
 */
@NullMarked
package org.rackboot.image;

import org.jspecify.annotations.NullMarked;
