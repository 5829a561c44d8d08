package org.rackboot.server.net;

import io.netty.channel.SelectStrategy;
import io.netty.util.IntSupplier;
import java.util.function.LongSupplier;

/**
 * Looks for events for some microseconds before it sleeps, while one socket alone is busy. A client in lockstep (TFTP without
 * windows) answers so soon that falling asleep and being woken takes longer than its answer; with more clients there is
 * always something to do. Where the answers come later than that, it soon ceases to look.
 */
final class BriefSpin implements SelectStrategy {
    static final long SPIN_NANOS = 30_000;
    /** So many times in a row nothing came: this client's way is longer. */
    static final int MAX_VAIN = 4;
    /** Then it is tried once in so many times. */
    static final int PAUSE = 64;

    private final LongSupplier nanoClock;
    /** As far as is known: how much came while it slept is not. */
    private boolean alone = true;

    private int vain;

    BriefSpin(LongSupplier nanoClock) {
        this.nanoClock = nanoClock;
    }

    @Override
    public int calculateStrategy(IntSupplier poll, boolean hasTasks) throws Exception {
        int ready = poll.get();
        if (ready == 0 && !hasTasks && alone && isWorthIt()) {
            long start = nanoClock.getAsLong();
            do {
                ready = poll.get();
            } while (ready == 0 && nanoClock.getAsLong() - start < SPIN_NANOS);
            vain = ready == 0 ? vain + 1 : 0;
        }
        alone = ready <= 1;
        return ready > 0 || hasTasks ? ready : SELECT;
    }

    private boolean isWorthIt() {
        return vain < MAX_VAIN || ++vain % PAUSE == 0;
    }
}
