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
import java.nio.file.FileStore;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.LongSupplier;
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
 * <p>What is just being fetched is wanted, so room is made for it before its first byte, and Caffeine names the coldest
 * of the others to leave. (Left to itself, W-TinyLFU sends the newcomer away for as long as the old objects have been
 * read more often, and the next machine fetches it again.) Large objects and small ones, which every machine needs,
 * have half of the budget each; either may use what the other leaves, and gives it back when it is wanted. So no
 * squashfs, however large, drives out loaders and kernels. Pinned objects stay.
 */
final class DiskTier {
    private static final Pattern OBJECT_NAME = Pattern.compile("[0-9a-f]{64}");
    private static final String DIGESTS_SUFFIX = ".chunks";
    private static final int SMALL_SHARE = 16; // An object of at most this part of the budget is small.
    private static final int FREE_SHARE = 64; // This part of the file system is left to others.
    private static final long MAX_FREE_KIB = 64 << 10;

    private final Path objects;
    private volatile @Nullable FileStore fileSystem; // Of those, once it was looked up.
    private final Path temporary;
    private final long maxKib;
    private final LongSupplier nanoClock;
    private final Cache<ContentId, StoredObject> index;
    private final Object files = new Object(); // Guards every change of the index and of the files that it lists.
    private final AtomicLong writers = new AtomicLong();
    private final LongAdder evictions = new LongAdder();
    private final Map<ContentId, IOException> broken = new HashMap<>();
    private volatile Set<ContentId> pinned = Set.of();
    private long reservedKib; // For objects that arrive; this and the next guarded by files.
    private long unwrittenKib; // Of those, what the file system does not count yet.

    /** @param nanoClock monotonic; says how long ago an object was verified */
    DiskTier(Path directory, long maxBytes, LongSupplier nanoClock) throws IOException {
        this.nanoClock = nanoClock;
        objects = Files.createDirectories(directory.resolve("objects"));
        temporary = Files.createDirectories(directory.resolve("tmp"));
        maxKib = maxBytes >> 10;
        index = Caffeine.newBuilder()
                .maximumWeight(maxKib)
                .weigher((ContentId id, StoredObject object) -> (int) Math.min(Integer.MAX_VALUE, object.weightKib()))
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

    /** The stored object of that name, whatever its chunk list. Does not block. */
    Optional<StoredObject> find(ContentId id) {
        return Optional.ofNullable(index.asMap().get(id));
    }

    /** Whether content could be kept if all the rest left; not whether it will. Does not block. */
    boolean mayHold(Content content) {
        return weightKib(content) <= maxKib;
    }

    void pin(Set<ContentId> contents) {
        pinned = Set.copyOf(contents);
    }

    boolean isPinned(ContentId id) {
        return pinned.contains(id);
    }

    /** What was found at the start, was not what was written, and was deleted; with the reasons. */
    Map<ContentId, IOException> foundBroken() {
        return Map.copyOf(broken);
    }

    /** Of objects, for others, since the start. */
    long evictions() {
        return evictions.sum();
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

    /**
     * Makes room for an object, and begins it.
     *
     * @throws UnkeepableException if there is no room to be made
     */
    Writer write(Content content, ChunkDigests digests) throws IOException {
        long weight = weightKib(content);
        synchronized (files) {
            if (!makeRoom(content, weight)) {
                throw UnkeepableException.noRoom(
                        "the disk has no room for content %s of %d bytes".formatted(content.id(), content.size()));
            }
            reservedKib += weight;
            unwrittenKib += weight;
        }
        boolean begun = false;
        try {
            Writer writer = new Writer(content, digests);
            begun = true;
            return writer;
        } finally {
            if (!begun) {
                unreserve(weight, weight);
            }
        }
    }

    private void unreserve(long weight, long unwritten) {
        synchronized (files) {
            reservedKib -= weight;
            unwrittenKib -= unwritten;
        }
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
            boolean kept = false;
            try {
                Content content = contentOf(each.id());
                kept = makeRoom(content, 0);
                if (kept) {
                    index.put(each.id(), new StoredObject(content));
                }
            } catch (VerificationException | NoSuchFileException | AccessDeniedException e) {
                broken.put(each.id(), e); // No crash leaves that.
            }
            if (!kept) {
                delete(each.id());
            }
        }
    }

    /**
     * What the files say they are.
     *
     * @throws IOException if the chunk list is missing or cannot belong to the object
     */
    private Content contentOf(ContentId id) throws IOException {
        long size = Files.size(objectFile(id));
        byte[] digests = readAll(digestsFile(id), (size + Content.CHUNK_BYTES - 1) / Content.CHUNK_BYTES);
        return new Content(id, size, ContentId.of(ChunkDigests.sha256().digest(digests)));
    }

    /**
     * Deletes the coldest objects until {@code content} fits; false, and nothing deleted, when it cannot. Guarded by
     * files.
     *
     * @param toWriteKib what the file system does not hold yet
     */
    private boolean makeRoom(Content content, long toWriteKib) {
        List<StoredObject> stored = all();
        long weight = weightKib(content);
        long taken = stored.stream().mapToLong(StoredObject::weightKib).sum();
        long excess = taken + reservedKib + weight - maxKib;
        if (toWriteKib > 0) {
            excess = Math.max(excess, unwrittenKib + toWriteKib - freeKib());
        }
        if (excess <= 0) {
            return true;
        }
        List<StoredObject> victims = new ArrayList<>();
        for (StoredObject victim : victims(isSmall(weight), weight)) {
            if (excess > 0) {
                excess -= victim.weightKib();
                victims.add(victim);
            }
        }
        if (excess > 0) {
            return false;
        }
        for (StoredObject victim : victims) {
            if (drop(victim)) {
                evictions.increment();
            }
        }
        return true;
    }

    /** Who may leave for an object of that weight, in that order. */
    private List<StoredObject> victims(boolean forSmall, long weight) {
        List<StoredObject> small = new ArrayList<>();
        List<StoredObject> large = new ArrayList<>();
        for (StoredObject object : coldestFirst()) {
            if (!isPinned(object.id())) {
                (isSmall(object.weightKib()) ? small : large).add(object);
            }
        }
        long half = maxKib / 2;
        long smallKib = small.stream().mapToLong(StoredObject::weightKib).sum();
        if (forSmall && smallKib + weight > half) {
            small.addAll(large);
            return small;
        }
        for (StoredObject object : small) {
            if (forSmall || smallKib > half) {
                large.add(object);
            }
            smallKib -= object.weightKib();
        }
        return large;
    }

    private boolean isSmall(long weightKib) {
        return weightKib <= Math.max(1, maxKib / SMALL_SHARE);
    }

    /** What the file system has for us. */
    private long freeKib() {
        try {
            FileStore known = fileSystem;
            if (known == null) { // Looked up once: it takes reading all mounts, a millisecond of a machine's waiting.
                known = Files.getFileStore(objects);
                fileSystem = known;
            }
            long spare = Math.min(MAX_FREE_KIB, (known.getTotalSpace() >> 10) / FREE_SHARE);
            return (known.getUsableSpace() >> 10) - spare;
        } catch (IOException e) {
            return Long.MAX_VALUE / 2; // Unknown: a full disk will show.
        }
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

    private static long weightKib(Content content) {
        return (content.size() >> 10) + 1;
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

    /**
     * A file's identity: another inode, size or time means that someone replaced or changed it. The time of the last
     * change of all (ctime) cannot be set by hand, as that of the last write can.
     */
    private record Fingerprint(
            @Nullable Object key,
            boolean regular,
            long size,
            @Nullable Object modified,
            @Nullable Object changed) {
        static Fingerprint of(Path file) throws IOException {
            Map<String, Object> found = Files.readAttributes(
                    file, "unix:fileKey,isRegularFile,size,lastModifiedTime,ctime", NOFOLLOW_LINKS);
            return new Fingerprint(
                    found.get("fileKey"),
                    Boolean.TRUE.equals(found.get("isRegularFile")),
                    found.get("size") instanceof Long size ? size : -1,
                    found.get("lastModifiedTime"),
                    found.get("ctime"));
        }

        boolean isSameFile(Fingerprint other) {
            return Objects.equals(key, other.key);
        }
    }

    /** What was compared with its sha256 since this process started: the file, and what its bytes are told by. */
    private record Verified(Fingerprint file, ChunkChecksums checksums) {}

    /** One object on disk. */
    final class StoredObject {
        private final Content content;
        private final Path file;
        private volatile @Nullable Verified verified;
        private volatile long verifiedAtNanos;

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

        Content content() {
            return content;
        }

        /** The digests of the chunks; empty if they cannot be read, or are not the content's any more. */
        Optional<ChunkDigests> digests() {
            try {
                return Optional.of(
                        ChunkDigests.verified(content, readAll(digestsFile(content.id()), content.chunkCount())));
            } catch (IOException e) {
                return Optional.empty(); // Whoever reads a chunk finds out what is wrong, and mends it.
            }
        }

        /** Whether no verification is younger than that. */
        boolean verifiedBefore(long nanos) {
            return verified == null || verifiedAtNanos - nanos < 0;
        }

        /**
         * Reads and verifies the whole object, so that it can be sent without a look at its bytes.
         *
         * @param again also if it was verified before
         */
        void verify(ByteBuffer buffer, boolean again, ImageCache.Pace pace) throws IOException, InterruptedException {
            Fingerprint before = Fingerprint.of(file);
            Verified known = verified;
            if (known != null && before.equals(known.file()) && !again) {
                return;
            }
            ChunkChecksums checksums = new ChunkChecksums(content);
            for (int i = 0; i < content.chunkCount(); i++) {
                read(i, buffer.clear().limit(content.chunkLength(i)));
                checksums.take(i, buffer, nanoClock.getAsLong());
                pace.after(content.chunkLength(i));
            }
            if (!Fingerprint.of(file).equals(before) || !before.regular() || before.size() != content.size()) {
                throw new VerificationException(id() + " changed on disk while it was verified");
            }
            verifiedAtNanos = nanoClock.getAsLong();
            verified = new Verified(before, checksums);
        }

        /** The file, opened, if it is the one that was verified since this process started. */
        Optional<OpenedFile> openVerified() throws IOException {
            Verified known = verified;
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
                same = Fingerprint.of(file).equals(known.file());
            } catch (NoSuchFileException e) {
                return Optional.empty(); // Evicted at this moment.
            } finally {
                if (!same) {
                    verified = null;
                    channel.close();
                }
            }
            return same ? Optional.of(new OpenedFile(this, channel, known)) : Optional.empty();
        }

        boolean isVerified() {
            return verified != null;
        }

        /** Unless it was verified again since. */
        private synchronized void forget(Verified disproved) {
            Verified known = verified;
            if (known != null && known.checksums() == disproved.checksums()) {
                verified = null;
            }
        }

        private long weightKib() {
            return DiskTier.weightKib(content);
        }
    }

    /** An object's file, as it was when it was verified, for as long as it is open; whatever becomes of the object. */
    final class OpenedFile {
        private final StoredObject object;
        private final FileChannel channel;
        private final Verified verified;
        private volatile boolean hasLeft; // Its name is no more, or another's.

        private OpenedFile(StoredObject object, FileChannel channel, Verified verified) {
            this.object = object;
            this.channel = channel;
            this.verified = verified;
        }

        StoredObject object() {
            return object;
        }

        FileChannel channel() {
            return channel;
        }

        /** Whether nobody touched the file, and each of the chunks was right a moment ago. Waits for no disk. */
        boolean isFresh(int first, int end) {
            return verified.checksums().firstStale(first, end, nanoClock.getAsLong()) == end && isUntouched();
        }

        private boolean isUntouched() {
            try {
                return Fingerprint.of(object.file).equals(verified.file());
            } catch (IOException e) {
                return false;
            }
        }

        /**
         * Reads the chunks that were not right a moment ago. Of a file that has left the disk meanwhile, all; the first time
         * those before them as well, since nothing tells any more whether somebody touched it.
         *
         * @return whether they are what was verified; if not, because someone touched the file, which says nothing yet of
         *     its bytes
         * @throws VerificationException if they are not
         * @throws IOException if they cannot be read
         */
        boolean check(int first, int end, ByteBuffer piece) throws IOException {
            if (!hasLeft) {
                try {
                    Fingerprint now = Fingerprint.of(object.file);
                    hasLeft = !now.isSameFile(verified.file());
                    if (!hasLeft && !now.equals(verified.file())) {
                        object.forget(verified);
                        return false;
                    }
                } catch (NoSuchFileException e) {
                    hasLeft = true;
                }
                if (hasLeft) {
                    return isRight(0, end, piece);
                }
            }
            for (int chunk = first; chunk < end; chunk++) {
                if (hasLeft || verified.checksums().firstStale(chunk, chunk + 1, nanoClock.getAsLong()) == chunk) {
                    read(chunk, piece);
                }
            }
            return true;
        }

        /**
         * Reads chunks again, whatever became of the file.
         *
         * @return true, or it throws
         * @throws VerificationException if they are not what was verified
         */
        boolean isRight(int first, int end, ByteBuffer piece) throws IOException {
            for (int chunk = first; chunk < end; chunk++) {
                read(chunk, piece);
            }
            return true;
        }

        private void read(int chunk, ByteBuffer piece) throws IOException {
            if (!verified.checksums().isRight(chunk, channel, piece, nanoClock.getAsLong())) {
                object.forget(verified);
                throw new VerificationException(
                        "Chunk %d of %s on disk is not what it was; it is fetched again".formatted(chunk, object.id()));
            }
        }

        void close() throws IOException {
            channel.close();
        }
    }

    /** An object on its way to the disk: readable from the first chunk on, visible to others only when complete. */
    final class Writer {
        private final Content content;
        private final ChunkDigests digests;
        private final Path part;
        private final Path digestsPart;
        private final FileChannel channel;
        private final ChunkChecksums checksums;
        private long unwrittenOwnKib; // This and the next guarded by files.
        private boolean reserved = true;

        private Writer(Content content, ChunkDigests digests) throws IOException {
            this.content = content;
            this.digests = digests;
            this.part = temporary.resolve(content.id() + "." + writers.incrementAndGet());
            this.digestsPart = part.resolveSibling(part.getFileName() + DIGESTS_SUFFIX);
            this.channel = FileChannel.open(part, CREATE_NEW, READ, WRITE);
            this.checksums = new ChunkChecksums(content);
            this.unwrittenOwnKib = weightKib(content);
        }

        /** Appends a verified chunk. */
        void append(ByteBuffer chunk, long offset) throws IOException {
            checksums.take((int) (offset / Content.CHUNK_BYTES), chunk, nanoClock.getAsLong());
            ByteBuffer source = chunk.duplicate();
            long at = offset;
            while (source.hasRemaining()) {
                at += channel.write(source, at);
            }
            long kib = ((offset + chunk.remaining()) >> 10) - (offset >> 10);
            synchronized (files) {
                if (reserved) {
                    unwrittenKib -= kib;
                    unwrittenOwnKib -= kib;
                }
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
            writeDurably(digestsPart, digests.toBytes());
            synchronized (files) {
                index.invalidate(content.id());
                release();
                moveIntoPlace();
            }
        }

        /** Gives back what was reserved, and is now either stored or gone. */
        private void release() {
            synchronized (files) {
                if (reserved) {
                    reserved = false;
                    unreserve(weightKib(content), unwrittenOwnKib);
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
                object.verifiedAtNanos = nanoClock.getAsLong();
                object.verified = new Verified(Fingerprint.of(object.file), checksums);
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
            release();
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
