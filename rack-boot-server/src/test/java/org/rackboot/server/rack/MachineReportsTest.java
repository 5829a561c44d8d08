package org.rackboot.server.rack;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rackboot.protocol.bootconfig.BootPlan;
import org.rackboot.protocol.bootconfig.ConfigLoader;
import org.rackboot.protocol.bootconfig.ConfigPurpose;
import org.rackboot.protocol.bootconfig.KernelOptions;
import org.rackboot.protocol.bootname.MacAddress;
import org.rackboot.protocol.resolve.Assignment;
import org.rackboot.protocol.resolve.BootResolution.Decision;
import org.rackboot.protocol.resolve.BootResolution.Stranger;
import org.rackboot.protocol.resolve.Machine;
import org.rackboot.protocol.resolve.Purpose;
import org.rackboot.server.config.StateDirectory;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** What a rack remembers of machines, and tells its region. */
class MachineReportsTest {
    private static final MacAddress MAC = new MacAddress("52:54:00:0b:00:01");
    private static final Clock CLOCK = Clock.fixed(Instant.parse("2026-01-01T00:00:00Z"), ZoneOffset.UTC);

    @TempDir
    private Path directory;

    private final List<JsonNode> reports = new CopyOnWriteArrayList<>();
    private final AtomicInteger status = new AtomicInteger(200);
    private final List<MachineReports> open = new ArrayList<>();

    @AfterEach
    void close() {
        open.forEach(MachineReports::close);
    }

    @Test
    void whatWasDeliveredForOnceIsUsedAndToldAndRememberedAfterARestart() throws IOException {
        MachineReports first = started();
        first.delivered(decision(7));

        assertThat(first.isUsed(7)).isTrue();
        assertThat(first.isUsed(8)).isFalse();
        assertThat(first.delivered(7).orElseThrow().purpose()).isEqualTo(Purpose.LOCAL);
        await().untilAsserted(() -> assertThat(reports).isNotEmpty());
        JsonNode used = reports.get(0).path("used").path(0);
        assertThat(used.path("machine").asString()).isEqualTo("web-1");
        assertThat(used.path("once").asLong()).isEqualTo(7);
        first.close();

        assertThat(started().isUsed(7)).isTrue();
        assertThat(reports).hasSize(1); // Told once.
    }

    @Test
    void whatTheRegionCouldNotBeToldIsToldAfterARestart() throws IOException {
        status.set(503);
        MachineReports first = started();
        first.delivered(decision(7));
        await().untilAsserted(() -> assertThat(reports).isNotEmpty());
        first.close();
        reports.clear();
        status.set(200);

        started();

        await().untilAsserted(() -> assertThat(reports).isNotEmpty());
        assertThat(reports.get(0).path("used").path(0).path("once").asLong()).isEqualTo(7);
    }

    @Test
    void aConfigurationThatIsNotForOnceIsNotRemembered() throws IOException {
        MachineReports some = started();
        Decision decision = decision(7);
        some.delivered(new Decision(
                decision.loader(),
                decision.machine(),
                decision.mac(),
                decision.origin(),
                Optional.empty(),
                decision.booted(),
                decision.wanted(),
                decision.options(),
                decision.plan()));

        assertThat(some.isUsed(7)).isFalse();
    }

    @Test
    void aStrangerThatAsksOnAndOnIsToldOfOnceAMinute() throws IOException {
        MachineReports some = started();
        Stranger stranger = new Stranger(MAC, Optional.empty(), Optional.of("amd64"));
        some.saw(stranger, "198.18.0.7", "grub/grub.cfg-52:54:00:0b:00:01-x86_64");
        await().untilAsserted(() -> assertThat(reports).isNotEmpty());
        some.saw(stranger, "198.18.0.7", "pxelinux.cfg/default");
        some.delivered(decision(7)); // Makes a report in any case.
        await().untilAsserted(() -> assertThat(reports).hasSizeGreaterThan(1));

        JsonNode seen = reports.get(0).path("seen").path(0);
        assertThat(seen.path("mac").asString()).isEqualTo("52:54:00:0b:00:01");
        assertThat(seen.path("arch").asString()).isEqualTo("amd64");
        assertThat(seen.path("address").asString()).isEqualTo("198.18.0.7");
        assertThat(seen.path("asked").asString()).isEqualTo("grub/grub.cfg-52:54:00:0b:00:01-x86_64");
        assertThat(seen.path("at").asString()).isEqualTo("2026-01-01T00:00:00Z");
        assertThat(reports.get(1).path("seen").size()).isZero();
    }

    @Test
    void aNameThatTellsMoreOfAStrangerIsToldAtOnce() throws IOException {
        MachineReports some = started();
        String uuid = "4c4c4544-0042-3510-8054-b4c04f4a3232";
        some.saw(new Stranger(MAC, Optional.of(uuid), Optional.empty()), "198.18.0.7", "pxelinux.cfg/" + uuid);
        await().untilAsserted(() -> assertThat(reports).isNotEmpty());

        some.saw(new Stranger(MAC, Optional.empty(), Optional.of("arm64")), "198.18.0.7", "x-arm64");
        some.saw(new Stranger(MAC, Optional.empty(), Optional.empty()), "198.18.0.7", "x");

        await().untilAsserted(() -> assertThat(reports).hasSize(2));
        assertThat(reports.get(1).path("seen").path(0).path("arch").asString()).isEqualTo("arm64");
    }

    @Test
    void whoIsToldToWaitHasNotUsedItsNextBoot() throws IOException {
        MachineReports some = started();
        for (ConfigPurpose waits : List.of(ConfigPurpose.HOLD, ConfigPurpose.FAILURE)) {
            some.delivered(decision(
                    7,
                    BootPlan.of(waits, "amd64", "waits")
                            .waiting("no kernel", "again")
                            .build()));
        }

        assertThat(some.isUsed(7)).isFalse();
    }

    @Test
    void strangersAreForgottenBeforeTheyFillTheMemory() throws IOException {
        status.set(503);
        MachineReports some = started();
        for (int i = 0; i < 10_000; i++) {
            MacAddress mac = new MacAddress("52:54:00:0b:%02x:%02x".formatted(i >> 8, i & 0xFF));
            some.saw(new Stranger(mac, Optional.empty(), Optional.empty()), "198.18.0.7", "x");
        }

        assertThat(some.strangers()).isEqualTo(4_096);
    }

    private MachineReports started() throws IOException {
        JsonMapper json = JsonMapper.shared();
        MachineReports made = new MachineReports(
                report -> {
                    reports.add(json.readTree(report));
                    return status.get();
                },
                new StateDirectory(directory),
                CLOCK);
        open.add(made);
        made.start();
        return made;
    }

    private static Decision decision(long once) {
        return decision(once, BootPlan.of(ConfigPurpose.LOCAL, "amd64", "local").build());
    }

    private static Decision decision(long once, BootPlan plan) {
        return new Decision(
                ConfigLoader.GRUB,
                Optional.of(new Machine("web-1", List.of(MAC), Optional.empty(), Optional.empty(), Optional.empty())),
                Optional.of(MAC),
                "the next boot of web-1",
                Optional.of(Assignment.of(once, Purpose.LOCAL)),
                Optional.empty(),
                Optional.empty(),
                KernelOptions.NONE,
                plan);
    }
}
