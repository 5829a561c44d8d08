/** Event loops and addresses: epoll where there is one, NIO elsewhere. */
@NullMarked
package org.rackboot.server.net;

import org.jspecify.annotations.NullMarked;
