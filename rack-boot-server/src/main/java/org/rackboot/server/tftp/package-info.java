/** TFTP on Netty: carries packets and time between sockets and {@link org.rackboot.protocol.tftp.ReadTransfer}. */
@NullMarked
package org.rackboot.server.tftp;

import org.jspecify.annotations.NullMarked;
