/** HTTP's decisions for immutable content: which bytes a request wants, and whether it wants any (RFC 9110). */
@NullMarked
package org.rackboot.protocol.http;

import org.jspecify.annotations.NullMarked;
