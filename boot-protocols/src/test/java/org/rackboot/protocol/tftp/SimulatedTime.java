package org.rackboot.protocol.tftp;

import java.util.PriorityQueue;

/** Virtual time: what is planned happens in order of time, then of planning. */
final class SimulatedTime {
    private record Event(long atNanos, long order, Runnable what) implements Comparable<Event> {
        @Override
        public int compareTo(Event other) {
            int byTime = Long.compare(atNanos, other.atNanos);
            return byTime != 0 ? byTime : Long.compare(order, other.order);
        }
    }

    private final PriorityQueue<Event> events = new PriorityQueue<>();
    private long nowNanos = 1_000_000_000L;
    private long planned;

    long nowNanos() {
        return nowNanos;
    }

    void after(long delayNanos, Runnable what) {
        events.add(new Event(nowNanos + Math.max(0, delayNanos), planned++, what));
    }

    /** Runs until nothing is planned any more; a world that never comes to rest is a failure. */
    void run(long mostEvents, long mostNanos) {
        long end = nowNanos + mostNanos;
        for (long done = 0; !events.isEmpty(); done++) {
            Event event = events.remove();
            nowNanos = event.atNanos();
            if (done >= mostEvents || nowNanos > end) {
                throw new AssertionError("I5: no end after " + done + " events and " + nowNanos / 1_000_000 + " ms");
            }
            event.what().run();
        }
    }
}
