package org.rackboot.region;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.rackboot.region.Assignments.Wish;
import org.rackboot.region.Machines.Description;
import org.rackboot.region.Region.RefusedException;
import org.rackboot.region.SeenMachines.Sighting;
import org.rackboot.region.SeenMachines.Used;
import org.rackboot.region.machine.Machine;
import org.rackboot.region.machine.SeenMachine;
import org.rackboot.region.store.AssignmentRepository;
import org.rackboot.region.store.ImageRepository;
import org.rackboot.region.store.MachineRepository;
import org.rackboot.region.store.RegionDatabase;
import org.rackboot.region.store.SeenMachineRepository;
import org.rackboot.region.store.TestDatabase;

/** Holds on every database; {@link TestDatabase} says which one this is. */
class SeenMachinesTest {
    private static final Instant NOW = Instant.parse("2026-01-02T00:00:00Z");
    private static final Instant BEFORE = NOW.minusSeconds(60);
    private static final String MAC = "52:54:00:00:00:01";
    private static final String OTHER_MAC = "52:54:00:00:00:02";
    private static final String UUID = "4c4c4544-0035-3110-8052-b4c04f4d3132";

    @TempDir
    Path directory;

    private RegionDatabase database;
    private Machines machines;
    private Assignments assignments;
    private SeenMachines seen;
    private int changes;

    @BeforeEach
    void open() throws Exception {
        database = TestDatabase.open(directory);
        machines = new Machines(new MachineRepository(database), NetworkCheck.FORM, () -> {});
        assignments = new Assignments(new AssignmentRepository(database), new ImageRepository(database), () -> {});
        seen = new SeenMachines(
                new SeenMachineRepository(database), machines, Clock.fixed(NOW, ZoneOffset.UTC), () -> changes++);
    }

    @AfterEach
    void close() {
        database.close();
    }

    @Test
    void whoAskedIsRememberedWithWhatIsKnownOfIt() throws Exception {
        see(new Sighting(
                "52-54-00-00-00-01", UUID.toUpperCase(Locale.ROOT), "amd64", "198.18.0.7", "grub/grub.cfg", BEFORE, 3));
        see(new Sighting(MAC, "", "", "2001:db8::7", "ipxe.cfg", NOW.plusSeconds(9_999), 1));
        see(new Sighting(MAC, "", "", "2001:db8::7", "ipxe.cfg", BEFORE.minusSeconds(1), 1));
        see(new Sighting(OTHER_MAC, UUID.replaceAll("[0-9a-f]", "f"), "", "", "", BEFORE, 1));

        assertThat(seen.list())
                .containsExactly(
                        new SeenMachine(
                                MAC,
                                Optional.of(UUID),
                                Optional.of("amd64"),
                                "2001:db8::7",
                                "rack-1",
                                "ipxe.cfg",
                                BEFORE,
                                NOW,
                                5),
                        new SeenMachine(
                                OTHER_MAC, Optional.empty(), Optional.empty(), "", "rack-1", "", BEFORE, BEFORE, 1));
        assertThat(changes).as("the catalog is as it was").isZero();
    }

    @Test
    void whoIsKnownIsNotAmongThem() throws Exception {
        machines.add(named("web", MAC));
        see(sighting(MAC, BEFORE));
        see(sighting(OTHER_MAC, BEFORE));
        assertThat(seen.list()).extracting(SeenMachine::mac).containsExactly(OTHER_MAC);

        machines.add(named("db", OTHER_MAC));
        assertThat(seen.list()).isEmpty();
    }

    @Test
    void whoIsAdoptedIsAMachine() throws Exception {
        see(new Sighting(MAC, UUID, "arm64", "", "", BEFORE, 1));
        see(sighting(OTHER_MAC, BEFORE));

        Machine machine = seen.adopt("52-54-00-00-00-01", Optional.of("web"));

        assertThat(machine)
                .isEqualTo(new Machine("web", List.of(MAC), Optional.of(UUID), Optional.of("arm64"), Optional.empty()));
        assertThat(machines.get("web")).isEqualTo(machine);
        assertThat(seen.list()).extracting(SeenMachine::mac).containsExactly(OTHER_MAC);
        assertThatThrownBy(() -> seen.adopt(MAC, Optional.empty()))
                .isInstanceOf(RefusedException.class)
                .hasMessageContaining("see 'rackboot machines seen'");
        assertThatThrownBy(() -> seen.adopt(OTHER_MAC, Optional.of("web"))).hasMessageContaining("'web' already");
        assertThat(seen.list()).hasSize(1);
        assertThat(seen.adopt(OTHER_MAC, Optional.empty()).name()).isEqualTo("m-525400000002");
    }

    @Test
    void oneOrAllAreForgotten() throws Exception {
        see(sighting(MAC, BEFORE));
        see(sighting(OTHER_MAC, BEFORE));

        seen.forget(MAC);
        assertThat(seen.list()).extracting(SeenMachine::mac).containsExactly(OTHER_MAC);
        assertThatThrownBy(() -> seen.forget(MAC)).isInstanceOf(RefusedException.class);
        assertThat(seen.forgetAll()).isOne();
        assertThat(seen.list()).isEmpty();
    }

    @Test
    void theOldestMakeRoom() throws Exception {
        for (int from = 0; from < 10_240; from += 256) {
            List<Sighting> some = new ArrayList<>();
            for (int i = from; i < from + 256; i++) {
                some.add(sighting("52:54:01:00:%02x:%02x".formatted(i >> 8, i & 255), BEFORE.plusMillis(i)));
            }
            seen.report("rack-1", some, List.of(), List.of());
        }

        List<SeenMachine> all = seen.list();
        assertThat(all).hasSize(10_000);
        assertThat(all.get(0).mac()).isEqualTo("52:54:01:00:27:ff");
        assertThat(all.get(9_999).mac()).isEqualTo("52:54:01:00:00:f0");
    }

    @Test
    void aOneShotThatWasUsedIsGoneOnceAndOnlyThatOne() throws Exception {
        machines.add(named("web", MAC));
        long used = once("web");

        report(List.of(new Used("web", used + 1), new Used("other", used)), List.of());
        assertThat(machines.get("web").boot().once()).isPresent();
        assertThat(changes).isZero();
        report(List.of(new Used("web", used)), List.of());
        assertThat(machines.get("web").boot().once()).isEmpty();
        assertThat(changes).isOne();

        long next = once("web");
        report(List.of(new Used("web", used)), List.of()); // The answer to the first time was lost.
        assertThat(machines.get("web").boot().once().orElseThrow().id()).isEqualTo(next);
        assertThat(changes).isOne();
    }

    @Test
    void aMachineThatIsInstalledDoesNotBootFromTheNetworkAnyMore() throws Exception {
        machines.add(named("web", MAC));
        long version = new ImageRepository(database).catalogVersion();

        report(List.of(), List.of("web", "unknown"));
        report(List.of(), List.of("web"));

        assertThat(machines.get("web").boot().netboot()).isFalse();
        assertThat(new ImageRepository(database).catalogVersion()).isEqualTo(version + 1);
        assertThat(changes).isOne();
    }

    @ParameterizedTest
    @CsvSource({
        "'', '', '', '', '', 1, 'mac'",
        "01:00:5e:00:00:01, '', '', '', '', 1, 'mac'",
        "52:54:00:00:00:01, x, '', '', '', 1, 'uuid'",
        "52:54:00:00:00:01, '', x86, '', '', 1, 'arch'",
        "52:54:00:00:00:01, '', '', é, '', 1, 'address'",
        "52:54:00:00:00:01, '', '', '', é, 1, 'asked'",
        "52:54:00:00:00:01, '', '', '', '', 0, 'times'",
        "52:54:00:00:00:01, '', '', '', '', 1000000001, 'times'",
    })
    void aReportThatSaysNonsenseIsRefusedWhole(
            String mac, String uuid, String arch, String address, String asked, long times, String key)
            throws Exception {
        List<Sighting> all =
                List.of(sighting(OTHER_MAC, BEFORE), new Sighting(mac, uuid, arch, address, asked, BEFORE, times));

        assertThatThrownBy(() -> seen.report("rack-1", all, List.of(), List.of()))
                .isInstanceOfSatisfying(
                        RefusedException.class, e -> assertThat(e.kind()).isEqualTo(RefusedException.Kind.INVALID))
                .hasMessageContaining("'" + key + "'");
        assertThat(seen.list()).isEmpty();
    }

    @Test
    void aReportHasBounds() throws Exception {
        List<Sighting> many = Collections.nCopies(257, sighting(MAC, BEFORE));
        List<Used> used = Collections.nCopies(257, new Used("web", 1));
        assertThatThrownBy(() -> seen.report("r", many, List.of(), List.of())).hasMessageContaining("more than 256");
        assertThatThrownBy(() -> report(used, List.of())).hasMessageContaining("more than 256");
        assertThatThrownBy(() -> report(List.of(), Collections.nCopies(257, "web")))
                .hasMessageContaining("more than 256");
        assertThatThrownBy(() -> report(List.of(new Used("Web", 1)), List.of())).hasMessageContaining("'used'");
        assertThatThrownBy(() -> report(List.of(new Used("web", 0)), List.of())).hasMessageContaining("'used'");
        assertThatThrownBy(() -> report(List.of(), List.of("Web"))).hasMessageContaining("'netbootOff'");
        assertThatThrownBy(() -> seen.report("é", List.of(), List.of(), List.of()))
                .hasMessageContaining("'name'");
        String asked = "x".repeat(201);
        assertThatThrownBy(() -> see(new Sighting(MAC, "", "", "", asked, BEFORE, 1)))
                .hasMessageContaining("'asked' is longer");
        assertThatThrownBy(() -> see(sighting(MAC, Instant.MIN))).hasMessageContaining("'at'");
    }

    private long once(String machine) throws Exception {
        Wish rescue = new Wish(
                "rescue",
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                false);
        return assignments
                .assign(List.of(machine), true, rescue)
                .assigned()
                .get(0)
                .assignment()
                .id();
    }

    private void report(List<Used> used, List<String> netbootOff) throws Exception {
        seen.report("rack-1", List.of(), used, netbootOff);
    }

    private void see(Sighting sighting) throws Exception {
        seen.report("rack-1", List.of(sighting), List.of(), List.of());
    }

    private static Sighting sighting(String mac, Instant at) {
        return new Sighting(mac, "", "", "", "", at, 1);
    }

    private static Description named(String name, String mac) {
        return new Description(
                Optional.of(name), Optional.of(List.of(mac)), Optional.empty(), Optional.empty(), Optional.empty());
    }
}
