package org.rackboot.protocol.tftp;

/**
 * How long to wait for an ACK, learnt from measured round trips (RFC 6298, with a LAN's constants).
 *
 * <p>Recovery speed after a lost packet is this timer (firmware waits for the server), so a fixed second
 * would make a lossy boot minutes long. A way that proved to be fast and steady is waited on less than a new one.
 */
final class RetransmitTimer {
    private static final double GAIN = 1.0 / 8;
    private static final double VARIATION_GAIN = 1.0 / 4;
    private static final long SLACK_NANOS = 1_000_000;
    private static final long UNMEASURED_NANOS = 50_000_000;
    private static final int WELL_KNOWN = 32; // Measurements.
    private static final int CAUTION = 40; // Times the least timeout, until then.

    private final long leastNanos;
    private final long mostNanos;
    private double smoothedNanos = -1;
    private double variationNanos;
    private long timeoutNanos;
    private int measurements;
    private long floorNanos; // Of a well-known way: higher where repeats turned out to be needless.

    /**
     * @param firstNanos until something is measured
     * @param leastNanos above the round trip, on a well-known way
     * @param mostNanos upper bound, also for back-off
     */
    RetransmitTimer(long firstNanos, long leastNanos, long mostNanos) {
        this.leastNanos = leastNanos;
        this.mostNanos = mostNanos;
        this.timeoutNanos = firstNanos;
        this.floorNanos = leastNanos;
    }

    long timeoutNanos() {
        return timeoutNanos;
    }

    /** The smoothed round trip; before the first measurement a guess on the safe side. */
    long roundTripNanos() {
        return smoothedNanos < 0 ? UNMEASURED_NANOS : (long) smoothedNanos;
    }

    /** After this time the answer to a packet has come, or never comes. Without bounds and back-off. */
    long longestRoundTripNanos() {
        return smoothedNanos < 0 ? UNMEASURED_NANOS : (long) (smoothedNanos + 4 * variationNanos);
    }

    /** Takes the time from a packet that was sent once to its ACK (Karn: never from a repeated one). */
    void measured(long roundTripNanos) {
        if (smoothedNanos < 0) {
            smoothedNanos = roundTripNanos;
            variationNanos = roundTripNanos / 2.0;
        } else {
            variationNanos += VARIATION_GAIN * (Math.abs(roundTripNanos - smoothedNanos) - variationNanos);
            smoothedNanos += GAIN * (roundTripNanos - smoothedNanos);
        }
        measurements = Math.min(WELL_KNOWN, measurements + 1);
        timeoutNanos = timeout();
    }

    /** Doubles the wait after a time-out; the next measurement ends it (Karn). */
    void backOff() {
        timeoutNanos = Math.min(mostNanos, timeoutNanos * 2);
    }

    /**
     * Takes the ACK of something that was repeated. If it came when an answer to the repetition was due, something was
     * lost and the way is as it was: the back-off ends, else a lossy boot takes minutes. If not, it may well answer the
     * first sending, the way has become longer than the timeout, and the back-off stays until that is measured (Karn);
     * a client that stalls now and then is waited for longer from then on.
     */
    void answeredAfterRepeat(long sinceRepeatNanos) {
        long latest = Math.max(longestRoundTripNanos(), 2 * roundTripNanos()) + SLACK_NANOS;
        if (smoothedNanos < 0) {
            return;
        }
        if (sinceRepeatNanos >= smoothedNanos / 2 && sinceRepeatNanos <= latest) {
            floorNanos = Math.max(leastNanos, floorNanos / 2);
            timeoutNanos = timeout();
        } else {
            floorNanos = Math.min(CAUTION * leastNanos, 2 * floorNanos);
        }
    }

    /** RFC 6298, 2.3: a steady way has next to no variation, and still needs a margin above its round trip. */
    private long timeout() {
        long least = measurements < WELL_KNOWN ? CAUTION * leastNanos : floorNanos;
        return Math.min(mostNanos, (long) smoothedNanos + Math.max(least, (long) (4 * variationNanos)));
    }
}
