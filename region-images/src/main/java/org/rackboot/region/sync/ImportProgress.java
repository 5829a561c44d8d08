package org.rackboot.region.sync;

import java.util.ArrayDeque;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
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

    /** How one version fares. */
    public enum VersionState {
        QUEUED,
        SYNCED,
        FAILED
    }

    /**
     * One version that an import is about.
     *
     * @param name of the image
     * @param cause why it failed; else empty
     */
    public record VersionProgress(String name, String serial, VersionState state, String cause) {}

    /**
     * One moment.
     *
     * @param versions what is wanted, in the order in which it is published
     * @param current mirror-relative paths being fetched
     * @param log what happened so far, one line each, oldest first
     */
    public record Snapshot(
            Phase phase,
            int filesDone,
            int filesTotal,
            long bytesDone,
            long bytesTotal,
            List<String> current,
            List<VersionProgress> versions,
            List<String> log) {}

    private static final int MAX_LOG_LINES = 1_000;

    private Phase phase = Phase.READING_STREAMS; // Everything guarded by this.
    private int filesDone;
    private int filesTotal;
    private long bytesDone;
    private long bytesTotal;
    private final Set<String> current = new LinkedHashSet<>();
    private final Map<String, VersionProgress> versions = new LinkedHashMap<>();
    private final ArrayDeque<String> log = new ArrayDeque<>();

    public synchronized Snapshot snapshot() {
        return new Snapshot(
                phase,
                filesDone,
                filesTotal,
                bytesDone,
                bytesTotal,
                List.copyOf(current),
                List.copyOf(versions.values()),
                List.copyOf(log));
    }

    synchronized void enter(Phase next) {
        phase = next;
    }

    synchronized void expect(List<PlannedVersion> wanted, int files, long bytes) {
        filesTotal = files;
        bytesTotal = bytes;
        for (PlannedVersion version : wanted) {
            put(version, VersionState.QUEUED, "");
        }
    }

    synchronized void ended(PlannedVersion version, Optional<String> problem) {
        put(version, problem.isEmpty() ? VersionState.SYNCED : VersionState.FAILED, problem.orElse(""));
    }

    private void put(PlannedVersion version, VersionState state, String cause) {
        String name = version.image().name();
        versions.put(name, new VersionProgress(name, version.serial(), state, cause));
    }

    synchronized void begin(String path) {
        current.add(path);
    }

    synchronized void addBytes(long bytes) {
        bytesDone += bytes;
    }

    synchronized void end(String path, boolean done) {
        current.remove(path);
        if (done) {
            filesDone++;
        }
    }

    synchronized void say(String line) {
        if (log.size() == MAX_LOG_LINES) {
            log.removeFirst();
        }
        log.add(line);
    }
}
