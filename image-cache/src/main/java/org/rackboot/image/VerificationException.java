package org.rackboot.image;

import java.io.IOException;

/** Bytes that are not what their name says. They are never served. */
public final class VerificationException extends IOException {
    public VerificationException(String message) {
        super(message);
    }
}
