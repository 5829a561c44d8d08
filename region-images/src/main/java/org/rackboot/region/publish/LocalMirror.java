package org.rackboot.region.publish;

import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.rackboot.region.signature.BadSignatureException;
import org.rackboot.region.signature.Keyring;
import org.rackboot.region.signature.SignatureVerifier;
import org.rackboot.region.signature.SigningKey;
import org.rackboot.region.simplestreams.MirrorPath;
import org.rackboot.region.simplestreams.Product.Item;
import org.rackboot.region.simplestreams.StreamFormatException;
import org.rackboot.region.simplestreams.StreamIndex;
import org.rackboot.region.simplestreams.StreamReader;
import org.rackboot.region.simplestreams.StreamRenderer.Entry;
import org.rackboot.region.simplestreams.StreamTree;
import org.rackboot.region.simplestreams.StreamTree.FlatItem;
import org.rackboot.region.sync.Importer;
import org.rackboot.region.sync.Mirror;
import org.rackboot.region.sync.Mirror.BusyException;
import org.rackboot.region.sync.Mirror.MirrorException;

/**
 * A copy of a stream, or of a part of it, in a directory that any web server can publish.
 *
 * <p>Metadata appears after the files it names, each file whole and under its final name at once, the index last; what is
 * no longer named goes after that. If a file cannot be had, the metadata stays as it was. Blocks; one run of one object.
 */
public final class LocalMirror {
    static final String PART = ".part";

    private static final String INDEX = "streams/v1/index.sjson";
    private static final String UNSIGNED_INDEX = "streams/v1/index.json";
    private static final int PARALLEL_DOWNLOADS = 4;
    private static final int MAX_TRIES = 4;
    private static final Duration FIRST_PAUSE = Duration.ofMillis(500);
    private static final Duration CLOCK_SKEW = Duration.ofHours(24);

    private final Settings settings;
    private final Mirror mirror;
    private final Listener listener;
    private final Clock clock;
    private final Importer.Pause pause;
    private final Path directory;
    private final List<String> problems = new ArrayList<>();
    private final AtomicLong downloaded = new AtomicLong();
    private final StreamReader reader = new StreamReader();

    /**
     * What to mirror, and how.
     *
     * @param root of the stream, with a final slash; see {@link #root}
     * @param keyring whose signatures count; empty = unsigned metadata is taken
     * @param max how many versions of a product, the newest; at least 1
     * @param keep whether versions that upstream dropped stay, as long as there is room among {@code max}
     * @param acceptOlder whether metadata may be older than what was taken last
     * @param signingKey signs trimmed metadata; empty = the publisher's own files are kept as they came
     */
    public record Settings(
            URI root,
            Optional<Keyring> keyring,
            Path directory,
            List<ItemFilter> filters,
            int max,
            boolean keep,
            boolean dryRun,
            boolean acceptOlder,
            Optional<SigningKey> signingKey) {
        public Settings {
            filters = List.copyOf(filters);
            if (max < 1) {
                throw new IllegalArgumentException("max is " + max + "; a mirror has at least one version");
            }
        }
    }

    /** Told what happens, one call at a time, on any thread. */
    public interface Listener {
        void say(String line);

        /** @param total of all files that are not here yet */
        void progress(long bytes, long total);
    }

    /** How it ended. */
    public enum Outcome {
        DONE,
        /** Nothing of the mirror that is published has changed. */
        FAILED,
        /** The source does not answer. */
        UNREACHABLE
    }

    /** A file that came or went. */
    public record Change(String path, long size) {}

    /**
     * What was done; in a dry run, what would be.
     *
     * @param files how many the mirror has in the end
     * @param bytes of these
     */
    public record Report(
            Outcome outcome,
            List<Change> added,
            List<Change> removed,
            int files,
            long bytes,
            long downloadedBytes,
            List<String> problems) {
        public Report {
            added = List.copyOf(added);
            removed = List.copyOf(removed);
            problems = List.copyOf(problems);
        }
    }

    /** One metadata file: as it came, and the part of it that is vouched for. */
    private record Metadata(String path, byte[] file, byte[] verified) {}

    private record Upstream(Metadata index, Instant updated, List<Metadata> products, List<StreamTree> trees) {}

    /** The source cannot be reached, as opposed to what it says being wrong. */
    private static final class UnreachableException extends IOException {
        UnreachableException(IOException cause) {
            super(cause.getMessage(), cause);
        }
    }

    /** @param pause how it waits between two tries */
    public LocalMirror(Settings settings, Mirror mirror, Listener listener, Clock clock, Importer.Pause pause) {
        this.settings = settings;
        this.mirror = mirror;
        this.listener = oneAtATime(listener);
        this.clock = clock;
        this.pause = pause;
        this.directory = settings.directory().toAbsolutePath().normalize();
    }

    private static Listener oneAtATime(Listener listener) {
        return new Listener() {
            @Override
            public synchronized void say(String line) {
                listener.say(line);
            }

            @Override
            public synchronized void progress(long bytes, long total) {
                listener.progress(bytes, total);
            }
        };
    }

    /**
     * The root of a stream, whether the address names it or the index below it, with or without final slash.
     *
     * @throws IllegalArgumentException if it is no http or https address without user, query and fragment
     */
    public static URI root(String address) {
        String wrong =
                "A source's address is http://host/path/ or https://host/path/, without user, query and fragment";
        try {
            URI uri = new URI(address.strip());
            String scheme = String.valueOf(uri.getScheme()).toLowerCase(Locale.ROOT);
            boolean plain = uri.getRawQuery() == null && uri.getRawFragment() == null && uri.getRawUserInfo() == null;
            if (!(scheme.equals("http") || scheme.equals("https")) || uri.getHost() == null || !plain) {
                throw new IllegalArgumentException(wrong);
            }
            String path = uri.getRawPath().replaceFirst("/streams/v1(/[^/]*)?$", "/");
            return new URI(scheme + "://" + uri.getRawAuthority() + (path.endsWith("/") ? path : path + "/"));
        } catch (URISyntaxException e) {
            throw new IllegalArgumentException(wrong, e);
        }
    }

    /**
     * Runs to the end. Problems are part of the report.
     *
     * @throws InterruptedException when it is stopped; what came stays for the next run
     */
    public Report run() throws InterruptedException {
        try {
            if (settings.dryRun()) {
                return mirror();
            }
            Files.createDirectories(directory);
            FileChannel lock = lock();
            try {
                return mirror();
            } finally {
                lock.close();
            }
        } catch (UnreachableException e) {
            return failed(Outcome.UNREACHABLE, String.valueOf(e.getMessage()));
        } catch (BadSignatureException | IOException e) {
            return failed(Outcome.FAILED, String.valueOf(e.getMessage()));
        }
    }

    private Report failed(Outcome outcome, String problem) {
        problems.add(problem);
        return new Report(outcome, List.of(), List.of(), 0, 0, downloaded.get(), problems);
    }

    /** Two runs in one directory would delete each other's files. */
    private FileChannel lock() throws IOException {
        FileChannel channel = FileChannel.open(
                directory.resolve(MirrorState.FILE + ".lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        @Nullable FileLock lock;
        try {
            lock = channel.tryLock();
        } catch (OverlappingFileLockException e) {
            lock = null;
        }
        if (lock == null) {
            channel.close();
            throw new IOException("Another 'rackboot mirror' works in %s; wait for it".formatted(directory));
        }
        return channel;
    }

    private Report mirror() throws IOException, InterruptedException, BadSignatureException {
        MirrorState state = MirrorState.read(directory);
        Upstream upstream = readUpstream(state);
        List<MirrorPlan.Stream> streams = new ArrayList<>();
        List<Optional<StreamTree>> befores = new ArrayList<>();
        for (int i = 0; i < upstream.trees().size(); i++) {
            Optional<StreamTree> before = before(upstream.products().get(i).path());
            befores.add(before);
            streams.add(new MirrorPlan.Stream(upstream.trees().get(i), before));
        }
        MirrorPlan plan = MirrorPlan.of(
                streams,
                state.files.keySet(),
                new MirrorPlan.Choice(settings.filters(), settings.max(), settings.keep()));
        if (plan.wanted().isEmpty()) {
            throw new IOException("Nothing in the stream fits the filters, so nothing was changed; check them");
        }
        List<Item> missing = new ArrayList<>();
        for (Item item : plan.wanted().values()) {
            if (!isHere(item, state)) {
                missing.add(item);
            }
        }
        List<Change> added = missing.stream()
                .map(item -> new Change(item.path().text(), item.size()))
                .toList();
        List<Change> removed = new ArrayList<>();
        for (String path : plan.removed()) {
            removed.add(new Change(
                    path,
                    Optional.ofNullable(state.files.get(path)).orElseThrow().size()));
        }
        if (!settings.dryRun()) {
            Set<String> failedPaths = fetch(missing, state);
            if (!failedPaths.isEmpty()) {
                List<Change> came = added.stream()
                        .filter(change -> !failedPaths.contains(change.path()))
                        .toList();
                problems.add("The metadata in %s stays as it was; the next run goes on from here".formatted(directory));
                return report(Outcome.FAILED, came, List.of(), plan);
            }
            publish(metadata(upstream, befores, plan), upstream, state);
            remove(plan.removed(), state);
        }
        return report(Outcome.DONE, added, removed, plan);
    }

    private Report report(Outcome outcome, List<Change> added, List<Change> removed, MirrorPlan plan) {
        long bytes = plan.wanted().values().stream().mapToLong(Item::size).sum();
        return new Report(outcome, added, removed, plan.wanted().size(), bytes, downloaded.get(), problems);
    }

    // --- metadata ---

    private Upstream readUpstream(MirrorState state) throws IOException, InterruptedException, BadSignatureException {
        Metadata index = metadata(settings.keyring().isPresent() ? INDEX : UNSIGNED_INDEX);
        StreamIndex read = named(index.path(), () -> reader.readIndex(index.verified()));
        fresh(index.path(), read.updated(), state);
        List<Metadata> products = new ArrayList<>();
        List<StreamTree> trees = new ArrayList<>();
        for (StreamIndex.Entry entry : read.entries()) {
            String path = entry.path().text();
            if (!path.startsWith("streams/")) {
                throw new StreamFormatException("the index names a file outside streams/: " + path);
            }
            if (settings.keyring().isPresent() && !path.endsWith(".sjson")) {
                throw new StreamFormatException("the signed index names an unsigned file: " + path);
            }
            Metadata file = metadata(path);
            StreamTree tree = named(path, () -> StreamTree.read(file.verified()));
            if (!tree.contentId().equals(entry.contentId())) { // Genuine, but of another stream.
                throw new StreamFormatException(path + ": its content id is not the one that the index gives it");
            }
            fresh(path, tree.updated(), state);
            products.add(file);
            trees.add(tree);
        }
        return new Upstream(index, read.updated(), products, trees);
    }

    private interface Reading<T> {
        T read() throws StreamFormatException;
    }

    private <T> T named(String path, Reading<T> reading) throws StreamFormatException {
        try {
            return reading.read();
        } catch (StreamFormatException e) {
            throw new StreamFormatException("%s%s: %s".formatted(settings.root(), path, e.getMessage()), e);
        }
    }

    private Metadata metadata(String path) throws IOException, InterruptedException, BadSignatureException {
        URI address = MirrorPath.parse(path).below(settings.root());
        List<byte[]> came = new ArrayList<>();
        try {
            withRetries(path, () -> came.add(mirror.metadata(address, StreamReader.MAX_FILE_BYTES)));
        } catch (MirrorException e) {
            throw new IOException("%s: %s".formatted(address, e.getMessage()), e);
        } catch (IOException e) {
            throw new UnreachableException(new IOException("%s: %s".formatted(address, e.getMessage()), e));
        }
        byte[] file = came.get(0);
        return new Metadata(path, file, verified(file));
    }

    private byte[] verified(byte[] file) throws BadSignatureException {
        return settings.keyring().isEmpty()
                ? file
                : new SignatureVerifier(settings.keyring().get())
                        .verifyClearSigned(file, clock.instant())
                        .bytes();
    }

    /** Refuses what is older than what was taken before, or dated in the future. */
    private void fresh(String path, Instant updated, MirrorState state) throws IOException {
        @Nullable Instant before = state.marks.get(path);
        if (before != null && updated.isBefore(before) && !settings.acceptOlder()) {
            throw new IOException(
                    ("%s%s was published at %s, but one of %s was taken before: someone may be replaying an"
                                    + " old stream, or the source went back in time. If that is meant, use --accept-older")
                            .formatted(settings.root(), path, updated, before));
        }
        if (updated.isAfter(clock.instant().plus(CLOCK_SKEW))) {
            throw new IOException("%s%s says it was published at %s, which is in the future; check this machine's clock"
                    .formatted(settings.root(), path, updated));
        }
    }

    /** What the mirror publishes now under this path; empty also if it is damaged, as it is then made anew. */
    private Optional<StreamTree> before(String path) {
        String plain = path.replaceFirst("\\.sjson$", ".json");
        Path ours = directory.resolve(plain); // Trimmed metadata is there in plain, too.
        try {
            Path file = Files.exists(ours) ? ours : directory.resolve(path);
            if (!Files.exists(file)) {
                return Optional.empty();
            }
            byte[] bytes = Files.readAllBytes(file);
            return Optional.of(StreamTree.read(file.equals(ours) ? bytes : verified(bytes)));
        } catch (BadSignatureException | IOException e) {
            listener.say("%s is not used to keep older versions: %s".formatted(path, e.getMessage()));
            return Optional.empty();
        }
    }

    /** The files to write by path, the index last. */
    private Map<String, byte[]> metadata(Upstream upstream, List<Optional<StreamTree>> befores, MirrorPlan plan)
            throws IOException {
        Map<String, byte[]> files = new LinkedHashMap<>();
        if (settings.signingKey().isEmpty()) {
            upstream.products().forEach(file -> files.put(file.path(), file.file()));
            files.put(upstream.index().path(), upstream.index().file());
            return files;
        }
        Map<Entry, String> texts = new LinkedHashMap<>();
        for (int i = 0; i < upstream.trees().size(); i++) {
            StreamTree tree = upstream.trees().get(i);
            Set<FlatItem> staying = plan.items().getOrDefault(tree.contentId(), Set.of());
            if (!staying.isEmpty()) {
                Set<String> products = new LinkedHashSet<>();
                staying.forEach(item -> products.add(item.version().product()));
                String text = tree.trimmed(staying, befores.get(i).orElse(tree));
                texts.put(new Entry(tree.contentId(), tree.updated(), List.copyOf(products)), text);
            }
        }
        return SignedMetadata.of(
                texts, upstream.updated(), settings.signingKey().get(), clock.instant());
    }

    private void publish(Map<String, byte[]> metadata, Upstream upstream, MirrorState state) throws IOException {
        for (String path : metadata.keySet()) {
            MirrorPath.parse(path); // A content id is part of it.
        }
        for (Map.Entry<String, byte[]> file : metadata.entrySet()) {
            DurableFile.write(directory.resolve(file.getKey()), file.getValue());
        }
        Set<String> old = new LinkedHashSet<>(state.metadata);
        old.removeAll(metadata.keySet());
        for (String path : old) {
            delete(path);
        }
        state.metadata.clear();
        state.metadata.addAll(metadata.keySet());
        state.marks.put(upstream.index().path(), upstream.updated());
        for (int i = 0; i < upstream.products().size(); i++) {
            state.marks.put(
                    upstream.products().get(i).path(), upstream.trees().get(i).updated());
        }
        state.write();
    }

    // --- content ---

    /** Files of an earlier run are trusted if their size is right; others are hashed. */
    private boolean isHere(Item item, MirrorState state) throws IOException {
        Path file = directory.resolve(item.path().text());
        if (!Files.isRegularFile(file) || Files.size(file) != item.size()) {
            return false;
        }
        MirrorState.Known known = new MirrorState.Known(item.sha256(), item.size());
        if (known.equals(state.files.get(item.path().text()))) {
            return true;
        }
        boolean right = PartFile.sha256(file).equals(item.sha256());
        if (right) {
            state.files.put(item.path().text(), known);
        }
        return right;
    }

    /** Fetches what is missing; returns the paths that could not be had. */
    private Set<String> fetch(List<Item> missing, MirrorState state) throws IOException, InterruptedException {
        long total = missing.stream().mapToLong(Item::size).sum();
        long free = directory.toFile().getUsableSpace();
        if (total > free) {
            throw new IOException(
                    "%d bytes are to be fetched, but only %d are free in %s: free some space, or mirror less"
                            .formatted(total, free, directory));
        }
        AtomicLong done = new AtomicLong();
        Map<Item, Future<Optional<IOException>>> results = new LinkedHashMap<>();
        Set<String> failedPaths = new LinkedHashSet<>();
        ExecutorService threads = Executors.newFixedThreadPool(PARALLEL_DOWNLOADS, work -> {
            Thread thread = new Thread(work, "mirror-download");
            thread.setDaemon(true);
            return thread;
        });
        try {
            missing.forEach(item -> results.put(item, threads.submit(() -> tryFetch(item, new Tally(done, total)))));
            for (Item item : missing) {
                String path = item.path().text();
                Optional<IOException> failure =
                        requireNonNull(results.get(item)).get();
                if (failure.isPresent()) {
                    failedPaths.add(path);
                    problems.add("%s: %s"
                            .formatted(
                                    item.path().below(settings.root()),
                                    failure.get().getMessage()));
                } else {
                    state.files.put(path, new MirrorState.Known(item.sha256(), item.size()));
                    listener.say("+ %s %d".formatted(path, item.size()));
                }
            }
        } catch (ExecutionException e) {
            if (e.getCause() instanceof InterruptedException stopped) {
                throw stopped;
            }
            throw new IllegalStateException("a download ended in a way it never should", e.getCause());
        } finally {
            threads.shutdownNow();
            awaitEnd(threads);
        }
        state.write();
        return failedPaths;
    }

    /** No download writes any more once a run has ended: the next one goes on with the same parts. */
    private static void awaitEnd(ExecutorService threads) {
        boolean interrupted = Thread.interrupted();
        while (!threads.isTerminated()) {
            try {
                threads.awaitTermination(1, TimeUnit.MINUTES);
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** What one file has of the progress of all. */
    private final class Tally {
        private final AtomicLong done;
        private final long total;
        private long own;

        Tally(AtomicLong done, long total) {
            this.done = done;
            this.total = total;
        }

        void add(long bytes) {
            own += bytes;
            listener.progress(done.addAndGet(bytes), total);
        }

        /** However much of it there is. */
        void become(long bytes) {
            done.addAndGet(bytes - own);
            own = bytes;
        }
    }

    private Optional<IOException> tryFetch(Item item, Tally tally) throws InterruptedException {
        try {
            fetch(item, tally);
            return Optional.empty();
        } catch (IOException e) {
            if (Thread.interrupted()) { // A closed channel may say it this way.
                throw new InterruptedException(e.getMessage());
            }
            tally.become(item.size());
            return Optional.of(e);
        }
    }

    private void fetch(Item item, Tally tally) throws IOException, InterruptedException {
        Path file = directory.resolve(item.path().text());
        Path part = directory.resolve(item.path().text() + PART);
        Files.createDirectories(Optional.ofNullable(file.getParent()).orElseThrow());
        boolean resumed = Files.exists(part);
        if (!download(item, part, tally)) {
            Files.delete(part);
            tally.become(0);
            boolean right = false;
            if (resumed) { // The part from before may be of a file that has changed since: the whole decides.
                listener.say(
                        "%s: what was there is of another file; fetching it from the start".formatted(item.path()));
                right = download(item, part, tally);
            }
            if (!right) {
                Files.deleteIfExists(part);
                throw new IOException("what came is not what the metadata announces: the sha256 differs");
            }
        }
        DurableFile.rename(part, file);
    }

    /** Brings the whole file; returns whether it is the announced one. */
    private boolean download(Item item, Path part, Tally tally) throws IOException, InterruptedException {
        URI address = item.path().below(settings.root());
        try (PartFile file = new PartFile(part, item.size(), tally::add)) {
            if (file.position() > 0) {
                listener.say("%s: going on at byte %d".formatted(item.path(), file.position()));
            }
            long before = file.position();
            if (file.position() < item.size() || item.size() == 0) {
                withRetries(
                        item.path().text(),
                        () -> mirror.download(address, file.position(), Optional.empty(), item.size(), file));
            }
            downloaded.addAndGet(Math.max(0, file.position() - before));
            return file.isRight(item.sha256());
        }
    }

    private interface Attempt {
        void run() throws IOException, InterruptedException;
    }

    /** Tries again after failures that may pass. */
    private void withRetries(String what, Attempt attempt) throws IOException, InterruptedException {
        Duration wait = FIRST_PAUSE;
        for (int tries = 1; ; tries++) {
            try {
                attempt.run();
                return;
            } catch (MirrorException e) {
                throw e;
            } catch (IOException e) {
                if (Thread.interrupted()) { // The HTTP client may say it this way.
                    throw new InterruptedException(e.getMessage());
                }
                if (tries == MAX_TRIES) {
                    throw new IOException("%s (tried %d times)".formatted(e.getMessage(), tries), e);
                }
                Duration asked = e instanceof BusyException busy ? busy.pause() : Duration.ZERO;
                Duration next = asked.compareTo(wait) > 0 ? asked : wait;
                listener.say("%s: %s; trying again in %d ms".formatted(what, e.getMessage(), next.toMillis()));
                pause.of(next);
                wait = wait.multipliedBy(2);
            }
        }
    }

    private void remove(List<String> paths, MirrorState state) throws IOException {
        for (String path : paths) {
            delete(path);
            state.files.remove(path);
            listener.say("- " + path);
        }
        state.write();
    }

    private void delete(String path) throws IOException {
        Files.deleteIfExists(directory.resolve(path));
        int slash = path.lastIndexOf('/');
        try {
            for (String parent = path; slash > 0; slash = parent.lastIndexOf('/')) {
                parent = parent.substring(0, slash);
                Files.deleteIfExists(directory.resolve(parent));
            }
        } catch (DirectoryNotEmptyException e) {
            return; // So are those above it.
        }
    }
}
