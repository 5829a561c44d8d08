package org.rackboot.server.http;

import java.net.InetAddress;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;

/** What the connections of a listener hold together, and may hold. Thread-safe. */
final class Connections {
    /** What becomes of a new connection. */
    enum Admission {
        ADMITTED,
        /** Over the limit: told so, and when to come again. */
        TOO_MANY,
        TOO_MANY_OF_ONE_ADDRESS,
        /** Not even room to tell, or no time. */
        NO_ROOM
    }

    /** Of request bodies that all connections hold at once: whoever sends one need not have shown a token yet. */
    private static final long MAX_BODY_BYTES = 32L << 20;

    /** Beside the limit, an eighth of it is told that there is no room; the rest is closed at once. */
    private static final int SPARE_SHARE = 8;

    private static final int LEAST_SPARE = 16;

    private final int most;
    private final int mostOfOneAddress;
    private final int mostTurnedAway;
    private final AtomicInteger admitted = new AtomicInteger();
    private final AtomicInteger turnedAway = new AtomicInteger();
    private final ConcurrentMap<InetAddress, Integer> byAddress = new ConcurrentHashMap<>();
    private final Set<HttpConnection> all = ConcurrentHashMap.newKeySet();
    private final AtomicLong bodyBytes = new AtomicLong();
    private final Object emptied = new Object();
    private volatile boolean stopping;

    Connections(int most, int mostOfOneAddress) {
        this.most = most;
        this.mostOfOneAddress = mostOfOneAddress;
        this.mostTurnedAway = Math.max(LEAST_SPARE, most / SPARE_SHARE);
    }

    /** Whoever is not given {@code NO_ROOM} leaves with {@link #leave}. */
    Admission admit(HttpConnection connection, InetAddress address) {
        Admission admission = decide(address);
        if (admission == Admission.NO_ROOM) {
            return admission;
        }
        all.add(connection);
        if (stopping) { // Looked at after adding: either this sees it, or stop() sees the connection.
            leave(connection, address, admission);
            return Admission.NO_ROOM;
        }
        return admission;
    }

    void leave(HttpConnection connection, InetAddress address, Admission admission) {
        all.remove(connection);
        if (admission == Admission.ADMITTED) {
            admitted.decrementAndGet();
            byAddress.computeIfPresent(address, (key, count) -> count == 1 ? null : count - 1);
        } else {
            turnedAway.decrementAndGet();
        }
        if (stopping) {
            synchronized (emptied) {
                emptied.notifyAll();
            }
        }
    }

    int open() {
        return admitted.get() + turnedAway.get();
    }

    /** Whether idle connections should make room. */
    boolean isCrowded() {
        return admitted.get() > most / 2;
    }

    /** Whether so many bytes of bodies may be held more. They are held in any case: give them back. */
    boolean holdBody(int bytes) {
        return bodyBytes.addAndGet(bytes) <= MAX_BODY_BYTES;
    }

    void giveBackBody(long bytes) {
        bodyBytes.addAndGet(-bytes);
    }

    boolean isStopping() {
        return stopping;
    }

    /** From now on nobody is admitted; {@code each} is told to end. */
    void stop(Consumer<HttpConnection> each) {
        stopping = true;
        all.forEach(each);
    }

    void forEach(Consumer<HttpConnection> each) {
        all.forEach(each);
    }

    /** Waits until all have left, or the time is over. */
    void awaitEmpty(Duration patience) throws InterruptedException {
        long endNanos = System.nanoTime() + patience.toNanos();
        synchronized (emptied) {
            while (!all.isEmpty()) {
                long leftMillis = (endNanos - System.nanoTime()) / 1_000_000;
                if (leftMillis <= 0) {
                    return;
                }
                emptied.wait(leftMillis);
            }
        }
    }

    private Admission decide(InetAddress address) {
        if (stopping) {
            return Admission.NO_ROOM;
        }
        if (admitted.incrementAndGet() > most) {
            admitted.decrementAndGet();
            return turnAway(Admission.TOO_MANY);
        }
        if (byAddress.merge(address, 1, Integer::sum) > mostOfOneAddress) {
            byAddress.computeIfPresent(address, (key, count) -> count - 1);
            admitted.decrementAndGet();
            return turnAway(Admission.TOO_MANY_OF_ONE_ADDRESS);
        }
        return Admission.ADMITTED;
    }

    private Admission turnAway(Admission why) {
        if (turnedAway.incrementAndGet() > mostTurnedAway) {
            turnedAway.decrementAndGet();
            return Admission.NO_ROOM;
        }
        return why;
    }
}
