/** Event loops and addresses: epoll where there is one, NIO elsewhere. And who may send how much: {@link Egress}. */
@NullMarked
package org.rackboot.server.net;

import org.jspecify.annotations.NullMarked;
