package org.rackboot.region.sync;

import java.time.Duration;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.random.RandomGenerator;

/**
 * Starts imports by themselves, about once in an interval: a tenth more or less, so that regions that were switched on
 * together do not ask their mirror together.
 */
public final class ImportSchedule {
    private final ImportService imports;
    private final ScheduledExecutorService timer;
    private final Duration interval;
    private final RandomGenerator random;

    /** @param interval between two imports; zero = never */
    public ImportSchedule(
            ImportService imports, ScheduledExecutorService timer, Duration interval, RandomGenerator random) {
        this.imports = imports;
        this.timer = timer;
        this.interval = interval;
        this.random = random;
    }

    /** The first import comes after one interval; stopping the timer ends it. */
    public void start() {
        if (!interval.isZero()) {
            timer.schedule(this::importNow, nextNanos(), TimeUnit.NANOSECONDS);
        }
    }

    private void importNow() {
        imports.start();
        start();
    }

    private long nextNanos() {
        return (long) (interval.toNanos() * (0.9 + 0.2 * random.nextDouble()));
    }
}
