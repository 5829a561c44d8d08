package org.rackboot.region.sync;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocketFactory;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;
import org.rackboot.region.sync.Mirror.MirrorException;

/**
 * Whose certificates count: the system's authorities, and beside them those that a source was given. Keeps a few, as making
 * one takes longer than a connection. Any thread may ask.
 */
final class TlsContexts {
    private static final int MAX_CONTEXTS = 16;
    private static final int MAX_PEM = 1 << 20;

    private final Map<Optional<String>, SSLSocketFactory> made = new LinkedHashMap<>(); // Guarded by this.

    /** @param pem further authorities, as a source has them */
    synchronized SSLSocketFactory trusting(Optional<String> pem) throws IOException {
        SSLSocketFactory known = made.get(pem);
        if (known != null) {
            return known;
        }
        SSLSocketFactory fresh = make(pem);
        if (made.size() == MAX_CONTEXTS) {
            made.remove(made.keySet().iterator().next());
        }
        made.put(pem, fresh);
        return fresh;
    }

    private static SSLSocketFactory make(Optional<String> pem) throws IOException {
        try {
            KeyStore trusted = KeyStore.getInstance(KeyStore.getDefaultType());
            trusted.load(null, null);
            int count = 0;
            for (TrustManager manager : managers(null)) {
                for (Certificate authority : ((X509TrustManager) manager).getAcceptedIssuers()) {
                    trusted.setCertificateEntry("system-" + count++, authority);
                }
            }
            if (pem.isPresent()) {
                for (Certificate authority : parse(pem.get())) {
                    trusted.setCertificateEntry("given-" + count++, authority);
                }
            }
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(null, managers(trusted), null);
            return context.getSocketFactory();
        } catch (GeneralSecurityException e) {
            throw new IOException("this machine cannot make TLS connections (%s)".formatted(e.getMessage()), e);
        }
    }

    private static TrustManager[] managers(@org.jspecify.annotations.Nullable KeyStore trusted)
            throws GeneralSecurityException {
        var factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        factory.init(trusted);
        return factory.getTrustManagers();
    }

    private static Collection<? extends Certificate> parse(String pem) throws MirrorException {
        try {
            if (pem.length() <= MAX_PEM) {
                var certificates = CertificateFactory.getInstance("X.509")
                        .generateCertificates(new ByteArrayInputStream(pem.getBytes(StandardCharsets.US_ASCII)));
                if (!certificates.isEmpty()) {
                    return certificates;
                }
            }
        } catch (GeneralSecurityException e) {
            throw unreadable();
        }
        throw unreadable();
    }

    private static MirrorException unreadable() {
        return new MirrorException(
                "the CA certificates of this source cannot be read; give them as PEM, at most 1 MiB of them");
    }
}
