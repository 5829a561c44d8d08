package org.rackboot.server.event;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NeighboursTest {
    private static final String HEADING =
            "IP address       HW type     Flags       HW address            Mask     Device\n";

    @TempDir
    Path directory;

    private final AtomicLong nanos = new AtomicLong(7);

    @Test
    void anAddressOfTheNetworkIsItsCardsAndReadAnewWhenItChanges() throws IOException {
        Path table =
                table("198.18.0.77 0x1 0x2 52:54:00:0b:00:01 * eth0\n198.18.0.78 0x1 0x0 00:00:00:00:00:00 * eth0\n");
        Neighbours neighbours = new Neighbours(table, nanos::get);

        assertThat(neighbours.macOf(address("198.18.0.77"))).contains("52:54:00:0b:00:01");
        assertThat(neighbours.macOf(address("198.18.0.78"))).as("not resolved").isEmpty();
        assertThat(neighbours.macOf(address("198.18.9.9"))).as("routed").isEmpty();

        table("198.18.0.77 0x1 0x2 52:54:00:0b:00:02 * eth0\n");
        assertThat(neighbours.macOf(address("198.18.0.77"))).contains("52:54:00:0b:00:01");
        nanos.addAndGet(Duration.ofSeconds(2).toNanos());
        assertThat(neighbours.macOf(address("198.18.0.77"))).contains("52:54:00:0b:00:02");
    }

    @Test
    void anIpv6AddressMadeOfACardsTellsIt() throws IOException {
        Neighbours neighbours = new Neighbours(directory.resolve("missing"), nanos::get);

        assertThat(neighbours.macOf(address("2001:db8::5054:ff:fe0b:1"))).contains("52:54:00:0b:00:01");
        assertThat(neighbours.macOf(address("2001:db8::1"))).isEmpty();
        assertThat(neighbours.macOf(address("198.18.0.77"))).isEmpty();
    }

    @Test
    void whatDhcpSaidHoldsForAnHour() throws IOException {
        Neighbours neighbours = new Neighbours(table(""), nanos::get);

        neighbours.heard(address("198.18.9.5"), "52:54:00:0b:00:05");

        assertThat(neighbours.heardOf(address("198.18.9.5"))).contains("52:54:00:0b:00:05");
        assertThat(neighbours.macOf(address("198.18.9.5"))).as("no neighbour's").isEmpty();
        nanos.addAndGet(Duration.ofMinutes(59).toNanos());
        assertThat(neighbours.heardOf(address("198.18.9.5"))).isPresent();
        nanos.addAndGet(Duration.ofMinutes(2).toNanos());
        assertThat(neighbours.heardOf(address("198.18.9.5"))).isEmpty();
    }

    private Path table(String lines) throws IOException {
        return Files.writeString(directory.resolve("arp"), HEADING + lines);
    }

    private static InetAddress address(String text) throws IOException {
        return InetAddress.getByName(text);
    }
}
