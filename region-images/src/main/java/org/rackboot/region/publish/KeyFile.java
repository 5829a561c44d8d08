package org.rackboot.region.publish;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.time.Clock;
import java.util.Set;
import org.rackboot.region.signature.KeyringException;
import org.rackboot.region.signature.SigningKey;

/** A secret signing key in a file of its owner alone, made when it is first asked for. */
public final class KeyFile {
    private static final Set<PosixFilePermission> OF_OTHERS = PosixFilePermissions.fromString("---rwxrwx");

    private KeyFile() {}

    /**
     * Reads the key, or makes it.
     *
     * @param userId whose a new key is
     * @throws IOException if the file is unusable, or others than its owner may read or write it
     */
    public static SigningKey readOrMake(Path file, String userId, Clock clock) throws IOException {
        if (!Files.exists(file)) {
            SigningKey made = SigningKey.make(userId, clock.instant(), new SecureRandom());
            DurableFile.writeSecret(file, made.secret());
            return made;
        }
        Set<PosixFilePermission> permissions = Files.getPosixFilePermissions(file);
        if (permissions.stream().anyMatch(OF_OTHERS::contains)) {
            throw new IOException(("The signing key %s may be used by others than its owner (%s). Take that from them:"
                            + " chmod 600 %s; if somebody may have read it, delete it, and a new one is made")
                    .formatted(file, PosixFilePermissions.toString(permissions), file));
        }
        if (Files.size(file) > SigningKey.MAX_BYTES) {
            throw new IOException("The signing key %s is larger than %d bytes".formatted(file, SigningKey.MAX_BYTES));
        }
        try {
            return SigningKey.parse(Files.readAllBytes(file));
        } catch (KeyringException e) {
            throw new IOException("%s: %s".formatted(file, e.getMessage()), e);
        }
    }
}
