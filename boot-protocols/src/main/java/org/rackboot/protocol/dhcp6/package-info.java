/**
 * DHCPv6 as network boot needs it: messages, their wire form, and what a server says that gives out no addresses.
 *
 * <p>Start at {@link org.rackboot.protocol.dhcp6.Dhcp6Codec}. RFCs 8415, 5970, 6355.
 */
@NullMarked
package org.rackboot.protocol.dhcp6;

import org.jspecify.annotations.NullMarked;
