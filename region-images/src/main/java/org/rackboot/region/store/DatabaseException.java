package org.rackboot.region.store;

import java.io.IOException;

/** The region database did not do what it was asked; says what, and what to look at. */
public final class DatabaseException extends IOException {
    public DatabaseException(String message, Throwable cause) {
        super(message, cause);
    }
}
