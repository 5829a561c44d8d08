package org.rackboot.server.http;

import java.io.IOException;

/** A certificate or key cannot be used; says which file, why, and what to do. */
public final class UnusableCertificateException extends IOException {
    UnusableCertificateException(String message) {
        super(message);
    }

    UnusableCertificateException(String message, Throwable cause) {
        super(message, cause);
    }
}
