package org.rackboot.region.signature;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.time.Instant;
import java.util.Date;
import java.util.List;
import java.util.stream.Collectors;
import org.bouncycastle.bcpg.ArmoredOutputStream;
import org.bouncycastle.bcpg.HashAlgorithmTags;
import org.bouncycastle.bcpg.PublicKeyAlgorithmTags;
import org.bouncycastle.bcpg.PublicKeyPacket;
import org.bouncycastle.bcpg.sig.KeyFlags;
import org.bouncycastle.crypto.generators.Ed25519KeyPairGenerator;
import org.bouncycastle.crypto.params.Ed25519KeyGenerationParameters;
import org.bouncycastle.openpgp.PGPException;
import org.bouncycastle.openpgp.PGPKeyRingGenerator;
import org.bouncycastle.openpgp.PGPPrivateKey;
import org.bouncycastle.openpgp.PGPPublicKey;
import org.bouncycastle.openpgp.PGPSecretKey;
import org.bouncycastle.openpgp.PGPSecretKeyRing;
import org.bouncycastle.openpgp.PGPSignature;
import org.bouncycastle.openpgp.PGPSignatureGenerator;
import org.bouncycastle.openpgp.PGPSignatureSubpacketGenerator;
import org.bouncycastle.openpgp.PGPUtil;
import org.bouncycastle.openpgp.operator.bc.BcKeyFingerprintCalculator;
import org.bouncycastle.openpgp.operator.bc.BcPGPContentSignerBuilder;
import org.bouncycastle.openpgp.operator.bc.BcPGPDigestCalculatorProvider;
import org.bouncycastle.openpgp.operator.bc.BcPGPKeyPair;

/**
 * A key of our own that signs streams: Ed25519 in a version 4 packet, which GnuPG 2.2 and {@link SignatureVerifier} both
 * accept. It has no passphrase: whoever reads the file can sign. Immutable, and safe to share.
 */
public final class SigningKey {
    /** A secret key's file is at most this long. */
    public static final int MAX_BYTES = 64 << 10;

    private static final int DIGEST = HashAlgorithmTags.SHA512;

    private final PGPSecretKey secret;
    private final PGPPrivateKey signer;

    private SigningKey(PGPSecretKey secret) throws PGPException {
        this.secret = secret;
        this.signer = secret.extractPrivateKey(null); // No passphrase.
    }

    /**
     * Makes a key.
     *
     * @param userId who it belongs to, as people read it
     */
    public static SigningKey make(String userId, Instant created, SecureRandom random) {
        try {
            Ed25519KeyPairGenerator generator = new Ed25519KeyPairGenerator();
            generator.init(new Ed25519KeyGenerationParameters(random));
            BcPGPKeyPair pair = new BcPGPKeyPair(
                    PublicKeyPacket.VERSION_4,
                    PublicKeyAlgorithmTags.EDDSA_LEGACY,
                    generator.generateKeyPair(),
                    Date.from(created));
            PGPSignatureSubpacketGenerator hashed = new PGPSignatureSubpacketGenerator();
            hashed.setSignatureCreationTime(true, Date.from(created));
            hashed.setKeyFlags(true, KeyFlags.CERTIFY_OTHER | KeyFlags.SIGN_DATA);
            hashed.setIssuerFingerprint(false, pair.getPublicKey());
            PGPKeyRingGenerator ring = new PGPKeyRingGenerator(
                    PGPSignature.POSITIVE_CERTIFICATION,
                    pair,
                    userId,
                    new BcPGPDigestCalculatorProvider()
                            .get(HashAlgorithmTags.SHA1), // A checksum, as the format has it.
                    hashed.generate(),
                    null,
                    new BcPGPContentSignerBuilder(pair.getPublicKey().getAlgorithm(), DIGEST),
                    null);
            return new SigningKey(ring.generateSecretKeyRing().getSecretKey());
        } catch (PGPException e) {
            throw new IllegalStateException("an Ed25519 key cannot be made", e);
        }
    }

    /** Reads what {@link #secret} wrote, or {@code gpg --export-secret-keys} without a passphrase. */
    public static SigningKey parse(byte[] file) throws KeyringException {
        if (file.length > MAX_BYTES) {
            throw new KeyringException("The signing key has %d bytes; %d is the limit. Give one secret key."
                    .formatted(file.length, MAX_BYTES));
        }
        try (InputStream packets = PGPUtil.getDecoderStream(new ByteArrayInputStream(file))) {
            PGPSecretKey secret = new PGPSecretKeyRing(packets, new BcKeyFingerprintCalculator()).getSecretKey();
            if (secret.getKeyEncryptionAlgorithm() != 0) {
                throw new KeyringException(
                        "The signing key is locked with a passphrase, which nobody could type. Give one without.");
            }
            SigningKey key = new SigningKey(secret);
            key.detachedSignature(new byte[0], Instant.EPOCH); // A key that cannot sign is noticed now.
            return key;
        } catch (IOException | PGPException | RuntimeException e) { // The library throws all of them for damaged files.
            throw new KeyringException(
                    "The signing key cannot be read: %s. Give the file that was written for it, or the output of"
                                    .formatted(e.getMessage())
                            + " \"gpg --export-secret-keys\" of a key that signs and has no passphrase.",
                    e);
        }
    }

    /** The primary key's, in upper-case hex. */
    public String fingerprint() {
        return OpenPgpKey.hex(secret.getPublicKey().getFingerprint());
    }

    /** The whole key in ASCII armour; keep it from everyone. */
    public byte[] secret() {
        try {
            return armored(secret.getEncoded());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The public key in binary, as {@code gpgv --keyring} reads it. */
    public byte[] publicKey() {
        try {
            PGPPublicKey key = secret.getPublicKey();
            return key.getEncoded();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The public key in ASCII armour, for people. */
    public byte[] armoredPublicKey() {
        return armored(publicKey());
    }

    /**
     * A file of the cleartext signature framework (RFC 9580, 7).
     *
     * @param text lines parted by LF; blanks at their ends are dropped, since no signature covers them
     */
    public byte[] clearSigned(String text, Instant when) {
        String signed = text.lines().map(SigningKey::withoutTrailingBlanks).collect(Collectors.joining("\n"));
        byte[] bytes = signed.getBytes(StandardCharsets.UTF_8);
        ByteArrayOutputStream file = new ByteArrayOutputStream(bytes.length + 1_024);
        try (ArmoredOutputStream armor =
                ArmoredOutputStream.builder().clearHeaders().enableCRC(true).build(file)) {
            armor.beginClearText(DIGEST);
            armor.write(bytes);
            armor.write('\n'); // Belongs to the framework, not to the text.
            armor.endClearText();
            sign(PGPSignature.CANONICAL_TEXT_DOCUMENT, bytes, when).encode((OutputStream) armor);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return file.toByteArray();
    }

    /** A signature over exactly these bytes, in ASCII armour. */
    public byte[] detachedSignature(byte[] document, Instant when) {
        try {
            return armored(sign(PGPSignature.BINARY_DOCUMENT, document, when).getEncoded());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private PGPSignature sign(int type, byte[] document, Instant when) {
        try {
            PGPPublicKey key = secret.getPublicKey();
            PGPSignatureGenerator generator =
                    new PGPSignatureGenerator(new BcPGPContentSignerBuilder(key.getAlgorithm(), DIGEST), key);
            generator.init(type, signer);
            PGPSignatureSubpacketGenerator hashed = new PGPSignatureSubpacketGenerator();
            hashed.setSignatureCreationTime(true, Date.from(when));
            hashed.setIssuerFingerprint(false, key);
            generator.setHashedSubpackets(hashed.generate());
            PGPSignatureSubpacketGenerator unhashed = new PGPSignatureSubpacketGenerator();
            unhashed.setIssuerKeyID(false, key.getKeyID());
            generator.setUnhashedSubpackets(unhashed.generate());
            generator.update(document);
            return generator.generate();
        } catch (PGPException e) {
            throw new IllegalStateException("the key %s cannot sign".formatted(fingerprint()), e);
        }
    }

    private static byte[] armored(byte[] packets) {
        ByteArrayOutputStream text = new ByteArrayOutputStream();
        try (ArmoredOutputStream armor =
                ArmoredOutputStream.builder().clearHeaders().enableCRC(true).build(text)) {
            armor.write(packets);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return text.toByteArray();
    }

    private static String withoutTrailingBlanks(String line) {
        int end = line.length();
        while (end > 0 && List.of(' ', '\t').contains(line.charAt(end - 1))) {
            end--;
        }
        return line.substring(0, end);
    }
}
