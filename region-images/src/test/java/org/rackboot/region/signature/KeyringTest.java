package org.rackboot.region.signature;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.rackboot.region.signature.TestKey.join;
import static org.rackboot.region.signature.TestKey.userId;

import java.io.ByteArrayOutputStream;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Base64;
import java.util.Collections;
import java.util.Optional;
import java.util.zip.Deflater;
import java.util.zip.DeflaterOutputStream;
import org.bouncycastle.bcpg.sig.RevocationReasonTags;
import org.bouncycastle.openpgp.PGPSignature;
import org.junit.jupiter.api.Test;
import org.rackboot.region.signature.Keyring.KeyInfo;

class KeyringTest {
    private static final Instant MADE = Instant.parse("2025-01-01T00:00:00Z");
    private static final TestKey KEY = TestKey.ed25519(1, MADE);
    private static final TestKey OTHER = TestKey.ed25519(2, MADE);

    @Test
    void keysAreDescribedAsPeopleCompareThem() {
        Instant made = Instant.parse("2025-03-01T12:00:00Z");

        assertThat(Fixture.keyring().keys())
                .containsExactly(
                        new KeyInfo(
                                Fixture.ED25519,
                                "Lab Ed25519 <ed@lab.example>",
                                made,
                                "Ed25519",
                                Optional.empty(),
                                false),
                        new KeyInfo(
                                Fixture.RSA3072,
                                "Lab RSA <rsa@lab.example>",
                                made,
                                "RSA-3072",
                                Optional.empty(),
                                false));
    }

    @Test
    void base64OfABinaryOrArmouredKeyringIsAccepted() throws Exception {
        var keys = Fixture.keyring().keys();

        for (String name : new String[] {"keyring.gpg", "keyring.asc"}) {
            byte[] raw = Fixture.bytes(name);
            byte[] wrapped = Base64.getMimeEncoder().encode(raw);

            assertThat(Keyring.parse(Base64.getEncoder().encode(raw)).keys()).isEqualTo(keys);
            assertThat(Keyring.parse(join(wrapped, new byte[] {'\n'})).keys()).isEqualTo(keys);
        }
    }

    @Test
    void severalArmouredBlocksAreOneKeyring() throws Exception {
        String blocks = TestKey.armor("PUBLIC KEY BLOCK", good(KEY))
                + "\n"
                + TestKey.armor("PUBLIC KEY BLOCK", good(OTHER)).replace("\n", "\r\n");

        assertThat(Keyring.parse(blocks.getBytes(US_ASCII)).keys())
                .extracting(KeyInfo::fingerprint)
                .containsExactly(KEY.fingerprint(), OTHER.fingerprint());
    }

    @Test
    void theArmourOfAKeyNeedsNoChecksumButARightOne() throws Exception {
        String armored = Fixture.text("keyring.asc");
        String checksum =
                armored.lines().filter(line -> line.startsWith("=")).findFirst().orElseThrow();

        assertThat(Keyring.parse(armored.replace(checksum + "\n", "").getBytes(US_ASCII))
                        .keys())
                .hasSize(2);
        assertRefused(armored.replace(checksum, "=AAAA").getBytes(US_ASCII), "checksum");
    }

    @Test
    void expiryAndRevocationAreShown() throws Exception {
        byte[] expiring =
                TestSignature.by(KEY, MADE).keyExpiresAfter(Duration.ofDays(1)).overUserId("x");
        byte[] revocation = TestSignature.by(KEY, MADE)
                .revokedBecause(RevocationReasonTags.KEY_SUPERSEDED)
                .overKey(PGPSignature.KEY_REVOCATION);

        KeyInfo key = Keyring.parse(join(KEY.asPrimary(), revocation, userId("x"), expiring))
                .keys()
                .get(0);

        assertThat(key.expires()).contains(Instant.parse("2025-01-02T00:00:00Z"));
        assertThat(key.revoked()).isTrue();
    }

    @Test
    void aUserIdCannotForgeALineOfALog() throws Exception {
        String name = "Lab\nERROR \u001b[31m \u202e" + "x".repeat(300);

        byte[] keyring =
                join(KEY.asPrimary(), userId(name), TestSignature.by(KEY, MADE).overUserId(name));

        assertThat(Keyring.parse(keyring).keys().get(0).userId())
                .startsWith("Lab?ERROR ?[31m ?x")
                .hasSize(200);
    }

    @Test
    void aUserIdThatTheKeyDidNotCertifyIsNotShown() throws Exception {
        byte[] keyring = join(
                KEY.asPrimary(),
                userId("Canonical"),
                userId("Lab"),
                TestSignature.by(KEY, MADE).overUserId("Lab"));

        assertThat(Keyring.parse(keyring).keys().get(0).userId()).isEqualTo("Lab");
    }

    @Test
    void unknownPacketsAndKeysAreSkipped() throws Exception {
        byte[] strange = join(
                new Packet(12, new byte[2]).encoded(), // trust
                new Packet(8, new byte[] {1, 2, 3}).encoded(), // compressed
                new Packet(60, new byte[5]).encoded(), // private use
                new Packet(Packet.SIGNATURE, new byte[] {4, 0}).encoded(),
                new Packet(Packet.USER_ID, new byte[0]).encoded(),
                new Packet(Packet.PUBLIC_KEY, new byte[] {6, 0, 0, 0, 0, 99, 0}).encoded(),
                new Packet(Packet.PUBLIC_KEY, new byte[] {4, 0, 0, 0, 0, 99, 0}).encoded(),
                new Packet(Packet.PUBLIC_SUBKEY, new byte[] {4, 0, 0, 0, 0, 99, 0}).encoded());

        assertThat(Keyring.parse(join(strange, good(KEY), strange, good(OTHER))).keys())
                .extracting(KeyInfo::fingerprint)
                .containsExactly(KEY.fingerprint(), OTHER.fingerprint());
    }

    @Test
    void aUserAttributeThatClaimsTwoGibibytesIsNeverRead() throws Exception {
        byte[] attribute = new Packet(Packet.USER_ATTRIBUTE, new byte[] {(byte) 0xFF, 0x7F, -1, -1, -1, 1}).encoded();
        byte[] certification = TestSignature.by(KEY, MADE).overUserId("x");

        assertThat(Keyring.parse(join(good(KEY), attribute, certification)).keys())
                .hasSize(1);
    }

    @Test
    void aCompressedPacketIsNeverInflated() throws Exception { // S-53
        var deflated = new ByteArrayOutputStream();
        deflated.write(1); // ZIP.
        try (var out = new DeflaterOutputStream(deflated, new Deflater(9, true))) {
            out.write(good(OTHER));
            out.write(new byte[100 << 20]);
        }
        byte[] compressed = new Packet(8, deflated.toByteArray()).encoded();

        assertThat(Keyring.parse(join(good(KEY), compressed)).keys()).hasSize(1);
        assertRefused(compressed, "no public key");
    }

    @Test
    void aKeyThatDoesNotSignItselfIsNotUsable() {
        byte[] foreign = TestSignature.by(OTHER, MADE).overUserId("x");

        assertRefused(KEY.asPrimary(), "no usable key");
        assertRefused(join(KEY.asPrimary(), userId("x"), foreign), "no valid signature by itself");
    }

    @Test
    void aSecretKeyIsRefusedWhateverElseThereIs() {
        byte[] secret = new Packet(Packet.SECRET_KEY, new byte[] {4}).encoded();
        byte[] secretSubkey = new Packet(Packet.SECRET_SUBKEY, new byte[] {4}).encoded();
        String armored = TestKey.armor("PRIVATE KEY BLOCK", secret);

        assertRefused(join(good(KEY), secret), "secret key");
        assertRefused(join(good(KEY), secretSubkey), "secret key");
        assertRefused(armored.getBytes(US_ASCII), "secret key");
    }

    @Test
    void whatIsNoKeyringIsRefusedWithAReason() {
        assertRefused(new byte[0], "empty");
        assertRefused(" \n".getBytes(US_ASCII), "empty");
        assertRefused("Hello, world".getBytes(US_ASCII), "not base64");
        assertRefused("SGVsbG8=".getBytes(US_ASCII), "neither binary nor ASCII armour");
        assertRefused("\0\0\0 \1\1\0\2KBXf\0\0".getBytes(ISO_8859_1), "keybox");
        assertRefused(("x\n" + Fixture.text("keyring.asc")).getBytes(US_ASCII), "not base64");
        assertRefused((Fixture.text("keyring.asc") + "x\n").getBytes(US_ASCII), "outside");
        assertRefused(TestKey.armor("MESSAGE", good(KEY)).getBytes(US_ASCII), "outside");
        assertRefused(userId("x"), "no public key");
    }

    @Test
    void damagedFramingIsRefused() {
        byte[] good = good(KEY);

        assertRefused(Arrays.copyOf(good, good.length - 1), "left");
        assertRefused(join(good, new byte[] {(byte) 0xC6}), "cut short");
        assertRefused(join(good, new byte[] {(byte) 0xC6, (byte) 0xE1, 0, 0, 0}), "partial length");
        assertRefused(join(good, new byte[] {(byte) 0x9B, 0}), "no length");
        assertRefused(join(good, new byte[] {(byte) 0xC6, (byte) 0xFF, -1, -1, -1, -1}), "4294967295");
        assertRefused(join(good, new byte[] {0x20}), "does not begin a packet");
    }

    @Test
    void everyFormOfPacketLengthIsUnderstood() throws Exception {
        byte[] body = new byte[200];

        assertThat(Packet.split(join(new byte[] {(byte) 0xCD, (byte) 192, 8}, body)))
                .hasSize(1);
        assertThat(Packet.split(join(new byte[] {(byte) 0xB4, (byte) 200}, body)))
                .hasSize(1);
        assertThat(Packet.split(join(new byte[] {(byte) 0xB5, 0, (byte) 200}, body)))
                .hasSize(1);
        assertThat(Packet.split(join(new byte[] {(byte) 0xB6, 0, 0, 0, (byte) 200}, body))
                        .get(0)
                        .type())
                .isEqualTo(Packet.USER_ID);
    }

    @Test
    void sizeAndNumberOfKeysAreBounded() throws Exception {
        byte[][] subkeys =
                Collections.nCopies(Keyring.MAX_KEYS, OTHER.asSubkey()).toArray(byte[][]::new);

        assertRefused(new byte[Keyring.MAX_BYTES + 1], "1048576 is the limit");
        assertRefused(join(good(KEY), join(subkeys)), "holds 65 keys");
        assertThat(Keyring.parse(join(good(KEY), join(Arrays.copyOf(subkeys, Keyring.MAX_KEYS - 1))))
                        .keys())
                .hasSize(1);
    }

    @Test
    void thousandsOfSelfSignaturesAreRefused() {
        byte[] certification = TestSignature.by(KEY, MADE).overUserId("x");
        byte[][] many = Collections.nCopies(1_025, certification).toArray(byte[][]::new);

        assertRefused(join(KEY.asPrimary(), userId("x"), join(many)), "self-signatures");
    }

    private static byte[] good(TestKey key) {
        return join(key.asPrimary(), userId("Lab"), TestSignature.by(key, MADE).overUserId("Lab"));
    }

    private static void assertRefused(byte[] data, String why) {
        assertThatThrownBy(() -> Keyring.parse(data))
                .isInstanceOf(KeyringException.class)
                .hasMessageContaining(why)
                .hasMessageContaining("Give ");
    }
}
