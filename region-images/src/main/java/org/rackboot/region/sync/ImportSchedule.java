package org.rackboot.region.sync;

import java.time.Duration;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.random.RandomGenerator;
import org.rackboot.region.store.DatabaseException;

/**
 * Starts imports by themselves, about once in an interval: a tenth more or less, so that regions that were switched on
 * together do not ask their mirror together. One that another process runs already is enough.
 */
public final class ImportSchedule {
    private final ImportService imports;
    private final ScheduledExecutorService timer;
    private final Duration interval;
    private final RandomGenerator random;
    private final Consumer<String> log;

    /**
     * @param interval between two imports; zero = never
     * @param log is told why an import was not started
     */
    public ImportSchedule(
            ImportService imports,
            ScheduledExecutorService timer,
            Duration interval,
            RandomGenerator random,
            Consumer<String> log) {
        this.imports = imports;
        this.timer = timer;
        this.interval = interval;
        this.random = random;
        this.log = log;
    }

    /** The first import comes after one interval; stopping the timer ends it. */
    public void start() {
        if (!interval.isZero()) {
            timer.schedule(this::importNow, nextNanos(), TimeUnit.NANOSECONDS);
        }
    }

    private void importNow() {
        Thread thread =
                new Thread(this::importUnlessOneRuns, "import-start"); // It asks the database; the timer never waits.
        thread.setDaemon(true);
        thread.start();
        start();
    }

    private void importUnlessOneRuns() {
        try {
            if (!imports.startIfNoneRuns()) {
                log.accept("No import was started: one is running, here or in another region process");
            }
        } catch (DatabaseException e) {
            log.accept("No import was started: " + e.getMessage());
        }
    }

    private long nextNanos() {
        return (long) (interval.toNanos() * (0.9 + 0.2 * random.nextDouble()));
    }
}
