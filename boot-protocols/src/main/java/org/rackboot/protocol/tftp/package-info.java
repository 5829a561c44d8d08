/**
 * TFTP as values and decisions: packets, their wire form, and both sides of a transfer.
 *
 * <p>Start at {@link org.rackboot.protocol.tftp.ReadTransfer}, the server's side; the client's is {@link
 * org.rackboot.protocol.tftp.ReadClient}. A whole transfer runs in a test within microseconds. RFCs 1350, 2347, 2348,
 * 2349 and 7440.
 */
@NullMarked
package org.rackboot.protocol.tftp;

import org.jspecify.annotations.NullMarked;
