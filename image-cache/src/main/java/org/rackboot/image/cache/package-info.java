/**
 * The cache: verified chunks in memory, whole objects on disk, one fetch for any number of readers.
 *
 * <p>Start at {@link org.rackboot.image.cache.ImageCache}. Caffeine decides what stays in either tier.
 */
@NullMarked
package org.rackboot.image.cache;

import org.jspecify.annotations.NullMarked;
