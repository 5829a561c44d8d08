package org.rackboot.region.sync;

import java.util.ArrayDeque;
import java.util.concurrent.TimeUnit;

/** How fast bytes came within the last twenty seconds. Not thread-safe. */
final class Pace {
    private static final long WINDOW_NANOS = TimeUnit.SECONDS.toNanos(20);
    private static final long STEP_NANOS = WINDOW_NANOS / 40;
    private static final long SHORTEST_NANOS = TimeUnit.SECONDS.toNanos(1);

    private record Sample(long nanos, long bytesBefore) {}

    private final ArrayDeque<Sample> samples = new ArrayDeque<>();
    private long total;

    void add(long bytes, long nowNanos) {
        if (samples.isEmpty() || nowNanos - samples.getLast().nanos() >= STEP_NANOS) {
            samples.add(new Sample(nowNanos, total));
        }
        total += bytes;
        while (samples.size() > 1 && nowNanos - samples.getFirst().nanos() > WINDOW_NANOS) {
            samples.removeFirst();
        }
    }

    /** 0 as long as nobody can say: within the first second, and when nothing comes any more. */
    long bytesPerSecond(long nowNanos) {
        Sample oldest = samples.peekFirst();
        for (Sample sample : samples) {
            if (nowNanos - sample.nanos() <= WINDOW_NANOS) {
                oldest = sample;
                break;
            }
        }
        if (oldest == null
                || nowNanos - oldest.nanos() < SHORTEST_NANOS
                || nowNanos - samples.getLast().nanos() > WINDOW_NANOS) {
            return 0;
        }
        return (long) ((total - oldest.bytesBefore()) * 1e9 / (nowNanos - oldest.nanos()));
    }
}
