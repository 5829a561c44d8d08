package org.rackboot.region.signature;

/** Bytes that are not the OpenPGP they claim to be; the public entry points say which file it was. */
final class MalformedException extends Exception {
    MalformedException(String message) {
        super(message);
    }

    MalformedException(String message, Throwable cause) {
        super(message, cause);
    }
}
