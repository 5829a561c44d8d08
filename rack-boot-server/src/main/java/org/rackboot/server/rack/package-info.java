/** The rack: follows the region's catalog, answers machines from it, fills its cache from the region. Knows the region by HTTP only. */
@NullMarked
package org.rackboot.server.rack;

import org.jspecify.annotations.NullMarked;
