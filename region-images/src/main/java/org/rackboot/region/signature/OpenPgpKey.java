package org.rackboot.region.signature;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import org.bouncycastle.bcpg.PublicKeyAlgorithmTags;
import org.bouncycastle.bcpg.sig.KeyFlags;
import org.bouncycastle.openpgp.PGPPublicKey;
import org.rackboot.region.signature.BadSignatureException.Reason;

/**
 * A primary key or subkey, and what its owner has provably said about it.
 *
 * <p>Only statements whose signature was verified are ever added, so nobody but the owner extends an expiry,
 * grants a use or revokes (S-45 to S-47). Filled while a keyring is read, unchanged afterwards.
 */
final class OpenPgpKey {
    /** How far another machine's clock may run ahead of ours. */
    static final Duration CLOCK_SKEW = Duration.ofHours(24);

    /** A self-certification, direct-key signature or subkey binding. */
    record Binding(
            Instant created,
            Optional<Instant> ends,
            Optional<Instant> keyExpires,
            Optional<Integer> keyFlags,
            boolean signedBack) {}

    record Revocation(Instant created, boolean hard) {}

    private final PGPPublicKey material;
    private final Optional<OpenPgpKey> primary;
    private final List<Binding> bindings = new ArrayList<>();
    private final List<Revocation> revocations = new ArrayList<>();

    private OpenPgpKey(PGPPublicKey material, Optional<OpenPgpKey> primary) {
        this.material = material;
        this.primary = primary;
    }

    static OpenPgpKey primary(PGPPublicKey material) {
        return new OpenPgpKey(material, Optional.empty());
    }

    static OpenPgpKey subkey(PGPPublicKey material, OpenPgpKey primary) {
        return new OpenPgpKey(material, Optional.of(primary));
    }

    void add(Binding binding) {
        bindings.add(binding);
    }

    void add(Revocation revocation) {
        revocations.add(revocation);
    }

    PGPPublicKey material() {
        return material;
    }

    OpenPgpKey primaryKey() {
        return primary.orElse(this);
    }

    String fingerprint() {
        return hex(material.getFingerprint());
    }

    Instant created() {
        return material.getCreationTime().toInstant();
    }

    boolean isBound() {
        return !bindings.isEmpty();
    }

    boolean isRevoked() {
        return !revocations.isEmpty();
    }

    /** What the owner said last about the expiry. */
    Optional<Instant> expires() {
        return bindings.stream().max(Comparator.comparing(Binding::created)).flatMap(Binding::keyExpires);
    }

    String algorithm() {
        int bits = material.getBitStrength();
        return switch (material.getAlgorithm()) {
            case PublicKeyAlgorithmTags.RSA_GENERAL -> "RSA-" + bits;
            case PublicKeyAlgorithmTags.DSA -> "DSA-" + bits;
            case PublicKeyAlgorithmTags.ECDSA -> "ECDSA-" + bits;
            case PublicKeyAlgorithmTags.EDDSA_LEGACY, PublicKeyAlgorithmTags.Ed25519 -> "Ed25519";
            case PublicKeyAlgorithmTags.Ed448 -> "Ed448";
            default -> "algorithm " + material.getAlgorithm();
        };
    }

    /** Refuses a document's signature of this date, unless the key was strong, alive and meant for it. */
    void requireMaySign(Instant signedAt, Instant now) throws BadSignatureException {
        if (primary.isPresent()) {
            primary.get().requireGood(signedAt, now);
        }
        Binding current = requireGood(signedAt, now);
        // RFC 9580, 5.2.3.29: a primary key without flags may do what its algorithm can; a subkey must be told.
        boolean maySign = current.keyFlags()
                .map(flags -> (flags & KeyFlags.SIGN_DATA) != 0)
                .orElse(primary.isEmpty());
        if (!maySign) {
            throw refuse(Reason.NOT_A_SIGNING_KEY, "was not made for signing documents");
        }
        if (primary.isPresent() && !current.signedBack()) {
            throw refuse(
                    Reason.NOT_A_SIGNING_KEY,
                    "does not confirm that it belongs to " + primary.get().fingerprint());
        }
    }

    private Binding requireGood(Instant signedAt, Instant now) throws BadSignatureException {
        if (!isStrong()) {
            throw refuse(Reason.WEAK_KEY, "is %s, which is too weak to trust".formatted(algorithm()));
        }
        for (Revocation revocation : revocations) {
            if (revocation.hard() || !signedAt.isBefore(revocation.created())) {
                throw refuse(Reason.REVOKED_KEY, "was revoked by its owner on " + revocation.created());
            }
        }
        if (signedAt.isBefore(created())) {
            throw refuse(
                    Reason.BEFORE_KEY, "was made on %s, after the signature's date %s".formatted(created(), signedAt));
        }
        Binding current = bindings.stream()
                .filter(binding -> !binding.created().isAfter(now.plus(CLOCK_SKEW)))
                .filter(binding -> binding.ends().map(now::isBefore).orElse(true))
                .max(Comparator.comparing(Binding::created))
                .orElseThrow(() -> refuse(Reason.EXPIRED_KEY, "has no statement of its owner that holds on " + now));
        if (current.keyExpires().map(expiry -> !now.isBefore(expiry)).orElse(false)) {
            throw refuse(
                    Reason.EXPIRED_KEY, "expired on " + current.keyExpires().get());
        }
        return current;
    }

    private boolean isStrong() {
        return switch (material.getAlgorithm()) {
            case PublicKeyAlgorithmTags.RSA_GENERAL -> material.getBitStrength() >= 2048;
            case PublicKeyAlgorithmTags.ECDSA -> material.getBitStrength() >= 256;
            case PublicKeyAlgorithmTags.EDDSA_LEGACY, PublicKeyAlgorithmTags.Ed25519, PublicKeyAlgorithmTags.Ed448 ->
                true;
            default -> false;
        };
    }

    private BadSignatureException refuse(Reason reason, String why) {
        return new BadSignatureException(
                reason,
                ("The document is signed by key %s, which %s. Ask the publisher for the key used now, check its"
                                + " fingerprint, and put it into this source's keyring.")
                        .formatted(fingerprint(), why));
    }

    static String hex(byte[] bytes) {
        return HexFormat.of().withUpperCase().formatHex(bytes);
    }
}
