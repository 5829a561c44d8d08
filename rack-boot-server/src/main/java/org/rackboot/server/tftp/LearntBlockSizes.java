package org.rackboot.server.tftp;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import java.net.InetAddress;
import java.time.Duration;
import java.util.function.LongSupplier;

/**
 * Clients whose first full block never arrived, and what they get instead when they ask again: somewhere on the way is a
 * link with a smaller MTU, a tunnel mostly, and boot ROMs cannot put fragments together (quirk T19). Thread-safe, bounded;
 * forgotten after an hour.
 */
final class LearntBlockSizes {
    /** Ethernet, WireGuard, IPv6's least MTU, what GRUB asks, and what always works. */
    private static final int[] STEPS = {1_468, 1_388, 1_228, 1_024, 512};

    private final Cache<InetAddress, Integer> sizes;

    LearntBlockSizes(LongSupplier nanoClock) {
        this.sizes = Caffeine.newBuilder()
                .maximumSize(16_384)
                .expireAfterWrite(Duration.ofHours(1))
                .ticker(nanoClock::getAsLong)
                .executor(Runnable::run)
                .build();
    }

    int most(InetAddress client, int otherwise) {
        Integer learnt = sizes.getIfPresent(client);
        return learnt == null ? otherwise : Math.min(otherwise, learnt);
    }

    /** A block of this size did not get through. Returns what is agreed to from now on. */
    int didNotArrive(InetAddress client, int blockSize) {
        int next = STEPS[STEPS.length - 1];
        for (int step : STEPS) {
            if (step < blockSize) {
                next = step;
                break;
            }
        }
        sizes.put(client, next);
        return next;
    }
}
