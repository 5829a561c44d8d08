package org.rackboot.region.store;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Content in the database: rows of 1 MiB, written as they arrive, so that an interrupted download goes on at the first
 * missing row; visible once the sha256 of the whole is right.
 */
public final class ContentRepository {
    /** Bytes of one row; the last row of a content may be shorter. */
    public static final int CHUNK_BYTES = 1 << 20;

    private static final String ADD = "insert into content (sha256, size) values (?, ?) on conflict do nothing";
    private static final String COMPLETE =
            "update content set size = ?, chunk_list = ? where sha256 = ? and chunk_list is null";

    private final RegionDatabase database;

    public ContentRepository(RegionDatabase database) {
        this.database = database;
    }

    /**
     * Complete content.
     *
     * @param chunkList sha256 of the concatenated digests of its chunks
     */
    public record StoredContent(String sha256, long size, String chunkList) {
        public int chunkCount() {
            return (int) ((size + CHUNK_BYTES - 1) / CHUNK_BYTES);
        }
    }

    /** Verified content; absent also while it is still arriving. */
    public Optional<StoredContent> find(String sha256) throws DatabaseException {
        return database.read(c -> Sql.first(
                c,
                "select size, chunk_list from content where sha256 = ? and chunk_list is not null",
                row -> new StoredContent(sha256, row.getLong(1), row.getString(2)),
                sha256));
    }

    /** The concatenated digests of verified content's chunks, 32 bytes each. */
    public Optional<byte[]> chunkDigests(String sha256) throws DatabaseException {
        if (find(sha256).isEmpty()) {
            return Optional.empty();
        }
        List<byte[]> digests = database.read(c -> digests(c, sha256));
        return Optional.of(concatenated(digests));
    }

    /** One chunk of verified content. */
    public Optional<byte[]> chunk(String sha256, int index) throws DatabaseException {
        return database.read(c -> Sql.first(
                c,
                "select k.data from content_chunk k join content c on c.sha256 = k.sha256"
                        + " where k.sha256 = ? and k.idx = ? and c.chunk_list is not null",
                row -> row.getBytes(1),
                sha256,
                index));
    }

    /** Bytes stored of content that may still be arriving; 0 if there are none. */
    public long storedBytes(String sha256) throws DatabaseException {
        return database.read(c -> Sql.first(
                        c,
                        "select c.size, c.chunk_list, (select count(*) from content_chunk k where k.sha256 = c.sha256)"
                                + " from content c where c.sha256 = ?",
                        row -> row.getString(2) != null
                                ? row.getLong(1)
                                : Math.min(row.getLong(1), row.getLong(3) * CHUNK_BYTES),
                        sha256)
                .orElse(0L));
    }

    /**
     * The bytes themselves, if they are what they were announced as.
     *
     * @throws ChecksumMismatchException otherwise
     */
    public static byte[] verified(byte[] bytes, String sha256) throws ChecksumMismatchException {
        String actual = HexFormat.of().formatHex(sha256().digest(bytes));
        if (!actual.equals(sha256)) {
            throw new ChecksumMismatchException("sha256 is %s; expected %s".formatted(actual, sha256));
        }
        return bytes;
    }

    /** Stores small content in one transaction. Its sha256 is computed here. */
    public StoredContent store(byte[] bytes) throws DatabaseException {
        String sha256 = HexFormat.of().formatHex(sha256().digest(bytes));
        Optional<StoredContent> known = find(sha256);
        if (known.isPresent()) {
            return known.get();
        }
        List<byte[]> digests = new ArrayList<>();
        database.write(c -> {
            Sql.update(c, ADD, sha256, bytes.length);
            deleteChunks(c, sha256); // Of a download under the same name, as far as it came.
            for (int from = 0; from < bytes.length; from += CHUNK_BYTES) {
                byte[] chunk = Arrays.copyOfRange(bytes, from, Math.min(bytes.length, from + CHUNK_BYTES));
                byte[] digest = sha256().digest(chunk);
                putChunk(c, sha256, digests.size(), digest, chunk);
                digests.add(digest);
            }
            return Sql.update(c, COMPLETE, bytes.length, chunkList(digests), sha256);
        });
        return new StoredContent(sha256, bytes.length, chunkList(digests));
    }

    /**
     * Deletes what no published version needs, each content in a transaction of its own.
     *
     * @param wanted what an import still wants to go on with, although it is not complete
     * @return how many contents went
     */
    public int collect(Set<String> wanted) throws DatabaseException {
        String unpublished = " sha256 not in (select sha256 from artifact)";
        String unused = unpublished + " and sha256 not in (select sha256 from archive_member)"
                + " and sha256 not in (select sha256 from upload_file)";
        List<String> archives = database.read(c -> Sql.list(
                c, "select distinct archive_sha256 from archive_member where" + unpublished, row -> row.getString(1)));
        for (String archive : archives) {
            if (!wanted.contains(archive)) { // All of its members are unpacked again when one of them is missing.
                database.write(c -> Sql.update(c, "delete from archive_member where archive_sha256 = ?", archive));
            }
        }
        List<String> candidates =
                database.read(c -> Sql.list(c, "select sha256 from content where" + unused, row -> row.getString(1)));
        int deleted = 0;
        for (String sha256 : candidates) {
            if (!wanted.contains(sha256)) { // An upload or another version may have come to need it: it is asked again.
                deleted +=
                        database.write(c -> Sql.update(c, "delete from content where sha256 = ? and" + unused, sha256));
            }
        }
        return deleted;
    }

    /** Remembers what an archive held. */
    public void putArchive(String archiveSha256, Map<String, String> memberSha256s) throws DatabaseException {
        database.write(c -> {
            int added = 0;
            for (Map.Entry<String, String> member : memberSha256s.entrySet()) {
                added += Sql.update(
                        c,
                        "insert into archive_member (archive_sha256, name, sha256) values (?, ?, ?)"
                                + " on conflict do nothing",
                        archiveSha256,
                        member.getKey(),
                        member.getValue());
            }
            return added;
        });
    }

    /** What an archive held, by member name; empty if it was never unpacked. */
    public Map<String, String> archive(String archiveSha256) throws DatabaseException {
        Map<String, String> members = new LinkedHashMap<>();
        database.read(c -> Sql.list(
                c,
                "select name, sha256 from archive_member where archive_sha256 = ? order by name",
                row -> members.put(row.getString(1), row.getString(2)),
                archiveSha256));
        return members;
    }

    /**
     * Goes on with content of known name and size, at the first missing chunk. Give one content to one writer at a time;
     * should two meet, one of them fails, and content that is complete stays as it is.
     */
    public Writer write(String sha256, long size) throws IOException {
        Writer writer = new Writer(sha256, size);
        writer.open();
        return writer;
    }

    /** Content on its way into the database. */
    public final class Writer {
        private final String expected;
        private final long size;
        private final MessageDigest whole = sha256();
        private final List<byte[]> digests = new ArrayList<>();
        private ByteBuffer arriving = ByteBuffer.allocate(0);
        private long stored;
        private long kept;
        private Optional<String> etag = Optional.empty();

        private Writer(String sha256, long size) {
            this.expected = sha256;
            this.size = size;
        }

        /** Where the next byte goes. */
        public long position() {
            return stored + arriving.position();
        }

        /** How many of the bytes were here before this writer. */
        public long keptBytes() {
            return kept;
        }

        /** The validator of the bytes stored so far, for {@code If-Range}. */
        public Optional<String> etag() {
            return etag;
        }

        /** Begins anew, for a server that cannot go on where it stopped, or whose file changed. */
        public void restart(@Nullable String newEtag) throws DatabaseException {
            if (position() > 0) {
                database.write(c -> deleteChunks(c, expected));
                whole.reset();
                digests.clear();
                stored = 0;
                kept = 0;
                arriving = ByteBuffer.allocate(0);
            }
            etag = Optional.ofNullable(newEtag);
            database.write(c -> Sql.update(c, "update content set etag = ? where sha256 = ?", newEtag, expected));
        }

        /**
         * Takes the next bytes; whole chunks are durable when this returns.
         *
         * @throws IOException if there are more than announced, or the database fails
         */
        public void append(ByteBuffer bytes) throws IOException {
            if (position() + bytes.remaining() > size) {
                throw new SizeMismatchException("more than the announced %d bytes came".formatted(size));
            }
            while (bytes.hasRemaining()) {
                if (!arriving.hasRemaining()) {
                    arriving = ByteBuffer.allocate((int) Math.min(CHUNK_BYTES, size - stored));
                }
                int taken = Math.min(bytes.remaining(), arriving.remaining());
                arriving.put(bytes.slice().limit(taken));
                bytes.position(bytes.position() + taken);
                if (!arriving.hasRemaining()) {
                    storeChunk(arriving.array());
                    arriving = ByteBuffer.allocate(0);
                }
            }
        }

        /**
         * Verifies the whole and makes it visible.
         *
         * @throws ChecksumMismatchException if it is not what it was announced as; the bytes are thrown away
         */
        public StoredContent finish() throws IOException {
            if (stored != size) {
                throw new SizeMismatchException("%d bytes came; %d were announced".formatted(position(), size));
            }
            String actual = HexFormat.of().formatHex(whole.digest());
            if (!actual.equals(expected)) {
                discard();
                throw new ChecksumMismatchException("sha256 is %s; expected %s".formatted(actual, expected));
            }
            String chunkList = chunkList(digests);
            database.write(c -> {
                if (!Arrays.equals(concatenated(digests(c, expected)), concatenated(digests))) {
                    throw new SQLException("the chunks of content " + expected + " changed while it was written");
                }
                return Sql.update(c, COMPLETE, size, chunkList, expected);
            });
            return new StoredContent(expected, size, chunkList);
        }

        /** Throws away what came. */
        public void discard() throws DatabaseException {
            database.write(c -> {
                deleteChunks(c, expected);
                return Sql.update(c, "delete from content where sha256 = ? and chunk_list is null", expected);
            });
        }

        private void open() throws IOException {
            Optional<Long> known = database.write(c -> {
                Sql.update(c, ADD, expected, size);
                return Sql.first(
                        c,
                        "select size, etag from content where sha256 = ?",
                        row -> {
                            etag = Optional.ofNullable(row.getString(2));
                            return row.getLong(1);
                        },
                        expected);
            });
            if (known.orElse(size) != size) { // Announced with another size before: that was wrong, or this is.
                Optional<StoredContent> complete = find(expected);
                if (complete.isPresent()) {
                    throw wrongSize(complete.get(), size);
                }
                discard();
                database.write(c -> Sql.update(c, ADD, expected, size));
                etag = Optional.empty();
                return;
            }
            rehash();
            kept = stored;
        }

        /** Goes through the stored chunks, so that the whole can be verified although this process saw only a part. */
        private void rehash() throws DatabaseException {
            for (int i = 0; stored < size; i++) {
                Optional<byte[]> chunk = storedChunk(i);
                if (chunk.isEmpty() || chunk.get().length != Math.min(CHUNK_BYTES, size - stored)) {
                    return;
                }
                whole.update(chunk.get());
                digests.add(sha256().digest(chunk.get()));
                stored += chunk.get().length;
            }
        }

        private Optional<byte[]> storedChunk(int index) throws DatabaseException {
            return database.read(c -> Sql.first(
                    c,
                    "select data from content_chunk where sha256 = ? and idx = ?",
                    row -> row.getBytes(1),
                    expected,
                    index));
        }

        private void storeChunk(byte[] data) throws DatabaseException {
            byte[] digest = sha256().digest(data);
            int index = digests.size();
            database.write(c -> putChunk(c, expected, index, digest, data));
            whole.update(data);
            digests.add(digest);
            stored += data.length;
        }
    }

    /** What came is not what the signed metadata announced. */
    public static final class ChecksumMismatchException extends IOException {
        ChecksumMismatchException(String message) {
            super(message);
        }
    }

    /** More or fewer bytes came than the signed metadata announced. */
    public static final class SizeMismatchException extends IOException {
        SizeMismatchException(String message) {
            super(message);
        }
    }

    /** The same content cannot have two sizes. */
    static SizeMismatchException wrongSize(StoredContent stored, long announced) {
        return new SizeMismatchException(
                "content %s has %d bytes; %d were announced".formatted(stored.sha256(), stored.size(), announced));
    }

    /** Complete content never changes, so a late writer changes nothing. */
    private static int putChunk(Connection c, String sha256, int index, byte[] digest, byte[] data)
            throws SQLException {
        return Sql.update(
                c,
                "insert into content_chunk (sha256, idx, digest, data)"
                        + " select sha256, ?, ?, ? from content where sha256 = ? and chunk_list is null"
                        + " on conflict (sha256, idx) do update set digest = excluded.digest, data = excluded.data",
                index,
                digest,
                data,
                sha256);
    }

    private static int deleteChunks(Connection c, String sha256) throws SQLException {
        return Sql.update(
                c,
                "delete from content_chunk where sha256 in"
                        + " (select sha256 from content where sha256 = ? and chunk_list is null)",
                sha256);
    }

    private static String chunkList(List<byte[]> digests) {
        return HexFormat.of().formatHex(sha256().digest(concatenated(digests)));
    }

    private static List<byte[]> digests(Connection c, String sha256) throws SQLException {
        return Sql.list(
                c, "select digest from content_chunk where sha256 = ? order by idx", row -> row.getBytes(1), sha256);
    }

    private static byte[] concatenated(List<byte[]> parts) {
        byte[] all = new byte[parts.stream().mapToInt(part -> part.length).sum()];
        int at = 0;
        for (byte[] part : parts) {
            System.arraycopy(part, 0, all, at, part.length);
            at += part.length;
        }
        return all;
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // Every Java platform has it.
        }
    }
}
