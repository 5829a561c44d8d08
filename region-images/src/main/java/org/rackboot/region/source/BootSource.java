package org.rackboot.region.source;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.util.List;
import java.util.Optional;

/**
 * A simplestreams mirror that images are imported from.
 *
 * @param id 0 before it is stored
 * @param name unique, for people
 * @param url of the mirror's root, with a final slash
 * @param priority the larger wins where two sources offer the same image
 * @param enabled whether imports ask it
 * @param unsigned whether its metadata is taken without a signature; only ever because an operator said so
 * @param trust the keyring that signs it; empty for an unsigned source
 * @param access how it is reached
 */
public record BootSource(
        long id,
        String name,
        URI url,
        int priority,
        boolean enabled,
        boolean unsigned,
        Optional<Trust> trust,
        Access access) {

    /** A source that is reached without detour. */
    public BootSource(
            long id, String name, URI url, int priority, boolean enabled, boolean unsigned, Optional<Trust> trust) {
        this(id, name, url, priority, enabled, unsigned, trust, Access.DIRECT);
    }

    /**
     * How a source is reached.
     *
     * @param mirrors further roots of the same stream, with final slashes; asked in turn for what the first does not bring
     * @param proxy an HTTP proxy, {@code http://host:port}
     * @param caCertificates PEM; trusted beside the system's
     * @param start the metadata file to begin with, below the root; empty = the usual index
     */
    public record Access(
            List<URI> mirrors, Optional<URI> proxy, Optional<String> caCertificates, Optional<String> start) {
        public static final Access DIRECT = new Access(List.of(), Optional.empty(), Optional.empty());

        /** Begins with the usual index. */
        public Access(List<URI> mirrors, Optional<URI> proxy, Optional<String> caCertificates) {
            this(mirrors, proxy, caCertificates, Optional.empty());
        }

        public Access {
            mirrors = List.copyOf(mirrors);
        }

        /**
         * Reads what somebody typed.
         *
         * @param proxy {@code http://host:port}; an empty text = none
         * @throws IllegalArgumentException if it is not that; the message is for people
         */
        public static Optional<URI> parseProxy(String proxy) {
            if (proxy.isEmpty()) {
                return Optional.empty();
            }
            try {
                URI uri = new URI(proxy.strip());
                if ("http".equals(uri.getScheme()) && uri.getHost() != null && uri.getRawUserInfo() == null) {
                    return Optional.of(uri);
                }
            } catch (URISyntaxException e) {
                throw new IllegalArgumentException("A proxy is http://host:port", e);
            }
            throw new IllegalArgumentException("A proxy is http://host:port");
        }

        /**
         * Looks whether there are certificates in a text.
         *
         * @param pem an empty text = none
         * @throws IllegalArgumentException if there are not; the message is for people
         */
        public static Optional<String> parseCertificates(String pem) {
            if (pem.isEmpty()) {
                return Optional.empty();
            }
            try (InputStream in = new ByteArrayInputStream(pem.getBytes(StandardCharsets.US_ASCII))) {
                if (!CertificateFactory.getInstance("X.509")
                        .generateCertificates(in)
                        .isEmpty()) {
                    return Optional.of(pem);
                }
            } catch (CertificateException | IOException e) {
                throw new IllegalArgumentException("The CA file has no certificate in PEM form: " + e.getMessage(), e);
            }
            throw new IllegalArgumentException("The CA file has no certificate in PEM form");
        }
    }

    /** A keyring, given as bytes or as a file of the region's host. */
    public sealed interface Trust {
        record Data(byte[] keyring) implements Trust {}

        /** Read at each import, so that a package update takes effect. */
        record File(String path) implements Trust {}
    }
}
