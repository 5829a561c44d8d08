package org.rackboot.image;

import java.io.IOException;

/** Content that is not here and could not be fetched; says why, and what to do. */
public final class ContentUnavailableException extends IOException {
    public ContentUnavailableException(String message) {
        super(message);
    }

    public ContentUnavailableException(String message, Throwable cause) {
        super(message, cause);
    }
}
