package org.rackboot.region.signature;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SigningKeyTest {
    private static final Instant CREATED = Instant.parse("2026-01-01T00:00:00Z");
    private static final Instant SIGNED = Instant.parse("2026-01-15T06:00:00Z");
    private static final SigningKey KEY = SigningKey.make("Test region", CREATED, new SecureRandom());

    @ParameterizedTest
    @ValueSource(strings = {"{}", "{\n  \"a\" : 1\n}\n", "-----BEGIN\n- dashed\nblanks \t\n\nümlaut\n", "one\n\n\ntwo"})
    void whatItClearSignsOurVerifierGivesBack(String text) throws Exception {
        SignatureVerifier verifier = new SignatureVerifier(Keyring.parse(KEY.publicKey()));

        SignedDocument document = verifier.verifyClearSigned(KEY.clearSigned(text, SIGNED), SIGNED);

        String expected = text.replaceAll("[ \t]+\n", "\n").replaceAll("\n$", "");
        assertThat(new String(document.bytes(), UTF_8)).isEqualTo(expected);
        assertThat(document.keyFingerprint()).isEqualTo(KEY.fingerprint());
        assertThat(document.signedAt()).isEqualTo(SIGNED);
    }

    @Test
    void aDetachedSignatureHoldsForItsBytesOnly() throws Exception {
        byte[] document = "{\"a\": 1} \r\n".getBytes(UTF_8);
        SignatureVerifier verifier = new SignatureVerifier(Keyring.parse(KEY.armoredPublicKey()));
        byte[] signature = KEY.detachedSignature(document, SIGNED);

        assertThat(verifier.verifyDetached(document, signature, SIGNED).keyFingerprint())
                .isEqualTo(KEY.fingerprint());
        document[2] ^= 1;
        assertThatThrownBy(() -> verifier.verifyDetached(document, signature, SIGNED))
                .isInstanceOf(BadSignatureException.class);
    }

    @Test
    void itsFileIsTheSameKey() throws Exception {
        SigningKey again = SigningKey.parse(KEY.secret());

        assertThat(again.fingerprint()).isEqualTo(KEY.fingerprint());
        assertThat(again.publicKey()).isEqualTo(KEY.publicKey());
        new SignatureVerifier(Keyring.parse(KEY.publicKey()))
                .verifyClearSigned(again.clearSigned("{}", SIGNED), SIGNED);
    }

    @Test
    void aPublicOrDamagedFileIsNoSigningKey() {
        byte[] cut = KEY.secret();
        cut[cut.length / 2] ^= 0x20;
        for (byte[] file :
                List.of(KEY.publicKey(), KEY.armoredPublicKey(), new byte[0], "hello".getBytes(UTF_8), cut)) {
            assertThatThrownBy(() -> SigningKey.parse(file))
                    .isInstanceOf(KeyringException.class)
                    .hasMessageContaining("signing key");
        }
        assertThatThrownBy(() -> SigningKey.parse(new byte[SigningKey.MAX_BYTES + 1]))
                .isInstanceOf(KeyringException.class);
    }

    @Test
    void gpgvAcceptsBothKindsOfSignature(@TempDir Path directory) throws Exception {
        assumeTrue(Files.isExecutable(Path.of("/usr/bin/gpgv")), "not here: gpgv");
        SigningKey key = SigningKey.make("Test region", Instant.now().minusSeconds(60), new SecureRandom());
        byte[] document = "{\n  \"a\" : 1\n}".getBytes(UTF_8);
        Path keyring = Files.write(directory.resolve("keyring.gpg"), key.publicKey());
        Path json = Files.write(directory.resolve("index.json"), document);
        Path detached =
                Files.write(directory.resolve("index.json.gpg"), key.detachedSignature(document, Instant.now()));
        Path clear = Files.write(
                directory.resolve("index.sjson"), key.clearSigned(new String(document, UTF_8), Instant.now()));
        Path forged = Files.writeString(
                directory.resolve("forged.sjson"), Files.readString(clear).replace(": 1", ": 2"));

        assertThat(gpgv(keyring, clear)).isZero();
        assertThat(gpgv(keyring, detached, json)).isZero();
        assertThat(gpgv(keyring, forged)).isNotZero();
    }

    private static int gpgv(Path keyring, Path... files) throws Exception {
        ProcessBuilder command = new ProcessBuilder("/usr/bin/gpgv", "--keyring", keyring.toString());
        for (Path file : files) {
            command.command().add(file.toString());
        }
        command.redirectErrorStream(true).redirectOutput(ProcessBuilder.Redirect.DISCARD);
        return command.start().waitFor();
    }
}
