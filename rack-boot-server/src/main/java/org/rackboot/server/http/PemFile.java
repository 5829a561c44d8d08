package org.rackboot.server.http;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A text file of certificates and keys (RFC 7468). Takes keys in all three forms that tools write: PKCS#8, PKCS#1 ({@code
 * RSA PRIVATE KEY}) and SEC 1 ({@code EC PRIVATE KEY}).
 */
final class PemFile {
    private static final int MAX_BYTES = 1 << 20;
    private static final Pattern BLOCK = Pattern.compile("-----BEGIN ([A-Z0-9 ]{1,40})-----([^-]*)-----END \\1-----");

    private static final int SEQUENCE = 0x30;
    private static final int OCTET_STRING = 0x04;
    private static final byte[] VERSION_0 = {0x02, 0x01, 0x00};

    private final Path file;
    private final List<Block> blocks = new ArrayList<>();

    private record Block(String label, byte[] der) {}

    private PemFile(Path file) {
        this.file = file;
    }

    static PemFile read(Path file) throws UnusableCertificateException {
        PemFile pem = new PemFile(file);
        String text;
        try {
            if (Files.size(file) > MAX_BYTES) {
                throw new UnusableCertificateException("%s is larger than 1 MiB; give a PEM file".formatted(file));
            }
            text = Files.readString(file, ISO_8859_1);
        } catch (UnusableCertificateException e) {
            throw e;
        } catch (IOException e) {
            throw new UnusableCertificateException(
                    "%s cannot be read (%s). Check that it exists and that this program's user may read it"
                            .formatted(file, e),
                    e);
        }
        Matcher matcher = BLOCK.matcher(text);
        while (matcher.find()) {
            try {
                pem.blocks.add(
                        new Block(matcher.group(1), Base64.getMimeDecoder().decode(matcher.group(2))));
            } catch (IllegalArgumentException e) {
                throw new UnusableCertificateException(
                        "%s has a %s that is not base64; write the file again".formatted(file, matcher.group(1)), e);
            }
        }
        return pem;
    }

    /** The server's certificate, then those that lead from it to its authority. */
    List<X509Certificate> certificates() throws UnusableCertificateException {
        List<X509Certificate> chain = new ArrayList<>();
        for (Block block : blocks) {
            if (block.label().equals("CERTIFICATE")) {
                try {
                    chain.add((X509Certificate) CertificateFactory.getInstance("X.509")
                            .generateCertificate(new ByteArrayInputStream(block.der())));
                } catch (CertificateException e) {
                    throw new UnusableCertificateException(
                            "%s has a certificate that cannot be read (%s); write the file again"
                                    .formatted(file, e.getMessage()),
                            e);
                }
            }
        }
        if (chain.isEmpty()) {
            throw new UnusableCertificateException(
                    "%s has no certificate; give a PEM file with '-----BEGIN CERTIFICATE-----'".formatted(file));
        }
        return chain;
    }

    /**
     * The private key of a certificate.
     *
     * @param certificate says of which algorithm the key is: the older forms do not
     */
    PrivateKey keyOf(X509Certificate certificate) throws UnusableCertificateException {
        for (Block block : blocks) {
            switch (block.label()) {
                case "PRIVATE KEY" -> {
                    return key(block.der(), certificate);
                }
                case "RSA PRIVATE KEY", "EC PRIVATE KEY" -> {
                    return key(pkcs8(block.der(), certificate), certificate);
                }
                case "ENCRYPTED PRIVATE KEY" ->
                    throw new UnusableCertificateException(
                            "%s is encrypted, and nobody is there to type its password when a machine boots. Decrypt it"
                                            .formatted(file)
                                    + " (openssl pkey -in … -out …) and keep it readable for this program alone");
                default -> {} // Certificates, and the parameters that some tools write before an EC key.
            }
        }
        throw new UnusableCertificateException(
                "%s has no private key; give a PEM file with '-----BEGIN PRIVATE KEY-----'".formatted(file));
    }

    private PrivateKey key(byte[] pkcs8, X509Certificate certificate) throws UnusableCertificateException {
        String algorithm = certificate.getPublicKey().getAlgorithm();
        try {
            return KeyFactory.getInstance(algorithm).generatePrivate(new PKCS8EncodedKeySpec(pkcs8));
        } catch (GeneralSecurityException e) {
            throw new UnusableCertificateException(
                    "%s has a key that is not the %s key its certificate wants (%s); give the key that the certificate"
                                    .formatted(file, algorithm, e.getMessage())
                            + " was made for",
                    e);
        }
    }

    /** Wraps an older form into PKCS#8: version, algorithm with its parameters, key (RFC 5208). */
    private byte[] pkcs8(byte[] key, X509Certificate certificate) throws UnusableCertificateException {
        byte[] publicKey = certificate.getPublicKey().getEncoded();
        try {
            int start = contentStart(publicKey, 0);
            int end = contentStart(publicKey, start) + contentLength(publicKey, start);
            byte[] algorithm = Arrays.copyOfRange(publicKey, start, end);
            return tagged(SEQUENCE, VERSION_0, algorithm, tagged(OCTET_STRING, key));
        } catch (IndexOutOfBoundsException e) {
            throw new UnusableCertificateException("%s has a key of unknown form".formatted(file), e);
        }
    }

    private static byte[] tagged(int tag, byte[]... parts) {
        int length = 0;
        for (byte[] part : parts) {
            length += part.length;
        }
        byte[] header = header(tag, length);
        byte[] whole = Arrays.copyOf(header, header.length + length);
        int at = header.length;
        for (byte[] part : parts) {
            System.arraycopy(part, 0, whole, at, part.length);
            at += part.length;
        }
        return whole;
    }

    /** In the shortest form, as DER demands. */
    private static byte[] header(int tag, int length) {
        if (length < 0x80) {
            return new byte[] {(byte) tag, (byte) length};
        }
        if (length < 0x100) {
            return new byte[] {(byte) tag, (byte) 0x81, (byte) length};
        }
        if (length < 0x10000) {
            return new byte[] {(byte) tag, (byte) 0x82, (byte) (length >> 8), (byte) length};
        }
        return new byte[] {(byte) tag, (byte) 0x83, (byte) (length >> 16), (byte) (length >> 8), (byte) length};
    }

    private static int contentStart(byte[] der, int at) {
        int first = der[at + 1] & 0xff;
        return at + 2 + (first < 0x80 ? 0 : first & 0x7f);
    }

    private static int contentLength(byte[] der, int at) {
        int first = der[at + 1] & 0xff;
        if (first < 0x80) {
            return first;
        }
        int length = 0;
        for (int i = 0; i < (first & 0x7f); i++) {
            length = (length << 8) | (der[at + 2 + i] & 0xff);
        }
        return length;
    }
}
