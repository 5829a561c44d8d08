package org.rackboot.region.sync;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.rackboot.region.store.ImageRepository.Image;
import org.rackboot.region.sync.ImportPlan.PlannedFile;
import org.rackboot.region.sync.ImportPlan.PlannedVersion;

/** How far an import is. Written by the import, read by anyone; thread-safe. */
public final class ImportProgress {
    /** What an import is doing. */
    public enum Phase {
        /** For the import of another region process to end. */
        WAITING,
        READING_STREAMS,
        DOWNLOADING,
        DELETING,
        ENDED
    }

    /** How a file or a version fares. */
    public enum State {
        QUEUED,
        DOWNLOADING,
        /** All of its bytes are here. */
        VERIFYING,
        /** Verified; of a version: published. */
        SYNCED,
        FAILED
    }

    /**
     * One file of those that are wanted.
     *
     * @param path relative to its mirror
     * @param done of its {@code size} bytes
     * @param cause why it failed; else empty
     */
    public record FileProgress(String path, long size, long done, State state, String cause) {}

    /**
     * One version that an import is about.
     *
     * @param source the name of the source it comes from
     * @param cause why it failed; else empty
     */
    public record VersionProgress(
            Image image, String serial, String source, long size, long done, State state, String cause) {
        /** Of the image. */
        public String name() {
            return image.name();
        }
    }

    /**
     * One moment.
     *
     * @param files what is wanted, each content once
     * @param versions what is wanted, in the order in which it is published
     * @param bytesPerSecond how fast it went lately; 0 = nobody can say
     * @param log what happened so far, one line each, oldest first
     * @param logBefore how many lines were said before those in {@code log}
     * @param changes grows with every change of all this
     */
    public record Snapshot(
            Phase phase,
            List<FileProgress> files,
            List<VersionProgress> versions,
            long bytesPerSecond,
            List<String> log,
            long logBefore,
            long changes) {
        public int filesDone() {
            return (int)
                    files.stream().filter(file -> file.state() == State.SYNCED).count();
        }

        public int filesTotal() {
            return files.size();
        }

        public long bytesDone() {
            return files.stream().mapToLong(FileProgress::done).sum();
        }

        public long bytesTotal() {
            return files.stream().mapToLong(FileProgress::size).sum();
        }

        /** Mirror-relative paths being fetched. */
        public List<String> current() {
            return files.stream()
                    .filter(file -> file.state() == State.DOWNLOADING || file.state() == State.VERIFYING)
                    .map(FileProgress::path)
                    .toList();
        }

        /** How long the rest takes at the pace of the last seconds; empty if nobody can say. */
        public OptionalLong secondsLeft() {
            long left = files.stream()
                    .filter(file -> file.state() != State.FAILED)
                    .mapToLong(file -> file.size() - file.done())
                    .sum();
            return phase == Phase.DOWNLOADING && left > 0 && bytesPerSecond > 0
                    ? OptionalLong.of((left + bytesPerSecond - 1) / bytesPerSecond)
                    : OptionalLong.empty();
        }
    }

    private static final int MAX_LOG_LINES = 1_000;

    private final LongSupplier nanoClock;
    private Phase phase = Phase.READING_STREAMS; // Everything guarded by this.
    private final Map<FileKey, FileEntry> files = new LinkedHashMap<>();
    private final List<VersionEntry> versions = new ArrayList<>();
    private final Pace pace = new Pace();
    private final ArrayDeque<String> log = new ArrayDeque<>();
    private long logBefore;
    private long changes;

    public ImportProgress() {
        this(System::nanoTime);
    }

    ImportProgress(LongSupplier nanoClock) {
        this.nanoClock = nanoClock;
    }

    public synchronized Snapshot snapshot() {
        return new Snapshot(
                phase,
                files.values().stream().map(FileEntry::now).toList(),
                versions.stream().map(version -> version.now(files)).toList(),
                pace.bytesPerSecond(nanoClock.getAsLong()),
                List.copyOf(log),
                logBefore,
                changes);
    }

    synchronized void enter(Phase next) {
        changes++;
        phase = next;
        if (next == Phase.ENDED) {
            for (VersionEntry version : versions) {
                if (version.problem == null) {
                    version.problem = "the import ended before all of it was here; the next one goes on";
                }
            }
        }
    }

    synchronized void expect(List<PlannedVersion> wanted) {
        changes++;
        for (PlannedVersion version : wanted) {
            versions.add(new VersionEntry(version));
            version.files().forEach(file -> files.putIfAbsent(FileKey.of(file), new FileEntry(file)));
        }
    }

    synchronized void ended(PlannedVersion version, Optional<String> problem) {
        changes++;
        for (VersionEntry entry : versions) {
            if (entry.version.equals(version)) {
                entry.problem = problem.orElse("");
            }
        }
    }

    synchronized void begin(PlannedFile file) {
        changes++;
        entry(file).begun = true;
    }

    /** Bytes that are here, from wherever; less than 0 if they went. */
    synchronized void addBytes(PlannedFile file, long bytes) {
        changes++;
        entry(file).done += bytes;
    }

    /** Bytes that came from the source just now. */
    synchronized void fetched(PlannedFile file, long bytes) {
        addBytes(file, bytes);
        pace.add(bytes, nanoClock.getAsLong());
    }

    synchronized void end(PlannedFile file, Optional<String> problem) {
        changes++;
        entry(file).problem = problem.orElse("");
    }

    synchronized void say(String line) {
        changes++;
        if (log.size() == MAX_LOG_LINES) {
            log.removeFirst();
            logBefore++;
        }
        log.add(line);
    }

    private FileEntry entry(PlannedFile file) {
        return files.computeIfAbsent(FileKey.of(file), key -> new FileEntry(file));
    }

    /** Content that several versions share is fetched once. */
    private record FileKey(String sha256, boolean archive) {
        static FileKey of(PlannedFile file) {
            return new FileKey(file.sha256(), file.archive());
        }
    }

    private static final class FileEntry {
        private final PlannedFile file;
        private boolean begun;
        private long done;
        private @Nullable String problem; // Null = it has not ended; empty = it ended well.

        FileEntry(PlannedFile file) {
            this.file = file;
        }

        FileProgress now() {
            String end = problem;
            State state;
            if (end != null) {
                state = end.isEmpty() ? State.SYNCED : State.FAILED;
            } else if (begun) {
                state = done == file.size() ? State.VERIFYING : State.DOWNLOADING;
            } else {
                state = State.QUEUED;
            }
            return new FileProgress(file.path().text(), file.size(), done, state, end == null ? "" : end);
        }
    }

    private static final class VersionEntry {
        private final PlannedVersion version;
        private @Nullable String problem; // Null = it has not ended; empty = it ended well.

        VersionEntry(PlannedVersion version) {
            this.version = version;
        }

        VersionProgress now(Map<FileKey, FileEntry> files) {
            long size = 0;
            long done = 0;
            boolean begun = false;
            String cause = "";
            for (PlannedFile wanted : version.files()) {
                FileEntry entry = files.get(FileKey.of(wanted));
                if (entry != null) {
                    FileProgress file = entry.now();
                    size += file.size();
                    done += file.done();
                    begun |= file.state() != State.QUEUED;
                    cause = cause.isEmpty() ? file.cause() : cause;
                }
            }
            String end = problem;
            State state = begun ? State.DOWNLOADING : State.QUEUED;
            if (end != null) {
                state = end.isEmpty() ? State.SYNCED : State.FAILED;
                cause = end;
            } else if (!cause.isEmpty()) {
                state = State.FAILED; // The version without that file will never be whole.
            } else if (begun && done == size) {
                state = State.VERIFYING;
            }
            return new VersionProgress(
                    version.image(), version.serial(), version.source().name(), size, done, state, cause);
        }
    }
}
