package org.rackboot.region;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.rackboot.region.Region.SourceChange;
import org.rackboot.region.machine.Machine;
import org.rackboot.region.source.Selection;
import org.rackboot.region.source.SourceStatus;
import org.rackboot.region.store.AssignmentRepository;
import org.rackboot.region.store.ContentRepository.StoredContent;
import org.rackboot.region.store.DatabaseException;
import org.rackboot.region.store.ImageRepository;
import org.rackboot.region.store.ImageRepository.Kind;
import org.rackboot.region.store.ImageRepository.Version;
import org.rackboot.region.store.RegionDatabase;
import org.rackboot.region.store.TestDatabase;
import org.rackboot.region.store.TestDatabase.Failure;
import org.rackboot.region.store.TestDatabase.Faults;
import org.rackboot.region.sync.Mirror;
import org.rackboot.region.upload.UploadSpec;
import org.rackboot.region.upload.UploadSpec.UploadFile;

/** Whichever call to the database fails, what an operator does happens whole or not at all, and can be done again. */
@Timeout(120)
class RegionFaultsTest {
    private static final Clock CLOCK = Clock.fixed(Instant.parse("2026-02-01T00:00:00Z"), ZoneOffset.UTC);
    private static final String NOBLE = "ubuntu/noble/amd64/ga-24.04";
    private static final Selection SELECTED = new Selection(0, "ubuntu", "noble", "amd64", "*", "*");
    private static final byte[] FILE = "an operating system".getBytes(UTF_8);
    private static final byte[] WHOLE_FILE = "another one".getBytes(UTF_8);

    @TempDir
    Path directory;

    private final Faults faults = new Faults();
    private RegionDatabase database;
    private Region region;
    private String uploadId = "";
    private String wholeId = "";
    private long once;

    private interface Work {
        void on(RegionFaultsTest test) throws Exception;
    }

    /**
     * Something that an operator does.
     *
     * @param again whether the same words succeed once more, when it happened and the answer was lost
     */
    private record Deed(String name, Work work, boolean again) {
        Deed(String name, Work work) {
            this(name, work, false);
        }

        @Override
        public String toString() {
            return name;
        }
    }

    private static final List<Deed> DEEDS = List.of(
            new Deed("add a source", test -> test.region.addSource(described("new", "http://new.example/", 1))),
            new Deed(
                    "change a source",
                    test -> test.region.updateSource("mine", described("mine", "http://b.example/", 9), false)),
            new Deed("remove a source", test -> test.region.removeSource("mine", false)),
            new Deed("remove a source with its images", test -> test.region.removeSource("mine", true)),
            new Deed(
                    "select", test -> test.region.addSelection(new Selection(0, "ubuntu", "jammy", "amd64", "*", "*"))),
            new Deed("deselect", test -> test.region.removeSelection(SELECTED)),
            new Deed("pin", test -> test.region.pin(NOBLE, Optional.of("1"))),
            new Deed("unpin", test -> test.region.unpin(NOBLE)),
            new Deed("roll back", test -> test.region.rollback(NOBLE)),
            new Deed("delete a version", test -> test.region.delete(NOBLE, Optional.of("2"))),
            new Deed("delete an image", test -> test.region.delete(NOBLE, Optional.empty())),
            new Deed("begin an upload", test -> test.region.uploads().begin(upload("custom/b", FILE))),
            new Deed(
                    "send a piece of an upload",
                    test -> test.region.uploads().receive(test.uploadId, "root.tgz", 0, ByteBuffer.wrap(FILE))),
            new Deed("finish an upload", test -> test.region.uploads().finish(test.wholeId), true),
            new Deed("give an upload up", test -> test.region.uploads().delete(test.uploadId)),
            new Deed(
                    "assign",
                    test -> test.region.assignments().assign(List.of("web", "tag:a"), false, install("other data"))),
            new Deed("unassign", test -> test.region.assignments().unassign(List.of("web", "default"), false)),
            new Deed(
                    "change a machine",
                    test -> test.region.machines().update("web", machine("www", "52:54:00:00:00:02"))),
            new Deed("remove a machine", test -> test.region.machines().remove("web")),
            new Deed(
                    "tell of machines",
                    test -> test.region
                            .seenMachines()
                            .report(
                                    "rack",
                                    List.of(new SeenMachines.Sighting(
                                            "52:54:00:00:00:03", "", "", "", "", CLOCK.instant(), 1)),
                                    List.of(new SeenMachines.Used("web", test.once)),
                                    List.of("web"))),
            new Deed(
                    "say a tag's kernel options",
                    test -> test.region.kernelOptions().setTag("a", List.of("b"))));

    static Stream<Arguments> deedsAndFailures() {
        return DEEDS.stream().flatMap(deed -> Stream.of(Failure.values()).map(failure -> Arguments.of(deed, failure)));
    }

    @BeforeEach
    void open() throws Exception {
        database = TestDatabase.open(directory, faults);
        region = new Region(
                database, new NoMirror(), CLOCK, time -> {}, Region.Settings.DEFAULT, directory + "/no-keyring");
    }

    @AfterEach
    void close() {
        database.close();
    }

    @ParameterizedTest
    @MethodSource("deedsAndFailures")
    void aDeedHappensWholeOrNotAtAll(Deed deed, Failure failure) throws Exception {
        prepare();
        deed.work.on(this);
        String done = state();

        int n = 0;
        boolean failed;
        do {
            n++;
            prepare();
            String before = state();
            long catalog = region.catalogVersion();

            faults.arm(n, failure);
            try {
                deed.work.on(this);
                failed = false;
            } catch (DatabaseException e) {
                failed = true;
                assertThat(e).hasMessageMatching("The region database failed to (read|write): the test .*");
            }

            assertThat(faults.disarm()).as("call %d fails it", n).isEqualTo(failed);
            assertThat(faults.borrowed()).as("connections lost by call %d", n).isZero();
            String now = state();
            assertThat(now).as("after call %d failed", n).isIn(before, done);
            if (!catalogOf(now).equals(catalogOf(before))) {
                assertThat(region.catalogVersion()).as("racks are told").isGreaterThan(catalog);
            }
            if (now.equals(before) || deed.again) {
                deed.work.on(this);
                assertThat(state()).as("again, after call %d failed", n).isEqualTo(done);
            }
        } while (failed);
        assertThat(n).as("calls tried").isBetween(2, 500);
    }

    /**
     * Two sources with images of the same name, a selection, an upload that has no byte yet and one that has all; a machine
     * to which something is assigned for always and for once.
     */
    private void prepare() throws Exception {
        TestDatabase.empty(database);
        long mine = region.addSource(described("mine", "http://mine.example/", 5))
                .source()
                .id();
        long other = region.addSource(described("other", "http://other.example/", 0))
                .source()
                .id();
        publish(mine, "1", "2");
        publish(other, "0", "1", "3");
        region.pin(NOBLE, Optional.of("2"));
        region.addSelection(SELECTED);
        uploadId = region.uploads().begin(upload("custom/a", FILE)).id();
        wholeId = region.uploads().begin(upload("custom/c", WHOLE_FILE)).id();
        region.uploads().receive(wholeId, "root.tgz", 0, ByteBuffer.wrap(WHOLE_FILE));
        region.machines().add(machine("web", "52:54:00:00:00:01"));
        region.assignments().assign(List.of("web", "default"), false, install("data"));
        once = region.assignments()
                .assign(List.of("web"), true, install("data for once"))
                .assigned()
                .get(0)
                .assignment()
                .id();
    }

    private static Machines.Description machine(String name, String mac) {
        return new Machines.Description(
                Optional.of(name), Optional.of(List.of(mac)), Optional.empty(), Optional.empty(), Optional.empty());
    }

    private static Assignments.Wish install(String userData) {
        return new Assignments.Wish(
                "install",
                Optional.of("ubuntu/noble"),
                Optional.empty(),
                Optional.empty(),
                Optional.of(userData),
                Optional.empty(),
                false);
    }

    private void publish(long source, String... serials) throws Exception {
        var images = new ImageRepository(database);
        StoredContent kernel = region.contents().store("kernel".getBytes(UTF_8));
        var image = new ImageRepository.Image(
                "p", Kind.IMAGE, "ubuntu", "noble", "24.04", "", "amd64", "ga-24.04", "generic", "stable", "", "");
        for (String serial : serials) {
            var artifact = new ImageRepository.FileReference("boot-kernel", kernel.sha256());
            images.publish(
                    new ImageRepository.Publication(source, image, serial, Map.of("boot-kernel", artifact)),
                    CLOCK.instant());
        }
    }

    /** All that can be seen, less the ids, which are new in each round. */
    private String state() throws Exception {
        List<String> lines = new ArrayList<>();
        for (SourceStatus status : region.sources()) {
            lines.add("%s %s %d %s"
                    .formatted(
                            status.source().name(),
                            status.source().url(),
                            status.source().priority(),
                            status.source().enabled()));
        }
        region.selections().forEach(selection -> lines.add(selection.describe()));
        for (Version version : region.versions()) {
            lines.add("image %s %s %s %s %s"
                    .formatted(
                            version.source().replaceFirst("removed, \\d+", "removed"),
                            version.image().name(),
                            version.serial(),
                            version.isPinned(),
                            version.artifacts()));
        }
        region.uploads().list().stream()
                .map(upload -> upload.spec() + " " + upload.offsets())
                .sorted()
                .forEach(lines::add);
        for (Machine machine : region.machines().list()) {
            lines.add("machine %s %s %s %s %s"
                    .formatted(
                            machine.name(),
                            machine.macs(),
                            machine.boot().netboot(),
                            machine.boot().assignment().map(each -> each.withId(0)),
                            machine.boot().once().map(each -> each.withId(0))));
        }
        var everything = new AssignmentRepository(database).everything();
        everything
                .assigned()
                .forEach(each -> lines.add("machine " + each.target().text() + " "
                        + each.assignment().withId(0)));
        lines.add("machine " + everything.tags() + everything.documents());
        region.seenMachines().list().forEach(seen -> lines.add(seen.toString()));
        return String.join("\n", lines);
    }

    private static List<String> catalogOf(String state) {
        return state.lines().filter(line -> line.matches("(image|machine) .*")).toList();
    }

    private static UploadSpec upload(String name, byte[] file) throws Exception {
        String[] words = name.split("/");
        String sha256 =
                HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(file));
        return new UploadSpec(
                false,
                words[0],
                words[1],
                "amd64",
                "generic",
                "",
                "",
                "",
                List.of(new UploadFile("root.tgz", "root-tgz", sha256, file.length)));
    }

    private static SourceChange described(String name, String url, int priority) {
        return new SourceChange(
                Optional.of(url),
                Optional.of(name),
                Optional.empty(),
                Optional.of(true),
                Optional.of(priority),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty());
    }

    private static final class NoMirror implements Mirror {
        @Override
        public byte[] metadata(URI file, int maxBytes) throws MirrorException {
            throw new MirrorException("nobody is there");
        }

        @Override
        public void download(URI file, long from, Optional<String> ifRange, long size, Receiver receiver)
                throws MirrorException {
            throw new MirrorException("nobody is there");
        }
    }
}
