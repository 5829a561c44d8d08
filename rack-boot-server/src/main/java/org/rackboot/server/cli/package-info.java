/** The command line: what people type. Client commands speak to a running server's API. */
@NullMarked
package org.rackboot.server.cli;

import org.jspecify.annotations.NullMarked;
