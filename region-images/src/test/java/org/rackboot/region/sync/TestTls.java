package org.rackboot.region.sync;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.IOException;
import java.io.InputStream;
import java.net.BindException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.WeakHashMap;
import javax.net.ServerSocketFactory;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.SSLSocketFactory;

/** A certificate, made with the tool of the JDK, and servers that show it. */
final class TestTls {
    private static final Duration PORT_COMES_BACK = Duration.ofSeconds(20);
    private static final String PASSWORD = "changeit";

    private final KeyStore keys;

    /** @param san such as {@code ip:127.0.0.1} */
    TestTls(Path directory, String san) throws Exception {
        this(directory, san, "-1d");
    }

    /** Its own authority, good for two days from {@code start} on, as {@code keytool} reads it. */
    TestTls(Path directory, String san, String start) throws Exception {
        Path store = newStore(directory);
        keytool(
                store,
                "-genkeypair -alias lab -dname CN=lab -startdate %s -validity 2 %s -ext san=%s"
                        .formatted(start, KEY, san));
        keys = load(store);
    }

    /**
     * One that an authority of its own issued.
     *
     * @param start from when it holds, as {@code keytool} reads it: {@code -1d} is a day ago
     * @param days how many days it holds
     */
    TestTls(Path directory, String san, String start, int days) throws Exception {
        Path store = newStore(directory);
        keytool(store, "-genkeypair -alias ca -dname CN=ca -validity 2 -ext bc:c " + KEY);
        keytool(store, "-genkeypair -alias lab -dname CN=lab " + KEY);
        keytool(store, "-certreq -alias lab -file " + store + ".request");
        keytool(
                store,
                "-gencert -alias ca -infile %s.request -outfile %1$s.issued -startdate %s -validity %d -ext san=%s"
                        .formatted(store, start, days, san));
        keytool(store, "-importcert -alias lab -noprompt -file " + store + ".issued");
        keys = load(store);
    }

    private static final String KEY = "-keyalg EC -groupname secp256r1";

    private static Path newStore(Path directory) throws IOException {
        return Files.createTempDirectory(directory, "tls").resolve("tls.p12");
    }

    private static void keytool(Path store, String arguments) throws IOException, InterruptedException {
        List<String> line = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "keytool").toString()));
        line.addAll(List.of(arguments.split(" ")));
        line.addAll(List.of("-storetype", "PKCS12", "-keystore", store.toString(), "-storepass", PASSWORD));
        Process keytool = new ProcessBuilder(line).redirectErrorStream(true).start();
        String said = new String(keytool.getInputStream().readAllBytes(), US_ASCII);
        if (keytool.waitFor() != 0) {
            throw new IllegalStateException(said);
        }
    }

    private static KeyStore load(Path store) throws Exception {
        KeyStore keys = KeyStore.getInstance("PKCS12");
        try (InputStream in = Files.newInputStream(store)) {
            keys.load(in, PASSWORD.toCharArray());
        }
        return keys;
    }

    /** The authority's certificate. */
    String pem() throws Exception {
        Certificate[] chain = keys.getCertificateChain("lab");
        return "-----BEGIN CERTIFICATE-----\n"
                + Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(chain[chain.length - 1].getEncoded())
                + "\n-----END CERTIFICATE-----\n";
    }

    SSLContext context() throws Exception {
        var managers = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        managers.init(keys, PASSWORD.toCharArray());
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(managers.getKeyManagers(), null, null);
        return context;
    }

    ScriptedServer serving(ScriptedServer.Script script) throws Exception {
        return servingAt(0, script);
    }

    ScriptedServer servingAt(int port, ScriptedServer.Script script) throws Exception {
        SSLSocketFactory sockets = context().getSocketFactory();
        var factory = new ServerSocketFactory() {
            @Override
            public ServerSocket createServerSocket(int port, int backlog, InetAddress address) throws IOException {
                return new Listener(sockets, port, backlog, address);
            }

            @Override
            public ServerSocket createServerSocket(int port) {
                throw new UnsupportedOperationException();
            }

            @Override
            public ServerSocket createServerSocket(int port, int backlog) {
                throw new UnsupportedOperationException();
            }
        };
        long until = System.nanoTime() + PORT_COMES_BACK.toNanos();
        while (true) {
            try {
                return new ScriptedServer(factory, "https", port, script);
            } catch (BindException e) { // Meanwhile somebody's connection goes out from there.
                if (port == 0 || System.nanoTime() - until > 0) {
                    throw e;
                }
                Thread.onSpinWait();
            }
        }
    }

    /** Ends the connection of one of these servers below TLS, which gets no chance to say so. */
    static void cut(Socket secured) throws IOException {
        below(secured).close();
    }

    /** Sends what is no TLS record. */
    static void write(Socket secured, String text) throws IOException {
        below(secured).getOutputStream().write(text.getBytes(US_ASCII));
    }

    private static Socket below(Socket secured) {
        return Optional.ofNullable(BELOW.get(secured)).orElseThrow();
    }

    private static final Map<Socket, Socket> BELOW = Collections.synchronizedMap(new WeakHashMap<>());

    private static final class Listener extends ServerSocket {
        private final SSLSocketFactory sockets;

        Listener(SSLSocketFactory sockets, int port, int backlog, InetAddress address) throws IOException {
            super(port, backlog, address);
            this.sockets = sockets;
        }

        @Override
        public Socket accept() throws IOException {
            Socket plain = super.accept();
            SSLSocket secured = (SSLSocket) sockets.createSocket(plain, null, true);
            secured.setUseClientMode(false);
            BELOW.put(secured, plain);
            return secured;
        }
    }
}
