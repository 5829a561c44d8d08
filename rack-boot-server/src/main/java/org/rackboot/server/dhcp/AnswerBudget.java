package org.rackboot.server.dhcp;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * How many answers go out: for each machine, for each address that is answered, and in all. A machine asks three or four
 * times for a boot; whoever asks more is broken, or hostile. Of at most {@value #MAX_KEYS} the last ones are known. Time is
 * monotonic nanoseconds. Thread-safe.
 */
final class AnswerBudget {
    /** @param perSecond how fast it fills again */
    private record Rate(int burst, double perSecond) {}

    private static final Rate MACHINE = new Rate(64, 8);
    private static final Rate ADDRESS = new Rate(512, 128);
    /** Many machines are behind one. */
    private static final Rate RELAY = new Rate(1_024, 256);

    /** A thousand machines switched on at once, and no more lines in the log than a disk takes. */
    private static final Rate ALL = new Rate(8_192, 256);

    private static final int MAX_KEYS = 8_192;

    private static final class Bucket {
        private double tokens;
        private long filledAtNanos;

        Bucket(Rate rate, long now) {
            this.tokens = rate.burst();
            this.filledAtNanos = now;
        }

        boolean take(Rate rate, long now) {
            tokens = Math.min(rate.burst(), tokens + Math.max(0, now - filledAtNanos) * rate.perSecond() / 1e9);
            filledAtNanos = now;
            if (tokens < 1) {
                return false;
            }
            tokens--;
            return true;
        }
    }

    private final Map<Object, Bucket> buckets = new LinkedHashMap<>(64, 0.75f, true) {
        @Override
        protected boolean removeEldestEntry(Map.Entry<Object, Bucket> eldest) {
            return size() > MAX_KEYS;
        }
    };
    private final Bucket all;

    AnswerBudget(long nowNanos) {
        this.all = new Bucket(ALL, nowNanos);
    }

    /**
     * Whether one more may go out; if so, it is counted.
     *
     * @param machine who asked
     * @param destination where it goes: an address that is easily forged
     */
    synchronized boolean admits(
            Object machine, Object destination, boolean isRelay, boolean isBroadcast, long nowNanos) {
        return take(machine, MACHINE, nowNanos)
                && (isBroadcast || take(destination, isRelay ? RELAY : ADDRESS, nowNanos))
                && all.take(ALL, nowNanos);
    }

    private boolean take(Object key, Rate rate, long now) {
        return buckets.computeIfAbsent(key, unknown -> new Bucket(rate, now)).take(rate, now);
    }

    synchronized int known() {
        return buckets.size();
    }
}
