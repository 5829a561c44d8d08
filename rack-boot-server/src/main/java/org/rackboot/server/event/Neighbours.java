package org.rackboot.server.event;

import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.LongSupplier;

/** The kernel's table of IPv4 neighbours, read at most once a second. For the thread of the event bus. */
public final class Neighbours {
    private static final long FRESH_NANOS = 1_000_000_000;
    private static final String UNRESOLVED = "00:00:00:00:00:00";

    private final Path table;
    private final LongSupplier nanoClock;
    private Map<String, String> macs = Map.of();
    private long readAtNanos;
    private boolean read;

    /** @param table {@code /proc/net/arp} */
    public Neighbours(Path table, LongSupplier nanoClock) {
        this.table = table;
        this.nanoClock = nanoClock;
    }

    /** The MAC address behind an address of this network; empty for routed machines. */
    public Optional<String> macOf(InetAddress address) {
        long now = nanoClock.getAsLong();
        if (!read || now - readAtNanos > FRESH_NANOS) {
            macs = readTable();
            readAtNanos = now;
            read = true;
        }
        return Optional.ofNullable(macs.get(address.getHostAddress()));
    }

    private Map<String, String> readTable() {
        Map<String, String> found = new HashMap<>();
        List<String> lines;
        try {
            lines = Files.readAllLines(table);
        } catch (IOException e) {
            return Map.of(); // No such table on this system: events go without MAC.
        }
        for (String line : lines) {
            String[] columns = line.trim().split("\\s+"); // address, type, flags, MAC, mask, device
            if (columns.length >= 4 && columns[3].length() == UNRESOLVED.length() && !columns[3].equals(UNRESOLVED)) {
                found.put(columns[0], columns[3]);
            }
        }
        return found;
    }
}
