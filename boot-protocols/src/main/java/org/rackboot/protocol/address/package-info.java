/** Addresses as values, and networks of them for allow-lists and rules. */
@NullMarked
package org.rackboot.protocol.address;

import org.jspecify.annotations.NullMarked;
