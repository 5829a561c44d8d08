/**
 * HTTP's decisions: what is a request at all, and what an answer says (RFC 9112); for immutable content which bytes a request
 * wants, or whether it wants any (RFC 9110).
 *
 * <p>Start at {@link org.rackboot.protocol.http.RequestParser} and {@link org.rackboot.protocol.http.ContentRequest}; the
 * client's side is {@link org.rackboot.protocol.http.ResponseReader}.
 */
@NullMarked
package org.rackboot.protocol.http;

import org.jspecify.annotations.NullMarked;
