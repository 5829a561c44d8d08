/** DHCPv6 on Netty: carries packets between sockets and {@link org.rackboot.protocol.dhcp6.ProxyDhcp6}. */
@NullMarked
package org.rackboot.server.dhcp6;

import org.jspecify.annotations.NullMarked;
