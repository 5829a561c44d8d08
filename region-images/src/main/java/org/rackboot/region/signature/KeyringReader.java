package org.rackboot.region.signature;

import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.bouncycastle.bcpg.HashAlgorithmTags;
import org.bouncycastle.openpgp.PGPPublicKey;
import org.bouncycastle.openpgp.PGPSignature;
import org.rackboot.region.signature.Keyring.KeyInfo;
import org.rackboot.region.signature.OpenPgpKey.Binding;
import org.rackboot.region.signature.OpenPgpKey.Revocation;

/**
 * Builds a keyring from packets (RFC 9580, 10.1), believing only statements that their key verifiably made.
 *
 * <p>A key that comes twice is one key: its copies may hold different statements, such as a revocation.
 */
final class KeyringReader {
    /** Signatures by other people are not counted; they are never checked. */
    private static final int MAX_SELF_SIGNATURES = 1_024;

    private final Map<String, Owner> owners = new LinkedHashMap<>();
    private Optional<Owner> owner = Optional.empty();
    private Optional<UserId> userId = Optional.empty();
    private Optional<OpenPgpKey> subkey = Optional.empty();
    private int selfSignatures;
    private String whySkipped = "it holds no public key";

    /** A primary key with the parts that its signatures speak of. */
    private record Owner(OpenPgpKey key, Map<String, UserId> userIds, Map<String, OpenPgpKey> subkeys) {}

    private static final class UserId {
        private final byte[] raw;
        private final List<Binding> certifications = new ArrayList<>();
        private Instant revoked = Instant.MIN;

        UserId(byte[] raw) {
            this.raw = raw;
        }

        List<Binding> standing() {
            return certifications.stream()
                    .filter(c -> c.created().isAfter(revoked))
                    .toList();
        }
    }

    static KeyringException secretKey() {
        return new KeyringException("The keyring holds a secret key, which only its owner may have. Give the output of"
                + " \"gpg --export\", and consider the secret key compromised if it is not yours to publish.");
    }

    Keyring read(List<Packet> packets) throws KeyringException {
        long count = packets.stream()
                .filter(p -> p.type() == Packet.PUBLIC_KEY || p.type() == Packet.PUBLIC_SUBKEY)
                .count();
        if (count > Keyring.MAX_KEYS) {
            throw new KeyringException("The keyring holds %d keys and subkeys; %d is the limit. Give only the keys that"
                            .formatted(count, Keyring.MAX_KEYS)
                    + " sign this source.");
        }
        for (Packet packet : packets) {
            take(packet);
        }
        return keyring();
    }

    private void take(Packet packet) throws KeyringException {
        switch (packet.type()) {
            case Packet.SECRET_KEY, Packet.SECRET_SUBKEY -> throw secretKey();
            case Packet.PUBLIC_KEY -> {
                subkey = Optional.empty();
                userId = Optional.empty();
                owner = parseKey(packet).map(this::ownerOf);
            }
            case Packet.PUBLIC_SUBKEY -> {
                userId = Optional.empty();
                subkey = owner.flatMap(of -> parseKey(packet).map(key -> subkeyOf(of, key)));
            }
            case Packet.USER_ID ->
                userId = owner.map(of -> of.userIds().computeIfAbsent(hex(packet), key -> new UserId(packet.body())));
            case Packet.USER_ATTRIBUTE -> userId = Optional.empty();
            case Packet.SIGNATURE -> {
                if (owner.isPresent()) {
                    takeSignature(packet, owner.get());
                }
            }
            default -> {} // Trust, padding and marker packets, and whatever is yet to be invented.
        }
    }

    private void takeSignature(Packet packet, Owner by) throws KeyringException {
        PGPPublicKey primary = by.key().material();
        try {
            OpenPgpSignature signature = OpenPgpSignature.parse(packet.body());
            if (!signature.names(primary) || !isBelievable(signature)) {
                return;
            }
            if (++selfSignatures > MAX_SELF_SIGNATURES) {
                throw new KeyringException("The keyring holds more than %d self-signatures. Give the output of"
                                .formatted(MAX_SELF_SIGNATURES)
                        + " \"gpg --export-options export-minimal --export\".");
            }
            switch (signature.type()) {
                case PGPSignature.DIRECT_KEY -> {
                    if (signature.coversKey(primary)) {
                        by.key().add(binding(signature, primary, false));
                    }
                }
                case PGPSignature.KEY_REVOCATION -> {
                    if (signature.coversKey(primary)) {
                        by.key().add(new Revocation(signature.created(), signature.isHardRevocation()));
                    }
                }
                case PGPSignature.SUBKEY_BINDING, PGPSignature.SUBKEY_REVOCATION -> {
                    if (subkey.isPresent()
                            && signature.coversPair(primary, subkey.get().material(), primary)) {
                        speakOfSubkey(signature, primary, subkey.get());
                    }
                }
                case PGPSignature.DEFAULT_CERTIFICATION,
                        PGPSignature.NO_CERTIFICATION,
                        PGPSignature.CASUAL_CERTIFICATION,
                        PGPSignature.POSITIVE_CERTIFICATION,
                        PGPSignature.CERTIFICATION_REVOCATION -> {
                    if (userId.isPresent() && signature.coversUserId(userId.get().raw, primary)) {
                        speakOfUserId(signature, primary, userId.get());
                    }
                }
                default -> {} // Says nothing about a key.
            }
        } catch (MalformedException e) {
            whySkipped = String.valueOf(e.getMessage()); // Anybody can attach such a signature; it proves nothing.
        }
    }

    private static void speakOfSubkey(OpenPgpSignature signature, PGPPublicKey primary, OpenPgpKey of) {
        if (signature.type() == PGPSignature.SUBKEY_REVOCATION) {
            of.add(new Revocation(signature.created(), signature.isHardRevocation()));
        } else {
            of.add(binding(signature, of.material(), isSignedBack(signature, primary, of.material())));
        }
    }

    private static void speakOfUserId(OpenPgpSignature signature, PGPPublicKey primary, UserId of) {
        if (signature.type() != PGPSignature.CERTIFICATION_REVOCATION) {
            of.certifications.add(binding(signature, primary, false));
        } else if (signature.created().isAfter(of.revoked)) {
            of.revoked = signature.created();
        }
    }

    /** SHA-1 still counts here: keys in use, such as the one of Ubuntu's images, have no other self-signature. */
    private static boolean isBelievable(OpenPgpSignature signature) {
        boolean digestHolds = OpenPgpSignature.STRONG_DIGESTS.containsKey(signature.digest())
                || signature.digest() == HashAlgorithmTags.SHA1;
        return digestHolds && signature.unknownCritical().isEmpty();
    }

    /** Without the subkey's own signature, anybody could pass off a stranger's subkey as theirs (S-47). */
    private static boolean isSignedBack(OpenPgpSignature binding, PGPPublicKey primary, PGPPublicKey subkey) {
        return binding.embedded().stream().anyMatch(body -> isBackSignature(body, primary, subkey));
    }

    private static boolean isBackSignature(byte[] body, PGPPublicKey primary, PGPPublicKey subkey) {
        try {
            OpenPgpSignature back = OpenPgpSignature.parse(body);
            return back.type() == PGPSignature.PRIMARYKEY_BINDING
                    && isBelievable(back)
                    && back.coversPair(primary, subkey, subkey);
        } catch (MalformedException e) {
            return false; // The unhashed part is open to all; another one may be genuine.
        }
    }

    private static Binding binding(OpenPgpSignature signature, PGPPublicKey key, boolean signedBack) {
        return new Binding(
                signature.created(),
                signature.expires(),
                signature.keyExpires(key.getCreationTime().toInstant()),
                signature.keyFlags(),
                signedBack);
    }

    private Optional<PGPPublicKey> parseKey(Packet packet) {
        try {
            return Optional.of(OpenPgpSignature.parseKey(packet));
        } catch (MalformedException e) {
            whySkipped = String.valueOf(e.getMessage());
            return Optional.empty();
        }
    }

    private Owner ownerOf(PGPPublicKey key) {
        return owners.computeIfAbsent(
                OpenPgpKey.hex(key.getFingerprint()),
                fingerprint -> new Owner(OpenPgpKey.primary(key), new LinkedHashMap<>(), new LinkedHashMap<>()));
    }

    private static OpenPgpKey subkeyOf(Owner of, PGPPublicKey key) {
        return of.subkeys()
                .computeIfAbsent(OpenPgpKey.hex(key.getFingerprint()), fingerprint -> OpenPgpKey.subkey(key, of.key()));
    }

    private Keyring keyring() throws KeyringException {
        var keys = new ArrayList<OpenPgpKey>();
        var infos = new ArrayList<KeyInfo>();
        for (Owner each : owners.values()) {
            OpenPgpKey key = each.key();
            each.userIds().values().forEach(id -> id.standing().forEach(key::add));
            if (!key.isBound()) {
                whySkipped = "key %s has no valid signature by itself".formatted(key.fingerprint());
                continue;
            }
            keys.add(key);
            each.subkeys().values().stream().filter(OpenPgpKey::isBound).forEach(keys::add);
            infos.add(new KeyInfo(
                    key.fingerprint(), nameOf(each), key.created(), key.algorithm(), key.expires(), key.isRevoked()));
        }
        if (keys.isEmpty()) {
            throw new KeyringException(
                    "The keyring holds no usable key: %s. Give the output of \"gpg --export\" for the key that signs this source; RSA, ECDSA and Ed25519 keys of version 4 are understood."
                            .formatted(whySkipped));
        }
        return new Keyring(keys, infos);
    }

    private static String nameOf(Owner owner) {
        String name = owner.userIds().values().stream()
                .filter(id -> !id.standing().isEmpty())
                .findFirst()
                .map(id -> new String(id.raw, StandardCharsets.UTF_8))
                .orElse("(no user id)");
        return name.substring(0, Math.min(name.length(), 200)).replaceAll("[\\p{C}\\p{Zl}\\p{Zp}]", "?");
    }

    private static String hex(Packet packet) {
        return OpenPgpKey.hex(packet.body());
    }
}
