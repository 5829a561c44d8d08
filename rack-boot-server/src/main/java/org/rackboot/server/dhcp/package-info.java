/**
 * proxyDHCP on Netty: carries packets between sockets and {@link org.rackboot.protocol.dhcp.ProxyDhcp}.
 *
 * <p>Start at {@link org.rackboot.server.dhcp.DhcpListener}. {@link org.rackboot.server.dhcp.Door} chooses which sockets
 * are open, {@link org.rackboot.server.dhcp.ProxyAnswers} what goes out of them; neither does I/O.
 */
@NullMarked
package org.rackboot.server.dhcp;

import org.jspecify.annotations.NullMarked;
