package org.rackboot.region;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.rackboot.region.Machines.Description;
import org.rackboot.region.Machines.Problem;
import org.rackboot.region.Region.RefusedException;
import org.rackboot.region.machine.Machine;
import org.rackboot.region.machine.Machine.Loader;
import org.rackboot.region.store.DatabaseException;
import org.rackboot.region.store.ImageRepository;
import org.rackboot.region.store.MachineRepository;
import org.rackboot.region.store.RegionDatabase;
import org.rackboot.region.store.TestDatabase;

/** Holds on every database; {@link TestDatabase} says which one this is. */
class MachinesTest {
    private static final String MAC = "52:54:00:00:00:01";
    private static final String OTHER_MAC = "52:54:00:00:00:02";
    private static final String UUID = "4c4c4544-0035-3110-8052-b4c04f4d3132";

    @TempDir
    Path directory;

    private RegionDatabase database;
    private MachineRepository repository;
    private Machines machines;
    private int changes;

    @BeforeEach
    void open() throws Exception {
        database = TestDatabase.open(directory);
        repository = new MachineRepository(database);
        machines = new Machines(repository, NetworkCheck.FORM, () -> changes++);
    }

    @AfterEach
    void close() {
        database.close();
    }

    @Test
    void aMachineComesBackAsItWasAddedByItsNameOrAnyOfItsAddresses() throws Exception {
        Machine added = machines.add(new Description(
                Optional.of("web-1"),
                Optional.of(List.of("52-54-00-00-00-02", "01-52-54-00-00-00-01", OTHER_MAC)),
                Optional.of("4C4C4544-0035-3110-8052-B4C04F4D3132"),
                Optional.of("amd64"),
                Optional.of("ipxe")));

        assertThat(added)
                .isEqualTo(new Machine(
                        "web-1",
                        List.of(OTHER_MAC, MAC),
                        Optional.of(UUID),
                        Optional.of("amd64"),
                        Optional.of(Loader.IPXE)));
        for (String key : List.of("web-1", MAC, "52-54-00-00-00-02", "01-52-54-00-00-00-01")) {
            assertThat(machines.get(key)).as(key).isEqualTo(added);
        }
        assertThat(machines.list()).containsExactly(added);
        assertThat(machines.count()).isOne();
    }

    @Test
    void whoHasNoNameIsCalledByItsAddressAndAllAreListedByName() throws Exception {
        machines.add(named("b", OTHER_MAC));
        machines.add(described(MAC));
        machines.add(named("a-1", "52:54:00:00:00:03"));
        machines.add(named("a0", "52:54:00:00:00:04")); // Whatever the database's locale thinks of hyphens.

        assertThat(machines.list()).extracting(Machine::name).containsExactly("a-1", "a0", "b", "m-525400000001");
    }

    @Test
    void aUuidThatManyMachinesHaveIsNone() throws Exception { // Quirk D10
        for (String none : List.of("0", "f", "F")) {
            String uuid = UUID.replaceAll("[0-9a-f]", none);
            machines.add(new Description(
                    Optional.empty(),
                    Optional.of(List.of("52:54:00:00:01:%02x".formatted((int) none.charAt(0)))),
                    Optional.of(uuid),
                    Optional.empty(),
                    Optional.empty()));
        }

        assertThat(machines.list())
                .hasSize(3)
                .allMatch(machine -> machine.uuid().isEmpty());
    }

    @Test
    void whatAnotherMachineHasIsRefusedAndTheOtherNamed() throws Exception {
        machines.add(new Description(
                Optional.of("first"),
                Optional.of(List.of(MAC, OTHER_MAC)),
                Optional.of(UUID),
                Optional.empty(),
                Optional.empty()));
        long version = version();

        assertRefused(named("first", "52:54:00:00:00:03"), RefusedException.Kind.CONFLICT, "'first' already");
        assertRefused(
                described("52:54:00:00:00:03", OTHER_MAC),
                RefusedException.Kind.CONFLICT,
                "The MAC address 52:54:00:00:00:02 is that of machine 'first'; change that one");
        assertRefused(
                new Description(
                        Optional.empty(),
                        Optional.of(List.of("52:54:00:00:00:03")),
                        Optional.of(UUID.toUpperCase(Locale.ROOT)),
                        Optional.empty(),
                        Optional.empty()),
                RefusedException.Kind.CONFLICT,
                "The UUID " + UUID + " is that of machine 'first'");

        assertThat(machines.count()).isOne();
        assertThat(version()).isEqualTo(version);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "52:54:00:00:00",
                "52:54:00:00:00:0g",
                "5254.0000.0001",
                "00:00:00:00:00:00",
                "01:00:5e:00:00:01",
                "ff:ff:ff:ff:ff:ff",
                "52:54:00:00:00:01 "
            })
    void whatIsNoNetworkCardsAddressIsRefused(String mac) throws Exception {
        assertRefused(described(mac), RefusedException.Kind.INVALID, "MAC address");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "Web",
                "-a",
                "a-",
                "a.b",
                "a_b",
                "import",
                "default",
                "52-54-00-00-00-01",
                "01-52-54-00-00-00-01",
                "ä",
                "a b"
            })
    void whatIsNoDnsLabelIsNoName(String name) throws Exception {
        assertRefused(named(name, MAC), RefusedException.Kind.INVALID, "is no machine's name");
    }

    @Test
    void aNameHasSixtyThreeCharactersAtMost() throws Exception {
        machines.add(named("a".repeat(63), MAC));

        assertRefused(named("a".repeat(64), OTHER_MAC), RefusedException.Kind.INVALID, "is no machine's name");
        assertRefused(named("a".repeat(9_999), OTHER_MAC), RefusedException.Kind.INVALID, "a…' is no machine's name");
    }

    @Test
    void aMachineHasOneToSixteenAddresses() throws Exception {
        List<String> macs = new ArrayList<>();
        for (int i = 0; i < 17; i++) {
            macs.add("52:54:00:00:01:%02x".formatted(i));
        }

        assertRefused(described(), RefusedException.Kind.INVALID, "needs a MAC address");
        assertRefused(
                described(macs.toArray(new String[0])), RefusedException.Kind.INVALID, "16 MAC addresses at most");
        assertThat(machines.add(described(macs.subList(0, 16).toArray(new String[0])))
                        .macs())
                .isEqualTo(macs.subList(0, 16));
    }

    @ParameterizedTest
    @CsvSource({
        "4c4c4544, amd64, ipxe, is no UUID",
        "4c4c4544003531108052b4c04f4d3132, amd64, ipxe, is no UUID",
        "4c4c4544-0035-3110-8052-b4c04f4d3132, x86, ipxe, is no architecture; use amd64",
        "4c4c4544-0035-3110-8052-b4c04f4d3132, amd64, grub, is no loader; use signed or ipxe"
    })
    void whatIsNoSuchThingIsRefused(String uuid, String arch, String loader, String why) throws Exception {
        assertRefused(
                new Description(
                        Optional.empty(),
                        Optional.of(List.of(MAC)),
                        Optional.of(uuid),
                        Optional.of(arch),
                        Optional.of(loader)),
                RefusedException.Kind.INVALID,
                why);
    }

    @Test
    void whatIsNotSaidStaysAndAnEmptyTextTakesAway() throws Exception {
        machines.add(new Description(
                Optional.of("web"),
                Optional.of(List.of(MAC, OTHER_MAC)),
                Optional.of(UUID),
                Optional.of("amd64"),
                Optional.of("signed")));

        assertThat(machines.update("web", saying("", "", "ipxe")))
                .isEqualTo(new Machine(
                        "web", List.of(MAC, OTHER_MAC), Optional.empty(), Optional.empty(), Optional.of(Loader.IPXE)));
        Machine renamed = machines.update(OTHER_MAC, named("db", OTHER_MAC));
        assertThat(renamed)
                .isEqualTo(new Machine(
                        "db", List.of(OTHER_MAC), Optional.empty(), Optional.empty(), Optional.of(Loader.IPXE)));

        assertThat(machines.list()).containsExactly(renamed);
        machines.add(named("web", MAC)); // What it gave up is free.
    }

    @Test
    void aMachineHasTagsKernelOptionsAndANetworkConfiguration() throws Exception {
        machines.add(named("other", OTHER_MAC));
        Machine added = machines.add(saying(
                "web",
                new Machines.Boot(
                        Optional.of(List.of("web", "db", "web")),
                        List.of(),
                        List.of(),
                        Optional.of(List.of("console=ttyS1 a=b", "quiet")),
                        Optional.of("{ \"version\": 2, \"ethernets\": {\"b\": {}, \"a\": {\"mtu\": 9000}} }"),
                        Optional.of("false"))));

        assertThat(added.boot().tags()).containsExactly("db", "web");
        assertThat(added.boot().kernelOptions()).containsExactly("console=ttyS1", "a=b", "quiet");
        assertThat(added.boot().network()).contains("{\"ethernets\":{\"a\":{\"mtu\":9000},\"b\":{}},\"version\":2}");
        assertThat(added.boot().netboot()).isFalse();
        assertThat(machines.get("web")).isEqualTo(added);
        assertThat(machines.tagged("db")).containsExactly(added);
        assertThat(machines.tagged("none")).isEmpty();

        assertThat(machines.update("web", saying("", "", "ipxe")).boot())
                .as("what is not said stays")
                .isEqualTo(added.boot());
        Machine changed = machines.update(
                "web",
                said(new Machines.Boot(
                        Optional.empty(),
                        List.of("a"),
                        List.of("db", "none"),
                        Optional.of(List.of()),
                        Optional.of(""),
                        Optional.of("true"))));
        assertThat(changed.boot())
                .isEqualTo(new Machine.Boot(
                        List.of("a", "web"), List.of(), Optional.empty(), true, Optional.empty(), Optional.empty()));
        assertThat(machines.get("web")).isEqualTo(changed);
        assertThat(machines.get("other").boot()).isEqualTo(Machine.Boot.USUAL);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{",
                "[]",
                "7",
                "{}",
                "{\"version\": 1}",
                "{\"version\": \"2\"}",
                "{\"version\": 2} x",
                "{\"version\": 2, \"version\": 2}",
                "{\"version\": 2, \"a\": \"\\ud800\"}",
                "{\"version\": 2, \"a\": NaN}",
                "{\"version\": 2, \"a\": [[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]}"
            })
    void whatIsNoNetworkConfigurationIsRefused(String json) throws Exception {
        assertRefused(saying("web", network(json)), RefusedException.Kind.INVALID, "The network configuration");
    }

    @Test
    void whatIsSaidOfABootHasBounds() throws Exception {
        assertRefused(
                saying("web", network("{\"version\": 2, \"a\": \"" + "x".repeat(64 << 10) + "\"}")),
                RefusedException.Kind.INVALID,
                "64 KiB at most");
        List<String> tags = new ArrayList<>();
        for (int i = 0; i < 33; i++) {
            tags.add("t" + i);
        }
        assertRefused(
                saying("web", tags(tags)), RefusedException.Kind.INVALID, "32 tags at most; this one would have 33");
        for (String tag : List.of("", "A", "-a", "a b", "ä", "a".repeat(64))) {
            assertRefused(saying("web", tags(List.of(tag))), RefusedException.Kind.INVALID, "is no tag");
        }
        for (String words : List.of("é", "a\u0001", "a\nb", "x".repeat(4_097))) {
            assertRefused(saying("web", kernelOptions(words)), RefusedException.Kind.INVALID, "Kernel options");
        }
        Machine most = machines.add(saying("web", kernelOptions("x".repeat(2_047) + " " + "y".repeat(2_048))));
        assertThat(most.boot().kernelOptions()).hasSize(2);
        assertThat(machines.update("web", said(tags(tags.subList(0, 32))))
                        .boot()
                        .tags())
                .hasSize(32);
    }

    @Test
    void aChangeThatCannotBeChangesNothing() throws Exception {
        Machine first = machines.add(named("first", MAC));
        machines.add(named("second", OTHER_MAC));
        long version = version();

        assertThatThrownBy(() -> machines.update("first", described(MAC, OTHER_MAC)))
                .isInstanceOf(RefusedException.class)
                .hasMessageContaining("that of machine 'second'");
        assertThatThrownBy(() -> machines.update("first", named("second", MAC)))
                .hasMessageContaining("'second' already");
        assertThatThrownBy(() -> machines.update("first", described()))
                .isInstanceOf(RefusedException.class)
                .hasMessageContaining("needs a MAC address");
        assertThatThrownBy(() -> machines.update("third", described(MAC)))
                .isInstanceOf(RefusedException.class)
                .hasMessageContaining("There is no machine 'third'");

        assertThat(machines.get("first")).isEqualTo(first);
        assertThat(version()).isEqualTo(version);
    }

    @Test
    void aMachineThatIsRemovedIsForgottenWithItsAddresses() throws Exception {
        Machine machine = machines.add(described(MAC, OTHER_MAC));

        assertThat(machines.remove(OTHER_MAC)).isEqualTo(machine);

        assertThatThrownBy(() -> machines.remove(MAC)).hasMessageContaining("There is no machine");
        assertThatThrownBy(() -> machines.get(MAC)).hasMessageContaining("There is no machine");
        assertThat(machines.add(described(MAC, OTHER_MAC))).isEqualTo(machine);
    }

    @Test
    void everyChangeIsOneOfTheCatalogAndIsTold() throws Exception {
        long version = version();

        machines.add(described(MAC));
        assertThat(version()).isEqualTo(version + 1);
        machines.addAll(List.of(described(OTHER_MAC), described("52:54:00:00:00:03")));
        assertThat(version()).isEqualTo(version + 2);
        machines.update(MAC, saying("", "", "ipxe"));
        assertThat(version()).isEqualTo(version + 3);
        machines.update(MAC, saying("", "", "ipxe"));
        assertThat(version()).as("nothing changed").isEqualTo(version + 3);
        machines.remove(MAC);
        assertThat(version()).isEqualTo(version + 4);

        assertThat(changes).isGreaterThanOrEqualTo(4);
    }

    @Test
    void ofManyMachinesAllAreAddedOrNone() throws Exception {
        machines.add(new Description(
                Optional.of("old"), Optional.of(List.of(MAC)), Optional.of(UUID), Optional.empty(), Optional.empty()));
        List<Description> all = new ArrayList<>();
        for (int i = 0; i < 2_500; i++) { // More than one statement names.
            all.add(named("n" + i, "52:54:01:00:%02x:%02x".formatted(i >> 8, i & 255)));
        }
        List<Description> broken = new ArrayList<>(all);
        broken.set(1, named("n1", OTHER_MAC, "rubbish"));
        broken.set(
                2,
                new Description(
                        Optional.of("N2"),
                        Optional.of(List.of("52:54:00:00:00:09")),
                        Optional.empty(),
                        Optional.of("x86"),
                        Optional.empty()));
        broken.set(4, named("n3", "52:54:00:00:00:0a"));
        broken.set(5, named("n5", "52:54:00:00:00:0b", "52:54:01:00:00:03"));
        broken.set(2_400, named("old", MAC));
        long version = version();

        assertThat(machines.addAll(broken))
                .extracting(Problem::row, Problem::text)
                .containsExactly(
                        tuple(2, "'rubbish' is no MAC address; write 52:54:00:12:34:56 or 52-54-00-12-34-56"),
                        tuple(
                                3,
                                "'N2' is no machine's name: that has 1 to 63 lower-case letters, digits and hyphens, begins"
                                        + " and ends with a letter or digit, and is neither a MAC address nor 'import' or 'default'"),
                        tuple(3, "'x86' is no architecture; use amd64, arm64, armhf, i386, ppc64el, riscv64 or s390x"),
                        tuple(5, "The name n3 is that of row 4 as well"),
                        tuple(6, "The MAC address 52:54:01:00:00:03 is that of row 4 as well"),
                        tuple(2_401, "There is a machine 'old' already"),
                        tuple(2_401, "The MAC address 52:54:00:00:00:01 is that of machine 'old'"));
        assertThat(machines.count()).isOne();
        assertThat(version()).isEqualTo(version);

        assertThat(machines.addAll(all)).isEmpty();
        assertThat(machines.list()).hasSize(2_501);
        assertThat(machines.addAll(all.subList(2_000, 2_001)))
                .extracting(Problem::text)
                .containsExactly(
                        "There is a machine 'n2000' already",
                        "The MAC address 52:54:01:00:07:d0 is that of machine 'n2000'");
    }

    @Test
    void thereIsRoomForSoManyAndNoMore() throws Exception {
        Machine machine = machine(1);

        assertThat(repository.add(List.of(machine, machine(2)), 1).room()).isFalse();
        assertThat(repository.count()).isZero();
        assertThat(repository.add(List.of(machine), 1).room()).isTrue();
        assertThat(repository.add(List.of(machine(2)), 1).room()).isFalse();
        assertThat(repository.count()).isOne();
    }

    @Test
    void tooManyAtOnceAreRefusedBeforeTheyAreLookedAt() {
        List<Description> all = Collections.nCopies(Machines.MOST_AT_ONCE + 1, described(MAC));

        assertThatThrownBy(() -> machines.addAll(all))
                .isInstanceOf(RefusedException.class)
                .hasMessageContaining("import 50000 at most, in several parts");
    }

    @Test
    void ofManyWhoAddTheSameMachineAtTheSameTimeOneDoes() throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(8);
        try {
            List<Callable<Boolean>> all = new ArrayList<>();
            for (int i = 0; i < 16; i++) {
                String name = "m" + i;
                all.add(() -> {
                    try {
                        machines.add(named(name, MAC));
                        return true;
                    } catch (RefusedException e) {
                        assertThat(e.kind()).isEqualTo(RefusedException.Kind.CONFLICT);
                        return false;
                    }
                });
            }
            int added = 0;
            for (Future<Boolean> each : threads.invokeAll(all)) {
                added += each.get() ? 1 : 0;
            }
            assertThat(added).isEqualTo(1);
        } finally {
            threads.shutdownNow();
        }
    }

    private void assertRefused(Description said, RefusedException.Kind kind, String why) throws Exception {
        int before = machines.count();
        assertThatThrownBy(() -> machines.add(said))
                .isInstanceOfSatisfying(
                        RefusedException.class, e -> assertThat(e.kind()).isEqualTo(kind))
                .hasMessageContaining(why);
        assertThat(machines.count()).isEqualTo(before);
    }

    private long version() throws DatabaseException {
        return new ImageRepository(database).catalogVersion();
    }

    private static Machine machine(int number) {
        return new Machine(
                "m" + number,
                List.of("52:54:00:00:00:%02x".formatted(number)),
                Optional.empty(),
                Optional.empty(),
                Optional.empty());
    }

    private static Description described(String... macs) {
        return new Description(
                Optional.empty(), Optional.of(List.of(macs)), Optional.empty(), Optional.empty(), Optional.empty());
    }

    private static Description named(String name, String... macs) {
        return new Description(
                Optional.of(name), Optional.of(List.of(macs)), Optional.empty(), Optional.empty(), Optional.empty());
    }

    private static Description saying(String name, Machines.Boot boot) {
        return new Description(
                Optional.of(name),
                Optional.of(List.of(MAC)),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                boot);
    }

    private static Description said(Machines.Boot boot) {
        return new Description(
                Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty(), boot);
    }

    private static Machines.Boot network(String json) {
        return new Machines.Boot(
                Optional.empty(), List.of(), List.of(), Optional.empty(), Optional.of(json), Optional.empty());
    }

    private static Machines.Boot tags(List<String> tags) {
        return new Machines.Boot(
                Optional.of(tags), List.of(), List.of(), Optional.empty(), Optional.empty(), Optional.empty());
    }

    private static Machines.Boot kernelOptions(String words) {
        return new Machines.Boot(
                Optional.empty(),
                List.of(),
                List.of(),
                Optional.of(List.of(words)),
                Optional.empty(),
                Optional.empty());
    }

    private static Description saying(String uuid, String arch, String loader) {
        return new Description(
                Optional.empty(), Optional.empty(), Optional.of(uuid), Optional.of(arch), Optional.of(loader));
    }
}
