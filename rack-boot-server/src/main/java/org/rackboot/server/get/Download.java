package org.rackboot.server.get;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Optional;

/**
 * Where the bytes go: through a digest, and into a file if one was named. The file has another name until it is whole, and
 * is gone if it never is.
 */
public final class Download implements AutoCloseable {
    private record Target(Path file, Path unfinished, FileChannel channel) {}

    private final MessageDigest digest = sha256Digest();
    private final Optional<Target> target;
    private long bytes;
    private boolean published;

    private Download(Optional<Target> target) {
        this.target = target;
    }

    /** Counts and digests, and keeps nothing. */
    public static Download discarding() {
        return new Download(Optional.empty());
    }

    /** Opens a file beside {@code file}, which is replaced by it at the end. */
    public static Download to(Path file) throws IOException {
        Path real = Files.exists(file) ? file.toRealPath() : file.toAbsolutePath();
        if (Files.exists(real) && !Files.isRegularFile(real)) {
            throw new IOException(file + " is no regular file"); // A device must not be replaced by one.
        }
        Path unfinished = real.resolveSibling(
                "." + real.getFileName() + "." + ProcessHandle.current().pid() + ".part");
        FileChannel channel = FileChannel.open(
                unfinished, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING, StandardOpenOption.WRITE);
        unfinished.toFile().deleteOnExit(); // Also when the program is interrupted.
        return new Download(Optional.of(new Target(real, unfinished, channel)));
    }

    void write(ByteBuffer part) throws IOException {
        bytes += part.remaining();
        digest.update(part.duplicate());
        if (target.isPresent()) {
            while (part.hasRemaining()) {
                target.get().channel().write(part);
            }
        }
    }

    long bytes() {
        return bytes;
    }

    /** Of all that was written. May be asked once. */
    String sha256() {
        return HexFormat.of().formatHex(digest.digest());
    }

    /** The file is whole: gives it its name. */
    void publish() throws IOException {
        if (target.isPresent()) {
            target.get().channel().close();
            Files.move(target.get().unfinished(), target.get().file(), StandardCopyOption.REPLACE_EXISTING);
            published = true;
        }
    }

    @Override
    public void close() throws IOException {
        if (target.isPresent() && !published) {
            target.get().channel().close();
            Files.deleteIfExists(target.get().unfinished());
        }
    }

    private static MessageDigest sha256Digest() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }
}
