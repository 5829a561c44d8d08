package org.rackboot.server.dhcp;

import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * Lines of the log that would come with every packet: each is written once in ten minutes, and at most {@value #MAX_LINES}
 * of them are in that time. Thread-safe.
 */
final class Notices {
    static final int MAX_LINES = 64;
    private static final long QUIET_NANOS = 600_000_000_000L;

    private final Consumer<String> lines;
    /** The one that was said first in front. */
    private final Map<String, Long> saidNanos = new LinkedHashMap<>();

    Notices(Consumer<String> lines) {
        this.lines = lines;
    }

    /** @param about what makes two lines the same */
    synchronized void say(String about, long nowNanos, Supplier<String> line) {
        Iterator<Long> said = saidNanos.values().iterator();
        while (said.hasNext() && nowNanos - said.next() >= QUIET_NANOS) {
            said.remove();
        }
        if (saidNanos.size() < MAX_LINES && saidNanos.putIfAbsent(about, nowNanos) == null) {
            lines.accept(line.get());
        }
    }
}
