package org.rackboot.server.tftp;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongSupplier;

/**
 * How many requests of one address are answered before ACKs have proved it to be real: a forged source address must not
 * make this server flood a victim (S-06, S-07, G-08).
 *
 * <p>An address that never acknowledged anything gets at most {@value #UNPROVEN_PER_SECOND} packets in any second. Each
 * proof earns more for some seconds, so that a thousand machines behind one address (NAT) start within a few round trips. A request over
 * the limit is parked, not lost: it is answered when a proof arrives or time has passed, unless its client asks again
 * before. Thread-safe, bounded.
 */
final class Admission {
    static final int UNPROVEN_PER_SECOND = 16;
    static final int MAX_PARKED = 4_096;

    private static final int EARNED_BY_A_PROOF = 8;
    private static final double HARDLY_A_PROOF = 0.1;
    private static final int MOST_PER_SECOND = 8_192;
    private static final long SECOND = 1_000_000_000L;
    private static final long PARKED_NANOS = 2 * SECOND; // Then its client has given up, or asks again.
    private static final int MAX_ADDRESSES = 16_384;

    private static final class Client {
        private final long[] lastReplies = new long[UNPROVEN_PER_SECOND]; // A ring: when the last sixteen went out.
        private int replies; // All that ever went out.
        private double proofs; // Half of them are forgotten every second.
        private double level; // Replies that were not answered, less what time has forgiven.
        private long settledAtNanos;

        private Client(long now) {
            this.settledAtNanos = now;
        }
    }

    private record Parked(InetAddress address, Runnable request, long sinceNanos) {}

    private final LongSupplier nanoClock;
    private final Runnable onExpiry;
    private final Map<InetAddress, Client> clients = new LinkedHashMap<>(64, 0.75f, true) {
        @Override
        protected boolean removeEldestEntry(Map.Entry<InetAddress, Client> eldest) {
            return size() > MAX_ADDRESSES;
        }
    };
    private final Map<InetSocketAddress, Parked> parked = new LinkedHashMap<>();

    /** @param onExpiry told of each parked request that is given up */
    Admission(LongSupplier nanoClock, Runnable onExpiry) {
        this.nanoClock = nanoClock;
        this.onExpiry = onExpiry;
    }

    /** Whether one more packet may go to that address now; if so, it is counted. */
    synchronized boolean admits(InetAddress address) {
        return admits(address, nanoClock.getAsLong());
    }

    /**
     * Keeps a request that was not admitted.
     *
     * @param request handles it; run by whoever calls {@link #due} or {@link #proven}
     * @return false if there is no room
     */
    synchronized boolean park(InetSocketAddress client, Runnable request) {
        if (parked.size() >= MAX_PARKED && !parked.containsKey(client)) {
            return false;
        }
        parked.put(client, new Parked(client.getAddress(), request, nanoClock.getAsLong()));
        return true;
    }

    /** A packet came that only a receiver of ours could send. Returns the requests that may be handled for that. */
    synchronized List<Runnable> proven(InetAddress address) {
        long now = nanoClock.getAsLong();
        Client client = clients.computeIfAbsent(address, a -> new Client(now));
        settle(client, now);
        client.proofs = Math.min(MOST_PER_SECOND, client.proofs + 1);
        client.level = Math.max(0, client.level - 1);
        return admitted(now);
    }

    /** Requests that may be handled because time has passed; call it now and then while {@link #hasParked}. */
    synchronized List<Runnable> due() {
        return admitted(nanoClock.getAsLong());
    }

    synchronized boolean hasParked() {
        return !parked.isEmpty();
    }

    private List<Runnable> admitted(long now) {
        if (parked.isEmpty()) {
            return List.of();
        }
        List<Runnable> ready = new ArrayList<>();
        for (Iterator<Parked> each = parked.values().iterator(); each.hasNext(); ) {
            Parked next = each.next();
            if (now - next.sinceNanos() > PARKED_NANOS) {
                each.remove();
                onExpiry.run();
            } else if (admits(next.address(), now)) {
                each.remove();
                ready.add(next.request());
            }
        }
        return ready;
    }

    private boolean admits(InetAddress address, long now) {
        Client client = clients.computeIfAbsent(address, a -> new Client(now));
        settle(client, now);
        int slot = client.replies % UNPROVEN_PER_SECOND;
        boolean few = client.replies < UNPROVEN_PER_SECOND || now - client.lastReplies[slot] >= SECOND;
        if (!few && (client.proofs == 0 || client.level + 1 > capacity(client))) {
            return false;
        }
        client.lastReplies[slot] = now;
        client.replies = client.replies == Integer.MAX_VALUE ? UNPROVEN_PER_SECOND : client.replies + 1;
        client.level++;
        return true;
    }

    private static double capacity(Client client) {
        return Math.min(MOST_PER_SECOND, UNPROVEN_PER_SECOND + EARNED_BY_A_PROOF * client.proofs);
    }

    private static void settle(Client client, long now) {
        double seconds = (double) (now - client.settledAtNanos) / SECOND;
        client.level = Math.max(0, client.level - capacity(client) * seconds);
        double left = client.proofs * Math.pow(0.5, seconds);
        client.proofs = left < HARDLY_A_PROOF ? 0 : left;
        client.settledAtNanos = now;
    }
}
