package org.rackboot.region.signature;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Objects;

/** The files beside these tests that GnuPG made; README.md there says how. */
final class Fixture {
    static final Instant NOW = Instant.parse("2026-01-01T00:00:00Z");
    static final String ED25519 = "5C6832D57F73CD0FEEC0671853DE12EDEAEB1F5D";
    static final String RSA3072 = "935221B4F0330707863A7DAC06C063C6BD022075";

    private Fixture() {}

    static byte[] bytes(String name) {
        try (var in = Objects.requireNonNull(Fixture.class.getResourceAsStream(name), name)) {
            return in.readAllBytes();
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    static String text(String name) {
        return new String(bytes(name), StandardCharsets.ISO_8859_1);
    }

    static Keyring keyring() {
        try {
            return Keyring.parse(bytes("keyring.gpg"));
        } catch (KeyringException e) {
            throw new AssertionError(e);
        }
    }

    static SignedDocument verify(String file) throws BadSignatureException {
        return new SignatureVerifier(keyring()).verifyClearSigned(file.getBytes(StandardCharsets.ISO_8859_1), NOW);
    }
}
