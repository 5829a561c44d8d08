package org.rackboot.server.net;

import java.util.Comparator;
import java.util.PriorityQueue;
import org.jspecify.annotations.Nullable;

/** A clock that stands until it is moved, with the alarms that go off on the way. */
public final class MovedClock implements Egress.Alarm {
    private record Due(long atNanos, long number, Runnable task) {}

    private final PriorityQueue<Due> alarms =
            new PriorityQueue<>(Comparator.comparingLong(Due::atNanos).thenComparingLong(Due::number));
    private long nowNanos = Long.MAX_VALUE - 5_000_000_000L; // It runs over, as a monotonic clock may.
    private long number;
    private long passed;

    public synchronized long nowNanos() {
        return nowNanos;
    }

    /** Since the test began. */
    public synchronized long passedNanos() {
        return passed;
    }

    @Override
    public synchronized void after(long nanos, Runnable task) {
        alarms.add(new Due(passed + nanos, number++, task));
    }

    /** Lets time pass; what goes off runs here. */
    public void pass(long nanos) {
        long end = passed + nanos;
        for (Runnable task = next(end); task != null; task = next(end)) {
            task.run();
        }
    }

    public synchronized int alarms() {
        return alarms.size();
    }

    private synchronized @Nullable Runnable next(long end) {
        Due first = alarms.peek();
        long until = first == null || first.atNanos() > end ? end : Math.max(passed, first.atNanos());
        nowNanos += until - passed;
        passed = until;
        return first == null || first.atNanos() > end ? null : alarms.remove().task();
    }
}
