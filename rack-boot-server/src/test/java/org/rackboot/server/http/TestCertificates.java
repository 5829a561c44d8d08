package org.rackboot.server.http;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.util.Arrays;
import java.util.Base64;

/** Makes certificates of one host, signed by themselves, with the tool of the JDK. */
final class TestCertificates {
    private static final String PASSWORD = "changeit";

    /** A certificate and its key, in PEM. */
    record Made(Certificate certificate, PrivateKey key) {
        String certificatePem() throws GeneralSecurityException {
            return "Subject: what some tools write in front\n" + pem("CERTIFICATE", certificate.getEncoded());
        }

        String pkcs8Pem() {
            return pem("PRIVATE KEY", key.getEncoded());
        }

        /** PKCS#1 or SEC 1: what PKCS#8 has inside, behind version and algorithm. */
        String oldPem() {
            byte[] pkcs8 = key.getEncoded();
            int version = contentOf(pkcs8, 0);
            int algorithm = version + 3;
            int octets = contentOf(pkcs8, algorithm) + lengthOf(pkcs8, algorithm);
            byte[] inner = Arrays.copyOfRange(pkcs8, contentOf(pkcs8, octets), pkcs8.length);
            return key.getAlgorithm().equals("RSA")
                    ? pem("RSA PRIVATE KEY", inner)
                    : pem("EC PARAMETERS", new byte[] {6, 1, 42}) + pem("EC PRIVATE KEY", inner);
        }

        TlsCertificates.Pair write(Path directory, String name) throws IOException, GeneralSecurityException {
            Path keyFile = Files.writeString(directory.resolve(name + ".key"), pkcs8Pem());
            Files.setPosixFilePermissions(keyFile, PosixFilePermissions.fromString("rw-r-----"));
            return new TlsCertificates.Pair(
                    Files.writeString(directory.resolve(name + ".pem"), certificatePem()), keyFile);
        }

        private static int contentOf(byte[] der, int at) {
            return at + 2 + ((der[at + 1] & 0x80) == 0 ? 0 : der[at + 1] & 0x7f);
        }

        private static int lengthOf(byte[] der, int at) {
            int first = der[at + 1] & 0xff;
            return first < 0x80
                    ? first
                    : first == 0x81 ? der[at + 2] & 0xff : ((der[at + 2] & 0xff) << 8) | (der[at + 3] & 0xff);
        }
    }

    private TestCertificates() {}

    static Made rsa(Path directory, String name) throws Exception {
        return make(directory, name, "-keyalg", "RSA", "-keysize", "2048");
    }

    static Made ecdsa(Path directory, String name) throws Exception {
        return make(directory, name, "-keyalg", "EC", "-groupname", "secp256r1");
    }

    static Made expired(Path directory) throws Exception {
        return make(directory, "expired", "-keyalg", "EC", "-groupname", "secp256r1", "-startdate", "-10d");
    }

    private static Made make(Path directory, String name, String... how) throws Exception {
        Path store = directory.resolve(name + ".p12");
        ProcessBuilder keytool = new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
                "-genkeypair",
                "-alias",
                name,
                "-dname",
                "CN=" + name,
                "-ext",
                "san=ip:127.0.0.1",
                "-validity",
                "2",
                "-storetype",
                "PKCS12",
                "-keystore",
                store.toString(),
                "-storepass",
                PASSWORD);
        keytool.command().addAll(Arrays.asList(how));
        Process process = keytool.redirectErrorStream(true).start();
        String said = new String(process.getInputStream().readAllBytes(), US_ASCII);
        if (process.waitFor() != 0) {
            throw new IllegalStateException(said);
        }
        KeyStore keys = KeyStore.getInstance("PKCS12");
        try (InputStream in = Files.newInputStream(store)) {
            keys.load(in, PASSWORD.toCharArray());
        }
        return new Made(keys.getCertificate(name), (PrivateKey) keys.getKey(name, PASSWORD.toCharArray()));
    }

    private static String pem(String label, byte[] der) {
        return "-----BEGIN " + label + "-----\n"
                + Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(der)
                + "\n-----END " + label + "-----\n";
    }
}
