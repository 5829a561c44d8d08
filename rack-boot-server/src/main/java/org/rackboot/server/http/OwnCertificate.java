package org.rackboot.server.http;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.MessageDigest;
import java.security.PrivateKey;
import java.security.SecureRandom;
import java.security.Signature;
import java.security.spec.ECGenParameterSpec;
import java.time.Clock;
import java.time.Duration;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Base64;

/**
 * A certificate that a server makes for itself, for clients that know its key: names and dates in it say nothing. In PEM
 * files, made when they are first asked for; others may be put in their place.
 */
public final class OwnCertificate {
    private static final String CERTIFICATE = "api-tls.pem";
    private static final String KEY = "api-tls.key";

    private static final byte[] ECDSA_WITH_SHA256 = {
        0x30, 0x0a, 0x06, 0x08, 0x2a, (byte) 0x86, 0x48, (byte) 0xce, 0x3d, 0x04, 0x03, 0x02
    };
    private static final byte[] COMMON_NAME = {0x06, 0x03, 0x55, 0x04, 0x03};
    private static final String NEVER = "99991231235959Z"; // RFC 5280, 4.1.2.5
    private static final DateTimeFormatter UTC_TIME =
            DateTimeFormatter.ofPattern("yyMMddHHmmss'Z'").withZone(ZoneOffset.UTC);

    private static final int INTEGER = 0x02;
    private static final int BIT_STRING = 0x03;
    private static final int UTF8 = 0x0c;
    private static final int SEQUENCE = 0x30;
    private static final int SET = 0x31;
    private static final int UTC = 0x17;
    private static final int GENERALIZED = 0x18;

    private OwnCertificate() {}

    /** The pair of a directory; the key's file is its owner's alone. */
    public static TlsCertificates.Pair readOrMake(Path directory, String name, Clock clock) throws IOException {
        Path certificate = directory.resolve(CERTIFICATE);
        Path key = directory.resolve(KEY);
        if (!Files.exists(certificate)) { // Written last. Without its key it is somebody's mistake, and said to be one.
            try {
                KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
                generator.initialize(new ECGenParameterSpec("secp256r1"));
                KeyPair pair = generator.generateKeyPair();
                write(key, "PRIVATE KEY", pair.getPrivate().getEncoded());
                write(certificate, "CERTIFICATE", certificate(pair, name, clock));
                try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
                    channel.force(true);
                }
            } catch (GeneralSecurityException e) {
                throw new IllegalStateException("every Java has elliptic curves", e);
            }
        }
        return new TlsCertificates.Pair(certificate, key);
    }

    /** What clients know a certificate's key by: base64url of its sha256, 43 characters. */
    public static String pin(TlsCertificates.Pair pair) throws UnusableCertificateException {
        byte[] key = PemFile.read(pair.certificate())
                .certificates()
                .get(0)
                .getPublicKey()
                .getEncoded();
        try {
            return Base64.getUrlEncoder()
                    .withoutPadding()
                    .encodeToString(MessageDigest.getInstance("SHA-256").digest(key));
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e); // Every Java platform has it.
        }
    }

    private static byte[] certificate(KeyPair pair, String name, Clock clock) throws GeneralSecurityException {
        byte[] who = der(SEQUENCE, der(SET, der(SEQUENCE, COMMON_NAME, der(UTF8, name.getBytes(US_ASCII)))));
        String from = UTC_TIME.format(clock.instant().minus(Duration.ofDays(1))); // Clocks differ.
        byte[] content = der(
                SEQUENCE,
                der(INTEGER, new BigInteger(127, new SecureRandom()).setBit(126).toByteArray()),
                ECDSA_WITH_SHA256,
                who,
                der(SEQUENCE, der(UTC, from.getBytes(US_ASCII)), der(GENERALIZED, NEVER.getBytes(US_ASCII))),
                who,
                pair.getPublic().getEncoded());
        return der(
                SEQUENCE,
                content,
                ECDSA_WITH_SHA256,
                der(BIT_STRING, new byte[] {0}, signature(pair.getPrivate(), content)));
    }

    private static byte[] signature(PrivateKey key, byte[] content) throws GeneralSecurityException {
        Signature signature = Signature.getInstance("SHA256withECDSA");
        signature.initSign(key);
        signature.update(content);
        return signature.sign();
    }

    private static byte[] der(int tag, byte[]... parts) {
        ByteArrayOutputStream content = new ByteArrayOutputStream();
        for (byte[] part : parts) {
            content.writeBytes(part);
        }
        int length = content.size();
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        all.write(tag);
        if (length < 0x80) {
            all.write(length);
        } else if (length < 0x100) {
            all.write(0x81);
            all.write(length);
        } else {
            all.write(0x82);
            all.write(length >> 8);
            all.write(length);
        }
        all.writeBytes(content.toByteArray());
        return all.toByteArray();
    }

    private static void write(Path file, String label, byte[] der) throws IOException {
        String text = "-----BEGIN " + label + "-----\n"
                + Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(der)
                + "\n-----END " + label + "-----\n";
        Path part = Files.createTempFile(
                file.getParent(),
                "api-tls",
                ".part",
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        try (FileChannel channel = FileChannel.open(part, StandardOpenOption.WRITE)) {
            ByteBuffer bytes = ByteBuffer.wrap(text.getBytes(US_ASCII));
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
            channel.force(true);
        }
        Files.move(part, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }
}
