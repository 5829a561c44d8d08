/**
 * The debug client behind {@code rackboot get}: fetches one file as firmware would, over TFTP or HTTP, and says in an
 * operator's words what firmware will make of it.
 *
 * <p>Start at {@link org.rackboot.server.get.TftpGet} or {@link org.rackboot.server.get.HttpGet}. They carry bytes between a
 * plain socket and {@code ReadClient} or {@code ResponseReader}, one file on the calling thread; needs no server of ours.
 */
@NullMarked
package org.rackboot.server.get;

import org.jspecify.annotations.NullMarked;
