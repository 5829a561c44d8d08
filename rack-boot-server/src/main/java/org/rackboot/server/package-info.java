/**
 * The program: listeners, the region's API, the rack's client of it, the command line, and the one place that wires
 * them.
 *
 * <p>Start at {@link org.rackboot.server.RackBoot}.
 */
@NullMarked
package org.rackboot.server;

import org.jspecify.annotations.NullMarked;
