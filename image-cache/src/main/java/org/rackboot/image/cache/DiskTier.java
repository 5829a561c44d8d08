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
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Comparator;
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
 * Whole objects as files named by their sha256, each beside the list of its chunks' digests, within a budget in bytes.
 * What is found at start is served again, every chunk verified when it is read.
 *
 * <p>A file appears under its name only after it was verified and synced, so a crash leaves whole objects and
 * temporary files, and the latter are swept at the next start. Methods block; call them from a disk thread, except for
 * {@link #find}.
 *
 * <p>What was just fetched is wanted, so it is always kept, and Caffeine names the coldest of the others to leave.
 * (Left to itself, W-TinyLFU sends the newcomer away for as long as the old objects have been read more often, and
 * the next machine fetches it again.)
 */
final class DiskTier {
    private static final Pattern OBJECT_NAME = Pattern.compile("[0-9a-f]{64}");
    private static final String DIGESTS_SUFFIX = ".chunks";

    private final Path objects;
    private final Path temporary;
    private final long maxKib;
    private final Cache<ContentId, StoredObject> index;
    private final Object files = new Object(); // Guards every change of the index and of the files that it lists.
    private final AtomicLong writers = new AtomicLong();

    DiskTier(Path directory, long maxBytes) throws IOException {
        objects = Files.createDirectories(directory.resolve("objects"));
        temporary = Files.createDirectories(directory.resolve("tmp"));
        maxKib = maxBytes >> 10;
        index = Caffeine.newBuilder()
                .maximumWeight(maxKib)
                .weigher((ContentId id, StoredObject object) -> object.weightKib())
                .executor(Runnable::run)
                .build();
        sweepTemporary();
        loadIndex();
    }

    /** The stored object; absent when it is not here, or is here with another size or chunk list. Does not block. */
    Optional<StoredObject> find(Content content) {
        StoredObject object = index.getIfPresent(content.id());
        return object != null && object.content.equals(content) ? Optional.of(object) : Optional.empty();
    }

    /**
     * Forgets an object that proved wrong, and deletes it.
     *
     * @return whether it was still here; another one of that name, written in the meantime, stays
     */
    boolean drop(StoredObject object) {
        synchronized (files) {
            boolean here = index.asMap().remove(object.id(), object);
            if (here) {
                delete(object.id());
            }
            return here;
        }
    }

    Writer write(Content content, ChunkDigests digests) throws IOException {
        return new Writer(content, digests);
    }

    List<StoredObject> all() {
        return new ArrayList<>(index.asMap().values());
    }

    long weightBytes() {
        return all().stream().mapToLong(object -> object.content.size()).sum();
    }

    private void sweepTemporary() throws IOException {
        try (DirectoryStream<Path> parts = Files.newDirectoryStream(temporary)) {
            for (Path part : parts) {
                Files.delete(part);
            }
        }
    }

    /** Takes what is found, the oldest first, so that the newest stay if the budget has shrunk; sweeps the rest. */
    private void loadIndex() throws IOException {
        record Found(ContentId id, FileTime modified) {}
        List<Found> found = new ArrayList<>();
        try (DirectoryStream<Path> all = Files.newDirectoryStream(objects)) {
            for (Path file : all) {
                String name = file.getFileName().toString();
                String object =
                        name.endsWith(DIGESTS_SUFFIX) ? name.substring(0, name.length() - DIGESTS_SUFFIX.length()) : "";
                if (OBJECT_NAME.matcher(name).matches() && Files.isRegularFile(file, NOFOLLOW_LINKS)) {
                    found.add(new Found(new ContentId(name), Files.getLastModifiedTime(file, NOFOLLOW_LINKS)));
                } else if (OBJECT_NAME.matcher(object).matches()
                        && !Files.isRegularFile(file.resolveSibling(object), NOFOLLOW_LINKS)) {
                    Files.delete(file);
                }
            }
        }
        found.sort(Comparator.comparing(Found::modified));
        for (Found each : found) {
            Optional<Content> content = contentOf(each.id());
            if (content.isEmpty() || !makeRoom(content.get())) {
                delete(each.id());
            } else {
                index.put(each.id(), new StoredObject(content.get()));
            }
        }
    }

    /** What the files say they are; absent when the chunk list is missing or cannot belong to the object. */
    private Optional<Content> contentOf(ContentId id) throws IOException {
        Path file = objectFile(id);
        long size = Files.size(file);
        try {
            byte[] digests = readAll(digestsFile(id), (size + Content.CHUNK_BYTES - 1) / Content.CHUNK_BYTES);
            return Optional.of(
                    new Content(id, size, ContentId.of(ChunkDigests.sha256().digest(digests))));
        } catch (VerificationException | NoSuchFileException | AccessDeniedException e) {
            return Optional.empty();
        }
    }

    /** Deletes the coldest objects until {@code content} fits; false when it never will. Guarded by files. */
    private boolean makeRoom(Content content) {
        long room = maxKib - weightKib(content);
        if (room < 0) {
            return false;
        }
        long taken = all().stream().mapToLong(StoredObject::weightKib).sum();
        if (taken > room) {
            for (StoredObject coldest : coldestFirst()) {
                if (taken > room && drop(coldest)) {
                    taken -= coldest.weightKib();
                }
            }
        }
        return true;
    }

    private List<StoredObject> coldestFirst() {
        return index.policy()
                .eviction()
                .map(eviction -> List.copyOf(eviction.coldest(Integer.MAX_VALUE).values()))
                .orElseThrow();
    }

    private void delete(ContentId id) {
        deleteLeniently(objectFile(id));
        deleteLeniently(digestsFile(id));
    }

    /** What cannot be deleted is litter, in no index: the next start, or the next fetch of it, tries again. */
    private static void deleteLeniently(Path file) {
        try {
            Files.deleteIfExists(file);
        } catch (IOException e) {
            return;
        }
    }

    private Path objectFile(ContentId id) {
        return objects.resolve(id.sha256());
    }

    private Path digestsFile(ContentId id) {
        return objects.resolve(id.sha256() + DIGESTS_SUFFIX);
    }

    private static int weightKib(Content content) {
        return (int) Math.min(Integer.MAX_VALUE, (content.size() >> 10) + 1);
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

    /** Opens a regular file of that size and nothing else: opening a pipe would wait, a link leads elsewhere. */
    private static FileChannel open(Path file, long size) throws IOException {
        Fingerprint found = Fingerprint.of(file);
        if (!found.regular() || found.size() != size) {
            throw new VerificationException("%s is not the file that was written, which has %d bytes; found %s"
                    .formatted(file, size, found.regular() ? found.size() + " bytes" : "something else"));
        }
        return FileChannel.open(file, READ, NOFOLLOW_LINKS);
    }

    private static byte[] readAll(Path digestsFile, long chunks) throws IOException {
        long size = chunks * ChunkDigests.DIGEST_BYTES;
        if (size > Integer.MAX_VALUE) {
            throw new VerificationException(digestsFile + " would be too long");
        }
        try (FileChannel channel = open(digestsFile, size)) {
            byte[] bytes = new byte[(int) size];
            readFully(channel, 0, ByteBuffer.wrap(bytes));
            return bytes;
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
    private record Fingerprint(@Nullable Object key, boolean regular, long size, FileTime modified) {
        static Fingerprint of(Path file) throws IOException {
            BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class, NOFOLLOW_LINKS);
            return new Fingerprint(
                    attributes.fileKey(), attributes.isRegularFile(), attributes.size(), attributes.lastModifiedTime());
        }
    }

    /** One object on disk. */
    final class StoredObject {
        private final Content content;
        private final Path file;
        private volatile @Nullable Fingerprint verified; // Since this process started.

        private StoredObject(Content content) {
            this.content = content;
            this.file = objectFile(content.id());
        }

        ContentId id() {
            return content.id();
        }

        /**
         * Reads one chunk into {@code into}, from position to limit, and verifies it.
         *
         * @throws UnreadableException if the file may well be right
         * @throws IOException if it is wrong, or gone
         */
        void read(int chunk, ByteBuffer into) throws IOException {
            try {
                ChunkDigests digests =
                        ChunkDigests.verified(content, readAll(digestsFile(content.id()), content.chunkCount()));
                try (FileChannel channel = open(file, content.size())) {
                    readFully(channel, content.chunkOffset(chunk), into.duplicate());
                }
                if (!digests.matches(chunk, into)) {
                    throw new VerificationException(
                            "Chunk %d of %s on disk is not what it was; it is fetched again".formatted(chunk, id()));
                }
            } catch (NoSuchFileException | AccessDeniedException e) {
                throw e;
            } catch (ClosedChannelException | FileSystemException e) { // Interrupted at the end; no descriptors left.
                throw new UnreadableException("Content %s is on disk and could not be read: %s".formatted(id(), e), e);
            }
        }

        /** Reads and verifies the whole object, so that it can be sent without a look at its bytes. */
        void verify(ByteBuffer buffer) throws IOException {
            Fingerprint before = Fingerprint.of(file);
            if (before.equals(verified)) {
                return;
            }
            for (int i = 0; i < content.chunkCount(); i++) {
                read(i, buffer.clear().limit(content.chunkLength(i)));
            }
            if (!Fingerprint.of(file).equals(before) || !before.regular() || before.size() != content.size()) {
                throw new VerificationException(id() + " changed on disk while it was verified");
            }
            verified = before;
        }

        /** The file, opened, if it is the one that was verified since this process started. */
        Optional<FileChannel> openVerified() throws IOException {
            Fingerprint known = verified;
            if (known == null) {
                return Optional.empty();
            }
            FileChannel channel;
            try {
                channel = open(file, content.size());
            } catch (NoSuchFileException | VerificationException e) {
                verified = null;
                return Optional.empty();
            }
            // After opening: what is looked at must not be replaced between the look and the opening.
            boolean same = false;
            try {
                same = Fingerprint.of(file).equals(known);
            } catch (NoSuchFileException e) {
                return Optional.empty(); // Evicted at this moment.
            } finally {
                if (!same) {
                    verified = null;
                    channel.close();
                }
            }
            return same ? Optional.of(channel) : Optional.empty();
        }

        boolean isVerified() {
            return verified != null;
        }

        private int weightKib() {
            return DiskTier.weightKib(content);
        }
    }

    /** An object on its way to the disk: readable from the first chunk on, visible to others only when complete. */
    final class Writer {
        private final Content content;
        private final ChunkDigests digests;
        private final Path part;
        private final Path digestsPart;
        private final FileChannel channel;

        private Writer(Content content, ChunkDigests digests) throws IOException {
            this.content = content;
            this.digests = digests;
            this.part = temporary.resolve(content.id() + "." + writers.incrementAndGet());
            this.digestsPart = part.resolveSibling(part.getFileName() + DIGESTS_SUFFIX);
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

        /**
         * Makes the object durable and visible, or deletes it if it is larger than the whole budget. The channel stays
         * open for readers until {@link #close}.
         */
        void commit() throws IOException {
            channel.force(true);
            writeDurably(digestsPart, digests.toBytes());
            synchronized (files) {
                index.invalidate(content.id());
                if (makeRoom(content)) {
                    moveIntoPlace();
                } else {
                    discard();
                }
            }
        }

        private void moveIntoPlace() throws IOException {
            StoredObject object = new StoredObject(content);
            boolean durable = false;
            try {
                Files.move(digestsPart, digestsFile(content.id()), ATOMIC_MOVE);
                Files.move(part, object.file, ATOMIC_MOVE);
                syncDirectory(objects);
                object.verified = Fingerprint.of(object.file);
                durable = true;
            } finally {
                if (!durable) {
                    delete(content.id()); // An object that a failed sync may have lost is none.
                }
            }
            index.put(content.id(), object);
        }

        /** Deletes what was written; whoever reads from the channel goes on. */
        void discard() {
            deleteLeniently(part);
            deleteLeniently(digestsPart);
        }

        void close() {
            try {
                channel.close();
            } catch (IOException e) {
                // Everything was synced by commit, or was discarded: closing can lose nothing.
                return;
            }
        }
    }
}
