package org.rackboot.server.event;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rackboot.protocol.resolve.BootPhase;
import org.rackboot.server.event.BootEvent.Answer;
import org.rackboot.server.event.BootEvent.Transport;

class BootLogTest {
    private static final InetSocketAddress CLIENT = new InetSocketAddress("198.18.0.101", 1057);

    @TempDir
    Path directory;

    @Test
    void aLineTellsMachinePhaseNameAnswerBytesAndTime() {
        BootEvent event = event(Optional.of("52:54:00:0b:00:00"), Answer.SENT, 957_424, "blksize=1468 windowsize=4");

        assertThat(BootLog.line(event))
                .isEqualTo("198.18.0.101 52:54:00:0b:00:00 tftp loader bootx64.efi: sent 957424 B in 0.310 s"
                        + " (blksize=1468 windowsize=4)");
    }

    @Test
    void aRefusalSaysWhyAndNothingOfBytes() {
        BootEvent event = event(Optional.empty(), Answer.NOT_FOUND, 0, "no such file");

        assertThat(BootLog.line(event)).isEqualTo("198.18.0.101 - tftp loader bootx64.efi: not found (no such file)");
    }

    @Test
    void whatAStrangerWroteCannotForgeALine() { // S-63
        String name = "a\r\n2026-01-01 boot - \u001b[31mfake\u202e" + "x".repeat(500);

        assertThat(BootEvent.printable(name)).matches("[ -~]{200}").startsWith("a??2026");
    }

    @Test
    void theBusAddsTheMacOfANeighbour() throws Exception {
        BootEvent seen = throughTheBus("198.18.0.101     0x1         0x2         52:54:00:0b:00:07     *        srv0");

        assertThat(seen.mac()).contains("52:54:00:0b:00:07");
    }

    @Test
    void anUnresolvedNeighbourHasNoMac() throws Exception {
        BootEvent seen = throughTheBus("198.18.0.101     0x1         0x0         00:00:00:00:00:00     *        srv0");

        assertThat(seen.mac()).isEmpty();
    }

    private BootEvent throughTheBus(String tableLine) throws IOException, InterruptedException {
        Path table = Files.writeString(directory.resolve("arp"), "IP address HW type Flags HW address\n" + tableLine);
        AtomicReference<BootEvent> seen = new AtomicReference<>();
        CountDownLatch delivered = new CountDownLatch(1);
        try (BootEvents bus = new BootEvents(new Neighbours(table, new AtomicLong()::get))) {
            bus.subscribe(event -> {
                seen.set(event);
                delivered.countDown();
            });
            bus.publish(event(Optional.empty(), Answer.SENT, 1, ""));
            assertThat(delivered.await(10, TimeUnit.SECONDS)).isTrue();
        }
        return Objects.requireNonNull(seen.get());
    }

    private static BootEvent event(Optional<String> mac, Answer answer, long bytes, String reason) {
        return new BootEvent(
                Instant.EPOCH,
                Transport.TFTP,
                CLIENT,
                mac,
                BootPhase.LOADER,
                "bootx64.efi",
                answer,
                bytes,
                Duration.ofMillis(310),
                reason);
    }
}
