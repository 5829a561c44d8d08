package org.rackboot.region.signature;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.bouncycastle.bcpg.BCPGInputStream;
import org.bouncycastle.bcpg.HashAlgorithmTags;
import org.bouncycastle.bcpg.PublicKeyPacket;
import org.bouncycastle.bcpg.SignatureSubpacket;
import org.bouncycastle.bcpg.SignatureSubpacketTags;
import org.bouncycastle.bcpg.sig.IssuerFingerprint;
import org.bouncycastle.bcpg.sig.IssuerKeyID;
import org.bouncycastle.bcpg.sig.RevocationReason;
import org.bouncycastle.bcpg.sig.RevocationReasonTags;
import org.bouncycastle.openpgp.PGPException;
import org.bouncycastle.openpgp.PGPPublicKey;
import org.bouncycastle.openpgp.PGPSignature;
import org.bouncycastle.openpgp.PGPSignatureSubpacketVector;
import org.bouncycastle.openpgp.operator.bc.BcKeyFingerprintCalculator;
import org.bouncycastle.openpgp.operator.bc.BcPGPContentVerifierBuilderProvider;

/**
 * One signature of version 4 (RFC 9580, 5.2.3): what it says of itself, and whether a key made it.
 *
 * <p>Everything but the issuer's key id is taken from the hashed part, which the signature protects. This
 * class is the only one that calls the library. Not thread-safe: the library keeps a digest in the signature.
 */
final class OpenPgpSignature {
    /** The digests that a document's signature may use, by their names in a {@code Hash} header. */
    static final Map<Integer, String> STRONG_DIGESTS = Map.of(
            HashAlgorithmTags.SHA224, "SHA224",
            HashAlgorithmTags.SHA256, "SHA256",
            HashAlgorithmTags.SHA384, "SHA384",
            HashAlgorithmTags.SHA512, "SHA512",
            HashAlgorithmTags.SHA3_256, "SHA3-256",
            HashAlgorithmTags.SHA3_512, "SHA3-512");

    private static final Map<Integer, String> BROKEN_DIGESTS = Map.of(
            HashAlgorithmTags.MD5, "MD5",
            HashAlgorithmTags.SHA1, "SHA-1",
            HashAlgorithmTags.RIPEMD160, "RIPEMD-160");

    private static final Set<Integer> KNOWN_CRITICAL = Set.of(
            SignatureSubpacketTags.CREATION_TIME,
            SignatureSubpacketTags.EXPIRE_TIME,
            SignatureSubpacketTags.EXPORTABLE,
            SignatureSubpacketTags.REVOCABLE,
            SignatureSubpacketTags.KEY_EXPIRE_TIME,
            SignatureSubpacketTags.PREFERRED_SYM_ALGS,
            SignatureSubpacketTags.ISSUER_KEY_ID,
            SignatureSubpacketTags.PREFERRED_HASH_ALGS,
            SignatureSubpacketTags.PREFERRED_COMP_ALGS,
            SignatureSubpacketTags.KEY_SERVER_PREFS,
            SignatureSubpacketTags.PRIMARY_USER_ID,
            SignatureSubpacketTags.KEY_FLAGS,
            SignatureSubpacketTags.SIGNER_USER_ID,
            SignatureSubpacketTags.REVOCATION_REASON,
            SignatureSubpacketTags.FEATURES,
            SignatureSubpacketTags.EMBEDDED_SIGNATURE,
            SignatureSubpacketTags.ISSUER_FINGERPRINT);

    private static final Set<Integer> AT_MOST_ONCE = Set.of(
            SignatureSubpacketTags.CREATION_TIME,
            SignatureSubpacketTags.EXPIRE_TIME,
            SignatureSubpacketTags.KEY_EXPIRE_TIME,
            SignatureSubpacketTags.KEY_FLAGS,
            SignatureSubpacketTags.REVOCATION_REASON,
            SignatureSubpacketTags.ISSUER_FINGERPRINT);

    private final PGPSignature signature;
    private final Instant created;
    private final long validSeconds;
    private final long keyValidSeconds;
    private final Optional<Integer> keyFlags;
    private final boolean hardRevocation;
    private final List<Integer> unknownCritical;
    private final List<byte[]> embedded = new ArrayList<>();
    private final Optional<IssuerFingerprint> issuerFingerprint;
    private final Set<Long> issuerKeyIds = new LinkedHashSet<>();

    /** Reads everything at once, so that what is odd in the packet shows here and not later. */
    private OpenPgpSignature(PGPSignature signature) throws IOException {
        this.signature = signature;
        PGPSignatureSubpacketVector hashed = signature.getHashedSubPackets();
        for (int type : AT_MOST_ONCE) {
            if (hashed.getSubpackets(type).length > 1) {
                throw new IOException("it holds subpacket " + type + " twice");
            }
        }
        if (!hashed.hasSubpacket(SignatureSubpacketTags.CREATION_TIME)) {
            throw new IOException("it has no date");
        }
        created = hashed.getSignatureCreationTime().toInstant();
        validSeconds = hashed.getSignatureExpirationTime();
        keyValidSeconds = hashed.getKeyExpirationTime();
        keyFlags = hashed.hasSubpacket(SignatureSubpacketTags.KEY_FLAGS)
                ? Optional.of(hashed.getKeyFlags())
                : Optional.empty();
        var reason = Optional.ofNullable(hashed.getRevocationReason());
        hardRevocation = reason.map(RevocationReason::getRevocationReason)
                .map(code -> code != RevocationReasonTags.KEY_SUPERSEDED && code != RevocationReasonTags.KEY_RETIRED)
                .orElse(true);
        unknownCritical = Arrays.stream(hashed.getCriticalTags())
                .boxed()
                .filter(type -> !KNOWN_CRITICAL.contains(type))
                .toList();
        issuerFingerprint = Optional.ofNullable(hashed.getIssuerFingerprint());
        for (var part : List.of(hashed, signature.getUnhashedSubPackets())) {
            for (SignatureSubpacket subpacket : part.getSubpackets(SignatureSubpacketTags.EMBEDDED_SIGNATURE)) {
                embedded.add(subpacket.getData());
            }
            for (SignatureSubpacket subpacket : part.getSubpackets(SignatureSubpacketTags.ISSUER_KEY_ID)) {
                issuerKeyIds.add(((IssuerKeyID) subpacket).getKeyID());
            }
        }
    }

    /** What is wrong with a digest that is not among the strong ones. */
    static String weakDigest(int digest) {
        String broken = BROKEN_DIGESTS.get(digest);
        return broken == null
                ? "digest %d, which is not known here".formatted(digest)
                : "the digest %s, with which signatures can be forged".formatted(broken);
    }

    static OpenPgpSignature parse(byte[] body) throws MalformedException {
        if (body.length == 0 || body[0] != 4) {
            throw new MalformedException("a signature is not of version 4");
        }
        byte[] packet = new Packet(Packet.SIGNATURE, body).encoded();
        return inLibrary(
                () -> new OpenPgpSignature(new PGPSignature(BCPGInputStream.wrap(new ByteArrayInputStream(packet)))));
    }

    static PGPPublicKey parseKey(Packet packet) throws MalformedException {
        if (packet.body().length == 0 || packet.body()[0] != 4) {
            throw new MalformedException("a key is not of version 4");
        }
        return inLibrary(() -> new PGPPublicKey(
                (PublicKeyPacket) BCPGInputStream.wrap(new ByteArrayInputStream(packet.encoded()))
                        .readPacket(),
                new BcKeyFingerprintCalculator()));
    }

    int type() {
        return signature.getSignatureType();
    }

    int digest() {
        return signature.getHashAlgorithm();
    }

    int algorithm() {
        return signature.getKeyAlgorithm();
    }

    Instant created() {
        return created;
    }

    /** When the signature stops counting; never, for most. */
    Optional<Instant> expires() {
        return after(created, validSeconds);
    }

    /** When the key made at this time stops counting, as its owner says here. */
    Optional<Instant> keyExpires(Instant keyCreated) {
        return after(keyCreated, keyValidSeconds);
    }

    /** What the key may be used for, if the owner said so. */
    Optional<Integer> keyFlags() {
        return keyFlags;
    }

    /** Superseded and retired keys are given up in peace; any other reason taints the past as well. */
    boolean isHardRevocation() {
        return hardRevocation;
    }

    /** The hashed subpackets that must be understood and are not; every critical notation is one (S-51). */
    List<Integer> unknownCritical() {
        return unknownCritical;
    }

    /** The signatures within this one, for the subkey that signs its own binding (RFC 9580, 5.2.3.34). */
    List<byte[]> embedded() {
        return embedded;
    }

    /** Whether the signature claims to be made by this key; the full fingerprint decides when there is one. */
    boolean names(PGPPublicKey key) {
        return issuerFingerprint
                .map(fingerprint -> Arrays.equals(fingerprint.getFingerprint(), key.getFingerprint()))
                .orElseGet(() -> issuerKeyIds.contains(key.getKeyID()));
    }

    /** The issuer as people look it up: a fingerprint, a key id, or a sentence. */
    String issuer() {
        return issuerFingerprint
                .map(fingerprint -> "key " + OpenPgpKey.hex(fingerprint.getFingerprint()))
                .or(() -> issuerKeyIds.stream().map("key id %016X"::formatted).findFirst())
                .orElse("a key that it does not name");
    }

    /** Whether the key signed this document; line endings count as CRLF in a text signature. */
    boolean covers(byte[] document, PGPPublicKey key) throws MalformedException {
        return check(key, () -> {
            signature.update(document);
            return signature.verify();
        });
    }

    /** Whether the key certified this user id of itself, or revoked it. */
    boolean coversUserId(byte[] userId, PGPPublicKey key) throws MalformedException {
        return check(key, () -> signature.verifyCertification(userId, key));
    }

    /** Whether the key made this statement about itself alone. */
    boolean coversKey(PGPPublicKey key) throws MalformedException {
        return check(key, () -> signature.verifyCertification(key));
    }

    /** Whether {@code signer}, one of the two, bound or unbound the pair. */
    boolean coversPair(PGPPublicKey primary, PGPPublicKey subkey, PGPPublicKey signer) throws MalformedException {
        return check(signer, () -> signature.verifyCertification(primary, subkey));
    }

    private boolean check(PGPPublicKey signer, LibraryCall<Boolean> verification) throws MalformedException {
        if (signature.getKeyAlgorithm() != signer.getAlgorithm()) {
            return false;
        }
        return inLibrary(() -> {
            signature.init(new BcPGPContentVerifierBuilderProvider(), signer);
            return verification.run();
        });
    }

    private static Optional<Instant> after(Instant start, long seconds) {
        return seconds == 0 ? Optional.empty() : Optional.of(start.plusSeconds(seconds));
    }

    private interface LibraryCall<T> {
        T run() throws IOException, PGPException;
    }

    /**
     * The library answers hostile bytes with whatever its arithmetic trips over (casts, indexes, deep recursion),
     * besides the exceptions it declares. All mean the same here: these bytes are no key or signature.
     */
    private static <T> T inLibrary(LibraryCall<T> call) throws MalformedException {
        try {
            return call.run();
        } catch (IOException | PGPException | RuntimeException | StackOverflowError e) {
            throw new MalformedException("a key or signature in it makes no sense (%s)".formatted(e.getMessage()), e);
        }
    }
}
