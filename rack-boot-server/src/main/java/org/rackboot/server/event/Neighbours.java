package org.rackboot.server.event;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import java.io.IOException;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.LongSupplier;

/**
 * Which network card has an address of this network: from the kernel's table of IPv4 neighbours, and from IPv6 addresses that
 * were made of the card's (RFC 4291, appendix A). Thread-safe; the table is in memory, so reading it holds nobody up for long.
 */
public final class Neighbours {
    private static final long FRESH_NANOS = 1_000_000_000;
    /** A machine that just came is looked for again, but strangers behind a router cannot keep this busy. */
    private static final long AGAIN_NANOS = 100_000_000;

    private static final String UNRESOLVED = "00:00:00:00:00:00";

    private static final int MOST_HEARD = 65_536;
    /** A lease that nobody renewed aloud for so long may have gone to another. */
    private static final Duration HEARD_HOLDS = Duration.ofHours(1);

    private final Cache<InetAddress, String> heard;
    private final Path table;
    private final LongSupplier nanoClock;
    private volatile Table latest;

    private record Table(Map<String, String> macs, long readAtNanos) {}

    /** @param table {@code /proc/net/arp} */
    public Neighbours(Path table, LongSupplier nanoClock) {
        this.table = table;
        this.nanoClock = nanoClock;
        this.latest = new Table(Map.of(), nanoClock.getAsLong() - FRESH_NANOS - 1);
        this.heard = Caffeine.newBuilder()
                .maximumSize(MOST_HEARD)
                .expireAfterWrite(HEARD_HOLDS)
                .ticker(nanoClock::getAsLong)
                .executor(Runnable::run)
                .build();
    }

    /**
     * Takes note of what DHCP says.
     *
     * @param mac lower case with colons
     */
    public void heard(InetAddress address, String mac) {
        heard.put(address, mac);
    }

    /** Who was given an address within the last hour, as DHCP had it. Anybody can say so: no proof of anything. */
    public Optional<String> heardOf(InetAddress address) {
        return Optional.ofNullable(heard.getIfPresent(address));
    }

    /** The MAC address behind an address of this network, lower case with colons; empty for routed machines. */
    public Optional<String> macOf(InetAddress address) {
        if (address instanceof Inet6Address v6) {
            return inside(v6.getAddress());
        }
        if (address.isLoopbackAddress()) {
            return Optional.empty();
        }
        String text = address.getHostAddress();
        long now = nanoClock.getAsLong();
        Table known = latest;
        String mac = known.macs().get(text);
        long age = now - known.readAtNanos();
        if (age > FRESH_NANOS || (mac == null && age > AGAIN_NANOS)) {
            known = new Table(readTable(), now);
            latest = known;
            mac = known.macs().get(text);
        }
        return Optional.ofNullable(mac);
    }

    /** An address whose last half is a card's address with ff:fe in its middle, and one bit turned. */
    private static Optional<String> inside(byte[] v6) {
        if (v6[11] != (byte) 0xFF || v6[12] != (byte) 0xFE) {
            return Optional.empty();
        }
        return Optional.of("%02x:%02x:%02x:%02x:%02x:%02x".formatted(v6[8] ^ 2, v6[9], v6[10], v6[13], v6[14], v6[15]));
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
