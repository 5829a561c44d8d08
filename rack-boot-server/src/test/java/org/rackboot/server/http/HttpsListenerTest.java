package org.rackboot.server.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.cert.Certificate;
import java.security.cert.X509Certificate;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509TrustManager;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.rackboot.server.http.HttpListener.Limits;
import org.rackboot.server.http.HttpListener.Refused;
import org.rackboot.server.net.EventLoops;

/** H12, H13, S-17, S-21. */
class HttpsListenerTest {
    private static final byte[] KERNEL = new byte[3 * (1 << 20) + 77];
    private static final String HEAD_FIELDS = " HTTP/1.1\r\nHost: a\r\n\r\n";

    @TempDir
    static Path made;

    private static TestCertificates.Made rsa;
    private static TestCertificates.Made ecdsa;
    private static TestCertificates.Made other;

    @TempDir
    Path directory;

    private final EventLoops loops = EventLoops.best("test");
    private final List<Refused> refused = new CopyOnWriteArrayList<>();
    private final AtomicInteger reloads = new AtomicInteger();
    private final AtomicInteger failedReloads = new AtomicInteger();
    private final List<AutoCloseable> opened = new ArrayList<>();
    private final HeldContent kernel = HeldContent.of(KERNEL);
    private TlsCertificates.Pair rsaPair;
    private TlsCertificates.Pair ecdsaPair;

    @BeforeAll
    static void makeCertificates() throws Exception {
        new Random(21).nextBytes(KERNEL);
        rsa = TestCertificates.rsa(made, "rsa");
        ecdsa = TestCertificates.ecdsa(made, "ecdsa");
        other = TestCertificates.ecdsa(made, "other");
    }

    @BeforeEach
    void writeFiles() throws Exception {
        rsaPair = rsa.write(directory, "rsa");
        ecdsaPair = ecdsa.write(directory, "ecdsa");
    }

    @AfterEach
    void stop() throws Exception {
        for (AutoCloseable each : opened) {
            each.close();
        }
        loops.close();
    }

    @ParameterizedTest
    @CsvSource({
        "TLSv1.2, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, rsa",
        "TLSv1.2, TLS_RSA_WITH_AES_128_CBC_SHA256, rsa", // H12: iPXE
        "TLSv1.2, TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, ecdsa",
        "TLSv1.3, TLS_AES_128_GCM_SHA256, ecdsa",
        "TLSv1.3, TLS_CHACHA20_POLY1305_SHA256, ecdsa",
    })
    void aBodyOfManyChunksArrivesWhole(String protocol, String cipher, String certificate) throws Exception {
        SSLSocket socket = socket(bind(rsaPair, ecdsaPair), protocol, cipher);
        RawHttp client = client(socket);
        client.send("GET /kernel" + HEAD_FIELDS);

        assertThat(client.head()).startsWith("HTTP/1.1 200 OK\r\nContent-Length: " + KERNEL.length + "\r\n");
        assertThat(HeldContent.sha256(client.body(KERNEL.length))).isEqualTo(HeldContent.sha256(KERNEL));
        assertThat(subjectSeenBy(socket)).isEqualTo("CN=" + certificate);
        await().until(() -> kernel.lent.get() == 0);
    }

    @Test
    void aClientThatKnowsOneKindOfCertificateGetsThat() throws Exception {
        SSLSocket socket = socket(bind(rsaPair), "TLSv1.3", "TLS_AES_256_GCM_SHA384");
        RawHttp client = client(socket);
        client.send("GET /x" + HEAD_FIELDS);

        assertThat(client.head()).startsWith("HTTP/1.1 404 ");
        assertThat(subjectSeenBy(socket)).isEqualTo("CN=rsa");
    }

    @Test
    void rangesHeadsAndRequestsSentAheadAreAsWithoutTls() throws Exception {
        RawHttp client = client(socket(bind(ecdsaPair), "TLSv1.3", "TLS_AES_128_GCM_SHA256"));
        client.send("HEAD /kernel" + HEAD_FIELDS
                + "GET /kernel HTTP/1.1\r\nHost: a\r\nRange: bytes=1048570-1048589\r\n\r\n"
                + "GET /missing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + "GET /kernel" + HEAD_FIELDS);

        assertThat(client.head()).startsWith("HTTP/1.1 200 ").contains("Content-Length: " + KERNEL.length);
        assertThat(client.head()).startsWith("HTTP/1.1 206 ");
        assertThat(client.body(20)).isEqualTo(Arrays.copyOfRange(KERNEL, 1_048_570, 1_048_590));
        assertThat(client.head()).startsWith("HTTP/1.1 404 ").contains("Connection: close");
        client.body(5);
        assertThat(client.isClosedByServer()).isTrue();
    }

    @Test
    void refusalsReachTheClient() throws Exception { // S-16
        RawHttp client = client(socket(bind(ecdsaPair), "TLSv1.3", "TLS_AES_128_GCM_SHA256"));
        client.send("POST /kernel HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n" + "x".repeat(50_000));

        assertThat(client.head()).startsWith("HTTP/1.1 405 ");
        client.body(1_000);
        assertThat(client.isClosedByServer()).isTrue();
    }

    @ParameterizedTest
    @ValueSource(strings = {"TLSv1", "TLSv1.1"})
    void olderProtocolsAreRefused(String protocol) throws Exception {
        InetSocketAddress server = bind(rsaPair);
        // The JDK's client would not even try them: this says ClientHello of that version, with one cipher suite.
        byte[] hello = new byte[5 + 4 + 2 + 32 + 1 + 4 + 2];
        hello[0] = 0x16;
        hello[1] = 3;
        hello[2] = 1;
        hello[4] = (byte) (hello.length - 5);
        hello[5] = 1;
        hello[8] = (byte) (hello.length - 9);
        hello[9] = 3;
        hello[10] = (byte) (protocol.equals("TLSv1") ? 1 : 2);
        hello[45] = 2;
        hello[47] = 0x2f;
        hello[48] = 1;
        try (Socket socket = new Socket(server.getAddress(), server.getPort())) {
            socket.getOutputStream().write(hello);

            byte[] alert = socket.getInputStream().readNBytes(7);
            assertThat(alert).startsWith(0x15); // An alert, not a ServerHello.
            assertThat(alert[6]).isEqualTo((byte) 70); // protocol_version
        }
        await().until(() -> refused.contains(Refused.FAILED_HANDSHAKE));
    }

    @Test
    void onlyHttp11IsOffered() throws Exception { // S-17
        InetSocketAddress server = bind(ecdsaPair);
        SSLSocket both = socket(server, "TLSv1.3", "TLS_AES_128_GCM_SHA256");
        offer(both, "h2", "http/1.1");
        both.startHandshake();
        assertThat(both.getApplicationProtocol()).isEqualTo("http/1.1");

        SSLSocket onlyHttp2 = socket(server, "TLSv1.3", "TLS_AES_128_GCM_SHA256");
        offer(onlyHttp2, "h2");
        assertThatThrownBy(onlyHttp2::startHandshake).isInstanceOf(SSLException.class);
    }

    @Test
    void halfAHandshakeIsNotWaitedForForever() throws Exception { // S-21
        HttpListener listener = listener(Limits.BOOT.within(TestDeadlines.withHandshake(Duration.ofMillis(200))));
        InetSocketAddress server = bind(listener, ecdsaPair);
        List<RawHttp> halves = new ArrayList<>();
        for (int i = 0; i < 50; i++) {
            RawHttp half = new RawHttp(server);
            opened.add(0, half);
            halves.add(half);
            half.send(i % 2 == 0 ? "" : "\u0016\u0003\u0001\u0002\u0000\u0001");
        }

        for (RawHttp half : halves) {
            half.body(1_000); // An alert, perhaps.
            assertThat(half.isClosedByServer()).isTrue();
        }
        await().until(() -> listener.openConnections() == 0);
        assertThat(refused).hasSize(50).containsOnly(Refused.FAILED_HANDSHAKE);
    }

    @Test
    void aClientHelloHasABound() throws Exception { // S-21
        InetSocketAddress server = bind(ecdsaPair);
        try (Socket socket = new Socket(server.getAddress(), server.getPort())) {
            byte[] record = new byte[5 + 16_000]; // A part of one that says it is 16 MiB long.
            record[0] = 0x16;
            record[1] = 3;
            record[2] = 1;
            record[3] = (byte) (16_000 >> 8);
            record[4] = (byte) 16_000;
            record[5] = 1;
            record[6] = (byte) 0xff;
            assertThatThrownBy(() -> {
                        for (int i = 0; i < 1_000; i++) {
                            socket.getOutputStream().write(record);
                        }
                    })
                    .isInstanceOf(IOException.class);
        }
        await().until(() -> refused.contains(Refused.FAILED_HANDSHAKE));
    }

    @Test
    void plainHttpOnThisPortIsNoHandshake() throws Exception {
        RawHttp client = client(connected(bind(ecdsaPair)));
        client.send("GET /kernel" + HEAD_FIELDS);
        client.body(1_000);

        assertThat(client.isClosedByServer()).isTrue();
        await().until(() -> refused.contains(Refused.FAILED_HANDSHAKE));
    }

    @Test
    void newConnectionsGetANewCertificateAndOldOnesGoOn() throws Exception {
        TlsCertificates certificates = certificates(ecdsaPair);
        InetSocketAddress server = bind(listener(Limits.BOOT), certificates);
        SSLSocket before = socket(server, "TLSv1.3", "TLS_AES_128_GCM_SHA256");
        RawHttp old = client(before);
        old.send("GET /x" + HEAD_FIELDS);
        assertThat(old.head()).startsWith("HTTP/1.1 404 ");
        old.body(5);

        replaceWith(other);
        certificates.look(); // Sees the change
        assertThat(reloads).hasValue(0); // which may go on,
        certificates.look(); // and now it did not.

        SSLSocket after = socket(server, "TLSv1.3", "TLS_AES_128_GCM_SHA256");
        after.startHandshake();
        assertThat(subjectSeenBy(after)).isEqualTo("CN=other");
        assertThat(reloads).hasValue(1);
        certificates.look();
        assertThat(reloads).hasValue(1);
        old.send("GET /x" + HEAD_FIELDS);
        assertThat(old.head()).startsWith("HTTP/1.1 404 ");
    }

    @Test
    void aBrokenNewCertificateChangesNothingUntilItIsMended() throws Exception {
        TlsCertificates certificates = certificates(ecdsaPair);
        InetSocketAddress server = bind(listener(Limits.BOOT), certificates);
        Files.writeString(ecdsaPair.certificate(), other.certificatePem()); // Its key is not there yet.
        certificates.look();
        certificates.look();
        certificates.look();
        assertThat(failedReloads).hasValue(1); // Said once.
        Files.delete(ecdsaPair.key());
        certificates.look();
        certificates.look();
        assertThat(failedReloads).hasValue(2);

        SSLSocket meanwhile = socket(server, "TLSv1.3", "TLS_AES_128_GCM_SHA256");
        meanwhile.startHandshake();
        assertThat(subjectSeenBy(meanwhile)).isEqualTo("CN=ecdsa");

        replaceWith(other);
        certificates.look();
        certificates.look();
        SSLSocket after = socket(server, "TLSv1.3", "TLS_AES_128_GCM_SHA256");
        after.startHandshake();
        assertThat(subjectSeenBy(after)).isEqualTo("CN=other");
    }

    @Test
    void keysOfAllFormsAreRead() throws Exception {
        Files.writeString(rsaPair.key(), rsa.oldPem());
        Files.writeString(ecdsaPair.key(), ecdsa.oldPem());

        SSLSocket socket = socket(bind(rsaPair, ecdsaPair), "TLSv1.2", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256");
        socket.startHandshake();
        assertThat(subjectSeenBy(socket)).isEqualTo("CN=rsa");
    }

    @Test
    void whatCannotBeUsedIsSaidWithFileReasonAndRemedy() throws Exception {
        Path missing = directory.resolve("missing.pem");
        refuses(missing, ecdsaPair.key(), "missing.pem cannot be read", "exists");
        refuses(ecdsaPair.key(), ecdsaPair.key(), "ecdsa.key has no certificate", "BEGIN CERTIFICATE");
        refuses(ecdsaPair.certificate(), ecdsaPair.certificate(), "ecdsa.pem has no private key", "BEGIN PRIVATE KEY");
        refuses(ecdsaPair.certificate(), rsaPair.key(), "rsa.key", "the key that the certificate was made for");
        Path otherKey = Files.writeString(directory.resolve("other.key"), other.pkcs8Pem());
        refuses(ecdsaPair.certificate(), otherKey, "other.key is not the key of", "Give the key");
        Path otherOldKey = Files.writeString(directory.resolve("old.key"), other.oldPem());
        refuses(ecdsaPair.certificate(), otherOldKey, "old.key", "Give the key");
        Path encrypted = Files.writeString(
                directory.resolve("encrypted.key"),
                "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n");
        refuses(ecdsaPair.certificate(), encrypted, "encrypted.key is encrypted", "Decrypt it");
        Path broken = Files.writeString(
                directory.resolve("broken.pem"), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
        refuses(broken, ecdsaPair.key(), "broken.pem has a certificate that cannot be read", "write the file again");
        Path cut = Files.writeString(
                directory.resolve("cut.key"), "-----BEGIN RSA PRIVATE KEY-----\nMII=\n-----END RSA PRIVATE KEY-----\n");
        refuses(rsaPair.certificate(), cut, "cut.key has a key", "RSA");
    }

    @Test
    void anExpiredCertificateAndAnOpenKeyAreOnlyWarnedOf() throws Exception {
        TlsCertificates.Pair expired = TestCertificates.expired(made).write(directory, "expired");
        Files.setPosixFilePermissions(expired.key(), PosixFilePermissions.fromString("rw-r--r--"));

        SSLSocket socket = socket(bind(expired), "TLSv1.3", "TLS_AES_128_GCM_SHA256");
        socket.startHandshake();
        assertThat(subjectSeenBy(socket)).isEqualTo("CN=expired");
    }

    private void refuses(Path certificate, Path key, String... words) {
        assertThatThrownBy(() -> certificates(new TlsCertificates.Pair(certificate, key)))
                .isInstanceOf(UnusableCertificateException.class)
                .message()
                .contains(words);
    }

    /** As tools do it that replace certificates: each file at one moment, both at two. */
    private void replaceWith(TestCertificates.Made next) throws Exception {
        Path certificate = Files.writeString(directory.resolve("new.pem"), next.certificatePem());
        Path key = Files.writeString(directory.resolve("new.key"), next.pkcs8Pem());
        Files.move(certificate, ecdsaPair.certificate(), StandardCopyOption.REPLACE_EXISTING);
        Files.move(key, ecdsaPair.key(), StandardCopyOption.REPLACE_EXISTING);
    }

    private InetSocketAddress bind(TlsCertificates.Pair... pairs) throws IOException {
        return bind(listener(Limits.BOOT), pairs);
    }

    private InetSocketAddress bind(HttpListener listener, TlsCertificates.Pair... pairs) throws IOException {
        return bind(listener, certificates(pairs));
    }

    private static InetSocketAddress bind(HttpListener listener, TlsCertificates certificates) throws IOException {
        return listener.bindTls(InetAddress.getLoopbackAddress(), 0, certificates, "HTTPS", "");
    }

    private TlsCertificates certificates(TlsCertificates.Pair... pairs) throws IOException {
        TlsCertificates certificates = TlsCertificates.load(
                Arrays.asList(pairs),
                new TlsCertificates.Listener() {
                    @Override
                    public void reloaded() {
                        reloads.incrementAndGet();
                    }

                    @Override
                    public void reloadFailed() {
                        failedReloads.incrementAndGet();
                    }
                },
                Clock.systemUTC());
        opened.add(certificates);
        return certificates;
    }

    private HttpListener listener(Limits limits) {
        HttpListener listener = new HttpListener(
                loops,
                call -> CompletableFuture.completedFuture(
                        call.path().equals("/kernel")
                                ? ContentReplies.answer(call, kernel, "application/octet-stream")
                                : HttpReply.text(404, "none")),
                limits,
                refused::add);
        opened.add(listener);
        return listener;
    }

    private RawHttp client(Socket socket) throws IOException {
        RawHttp client = new RawHttp(socket);
        opened.add(0, client);
        return client;
    }

    private static Socket connected(InetSocketAddress server) throws IOException {
        return new Socket(server.getAddress(), server.getPort());
    }

    private SSLSocket socket(InetSocketAddress server, String protocol, String cipher) throws Exception {
        SSLContext anyone = SSLContext.getInstance("TLS");
        anyone.init(null, new TrustManager[] {new TrustsAnyone()}, null);
        SSLSocket socket = (SSLSocket) anyone.getSocketFactory().createSocket(server.getAddress(), server.getPort());
        opened.add(0, socket); // Clients leave first, so that closing does not wait for them.
        socket.setSoTimeout(10_000);
        socket.setEnabledProtocols(new String[] {protocol});
        socket.setEnabledCipherSuites(new String[] {cipher});
        return socket;
    }

    private static void offer(SSLSocket socket, String... protocols) {
        SSLParameters parameters = socket.getSSLParameters();
        parameters.setApplicationProtocols(protocols);
        socket.setSSLParameters(parameters);
    }

    private static String subjectSeenBy(SSLSocket socket) throws SSLException {
        Certificate[] chain = socket.getSession().getPeerCertificates();
        return ((X509Certificate) chain[0]).getSubjectX500Principal().getName();
    }

    private static final class TrustsAnyone implements X509TrustManager {
        @Override
        public void checkClientTrusted(X509Certificate[] chain, String authType) {}

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String authType) {}

        @Override
        public X509Certificate[] getAcceptedIssuers() {
            return new X509Certificate[0];
        }
    }
}
