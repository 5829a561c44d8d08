package org.rackboot.server.rack;

import java.io.IOException;

/** A catalog document that cannot be used; the one before stays in force. */
public final class CatalogFormatException extends IOException {
    public CatalogFormatException(String message) {
        super(message);
    }

    public CatalogFormatException(String message, Throwable cause) {
        super(message, cause);
    }
}
