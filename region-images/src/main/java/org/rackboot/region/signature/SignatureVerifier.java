package org.rackboot.region.signature;

import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.bouncycastle.bcpg.PublicKeyAlgorithmTags;
import org.bouncycastle.openpgp.PGPSignature;
import org.rackboot.region.signature.BadSignatureException.Reason;

/**
 * Verifies cleartext-signed and detached-signed documents.
 *
 * <p>A document is accepted when a key of the keyring verifiably signed it, that key was fit to sign, and no
 * other signature that claims a key of the keyring is wrong (S-49). Signatures by strangers do not matter.
 * Stateless apart from its keyring, so any thread may use it.
 */
public final class SignatureVerifier {
    public static final int MAX_DOCUMENT_BYTES = 64 << 20;
    /** What a detached signature, or the armour at the end of a clear-signed file, may hold. */
    public static final int MAX_SIGNATURE_BYTES = 64 << 10;

    public static final int MAX_SIGNATURES = 16;

    private static final Set<Integer> CLEAR_SIGNED_TYPES = Set.of(PGPSignature.CANONICAL_TEXT_DOCUMENT);
    private static final Set<Integer> DETACHED_TYPES =
            Set.of(PGPSignature.BINARY_DOCUMENT, PGPSignature.CANONICAL_TEXT_DOCUMENT);
    private static final Set<Integer> ALGORITHMS = Set.of(
            PublicKeyAlgorithmTags.RSA_GENERAL,
            PublicKeyAlgorithmTags.ECDSA,
            PublicKeyAlgorithmTags.EDDSA_LEGACY,
            PublicKeyAlgorithmTags.Ed25519,
            PublicKeyAlgorithmTags.Ed448);
    private static final int ELGAMAL = 20; // The kind that signs; its name in the library is deprecated with it.
    private static final Set<Integer> REFUSED_ALGORITHMS = Set.of(PublicKeyAlgorithmTags.DSA, ELGAMAL);

    private final Keyring keyring;

    public SignatureVerifier(Keyring keyring) {
        this.keyring = keyring;
    }

    /** Verifies a file of the cleartext signature framework (RFC 9580, 7), such as an {@code .sjson} stream. */
    public SignedDocument verifyClearSigned(byte[] file, Instant now) throws BadSignatureException {
        requireSize(file);
        if (!ClearSignedFile.isOne(file) && ClearSignedFile.isWithin(file)) {
            throw malformed(new MalformedException("something precedes the signed block"));
        }
        if (!ClearSignedFile.isOne(file)) {
            throw new BadSignatureException(
                    Reason.NOT_SIGNED,
                    "The document is not signed: it does not begin with \"%s\". Check that the address names the signed file (.sjson) and that no proxy answers in its place."
                            .formatted(ClearSignedFile.BEGIN));
        }
        try {
            ClearSignedFile parts = ClearSignedFile.parse(file);
            var signatures = Packet.split(parts.signatures());
            return verify(new Request(parts.text(), CLEAR_SIGNED_TYPES, Optional.of(parts.digests()), now), signatures);
        } catch (MalformedException e) {
            throw malformed(e);
        }
    }

    /** Verifies a document by a signature that came separately, binary or ASCII-armoured. */
    public SignedDocument verifyDetached(byte[] document, byte[] signature, Instant now) throws BadSignatureException {
        requireSize(document);
        if (signature.length == 0) {
            throw new BadSignatureException(
                    Reason.NOT_SIGNED, "The document is not signed: its signature file is empty. Download it again.");
        }
        try {
            boolean binary = signature[0] < 0;
            byte[] packets = binary ? signature : Armor.decodeAll(signature, Armor.SIGNATURE);
            return verify(new Request(document, DETACHED_TYPES, Optional.empty(), now), Packet.split(packets));
        } catch (MalformedException e) {
            throw malformed(e);
        }
    }

    /** What a signature has to be for; {@code announced} holds the digests of the {@code Hash} headers. */
    @SuppressWarnings("ArrayRecordComponent") // Lives for one verification.
    private record Request(byte[] document, Set<Integer> types, Optional<Set<String>> announced, Instant now) {}

    private SignedDocument verify(Request request, List<Packet> packets)
            throws BadSignatureException, MalformedException {
        requireFew(packets);
        Optional<SignedDocument> accepted = Optional.empty();
        Optional<BadSignatureException> refused = Optional.empty();
        for (Packet packet : packets) {
            try {
                SignedDocument document = verify(request, packet);
                accepted = accepted.or(() -> Optional.of(document));
            } catch (BadSignatureException e) {
                if (e.reason() == Reason.WRONG) {
                    throw e;
                }
                // A key of ours that failed is worth more to an operator than a stranger.
                refused = refused.filter(known -> known.reason() != Reason.UNKNOWN_KEY)
                        .or(() -> Optional.of(e));
            }
        }
        if (accepted.isEmpty()) {
            throw refused.orElseThrow(); // There is at least one packet, and it was refused.
        }
        return accepted.get();
    }

    private SignedDocument verify(Request request, Packet packet) throws BadSignatureException, MalformedException {
        requireKnown(packet.body());
        OpenPgpSignature signature = OpenPgpSignature.parse(packet.body());
        requireAcceptable(signature, request);
        OpenPgpKey signer = signer(signature, request);
        signer.requireMaySign(signature.created(), request.now());
        return new SignedDocument(request.document(), signer.primaryKey().fingerprint(), signature.created());
    }

    /** Looks at raw octets, so that a signature of a kind yet to be invented does not spoil one beside it. */
    private static void requireKnown(byte[] signature) throws BadSignatureException {
        if (signature.length > 0 && signature[0] != 4) {
            throw refuse(
                    Reason.UNSUPPORTED, "it has version %d, and only 4 is understood".formatted(signature[0] & 0xFF));
        }
        if (signature.length > 2
                && !ALGORITHMS.contains(signature[2] & 0xFF)
                && !REFUSED_ALGORITHMS.contains(signature[2] & 0xFF)) {
            throw refuse(Reason.UNSUPPORTED, "it uses the unknown algorithm %d".formatted(signature[2] & 0xFF));
        }
    }

    /** Rules that need no key. */
    private static void requireAcceptable(OpenPgpSignature signature, Request request) throws BadSignatureException {
        String by = "the signature by " + signature.issuer();
        if (!request.types().contains(signature.type())) {
            throw refuse(
                    Reason.WRONG_TYPE,
                    "%s has type 0x%02X, which is not for such documents".formatted(by, signature.type()));
        }
        if (REFUSED_ALGORITHMS.contains(signature.algorithm())) {
            throw refuse(Reason.WEAK_KEY, by + " is of the outdated kind DSA or ElGamal");
        }
        String digest = OpenPgpSignature.STRONG_DIGESTS.get(signature.digest());
        if (digest == null) {
            throw refuse(
                    Reason.WEAK_DIGEST, "%s uses %s".formatted(by, OpenPgpSignature.weakDigest(signature.digest())));
        }
        if (request.announced().map(names -> !names.contains(digest)).orElse(false)) {
            throw refuse(
                    Reason.UNANNOUNCED_DIGEST, "%s uses %s, which no \"Hash\" header announces".formatted(by, digest));
        }
        if (!signature.unknownCritical().isEmpty()) {
            throw refuse(
                    Reason.CRITICAL_EXTENSION,
                    "%s insists on subpackets %s, which are not understood".formatted(by, signature.unknownCritical()));
        }
        if (signature.created().isAfter(request.now().plus(OpenPgpKey.CLOCK_SKEW))) {
            throw refuse(
                    Reason.FUTURE,
                    "%s is dated %s, and it is %s here; check this machine's clock"
                            .formatted(by, signature.created(), request.now()));
        }
        if (signature.expires().map(end -> !request.now().isBefore(end)).orElse(false)) {
            throw refuse(
                    Reason.EXPIRED_SIGNATURE,
                    "%s expired on %s".formatted(by, signature.expires().get()));
        }
    }

    private OpenPgpKey signer(OpenPgpSignature signature, Request request)
            throws BadSignatureException, MalformedException {
        var claimed = keyring.all().stream()
                .filter(key -> signature.names(key.material()))
                .toList();
        for (OpenPgpKey key : claimed) {
            requirePlainLines(signature, request.document());
            if (signature.covers(request.document(), key.material())) {
                return key;
            }
        }
        if (claimed.isEmpty()) {
            throw new BadSignatureException(
                    Reason.UNKNOWN_KEY,
                    "The document is signed by %s, which is not in this source's keyring (it holds %s). If the publisher changed keys, get the new one from the publisher, check its fingerprint and add it to the keyring."
                            .formatted(signature.issuer(), fingerprints()));
        }
        throw new BadSignatureException(
                Reason.WRONG,
                "The document is not what %s signed: it or its signature was changed afterwards. Download it again, and distrust this mirror if that does not help."
                        .formatted(signature.issuer()));
    }

    private List<String> fingerprints() {
        return keyring.keys().stream().map(Keyring.KeyInfo::fingerprint).toList();
    }

    /** A text signature takes CR, LF and CRLF for the same; with LF alone, one document has one signature. */
    private static void requirePlainLines(OpenPgpSignature signature, byte[] document) throws MalformedException {
        if (signature.type() != PGPSignature.CANONICAL_TEXT_DOCUMENT) {
            return;
        }
        for (byte b : document) {
            if (b == '\r') {
                throw new MalformedException("its signature is for text, and its lines end with CR");
            }
        }
    }

    private static void requireFew(List<Packet> packets) throws BadSignatureException, MalformedException {
        if (packets.isEmpty()) {
            throw new BadSignatureException(
                    Reason.NOT_SIGNED, "The document is not signed: its signature holds nothing. Download it again.");
        }
        if (packets.size() > MAX_SIGNATURES) {
            throw new MalformedException(
                    "it has %d signatures; %d is the limit".formatted(packets.size(), MAX_SIGNATURES));
        }
        if (packets.stream().anyMatch(packet -> packet.type() != Packet.SIGNATURE)) {
            throw new MalformedException("its signature holds something that is no signature");
        }
        if (packets.stream().mapToLong(packet -> packet.body().length).sum() > MAX_SIGNATURE_BYTES) {
            throw new MalformedException("its signature has more than %d bytes".formatted(MAX_SIGNATURE_BYTES));
        }
    }

    private static void requireSize(byte[] document) throws BadSignatureException {
        if (document.length > MAX_DOCUMENT_BYTES) {
            throw new BadSignatureException(
                    Reason.TOO_LARGE,
                    "The document has %d bytes; %d is the limit. Check that the address names stream metadata and not an image."
                            .formatted(document.length, MAX_DOCUMENT_BYTES));
        }
    }

    private static BadSignatureException refuse(Reason reason, String why) {
        return new BadSignatureException(
                reason, "The document's signature is refused: %s. Ask the publisher to sign it again.".formatted(why));
    }

    private static BadSignatureException malformed(MalformedException cause) {
        return new BadSignatureException(
                Reason.MALFORMED,
                "The document is not properly signed: %s. Download it again; if it stays so, ask the publisher."
                        .formatted(cause.getMessage()),
                cause);
    }
}
