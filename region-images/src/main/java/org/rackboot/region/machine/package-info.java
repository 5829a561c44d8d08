/** Machines that operators made known, as values. */
@NullMarked
package org.rackboot.region.machine;

import org.jspecify.annotations.NullMarked;
