package org.rackboot.region.sync;

import java.time.Clock;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.rackboot.region.source.BootSource;
import org.rackboot.region.store.DatabaseException;

/** Runs imports, one at a time, and tells how they go. Thread-safe. */
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

    private final Importer importer;
    private final Sources usableSources;
    private final Runnable afterChange;
    private final Clock clock;
    private @Nullable Current current; // Guarded by this.
    private int count; // Guarded by this.

    /**
     * @param usableSources asked at the start of each import
     * @param afterChange called when what is published may have changed, and when an import has ended
     */
    public ImportService(Importer importer, Sources usableSources, Runnable afterChange, Clock clock) {
        this.importer = importer;
        this.usableSources = usableSources;
        this.afterChange = afterChange;
        this.clock = clock;
    }

    /** Starts an import, unless one is running; returns the one that runs now. */
    public synchronized Status start() {
        if (current == null || current.ended()) {
            current = new Current(++count);
            current.thread.start();
        }
        return current.status();
    }

    /**
     * Ends the running import, if there is one; what it downloaded stays for the next.
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
        private final Instant started = clock.instant();
        private final ImportProgress progress = new ImportProgress();
        private final Thread thread = new Thread(this::run, "import");
        private volatile boolean stopped;
        private volatile @Nullable ImportReport report;
        private volatile @Nullable Instant endedAt;

        Current(int number) {
            this.number = number;
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
            } finally { // Whatever happens, no import seems to run for ever.
                progress.enter(ImportProgress.Phase.ENDED);
                endedAt = clock.instant();
                report = result;
            }
        }

        private ImportReport outcome() {
            try {
                return importer.run(usableSources.get(), progress, afterChange);
            } catch (InterruptedException e) {
                return failed(STOPPED);
            } catch (DatabaseException e) { // It, too, is interrupted by a stop, and says so in its own words.
                return failed(stopped ? STOPPED : String.valueOf(e.getMessage()));
            } catch (Exception e) {
                return failed("The import ended by a fault of this program: " + e);
            }
        }

        private static ImportReport failed(String problem) {
            return new ImportReport(ImportReport.Outcome.FAILED, List.of(), List.of(), List.of(problem), 0, 0);
        }
    }
}
