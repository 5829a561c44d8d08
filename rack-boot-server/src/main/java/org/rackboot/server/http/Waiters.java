package org.rackboot.server.http;

import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Requests that wait for one thing to happen, none for longer than it wants to. Who gave up is forgotten at once, however
 * seldom the thing happens. Thread-safe.
 */
public final class Waiters {
    private final Map<Long, CompletableFuture<Void>> waiting = new ConcurrentHashMap<>();
    private final AtomicLong numbers = new AtomicLong();
    private volatile boolean closed;

    /** Completes when {@link #tell} is called or the time is up. Whoever needs it no longer completes it. */
    public CompletableFuture<Void> add(Duration most) {
        CompletableFuture<Void> waiter = new CompletableFuture<>();
        long number = numbers.incrementAndGet();
        waiting.put(number, waiter);
        waiter.whenComplete((nothing, failure) -> waiting.remove(number));
        if (closed) {
            waiter.complete(null);
        }
        return waiter.completeOnTimeout(null, most.toMillis(), TimeUnit.MILLISECONDS);
    }

    /** Nobody waits any more, from now on. */
    public void close() {
        closed = true;
        tell();
    }

    /** It has happened: everybody goes on. */
    public void tell() {
        waiting.values().forEach(waiter -> waiter.complete(null));
    }

    public int count() {
        return waiting.size();
    }
}
