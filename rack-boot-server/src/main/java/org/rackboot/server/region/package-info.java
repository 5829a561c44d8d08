/** The region's HTTP API. What it says is {@link org.rackboot.region.Region}'s; here are routes, JSON and the bearer token. */
@NullMarked
package org.rackboot.server.region;

import org.jspecify.annotations.NullMarked;
