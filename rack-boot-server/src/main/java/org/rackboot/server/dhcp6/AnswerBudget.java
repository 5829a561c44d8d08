package org.rackboot.server.dhcp6;

import java.util.function.LongSupplier;

/** How many answers may go out: {@value #PER_SECOND} a second, after a pause up to {@value #AT_ONCE} at once. Thread-safe. */
final class AnswerBudget {
    static final int PER_SECOND = 1_000;
    static final int AT_ONCE = 4_000; // A hall of machines that is switched on, and each asks again before it is heard.

    private static final long NANOS_OF_ONE = 1_000_000_000L / PER_SECOND;

    private final LongSupplier nanoClock;
    private long filledAtNanos; // When the last one that was not taken became free.
    private long free = AT_ONCE;

    AnswerBudget(LongSupplier nanoClock) {
        this.nanoClock = nanoClock;
        this.filledAtNanos = nanoClock.getAsLong();
    }

    /** Whether one more may go out; if so, it is counted. */
    synchronized boolean take() {
        long more = (nanoClock.getAsLong() - filledAtNanos) / NANOS_OF_ONE;
        filledAtNanos += more * NANOS_OF_ONE;
        free = Math.min(AT_ONCE, free + more);
        if (free == 0) {
            return false;
        }
        free--;
        return true;
    }
}
