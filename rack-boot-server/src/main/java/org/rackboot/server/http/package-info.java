/**
 * HTTP/1.1 as firmware needs it, plain and in TLS: one answer at a time, exact lengths, Title-Case names. What a request
 * is, {@link org.rackboot.protocol.http.RequestParser} decides. Start at {@link org.rackboot.server.http.HttpListener}.
 */
@NullMarked
package org.rackboot.server.http;

import org.jspecify.annotations.NullMarked;
