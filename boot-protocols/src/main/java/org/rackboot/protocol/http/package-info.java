/**
 * HTTP as decisions: which bytes of immutable content a request wants (RFC 9110), and how an answer reads to a client,
 * firmware above all (RFC 9112).
 */
@NullMarked
package org.rackboot.protocol.http;

import org.jspecify.annotations.NullMarked;
