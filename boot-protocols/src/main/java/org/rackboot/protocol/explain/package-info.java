/**
 * The whole of one machine's walk from the network card to its root file system, as it would be now.
 *
 * <p>Start at {@link org.rackboot.protocol.explain.BootWalk}. It asks the resolver that machines ask, name by name.
 */
@NullMarked
package org.rackboot.protocol.explain;

import org.jspecify.annotations.NullMarked;
