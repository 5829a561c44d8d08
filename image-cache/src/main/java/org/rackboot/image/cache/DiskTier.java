package org.rackboot.image.cache;

import static java.nio.file.LinkOption.NOFOLLOW_LINKS;
import static java.nio.file.StandardCopyOption.ATOMIC_MOVE;
import static java.nio.file.StandardOpenOption.CREATE_NEW;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.rackboot.image.ChunkDigests;
import org.rackboot.image.Content;
import org.rackboot.image.ContentId;
import org.rackboot.image.VerificationException;

/**
 * Whole objects as files named by their sha256, each beside the list of its chunks' digests; Caffeine decides which,
 * within a budget in bytes. What is found at start is served again, every chunk verified when it is read.
 *
 * <p>A file appears under its name only after it was verified and synced, so a crash leaves whole objects and
 * temporary files, and the latter are swept at the next start. Methods block; call them from a disk thread.
 */
final class DiskTier {
    private static final Pattern OBJECT_NAME = Pattern.compile("[0-9a-f]{64}");
    private static final String DIGESTS_SUFFIX = ".chunks";

    private final Path objects;
    private final Path temporary;
    private final Cache<ContentId, StoredObject> index;
    private final AtomicLong writers = new AtomicLong();

    DiskTier(Path directory, long maxBytes) throws IOException {
        objects = Files.createDirectories(directory.resolve("objects"));
        temporary = Files.createDirectories(directory.resolve("tmp"));
        index = Caffeine.newBuilder()
                .maximumWeight(Math.max(1, maxBytes >> 10))
                .weigher((ContentId id, StoredObject object) -> object.weightKib())
                .executor(Runnable::run)
                .removalListener((id, object, cause) -> {
                    if (object != null && cause.wasEvicted()) {
                        object.delete();
                    }
                })
                .build();
        sweepTemporary();
        loadIndex();
    }

    /** The stored object; absent when it is not here, or is here with another size. */
    Optional<StoredObject> find(Content content) {
        StoredObject object = index.getIfPresent(content.id());
        return object != null && object.size == content.size() ? Optional.of(object) : Optional.empty();
    }

    /** Forgets an object that proved wrong, and deletes it. */
    void drop(StoredObject object) {
        index.asMap().remove(object.id, object);
        object.delete();
    }

    Writer write(Content content, ChunkDigests digests) throws IOException {
        return new Writer(content, digests);
    }

    List<StoredObject> all() {
        return new ArrayList<>(index.asMap().values());
    }

    long weightBytes() {
        return index.asMap().values().stream().mapToLong(object -> object.size).sum();
    }

    private void sweepTemporary() throws IOException {
        try (DirectoryStream<Path> files = Files.newDirectoryStream(temporary)) {
            for (Path file : files) {
                Files.delete(file);
            }
        }
    }

    private void loadIndex() throws IOException {
        try (DirectoryStream<Path> files = Files.newDirectoryStream(objects)) {
            for (Path file : files) {
                String name = file.getFileName().toString();
                if (OBJECT_NAME.matcher(name).matches() && Files.isRegularFile(file, NOFOLLOW_LINKS)) {
                    ContentId id = new ContentId(name);
                    index.put(id, new StoredObject(id, Files.size(file)));
                }
            }
        }
    }

    private static void writeDurably(Path file, byte[] bytes) throws IOException {
        try (FileChannel channel = FileChannel.open(file, CREATE_NEW, WRITE)) {
            ByteBuffer buffer = ByteBuffer.wrap(bytes);
            while (buffer.hasRemaining()) {
                channel.write(buffer);
            }
            channel.force(true);
        }
    }

    private static void syncDirectory(Path directory) throws IOException {
        try (FileChannel channel = FileChannel.open(directory, READ)) {
            channel.force(true);
        }
    }

    private static void readFully(FileChannel channel, long offset, ByteBuffer into) throws IOException {
        int start = into.position();
        while (into.hasRemaining()) {
            if (channel.read(into, offset + into.position() - start) < 0) {
                throw new EOFException("the file is shorter than the object");
            }
        }
    }

    /** A file's identity: another inode, size or time means that someone replaced or changed it by hand. */
    private record Fingerprint(@Nullable Object key, long size, long modifiedMillis) {
        static Fingerprint of(Path file) throws IOException {
            BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class, NOFOLLOW_LINKS);
            return new Fingerprint(
                    attributes.fileKey(),
                    attributes.size(),
                    attributes.lastModifiedTime().toMillis());
        }
    }

    /** One object on disk. */
    final class StoredObject {
        private final ContentId id;
        private final long size;
        private final Path file;
        private volatile @Nullable Fingerprint verified; // Since this process started.

        private StoredObject(ContentId id, long size) {
            this.id = id;
            this.size = size;
            this.file = objects.resolve(id.sha256());
        }

        ContentId id() {
            return id;
        }

        /** Reads one chunk into {@code into}, from position to limit, and verifies it. */
        void read(Content content, int chunk, ByteBuffer into) throws IOException {
            ChunkDigests digests = digests(content);
            try (FileChannel channel = FileChannel.open(file, READ, NOFOLLOW_LINKS)) {
                ByteBuffer target = into.duplicate();
                readFully(channel, content.chunkOffset(chunk), target);
            }
            if (!digests.matches(chunk, into)) {
                throw new VerificationException(
                        "Chunk %d of %s on disk is not what it was; it is fetched again".formatted(chunk, id));
            }
        }

        /** Reads and verifies the whole object, so that it can be sent without a look at its bytes. */
        void verify(Content content, ByteBuffer buffer) throws IOException {
            Fingerprint before = Fingerprint.of(file);
            if (before.equals(verified)) {
                return;
            }
            for (int i = 0; i < content.chunkCount(); i++) {
                read(content, i, buffer.clear().limit(content.chunkLength(i)));
            }
            if (!Fingerprint.of(file).equals(before)) {
                throw new VerificationException(id + " changed on disk while it was verified");
            }
            verified = before;
        }

        /** The file, opened, if it is the one that was verified since this process started. */
        Optional<FileChannel> openVerified() throws IOException {
            Fingerprint known = verified;
            if (known == null) {
                return Optional.empty();
            }
            FileChannel channel = FileChannel.open(file, READ, NOFOLLOW_LINKS);
            if (Fingerprint.of(file).equals(known)) {
                return Optional.of(channel);
            }
            channel.close();
            verified = null;
            return Optional.empty();
        }

        boolean isVerified() {
            return verified != null;
        }

        private ChunkDigests digests(Content content) throws IOException {
            return ChunkDigests.verified(content, Files.readAllBytes(digestsFile(file)));
        }

        private int weightKib() {
            return (int) Math.min(Integer.MAX_VALUE, (size >> 10) + 1);
        }

        private void delete() {
            try {
                Files.deleteIfExists(file);
                Files.deleteIfExists(digestsFile(file));
            } catch (IOException e) {
                verified = null; // It stays as litter, is not in the index, and is tried again after a restart.
            }
        }
    }

    private static Path digestsFile(Path object) {
        return object.resolveSibling(object.getFileName() + DIGESTS_SUFFIX);
    }

    /** An object on its way to the disk: readable from the first chunk on, visible to others only when complete. */
    final class Writer {
        private final Content content;
        private final ChunkDigests digests;
        private final Path part;
        private final FileChannel channel;

        private Writer(Content content, ChunkDigests digests) throws IOException {
            this.content = content;
            this.digests = digests;
            this.part = temporary.resolve(content.id() + "." + writers.incrementAndGet());
            this.channel = FileChannel.open(part, CREATE_NEW, READ, WRITE);
        }

        /** Appends a verified chunk. */
        void append(ByteBuffer chunk, long offset) throws IOException {
            ByteBuffer source = chunk.duplicate();
            long at = offset;
            while (source.hasRemaining()) {
                at += channel.write(source, at);
            }
        }

        /** Reads a chunk back that was appended before, and verifies it. */
        void read(int chunk, ByteBuffer into) throws IOException {
            readFully(channel, content.chunkOffset(chunk), into.duplicate());
            if (!digests.matches(chunk, into)) {
                throw new VerificationException("Chunk %d of %s changed on disk".formatted(chunk, content.id()));
            }
        }

        /** Makes the object durable and visible. The channel stays open for readers until {@link #close}. */
        void commit() throws IOException {
            channel.force(true);
            Path target = objects.resolve(content.id().sha256());
            Path digestsPart = part.resolveSibling(part.getFileName() + DIGESTS_SUFFIX);
            writeDurably(digestsPart, digests.toBytes());
            Files.move(digestsPart, digestsFile(target), ATOMIC_MOVE);
            Files.move(part, target, ATOMIC_MOVE);
            syncDirectory(objects);
            StoredObject object = new StoredObject(content.id(), content.size());
            object.verified = Fingerprint.of(target);
            index.put(content.id(), object);
        }

        void abort() {
            close();
            try {
                Files.deleteIfExists(part);
            } catch (IOException e) {
                part.toFile().deleteOnExit(); // Swept at the next start in any case.
            }
        }

        void close() {
            try {
                channel.close();
            } catch (IOException e) {
                // Everything was synced by commit, or is thrown away by abort: closing can lose nothing.
                return;
            }
        }
    }
}
