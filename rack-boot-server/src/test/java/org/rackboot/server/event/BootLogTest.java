package org.rackboot.server.event;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
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
    void anOfferNamesTheMachineAndTheFile() {
        assertThat(BootLog.line(offer("52:54:00:0b:00:00")))
                .isEqualTo("0.0.0.0 52:54:00:0b:00:00 dhcp loader lpxelinux.0: offered (x86 BIOS (type 0))");
    }

    @Test
    void machinesWithoutAnAddressHaveTheirLinesEach() {
        List<String> lines = new ArrayList<>();
        BootLog log = new BootLog(() -> 0, lines::add);
        for (int i = 0; i < 2 * BootLog.LINES; i++) {
            log.accept(offer("52:54:00:0b:00:00"));
        }
        log.accept(offer("52:54:00:0b:00:01"));

        assertThat(lines).hasSize(BootLog.LINES + 1);
        assertThat(lines.get(BootLog.LINES)).contains("52:54:00:0b:00:01");
    }

    private static BootEvent offer(String mac) {
        return new BootEvent(
                Instant.EPOCH,
                Transport.DHCP,
                new InetSocketAddress("0.0.0.0", 68),
                Optional.of(mac),
                BootPhase.LOADER,
                "lpxelinux.0",
                Answer.OFFERED,
                0,
                Duration.ZERO,
                "x86 BIOS (type 0)");
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

    @ParameterizedTest
    @CsvSource({
        "pxelinux.cfg/01-52-54-00-0b-00-07, 52:54:00:0b:00:07",
        "grub/grub.cfg-52:54:00:0B:00:07, 52:54:00:0b:00:07",
        "grub/grub.cfg-52:54:00:0b:00:07-amd64, 52:54:00:0b:00:07",
        "52:54:00:0b:00:07, 52:54:00:0b:00:07",
        "ipxe.cfg-a52:54:00:0b:00:07, ",
        "ipxe.cfg-52:54:00:0b:00:0x, ",
        "ipxe.cfg-default-amd64, ",
        "52:54:00:0b:00:07/x, ",
        "a-b, ",
        "-, ",
    })
    void theBusFindsAMacInAName(String name, @Nullable String mac) {
        assertThat(BootEvents.macIn(name)).isEqualTo(Optional.ofNullable(mac));
    }

    @Test
    void oneClientWritesSomeLinesASecondThenANumber() { // S-63
        AtomicLong now = new AtomicLong();
        List<String> lines = new ArrayList<>();
        BootLog log = new BootLog(now::get, lines::add);
        for (int i = 0; i < 1_000; i++) {
            log.accept(event(Optional.empty(), Answer.SENT, 1, ""));
        }
        assertThat(lines).hasSize(BootLog.LINES);
        log.accept(event(Optional.empty(), Answer.FAILED, 0, "the region broke off"));
        log.accept(event(Optional.empty(), Answer.FAILED, 0, "the region broke off"));
        assertThat(lines).hasSize(BootLog.LINES + 1).last().asString().contains("failed (the region broke off)");

        now.addAndGet(999_999_999);
        log.catchUp();
        assertThat(lines).hasSize(BootLog.LINES + 1);
        now.incrementAndGet();
        log.catchUp();
        assertThat(lines).hasSize(BootLog.LINES + 2).last().isEqualTo("198.18.0.101 and 951 more in that second");
        log.catchUp();
        log.accept(event(Optional.empty(), Answer.SENT, 1, ""));
        assertThat(lines).hasSize(BootLog.LINES + 3);
    }

    @Test
    void oneClientsCrowdTakesNoLineFromAnother() { // S-63
        List<String> lines = new ArrayList<>();
        BootLog log = new BootLog(() -> 0, lines::add);
        for (int i = 0; i < 100; i++) {
            log.accept(event(Optional.empty(), Answer.SENT, 1, ""));
        }
        log.accept(event(new InetSocketAddress("198.18.0.102", 1), Answer.SENT, 1, ""));

        assertThat(lines).hasSize(BootLog.LINES + 1).last().asString().startsWith("198.18.0.102 ");
    }

    @Test
    void manyClientsAreForgottenInTurn() { // S-63: a flood of addresses fills no memory, and loses no number.
        List<String> lines = new ArrayList<>();
        BootLog log = new BootLog(() -> 0, lines::add);
        for (int i = 0; i < BootLog.LINES + 1; i++) {
            log.accept(event(Optional.empty(), Answer.SENT, 1, ""));
        }
        for (int i = 0; i < 5_000; i++) {
            String address = "198.19." + i / 250 + "." + (1 + i % 250);
            log.accept(event(new InetSocketAddress(address, 1), Answer.SENT, 1, ""));
        }

        assertThat(lines).hasSize(BootLog.LINES + 5_000 + 1).contains("198.18.0.101 and 1 more in that second");
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
        return event(CLIENT, mac, answer, bytes, reason);
    }

    private static BootEvent event(InetSocketAddress client, Answer answer, long bytes, String reason) {
        return event(client, Optional.empty(), answer, bytes, reason);
    }

    private static BootEvent event(
            InetSocketAddress client, Optional<String> mac, Answer answer, long bytes, String reason) {
        return new BootEvent(
                Instant.EPOCH,
                Transport.TFTP,
                client,
                mac,
                BootPhase.LOADER,
                "bootx64.efi",
                answer,
                bytes,
                Duration.ofMillis(310),
                reason);
    }
}
