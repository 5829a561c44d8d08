/** Images and bootloaders that operators bring themselves: what may be uploaded, as values. */
@NullMarked
package org.rackboot.region.upload;

import org.jspecify.annotations.NullMarked;
