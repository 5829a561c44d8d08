package org.rackboot.region.sync;

import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongSupplier;
import org.rackboot.region.machine.AssignedVersion;
import org.rackboot.region.signature.Keyring;
import org.rackboot.region.signature.KeyringException;
import org.rackboot.region.signature.SignatureVerifier;
import org.rackboot.region.simplestreams.Archive;
import org.rackboot.region.simplestreams.MirrorPath;
import org.rackboot.region.simplestreams.Product;
import org.rackboot.region.simplestreams.Products;
import org.rackboot.region.source.BootSource;
import org.rackboot.region.source.Selection;
import org.rackboot.region.store.ContentRepository;
import org.rackboot.region.store.ContentRepository.ChecksumMismatchException;
import org.rackboot.region.store.ContentRepository.SizeMismatchException;
import org.rackboot.region.store.ContentRepository.StoredContent;
import org.rackboot.region.store.DatabaseException;
import org.rackboot.region.store.ImageRepository;
import org.rackboot.region.store.ImageRepository.FileReference;
import org.rackboot.region.store.ImageRepository.Kind;
import org.rackboot.region.store.ImageRepository.Publication;
import org.rackboot.region.store.ImageRepository.Version;
import org.rackboot.region.store.SourceRepository;
import org.rackboot.region.sync.ImportPlan.Deletion;
import org.rackboot.region.sync.ImportPlan.PlannedFile;
import org.rackboot.region.sync.ImportPlan.PlannedVersion;
import org.rackboot.region.sync.ImportPlanner.Offer;
import org.rackboot.region.sync.ImportProgress.Phase;
import org.rackboot.region.sync.ImportReport.Outcome;
import org.rackboot.region.sync.Mirror.BusyException;
import org.rackboot.region.sync.Mirror.MirrorException;

/**
 * One import: reads the signed streams, plans, downloads what is missing, publishes each version as soon as all of it is
 * here and verified, and deletes what the plan says.
 *
 * <p>Only verified metadata is parsed, and only what it announces is kept. A version that is refused does not hold up the
 * others. What was downloaded before a failure or a crash stays in the database, unseen, and the next import goes on from
 * there. Blocks; run it on a thread of its own.
 */
public final class Importer {
    /** Waits between tries; replaced where a test must not wait. */
    @FunctionalInterface
    public interface Pause {
        void of(Duration time) throws InterruptedException;
    }

    /**
     * What operators choose.
     *
     * @param keep how many versions of an image stay, at least 1; pinned ones do anyway
     * @param freeBytes how much the database may grow; asked before anything is downloaded
     */
    public record Settings(int keep, LongSupplier freeBytes) {
        public static final Settings DEFAULT = new Settings(2, () -> Long.MAX_VALUE);
    }

    private static final int PARALLEL_DOWNLOADS = 4;
    private static final int MAX_TRIES = 6;
    private static final int MAX_ARCHIVE_BYTES = 32 << 20;
    private static final Duration FIRST_PAUSE = Duration.ofMillis(500);
    private static final Duration CLOCK_SKEW = Duration.ofHours(24);
    private static final Duration STALE = Duration.ofDays(30); // S-31
    private static final String INDEX = "streams/v1/index.sjson";
    private static final String UNSIGNED_INDEX = "streams/v1/index.json";

    private final SourceRepository sources;
    private final ContentRepository contents;
    private final ImageRepository images;
    private final Mirror mirror;
    private final Settings settings;
    private final Clock clock;
    private final Pause pause;
    private final ImportTally tally = new ImportTally();

    public Importer(
            SourceRepository sources,
            ContentRepository contents,
            ImageRepository images,
            Mirror mirror,
            Settings settings,
            Clock clock,
            Pause pause) {
        this.sources = sources;
        this.contents = contents;
        this.images = images;
        this.mirror = mirror;
        this.settings = settings;
        this.clock = clock;
        this.pause = pause;
    }

    /**
     * Runs to the end. Problems are part of the report.
     *
     * @param usable the sources to ask, the one that wins first
     * @param afterChange called after each change of what is published
     * @throws InterruptedException when it is stopped; what was published stays
     * @throws DatabaseException when the database fails
     */
    public ImportReport run(List<BootSource> usable, ImportProgress progress, Runnable afterChange)
            throws InterruptedException, DatabaseException {
        boolean ended = false;
        try {
            ImportReport report = carryOut(usable, progress, afterChange);
            tally.ended(report.outcome());
            ended = true;
            return report;
        } finally {
            if (!ended) {
                tally.brokeOff();
            }
        }
    }

    /** What runs did so far, in numbers. */
    public ImportTally tally() {
        return tally;
    }

    private ImportReport carryOut(List<BootSource> usable, ImportProgress progress, Runnable afterChange)
            throws InterruptedException, DatabaseException {
        Run run = new Run(progress, afterChange);
        Optional<ImportReport> nothing = nothingToDo(usable);
        if (nothing.isPresent()) {
            return nothing.get();
        }
        ImportPlan plan = run.plan(usable);
        if (run.readable == 0 || run.nothingOffered) {
            return run.report(Outcome.FAILED);
        }
        run.carryOut(plan);
        return run.report(run.outcome(plan));
    }

    /**
     * Plans without downloading an image or changing anything.
     *
     * @throws InterruptedException when it is stopped
     */
    public ImportPreview preview(List<BootSource> usable) throws InterruptedException, DatabaseException {
        Optional<ImportReport> nothing = nothingToDo(usable);
        if (nothing.isPresent()) {
            return new ImportPreview(
                    new ImportPlan(List.of(), List.of(), List.of(), List.of()),
                    List.of(),
                    nothing.get().problems());
        }
        Run run = new Run(new ImportProgress(), () -> {});
        run.isPreview = true;
        ImportPlan plan = run.plan(usable);
        List<Long> missing = new ArrayList<>();
        Set<String> counted = new HashSet<>();
        for (PlannedVersion version : plan.versions()) {
            long bytes = 0;
            for (PlannedFile file : version.files()) {
                if (counted.add(file.sha256())) {
                    bytes += run.missingBytes(file);
                }
            }
            missing.add(bytes);
        }
        return new ImportPreview(plan, missing, run.problems);
    }

    /**
     * Reads a source's metadata and tells what it has; changes nothing.
     *
     * @throws InterruptedException when it is stopped
     */
    public SourceOffer probe(BootSource source) throws InterruptedException, DatabaseException {
        Run run = new Run(new ImportProgress(), () -> {});
        run.isPreview = true;
        Optional<List<Products>> files = run.readStreams(source);
        List<SourceOffer.Offered> offered = new ArrayList<>();
        List<String> warnings = new ArrayList<>();
        for (Products file : files.orElse(List.of())) {
            warnings.addAll(file.warnings());
            for (Product product : file.products()) {
                ImportPlanner.newest(source, product)
                        .ifPresent(newest -> offered.add(new SourceOffer.Offered(
                                newest.image(),
                                newest.serial(),
                                product.versions().size(),
                                newest.files().stream()
                                        .mapToLong(PlannedFile::size)
                                        .sum())));
            }
        }
        return new SourceOffer(offered, warnings, String.join("; ", run.problems));
    }

    private Optional<ImportReport> nothingToDo(List<BootSource> usable) throws DatabaseException {
        if (sources.selections().isEmpty()) {
            return Optional.of(new ImportReport(
                    Outcome.NOTHING_SELECTED,
                    List.of(),
                    List.of(),
                    List.of("Nothing is selected, so no boot source was contacted. Select something first:"
                            + " rackboot selections add --os ubuntu --release noble --arch amd64"),
                    0,
                    0));
        }
        return usable.isEmpty()
                ? Optional.of(new ImportReport(
                        Outcome.FAILED,
                        List.of(),
                        List.of(),
                        List.of("No boot source is enabled and complete; see 'rackboot sources list'"),
                        0,
                        0))
                : Optional.empty();
    }

    /** The state of one run. */
    private final class Run {
        private final ImportProgress progress;
        private final Runnable afterChange;
        private final List<String> problems = new ArrayList<>();
        private final List<String> published = new ArrayList<>();
        private final List<String> deleted = new ArrayList<>();
        private final AtomicLong downloaded = new AtomicLong();
        private final AtomicLong kept = new AtomicLong();
        private final ReentrantLock archives = new ReentrantLock();
        private int readable;
        private boolean nothingOffered;
        private int failedVersions;
        private boolean isPreview;

        Run(ImportProgress progress, Runnable afterChange) {
            this.progress = progress;
            this.afterChange = afterChange;
        }

        ImportPlan plan(List<BootSource> usable) throws InterruptedException, DatabaseException {
            progress.enter(Phase.READING_STREAMS);
            List<Offer> offers = new ArrayList<>();
            for (BootSource source : usable) {
                Optional<List<Products>> files = readStreams(source);
                files.ifPresent(read -> readable++);
                offers.add(new Offer(source, files));
            }
            List<Selection> selections = sources.selections();
            ImportPlan plan =
                    ImportPlanner.plan(offers, selections, imported(), images.assignedVersions(), settings.keep());
            for (ImportPlan.Refusal refusal : plan.refusals()) {
                tally.refused(ImportTally.Refusal.VERSION);
                problems.add(refusal.describe());
            }
            Set<Selection> refused = new HashSet<>();
            offers.forEach(offer -> offer.files()
                    .ifPresent(files ->
                            files.forEach(file -> refused.addAll(tellRefused(offer.source(), file, selections)))));
            nothingOffered = mirror.part().isEmpty()
                    && readable > 0
                    && refused.isEmpty()
                    && plan.unmatched().size() == selections.size();
            for (Selection selection : plan.unmatched()) {
                if (readable > 0
                        && !refused.contains(selection)
                        && mirror.part().isEmpty()) {
                    problems.add("No boot source offers anything for the selection " + selection.describe()
                            + "; check its spelling with 'rackboot selections list'");
                }
            }
            return plan;
        }

        /** Tells of versions that would be wanted, were they written as they must be; returns who wanted them. */
        private Set<Selection> tellRefused(BootSource source, Products file, List<Selection> selections) {
            Set<Selection> disappointed = new HashSet<>();
            for (Products.Refused refused : file.refused()) {
                for (Product product : file.products()) {
                    boolean loader = product.bootMethod().isPresent();
                    List<Selection> asking = selections.stream()
                            .filter(selection -> !loader && selection.matches(product))
                            .toList();
                    boolean wanted = loader || !asking.isEmpty();
                    boolean newest = product.newestSerial().orElse("").compareTo(refused.serial()) < 0;
                    if (product.name().equals(refused.product()) && wanted && newest) {
                        tally.refused(ImportTally.Refusal.FORMAT);
                        problems.add("%s %s (from %s) was refused: %s"
                                .formatted(refused.product(), refused.serial(), source.name(), refused.cause()));
                        disappointed.addAll(asking);
                    }
                }
            }
            return disappointed;
        }

        /** What a source offers; empty, with a problem told, if it cannot be read or is not genuine. */
        private Optional<List<Products>> readStreams(BootSource source) throws InterruptedException, DatabaseException {
            try {
                var metadata = new MetadataReader(verifier(source), clock.instant(), metadataOf(source))
                        .read(MirrorPath.parse(
                                source.access().start().orElse(source.unsigned() ? UNSIGNED_INDEX : INDEX)));
                for (Products file : metadata.files()) {
                    file.notices().forEach(notice -> progress.say("notice of the publisher: " + notice.values()));
                }
                if (!isPreview) {
                    sources.setMarks(source.id(), metadata.marks());
                }
                return Optional.of(mirror.part()
                        .map(paths -> metadata.files().stream()
                                .map(file -> file.part(paths))
                                .toList())
                        .orElse(metadata.files()));
            } catch (DatabaseException e) {
                throw e;
            } catch (MetadataReader.FileException e) {
                if (e.getCause() instanceof DatabaseException database) {
                    throw database;
                }
                tally.refused(e.getCause());
                problems.add(
                        "Boot source '%s': %s%s: %s".formatted(source.name(), source.url(), e.path(), e.getMessage()));
            } catch (KeyringException | IOException e) {
                tally.refused(e);
                problems.add("Boot source '%s': %s".formatted(source.name(), e.getMessage()));
            }
            return Optional.empty();
        }

        private MetadataReader.Import metadataOf(BootSource source) {
            return new MetadataReader.Import() {
                @Override
                public byte[] fetch(MirrorPath path, int maxBytes) throws IOException, InterruptedException {
                    return fetchMetadata(source, path, maxBytes);
                }

                @Override
                public void requireFresh(String mark, Instant updated) throws IOException {
                    fresh(source, mark, updated);
                }

                @Override
                public void say(String line) {
                    progress.say(source.url() + line);
                }
            };
        }

        /** Refuses a file that is older than one accepted before (S-30), or dated in the future (S-36). */
        private void fresh(BootSource source, String path, Instant updated) throws IOException {
            Optional<Instant> before = sources.mark(source.id(), path);
            if (before.isPresent() && updated.isBefore(before.get())) {
                throw new ImportTally.FreshnessException(
                        ("it was published at %s, but one of %s was accepted before: someone may be replaying an old"
                                        + " stream, or the mirror went back in time. If that is meant:"
                                        + " rackboot sources update '%s' --accept-older")
                                .formatted(updated, before.get(), source.name()));
            }
            if (updated.isAfter(clock.instant().plus(CLOCK_SKEW))) {
                throw new ImportTally.FreshnessException(
                        "it says it was published at %s, which is in the future; check this machine's clock"
                                .formatted(updated));
            }
            Duration age = Duration.between(updated, clock.instant());
            if (age.compareTo(STALE) > 0) {
                progress.say("%s%s: nothing new for %d days: is the mirror still being updated?"
                        .formatted(source.url(), path, age.toDays()));
            }
        }

        /** Fetches what is not here, publishes version by version, then deletes. */
        void carryOut(ImportPlan plan) throws InterruptedException, DatabaseException {
            Map<Wanted, Download> wanted = new LinkedHashMap<>();
            for (PlannedVersion version : plan.versions()) {
                for (PlannedFile file : version.files()) {
                    wanted.putIfAbsent(Wanted.of(file), new Download(version.source(), file));
                }
            }
            progress.expect(plan.versions());
            if (!hasRoom(wanted.values())) {
                Optional<String> noRoom = Optional.of(problems.get(problems.size() - 1));
                plan.versions().forEach(version -> progress.ended(version, noRoom));
                failedVersions = plan.versions().size();
                return;
            }
            progress.enter(Phase.DOWNLOADING);
            ExecutorService threads = Executors.newFixedThreadPool(PARALLEL_DOWNLOADS, work -> {
                Thread thread = new Thread(work, "import-download");
                thread.setDaemon(true);
                return thread;
            });
            try {
                Map<Wanted, Future<Optional<String>>> results = new LinkedHashMap<>();
                wanted.forEach((key, download) -> results.put(key, threads.submit(() -> fetch(download))));
                for (PlannedVersion version : plan.versions()) {
                    complete(version, results);
                }
            } finally {
                threads.shutdownNow();
                awaitEnd(threads);
            }
            progress.enter(Phase.DELETING);
            delete(plan);
        }

        /** Before anything is fetched: a full disk in the middle helps nobody. */
        private boolean hasRoom(Collection<Download> wanted) throws DatabaseException {
            long missing = 0;
            for (Download download : wanted) {
                missing += missingBytes(download.file);
            }
            long free = settings.freeBytes().getAsLong();
            if (missing > free) {
                problems.add(("%d bytes are to be fetched, but only %d are free where the region database is: free some"
                                + " space, or select less")
                        .formatted(missing, free));
            }
            return missing <= free;
        }

        long missingBytes(PlannedFile file) throws DatabaseException {
            boolean unpacked =
                    file.archive() && !contents.archive(file.sha256()).isEmpty();
            return unpacked ? 0 : file.size() - Math.min(file.size(), contents.storedBytes(file.sha256()));
        }

        /** Waits for a version's files, and publishes it if all are right. */
        private void complete(PlannedVersion version, Map<Wanted, Future<Optional<String>>> results)
                throws InterruptedException, DatabaseException {
            List<String> causes = new ArrayList<>();
            for (PlannedFile file : version.files()) {
                outcome(requireNonNull(results.get(Wanted.of(file)))).ifPresent(causes::add);
            }
            Optional<String> problem = causes.isEmpty() ? publish(version) : Optional.of(String.join("; ", causes));
            if (problem.isPresent()) {
                failedVersions++;
                problems.add(version.describe() + " was not imported: " + problem.get());
            }
            progress.ended(version, problem);
        }

        private Optional<String> publish(PlannedVersion version) throws DatabaseException {
            Map<String, FileReference> artifacts = new LinkedHashMap<>();
            for (PlannedFile file : version.files()) {
                if (file.archive()) {
                    contents.archive(file.sha256())
                            .forEach((name, sha256) -> artifacts.put(name, new FileReference("bootloader", sha256)));
                } else {
                    artifacts.put(file.name(), new FileReference(file.ftype(), file.sha256()));
                }
            }
            Publication publication =
                    new Publication(version.source().id(), version.image(), version.serial(), artifacts);
            Optional<Map<String, String>> before = images.artifacts(publication);
            if (before.isPresent()) {
                Map<String, String> now = new HashMap<>();
                artifacts.forEach((name, file) -> now.put(name, file.sha256()));
                if (!before.get().equals(now)) {
                    return changed();
                }
                if (images.refresh(publication)) {
                    afterChange.run();
                }
                return Optional.empty();
            }
            if (images.publish(publication, clock.instant())) {
                published.add(version.image().product() + " " + version.serial());
                afterChange.run();
            }
            return Optional.empty();
        }

        private Optional<String> changed() {
            tally.refused(ImportTally.Refusal.VERSION);
            return Optional.of("it was published before with other content, and a version never changes: what was"
                    + " verified first stays");
        }

        private void delete(ImportPlan plan) throws DatabaseException {
            Set<String> staying = new HashSet<>();
            Set<String> leaving = new HashSet<>();
            for (Deletion deletion : plan.deletions()) {
                leaving.add(key(deletion.version()));
            }
            for (Version version : imported()) {
                if (!leaving.contains(key(version))) {
                    staying.add(version.image().name());
                }
            }
            List<Version> going = new ArrayList<>();
            List<AssignedVersion> assigned = images.assignedVersions(); // Since the plan was made, perhaps.
            for (Deletion deletion : plan.deletions()) {
                if (deletion.version().isAssigned(assigned)) {
                    continue;
                }
                boolean replaced = staying.contains(deletion.version().image().name());
                boolean unwanted = plan.versions().stream()
                        .noneMatch(planned -> planned.image()
                                .name()
                                .equals(deletion.version().image().name()));
                if (replaced || unwanted) { // Else what should take its place did not come.
                    going.add(deletion.version());
                    deleted.add(deletion.describe());
                }
            }
            boolean anyImage = staying.stream().anyMatch(name -> !name.startsWith("bootloader/"));
            if (!anyImage && going.stream().anyMatch(version -> version.image().kind() == Kind.IMAGE)) {
                deleted.clear();
                problems.add("Nothing was deleted, as that would have been every image; if it is meant, use"
                        + " 'rackboot images delete'");
                return;
            }
            if (images.delete(going) > 0) {
                deleted.forEach(line -> progress.say("deleted " + line));
                afterChange.run();
            }
            Set<String> wanted = new HashSet<>();
            plan.versions().forEach(version -> version.files().forEach(file -> wanted.add(file.sha256())));
            contents.collect(wanted);
        }

        /** What operators uploaded is theirs alone to delete. */
        private List<Version> imported() throws DatabaseException {
            return images.versions().stream()
                    .filter(version -> !version.source().equals(SourceRepository.UPLOADS))
                    .toList();
        }

        private static String key(Version version) {
            return version.source() + "\n" + version.image().product() + "\n" + version.serial();
        }

        Outcome outcome(ImportPlan plan) {
            if (problems.isEmpty()) {
                return Outcome.DONE;
            }
            int wanted = plan.versions().size() + plan.refusals().size();
            boolean nothingCame = wanted > 0 && failedVersions + plan.refusals().size() == wanted;
            return nothingCame ? Outcome.FAILED : Outcome.PARTIAL;
        }

        ImportReport report(Outcome outcome) {
            return new ImportReport(outcome, published, deleted, problems, downloaded.get(), kept.get());
        }

        /** No download writes any more once an import has ended: the next one may be about the same content. */
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

        private static Optional<String> outcome(Future<Optional<String>> result)
                throws InterruptedException, DatabaseException {
            try {
                return result.get();
            } catch (ExecutionException e) {
                if (e.getCause() instanceof DatabaseException database) {
                    throw database;
                }
                throw new IllegalStateException("a download ended in a way it never should", e.getCause());
            }
        }

        /** Brings one file into the database; a problem is the answer, in words. */
        private Optional<String> fetch(Download download) throws InterruptedException, DatabaseException {
            PlannedFile file = download.file;
            progress.begin(file);
            try {
                if (file.archive()) {
                    fetchArchive(download);
                } else if (contents.find(file.sha256())
                        .filter(here -> here.size() == file.size())
                        .isPresent()) {
                    keep(file);
                } else {
                    fetchContent(download);
                }
                progress.end(file, Optional.empty());
                return Optional.empty();
            } catch (DatabaseException e) {
                throw e;
            } catch (IOException e) {
                tally.refused(e);
                Optional<String> problem = Optional.of("%s: %s".formatted(download.address(), e.getMessage()));
                progress.end(file, problem);
                return problem;
            }
        }

        private void came(PlannedFile file, int bytes) {
            downloaded.addAndGet(bytes);
            tally.downloaded(bytes);
            progress.fetched(file, bytes);
        }

        private void keep(PlannedFile file) {
            kept.addAndGet(file.size());
            progress.addBytes(file, file.size());
        }

        /** One after the other: packed and unpacked at once, a few of the largest would fill a small heap. */
        private void fetchArchive(Download download) throws IOException, InterruptedException {
            archives.lockInterruptibly();
            try {
                fetchOneArchive(download);
            } finally {
                archives.unlock();
            }
        }

        private void fetchOneArchive(Download download) throws IOException, InterruptedException {
            PlannedFile file = download.file;
            if (!contents.archive(file.sha256()).isEmpty()) {
                keep(file);
                return;
            }
            if (file.size() > MAX_ARCHIVE_BYTES) {
                throw new MirrorException(
                        "the archive has %d bytes; at most %d are unpacked".formatted(file.size(), MAX_ARCHIVE_BYTES));
            }
            ArchiveReceiver receiver = new ArchiveReceiver(file);
            withRetries(
                    file.path(),
                    () -> mirror.via(download.source)
                            .download(download.address(), 0, Optional.empty(), file.size(), receiver));
            byte[] archive = receiver.verified(file.sha256());
            Map<String, String> members = new LinkedHashMap<>();
            for (Map.Entry<String, byte[]> member : Archive.unpack(archive).entrySet()) {
                members.put(member.getKey(), contents.store(member.getValue()).sha256());
            }
            contents.putArchive(file.sha256(), members);
            progress.say("%s: %d bytes, sha256 right, %d members".formatted(file.path(), file.size(), members.size()));
        }

        private void fetchContent(Download download) throws IOException, InterruptedException {
            PlannedFile file = download.file;
            ContentRepository.Writer writer = contents.write(file.sha256(), file.size());
            long resumedAt = writer.position();
            if (resumedAt > 0) {
                progress.say("%s: going on at byte %d".formatted(file.path(), resumedAt));
                progress.addBytes(file, resumedAt);
            }
            StoredContent stored;
            try {
                stored = complete(writer, download);
            } catch (ChecksumMismatchException e) {
                if (resumedAt == 0) {
                    throw e;
                }
                // The part from before may be of a file that has changed since: the whole decides.
                progress.say("%s: %s; fetching it from the start".formatted(file.path(), e.getMessage()));
                progress.addBytes(file, -file.size());
                writer = contents.write(file.sha256(), file.size());
                stored = complete(writer, download);
            }
            kept.addAndGet(writer.keptBytes());
            progress.say("%s: %d bytes, sha256 right".formatted(file.path(), stored.size()));
        }

        private StoredContent complete(ContentRepository.Writer writer, Download download)
                throws IOException, InterruptedException {
            PlannedFile file = download.file;
            if (writer.position() < file.size()) {
                withRetries(
                        file.path(),
                        () -> mirror.via(download.source)
                                .download(
                                        download.address(),
                                        writer.position(),
                                        writer.etag(),
                                        file.size(),
                                        new ContentReceiver(file, writer)));
            }
            return writer.finish();
        }

        private byte[] fetchMetadata(BootSource source, MirrorPath path, int maxBytes)
                throws IOException, InterruptedException {
            List<byte[]> result = new ArrayList<>();
            withRetries(path, () -> result.add(mirror.via(source).metadata(path.below(source.url()), maxBytes)));
            return result.get(result.size() - 1);
        }

        /** Tries again after failures that may pass; chunks that arrived stay. */
        private void withRetries(MirrorPath path, Attempt attempt) throws IOException, InterruptedException {
            Duration wait = FIRST_PAUSE;
            for (int tries = 1; ; tries++) {
                try {
                    attempt.run();
                    return;
                } catch (MirrorException | DatabaseException | SizeMismatchException | ChecksumMismatchException e) {
                    throw e;
                } catch (IOException e) {
                    if (Thread.interrupted()) { // The HTTP client may say it this way.
                        throw new InterruptedException(e.getMessage());
                    }
                    if (tries == MAX_TRIES) {
                        throw new IOException(e.getMessage() + " (tried " + tries + " times)", e);
                    }
                    Duration asked = e instanceof BusyException busy ? busy.pause() : Duration.ZERO;
                    Duration next = asked.compareTo(wait) > 0 ? asked : wait;
                    progress.say("%s: %s; trying again in %d ms".formatted(path, e.getMessage(), next.toMillis()));
                    pause.of(next);
                    wait = wait.multipliedBy(2);
                }
            }
        }

        /** Writes a download into the database, from where the server begins. */
        private final class ContentReceiver implements Mirror.Receiver {
            private final PlannedFile file;
            private final ContentRepository.Writer writer;

            ContentReceiver(PlannedFile file, ContentRepository.Writer writer) {
                this.file = file;
                this.writer = writer;
            }

            @Override
            public void begin(long from, Optional<String> etag) throws IOException {
                if (from == 0) {
                    progress.addBytes(file, -writer.position());
                    writer.restart(etag.orElse(null));
                }
            }

            @Override
            public void accept(ByteBuffer bytes) throws IOException {
                int count = bytes.remaining();
                writer.append(bytes);
                came(file, count);
            }
        }

        private final class ArchiveReceiver implements Mirror.Receiver {
            private final PlannedFile file;
            private final ByteBuffer all;

            ArchiveReceiver(PlannedFile file) {
                this.file = file;
                this.all = ByteBuffer.allocate((int) file.size());
            }

            @Override
            public void begin(long from, Optional<String> etag) {
                progress.addBytes(file, from - all.position());
                all.position((int) from); // Not always 0: another root may go on where one broke off.
            }

            @Override
            public void accept(ByteBuffer bytes) throws IOException {
                int count = bytes.remaining();
                if (count > all.remaining()) {
                    throw new Mirror.WrongSizeException(
                            "more than the announced %d bytes came".formatted(all.capacity()));
                }
                all.put(bytes);
                came(file, count);
            }

            byte[] verified(String sha256) throws IOException {
                return ContentRepository.verified(all.array(), sha256);
            }
        }
    }

    private record Download(BootSource source, PlannedFile file) {
        URI address() {
            return file.path().below(source.url());
        }
    }

    /** Content to have; of an archive, its members. */
    private record Wanted(String sha256, boolean archive) {
        static Wanted of(PlannedFile file) {
            return new Wanted(file.sha256(), file.archive());
        }
    }

    @FunctionalInterface
    private interface Attempt {
        void run() throws IOException, InterruptedException;
    }

    private static Optional<SignatureVerifier> verifier(BootSource source) throws IOException, KeyringException {
        if (source.unsigned()) {
            return Optional.empty();
        }
        BootSource.Trust trust = source.trust()
                .orElseThrow(() -> new IOException("the source has no keyring and was not added with --unsigned"));
        byte[] keyring = trust instanceof BootSource.Trust.Data data
                ? data.keyring()
                : Files.readAllBytes(Path.of(((BootSource.Trust.File) trust).path()));
        return Optional.of(new SignatureVerifier(Keyring.parse(keyring)));
    }
}
