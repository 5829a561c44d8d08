package org.rackboot.protocol.http;

/** Bytes that are not an HTTP/1 response, or not one whose end can be found. */
public final class MalformedResponseException extends Exception {
    public MalformedResponseException(String message) {
        super(message);
    }
}
