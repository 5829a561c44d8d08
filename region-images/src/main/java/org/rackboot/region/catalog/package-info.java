/** What racks are told: one versioned, compact document of everything that exists. */
@NullMarked
package org.rackboot.region.catalog;

import org.jspecify.annotations.NullMarked;
