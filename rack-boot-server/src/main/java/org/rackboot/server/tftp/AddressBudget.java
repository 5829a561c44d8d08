package org.rackboot.server.tftp;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import java.net.InetAddress;
import java.time.Duration;
import java.util.function.LongSupplier;

/**
 * How many requests of one address are answered before it has proved to be real by an ACK: a forged source address must
 * not make this server flood a victim (S-07, G-08). Thread-safe, bounded.
 */
final class AddressBudget {
    static final int UNPROVEN_PER_SECOND = 16;
    private static final int MAX_ADDRESSES = 65_536;

    private static final class Count {
        private long secondStart; // Guarded by this.
        private int requests;

        private Count(long now) {
            secondStart = now;
        }
    }

    private final LongSupplier nanoClock;
    private final Cache<InetAddress, Count> unproven;
    private final Cache<InetAddress, Boolean> proven;

    AddressBudget(LongSupplier nanoClock) {
        this.nanoClock = nanoClock;
        this.unproven = Caffeine.newBuilder()
                .maximumSize(MAX_ADDRESSES)
                .expireAfterAccess(Duration.ofMinutes(1))
                .ticker(nanoClock::getAsLong)
                .executor(Runnable::run)
                .build();
        this.proven = Caffeine.newBuilder()
                .maximumSize(MAX_ADDRESSES)
                .expireAfterWrite(Duration.ofMinutes(1))
                .ticker(nanoClock::getAsLong)
                .executor(Runnable::run)
                .build();
    }

    boolean allows(InetAddress address) {
        if (proven.getIfPresent(address) != null) {
            return true;
        }
        long now = nanoClock.getAsLong();
        Count count = unproven.get(address, a -> new Count(now));
        synchronized (count) {
            if (now - count.secondStart >= 1_000_000_000) {
                count.secondStart = now;
                count.requests = 0;
            }
            return ++count.requests <= UNPROVEN_PER_SECOND;
        }
    }

    /** A packet that only a receiver of ours could send came from there. */
    void proven(InetAddress address) {
        proven.put(address, true);
    }
}
