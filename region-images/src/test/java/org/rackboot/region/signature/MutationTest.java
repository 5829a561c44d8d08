package org.rackboot.region.signature;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Damaged and forged files: whatever is accepted says what was signed, and nothing else is ever thrown. */
class MutationTest {
    private static final int MUTATIONS_PER_SEED = 1_000;
    private static final int GPGV_RUNS = 150;

    private static final List<String> TOKENS = List.of(
            "\n",
            "\r",
            "\r\n",
            " ",
            "\t",
            "\f",
            "\0",
            "- ",
            "-",
            "=",
            "\u00e4",
            "\n\n",
            " \n",
            "-----BEGIN PGP SIGNED MESSAGE-----\n",
            "-----BEGIN PGP SIGNATURE-----\n",
            "-----END PGP SIGNATURE-----\n",
            "Hash: SHA512\n",
            "Hash: SHA1\n",
            "NotDashEscaped: x\n",
            "Comment: x\n",
            "Version: x\n",
            ",SHA256",
            "{}\n");

    static LongStream seeds() {
        return LongStream.range(0, 6);
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void aMutatedFileIsRefusedOrSaysWhatWasSigned(long seed) throws Exception {
        byte[] file = Fixture.bytes("index.sjson");
        var verifier = new SignatureVerifier(Fixture.keyring());
        byte[] signed = verifier.verifyClearSigned(file, Fixture.NOW).bytes();
        var random = new Random(seed);

        for (int i = 0; i < MUTATIONS_PER_SEED; i++) {
            byte[] mutated = mutate(file, random);
            try {
                assertThat(verifier.verifyClearSigned(mutated, Fixture.NOW).bytes())
                        .isEqualTo(signed);
            } catch (BadSignatureException e) {
                assertThat(e).hasMessageContaining("The document");
            }
        }
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void aMutatedDetachedSignatureIsRefusedOrSaysWhatWasSigned(long seed) {
        byte[] document = Fixture.bytes("index.json");
        byte[] signature = Fixture.bytes("index.json.gpg");
        var verifier = new SignatureVerifier(Fixture.keyring());
        var random = new Random(seed);

        for (int i = 0; i < MUTATIONS_PER_SEED; i++) {
            byte[] changed = random.nextInt(4) == 0 ? mutate(document, random) : document;
            try {
                assertThat(verifier.verifyDetached(changed, mutate(signature, random), Fixture.NOW)
                                .bytes())
                        .isEqualTo(document);
            } catch (BadSignatureException e) {
                assertThat(e).hasMessageContaining("The document");
            }
        }
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void aMutatedKeyringIsRefusedOrTrustsNobodyNew(long seed) {
        byte[] keyring = Fixture.bytes(seed % 2 == 0 ? "keyring.gpg" : "keyring.asc");
        byte[] file = Fixture.bytes("index.sjson");
        var random = new Random(seed);

        for (int i = 0; i < MUTATIONS_PER_SEED / 2; i++) {
            try {
                Keyring mutated = Keyring.parse(mutate(keyring, random));
                assertThat(mutated.keys())
                        .extracting(Keyring.KeyInfo::fingerprint)
                        .isNotEmpty()
                        .isSubsetOf(Fixture.ED25519, Fixture.RSA3072);
                new SignatureVerifier(mutated).verifyClearSigned(file, Fixture.NOW);
            } catch (KeyringException e) {
                assertThat(e).hasMessageContaining("The keyring");
            } catch (BadSignatureException e) {
                assertThat(e).hasMessageContaining("The document");
            }
        }
    }

    @Test
    void whateverIsAcceptedGnuPgAcceptsWithTheSameText(@TempDir Path directory) throws Exception {
        assumeTrue(isGpgvInstalled(), "gpgv is not installed");
        Files.write(directory.resolve("keyring.gpg"), Fixture.bytes("keyring.gpg"));
        byte[][] files = {
            Fixture.bytes("index.sjson"), Fixture.bytes("index-rsa.sjson"), Fixture.bytes("index-crlf.sjson")
        };
        var verifier = new SignatureVerifier(Fixture.keyring());
        var random = new Random(4);

        int runs = 0;
        for (int i = 0; i < 40_000 && runs < GPGV_RUNS; i++) {
            byte[] file = files[i % files.length];
            byte[] mutated = mutate(file, random);
            Optional<SignedDocument> accepted = accepted(verifier, mutated);
            if (accepted.isPresent() && !Arrays.equals(mutated, file)) {
                String text = new String(accepted.get().bytes(), ISO_8859_1);
                runs++;
                assertThat(gpgv(directory, mutated).stripTrailing().lines().map(MutationTest::withoutTrailingBlanks))
                        .as(new String(mutated, ISO_8859_1))
                        .containsExactlyElementsOf(text.lines().toList());
            }
        }
        assertThat(runs).isGreaterThan(50);
    }

    private static Optional<SignedDocument> accepted(SignatureVerifier verifier, byte[] file) {
        try {
            return Optional.of(verifier.verifyClearSigned(file, Fixture.NOW));
        } catch (BadSignatureException e) {
            return Optional.empty(); // GnuPG may well be more lenient.
        }
    }

    private static byte[] mutate(byte[] original, Random random) {
        byte[] bytes = original;
        for (int left = random.nextInt(3); left >= 0; left--) {
            int at = random.nextInt(bytes.length + 1);
            int to = Math.min(bytes.length, at + random.nextInt(20));
            byte[] head = Arrays.copyOf(bytes, at);
            byte[] tail = Arrays.copyOfRange(bytes, at, bytes.length);
            bytes = switch (random.nextInt(7)) {
                case 0 -> flipped(bytes, random);
                case 1 -> random.nextInt(8) == 0 ? head : flipped(bytes, random);
                case 2 -> TestKey.join(head, Arrays.copyOfRange(bytes, to, bytes.length));
                case 3 -> TestKey.join(head, Arrays.copyOfRange(bytes, at, to), tail);
                case 4 -> TestKey.join(head, new byte[] {(byte) random.nextInt(256)}, tail);
                default ->
                    TestKey.join(head, TOKENS.get(random.nextInt(TOKENS.size())).getBytes(ISO_8859_1), tail);
            };
            if (bytes.length == 0) {
                return bytes;
            }
        }
        return bytes;
    }

    private static byte[] flipped(byte[] bytes, Random random) {
        byte[] copy = bytes.clone();
        copy[random.nextInt(copy.length)] ^= (byte) (1 << random.nextInt(8));
        return copy;
    }

    private static boolean isGpgvInstalled() throws InterruptedException {
        try {
            return new ProcessBuilder("gpgv", "--version")
                            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                            .start()
                            .waitFor()
                    == 0;
        } catch (IOException e) {
            return false;
        }
    }

    /** The text that GnuPG takes for signed. */
    private static String gpgv(Path directory, byte[] file) throws IOException, InterruptedException {
        Path text = directory.resolve("text");
        Path log = directory.resolve("log");
        Files.write(directory.resolve("file"), file);
        Files.deleteIfExists(text);
        Process process = new ProcessBuilder(
                        "gpgv", "--homedir", ".", "--keyring", "./keyring.gpg", "--output", "text", "file")
                .directory(directory.toFile())
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
        assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
        if (process.exitValue() != 0) {
            fail(
                    "GnuPG refuses what we accept: %s%n%s",
                    Files.readString(log, ISO_8859_1), new String(file, ISO_8859_1));
        }
        return Files.readString(text, ISO_8859_1);
    }

    private static String withoutTrailingBlanks(String line) {
        return line.replaceFirst("[ \t]+$", "");
    }
}
