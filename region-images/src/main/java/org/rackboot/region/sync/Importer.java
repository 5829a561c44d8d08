package org.rackboot.region.sync;

import java.io.IOException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.rackboot.region.signature.BadSignatureException;
import org.rackboot.region.signature.Keyring;
import org.rackboot.region.signature.KeyringException;
import org.rackboot.region.signature.SignatureVerifier;
import org.rackboot.region.signature.SignedDocument;
import org.rackboot.region.simplestreams.Archive;
import org.rackboot.region.simplestreams.MirrorPath;
import org.rackboot.region.simplestreams.Products;
import org.rackboot.region.simplestreams.StreamFormatException;
import org.rackboot.region.simplestreams.StreamIndex;
import org.rackboot.region.simplestreams.StreamReader;
import org.rackboot.region.source.BootSource;
import org.rackboot.region.source.Selection;
import org.rackboot.region.store.ContentRepository;
import org.rackboot.region.store.ContentRepository.ChecksumMismatchException;
import org.rackboot.region.store.ContentRepository.SizeMismatchException;
import org.rackboot.region.store.ContentRepository.StoredContent;
import org.rackboot.region.store.DatabaseException;
import org.rackboot.region.store.ImageRepository;
import org.rackboot.region.store.ImageRepository.FileReference;
import org.rackboot.region.store.ImageRepository.Mark;
import org.rackboot.region.store.ImageRepository.Publication;
import org.rackboot.region.store.SourceRepository;
import org.rackboot.region.sync.ImportPlan.PlannedFile;
import org.rackboot.region.sync.ImportPlan.PlannedVersion;
import org.rackboot.region.sync.ImportPlanner.Offer;
import org.rackboot.region.sync.ImportProgress.Phase;
import org.rackboot.region.sync.ImportReport.Outcome;
import org.rackboot.region.sync.Mirror.MirrorException;

/**
 * One import: reads the signed streams, plans, downloads what is missing, and publishes all of it in one transaction,
 * or nothing.
 *
 * <p>Only verified metadata is parsed, and only what it announces is kept. What was downloaded before a failure or a
 * crash stays in the database, unseen, and the next import goes on from there. Blocks; run it on a thread of its own.
 */
public final class Importer {
    /** Waits between tries; replaced where a test must not wait. */
    @FunctionalInterface
    public interface Pause {
        void of(Duration time) throws InterruptedException;
    }

    private static final int PARALLEL_DOWNLOADS = 4;
    private static final int MAX_TRIES = 6;
    private static final int MAX_ARCHIVE_BYTES = 32 << 20;
    private static final Duration FIRST_PAUSE = Duration.ofMillis(500);
    private static final Duration CLOCK_SKEW = Duration.ofHours(24);
    private static final String INDEX = "streams/v1/index.sjson";
    private static final String UNSIGNED_INDEX = "streams/v1/index.json";

    private final SourceRepository sources;
    private final ContentRepository contents;
    private final ImageRepository images;
    private final Mirror mirror;
    private final Clock clock;
    private final Pause pause;
    private final StreamReader reader = new StreamReader();

    public Importer(
            SourceRepository sources,
            ContentRepository contents,
            ImageRepository images,
            Mirror mirror,
            Clock clock,
            Pause pause) {
        this.sources = sources;
        this.contents = contents;
        this.images = images;
        this.mirror = mirror;
        this.clock = clock;
        this.pause = pause;
    }

    /**
     * Runs to the end. Problems are part of the report.
     *
     * @param usable the sources to ask, the one that wins first
     * @throws InterruptedException when it is stopped; nothing was published
     * @throws DatabaseException when the database fails
     */
    public ImportReport run(List<BootSource> usable, ImportProgress progress)
            throws InterruptedException, DatabaseException {
        List<Selection> selections = sources.selections();
        if (selections.isEmpty()) {
            return new ImportReport(
                    Outcome.NOTHING_SELECTED,
                    List.of(),
                    List.of("Nothing is selected, so no boot source was contacted. Select something first:"
                            + " rackboot selections add --os ubuntu --release noble --arch amd64"),
                    0,
                    0);
        }
        if (usable.isEmpty()) {
            return failed(List.of("No boot source is enabled and complete; see 'rackboot sources list'"));
        }
        Run run = new Run(progress);
        List<Offer> offers = new ArrayList<>();
        for (BootSource source : usable) {
            run.readStreams(source).ifPresent(offers::add);
        }
        if (run.refusedAnything || offers.isEmpty()) {
            return failed(run.problems);
        }
        ImportPlan plan = ImportPlanner.plan(offers, selections);
        for (String unmatched : plan.unmatched()) {
            run.problems.add("No boot source offers anything for the selection " + unmatched
                    + "; check its spelling with 'rackboot selections list'");
        }
        if (plan.unmatched().size() == selections.size()) {
            return failed(run.problems);
        }
        return run.download(plan) ? run.publish(plan) : run.report(Outcome.FAILED, List.of());
    }

    private static ImportReport failed(List<String> problems) {
        return new ImportReport(Outcome.FAILED, List.of(), problems, 0, 0);
    }

    /** The state of one run. */
    private final class Run {
        private final ImportProgress progress;
        private final List<String> problems = new ArrayList<>();
        private boolean refusedAnything; // Metadata that is not genuine, or not what the format says.
        private final List<Mark> marks = new ArrayList<>();
        private final AtomicLong downloaded = new AtomicLong();
        private final AtomicLong kept = new AtomicLong();

        Run(ImportProgress progress) {
            this.progress = progress;
        }

        Optional<Offer> readStreams(BootSource source) throws InterruptedException, DatabaseException {
            progress.enter(Phase.READING_STREAMS);
            String path = source.unsigned() ? UNSIGNED_INDEX : INDEX;
            try {
                Optional<SignatureVerifier> verifier = verifier(source);
                StreamIndex index = reader.readIndex(verified(source, verifier, path));
                mark(source, path, index.updated());
                List<Products> files = new ArrayList<>();
                for (StreamIndex.Entry entry : index.entries()) {
                    path = entry.path().text();
                    if (!source.unsigned() && !path.endsWith(".sjson")) {
                        throw new StreamFormatException("the signed index names an unsigned file");
                    }
                    Products products = reader.readProducts(verified(source, verifier, path));
                    if (!products.contentId().equals(entry.contentId())) { // Genuine, but of another stream.
                        throw new StreamFormatException("its content id is not the one that the index gives it");
                    }
                    mark(source, path, products.updated());
                    products.warnings().forEach(progress::say);
                    files.add(products);
                }
                return Optional.of(new Offer(source, files));
            } catch (DatabaseException e) {
                throw e;
            } catch (BadSignatureException | KeyringException | StreamFormatException e) {
                refusedAnything = true;
                problems.add("Boot source '%s': %s%s: %s".formatted(source.name(), source.url(), path, e.getMessage()));
                return Optional.empty();
            } catch (IOException e) { // Away, not wrong: what other sources offer can be had all the same.
                problems.add("Boot source '%s': %s%s: %s".formatted(source.name(), source.url(), path, e.getMessage()));
                return Optional.empty();
            }
        }

        private byte[] verified(BootSource source, Optional<SignatureVerifier> verifier, String path)
                throws IOException, InterruptedException, BadSignatureException {
            byte[] file = fetchMetadata(source, MirrorPath.parse(path));
            if (verifier.isEmpty()) {
                progress.say("%s%s: taken without a signature, as this source was added with --unsigned"
                        .formatted(source.url(), path));
                return file;
            }
            SignedDocument document = verifier.get().verifyClearSigned(file, clock.instant());
            progress.say("%s%s: signed by %s at %s"
                    .formatted(source.url(), path, document.keyFingerprint(), document.signedAt()));
            return document.bytes();
        }

        /** Refuses a file that is older than one accepted before (S-30), or dated in the future (S-36). */
        private void mark(BootSource source, String path, Instant updated) throws IOException {
            Optional<Instant> before = sources.mark(source.id(), path);
            if (before.isPresent() && updated.isBefore(before.get())) {
                throw new StreamFormatException(
                        ("it was published at %s, but one of %s was accepted before: someone may be replaying an old"
                                        + " stream, or the mirror went back in time")
                                .formatted(updated, before.get()));
            }
            if (updated.isAfter(clock.instant().plus(CLOCK_SKEW))) {
                throw new StreamFormatException(
                        "it says it was published at %s, which is in the future; check this machine's clock"
                                .formatted(updated));
            }
            marks.add(new Mark(source.id(), path, updated));
        }

        /** Fetches what is not here. Returns whether everything is. */
        boolean download(ImportPlan plan) throws InterruptedException, DatabaseException {
            Map<Wanted, Download> wanted = new LinkedHashMap<>();
            for (PlannedVersion version : plan.versions()) {
                for (PlannedFile file : version.files()) {
                    Download download = new Download(version.source(), file);
                    Download same = wanted.putIfAbsent(new Wanted(file.sha256(), file.archive()), download);
                    if (same != null && same.file.size() != file.size()) {
                        problems.add("%s: %d bytes were announced, but %d for %s, which has the same sha256"
                                .formatted(download.address(), file.size(), same.file.size(), same.address()));
                        return false;
                    }
                }
            }
            progress.expect(
                    wanted.size(),
                    wanted.values().stream().mapToLong(d -> d.file.size()).sum());
            progress.enter(Phase.DOWNLOADING);
            ExecutorService threads = Executors.newFixedThreadPool(PARALLEL_DOWNLOADS, work -> {
                Thread thread = new Thread(work, "import-download");
                thread.setDaemon(true);
                return thread;
            });
            try {
                List<Future<Optional<String>>> results = new ArrayList<>();
                for (Download download : wanted.values()) {
                    results.add(threads.submit(() -> fetch(download)));
                }
                boolean all = true;
                for (Future<Optional<String>> result : results) {
                    Optional<String> problem = outcome(result);
                    problem.ifPresent(problems::add);
                    all &= problem.isEmpty();
                }
                return all;
            } finally {
                threads.shutdownNow();
                awaitEnd(threads);
            }
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
            String path = file.path().text();
            progress.begin(path);
            boolean done = false;
            try {
                if (file.archive()) {
                    fetchArchive(download);
                } else if (contents.find(file.sha256())
                        .filter(here -> here.size() == file.size())
                        .isPresent()) {
                    keep(file.size());
                } else {
                    fetchContent(download);
                }
                done = true;
                return Optional.empty();
            } catch (DatabaseException e) {
                throw e;
            } catch (IOException e) {
                return Optional.of("%s: %s".formatted(download.address(), e.getMessage()));
            } finally {
                progress.end(path, done);
            }
        }

        private void keep(long bytes) {
            kept.addAndGet(bytes);
            progress.addBytes(bytes);
        }

        private void fetchArchive(Download download) throws IOException, InterruptedException {
            PlannedFile file = download.file;
            if (!contents.archive(file.sha256()).isEmpty()) {
                keep(file.size());
                return;
            }
            if (file.size() > MAX_ARCHIVE_BYTES) {
                throw new MirrorException(
                        "the archive has %d bytes; at most %d are unpacked".formatted(file.size(), MAX_ARCHIVE_BYTES));
            }
            ArchiveReceiver receiver = new ArchiveReceiver((int) file.size());
            withRetries(
                    file.path(), () -> mirror.download(download.address(), 0, Optional.empty(), file.size(), receiver));
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
            URI address = download.address();
            ContentRepository.Writer writer = contents.write(file.sha256(), file.size());
            long resumedAt = writer.position();
            if (resumedAt > 0) {
                progress.say("%s: going on at byte %d".formatted(file.path(), resumedAt));
                progress.addBytes(resumedAt);
            }
            StoredContent stored;
            try {
                stored = complete(writer, address, file);
            } catch (ChecksumMismatchException e) {
                if (resumedAt == 0) {
                    throw e;
                }
                // The part from before may be of a file that has changed since: the whole decides.
                progress.say("%s: %s; fetching it from the start".formatted(file.path(), e.getMessage()));
                progress.addBytes(-file.size());
                writer = contents.write(file.sha256(), file.size());
                stored = complete(writer, address, file);
            }
            kept.addAndGet(writer.keptBytes());
            progress.say("%s: %d bytes, sha256 right".formatted(file.path(), stored.size()));
        }

        private StoredContent complete(ContentRepository.Writer writer, URI address, PlannedFile file)
                throws IOException, InterruptedException {
            if (writer.position() < file.size()) {
                withRetries(
                        file.path(),
                        () -> mirror.download(
                                address, writer.position(), writer.etag(), file.size(), new ContentReceiver(writer)));
            }
            return writer.finish();
        }

        ImportReport publish(ImportPlan plan) throws DatabaseException {
            progress.enter(Phase.PUBLISHING);
            List<Publication> publications = new ArrayList<>();
            for (PlannedVersion version : plan.versions()) {
                Map<String, FileReference> artifacts = new LinkedHashMap<>();
                for (PlannedFile file : version.files()) {
                    if (file.archive()) {
                        contents.archive(file.sha256())
                                .forEach(
                                        (name, sha256) -> artifacts.put(name, new FileReference("bootloader", sha256)));
                    } else {
                        artifacts.put(file.name(), new FileReference(file.ftype(), file.sha256()));
                    }
                }
                publications.add(new Publication(version.source().id(), version.image(), version.serial(), artifacts));
            }
            List<String> published = images.publish(publications, marks, clock.instant()).stream()
                    .map(publication -> publication.image().product() + " " + publication.serial())
                    .toList();
            return report(problems.isEmpty() ? Outcome.DONE : Outcome.PARTIAL, published);
        }

        ImportReport report(Outcome outcome, List<String> published) {
            return new ImportReport(outcome, published, problems, downloaded.get(), kept.get());
        }

        private byte[] fetchMetadata(BootSource source, MirrorPath path) throws IOException, InterruptedException {
            List<byte[]> result = new ArrayList<>();
            withRetries(path, () -> result.add(mirror.metadata(path.below(source.url()), StreamReader.MAX_FILE_BYTES)));
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
                    progress.say("%s: %s; trying again in %d ms".formatted(path, e.getMessage(), wait.toMillis()));
                    pause.of(wait);
                    wait = wait.multipliedBy(2);
                }
            }
        }

        /** Writes a download into the database, from where the server begins. */
        private final class ContentReceiver implements Mirror.Receiver {
            private final ContentRepository.Writer writer;

            ContentReceiver(ContentRepository.Writer writer) {
                this.writer = writer;
            }

            @Override
            public void begin(long from, Optional<String> etag) throws IOException {
                if (from == 0) {
                    progress.addBytes(-writer.position());
                    writer.restart(etag.orElse(null));
                }
            }

            @Override
            public void accept(ByteBuffer bytes) throws IOException {
                int count = bytes.remaining();
                writer.append(bytes);
                downloaded.addAndGet(count);
                progress.addBytes(count);
            }
        }

        private final class ArchiveReceiver implements Mirror.Receiver {
            private final ByteBuffer all;

            ArchiveReceiver(int size) {
                all = ByteBuffer.allocate(size);
            }

            @Override
            public void begin(long from, Optional<String> etag) {
                progress.addBytes(-all.position());
                all.clear();
            }

            @Override
            public void accept(ByteBuffer bytes) throws IOException {
                int count = bytes.remaining();
                if (count > all.remaining()) {
                    throw new MirrorException("more than the announced %d bytes came".formatted(all.capacity()));
                }
                all.put(bytes);
                downloaded.addAndGet(count);
                progress.addBytes(count);
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
    private record Wanted(String sha256, boolean archive) {}

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
