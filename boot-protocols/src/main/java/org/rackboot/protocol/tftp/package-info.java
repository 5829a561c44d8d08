/**
 * TFTP as values and decisions: packets, their wire form, and the server's side of a transfer.
 *
 * <p>Start at {@link org.rackboot.protocol.tftp.ReadTransfer}. A whole transfer runs in a test within
 * microseconds. RFCs 1350, 2347, 2348, 2349 and 7440.
 */
@NullMarked
package org.rackboot.protocol.tftp;

import org.jspecify.annotations.NullMarked;
