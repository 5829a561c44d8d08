package org.rackboot.region.publish;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Clock;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.rackboot.region.publish.StreamWriter.Packed;
import org.rackboot.region.signature.SigningKey;
import org.rackboot.region.simplestreams.Archive;
import org.rackboot.region.simplestreams.Product.Item;
import org.rackboot.region.simplestreams.Products;
import org.rackboot.region.simplestreams.StreamRenderer;
import org.rackboot.region.store.ContentRepository;
import org.rackboot.region.store.ContentRepository.StoredContent;
import org.rackboot.region.store.DatabaseException;
import org.rackboot.region.store.ImageRepository.Artifact;
import org.rackboot.region.store.ImageRepository.Version;

/**
 * What a region publishes, as the signed files of a simplestreams mirror: rendered once for each version of the catalog.
 *
 * <p>The signing key and the time of the last change are kept in the state directory, so that a restart changes neither.
 * Methods block on the database, and while a new catalog is rendered. Thread-safe.
 */
public final class StreamPublisher {
    /** The secret key's file in the state directory. */
    public static final String KEY_FILE = "stream-signing-key.asc";

    private static final String LAST_CHANGE_FILE = "stream-last-change";

    private final Catalog catalog;
    private final ContentRepository contents;
    private final Path state;
    private final Clock clock;
    private final ReentrantLock rendering = new ReentrantLock();
    private volatile @Nullable Snapshot current;

    /** What there is to publish. */
    public interface Catalog {
        /** Grows with every change. */
        long version() throws DatabaseException;

        /** As {@code ImageRepository.versions()} orders them. */
        List<Version> versions() throws DatabaseException;
    }

    /**
     * One state of the stream.
     *
     * @param documents metadata and keys by path
     * @param items content by path
     * @param archives those that are in no database, by sha256
     */
    public record Snapshot(
            long catalogVersion, Map<String, byte[]> documents, Map<String, Item> items, Map<String, byte[]> archives) {
        public Snapshot {
            documents = Map.copyOf(documents);
            items = Map.copyOf(items);
            archives = Map.copyOf(archives);
        }
    }

    private record Loader(Map<String, String> members) {
        static Loader of(Version version) {
            return new Loader(version.artifacts().stream().collect(Collectors.toMap(Artifact::name, Artifact::sha256)));
        }
    }

    /** @param state where key and time are kept; nothing is written before the first {@link #snapshot} */
    public StreamPublisher(Catalog catalog, ContentRepository contents, Path state, Clock clock) {
        this.catalog = catalog;
        this.contents = contents;
        this.state = state;
        this.clock = clock;
    }

    /**
     * The stream as it is now.
     *
     * @throws DatabaseException if the database fails
     * @throws IOException if key or time cannot be kept
     */
    public Snapshot snapshot() throws IOException {
        Snapshot known = current;
        long version = catalog.version(); // Before the content: a snapshot is never older than it says.
        if (known != null && known.catalogVersion() == version) {
            return known;
        }
        rendering.lock();
        try {
            known = current;
            if (known == null || known.catalogVersion() < version) {
                known = render(version);
                current = known;
            }
            return known;
        } finally {
            rendering.unlock();
        }
    }

    private Snapshot render(long catalogVersion) throws IOException {
        Map<Loader, byte[]> packed = new HashMap<>();
        Map<String, byte[]> archives = new HashMap<>();
        List<Version> versions = catalog.versions();
        List<Products> undated = StreamWriter.write(versions, loader -> pack(loader, packed, archives), Instant.EPOCH);
        Instant updated = lastChange(undated);
        List<Products> files = undated.stream()
                .map(file -> new Products(file.contentId(), updated, file.products(), List.of()))
                .toList();
        SigningKey key = KeyFile.readOrMake(state.resolve(KEY_FILE), "rackboot region", clock);
        Map<String, byte[]> documents = SignedMetadata.of(files, updated, key, clock.instant());
        return new Snapshot(catalogVersion, documents, StreamWriter.byPath(files), archives);
    }

    private Packed pack(Version version, Map<Loader, byte[]> packed, Map<String, byte[]> archives) {
        byte[] archive = packed.computeIfAbsent(Loader.of(version), this::pack);
        String sha256 = sha256(archive);
        archives.put(sha256, archive);
        return new Packed(sha256, archive.length);
    }

    private byte[] pack(Loader loader) {
        Map<String, byte[]> members = new TreeMap<>();
        loader.members().forEach((name, sha256) -> members.put(name, content(sha256)));
        return Archive.pack(members);
    }

    /** A loader's member: archives of more than 64 MiB were never imported. */
    private byte[] content(String sha256) {
        try {
            StoredContent stored = contents.find(sha256)
                    .orElseThrow(() -> new UncheckedIOException(new IOException(
                            "The bootloader file %s was deleted while the stream was made".formatted(sha256))));
            byte[] all = new byte[Math.toIntExact(stored.size())];
            int at = 0;
            for (int i = 0; i < stored.chunkCount(); i++) {
                byte[] chunk = contents.chunk(sha256, i).orElseThrow();
                System.arraycopy(chunk, 0, all, at, chunk.length);
                at += chunk.length;
            }
            return all;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Never goes backwards: readers refuse a stream that is older than the one they saw. */
    private Instant lastChange(List<Products> undated) throws IOException {
        String digest = sha256(undated.stream()
                .map(StreamRenderer::products)
                .collect(Collectors.joining("\n"))
                .getBytes(UTF_8));
        Path file = state.resolve(LAST_CHANGE_FILE);
        Optional<String[]> known =
                Files.exists(file) ? Optional.of(Files.readString(file).strip().split(" ", 2)) : Optional.empty();
        Instant now = clock.instant().truncatedTo(ChronoUnit.SECONDS); // The format knows no fractions.
        Optional<Instant> before = known.filter(parts -> parts.length == 2).flatMap(parts -> instant(parts[1]));
        if (before.isPresent() && known.get()[0].equals(digest)) {
            return before.get();
        }
        Instant updated = before.map(last -> last.plusSeconds(1))
                .filter(next -> next.isAfter(now))
                .orElse(now);
        DurableFile.write(file, (digest + " " + updated + "\n").getBytes(UTF_8));
        return updated;
    }

    private static Optional<Instant> instant(String text) {
        try {
            return Optional.of(Instant.parse(text));
        } catch (DateTimeException e) {
            return Optional.empty(); // A damaged note costs readers one refresh.
        }
    }

    private static String sha256(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // Every Java platform has it.
        }
    }
}
