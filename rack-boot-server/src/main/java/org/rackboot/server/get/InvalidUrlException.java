package org.rackboot.server.get;

/** An address that cannot be asked; the message says how to write it. */
public final class InvalidUrlException extends Exception {
    public InvalidUrlException(String message) {
        super(message);
    }
}
