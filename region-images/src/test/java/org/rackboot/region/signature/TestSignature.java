package org.rackboot.region.signature;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.Date;
import java.util.function.Consumer;
import org.bouncycastle.bcpg.HashAlgorithmTags;
import org.bouncycastle.openpgp.PGPException;
import org.bouncycastle.openpgp.PGPSignature;
import org.bouncycastle.openpgp.PGPSignatureGenerator;
import org.bouncycastle.openpgp.PGPSignatureSubpacketGenerator;
import org.bouncycastle.openpgp.operator.bc.BcPGPContentSignerBuilder;

/** A signature to be made by a test: who, when, and what it says; then over what. */
final class TestSignature {
    private final TestKey by;
    private final PGPSignatureSubpacketGenerator hashed = new PGPSignatureSubpacketGenerator();
    private final PGPSignatureSubpacketGenerator unhashed = new PGPSignatureSubpacketGenerator();
    private int digest = HashAlgorithmTags.SHA512;

    private TestSignature(TestKey by, Instant created) {
        this.by = by;
        hashed.setSignatureCreationTime(false, Date.from(created));
        hashed.setIssuerFingerprint(false, by.publicKey());
        unhashed.setIssuerKeyID(false, by.publicKey().getKeyID());
    }

    static TestSignature by(TestKey key, Instant created) {
        return new TestSignature(key, created);
    }

    TestSignature digest(int algorithm) {
        digest = algorithm;
        return this;
    }

    TestSignature flags(int flags) {
        hashed.setKeyFlags(true, flags);
        return this;
    }

    TestSignature keyExpiresAfter(Duration valid) {
        hashed.setKeyExpirationTime(true, valid.toSeconds());
        return this;
    }

    TestSignature expiresAfter(Duration valid) {
        hashed.setSignatureExpirationTime(true, valid.toSeconds());
        return this;
    }

    TestSignature revokedBecause(byte reason) {
        hashed.setRevocationReason(false, reason, "");
        return this;
    }

    TestSignature hashed(Consumer<PGPSignatureSubpacketGenerator> change) {
        change.accept(hashed);
        return this;
    }

    TestSignature unhashed(Consumer<PGPSignatureSubpacketGenerator> change) {
        change.accept(unhashed);
        return this;
    }

    /** With the signature by which the subkey confirms that it belongs to the primary key. */
    TestSignature signedBackBy(TestKey subkey, TestKey primary, Instant created) {
        try {
            var back = by(subkey, created).generator(PGPSignature.PRIMARYKEY_BINDING);
            hashed.addEmbeddedSignature(false, back.generateCertification(primary.publicKey(), subkey.publicKey()));
            return this;
        } catch (PGPException | IOException e) {
            throw new AssertionError(e);
        }
    }

    byte[] overDocument(int type, String document) {
        return make(type, generator -> {
            generator.update(document.getBytes(StandardCharsets.UTF_8));
            return generator.generate();
        });
    }

    byte[] overUserId(String userId) {
        return overUserId(PGPSignature.POSITIVE_CERTIFICATION, userId);
    }

    byte[] overUserId(int type, String userId) {
        return make(type, generator -> generator.generateCertification(userId, by.publicKey()));
    }

    byte[] overKey(int type) {
        return make(type, generator -> generator.generateCertification(by.publicKey()));
    }

    byte[] overPair(int type, TestKey primary, TestKey subkey) {
        return make(type, generator -> generator.generateCertification(primary.publicKey(), subkey.publicKey()));
    }

    /** A clear-signed file as GnuPG writes it; the text holds no line that needs an escape. */
    String clearSigned(String text) {
        return clearSigned(text, overDocument(PGPSignature.CANONICAL_TEXT_DOCUMENT, text));
    }

    static String clearSigned(String text, byte[]... signatures) {
        return "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512, SHA1, MD5, RIPEMD160, SHA256\n\n" + text + "\n"
                + TestKey.armor("SIGNATURE", TestKey.join(signatures));
    }

    private interface Making {
        PGPSignature from(PGPSignatureGenerator generator) throws PGPException;
    }

    private byte[] make(int type, Making making) {
        try {
            return making.from(generator(type)).getEncoded();
        } catch (PGPException | IOException e) {
            throw new AssertionError(e);
        }
    }

    private PGPSignatureGenerator generator(int type) throws PGPException {
        var signer = new BcPGPContentSignerBuilder(by.publicKey().getAlgorithm(), digest);
        var generator = new PGPSignatureGenerator(signer, by.publicKey());
        generator.init(type, by.privateKey());
        generator.setHashedSubpackets(hashed.generate());
        generator.setUnhashedSubpackets(unhashed.generate());
        return generator;
    }

    /** The same packet, claiming another public key algorithm (third octet of its content). */
    static byte[] relabelled(byte[] signature, int algorithm) throws MalformedException {
        Packet packet = Packet.split(signature).get(0);
        byte[] body = packet.body().clone();
        body[2] = (byte) algorithm;
        return new Packet(Packet.SIGNATURE, body).encoded();
    }
}
