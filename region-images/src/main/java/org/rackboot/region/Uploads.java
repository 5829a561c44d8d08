package org.rackboot.region;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.rackboot.region.Region.RefusedException;
import org.rackboot.region.machine.AssignedVersion;
import org.rackboot.region.store.ContentRepository;
import org.rackboot.region.store.ContentRepository.ChecksumMismatchException;
import org.rackboot.region.store.ContentRepository.SizeMismatchException;
import org.rackboot.region.store.DatabaseException;
import org.rackboot.region.store.ImageRepository;
import org.rackboot.region.store.ImageRepository.FileReference;
import org.rackboot.region.store.ImageRepository.Image;
import org.rackboot.region.store.ImageRepository.Kind;
import org.rackboot.region.store.ImageRepository.Publication;
import org.rackboot.region.store.ImageRepository.Version;
import org.rackboot.region.store.SourceRepository;
import org.rackboot.region.store.UploadRepository;
import org.rackboot.region.store.UploadRepository.StoredUpload;
import org.rackboot.region.upload.UploadSpec;
import org.rackboot.region.upload.UploadSpec.UploadFile;

/**
 * Images and bootloaders that operators bring themselves, piece by piece: each piece says where it belongs, so an upload goes
 * on after any interruption, also of this process, at the first byte that is not here. Published once every file has its
 * sha256. Thread-safe; methods block on the database.
 */
public final class Uploads {
    /** After so long without a piece, an upload is given up. */
    public static final Duration EXPIRY = Duration.ofDays(7);

    private static final int MAX_UPLOADS = 100;
    private static final Duration TOUCH = Duration.ofHours(1); // Not with every piece: it costs a transaction.
    private static final DateTimeFormatter DAY =
            DateTimeFormatter.ofPattern("yyyyMMdd").withZone(ZoneOffset.UTC);

    private final UploadRepository uploads;
    private final ContentRepository contents;
    private final ImageRepository images;
    private final SourceRepository sources;
    private final Settings settings;
    private final Clock clock;
    private final Runnable afterChange;
    private final Map<String, Receiving> receiving = new LinkedHashMap<>(); // Guarded by this.
    private final Map<String, Publication> attempts =
            new LinkedHashMap<>(); // By upload; the last ones. Guarded by this.

    /**
     * What operators choose.
     *
     * @param keep how many versions of an image stay, at least 1
     * @param freeBytes how much the database may grow
     */
    record Settings(int keep, LongSupplier freeBytes) {}

    Uploads(
            UploadRepository uploads,
            ContentRepository contents,
            ImageRepository images,
            SourceRepository sources,
            Settings settings,
            Clock clock,
            Runnable afterChange) {
        this.uploads = uploads;
        this.contents = contents;
        this.images = images;
        this.sources = sources;
        this.settings = settings;
        this.clock = clock;
        this.afterChange = afterChange;
    }

    /**
     * An upload and how far it is.
     *
     * @param expires when it is given up, unless another piece comes
     * @param offsets by file name, the first byte that is not here
     */
    public record Progress(String id, UploadSpec spec, Instant created, Instant expires, Map<String, Long> offsets) {}

    /** Begins an upload, or finds the one that was begun for the same; refuses one that there is no room for. */
    public synchronized Progress begin(UploadSpec spec) throws RefusedException, DatabaseException {
        Set<String> reserved = new HashSet<>();
        for (Version version : images.versions()) {
            if (!version.source().equals(SourceRepository.UPLOADS)) {
                reserved.add(version.image().os() + "/" + version.image().release());
            }
        }
        Optional<String> problem = spec.problem(reserved);
        if (problem.isPresent()) {
            throw new RefusedException(RefusedException.Kind.INVALID, problem.get());
        }
        requireRoom(spec);
        expire();
        List<StoredUpload> all = uploads.all();
        for (StoredUpload begun : all) {
            if (begun.spec().withFiles(List.of()).equals(spec.withFiles(List.of()))
                    && Set.copyOf(begun.spec().files()).equals(Set.copyOf(spec.files()))) {
                return progress(begun);
            }
        }
        if (all.size() >= MAX_UPLOADS) {
            throw new RefusedException(
                    RefusedException.Kind.CONFLICT,
                    "%d uploads were begun and not finished; finish or delete some".formatted(MAX_UPLOADS));
        }
        StoredUpload begun = new StoredUpload(UUID.randomUUID().toString(), spec, clock.instant(), clock.instant());
        uploads.add(begun.id(), spec, begun.created());
        return progress(begun);
    }

    /** Before anything is taken: a full disk in the middle helps nobody. */
    private void requireRoom(UploadSpec spec) throws RefusedException, DatabaseException {
        long missing = 0;
        for (UploadFile file : spec.files()) {
            missing += file.size() - Math.min(file.size(), contents.storedBytes(file.sha256()));
        }
        long free = settings.freeBytes().getAsLong();
        if (missing > free) {
            throw new RefusedException(
                    RefusedException.Kind.NO_ROOM,
                    "%d bytes are to come, but only %d are free where the region database is: free some space"
                            .formatted(missing, free));
        }
    }

    /**
     * Gives up what nobody went on with for {@link #EXPIRY}.
     *
     * @return what went, described
     */
    public synchronized List<String> expire() throws DatabaseException {
        List<String> expired = new ArrayList<>();
        for (StoredUpload upload : uploads.all()) {
            if (expires(upload).isBefore(clock.instant())) {
                remove(upload);
                expired.add(upload.spec().describe());
            }
        }
        return expired;
    }

    private static Instant expires(StoredUpload upload) {
        return upload.active().plus(EXPIRY);
    }

    public synchronized List<Progress> list() throws DatabaseException {
        List<Progress> all = new ArrayList<>();
        for (StoredUpload upload : uploads.all()) {
            all.add(progress(upload));
        }
        return all;
    }

    public Progress progress(String id) throws RefusedException, DatabaseException {
        return progress(find(id));
    }

    /**
     * Takes a piece of a file.
     *
     * @param offset of its first byte; what is here already is skipped
     * @return the first byte that is not here
     */
    public long receive(String id, String fileName, long offset, ByteBuffer bytes)
            throws RefusedException, DatabaseException {
        StoredUpload upload = find(id);
        UploadFile file = upload.spec().files().stream()
                .filter(each -> each.name().equals(fileName))
                .findFirst()
                .orElseThrow(() -> new RefusedException(
                        RefusedException.Kind.NOT_FOUND, "This upload has no file '%s'".formatted(fileName)));
        if (upload.active().plus(TOUCH).isBefore(clock.instant())) {
            uploads.touch(id, clock.instant());
        }
        if (contents.find(file.sha256()).isPresent()) {
            return file.size();
        }
        Receiving to = receiving(file);
        synchronized (to) {
            try {
                return to.receive(offset, bytes);
            } catch (ChecksumMismatchException | SizeMismatchException e) {
                forget(file);
                throw new RefusedException(
                        RefusedException.Kind.INVALID,
                        "%s: %s; the bytes were thrown away, send the file again".formatted(fileName, e.getMessage()));
            } catch (DatabaseException e) {
                forget(file);
                throw e;
            } catch (IOException e) {
                forget(file);
                throw new RefusedException(RefusedException.Kind.CONFLICT, String.valueOf(e.getMessage()));
            }
        }
    }

    /** Makes an upload visible whose files are all here. Whoever did not hear the answer gets it again. */
    public synchronized Version finish(String id) throws RefusedException, DatabaseException {
        Optional<StoredUpload> found = uploads.find(id);
        Optional<Version> finished = found.isPresent() ? Optional.empty() : finished(id);
        if (finished.isPresent()) {
            afterChange.run(); // The one before may not have got that far.
            return finished.get();
        }
        StoredUpload upload = found.orElseThrow(Uploads::noSuchUpload);
        Progress progress = progress(upload);
        Map<String, FileReference> artifacts = new LinkedHashMap<>();
        for (UploadFile file : upload.spec().files()) {
            if (contents.find(file.sha256()).isEmpty()) {
                throw new RefusedException(
                        RefusedException.Kind.CONFLICT,
                        "%s is not here: go on with it at byte %d"
                                .formatted(file.name(), progress.offsets().get(file.name())));
            }
            artifacts.put(file.name(), new FileReference(file.ftype(), file.sha256()));
        }
        long source = sources.uploads(clock.instant());
        Image image = image(upload.spec());
        List<Version> before = mine(image);
        String serial = nextSerial(before);
        List<AssignedVersion> assigned = images.assignedVersions();
        List<Version> old = before.stream()
                .skip(Math.max(0, settings.keep() - 1))
                .filter(version -> !version.isPinned() && !version.isAssigned(assigned))
                .toList();
        Publication publication = new Publication(source, image, serial, artifacts);
        remember(id, publication);
        if (!uploads.publish(id, publication, upload.spec().baseImage(), old, clock.instant())) {
            attempts.remove(id);
            throw new RefusedException(
                    RefusedException.Kind.CONFLICT,
                    "Another region process published an upload of %s at the same moment; finish this one again"
                            .formatted(image.name()));
        }
        afterChange.run();
        return finished(id).orElseThrow();
    }

    /** What became of an upload that is not there any more, as far as this process finished it. */
    private Optional<Version> finished(String id) throws DatabaseException {
        Publication attempt = attempts.get(id);
        return attempt == null
                ? Optional.empty()
                : mine(attempt.image()).stream()
                        .filter(version -> version.serial().equals(attempt.serial()))
                        .findFirst();
    }

    private void remember(String id, Publication attempt) {
        attempts.remove(id);
        attempts.put(id, attempt);
        if (attempts.size() > MAX_UPLOADS) {
            attempts.remove(attempts.keySet().iterator().next());
        }
    }

    /** Gives an upload up, and with it the bytes that nothing else needs. */
    public synchronized void delete(String id) throws RefusedException, DatabaseException {
        remove(find(id));
    }

    private void remove(StoredUpload upload) throws DatabaseException {
        upload.spec().files().forEach(this::forget);
        attempts.remove(upload.id());
        uploads.remove(upload);
    }

    private List<Version> mine(Image image) throws DatabaseException {
        return images.versions().stream()
                .filter(version -> version.source().equals(SourceRepository.UPLOADS)
                        && version.image().product().equals(image.product()))
                .toList();
    }

    /** {@code 20260120}, then {@code 20260120.001}: larger as text, so that the newest stays the largest. */
    private String nextSerial(List<Version> before) {
        Set<String> taken = before.stream().map(Version::serial).collect(Collectors.toSet());
        String day = DAY.format(clock.instant());
        String serial = day;
        for (int n = 1; taken.contains(serial); n++) {
            serial = "%s.%03d".formatted(day, n);
        }
        return serial;
    }

    private static Image image(UploadSpec spec) {
        return new Image(
                "uploaded:" + spec.describe() + ":" + spec.arch() + ":" + spec.subarch(),
                spec.isBootloader() ? Kind.BOOTLOADER : Kind.IMAGE,
                spec.isBootloader() ? "uploaded" : spec.os(),
                spec.release(),
                spec.release(),
                spec.title(),
                spec.arch(),
                spec.subarch(),
                spec.isBootloader() ? "" : "generic",
                "uploaded",
                spec.method(),
                spec.isBootloader() ? spec.arch() : spec.subarch());
    }

    private StoredUpload find(String id) throws RefusedException, DatabaseException {
        return uploads.find(id).orElseThrow(Uploads::noSuchUpload);
    }

    private static RefusedException noSuchUpload() {
        return new RefusedException(
                RefusedException.Kind.NOT_FOUND,
                "There is no such upload; it was finished, and 'rackboot images list' shows what it became, or given up");
    }

    private synchronized Progress progress(StoredUpload upload) throws DatabaseException {
        Map<String, Long> offsets = new LinkedHashMap<>();
        for (UploadFile file : upload.spec().files()) {
            Receiving running = receiving.get(file.sha256());
            offsets.put(file.name(), running == null ? contents.storedBytes(file.sha256()) : running.position());
        }
        return new Progress(upload.id(), upload.spec(), upload.created(), expires(upload), offsets);
    }

    private synchronized Receiving receiving(UploadFile file) {
        return receiving.computeIfAbsent(file.sha256(), sha256 -> new Receiving(file));
    }

    private synchronized void forget(UploadFile file) {
        receiving.remove(file.sha256());
    }

    /** A file on its way: the writer knows the digest of what came, so a piece needs no second look at the others. */
    private final class Receiving {
        private final UploadFile file;
        private ContentRepository.@Nullable Writer writer;
        private volatile long position;

        Receiving(UploadFile file) {
            this.file = file;
        }

        long position() {
            return position;
        }

        long receive(long offset, ByteBuffer bytes) throws IOException, RefusedException {
            ContentRepository.Writer open = writer;
            if (open == null) {
                open = contents.write(file.sha256(), file.size());
                writer = open;
                position = open.position();
            }
            if (offset > open.position() || offset < 0) {
                throw new RefusedException(
                        RefusedException.Kind.CONFLICT,
                        "The next byte of %s is number %d, not %d".formatted(file.name(), open.position(), offset));
            }
            int known = (int) Math.min(open.position() - offset, bytes.remaining());
            open.append(bytes.position(bytes.position() + known));
            position = open.position();
            if (position == file.size()) {
                open.finish();
                forget(file);
            }
            return position;
        }
    }
}
