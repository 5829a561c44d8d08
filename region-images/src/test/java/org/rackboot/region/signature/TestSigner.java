package org.rackboot.region.signature;

import java.nio.charset.StandardCharsets;
import java.time.Instant;
import org.bouncycastle.openpgp.PGPSignature;

/** Somebody who signs streams, for the tests of other packages. */
public final class TestSigner {
    private static final String NAME = "Test publisher";

    private final TestKey key;
    private final Instant created;

    /** @param seed another number is another key */
    public TestSigner(int seed, Instant created) {
        this.key = TestKey.ed25519(seed, created);
        this.created = created;
    }

    public String fingerprint() {
        return key.fingerprint();
    }

    public byte[] keyring() {
        byte[] certification = TestSignature.by(key, created)
                .flags(TestKey.CERTIFY | TestKey.SIGN)
                .overUserId(NAME);
        return TestKey.join(key.asPrimary(), TestKey.userId(NAME), certification);
    }

    /** @param text whose lines do not begin with a dash or end with a blank */
    public byte[] clearSigned(String text, Instant when) {
        return TestSignature.by(key, when).clearSigned(text).getBytes(StandardCharsets.UTF_8);
    }

    /** A signature to lie beside a file, as {@code gpg --detach-sign} makes it. */
    public byte[] detached(byte[] file, Instant when) {
        return TestSignature.by(key, when)
                .overDocument(PGPSignature.BINARY_DOCUMENT, new String(file, StandardCharsets.UTF_8));
    }

    /** The same, as {@code gpg --detach-sign --armor} makes it. */
    public byte[] detachedArmored(byte[] file, Instant when) {
        return TestKey.armor("SIGNATURE", detached(file, when)).getBytes(StandardCharsets.US_ASCII);
    }
}
