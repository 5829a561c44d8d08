package org.rackboot.server.http;

import io.netty.handler.ssl.ApplicationProtocolConfig;
import io.netty.handler.ssl.ApplicationProtocolConfig.Protocol;
import io.netty.handler.ssl.ApplicationProtocolConfig.SelectedListenerFailureBehavior;
import io.netty.handler.ssl.ApplicationProtocolConfig.SelectorFailureBehavior;
import io.netty.handler.ssl.ApplicationProtocolNames;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslProvider;
import io.netty.handler.ssl.SupportedCipherSuiteFilter;
import io.netty.util.concurrent.DefaultThreadFactory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermission;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.cert.Certificate;
import java.security.cert.X509Certificate;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.KeyManagerFactory;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The certificates of the HTTPS listener, from PEM files that may be replaced while it runs: they are looked at every two
 * seconds on a thread of its own, new connections get the new ones, and a pair that cannot be used changes nothing.
 */
public final class TlsCertificates implements AutoCloseable {
    /** A certificate with the chain behind it, and its key. */
    public record Pair(Path certificate, Path key) {}

    /** Told of changes; called on the thread that looks. */
    public interface Listener {
        void reloaded();

        void reloadFailed();
    }

    private static final Logger LOG = LoggerFactory.getLogger(TlsCertificates.class);
    private static final long LOOK_SECONDS = 2;
    private static final byte[] PROBE = new byte[32];
    private static final char[] NO_SECRET = "in memory only".toCharArray();

    private static final Set<PosixFilePermission> TOO_OPEN = EnumSet.of(
            PosixFilePermission.GROUP_WRITE,
            PosixFilePermission.GROUP_EXECUTE,
            PosixFilePermission.OTHERS_READ,
            PosixFilePermission.OTHERS_WRITE,
            PosixFilePermission.OTHERS_EXECUTE);

    /** The last four are for iPXE, whose common builds know no more (quirk H12). */
    private static final List<String> CIPHERS = List.of(
            "TLS_AES_128_GCM_SHA256",
            "TLS_AES_256_GCM_SHA384",
            "TLS_CHACHA20_POLY1305_SHA256",
            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
            "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
            "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
            "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
            "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256",
            "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384",
            "TLS_RSA_WITH_AES_128_GCM_SHA256",
            "TLS_RSA_WITH_AES_256_GCM_SHA384",
            "TLS_RSA_WITH_AES_128_CBC_SHA256",
            "TLS_RSA_WITH_AES_256_CBC_SHA256");

    private final List<Pair> pairs;
    private final Listener listener;
    private final Clock clock;
    private final ScheduledExecutorService thread =
            Executors.newSingleThreadScheduledExecutor(new DefaultThreadFactory("certificates", true));

    private volatile SslContext context;
    private List<Optional<Print>> loaded;
    private List<Optional<Print>> lastSeen;

    /** What tells one state of a file from another. */
    private record Print(
            FileTime modified, long size, @Nullable Object inode) {}

    private TlsCertificates(List<Pair> pairs, Listener listener, Clock clock) throws UnusableCertificateException {
        this.pairs = List.copyOf(pairs);
        this.listener = listener;
        this.clock = clock;
        this.loaded = prints();
        this.lastSeen = loaded;
        this.context = load();
    }

    /**
     * Reads the files.
     *
     * @param pairs of different kinds, RSA and ECDSA; a client gets the one it can use
     * @throws UnusableCertificateException which file, why, and what to do
     */
    public static TlsCertificates load(List<Pair> pairs, Listener listener, Clock clock)
            throws UnusableCertificateException {
        return new TlsCertificates(pairs, listener, clock);
    }

    /** Looks after the files from now on. */
    public void watch() {
        thread.scheduleWithFixedDelay(this::look, LOOK_SECONDS, LOOK_SECONDS, TimeUnit.SECONDS);
    }

    SslContext context() {
        return context;
    }

    /** Takes what changed, once it stayed the same between two looks: two files are not written at one moment. */
    synchronized void look() {
        List<Optional<Print>> now = prints();
        boolean settled = now.equals(lastSeen);
        lastSeen = now;
        if (!settled || now.equals(loaded)) {
            return;
        }
        loaded = now;
        try {
            context = load();
            LOG.info("The HTTPS certificate was read again; new connections get it");
            listener.reloaded();
        } catch (UnusableCertificateException | RuntimeException e) {
            LOG.warn(
                    "The new HTTPS certificate cannot be used, and the old one stays in use: {}. The files are read again"
                            + " when they change",
                    e.getMessage());
            listener.reloadFailed();
        }
    }

    @Override
    public void close() {
        thread.shutdownNow();
    }

    private SslContext load() throws UnusableCertificateException {
        try {
            KeyStore store = KeyStore.getInstance("PKCS12");
            store.load(null, NO_SECRET);
            for (Pair pair : pairs) {
                List<X509Certificate> chain = PemFile.read(pair.certificate()).certificates();
                PrivateKey key = PemFile.read(pair.key()).keyOf(chain.get(0));
                requireMatch(pair, key, chain.get(0));
                warnOfDates(pair, chain.get(0));
                warnOfPermissions(pair.key());
                store.setKeyEntry("pair-" + store.size(), key, NO_SECRET, chain.toArray(new Certificate[0]));
            }
            KeyManagerFactory keys = KeyManagerFactory.getInstance("PKIX");
            keys.init(store, NO_SECRET);
            return SslContextBuilder.forServer(keys)
                    .sslProvider(SslProvider.JDK)
                    .protocols("TLSv1.3", "TLSv1.2")
                    .ciphers(CIPHERS, SupportedCipherSuiteFilter.INSTANCE)
                    .applicationProtocolConfig(new ApplicationProtocolConfig(
                            Protocol.ALPN,
                            SelectorFailureBehavior.FATAL_ALERT, // RFC 7301, 3.2
                            SelectedListenerFailureBehavior.ACCEPT,
                            ApplicationProtocolNames.HTTP_1_1)) // S-17
                    .build();
        } catch (UnusableCertificateException e) {
            throw e;
        } catch (GeneralSecurityException | IOException e) {
            throw new UnusableCertificateException(
                    "The certificates %s cannot be used: %s".formatted(pairs, e.getMessage()), e);
        }
    }

    private static void requireMatch(Pair pair, PrivateKey key, X509Certificate certificate)
            throws UnusableCertificateException {
        boolean fits;
        try {
            String algorithm = switch (key.getAlgorithm()) {
                case "RSA" -> "SHA256withRSA";
                case "EC" -> "SHA256withECDSA";
                default -> key.getAlgorithm();
            };
            Signature signature = Signature.getInstance(algorithm);
            signature.initSign(key);
            signature.update(PROBE);
            byte[] signed = signature.sign();
            signature.initVerify(certificate.getPublicKey());
            signature.update(PROBE);
            fits = signature.verify(signed);
        } catch (GeneralSecurityException e) {
            fits = false; // Of another curve or size.
        }
        if (!fits) {
            throw new UnusableCertificateException(
                    "The key in %s is not the key of the first certificate in %s. Give the key that the certificate was"
                                    .formatted(pair.key(), pair.certificate())
                            + " made for; the server's own certificate comes first in its file, then the chain");
        }
    }

    private void warnOfDates(Pair pair, X509Certificate certificate) {
        Instant now = clock.instant();
        Instant until = certificate.getNotAfter().toInstant();
        if (now.isAfter(until)) {
            LOG.warn(
                    "The certificate in {} expired at {}: clients that look at dates refuse it. Replace the file; it is"
                            + " read without a restart",
                    pair.certificate(),
                    until);
        } else if (now.isBefore(certificate.getNotBefore().toInstant())) {
            LOG.warn(
                    "The certificate in {} is not valid before {}: check it, and this machine's clock",
                    pair.certificate(),
                    certificate.getNotBefore().toInstant());
        }
    }

    private static void warnOfPermissions(Path key) {
        try {
            Set<PosixFilePermission> open = Files.getPosixFilePermissions(key);
            open.retainAll(TOO_OPEN);
            if (!open.isEmpty()) {
                LOG.warn("The key {} is open to others ({}): chmod 0640 {}", key, open, key);
            }
        } catch (IOException | UnsupportedOperationException e) {
            LOG.debug("The permissions of {} cannot be read", key, e);
        }
    }

    private List<Optional<Print>> prints() {
        List<Optional<Print>> prints = new ArrayList<>();
        for (Pair pair : pairs) {
            prints.add(print(pair.certificate()));
            prints.add(print(pair.key()));
        }
        return prints;
    }

    private static Optional<Print> print(Path file) {
        try {
            BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
            return Optional.of(new Print(attributes.lastModifiedTime(), attributes.size(), attributes.fileKey()));
        } catch (IOException e) {
            return Optional.empty();
        }
    }
}
