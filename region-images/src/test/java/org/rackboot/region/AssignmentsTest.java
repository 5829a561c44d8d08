package org.rackboot.region;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.rackboot.region.Assignments.Wish;
import org.rackboot.region.Machines.Description;
import org.rackboot.region.Region.RefusedException;
import org.rackboot.region.machine.Assignment;
import org.rackboot.region.machine.ImageReference;
import org.rackboot.region.machine.Purpose;
import org.rackboot.region.machine.Tag;
import org.rackboot.region.machine.Target;
import org.rackboot.region.store.AssignmentRepository;
import org.rackboot.region.store.AssignmentRepository.Assigned;
import org.rackboot.region.store.AssignmentRepository.Everything;
import org.rackboot.region.store.DatabaseException;
import org.rackboot.region.store.ImageRepository;
import org.rackboot.region.store.MachineRepository;
import org.rackboot.region.store.RegionDatabase;
import org.rackboot.region.store.TestDatabase;

/** Holds on every database; {@link TestDatabase} says which one this is. */
class AssignmentsTest {
    private static final String MAC = "52:54:00:00:00:01";
    private static final String OTHER_MAC = "52:54:00:00:00:02";

    @TempDir
    Path directory;

    private RegionDatabase database;
    private AssignmentRepository repository;
    private Machines machines;
    private Assignments assignments;
    private KernelOptions options;
    private int changes;

    @BeforeEach
    void open() throws Exception {
        database = TestDatabase.open(directory);
        repository = new AssignmentRepository(database);
        machines = new Machines(new MachineRepository(database), NetworkCheck.FORM, () -> changes++);
        assignments = new Assignments(repository, new ImageRepository(database), () -> changes++);
        options = new KernelOptions(repository, () -> changes++);
        machines.add(named("web", MAC));
        machines.add(named("db", OTHER_MAC));
    }

    @AfterEach
    void close() {
        database.close();
    }

    @Test
    void whatIsAssignedComesBackWithTheMachineAndIsReplaced() throws Exception {
        Wish all = new Wish(
                "install",
                Optional.of("ubuntu/noble/amd64/ga-24.04"),
                Optional.of("20260101"),
                Optional.of("https://{rack}:8443/c?m={name}&a={arch}"),
                Optional.of("#cloud-config\n"),
                Optional.of("vendor"),
                true);

        Assigned assigned =
                assignments.assign(List.of(MAC), false, all).assigned().get(0);

        assertThat(assigned.target().text()).isEqualTo("web");
        Assignment assignment = machines.get("web").boot().assignment().orElseThrow();
        assertThat(assignment).isEqualTo(assigned.assignment());
        assertThat(assignment.purpose()).isEqualTo(Purpose.INSTALL);
        assertThat(assignment.image().map(ImageReference::text)).contains("ubuntu/noble/amd64/ga-24.04");
        assertThat(assignment.version()).contains("20260101");
        assertThat(assignment.cloudConfigUrl()).contains("https://{rack}:8443/c?m={name}&a={arch}");
        assertThat(assignment.metadata()).isTrue();
        Map<String, String> documents = repository.everything().documents();
        assertThat(documents.get(assignment.userData().orElseThrow())).isEqualTo("#cloud-config\n");
        assertThat(documents.get(assignment.vendorData().orElseThrow())).isEqualTo("vendor");

        assignments.assign(List.of("web"), false, purpose("local"));

        assertThat(machines.get("web").boot().assignment().map(Assignment::purpose))
                .contains(Purpose.LOCAL);
        assertThat(repository.everything().documents()).isEmpty();
        assertThat(machines.get("db").boot().assignment()).isEmpty();
    }

    @Test
    void aMachineHasOneThatStaysAndOneForOnce() throws Exception {
        assignments.assign(List.of("web"), false, purpose("local"));
        assignments.assign(List.of("web"), true, purpose("commissioning"));

        assertThat(machines.get("web").boot().assignment().map(Assignment::purpose))
                .contains(Purpose.LOCAL);
        assertThat(machines.get("web").boot().once().map(Assignment::purpose)).contains(Purpose.EPHEMERAL);

        assertThat(assignments.unassign(List.of("web"), true)).hasSize(1);
        assertThat(machines.get("web").boot().once()).isEmpty();
        assertThat(machines.get("web").boot().assignment()).isPresent();

        assignments.assign(List.of("web"), true, purpose("rescue"));
        assertThat(assignments.unassign(List.of("web"), false)).hasSize(2);
        assertThat(machines.get("web").boot().once()).isEmpty();
        assertThat(machines.get("web").boot().assignment()).isEmpty();
        assertThat(assignments.unassign(List.of("web"), false)).isEmpty();
    }

    @Test
    void anIdIsNeverUsedAgainAndKeptWhileNothingElseIsSaid() throws Exception {
        long first = id(assignments.assign(List.of("web"), false, purpose("local")));
        long version = version();
        assertThat(id(assignments.assign(List.of("web"), false, purpose("local"))))
                .isEqualTo(first);
        assertThat(version()).as("nothing changed").isEqualTo(version);

        long once = id(assignments.assign(List.of("web"), true, purpose("rescue")));
        assertThat(id(assignments.assign(List.of("web"), true, purpose("rescue"))))
                .as("a one-shot that a rack may be using now is not the next one")
                .isGreaterThan(once);
        long last = id(assignments.assign(List.of("web"), false, purpose("hold")));
        machines.remove("web");
        assignments.assign(List.of("db"), false, purpose("hold"));

        assertThat(machines.get("db").boot().assignment().orElseThrow().id()).isGreaterThan(last);
    }

    @Test
    void aMachineThatIsRemovedTakesItsAssignmentsAndTextsWithIt() throws Exception {
        assignments.assign(List.of("web", "db"), false, withUserData("a"));
        assignments.assign(List.of("web"), true, withUserData("b"));
        assertThat(repository.everything().documents()).hasSize(2);

        machines.remove("web");

        Everything rest = repository.everything();
        assertThat(rest.documents().values()).containsExactly("a");
        assertThat(rest.machines()).hasSize(1);
        assertThat(database.<Integer>read(c -> {
                    try (var rows = c.createStatement().executeQuery("select count(*) from assignment")) {
                        rows.next();
                        return rows.getInt(1);
                    }
                }))
                .isOne();
    }

    @ParameterizedTest
    @CsvSource({
        "tag:web, tag:web",
        "subnet:198.18.0.0/15, subnet:198.18.0.0/15",
        "subnet:198.18.0.9, subnet:198.18.0.9/32",
        "subnet:0.0.0.0/0, subnet:0.0.0.0/0",
        "subnet:2001:DB8:0::/32, subnet:2001:db8::/32",
        "subnet:::/0, subnet:::/0",
        "subnet:::1, subnet:::1/128",
        "subnet:2001:db8:0:0:1:0:0:0/80, subnet:2001:db8:0:0:1::/80",
        "arch:arm64, arch:arm64",
        "default, default"
    })
    void othersThanMachinesAreNamedInOneWay(String said, String kept) throws Exception {
        assignments.assign(List.of(said), false, purpose("hold"));
        assertThat(assignments.list()).extracting(each -> each.target().text()).containsExactly(kept);

        assignments.assign(List.of(kept), false, purpose("local"));
        assertThat(assignments.list())
                .extracting(each -> each.assignment().purpose())
                .containsExactly(Purpose.LOCAL);
        assertThat(Target.parse(kept).map(Target::text)).contains(kept);

        assignments.unassign(List.of(said), false);
        assertThat(assignments.list()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "Web",
                "import",
                "tag:",
                "tag:-a",
                "tag:A",
                "tag:a b",
                "tag:machine.example/",
                "subnet:",
                "subnet:198.18.0.1/15",
                "subnet:198.18.0.0/33",
                "subnet:198.18.0.0/-1",
                "subnet:198.18.0.0/015",
                "subnet:198.18.0/24",
                "subnet:198.018.0.0/16",
                "subnet:256.0.0.0/8",
                "subnet:example.com/24",
                "subnet:::ffff:198.18.0.0/120",
                "subnet:2001:db8::1/64",
                "subnet:2001:db8::/129",
                "subnet:2001:db8:::/64",
                "subnet:198.18.0.0/15/15",
                "arch:x86",
                "arch:",
                "Default",
                "default "
            })
    void whoIsNobodyIsRefused(String target) throws Exception {
        assertRefused(List.of(target), false, purpose("hold"), RefusedException.Kind.INVALID, "is nobody: use");
        assertThatThrownBy(() -> assignments.unassign(List.of(target), false)).hasMessageContaining("is nobody");
    }

    @Test
    void manyAreAssignedAllOrNone() throws Exception {
        assertRefused(
                List.of("web", "x", "tag:t", "y"),
                false,
                purpose("hold"),
                RefusedException.Kind.NOT_FOUND,
                "There are no machines x, y; nothing was changed");
        assertRefused(
                List.of("web", "x"),
                false,
                purpose("hold"),
                RefusedException.Kind.NOT_FOUND,
                "There is no machine 'x'");
        assertRefused(List.of(), false, purpose("hold"), RefusedException.Kind.INVALID, "Say whom it is for");
        assertRefused(
                List.of("web", "tag:a"),
                true,
                purpose("hold"),
                RefusedException.Kind.INVALID,
                "Only machines boot something once");
        long version = version();

        assertThat(assignments
                        .assign(List.of("web", MAC, OTHER_MAC, "tag:t"), false, purpose("hold"))
                        .assigned())
                .extracting(each -> each.target().text())
                .containsExactly("web", "db", "tag:t");

        assertThat(version()).isEqualTo(version + 1);
        assertThat(changes).isEqualTo(3);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "deploy | ubuntu/noble | | | is no purpose; use ephemeral",
                " '' | ubuntu/noble | | | is no purpose",
                "INSTALL | ubuntu/noble | | | is no purpose",
                "local | ubuntu/noble | | | purpose local boots no image",
                "hold | | | http://a/ | purpose hold boots no image",
                "poweroff | | 20260101 | | purpose poweroff boots no image",
                "install | ubuntu | | | names no image",
                "install | ubuntu/noble/amd64/ga/x | | | names no image",
                "install | ubuntu/../x | | | names no image",
                "install | ubuntu/noble/ | | | names no image",
                "install | | 20260101 | | say which image",
                "install | ubuntu/noble | a/b | | is no version",
                "install | | | ftp://host/x | is no address of a cloud-config",
                "install | | | http:///x | is no address of a cloud-config",
                "install | | | host/x | is no address of a cloud-config",
                "install | | | http://host/\\ | is no address of a cloud-config",
                "install | | | http://host/{ | is no address of a cloud-config",
                "install | | | http://host/{host} | has no placeholder '{host}'",
                "install | | | http://host/{} | has no placeholder '{}'",
                "install | | | http://host/a b | without blanks",
                "install | | | http://höst/ | printable ASCII"
            })
    void whatCannotBeBootedIsRefused(String purpose, String image, String version, String url, String why)
            throws Exception {
        Wish wish = new Wish(
                purpose,
                Optional.ofNullable(image),
                Optional.ofNullable(version),
                Optional.ofNullable(url),
                Optional.empty(),
                Optional.empty(),
                false);

        assertRefused(List.of("web"), false, wish, RefusedException.Kind.INVALID, why);
    }

    @Test
    void textsAndUrlsHaveBounds() throws Exception {
        assertRefused(
                List.of("web"),
                false,
                withUserData("x".repeat((64 << 10) + 1)),
                RefusedException.Kind.INVALID,
                "64 KiB at most");
        assertRefused(
                List.of("web"),
                false,
                withUserData("é".repeat(40 << 10)),
                RefusedException.Kind.INVALID,
                "64 KiB at most");
        for (String noText : List.of("a\u0000b", "\u001f\u008b", "\ud800", "\u007f")) {
            assertRefused(
                    List.of("web"), false, withUserData(noText), RefusedException.Kind.INVALID, "is text in UTF-8");
        }
        assertRefused(
                List.of("web"),
                false,
                withUrl("http://a/" + "x".repeat(2_040)),
                RefusedException.Kind.INVALID,
                "2048 characters");

        assignments.assign(List.of("web"), false, withUserData("\t\r\n\"é😀".repeat(5_000)));
        assignments.assign(List.of("web"), false, withUrl("http://a/" + "x".repeat(2_039)));
    }

    @Test
    void aTextIsKeptOnceAndAllTogetherHaveABound() throws Exception {
        List<String> targets = new ArrayList<>();
        for (int i = 0; i < 300; i++) {
            targets.add("tag:t" + i);
        }
        String quotes = "\"".repeat((64 << 10) - 10); // Twice as long in the catalog.
        assignments.assign(targets, false, withUserData(quotes));
        assertThat(repository.everything().documents()).hasSize(1);
        for (int i = 1; i < 128; i++) {
            assignments.assign(List.of("tag:t" + i), false, withUserData(quotes + i));
        }
        assertRefused(
                List.of("tag:more"),
                false,
                withUserData(quotes + "more"),
                RefusedException.Kind.NO_ROOM,
                "16 MiB at most");
        assertThat(repository.everything().documents()).hasSize(128);

        assignments.unassign(List.of("tag:t1"), false);
        assignments.assign(List.of("tag:more"), false, withUserData(quotes + "more"));
    }

    @Test
    void whatIsSaidOfAllMachinesHasABound() throws Exception {
        String options = "x".repeat(4 << 10); // Counted twice, as each might be a quotation mark.
        List<Description> all = new ArrayList<>();
        for (int i = 0; i < 5_200; i++) {
            all.add(new Description(
                    Optional.empty(),
                    Optional.of(List.of("52:54:01:00:%02x:%02x".formatted(i >> 8, i & 255))),
                    Optional.empty(),
                    Optional.empty(),
                    Optional.empty(),
                    withKernelOptions(options)));
        }
        assertThatThrownBy(() -> machines.addAll(all))
                .isInstanceOfSatisfying(
                        RefusedException.class, e -> assertThat(e.kind()).isEqualTo(RefusedException.Kind.NO_ROOM))
                .hasMessageContaining("40 MiB at most");
        assertThat(machines.count()).isEqualTo(2);
    }

    @Test
    void anImageThatIsNotHereIsAcceptedAndSaid() throws Exception {
        assertThat(assignments
                        .assign(List.of("web"), false, withImage("ubuntu/jammy/amd64"))
                        .warnings())
                .containsExactly("no image ubuntu/jammy/amd64 yet: import it, with 'rackboot selections add --os ubuntu"
                        + " --release jammy --arch amd64' and then 'rackboot images import'");
        assertThat(assignments.assign(List.of("web"), false, purpose("install")).warnings())
                .as("the default image")
                .isEmpty();
    }

    @Test
    void kernelOptionsAreOfTagsAndImages() throws Exception {
        long version = version();

        assertThat(options.setTag("web", List.of("a b", "c"))).isEqualTo(new Tag("web", List.of("a", "b", "c")));
        options.setTag("db", List.of("d"));
        options.setTag("db", List.of("d"));
        options.setImage("ubuntu/noble", List.of("x=y"));
        assertThat(version()).isEqualTo(version + 3);

        assertThat(options.tags()).containsExactly(new Tag("db", List.of("d")), new Tag("web", List.of("a", "b", "c")));
        assertThat(options.images())
                .isEqualTo(Map.of(ImageReference.parse("ubuntu/noble").orElseThrow(), List.of("x=y")));
        options.setTag("web", List.of());
        options.setImage("ubuntu/noble", List.of(" "));
        assertThat(options.tags()).extracting(Tag::name).containsExactly("db");
        assertThat(options.images()).isEmpty();
        for (String wrong : List.of("é", "a\u0000", "x".repeat(4_097), "a\nb")) {
            assertThatThrownBy(() -> options.setTag("web", List.of(wrong)))
                    .isInstanceOf(RefusedException.class)
                    .hasMessageContaining("Kernel options");
        }
        assertThatThrownBy(() -> options.setTag("Web", List.of("a"))).hasMessageContaining("is no tag");
        assertThatThrownBy(() -> options.setImage("ubuntu", List.of("a"))).hasMessageContaining("names no images");
    }

    private void assertRefused(List<String> targets, boolean once, Wish wish, RefusedException.Kind kind, String why)
            throws Exception {
        Everything before = repository.everything();
        long version = version();
        assertThatThrownBy(() -> assignments.assign(targets, once, wish))
                .isInstanceOfSatisfying(
                        RefusedException.class, e -> assertThat(e.kind()).isEqualTo(kind))
                .hasMessageContaining(why);
        assertThat(repository.everything()).isEqualTo(before);
        assertThat(version()).isEqualTo(version);
    }

    private long version() throws DatabaseException {
        return new ImageRepository(database).catalogVersion();
    }

    private static long id(Assignments.Result result) {
        return result.assigned().get(0).assignment().id();
    }

    private static Description named(String name, String... macs) {
        return new Description(
                Optional.of(name), Optional.of(List.of(macs)), Optional.empty(), Optional.empty(), Optional.empty());
    }

    private static Machines.Boot withKernelOptions(String options) {
        return new Machines.Boot(
                Optional.empty(),
                List.of(),
                List.of(),
                Optional.of(List.of(options)),
                Optional.empty(),
                Optional.empty());
    }

    private static Wish purpose(String word) {
        return wish(word, null, null, null);
    }

    private static Wish withImage(String image) {
        return wish("install", image, null, null);
    }

    private static Wish withUrl(String url) {
        return wish("install", null, url, null);
    }

    private static Wish withUserData(String text) {
        return wish("install", null, null, text);
    }

    private static Wish wish(String purpose, @Nullable String image, @Nullable String url, @Nullable String userData) {
        return new Wish(
                purpose,
                Optional.ofNullable(image),
                Optional.empty(),
                Optional.ofNullable(url),
                Optional.ofNullable(userData),
                Optional.empty(),
                false);
    }
}
