package org.rackboot.server.net;

import java.io.IOException;

/** A listener could not be opened; says what to do. */
public final class BindException extends IOException {
    public BindException(String message, Throwable cause) {
        super(message, cause);
    }
}
