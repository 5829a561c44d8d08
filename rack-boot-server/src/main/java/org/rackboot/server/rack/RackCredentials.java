package org.rackboot.server.rack;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.security.MessageDigest;
import java.util.function.Supplier;

/** Which racks may read this one's catalog and contents. Asked on event loops: never blocks. */
@FunctionalInterface
public interface RackCredentials {
    boolean admits(String bearerToken);

    /** Those who know the token of the moment; nobody while it is empty. */
    static RackCredentials of(Supplier<String> token) {
        return bearer -> {
            byte[] expected = token.get().getBytes(UTF_8);
            boolean same = MessageDigest.isEqual(bearer.getBytes(UTF_8), expected); // However much of it is right.
            return same && expected.length > 0;
        };
    }
}
