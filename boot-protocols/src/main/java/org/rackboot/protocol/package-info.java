/**
 * What boot protocols mean: packets, names and boot configurations as values and decisions.
 *
 * <p>Nothing here does I/O, starts a thread, reads a clock or draws a random number; adapters in the
 * server carry bytes and time. Depends on the JDK alone.
 */
@NullMarked
package org.rackboot.protocol;

import org.jspecify.annotations.NullMarked;
