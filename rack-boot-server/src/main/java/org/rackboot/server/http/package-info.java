/** HTTP/1.1 on Netty as firmware needs it: one answer at a time, exact lengths, Title-Case names. Start at {@link org.rackboot.server.http.HttpListener}. */
@NullMarked
package org.rackboot.server.http;

import org.jspecify.annotations.NullMarked;
