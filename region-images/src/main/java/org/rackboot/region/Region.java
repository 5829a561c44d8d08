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
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.rackboot.region.catalog.CatalogDocument;
import org.rackboot.region.catalog.Served;
import org.rackboot.region.machine.UnknownMachines;
import org.rackboot.region.signature.Keyring;
import org.rackboot.region.signature.KeyringException;
import org.rackboot.region.simplestreams.MirrorPath;
import org.rackboot.region.simplestreams.StreamAddress;
import org.rackboot.region.simplestreams.StreamFormatException;
import org.rackboot.region.source.BootSource;
import org.rackboot.region.source.BootSource.Trust;
import org.rackboot.region.source.Selection;
import org.rackboot.region.source.SourceStatus;
import org.rackboot.region.store.AssignmentRepository;
import org.rackboot.region.store.ContentRepository;
import org.rackboot.region.store.DatabaseException;
import org.rackboot.region.store.ImageRepository;
import org.rackboot.region.store.ImageRepository.Version;
import org.rackboot.region.store.MachineRepository;
import org.rackboot.region.store.RackRepository;
import org.rackboot.region.store.RegionDatabase;
import org.rackboot.region.store.SeenMachineRepository;
import org.rackboot.region.store.SourceRepository;
import org.rackboot.region.store.SourceRepository.Removed;
import org.rackboot.region.store.UploadRepository;
import org.rackboot.region.sync.ImportService;
import org.rackboot.region.sync.ImportTally;
import org.rackboot.region.sync.Importer;
import org.rackboot.region.sync.Mirror;
import org.rackboot.region.sync.SourceOffer;

/**
 * Everything that can be asked of a region. What its API and command line offer is a thin layer over this.
 *
 * <p>Methods block on the database, except {@link #catalogChange}. Thread-safe.
 */
public final class Region {
    /** MAAS's own image stream, there from the start. */
    public static final String DEFAULT_SOURCE_URL = "http://images.maas.io/ephemeral-v3/stable/";

    private static final String DEFAULT_SOURCE_NAME = "maas-stable";

    /** Where Ubuntu's package puts the keyring that signs it. */
    public static final String DEFAULT_KEYRING = "/usr/share/keyrings/ubuntu-cloudimage-keyring.gpg";

    private static final int ADDED_SOURCE_PRIORITY = 100;
    private static final Pattern WORD = Pattern.compile("\\*|[A-Za-z0-9][A-Za-z0-9._+-]{0,63}");
    private static final Pattern SOURCE_NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9 ._:/+@-]{0,199}");

    private final SourceRepository sources;
    private final ContentRepository contents;
    private final ImageRepository images;
    private final ImportService imports;
    private final Importer importer;
    private final Importer.Pause pause;
    private final Uploads uploads;
    private final Racks racks;
    private final AssignmentRepository assigned;
    private final Machines machines;
    private final Assignments assignments;
    private final KernelOptions kernelOptions;
    private final SeenMachines seenMachines;
    private final Clock clock;
    private final Settings settings;
    private CompletableFuture<Void> change = new CompletableFuture<>(); // Guarded by this.

    /** A request that cannot be granted as it is; the message says why and what to do. */
    public static final class RefusedException extends Exception {
        /** Why, in the classes that an API tells apart. */
        public enum Kind {
            INVALID,
            CONFLICT,
            NOT_FOUND,
            NO_ROOM
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
     * What operators choose.
     *
     * @param kernelOptions words added to every machine's kernel command line
     * @param singleSource whether, with more than one enabled source, selections cannot be changed (the incumbent's rule)
     * @param unknownMachines what those get that nobody made known, and nothing is assigned to
     * @param networks looks at machines' network configurations
     */
    public record Settings(
            List<String> kernelOptions,
            boolean singleSource,
            Importer.Settings imports,
            UnknownMachines unknownMachines,
            NetworkCheck networks) {
        public static final Settings DEFAULT = new Settings(List.of(), false, Importer.Settings.DEFAULT);

        public Settings {
            kernelOptions = List.copyOf(kernelOptions);
        }

        /** Unknown machines boot, and of network configurations the form alone is looked at. */
        public Settings(List<String> kernelOptions, boolean singleSource, Importer.Settings imports) {
            this(kernelOptions, singleSource, imports, UnknownMachines.BOOT, NetworkCheck.FORM);
        }
    }

    /** @param pause how an import waits between two tries */
    public Region(RegionDatabase database, Mirror mirror, Clock clock, Importer.Pause pause, Settings settings)
            throws DatabaseException {
        this(database, mirror, clock, pause, settings, DEFAULT_KEYRING);
    }

    Region(
            RegionDatabase database,
            Mirror mirror,
            Clock clock,
            Importer.Pause pause,
            Settings settings,
            String defaultKeyring)
            throws DatabaseException {
        this.sources = new SourceRepository(database);
        this.contents = new ContentRepository(database);
        this.images = new ImageRepository(database);
        this.clock = clock;
        this.settings = settings;
        this.pause = pause;
        this.importer = new Importer(sources, contents, images, mirror, settings.imports(), clock, pause);
        this.imports =
                new ImportService(importer, database.importLock(), this::usableSources, this::announceChange, clock);
        this.uploads = new Uploads(
                new UploadRepository(database),
                contents,
                images,
                sources,
                new Uploads.Settings(
                        settings.imports().keep(), settings.imports().freeBytes()),
                clock,
                this::announceChange);
        this.racks = new Racks(new RackRepository(database), images, clock, this::announceChange);
        this.assigned = new AssignmentRepository(database);
        this.machines = new Machines(new MachineRepository(database), settings.networks(), this::announceChange);
        this.assignments = new Assignments(assigned, images, this::announceChange);
        this.kernelOptions = new KernelOptions(assigned, this::announceChange);
        this.seenMachines =
                new SeenMachines(new SeenMachineRepository(database), machines, clock, this::announceChange);
        addDefaultSource(defaultKeyring);
        database.listen(new RegionDatabase.Notices() {
            @Override
            public void catalogChanged() {
                announceChange();
            }

            @Override
            public void stopImport() {
                imports.stop();
            }
        });
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
     * What an operator says of a source. Empty = as it is, or as usual for a new one.
     *
     * @param url http or https, of the mirror's root or of its index
     * @param keyring binary or armoured
     * @param unsigned take what comes without a signature; excludes a keyring
     * @param mirrors further addresses of the same stream
     * @param proxy {@code http://host:port}; an empty text = none
     * @param caCertificates PEM; an empty text = none
     */
    public record SourceChange(
            Optional<String> url,
            Optional<String> name,
            Optional<byte[]> keyring,
            Optional<Boolean> unsigned,
            Optional<Integer> priority,
            Optional<Boolean> enabled,
            Optional<List<String>> mirrors,
            Optional<String> proxy,
            Optional<String> caCertificates) {}

    /** Adds a source; nothing is fetched from it yet. Its address is needed, and either a keyring or {@code unsigned}. */
    public SourceStatus addSource(SourceChange change) throws RefusedException, DatabaseException {
        Optional<BootSource> added = sources.add(described(change), clock.instant());
        return status(added.orElseThrow(Region::isTaken));
    }

    /**
     * Changes a source; what is not said stays.
     *
     * @param acceptOlder whether the next import may take a stream that is older than the last one accepted
     */
    public SourceStatus updateSource(String name, SourceChange change, boolean acceptOlder)
            throws RefusedException, DatabaseException {
        BootSource before = source(name);
        BootSource after = described(before, change);
        if (after.enabled() && "bundle".equals(after.url().getScheme())) {
            throw new RefusedException(
                    RefusedException.Kind.CONFLICT,
                    "Source '%s' is what bundles brought: there is no address to import from. Its images are served all the same;"
                                    .formatted(before.name())
                            + " 'rackboot bundle import FILE' brings newer ones");
        }
        Optional<BootSource> updated =
                sources.update(after, acceptOlder || !after.url().equals(before.url()));
        announceChange();
        return status(updated.orElseThrow(Region::isTaken));
    }

    /**
     * Removes a source.
     *
     * @param withImages whether the images that came from it go at once; else they stay as those of a disabled source do
     * @return what had come from it
     */
    public Removed removeSource(String name, boolean withImages) throws RefusedException, DatabaseException {
        BootSource source = source(name);
        if (source.name().equals(DEFAULT_SOURCE_NAME)) {
            throw new RefusedException(
                    RefusedException.Kind.CONFLICT,
                    "The source '%s' is always there; switch it off with 'rackboot sources update %s --disable'"
                            .formatted(DEFAULT_SOURCE_NAME, DEFAULT_SOURCE_NAME));
        }
        Removed removed = sources.remove(source.id(), withImages);
        announceChange();
        return removed;
    }

    /** What a source would offer, without saving anything: one that is known by its name, or one that is described. */
    public SourceOffer probe(Optional<String> name, SourceChange change)
            throws RefusedException, DatabaseException, InterruptedException {
        return importer.probe(name.isPresent() ? source(name.get()) : described(change));
    }

    /** One source, by its name, address or id, with its state. */
    public SourceStatus sourceStatus(String name) throws RefusedException, DatabaseException {
        return status(source(name));
    }

    /** What operators should know about the sources as a whole; empty when all is well. */
    public List<String> warnings() throws DatabaseException {
        long enabled = sources().stream().filter(SourceStatus::usable).count();
        return enabled <= 1
                ? List.of()
                : List.of(
                        ("%d boot sources are enabled. Of each image the one of the highest priority is imported; image"
                                        + " management as MAAS knows it works with one source only%s")
                                .formatted(
                                        enabled,
                                        settings.singleSource()
                                                ? ", so selections cannot be changed (region.single-source)"
                                                : ""));
    }

    private BootSource source(String name) throws RefusedException, DatabaseException {
        for (BootSource source : sources.sources()) {
            if (source.name().equals(name)
                    || source.url().toString().equals(name)
                    || Long.toString(source.id()).equals(name)) {
                return source;
            }
        }
        throw new RefusedException(
                RefusedException.Kind.NOT_FOUND,
                "There is no source '%s'; see 'rackboot sources list'".formatted(name));
    }

    private static BootSource described(SourceChange change) throws RefusedException {
        boolean unsigned = change.unsigned().orElse(false);
        if (unsigned == change.keyring().isPresent()) {
            throw new RefusedException(
                    RefusedException.Kind.INVALID,
                    unsigned
                            ? "A source is either signed by a keyring or unsigned: give --keyring or --unsigned, not both"
                            : "A source needs --keyring FILE with the keys that sign it, or --unsigned to take what comes");
        }
        URI root = mirrorRoot(change.url().orElse(""));
        return described(
                new BootSource(0, root.toString(), root, ADDED_SOURCE_PRIORITY, true, unsigned, Optional.empty()),
                change);
    }

    private static BootSource described(BootSource before, SourceChange change) throws RefusedException {
        if (change.name().isPresent()
                && !SOURCE_NAME.matcher(change.name().get()).matches()) {
            throw new RefusedException(
                    RefusedException.Kind.INVALID,
                    "A source's name has 1 to 200 letters, digits, blanks and ._:/+@-, and begins with a letter or digit");
        }
        if (change.name().equals(Optional.of(SourceRepository.UPLOADS))) {
            throw new RefusedException(
                    RefusedException.Kind.INVALID,
                    "'uploads' is what uploaded images have as their source; choose another");
        }
        if (change.priority().isPresent() && change.priority().get() < 0) {
            throw new RefusedException(RefusedException.Kind.INVALID, "A source's priority is 0 or more");
        }
        boolean unsigned =
                change.unsigned().orElse(before.unsigned() && change.keyring().isEmpty());
        Optional<Trust> trust = before.trust();
        if (change.keyring().isPresent()) {
            requireKeyring(change.keyring().get());
            trust = Optional.of(new Trust.Data(change.keyring().get()));
        }
        if (unsigned && change.keyring().isPresent()) {
            throw new RefusedException(
                    RefusedException.Kind.INVALID,
                    "A source is either signed by a keyring or unsigned: give --keyring or --unsigned, not both");
        }
        if (!unsigned && trust.isEmpty()) {
            throw new RefusedException(
                    RefusedException.Kind.INVALID,
                    "A source that was unsigned needs --keyring FILE to become a signed one");
        }
        List<URI> mirrors = before.access().mirrors();
        if (change.mirrors().isPresent()) {
            mirrors = new ArrayList<>();
            for (String mirror : change.mirrors().get()) {
                mirrors.add(mirrorRoot(mirror));
            }
        }
        return new BootSource(
                before.id(),
                change.name().orElse(before.name()),
                change.url().isPresent() ? mirrorRoot(change.url().get()) : before.url(),
                change.priority().orElse(before.priority()),
                change.enabled().orElse(before.enabled()),
                unsigned,
                unsigned ? Optional.empty() : trust,
                access(before.access(), mirrors, change));
    }

    private static BootSource.Access access(BootSource.Access before, List<URI> mirrors, SourceChange change)
            throws RefusedException {
        try {
            return new BootSource.Access(
                    mirrors,
                    change.proxy().isPresent()
                            ? BootSource.Access.parseProxy(change.proxy().get())
                            : before.proxy(),
                    change.caCertificates().isPresent()
                            ? BootSource.Access.parseCertificates(
                                    change.caCertificates().get())
                            : before.caCertificates(),
                    change.url().isPresent() ? start(change.url().get()) : before.start());
        } catch (IllegalArgumentException e) {
            throw new RefusedException(RefusedException.Kind.INVALID, String.valueOf(e.getMessage()));
        }
    }

    private static RefusedException isTaken() {
        return new RefusedException(
                RefusedException.Kind.CONFLICT,
                "There is a source with this name or address already; see 'rackboot sources list'");
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
        requireOneSource();
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

    /** Forgets a selection; its images go with the next import, unless another selection wants them. */
    public void removeSelection(Selection selection) throws RefusedException, DatabaseException {
        requireOneSource();
        if (!sources.remove(selection)) {
            throw new RefusedException(
                    RefusedException.Kind.NOT_FOUND,
                    "There is no selection %s; see 'rackboot selections list'".formatted(selection.describe()));
        }
    }

    private void requireOneSource() throws RefusedException, DatabaseException {
        if (settings.singleSource() && !warnings().isEmpty()) {
            throw new RefusedException(
                    RefusedException.Kind.CONFLICT,
                    "With region.single-source, selections are changed only while one boot source is enabled: disable or"
                            + " remove the others first");
        }
    }

    public ImportService imports() {
        return imports;
    }

    /** What imports did since this process started, in numbers. */
    public ImportTally importTally() {
        return importer.tally();
    }

    public Uploads uploads() {
        return uploads;
    }

    public Racks racks() {
        return racks;
    }

    public Machines machines() {
        return machines;
    }

    public Assignments assignments() {
        return assignments;
    }

    public KernelOptions kernelOptions() {
        return kernelOptions;
    }

    public SeenMachines seenMachines() {
        return seenMachines;
    }

    /** Whose kernel installs an uploaded image that has none, by the images' products. */
    public Map<String, String> baseImages() throws DatabaseException {
        return images.baseImages();
    }

    /** Every published version: images first, then bootloaders; newest serial first. */
    public List<Version> versions() throws DatabaseException {
        return images.versions();
    }

    /**
     * Holds an image at one of its versions: machines get it, and no import deletes it.
     *
     * @param name as {@code Image.name()} says
     * @param serial empty = the one that is served now
     * @return the version
     */
    public Version pin(String name, Optional<String> serial) throws RefusedException, DatabaseException {
        List<Version> versions = versionsOf(name);
        Version version = serial.isPresent() ? version(versions, serial.get()) : served(versions);
        images.pin(version, Optional.of(version.serial()));
        announceChange();
        return version;
    }

    /** Lets an image follow its newest version again. */
    public Version unpin(String name) throws RefusedException, DatabaseException {
        images.pin(versionsOf(name).get(0), Optional.empty());
        announceChange();
        return served(versionsOf(name));
    }

    /** Goes back to the version before the one that is served, and holds the image there. */
    public Version rollback(String name) throws RefusedException, DatabaseException {
        List<Version> versions = versionsOf(name);
        Version now = served(versions);
        for (Version older : versions) { // Newest first.
            if (older.source().equals(now.source()) && older.serial().compareTo(now.serial()) < 0) {
                images.pin(older, Optional.of(older.serial()));
                announceChange();
                return older;
            }
        }
        throw new RefusedException(
                RefusedException.Kind.CONFLICT,
                "%s has no version before %s to go back to".formatted(name, now.serial()));
    }

    /**
     * Deletes an image, or one version of it, at once. What is still selected comes back with the next import.
     *
     * @return what was deleted
     */
    public List<Version> delete(String name, Optional<String> serial) throws RefusedException, DatabaseException {
        List<Version> versions = versionsOf(name);
        List<Version> going = serial.isPresent() ? List.of(version(versions, serial.get())) : versions;
        images.delete(going);
        announceChange();
        return going;
    }

    private List<Version> versionsOf(String name) throws RefusedException, DatabaseException {
        List<Version> found = images.versions().stream()
                .filter(version -> version.image().name().equals(name))
                .toList();
        if (found.isEmpty()) {
            throw new RefusedException(
                    RefusedException.Kind.NOT_FOUND,
                    "No image is called '%s'; see 'rackboot images list'".formatted(name));
        }
        return found;
    }

    private static Version version(List<Version> versions, String serial) throws RefusedException {
        return versions.stream()
                .filter(version -> version.serial().equals(serial))
                .findFirst()
                .orElseThrow(() -> new RefusedException(
                        RefusedException.Kind.NOT_FOUND,
                        "%s has no version %s; it has %s"
                                .formatted(
                                        versions.get(0).image().name(),
                                        serial,
                                        versions.stream().map(Version::serial).collect(Collectors.joining(", ")))));
    }

    private static Version served(List<Version> versions) {
        return Served.of(versions).stream()
                .filter(Served::isServed)
                .map(Served::version)
                .findFirst()
                .orElseThrow();
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
        return CatalogDocument.render(
                version,
                images.versions(),
                assigned.everything(),
                new CatalogDocument.Settings(settings.kernelOptions(), settings.unknownMachines()));
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

    /**
     * Starts the import of a bundle, once its metadata has proved genuine. Its source is stored switched off: no other import
     * asks it, and its images stay.
     *
     * @param atEnd called when the import has ended; not if it never began
     */
    ImportService.Status importBundle(Mirror bundle, URI root, Bundles.Terms terms, Runnable atEnd)
            throws RefusedException, DatabaseException, InterruptedException {
        Optional<BootSource> known = sources.sources().stream()
                .filter(source -> source.url().equals(root))
                .findFirst();
        if (known.isEmpty() && terms.keyring().isEmpty() && !terms.unsigned()) {
            throw new RefusedException(
                    RefusedException.Kind.INVALID,
                    "No bundle called '%s' was imported before: give --keyring FILE with the keys that sign it, or --unsigned"
                            .formatted(terms.name()));
        }
        BootSource source = described(
                known.orElseGet(() -> new BootSource(
                        0, terms.name(), root, ADDED_SOURCE_PRIORITY, false, terms.unsigned(), Optional.empty())),
                new SourceChange(
                        Optional.empty(),
                        Optional.empty(),
                        terms.keyring(),
                        terms.unsigned() ? Optional.of(true) : Optional.empty(),
                        Optional.empty(),
                        Optional.of(false),
                        Optional.empty(),
                        Optional.empty(),
                        Optional.empty()));
        Importer reader = new Importer(sources, contents, images, bundle, settings.imports(), clock, pause);
        SourceOffer offer = reader.probe(terms.acceptOlder() ? withoutHistory(source) : source);
        if (!offer.problem().isEmpty()) {
            throw new RefusedException(RefusedException.Kind.INVALID, offer.problem());
        }
        if (offer.images().isEmpty()) {
            throw new RefusedException(
                    RefusedException.Kind.INVALID, "The bundle is genuine, but holds no whole version of any image");
        }
        BootSource stored = (known.isPresent()
                        ? sources.update(source, terms.acceptOlder())
                        : sources.add(source, clock.instant()))
                .orElseThrow(Region::isTaken);
        if (terms.select()) {
            for (SourceOffer.Offered offered : offer.images()) {
                ImageRepository.Image image = offered.image();
                if (image.kind() == ImageRepository.Kind.IMAGE) {
                    addSelection(
                            new Selection(0, image.os(), image.release(), image.arch(), Selection.ANY, Selection.ANY));
                }
            }
        }
        return imports.start(reader, () -> List.of(stored), atEnd)
                .orElseThrow(() -> new RefusedException(
                        RefusedException.Kind.CONFLICT,
                        "An import is running; wait for it with 'rackboot images import --wait', then say this again"));
    }

    /** The same source as one that nothing was ever accepted from. */
    private static BootSource withoutHistory(BootSource source) {
        return new BootSource(
                0,
                source.name(),
                source.url(),
                source.priority(),
                source.enabled(),
                source.unsigned(),
                source.trust(),
                source.access());
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
                        DEFAULT_SOURCE_NAME,
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

    /** The metadata file that an address names, unless it is the usual index: that has several spellings. */
    private static Optional<String> start(String url) throws RefusedException {
        try {
            return StreamAddress.parse(URI.create(url.strip()))
                    .start()
                    .map(MirrorPath::text)
                    .filter(path -> !path.matches("streams/v1/index\\.s?json"));
        } catch (StreamFormatException | IllegalArgumentException e) {
            throw notAnAddress();
        }
    }

    private static RefusedException notAnAddress() {
        return new RefusedException(
                RefusedException.Kind.INVALID,
                "A source's address is http://host/path/ or https://host/path/, without user, query and fragment");
    }
}
