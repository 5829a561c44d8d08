package org.rackboot.region.signature;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import java.util.Arrays;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Files that GnuPG signed are accepted, and give back what was put in. */
class GnuPgFilesTest {

    @ParameterizedTest
    @CsvSource({
        "index.sjson, index.txt, " + Fixture.ED25519,
        "index-rsa.sjson, index.txt, " + Fixture.RSA3072,
        "index-crlf.sjson, index.json, " + Fixture.ED25519
    })
    void aClearSignedFileYieldsItsTextWithoutEscapesAndTrailingBlanks(String file, String text, String signer)
            throws Exception {
        SignedDocument document = Fixture.verify(Fixture.text(file));

        String expected = new String(Fixture.bytes(text), UTF_8)
                .lines()
                .map(line -> line.replaceFirst("[ \t]+$", ""))
                .collect(Collectors.joining("\n"));
        assertThat(new String(document.bytes(), UTF_8)).isEqualTo(expected);
        assertThat(document.keyFingerprint()).isEqualTo(signer);
        assertThat(document.signedAt()).isEqualTo(Instant.parse("2025-03-01T12:00:00Z"));
    }

    @ParameterizedTest
    @CsvSource({
        "index.json.gpg, " + Fixture.RSA3072,
        "index.json.asc, " + Fixture.ED25519,
        "index.json.text.asc, " + Fixture.ED25519
    })
    void aDetachedSignatureVouchesForTheDocumentAsItIs(String signature, String signer) throws Exception {
        byte[] document = Fixture.bytes("index.json");

        SignedDocument signed = new SignatureVerifier(Fixture.keyring())
                .verifyDetached(document, Fixture.bytes(signature), Fixture.NOW);

        assertThat(signed.bytes()).isEqualTo(document);
        assertThat(signed.keyFingerprint()).isEqualTo(signer);
    }

    @Test
    void binaryAndArmouredKeyringsHoldTheSameKeys() throws Exception {
        assertThat(Keyring.parse(Fixture.bytes("keyring.asc")).keys())
                .isEqualTo(Fixture.keyring().keys());
    }

    @Test
    void linesMayBePartedBySeparatorsThatOnlySomeProgramsKnow() throws Exception {
        // U+2028 is three ordinary bytes here and to GnuPG.
        byte[] text = Fixture.verify(Fixture.text("index.sjson")).bytes();

        assertThat(new String(text, UTF_8)).contains("\u2028");
        assertThat(Arrays.equals(text, Fixture.bytes("index.txt"))).isFalse();
    }
}
