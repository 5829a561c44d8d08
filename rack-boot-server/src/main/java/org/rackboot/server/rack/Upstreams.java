package org.rackboot.server.rack;

import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongSupplier;

/**
 * The addresses of one region, and which to ask. One that answered is asked again; one that failed comes last for a
 * while, and is asked all the same when no other is left. Thread-safe.
 */
final class Upstreams {
    static final Duration REST = Duration.ofSeconds(10);

    /** Longer than {@link CatalogFollower} pauses, which asks all the same and finds out. */
    static final Duration SILENCE = Duration.ofSeconds(30);

    private final List<URI> addresses;
    private final LongSupplier nanoClock;

    // Guarded by this.
    private final Map<URI, Long> restsUntilNanos = new HashMap<>();
    private final Map<URI, Long> silentUntilNanos = new HashMap<>();
    private int preferred;

    /**
     * @param addresses one or more
     * @param first to be asked first; racks that choose at random share the load among the region's processes
     */
    Upstreams(List<URI> addresses, int first, LongSupplier nanoClock) {
        this.addresses = List.copyOf(addresses);
        this.preferred = first;
        this.nanoClock = nanoClock;
    }

    /** All addresses, the best first. */
    synchronized List<URI> inOrder() {
        long now = nanoClock.getAsLong();
        restsUntilNanos.values().removeIf(until -> until - now <= 0);
        List<URI> well = new ArrayList<>();
        List<URI> resting = new ArrayList<>();
        for (int i = 0; i < addresses.size(); i++) {
            URI address = addresses.get((preferred + i) % addresses.size());
            (restsUntilNanos.containsKey(address) ? resting : well).add(address);
        }
        well.addAll(resting);
        return well;
    }

    /** Those that machines need not wait for: the others would let them wait until a time-out. Maybe none. */
    synchronized List<URI> notSilent() {
        long now = nanoClock.getAsLong();
        silentUntilNanos.values().removeIf(until -> until - now <= 0);
        return inOrder().stream()
                .filter(address -> !silentUntilNanos.containsKey(address))
                .toList();
    }

    synchronized void answered(URI address) {
        restsUntilNanos.remove(address);
        silentUntilNanos.remove(address);
        preferred = addresses.indexOf(address);
    }

    synchronized void failed(URI address) {
        restsUntilNanos.put(address, nanoClock.getAsLong() + REST.toNanos());
    }

    /** Not even a refusal came. */
    synchronized void silent(URI address) {
        failed(address);
        silentUntilNanos.put(address, nanoClock.getAsLong() + SILENCE.toNanos());
    }

    @Override
    public String toString() {
        return addresses.size() == 1 ? addresses.get(0).toString() : "any of " + addresses;
    }
}
