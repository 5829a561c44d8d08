package org.rackboot.server.dhcp;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Supplier;

/** Lines of the log that would come with every packet: each is written once in ten minutes. Thread-safe. */
final class Notices {
    private static final long QUIET_NANOS = 600_000_000_000L;
    private static final int MAX_KEYS = 256;

    private final Consumer<String> lines;
    private final Map<String, Long> saidNanos = new LinkedHashMap<>() {
        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Long> eldest) {
            return size() > MAX_KEYS;
        }
    };

    Notices(Consumer<String> lines) {
        this.lines = lines;
    }

    /** @param about what makes two lines the same; never text of a stranger's own making */
    synchronized void say(String about, long nowNanos, Supplier<String> line) {
        Long said = saidNanos.get(about);
        if (said == null || nowNanos - said >= QUIET_NANOS) {
            saidNanos.remove(about);
            saidNanos.put(about, nowNanos);
            lines.accept(line.get());
        }
    }
}
