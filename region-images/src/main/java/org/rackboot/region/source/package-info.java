/** Where images come from and which of them are wanted: boot sources and selections, as values. */
@NullMarked
package org.rackboot.region.source;

import org.jspecify.annotations.NullMarked;
