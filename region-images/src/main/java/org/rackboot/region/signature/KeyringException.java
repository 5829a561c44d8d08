package org.rackboot.region.signature;

/** A keyring that cannot be used. The message says what was found, why it is refused and what to do. */
public final class KeyringException extends Exception {
    KeyringException(String message) {
        super(message);
    }

    KeyringException(String message, Throwable cause) {
        super(message, cause);
    }
}
