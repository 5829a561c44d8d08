package org.rackboot.server.net;

import java.security.cert.CertificateException;
import java.util.Optional;
import javax.net.ssl.SSLException;

/** Tells a server whose certificate is not trusted from one that is not there. */
public final class UntrustedCertificate {
    private UntrustedCertificate() {}

    /** What is wrong with the certificate, in few words; empty if a request failed for another reason. */
    public static Optional<String> reason(Throwable failure) {
        boolean tls = false;
        for (Throwable each = failure; each != null; each = each.getCause()) {
            tls |= each instanceof SSLException;
            if (tls && each instanceof CertificateException) {
                String text = String.valueOf(each.getMessage());
                return Optional.of(text.startsWith("PKIX ") ? text.substring(text.lastIndexOf(": ") + 2) : text);
            }
        }
        return Optional.empty();
    }
}
