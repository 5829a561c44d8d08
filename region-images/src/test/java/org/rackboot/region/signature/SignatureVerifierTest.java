package org.rackboot.region.signature;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.rackboot.region.signature.TestKey.CERTIFY;
import static org.rackboot.region.signature.TestKey.ENCRYPT;
import static org.rackboot.region.signature.TestKey.SIGN;
import static org.rackboot.region.signature.TestKey.join;
import static org.rackboot.region.signature.TestKey.userId;

import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import org.bouncycastle.bcpg.HashAlgorithmTags;
import org.bouncycastle.bcpg.SignatureSubpacket;
import org.bouncycastle.bcpg.sig.RevocationReasonTags;
import org.bouncycastle.openpgp.PGPSignature;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rackboot.region.signature.BadSignatureException.Reason;

/** The rules that make a correct signature acceptable or not (S-45 to S-52). */
class SignatureVerifierTest {
    private static final Instant KEY_MADE = Instant.parse("2025-01-01T00:00:00Z");
    private static final Instant SIGNED = Instant.parse("2025-06-01T00:00:00Z");
    private static final Instant NOW = Instant.parse("2025-07-01T00:00:00Z");
    private static final Duration YEARS = Duration.ofDays(3_650);
    private static final Duration DAYS = Duration.ofDays(100);
    private static final String NAME = "Lab <lab@lab.example>";
    private static final String TEXT = "{\n \"format\": \"index:1.0\"\n}";

    private static final TestKey KEY = TestKey.ed25519(1, KEY_MADE);
    private static final TestKey SUBKEY = TestKey.ed25519(2, KEY_MADE);
    private static final TestKey STRANGER = TestKey.ed25519(3, KEY_MADE);

    @Test
    void aGoodSignatureYieldsTheTextAndItsSigner() throws Exception {
        SignedDocument document = accept(good(KEY), signature().clearSigned(TEXT));

        assertThat(new String(document.bytes(), UTF_8)).isEqualTo(TEXT);
        assertThat(document.keyFingerprint()).isEqualTo(KEY.fingerprint());
        assertThat(document.signedAt()).isEqualTo(SIGNED);
    }

    @Test
    void nobodyChangesTheBytesOfADocument() throws Exception {
        SignedDocument document = accept(good(KEY), signature().clearSigned(TEXT));

        document.bytes()[0] = 'X';

        assertThat(document.bytes()[0]).isEqualTo((byte) '{');
    }

    @Test
    void rsaAndEcdsaKeysMaySign() throws Exception {
        for (TestKey key : new TestKey[] {TestKey.rsa(2048, KEY_MADE), TestKey.ecdsa256(KEY_MADE)}) {
            String file = TestSignature.by(key, SIGNED).clearSigned(TEXT);

            assertThat(accept(good(key), file).keyFingerprint()).isEqualTo(key.fingerprint());
        }
    }

    // S-45: dates.

    @Test
    void aDateUpToADayAheadIsAnotherClock() throws Exception {
        String ahead = TestSignature.by(KEY, NOW.plus(Duration.ofHours(24))).clearSigned(TEXT);
        String future = TestSignature.by(KEY, NOW.plus(Duration.ofHours(24)).plusSeconds(1))
                .clearSigned(TEXT);

        assertThat(accept(good(KEY), ahead).bytes()).isNotEmpty();
        assertRefused(Reason.FUTURE, good(KEY), future);
    }

    @Test
    void anExpiredSignatureIsRefusedFromItsLastSecond() throws Exception {
        var valid = Duration.between(SIGNED, NOW);

        assertRefused(
                Reason.EXPIRED_SIGNATURE,
                good(KEY),
                signature().expiresAfter(valid).clearSigned(TEXT));
        assertThat(accept(
                        good(KEY),
                        signature().expiresAfter(valid.plusSeconds(1)).clearSigned(TEXT)))
                .isNotNull();
    }

    @Test
    void aSignatureOlderThanItsKeyIsRefused() throws Exception {
        String file = TestSignature.by(KEY, KEY_MADE.minusSeconds(1)).clearSigned(TEXT);

        assertRefused(Reason.BEFORE_KEY, good(KEY), file);
    }

    @Test
    void anExpiredKeyIsRefusedFromItsLastSecond() throws Exception {
        var valid = Duration.between(KEY_MADE, NOW);
        String file = signature().clearSigned(TEXT);

        assertRefused(Reason.EXPIRED_KEY, key(KEY, certification().keyExpiresAfter(valid)), file);
        assertThat(accept(key(KEY, certification().keyExpiresAfter(valid.plusSeconds(1))), file))
                .isNotNull();
    }

    @Test
    void datesBeyond2038AreUnderstood() throws Exception {
        TestKey late = TestKey.ed25519(4, Instant.parse("2050-01-01T00:00:00Z"));
        Instant signed = Instant.parse("2050-02-01T00:00:00Z");
        byte[] keyring = key(
                late,
                TestSignature.by(late, late.publicKey().getCreationTime().toInstant())
                        .keyExpiresAfter(YEARS));
        byte[] file = TestSignature.by(late, signed).clearSigned(TEXT).getBytes(UTF_8);

        assertThat(verifier(keyring).verifyClearSigned(file, signed).signedAt()).isEqualTo(signed);
        assertThat(Keyring.parse(keyring).keys().get(0).expires())
                .contains(Instant.parse("2050-01-01T00:00:00Z").plus(YEARS));
    }

    @Test
    void theOwnersNewestWordOnTheExpiryCounts() throws Exception {
        byte[] shortened = join(
                key(KEY, certification().keyExpiresAfter(YEARS)),
                TestSignature.by(KEY, KEY_MADE.plusSeconds(9))
                        .keyExpiresAfter(DAYS)
                        .overUserId(NAME));
        byte[] extended = join(
                key(KEY, TestSignature.by(KEY, KEY_MADE.plusSeconds(9)).keyExpiresAfter(YEARS)),
                certification().keyExpiresAfter(DAYS).overUserId(NAME));

        assertRefused(Reason.EXPIRED_KEY, shortened, signature().clearSigned(TEXT));
        assertThat(accept(extended, signature().clearSigned(TEXT))).isNotNull();
    }

    @Test
    void aDirectKeySignatureMayCarryTheExpiry() throws Exception {
        byte[] keyring = join(
                KEY.asPrimary(),
                TestSignature.by(KEY, KEY_MADE).keyExpiresAfter(DAYS).overKey(PGPSignature.DIRECT_KEY));

        assertRefused(Reason.EXPIRED_KEY, keyring, signature().clearSigned(TEXT));
    }

    @Test
    void aForgedCertificationDoesNotExtendTheExpiry() throws Exception {
        byte[] forged =
                corrupted(TestSignature.by(KEY, SIGNED).keyExpiresAfter(YEARS).overUserId(NAME));
        byte[] keyring = join(key(KEY, certification().keyExpiresAfter(DAYS)), forged);

        assertRefused(Reason.EXPIRED_KEY, keyring, signature().clearSigned(TEXT));
    }

    @Test
    void aStrangersCertificationDoesNotExtendTheExpiry() throws Exception {
        byte[] foreign = TestSignature.by(STRANGER, SIGNED)
                .keyExpiresAfter(YEARS)
                .hashed(h -> h.removePacketsOfType(33))
                .unhashed(u -> u.setIssuerKeyID(false, KEY.publicKey().getKeyID()))
                .overUserId(NAME);
        byte[] keyring = join(key(KEY, certification().keyExpiresAfter(DAYS)), foreign);

        assertRefused(Reason.EXPIRED_KEY, keyring, signature().clearSigned(TEXT));
    }

    @Test
    void aSelfSignatureThatExpiredNoLongerVouchesForTheKey() throws Exception {
        assertRefused(
                Reason.EXPIRED_KEY,
                key(KEY, certification().expiresAfter(DAYS)),
                signature().clearSigned(TEXT));
    }

    // S-46: revocation.

    @Test
    void aRevokedKeyIsRefusedEvenForThePast() throws Exception {
        byte[] keyring = join(good(KEY), TestSignature.by(KEY, NOW).overKey(PGPSignature.KEY_REVOCATION));

        assertRefused(Reason.REVOKED_KEY, keyring, signature().clearSigned(TEXT));
    }

    @Test
    void aRetiredKeyStillVouchesForThePast() throws Exception {
        byte[] keyring = join(
                good(KEY),
                TestSignature.by(KEY, SIGNED.plusSeconds(1))
                        .revokedBecause(RevocationReasonTags.KEY_RETIRED)
                        .overKey(PGPSignature.KEY_REVOCATION));
        String later = TestSignature.by(KEY, SIGNED.plusSeconds(1)).clearSigned(TEXT);

        assertThat(accept(keyring, signature().clearSigned(TEXT))).isNotNull();
        assertRefused(Reason.REVOKED_KEY, keyring, later);
    }

    @Test
    void aRevocationThatTheOwnerDidNotMakeIsIgnored() throws Exception {
        byte[] revocation = TestSignature.by(KEY, NOW).overKey(PGPSignature.KEY_REVOCATION);
        byte[] foreign = TestSignature.by(STRANGER, NOW).overKey(PGPSignature.KEY_REVOCATION);
        byte[] keyring = join(good(KEY), corrupted(revocation), foreign);

        assertThat(accept(keyring, signature().clearSigned(TEXT))).isNotNull();
    }

    @Test
    void aRevocationInTheSecondCopyOfAKeyCounts() throws Exception {
        byte[] copy = join(good(KEY), TestSignature.by(KEY, NOW).overKey(PGPSignature.KEY_REVOCATION));

        assertRefused(Reason.REVOKED_KEY, join(good(KEY), copy), signature().clearSigned(TEXT));
    }

    @Test
    void aRevokedSubkeyIsRefused() throws Exception {
        byte[] keyring = join(
                withSubkey(binding().flags(SIGN).signedBackBy(SUBKEY, KEY, KEY_MADE)),
                TestSignature.by(KEY, NOW).overPair(PGPSignature.SUBKEY_REVOCATION, KEY, SUBKEY));

        assertRefused(Reason.REVOKED_KEY, keyring, subkeySignature().clearSigned(TEXT));
    }

    @Test
    void theSubkeysOfARevokedKeyAreRefused() throws Exception {
        byte[] keyring = join(
                withSubkey(binding().flags(SIGN).signedBackBy(SUBKEY, KEY, KEY_MADE)),
                TestSignature.by(KEY, NOW).overKey(PGPSignature.KEY_REVOCATION));

        assertRefused(Reason.REVOKED_KEY, keyring, subkeySignature().clearSigned(TEXT));
    }

    @Test
    void aUserIdThatWasRevokedNoLongerVouchesForTheKey() throws Exception {
        byte[] revoked = TestSignature.by(KEY, SIGNED).overUserId(PGPSignature.CERTIFICATION_REVOCATION, NAME);
        byte[] keyring = join(
                key(KEY, certification().keyExpiresAfter(YEARS)),
                revoked,
                userId("Other"),
                certification().keyExpiresAfter(DAYS).overUserId("Other"));

        assertRefused(Reason.EXPIRED_KEY, keyring, signature().clearSigned(TEXT));
        assertThat(Keyring.parse(keyring).keys().get(0).userId()).isEqualTo("Other");
    }

    // S-47: what a key is for.

    @Test
    void aSigningSubkeySignsForItsPrimaryKey() throws Exception {
        byte[] keyring = withSubkey(binding().flags(SIGN).signedBackBy(SUBKEY, KEY, KEY_MADE));

        SignedDocument document = accept(keyring, subkeySignature().clearSigned(TEXT));

        assertThat(document.keyFingerprint()).isEqualTo(KEY.fingerprint());
    }

    @Test
    void aSubkeyNeedsTheSigningFlag() throws Exception {
        byte[] forEncryption = withSubkey(binding().flags(ENCRYPT).signedBackBy(SUBKEY, KEY, KEY_MADE));
        byte[] unsaid = withSubkey(binding().signedBackBy(SUBKEY, KEY, KEY_MADE));

        assertRefused(Reason.NOT_A_SIGNING_KEY, forEncryption, subkeySignature().clearSigned(TEXT));
        assertRefused(Reason.NOT_A_SIGNING_KEY, unsaid, subkeySignature().clearSigned(TEXT));
    }

    @Test
    void aSubkeyHasToConfirmItsPrimaryKey() throws Exception {
        byte[] silent = withSubkey(binding().flags(SIGN));
        byte[] foreign = withSubkey(binding().flags(SIGN).signedBackBy(STRANGER, KEY, KEY_MADE));
        byte[] ofAnother = withSubkey(binding().flags(SIGN).signedBackBy(SUBKEY, STRANGER, KEY_MADE));

        for (byte[] keyring : new byte[][] {silent, foreign, ofAnother}) {
            assertRefused(Reason.NOT_A_SIGNING_KEY, keyring, subkeySignature().clearSigned(TEXT));
        }
    }

    @Test
    void aSubkeyThatThePrimaryKeyDidNotBindIsUnknown() throws Exception {
        byte[] binding = binding()
                .flags(SIGN)
                .signedBackBy(SUBKEY, KEY, KEY_MADE)
                .overPair(PGPSignature.SUBKEY_BINDING, KEY, SUBKEY);

        assertRefused(
                Reason.UNKNOWN_KEY,
                join(good(KEY), SUBKEY.asSubkey(), corrupted(binding)),
                subkeySignature().clearSigned(TEXT));
        assertRefused(
                Reason.UNKNOWN_KEY,
                join(good(KEY), SUBKEY.asSubkey()),
                subkeySignature().clearSigned(TEXT));
    }

    @Test
    void aSubkeyExpiresByItsBindingAndAForgedOneChangesNothing() throws Exception {
        byte[] keyring = withSubkey(binding().flags(SIGN).keyExpiresAfter(DAYS).signedBackBy(SUBKEY, KEY, KEY_MADE));
        byte[] forged = corrupted(TestSignature.by(KEY, SIGNED)
                .flags(SIGN)
                .signedBackBy(SUBKEY, KEY, KEY_MADE)
                .overPair(PGPSignature.SUBKEY_BINDING, KEY, SUBKEY));

        assertRefused(Reason.EXPIRED_KEY, keyring, subkeySignature().clearSigned(TEXT));
        assertRefused(
                Reason.EXPIRED_KEY, join(keyring, forged), subkeySignature().clearSigned(TEXT));
    }

    @Test
    void theSubkeysOfAnExpiredKeyAreRefused() throws Exception {
        byte[] keyring = join(
                key(KEY, certification().keyExpiresAfter(DAYS)),
                SUBKEY.asSubkey(),
                binding()
                        .flags(SIGN)
                        .signedBackBy(SUBKEY, KEY, KEY_MADE)
                        .overPair(PGPSignature.SUBKEY_BINDING, KEY, SUBKEY));

        assertRefused(Reason.EXPIRED_KEY, keyring, subkeySignature().clearSigned(TEXT));
    }

    @Test
    void aPrimaryKeyMadeForCertifyingOnlyDoesNotSign() throws Exception {
        assertRefused(
                Reason.NOT_A_SIGNING_KEY,
                key(KEY, certification().flags(CERTIFY)),
                signature().clearSigned(TEXT));
    }

    @Test
    void aPrimaryKeyWithoutFlagsMaySign() throws Exception {
        byte[] keyring = key(KEY, TestSignature.by(KEY, KEY_MADE));

        assertThat(accept(keyring, signature().clearSigned(TEXT))).isNotNull();
    }

    // S-48: strength.

    @ParameterizedTest
    @ValueSource(ints = {HashAlgorithmTags.MD5, HashAlgorithmTags.SHA1, HashAlgorithmTags.RIPEMD160})
    void aWeakDigestIsRefused(int digest) throws Exception {
        TestKey key = TestKey.rsa(2048, KEY_MADE);

        String file = TestSignature.by(key, SIGNED).digest(digest).clearSigned(TEXT);

        assertRefused(Reason.WEAK_DIGEST, good(key), file);
    }

    @ParameterizedTest
    @ValueSource(ints = {HashAlgorithmTags.SHA224, HashAlgorithmTags.SHA384, HashAlgorithmTags.SHA3_256})
    void aDigestThatNoHeaderAnnouncesIsRefusedWhereThereAreHeaders(int digest) throws Exception {
        var signature = signature().digest(digest);

        assertRefused(Reason.UNANNOUNCED_DIGEST, good(KEY), signature.clearSigned(TEXT));
        byte[] detached = signature.overDocument(PGPSignature.BINARY_DOCUMENT, TEXT);
        assertThat(verifier(good(KEY)).verifyDetached(TEXT.getBytes(UTF_8), detached, NOW))
                .isNotNull();
    }

    @Test
    void aFileWithoutHashHeaderIsRefused() throws Exception {
        String file = signature().clearSigned(TEXT).replaceFirst("Hash:.*\n", "");

        assertRefused(Reason.UNANNOUNCED_DIGEST, good(KEY), file);
    }

    @Test
    void aSha1SelfSignatureDoesNotLockTheKeyOut() throws Exception {
        byte[] keyring = key(KEY, certification().digest(HashAlgorithmTags.SHA1));
        byte[] expired = key(KEY, certification().digest(HashAlgorithmTags.SHA1).keyExpiresAfter(DAYS));

        assertThat(accept(keyring, signature().clearSigned(TEXT))).isNotNull();
        assertRefused(Reason.EXPIRED_KEY, expired, signature().clearSigned(TEXT));
    }

    @Test
    void anMd5SelfSignatureProvesNothing() throws Exception {
        byte[] keyring = join(
                key(KEY, certification().keyExpiresAfter(DAYS)),
                TestSignature.by(KEY, SIGNED).digest(HashAlgorithmTags.MD5).overUserId(NAME));

        assertRefused(Reason.EXPIRED_KEY, keyring, signature().clearSigned(TEXT));
    }

    @Test
    void aShortRsaKeyIsRefused() throws Exception {
        TestKey key = TestKey.rsa(1024, KEY_MADE);

        assertRefused(Reason.WEAK_KEY, good(key), TestSignature.by(key, SIGNED).clearSigned(TEXT));
    }

    @Test
    void aStrongSubkeyOfAWeakKeyIsRefused() throws Exception {
        TestKey weak = TestKey.rsa(1024, KEY_MADE);
        byte[] keyring = join(
                good(weak),
                SUBKEY.asSubkey(),
                TestSignature.by(weak, KEY_MADE)
                        .flags(SIGN)
                        .signedBackBy(SUBKEY, weak, KEY_MADE)
                        .overPair(PGPSignature.SUBKEY_BINDING, weak, SUBKEY));

        assertRefused(Reason.WEAK_KEY, keyring, subkeySignature().clearSigned(TEXT));
    }

    @ParameterizedTest
    @ValueSource(ints = {17, 20})
    void dsaAndElGamalAreRefused(int algorithm) throws Exception {
        byte[] signature = signature().overDocument(PGPSignature.CANONICAL_TEXT_DOCUMENT, TEXT);

        String file = TestSignature.clearSigned(TEXT, TestSignature.relabelled(signature, algorithm));

        assertThat(refusal(good(KEY), file).reason()).isEqualTo(Reason.WEAK_KEY);
    }

    @Test
    void aSignatureOfAnotherAlgorithmThanItsKeyIsWrong() throws Exception {
        byte[] signature = signature().overDocument(PGPSignature.CANONICAL_TEXT_DOCUMENT, TEXT);

        // ECDSA (19) has the same two numbers as the Ed25519 that it really is.
        assertRefused(
                Reason.WRONG, good(KEY), TestSignature.clearSigned(TEXT, TestSignature.relabelled(signature, 19)));
    }

    // S-49: how many.

    @Test
    void aStrangersSignatureBesideAGoodOneDoesNotMatter() throws Exception {
        byte[] strange = TestSignature.by(STRANGER, SIGNED).overDocument(0x01, "anything");

        String file = TestSignature.clearSigned(TEXT, strange, signature().overDocument(0x01, TEXT));

        assertThat(accept(good(KEY), file).keyFingerprint()).isEqualTo(KEY.fingerprint());
    }

    @Test
    void aWrongSignatureByAKnownKeySpoilsAGoodOne() throws Exception {
        byte[] goodOne = signature().overDocument(0x01, TEXT);
        byte[] wrong = TestSignature.by(SUBKEY, SIGNED).overDocument(0x01, "anything");
        byte[] keyring = join(good(KEY), good(SUBKEY));

        assertRefused(Reason.WRONG, keyring, TestSignature.clearSigned(TEXT, goodOne, wrong));
        assertRefused(Reason.WRONG, keyring, TestSignature.clearSigned(TEXT, wrong, goodOne));
    }

    @Test
    void anExpiredSignatureBesideAGoodOneDoesNotMatter() throws Exception {
        byte[] expired = signature().expiresAfter(Duration.ofSeconds(1)).overDocument(0x01, TEXT);

        String file = TestSignature.clearSigned(TEXT, expired, signature().overDocument(0x01, TEXT));

        assertThat(accept(good(KEY), file)).isNotNull();
    }

    @Test
    void theSameSignatureTwiceIsNoWorseThanOnce() throws Exception {
        byte[] one = signature().overDocument(0x01, TEXT);

        assertThat(accept(good(KEY), TestSignature.clearSigned(TEXT, one, one))).isNotNull();
    }

    @Test
    void noSignatureAtAllIsRefused() throws Exception {
        assertRefused(Reason.NOT_SIGNED, good(KEY), TestSignature.clearSigned(TEXT, new byte[0]));
        assertRefused(Reason.NOT_SIGNED, good(KEY), TEXT);
        assertRefused(Reason.NOT_SIGNED, good(KEY), "");
    }

    @Test
    void moreThanSixteenSignaturesAreRefused() throws Exception {
        byte[] one = signature().overDocument(0x01, TEXT);
        byte[][] many = Collections.nCopies(17, one).toArray(byte[][]::new);

        assertThat(accept(good(KEY), TestSignature.clearSigned(TEXT, Arrays.copyOf(many, 16))))
                .isNotNull();
        assertRefused(Reason.MALFORMED, good(KEY), TestSignature.clearSigned(TEXT, many));
    }

    @Test
    void aSignatureOfAnUnknownKindBesideAGoodOneDoesNotMatter() throws Exception {
        byte[] later = new Packet(Packet.SIGNATURE, new byte[] {6, 1, 2, 3}).encoded();
        byte[] exotic = TestSignature.relabelled(signature().overDocument(0x01, TEXT), 99);

        assertRefused(Reason.UNSUPPORTED, good(KEY), TestSignature.clearSigned(TEXT, exotic));
        assertThat(accept(
                        good(KEY),
                        TestSignature.clearSigned(TEXT, exotic, signature().overDocument(0x01, TEXT))))
                .isNotNull();
        assertRefused(Reason.UNSUPPORTED, good(KEY), TestSignature.clearSigned(TEXT, later));
        assertThat(accept(
                        good(KEY),
                        TestSignature.clearSigned(TEXT, later, signature().overDocument(0x01, TEXT))))
                .isNotNull();
    }

    @Test
    void anythingButSignaturesInTheArmourIsRefused() throws Exception {
        byte[] one = signature().overDocument(0x01, TEXT);

        assertRefused(Reason.MALFORMED, good(KEY), TestSignature.clearSigned(TEXT, one, userId("x")));
        assertRefused(Reason.MALFORMED, good(KEY), TestSignature.clearSigned(TEXT, one, new byte[] {1, 2}));
        assertRefused(Reason.MALFORMED, good(KEY), TestSignature.clearSigned(TEXT, Arrays.copyOf(one, one.length - 1)));
    }

    // S-50: who.

    @Test
    void aStrangerIsNamedWithTheKeysThatAreTrusted() throws Exception {
        var refusal = refusal(good(KEY), TestSignature.by(STRANGER, SIGNED).clearSigned(TEXT));

        assertThat(refusal.reason()).isEqualTo(Reason.UNKNOWN_KEY);
        assertThat(refusal).hasMessageContaining(STRANGER.fingerprint()).hasMessageContaining(KEY.fingerprint());
    }

    @Test
    void aSpoofedKeyIdDoesNotOverruleTheHashedFingerprint() throws Exception {
        String file = TestSignature.by(STRANGER, SIGNED)
                .unhashed(u -> u.setIssuerKeyID(false, KEY.publicKey().getKeyID()))
                .clearSigned(TEXT);

        assertRefused(Reason.UNKNOWN_KEY, good(KEY), file);
    }

    @Test
    void aKeyIdAloneOnlyHelpsToFindTheKeyThatReallySigned() throws Exception {
        String honest = signature().hashed(h -> h.removePacketsOfType(33)).clearSigned(TEXT);
        String spoofed = TestSignature.by(STRANGER, SIGNED)
                .hashed(h -> h.removePacketsOfType(33))
                .unhashed(u -> {
                    u.removePacketsOfType(16);
                    u.setIssuerKeyID(false, KEY.publicKey().getKeyID());
                })
                .clearSigned(TEXT);

        assertThat(accept(good(KEY), honest)).isNotNull();
        assertRefused(Reason.WRONG, good(KEY), spoofed);
    }

    // S-51: extensions.

    @Test
    void aCriticalExtensionThatNobodyKnowsIsRefused() throws Exception {
        String subpacket = signature()
                .hashed(h -> h.addCustomSubpacket(new Custom(100, true)))
                .clearSigned(TEXT);
        String notation = signature()
                .hashed(h -> h.addNotationData(true, true, "lab@lab.example", "value"))
                .clearSigned(TEXT);

        assertRefused(Reason.CRITICAL_EXTENSION, good(KEY), subpacket);
        assertRefused(Reason.CRITICAL_EXTENSION, good(KEY), notation);
    }

    @Test
    void anExtensionThatIsNotCriticalIsIgnored() throws Exception {
        String file = signature()
                .hashed(h -> h.addCustomSubpacket(new Custom(100, false)))
                .hashed(h -> h.addNotationData(false, true, "lab@lab.example", "value"))
                .clearSigned(TEXT);

        assertThat(accept(good(KEY), file)).isNotNull();
    }

    @Test
    void aSelfSignatureWithACriticalExtensionProvesNothing() throws Exception {
        byte[] keyring = join(
                key(KEY, certification().keyExpiresAfter(DAYS)),
                TestSignature.by(KEY, SIGNED)
                        .hashed(h -> h.addCustomSubpacket(new Custom(100, true)))
                        .overUserId(NAME));

        assertRefused(Reason.EXPIRED_KEY, keyring, signature().clearSigned(TEXT));
    }

    @Test
    void aSignatureThatContradictsItselfIsRefused() throws Exception {
        byte[] date = {0, 0, 0, 1};
        String file = signature()
                .hashed(h -> h.addCustomSubpacket(new Custom(3, false, date)))
                .hashed(h -> h.addCustomSubpacket(new Custom(3, false, date)))
                .clearSigned(TEXT);

        assertRefused(Reason.MALFORMED, good(KEY), file);
    }

    // S-52: types.

    @ParameterizedTest
    @ValueSource(ints = {0x00, 0x02, 0x40, 0x50})
    void onlyTextSignaturesSignText(int type) throws Exception {
        byte[] signature = signature().overDocument(type, TEXT);

        assertRefused(Reason.WRONG_TYPE, good(KEY), TestSignature.clearSigned(TEXT, signature));
    }

    @Test
    void aCertificationIsNoDocumentSignature() throws Exception {
        byte[] certification = certification().overUserId(NAME);

        assertRefused(Reason.WRONG_TYPE, good(KEY), TestSignature.clearSigned(TEXT, certification));
        var refusal = catchThrowableOfType(
                BadSignatureException.class,
                () -> verifier(good(KEY)).verifyDetached(TEXT.getBytes(UTF_8), certification, NOW));
        assertThat(refusal.reason()).isEqualTo(Reason.WRONG_TYPE);
    }

    /** An operator has to tell from the message alone what to ask the publisher for. */
    @Test
    void everyCauseHasAMessageOfItsOwn() throws Exception {
        TestKey rsa = TestKey.rsa(2048, KEY_MADE);
        String good = signature().clearSigned(TEXT);
        byte[] revoked = join(good(KEY), TestSignature.by(KEY, NOW).overKey(PGPSignature.KEY_REVOCATION));
        byte[] expired = key(KEY, certification().keyExpiresAfter(DAYS));
        byte[] forCertifying = key(KEY, certification().flags(CERTIFY));
        byte[] oneMore = signature().overDocument(PGPSignature.BINARY_DOCUMENT, TEXT);
        Map<String, BadSignatureException> refusals = new LinkedHashMap<>();
        refusals.put("was revoked by its owner", refusal(revoked, good));
        refusals.put(KEY.fingerprint() + ", which expired on", refusal(expired, good));
        refusals.put("was not made for signing", refusal(forCertifying, good));
        refusals.put("which is not in this source's keyring", refusal(good(STRANGER), good));
        refusals.put("it or its signature was changed", refusal(good(KEY), good.replace("index", "indeX")));
        refusals.put("is not signed", refusal(good(KEY), TEXT));
        refusals.put("something precedes the signed block", refusal(good(KEY), "x\n" + good));
        refusals.put("something follows the signature", refusal(good(KEY), good + "x\n"));
        refusals.put("a second block follows", refusal(good(KEY), good + good));
        refusals.put("has type 0x00", refusal(good(KEY), TestSignature.clearSigned(TEXT, oneMore)));
        refusals.put(
                "is dated",
                refusal(good(KEY), TestSignature.by(KEY, NOW.plus(YEARS)).clearSigned(TEXT)));
        refusals.put(
                "expired on " + SIGNED.plusSeconds(1),
                refusal(
                        good(KEY),
                        signature().expiresAfter(Duration.ofSeconds(1)).clearSigned(TEXT)));
        refusals.put(
                "after the signature's date",
                refusal(
                        good(KEY),
                        TestSignature.by(KEY, KEY_MADE.minusSeconds(9)).clearSigned(TEXT)));
        for (var digest : Map.of("MD5", 1, "SHA-1", 2, "RIPEMD-160", 3).entrySet()) {
            String file =
                    TestSignature.by(rsa, SIGNED).digest(digest.getValue()).clearSigned(TEXT);
            refusals.put("the digest " + digest.getKey() + ",", refusal(good(rsa), file));
        }

        refusals.forEach(
                (why, refusal) -> assertThat(refusal).as(why).isNotNull().hasMessageContaining(why));
        assertThat(refusals.values())
                .extracting(BadSignatureException::getMessage)
                .doesNotHaveDuplicates();
        for (String why : refusals.keySet()) {
            assertThat(refusals.values())
                    .as("only one says: " + why)
                    .filteredOn(refusal -> String.valueOf(refusal.getMessage()).contains(why))
                    .hasSize(1);
        }
    }

    // Detached: the same rules hold.

    @Test
    void aDetachedSignatureIsHeldToTheSameRules() throws Exception {
        byte[] document = TEXT.getBytes(UTF_8);
        byte[] good = signature().overDocument(PGPSignature.BINARY_DOCUMENT, TEXT);
        byte[] revoked = join(good(KEY), TestSignature.by(KEY, NOW).overKey(PGPSignature.KEY_REVOCATION));
        TestKey rsa = TestKey.rsa(2048, KEY_MADE);
        byte[] weak = TestSignature.by(rsa, SIGNED)
                .digest(HashAlgorithmTags.SHA1)
                .overDocument(PGPSignature.BINARY_DOCUMENT, TEXT);
        Map<Reason, Verification> cases = Map.of(
                Reason.EXPIRED_KEY,
                () -> verifier(key(KEY, certification().keyExpiresAfter(DAYS))).verifyDetached(document, good, NOW),
                Reason.REVOKED_KEY,
                () -> verifier(revoked).verifyDetached(document, good, NOW),
                Reason.NOT_A_SIGNING_KEY,
                () -> verifier(key(KEY, certification().flags(CERTIFY))).verifyDetached(document, good, NOW),
                Reason.WEAK_DIGEST,
                () -> verifier(good(rsa)).verifyDetached(document, weak, NOW),
                Reason.UNKNOWN_KEY,
                () -> verifier(good(STRANGER)).verifyDetached(document, good, NOW),
                Reason.MALFORMED,
                () -> verifier(good(KEY)).verifyDetached(document, join(good, userId("x")), NOW));

        cases.forEach((reason, verification) -> {
            var refusal = catchThrowableOfType(BadSignatureException.class, verification::run);
            assertThat(refusal).as("refused, for " + reason).isNotNull();
            assertThat(refusal.reason()).isEqualTo(reason);
        });
    }

    private interface Verification {
        SignedDocument run() throws Exception;
    }

    @Test
    void aDetachedSignatureCoversEveryByte() throws Exception {
        byte[] signature = signature().overDocument(PGPSignature.BINARY_DOCUMENT, TEXT);
        var verifier = verifier(good(KEY));

        assertThat(verifier.verifyDetached(TEXT.getBytes(UTF_8), signature, NOW).bytes())
                .isEqualTo(TEXT.getBytes(UTF_8));
        var refusal = catchThrowableOfType(
                BadSignatureException.class,
                () -> verifier.verifyDetached((TEXT + "\n").getBytes(UTF_8), signature, NOW));
        assertThat(refusal.reason()).isEqualTo(Reason.WRONG);
        assertThat(refusal).hasMessageContaining(KEY.fingerprint());
    }

    @Test
    void aDetachedTextSignatureAcceptsOneSpellingOfLineEndings() throws Exception {
        byte[] signature = signature().overDocument(PGPSignature.CANONICAL_TEXT_DOCUMENT, TEXT);
        var verifier = verifier(good(KEY));

        assertThat(verifier.verifyDetached(TEXT.getBytes(UTF_8), signature, NOW))
                .isNotNull();
        var refusal = catchThrowableOfType(
                BadSignatureException.class,
                () -> verifier.verifyDetached(TEXT.replace("\n", "\r\n").getBytes(UTF_8), signature, NOW));
        assertThat(refusal.reason()).isEqualTo(Reason.MALFORMED);
    }

    @Test
    void anEmptyDetachedSignatureIsNone() throws Exception {
        for (byte[] nothing : new byte[][] {{}, {'\n'}}) {
            var refusal = catchThrowableOfType(
                    BadSignatureException.class,
                    () -> verifier(good(KEY)).verifyDetached(new byte[] {1}, nothing, NOW));

            assertThat(refusal.reason()).isEqualTo(Reason.NOT_SIGNED);
        }
    }

    @Test
    void aDocumentBeyondTheLimitIsNotEvenRead() throws Exception {
        byte[] huge = new byte[SignatureVerifier.MAX_DOCUMENT_BYTES + 1];

        var refusal = catchThrowableOfType(
                BadSignatureException.class, () -> verifier(good(KEY)).verifyClearSigned(huge, NOW));

        assertThat(refusal.reason()).isEqualTo(Reason.TOO_LARGE);
    }

    private static final class Custom extends SignatureSubpacket {
        Custom(int type, boolean critical, byte... data) {
            super(type, critical, false, data);
        }
    }

    private static TestSignature signature() {
        return TestSignature.by(KEY, SIGNED);
    }

    private static TestSignature subkeySignature() {
        return TestSignature.by(SUBKEY, SIGNED);
    }

    private static TestSignature certification() {
        return TestSignature.by(KEY, KEY_MADE);
    }

    private static TestSignature binding() {
        return TestSignature.by(KEY, KEY_MADE);
    }

    private static byte[] good(TestKey key) {
        return key(key, TestSignature.by(key, KEY_MADE).flags(CERTIFY | SIGN));
    }

    private static byte[] key(TestKey key, TestSignature certification) {
        return join(key.asPrimary(), userId(NAME), certification.overUserId(NAME));
    }

    private static byte[] withSubkey(TestSignature binding) {
        return join(good(KEY), SUBKEY.asSubkey(), binding.overPair(PGPSignature.SUBKEY_BINDING, KEY, SUBKEY));
    }

    private static byte[] corrupted(byte[] packet) {
        byte[] copy = packet.clone();
        copy[copy.length - 1] ^= 1;
        return copy;
    }

    private static SignatureVerifier verifier(byte[] keyring) throws KeyringException {
        return new SignatureVerifier(Keyring.parse(keyring));
    }

    private static SignedDocument accept(byte[] keyring, String file) throws Exception {
        return verifier(keyring).verifyClearSigned(file.getBytes(UTF_8), NOW);
    }

    private static BadSignatureException refusal(byte[] keyring, String file) throws Exception {
        var verifier = verifier(keyring);
        return catchThrowableOfType(
                BadSignatureException.class, () -> verifier.verifyClearSigned(file.getBytes(UTF_8), NOW));
    }

    private static void assertRefused(Reason reason, byte[] keyring, String file) throws Exception {
        var refusal = refusal(keyring, file);
        assertThat(refusal).as("refused, for " + reason).isNotNull();
        assertThat(refusal.reason()).as(refusal.getMessage()).isEqualTo(reason);
    }
}
