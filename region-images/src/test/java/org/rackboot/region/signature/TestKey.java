package org.rackboot.region.signature;

import java.io.ByteArrayOutputStream;
import java.math.BigInteger;
import java.security.SecureRandom;
import java.time.Instant;
import java.util.Arrays;
import java.util.Base64;
import java.util.Date;
import org.bouncycastle.asn1.sec.SECNamedCurves;
import org.bouncycastle.asn1.sec.SECObjectIdentifiers;
import org.bouncycastle.bcpg.FastCRC24;
import org.bouncycastle.bcpg.PublicKeyAlgorithmTags;
import org.bouncycastle.bcpg.PublicKeyPacket;
import org.bouncycastle.crypto.AsymmetricCipherKeyPair;
import org.bouncycastle.crypto.generators.ECKeyPairGenerator;
import org.bouncycastle.crypto.generators.RSAKeyPairGenerator;
import org.bouncycastle.crypto.params.ECKeyGenerationParameters;
import org.bouncycastle.crypto.params.ECNamedDomainParameters;
import org.bouncycastle.crypto.params.Ed25519PrivateKeyParameters;
import org.bouncycastle.crypto.params.RSAKeyGenerationParameters;
import org.bouncycastle.openpgp.PGPException;
import org.bouncycastle.openpgp.PGPPrivateKey;
import org.bouncycastle.openpgp.PGPPublicKey;
import org.bouncycastle.openpgp.operator.bc.BcPGPKeyPair;

/** A key pair made by a test, and the packets that a keyring about it consists of. */
final class TestKey {
    static final int CERTIFY = 0x01;
    static final int SIGN = 0x02;
    static final int ENCRYPT = 0x0C;

    private final BcPGPKeyPair pair;

    private TestKey(int algorithm, AsymmetricCipherKeyPair material, Instant created) {
        try {
            pair = new BcPGPKeyPair(PublicKeyPacket.VERSION_4, algorithm, material, Date.from(created));
        } catch (PGPException e) {
            throw new AssertionError(e);
        }
    }

    static TestKey ed25519(int seed, Instant created) {
        byte[] secret = new byte[32];
        Arrays.fill(secret, (byte) seed);
        var key = new Ed25519PrivateKeyParameters(secret);
        var material = new AsymmetricCipherKeyPair(key.generatePublicKey(), key);
        return new TestKey(PublicKeyAlgorithmTags.EDDSA_LEGACY, material, created);
    }

    static TestKey rsa(int bits, Instant created) {
        var generator = new RSAKeyPairGenerator();
        generator.init(new RSAKeyGenerationParameters(BigInteger.valueOf(65_537), new SecureRandom(), bits, 80));
        return new TestKey(PublicKeyAlgorithmTags.RSA_GENERAL, generator.generateKeyPair(), created);
    }

    static TestKey ecdsa256(Instant created) {
        var curve = SECNamedCurves.getByOID(SECObjectIdentifiers.secp256r1);
        var generator = new ECKeyPairGenerator();
        var domain = new ECNamedDomainParameters(SECObjectIdentifiers.secp256r1, curve);
        generator.init(new ECKeyGenerationParameters(domain, new SecureRandom()));
        return new TestKey(PublicKeyAlgorithmTags.ECDSA, generator.generateKeyPair(), created);
    }

    PGPPublicKey publicKey() {
        return pair.getPublicKey();
    }

    PGPPrivateKey privateKey() {
        return pair.getPrivateKey();
    }

    String fingerprint() {
        return OpenPgpKey.hex(publicKey().getFingerprint());
    }

    byte[] asPrimary() {
        return new Packet(Packet.PUBLIC_KEY, body()).encoded();
    }

    byte[] asSubkey() {
        return new Packet(Packet.PUBLIC_SUBKEY, body()).encoded();
    }

    private byte[] body() {
        try {
            return publicKey().getPublicKeyPacket().getEncodedContents();
        } catch (java.io.IOException e) {
            throw new AssertionError(e);
        }
    }

    static byte[] userId(String name) {
        return new Packet(Packet.USER_ID, name.getBytes(java.nio.charset.StandardCharsets.UTF_8)).encoded();
    }

    static byte[] join(byte[]... parts) {
        var all = new ByteArrayOutputStream();
        for (byte[] part : parts) {
            all.writeBytes(part);
        }
        return all.toByteArray();
    }

    static String armor(String type, byte[] content) {
        var crc = new FastCRC24();
        for (byte b : content) {
            crc.update(b & 0xFF);
        }
        int sum = crc.getValue();
        byte[] checksum = {(byte) (sum >> 16), (byte) (sum >> 8), (byte) sum};
        return "-----BEGIN PGP %s-----\n\n%s\n=%s\n-----END PGP %s-----\n"
                .formatted(
                        type,
                        Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(content),
                        Base64.getEncoder().encodeToString(checksum),
                        type);
    }
}
