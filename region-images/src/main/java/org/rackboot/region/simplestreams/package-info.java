/**
 * The simplestreams format as MAAS uses it: index and product files from verified bytes to values, pure.
 *
 * <p>Start at {@link org.rackboot.region.simplestreams.StreamReader}. Everything a stranger can write is bounded.
 */
@NullMarked
package org.rackboot.region.simplestreams;

import org.jspecify.annotations.NullMarked;
