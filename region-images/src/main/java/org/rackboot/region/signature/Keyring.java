package org.rackboot.region.signature;

import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * A set of public OpenPGP keys that a boot source is trusted to be signed by.
 *
 * <p>Immutable, and safe to share. Its size and number of keys are bounded (S-53).
 */
public final class Keyring {
    public static final int MAX_BYTES = 1 << 20;
    /** Primary keys and subkeys together. */
    public static final int MAX_KEYS = 64;

    private final List<OpenPgpKey> keys;
    private final List<KeyInfo> infos;

    Keyring(List<OpenPgpKey> keys, List<KeyInfo> infos) {
        this.keys = List.copyOf(keys);
        this.infos = List.copyOf(infos);
    }

    /**
     * A primary key, as people compare it.
     *
     * @param fingerprint upper-case hex
     * @param userId a user id that the key certifies, with unprintable characters replaced
     * @param expires when the owner's newest statement says that the key ends
     */
    public record KeyInfo(
            String fingerprint,
            String userId,
            Instant created,
            String algorithm,
            Optional<Instant> expires,
            boolean revoked) {}

    /**
     * Reads what {@code gpg --export} writes: binary, ASCII-armoured (several blocks allowed), or base64 of either.
     * Keys and packets of unknown kinds are skipped as long as one key can be used.
     */
    public static Keyring parse(byte[] data) throws KeyringException {
        if (data.length > MAX_BYTES) {
            throw new KeyringException(
                    "The keyring has %d bytes; %d is the limit. Give only the keys that sign this source."
                            .formatted(data.length, MAX_BYTES));
        }
        try {
            return new KeyringReader().read(Packet.split(unwrap(data, true)));
        } catch (MalformedException e) {
            throw new KeyringException(
                    "The keyring cannot be read: %s. Give the output of \"gpg --export\" or \"gpg --export --armor\"."
                            .formatted(e.getMessage()),
                    e);
        }
    }

    /** The primary keys, in the order they were given. */
    public List<KeyInfo> keys() {
        return infos;
    }

    /** Every primary key and subkey that can be held to account for a signature. */
    List<OpenPgpKey> all() {
        return keys;
    }

    private static byte[] unwrap(byte[] data, boolean maybeBase64) throws KeyringException, MalformedException {
        if (data.length > 0 && data[0] < 0) { // Every binary packet begins with the high bit set.
            return data;
        }
        String text = new String(data, StandardCharsets.ISO_8859_1);
        if (text.isBlank()) {
            throw new MalformedException("it is empty");
        }
        if (text.startsWith("KBXf", 8)) {
            throw new MalformedException("it is a GnuPG keybox, a format for private use");
        }
        if (text.contains(Armor.begin("PRIVATE KEY BLOCK"))) {
            throw KeyringReader.secretKey();
        }
        if (text.stripLeading().startsWith("-")) {
            return Armor.decodeAll(data, Armor.PUBLIC_KEYS);
        }
        if (!maybeBase64) {
            throw new MalformedException("it is neither binary nor ASCII armour");
        }
        return unwrap(Armor.fromBase64(text.replaceAll("\\s", "")), false);
    }
}
