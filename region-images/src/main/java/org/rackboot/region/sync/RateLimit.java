package org.rackboot.region.sync;

import java.time.Duration;
import java.util.function.LongSupplier;

/**
 * A number of bytes per second that all downloads share: a bucket of {@value #BURST_MILLIS} ms' worth of bytes that fills
 * steadily. Any thread may take from it; who takes too much waits, and whoever comes next waits behind.
 */
public final class RateLimit {
    /** Takes what it is given. */
    public static final RateLimit NONE = new RateLimit(0, () -> 0, time -> {});

    private static final long NANOS = 1_000_000_000L;
    private static final long BURST_MILLIS = 250;
    private static final long BURST_NANOS = BURST_MILLIS * 1_000_000;

    private final long bytesPerSecond;
    private final LongSupplier nanoClock;
    private final Importer.Pause pause;
    private boolean begun; // Guarded by this, like the next.
    private long paidUntilNanos;

    /** @param bytesPerSecond 0 = no limit */
    public static RateLimit of(long bytesPerSecond) {
        return bytesPerSecond == 0
                ? NONE
                : new RateLimit(bytesPerSecond, System::nanoTime, time -> Thread.sleep(time.toMillis() + 1));
    }

    /** @param nanoClock monotonic */
    RateLimit(long bytesPerSecond, LongSupplier nanoClock, Importer.Pause pause) {
        if (bytesPerSecond < 0) {
            throw new IllegalArgumentException("a rate of %d bytes per second".formatted(bytesPerSecond));
        }
        this.bytesPerSecond = bytesPerSecond;
        this.nanoClock = nanoClock;
        this.pause = pause;
    }

    /** Waits until these bytes may have come. */
    void take(int bytes) throws InterruptedException {
        if (bytesPerSecond == 0) {
            return;
        }
        long waitNanos;
        synchronized (this) {
            long now = nanoClock.getAsLong();
            if (!begun || paidUntilNanos - now < 0) {
                begun = true;
                paidUntilNanos = now;
            }
            paidUntilNanos += (long) ((double) bytes / bytesPerSecond * NANOS);
            waitNanos = paidUntilNanos - now - BURST_NANOS;
        }
        if (waitNanos > 0) {
            pause.of(Duration.ofNanos(waitNanos));
        }
    }
}
