package org.rackboot.region.publish;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Optional;
import java.util.Set;

/** Replaces files so that a reader, or the next start after a power cut, sees the old file or the new one. */
final class DurableFile {
    private static final Set<PosixFilePermission> OWNER_ONLY = PosixFilePermissions.fromString("rw-------");
    private static final Set<PosixFilePermission> EVERYONE_READS = PosixFilePermissions.fromString("rw-r--r--");

    private DurableFile() {}

    /** Writes a file that everyone may read. */
    static void write(Path file, byte[] bytes) throws IOException {
        write(file, bytes, EVERYONE_READS);
    }

    /** Writes a file that others never see, not even for a moment. */
    static void writeSecret(Path file, byte[] bytes) throws IOException {
        write(file, bytes, OWNER_ONLY);
    }

    /** Gives a file its final name once all its bytes are on the disk. */
    static void rename(Path part, Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(part, StandardOpenOption.WRITE)) {
            channel.force(true);
        }
        Files.move(part, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        Path directory = Optional.ofNullable(file.toAbsolutePath().getParent()).orElseThrow();
        try (FileChannel names = FileChannel.open(directory, StandardOpenOption.READ)) {
            names.force(true);
        }
    }

    private static void write(Path file, byte[] bytes, Set<PosixFilePermission> permissions) throws IOException {
        Path directory = Optional.ofNullable(file.toAbsolutePath().getParent()).orElseThrow();
        Files.createDirectories(directory);
        Path part = Files.createTempFile(
                directory, ".rackboot-", ".part", PosixFilePermissions.asFileAttribute(OWNER_ONLY));
        try {
            try (FileChannel channel = FileChannel.open(part, StandardOpenOption.WRITE)) {
                ByteBuffer left = ByteBuffer.wrap(bytes);
                while (left.hasRemaining()) {
                    channel.write(left);
                }
            }
            Files.setPosixFilePermissions(part, permissions);
            rename(part, file);
        } finally {
            Files.deleteIfExists(part);
        }
    }
}
