package org.rackboot.region;

import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.regex.Pattern;
import org.rackboot.region.catalog.CatalogDocument;
import org.rackboot.region.signature.Keyring;
import org.rackboot.region.signature.KeyringException;
import org.rackboot.region.source.BootSource;
import org.rackboot.region.source.BootSource.Trust;
import org.rackboot.region.source.Selection;
import org.rackboot.region.source.SourceStatus;
import org.rackboot.region.store.ContentRepository;
import org.rackboot.region.store.DatabaseException;
import org.rackboot.region.store.ImageRepository;
import org.rackboot.region.store.RegionDatabase;
import org.rackboot.region.store.SourceRepository;
import org.rackboot.region.sync.ImportService;
import org.rackboot.region.sync.Importer;
import org.rackboot.region.sync.Mirror;

/**
 * Everything that can be asked of a region. What its API and command line offer is a thin layer over this.
 *
 * <p>Methods block on the database, except {@link #catalogChange}. Thread-safe.
 */
public final class Region {
    /** MAAS's own image stream, there from the start. */
    public static final String DEFAULT_SOURCE_URL = "http://images.maas.io/ephemeral-v3/stable/";

    /** Where Ubuntu's package puts the keyring that signs it. */
    public static final String DEFAULT_KEYRING = "/usr/share/keyrings/ubuntu-cloudimage-keyring.gpg";

    private static final int ADDED_SOURCE_PRIORITY = 100;
    private static final Pattern WORD = Pattern.compile("\\*|[A-Za-z0-9][A-Za-z0-9._+-]{0,63}");
    private static final Pattern SOURCE_NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9 ._:/+@-]{0,199}");

    private final SourceRepository sources;
    private final ContentRepository contents;
    private final ImageRepository images;
    private final ImportService imports;
    private final Clock clock;
    private final List<String> kernelOptions;
    private CompletableFuture<Void> change = new CompletableFuture<>(); // Guarded by this.

    /** A request that cannot be granted as it is; the message says why and what to do. */
    public static final class RefusedException extends Exception {
        /** Why, in the classes that an API tells apart. */
        public enum Kind {
            INVALID,
            CONFLICT,
            NOT_FOUND
        }

        private final Kind kind;

        public RefusedException(Kind kind, String message) {
            super(message);
            this.kind = kind;
        }

        public Kind kind() {
            return kind;
        }
    }

    /**
     * @param kernelOptions words added to every machine's kernel command line
     * @param pause how an import waits between two tries
     */
    public Region(RegionDatabase database, Mirror mirror, Clock clock, Importer.Pause pause, List<String> kernelOptions)
            throws DatabaseException {
        this(database, mirror, clock, pause, kernelOptions, DEFAULT_KEYRING);
    }

    Region(
            RegionDatabase database,
            Mirror mirror,
            Clock clock,
            Importer.Pause pause,
            List<String> kernelOptions,
            String defaultKeyring)
            throws DatabaseException {
        this.sources = new SourceRepository(database);
        this.contents = new ContentRepository(database);
        this.images = new ImageRepository(database);
        this.clock = clock;
        this.kernelOptions = List.copyOf(kernelOptions);
        Importer importer = new Importer(sources, contents, images, mirror, clock, pause);
        this.imports = new ImportService(importer, this::usableSources, this::announceChange, clock);
        addDefaultSource(defaultKeyring);
    }

    /** All sources, the one that wins first, each with its state. */
    public List<SourceStatus> sources() throws DatabaseException {
        List<SourceStatus> all = new ArrayList<>();
        for (BootSource source : sources.sources()) {
            all.add(status(source));
        }
        return all;
    }

    /**
     * Adds a source; nothing is fetched from it yet.
     *
     * @param url http or https, of the mirror's root or of its index
     * @param keyring binary or armoured; absent only together with {@code unsigned}
     */
    public SourceStatus addSource(
            String url, Optional<String> name, Optional<byte[]> keyring, boolean unsigned, Optional<Integer> priority)
            throws RefusedException, DatabaseException {
        URI root = mirrorRoot(url);
        if (unsigned == keyring.isPresent()) {
            throw new RefusedException(
                    RefusedException.Kind.INVALID,
                    unsigned
                            ? "A source is either signed by a keyring or unsigned: give --keyring or --unsigned, not both"
                            : "A source needs --keyring FILE with the keys that sign it, or --unsigned to take what comes");
        }
        if (keyring.isPresent()) {
            requireKeyring(keyring.get());
        }
        if (name.isPresent() && !SOURCE_NAME.matcher(name.get()).matches()) {
            throw new RefusedException(
                    RefusedException.Kind.INVALID,
                    "A source's name has 1 to 200 letters, digits, blanks and ._:/+@-, and begins with a letter or digit");
        }
        BootSource source = new BootSource(
                0,
                name.orElse(root.toString()),
                root,
                priority.orElse(ADDED_SOURCE_PRIORITY),
                true,
                unsigned,
                keyring.map(Trust.Data::new));
        Optional<BootSource> added = sources.add(source, clock.instant());
        if (added.isEmpty()) {
            throw new RefusedException(
                    RefusedException.Kind.CONFLICT,
                    "There is a source with this name or address already; see 'rackboot sources list'");
        }
        return status(added.get());
    }

    public List<Selection> selections() throws DatabaseException {
        return sources.selections();
    }

    /**
     * Selects images; nothing is fetched until an import.
     *
     * @return whether the selection is new
     */
    public boolean addSelection(Selection selection) throws RefusedException, DatabaseException {
        for (String word : List.of(
                selection.os(), selection.release(), selection.arch(), selection.subarch(), selection.label())) {
            if (!WORD.matcher(word).matches()) {
                throw new RefusedException(
                        RefusedException.Kind.INVALID,
                        "A selection's words have 1 to 64 letters, digits and ._+-, or are '*' for any");
            }
        }
        return sources.add(selection, clock.instant());
    }

    public ImportService imports() {
        return imports;
    }

    /** Every published version: images first, then bootloaders; newest serial first. */
    public List<ImageRepository.Version> versions() throws DatabaseException {
        return images.versions();
    }

    public ContentRepository contents() {
        return contents;
    }

    public long catalogVersion() throws DatabaseException {
        return images.catalogVersion();
    }

    /** The catalog as racks read it. Versions are read before their content, so a document is never newer than it says. */
    public byte[] catalog() throws DatabaseException {
        long version = images.catalogVersion();
        return CatalogDocument.render(version, images.versions(), kernelOptions);
    }

    /** Completes when the catalog may have changed; take it before looking at the version. */
    public synchronized CompletionStage<Void> catalogChange() {
        return change.minimalCompletionStage();
    }

    private void announceChange() {
        CompletableFuture<Void> announced;
        synchronized (this) {
            announced = change;
            change = new CompletableFuture<>();
        }
        announced.complete(null);
    }

    private List<BootSource> usableSources() throws DatabaseException {
        return sources().stream()
                .filter(SourceStatus::usable)
                .map(SourceStatus::source)
                .toList();
    }

    private void addDefaultSource(String keyring) throws DatabaseException {
        sources.add(
                new BootSource(
                        0,
                        "maas-stable",
                        URI.create(DEFAULT_SOURCE_URL),
                        0,
                        true,
                        false,
                        Optional.of(new Trust.File(keyring))),
                clock.instant());
    }

    private static SourceStatus status(BootSource source) {
        if (source.unsigned()) {
            return new SourceStatus(source, List.of(), Optional.empty());
        }
        Trust trust = source.trust().orElseThrow();
        try {
            byte[] keyring =
                    trust instanceof Trust.Data data ? data.keyring() : readKeyring(((Trust.File) trust).path());
            List<String> fingerprints = Keyring.parse(keyring).keys().stream()
                    .map(Keyring.KeyInfo::fingerprint)
                    .toList();
            return new SourceStatus(source, fingerprints, Optional.empty());
        } catch (KeyringException | IOException e) {
            return new SourceStatus(source, List.of(), Optional.of(String.valueOf(e.getMessage())));
        }
    }

    private static byte[] readKeyring(String path) throws IOException {
        Path file = Path.of(path);
        if (!Files.isReadable(file)) {
            throw new IOException(("its keyring %s is not here: install the package ubuntu-keyring or"
                            + " ubuntu-cloudimage-keyring, or copy the file there; it is then used at once")
                    .formatted(path));
        }
        if (Files.size(file) > Keyring.MAX_BYTES) {
            throw new IOException("its keyring %s is larger than %d bytes".formatted(path, Keyring.MAX_BYTES));
        }
        return Files.readAllBytes(file);
    }

    private static void requireKeyring(byte[] keyring) throws RefusedException {
        try {
            Keyring.parse(keyring);
        } catch (KeyringException e) {
            throw new RefusedException(RefusedException.Kind.INVALID, String.valueOf(e.getMessage()));
        }
    }

    /** The mirror's root, whether the address names the root or the index in it, with or without final slash. */
    private static URI mirrorRoot(String url) throws RefusedException {
        try {
            URI uri = new URI(url.strip());
            String scheme = String.valueOf(uri.getScheme()).toLowerCase(Locale.ROOT);
            boolean plain = uri.getRawQuery() == null && uri.getRawFragment() == null && uri.getRawUserInfo() == null;
            if ((scheme.equals("http") || scheme.equals("https")) && uri.getHost() != null && plain) {
                String path = uri.getRawPath().replaceFirst("/streams/v1(/[^/]*)?$", "/");
                String root = path.endsWith("/") ? path : path + "/";
                return new URI(scheme + "://" + uri.getRawAuthority().toLowerCase(Locale.ROOT) + root);
            }
        } catch (URISyntaxException e) {
            throw notAnAddress();
        }
        throw notAnAddress();
    }

    private static RefusedException notAnAddress() {
        return new RefusedException(
                RefusedException.Kind.INVALID,
                "A source's address is http://host/path/ or https://host/path/, without user, query and fragment");
    }
}
