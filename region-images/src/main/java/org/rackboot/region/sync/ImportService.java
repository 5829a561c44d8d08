package org.rackboot.region.sync;

import java.time.Clock;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.rackboot.region.source.BootSource;
import org.rackboot.region.store.DatabaseException;
import org.rackboot.region.store.ImportLock;

/**
 * Runs imports, one at a time over all processes that share the database, and tells how those of this process go.
 * Thread-safe.
 */
public final class ImportService {
    /**
     * The running or last import.
     *
     * @param number counts imports since this process started, from 1
     * @param report once it has ended
     */
    public record Status(
            int number,
            Instant started,
            Optional<Instant> ended,
            ImportProgress.Snapshot progress,
            Optional<ImportReport> report) {
        public boolean running() {
            return report.isEmpty();
        }
    }

    /** The sources that an import asks, the one that wins first. */
    @FunctionalInterface
    public interface Sources {
        List<BootSource> get() throws DatabaseException;
    }

    private static final String STOPPED = "The import was stopped; the next one goes on from here";

    private static final String WAITING = "another region process imports; this import begins when that one has ended";
    private static final String LOST =
            "The import ended: the connection to the region database was lost that keeps other"
                    + " region processes from importing. The next one goes on from here";

    private final Importer importer;
    private final ImportLock lock;
    private final Sources usableSources;
    private final Runnable afterChange;
    private final Clock clock;
    private @Nullable Current current; // Guarded by this.
    private int count; // Guarded by this.

    /**
     * @param lock the right to import
     * @param usableSources asked at the start of each import
     * @param afterChange called when what is published may have changed, and when an import has ended
     */
    public ImportService(Importer importer, ImportLock lock, Sources usableSources, Runnable afterChange, Clock clock) {
        this.importer = importer;
        this.lock = lock;
        this.usableSources = usableSources;
        this.afterChange = afterChange;
        this.clock = clock;
    }

    /**
     * Starts an import, unless one is running; returns the one that runs now. While another process imports, it waits for
     * the end of that.
     */
    public synchronized Status start() {
        if (current == null || current.ended()) {
            current = new Current(++count, Optional.empty(), importer, usableSources, () -> {});
            current.thread.start();
        }
        return current.status();
    }

    /**
     * Starts an import of what another importer reads, from these sources alone.
     *
     * @param atEnd called when it has ended
     * @return empty, and nothing is called, if an import is running
     */
    public synchronized Optional<Status> start(Importer other, Sources from, Runnable atEnd) {
        if (current != null && !current.ended()) {
            return Optional.empty();
        }
        current = new Current(++count, Optional.empty(), other, from, atEnd);
        current.thread.start();
        return Optional.of(current.status());
    }

    /**
     * Starts an import, unless one is running in this process or another.
     *
     * @return whether it was started
     */
    public boolean startIfNoneRuns() throws DatabaseException {
        Optional<ImportLock.Held> held = lock.tryTake();
        if (held.isEmpty()) {
            return false;
        }
        synchronized (this) {
            if (current == null || current.ended()) {
                current = new Current(++count, held, importer, usableSources, () -> {});
                current.thread.start();
                return true;
            }
        }
        held.get().close(); // Somebody began to wait for it.
        return false;
    }

    /** Whether another process imports. */
    public boolean runsElsewhere() throws DatabaseException {
        synchronized (this) {
            if (current != null && current.mayImport) {
                return false;
            }
        }
        return lock.isTaken();
    }

    /**
     * Stops the running import, whichever process runs it; what it downloaded stays for the next.
     *
     * @return whether one was running
     */
    public boolean stopEverywhere() throws DatabaseException {
        boolean elsewhere = runsElsewhere();
        boolean here = stop();
        if (elsewhere) {
            lock.askOthersToStop();
        }
        return here || elsewhere;
    }

    /**
     * Ends the import of this process, if there is one; what it downloaded stays for the next.
     *
     * @return whether one was running
     */
    public synchronized boolean stop() {
        if (current == null || current.ended()) {
            return false;
        }
        current.stopped = true;
        current.thread.interrupt();
        return true;
    }

    /** What an import would do now. Blocks while the sources' metadata is fetched. */
    public ImportPreview preview() throws InterruptedException, DatabaseException {
        return importer.preview(usableSources.get());
    }

    /** The running or last import; empty before the first. */
    public synchronized Optional<Status> status() {
        return Optional.ofNullable(current).map(Current::status);
    }

    private final class Current {
        private final int number;
        private final Importer with;
        private final Sources from;
        private final Runnable atEnd;
        private final Instant started = clock.instant();
        private final ImportProgress progress = new ImportProgress();
        private final Thread thread = new Thread(this::run, "import");
        private final Optional<ImportLock.Held> taken;
        private volatile boolean mayImport;
        private volatile boolean stopped;
        private volatile boolean lost;
        private volatile @Nullable ImportReport report;
        private volatile @Nullable Instant endedAt;

        Current(int number, Optional<ImportLock.Held> taken, Importer with, Sources from, Runnable atEnd) {
            this.number = number;
            this.taken = taken;
            this.with = with;
            this.from = from;
            this.atEnd = atEnd;
            thread.setDaemon(true);
        }

        boolean ended() {
            return report != null;
        }

        Status status() {
            ImportReport known = report; // Before the progress: an ended import's progress is final.
            return new Status(
                    number, started, Optional.ofNullable(endedAt), progress.snapshot(), Optional.ofNullable(known));
        }

        private void run() {
            ImportReport result = failed("The import ended by a fault of this program; its output says which");
            try {
                result = outcome();
                afterChange.run();
                atEnd.run();
            } finally { // Whatever happens, no import seems to run for ever.
                mayImport = false;
                progress.enter(ImportProgress.Phase.ENDED);
                endedAt = clock.instant();
                report = result;
            }
        }

        private ImportReport outcome() {
            try (ImportLock.Held held = taken.isPresent() ? taken.get() : awaitLock()) {
                mayImport = true;
                held.lost().thenRun(this::lose);
                return with.run(from.get(), progress, afterChange);
            } catch (InterruptedException e) {
                return failed(lost ? LOST : STOPPED);
            } catch (DatabaseException e) { // It, too, is interrupted by a stop, and says so in its own words.
                return failed(lost ? LOST : stopped ? STOPPED : String.valueOf(e.getMessage()));
            } catch (Exception e) {
                return failed("The import ended by a fault of this program: " + e);
            }
        }

        private ImportLock.Held awaitLock() throws DatabaseException, InterruptedException {
            Optional<ImportLock.Held> free = lock.tryTake();
            if (free.isPresent()) {
                return free.get();
            }
            progress.say(WAITING); // First: whoever sees the phase finds the reason.
            progress.enter(ImportProgress.Phase.WAITING);
            return lock.take();
        }

        private void lose() {
            lost = true;
            thread.interrupt();
        }

        private static ImportReport failed(String problem) {
            return new ImportReport(ImportReport.Outcome.FAILED, List.of(), List.of(), List.of(problem), 0, 0);
        }
    }
}
