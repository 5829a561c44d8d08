package org.rackboot.server.http;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.KeyStore;
import java.security.cert.X509Certificate;
import java.time.Clock;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLException;
import javax.net.ssl.TrustManagerFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.rackboot.server.http.HttpListener.Refused;
import org.rackboot.server.net.EventLoops;

/** A server's own certificate, and a port that takes TLS and plain HTTP. */
@Timeout(60)
class OwnCertificateTest {
    @TempDir
    Path directory;

    private final EventLoops loops = EventLoops.best("test");
    private final List<Refused> refused = new CopyOnWriteArrayList<>();
    private TlsCertificates.Pair pair;
    private TlsCertificates certificates;
    private HttpListener listener;
    private InetSocketAddress address;

    @BeforeEach
    void start() throws Exception {
        pair = OwnCertificate.readOrMake(directory, "a server", Clock.systemUTC());
        certificates = TlsCertificates.load(
                List.of(pair),
                new TlsCertificates.Listener() {
                    @Override
                    public void reloaded() {}

                    @Override
                    public void reloadFailed() {}
                },
                Clock.systemUTC());
        HttpService service = call -> CompletableFuture.completedStage(HttpReply.text(200, "here"));
        listener = new HttpListener(loops, service, HttpListener.Limits.BOOT, refused::add);
        address = listener.bindBoth(InetAddress.getLoopbackAddress(), 0, certificates, "The test", "");
    }

    @AfterEach
    void stop() {
        listener.close();
        certificates.close();
        loops.close();
    }

    @Test
    void itIsMadeOnceAndItsKeyIsItsOwnersAlone() throws Exception {
        X509Certificate made = certificate();
        made.verify(made.getPublicKey());
        made.checkValidity();
        assertThat(made.getSubjectX500Principal().getName()).isEqualTo("CN=a server");
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(pair.key())))
                .isEqualTo("rw-------");
        String pin = OwnCertificate.pin(pair);
        assertThat(pin).hasSize(43);

        OwnCertificate.readOrMake(directory, "a server", Clock.systemUTC());

        assertThat(OwnCertificate.pin(pair)).isEqualTo(pin);
    }

    @Test
    void onePortTakesTlsAndPlainHttp() throws Exception {
        try (Socket plain = new Socket(address.getAddress(), address.getPort())) {
            assertThat(ask(plain)).isEqualTo("HTTP/1.1 200 OK");
        }
        try (Socket tls =
                context(certificate()).getSocketFactory().createSocket(address.getAddress(), address.getPort())) {
            assertThat(ask(tls)).isEqualTo("HTTP/1.1 200 OK");
            assertThat(ask(tls)).as("again on the same connection").isNotEmpty();
        }
        assertThat(refused).isEmpty();
    }

    @Test
    void whoTrustsAnotherKeyIsToldNothing() throws Exception {
        Path elsewhere = Files.createDirectory(directory.resolve("other"));
        X509Certificate other = PemFile.read(OwnCertificate.readOrMake(elsewhere, "a server", Clock.systemUTC())
                        .certificate())
                .certificates()
                .get(0);

        try (Socket tls = context(other).getSocketFactory().createSocket(address.getAddress(), address.getPort())) {
            assertThatExceptionOfType(SSLException.class).isThrownBy(() -> ask(tls));
        }
        try (Socket plain = new Socket(address.getAddress(), address.getPort())) {
            assertThat(ask(plain)).isEqualTo("HTTP/1.1 200 OK");
        }
    }

    @Test
    void whatLooksLikeTlsAndIsNoneIsRefused() throws Exception {
        try (Socket broken = new Socket(address.getAddress(), address.getPort())) {
            broken.getOutputStream().write(new byte[] {0x16, 1, 1, 0, 1, 0, 0, 0, 0});
            broken.getOutputStream().flush();
            while (broken.getInputStream().read() >= 0) { // An alert, then the end.
            }
        }

        assertThat(refused).containsExactly(Refused.FAILED_HANDSHAKE);
    }

    private X509Certificate certificate() throws Exception {
        return PemFile.read(pair.certificate()).certificates().get(0);
    }

    private static String ask(Socket socket) throws IOException {
        socket.getOutputStream().write("GET / HTTP/1.1\r\nHost: a\r\n\r\n".getBytes(US_ASCII));
        socket.getOutputStream().flush();
        return String.valueOf(new BufferedReader(new InputStreamReader(socket.getInputStream(), US_ASCII)).readLine());
    }

    private static SSLContext context(X509Certificate trusted) throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        store.setCertificateEntry("it", trusted);
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(store);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        return context;
    }
}
