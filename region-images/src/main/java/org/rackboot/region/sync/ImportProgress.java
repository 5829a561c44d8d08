package org.rackboot.region.sync;

import java.util.ArrayDeque;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** How far an import is. Written by the import, read by anyone; thread-safe. */
public final class ImportProgress {
    /** What an import is doing. */
    public enum Phase {
        READING_STREAMS,
        DOWNLOADING,
        PUBLISHING,
        ENDED
    }

    /**
     * One moment.
     *
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
            List<String> log) {}

    private static final int MAX_LOG_LINES = 1_000;

    private Phase phase = Phase.READING_STREAMS; // Everything guarded by this.
    private int filesDone;
    private int filesTotal;
    private long bytesDone;
    private long bytesTotal;
    private final Set<String> current = new LinkedHashSet<>();
    private final ArrayDeque<String> log = new ArrayDeque<>();

    public synchronized Snapshot snapshot() {
        return new Snapshot(
                phase, filesDone, filesTotal, bytesDone, bytesTotal, List.copyOf(current), List.copyOf(log));
    }

    synchronized void enter(Phase next) {
        phase = next;
    }

    synchronized void expect(int files, long bytes) {
        filesTotal = files;
        bytesTotal = bytes;
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
