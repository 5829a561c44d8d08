/** Which loader each kind of firmware is told to load, and how somebody else's DHCP server says so. */
@NullMarked
package org.rackboot.protocol.loader;

import org.jspecify.annotations.NullMarked;
