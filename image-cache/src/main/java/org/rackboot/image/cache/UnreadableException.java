package org.rackboot.image.cache;

import java.io.IOException;

/** Stored bytes that could not be read just now, which says nothing about them: no file descriptors were left, say. */
final class UnreadableException extends IOException {
    UnreadableException(String message, Throwable cause) {
        super(message, cause);
    }
}
