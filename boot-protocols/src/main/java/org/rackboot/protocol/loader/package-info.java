/** Which loader each kind of firmware is told to load. */
@NullMarked
package org.rackboot.protocol.loader;

import org.jspecify.annotations.NullMarked;
