package org.rackboot.server.dhcp;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/** Whether another program of this machine has a UDP port on all addresses, as DHCP servers have theirs. */
final class OtherServers {
    private final Path table;

    /** @param table {@code /proc/net/udp} */
    OtherServers(Path table) {
        this.table = table;
    }

    boolean listenOn(int port) {
        String local = String.format(Locale.ROOT, "00000000:%04X", port);
        try {
            return Files.readAllLines(table).stream()
                    .map(line -> line.strip().split("\\s+")) // number, local address, …
                    .anyMatch(columns -> columns.length > 1 && columns[1].equals(local));
        } catch (IOException e) {
            return false; // No such table on this system.
        }
    }
}
