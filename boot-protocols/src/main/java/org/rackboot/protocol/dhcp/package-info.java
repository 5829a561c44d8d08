/**
 * DHCPv4 as network boot needs it: messages, their wire form, and the options that firmware and boot servers exchange.
 *
 * <p>Start at {@link org.rackboot.protocol.dhcp.DhcpCodec}. RFCs 2131, 2132, 3396, 4578, 5071; Intel's PXE 2.1.
 */
@NullMarked
package org.rackboot.protocol.dhcp;

import org.jspecify.annotations.NullMarked;
