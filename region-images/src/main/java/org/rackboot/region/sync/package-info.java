/**
 * Import: which files are wanted, as a value, and then their download, verification and publication.
 *
 * <p>Start at {@link org.rackboot.region.sync.Importer}.
 */
@NullMarked
package org.rackboot.region.sync;

import org.jspecify.annotations.NullMarked;
