/**
 * The one answer to a name, whatever protocol brought it.
 *
 * <p>Start at {@link org.rackboot.protocol.resolve.BootResolver}: a pure function from a request and a catalog
 * snapshot to an answer. TFTP, HTTP and whoever explains a boot ask the same one.
 */
@NullMarked
package org.rackboot.protocol.resolve;

import org.jspecify.annotations.NullMarked;
