package org.rackboot.server.rack;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.Optional;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.rackboot.protocol.resolve.MetadataNames;
import org.rackboot.server.config.StateDirectory;

/** HMAC-SHA256 (RFC 2104) with a secret of this rack, which it keeps: names that machines were given outlive a restart. */
public final class MetadataSeal implements MetadataNames.Seal {
    private static final int SECRET_BYTES = 32;
    private static final int TOKEN_BYTES = 16;

    private final SecretKeySpec secret;

    private MetadataSeal(byte[] secret) {
        this.secret = new SecretKeySpec(secret, "HmacSHA256");
    }

    /** With the secret of this state directory, made at the first time. */
    public static MetadataSeal of(StateDirectory state) throws IOException {
        Optional<String> known =
                state.metadataSecret().filter(hex -> hex.matches("[0-9a-f]{" + 2 * SECRET_BYTES + "}"));
        if (known.isPresent()) {
            return new MetadataSeal(HexFormat.of().parseHex(known.get()));
        }
        byte[] made = new byte[SECRET_BYTES];
        new SecureRandom().nextBytes(made);
        state.writeMetadataSecret(HexFormat.of().formatHex(made));
        return new MetadataSeal(made);
    }

    @Override
    public String of(String text) {
        try {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(secret);
            return HexFormat.of().formatHex(mac.doFinal(text.getBytes(UTF_8)), 0, TOKEN_BYTES);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e); // Every Java platform has it.
        }
    }
}
