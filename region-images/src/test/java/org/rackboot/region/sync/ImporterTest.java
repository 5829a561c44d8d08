package org.rackboot.region.sync;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.rackboot.region.store.ContentRepository.CHUNK_BYTES;
import static org.rackboot.region.sync.TestStream.IMAGES;
import static org.rackboot.region.sync.TestStream.INDEX;
import static org.rackboot.region.sync.TestStream.LOADERS;
import static org.rackboot.region.sync.TestStream.PUBLISHED;
import static org.rackboot.region.sync.TestStream.noise;
import static org.rackboot.region.sync.TestStream.sha256;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.rackboot.region.machine.Assignment;
import org.rackboot.region.machine.ImageReference;
import org.rackboot.region.machine.Purpose;
import org.rackboot.region.machine.Target;
import org.rackboot.region.signature.TestSigner;
import org.rackboot.region.source.BootSource;
import org.rackboot.region.source.BootSource.Trust;
import org.rackboot.region.source.Selection;
import org.rackboot.region.store.AssignmentRepository;
import org.rackboot.region.store.ContentRepository;
import org.rackboot.region.store.DatabaseException;
import org.rackboot.region.store.ImageRepository;
import org.rackboot.region.store.ImageRepository.Artifact;
import org.rackboot.region.store.ImageRepository.Version;
import org.rackboot.region.store.RegionDatabase;
import org.rackboot.region.store.SourceRepository;
import org.rackboot.region.store.TestDatabase;
import org.rackboot.region.store.TestDatabase.Failure;
import org.rackboot.region.store.TestDatabase.Faults;
import org.rackboot.region.sync.ImportReport.Outcome;
import org.rackboot.region.sync.Mirror.MirrorException;

@Timeout(120)
class ImporterTest {
    private static final Instant NOW = PUBLISHED.plus(Duration.ofDays(2));
    private static final byte[] KERNEL = "a kernel".getBytes(UTF_8);
    private static final byte[] INITRD = noise(1, 5_000);
    private static final byte[] SQUASHFS = noise(2, 2 * CHUNK_BYTES + 500_000);
    private static final byte[] SHIM = noise(3, 700);
    private static final byte[] GRUB = noise(4, 900);

    private static final String KERNEL_PATH = "noble/amd64/20260115/boot-kernel";
    private static final String SQUASHFS_PATH = "noble/amd64/20260115/squashfs";
    private static final String LOADER = "loader:grub 20260110.0 [bootx64.efi, grubx64.efi]";
    private static final String LOADER_PATH = "bootloaders/uefi/amd64/20260110.0/grub.tar.xz";

    @TempDir
    Path directory;

    private final FakeMirror mirror = new FakeMirror();
    private final List<Duration> pauses = new CopyOnWriteArrayList<>();
    private final AtomicInteger changes = new AtomicInteger();
    private final Faults faults = new Faults();
    private Importer.Settings settings = Importer.Settings.DEFAULT;
    private ImportProgress progress = new ImportProgress();
    private RegionDatabase database;
    private SourceRepository sources;
    private ContentRepository contents;
    private ImageRepository images;

    @BeforeEach
    void open() throws Exception {
        use(TestDatabase.open(directory, faults));
        addSource("signed", FakeMirror.ROOT, 0);
        mirror.serve(stream().files());
    }

    @AfterEach
    void close() {
        database.close();
    }

    // What is imported.

    @Test
    void theNewestVersionOfWhatIsSelectedAndEveryLoaderIsPublished() throws Exception {
        mirror.serve(stream()
                .image("noble", "20260101", Map.of("boot-kernel", noise(9, 10)))
                .image("jammy", "20260115", Map.of("boot-kernel", noise(8, 10)))
                .loader("pxelinux", "pxe", "20210101.0", Map.of("lpxelinux.0", noise(7, 10)))
                .files());
        select("noble");

        ImportReport report = run();

        assertThat(report.outcome()).isEqualTo(Outcome.DONE);
        assertThat(report.problems()).isEmpty();
        assertThat(report.published())
                .containsExactlyInAnyOrder(
                        "image:noble 20260115", "loader:grub 20260110.0", "loader:pxelinux 20210101.0");
        assertThat(listed())
                .containsExactly(
                        "image:noble 20260115 [boot-initrd, boot-kernel, squashfs]",
                        "loader:pxelinux 20210101.0 [lpxelinux.0]",
                        "loader:grub 20260110.0 [bootx64.efi, grubx64.efi]");
        assertThat(bytes("boot-kernel")).isEqualTo(KERNEL);
        assertThat(bytes("squashfs")).isEqualTo(SQUASHFS);
        assertThat(bytes("bootx64.efi")).isEqualTo(SHIM);
        assertThat(mirror.takeRequests()).noneMatch(path -> path.contains("jammy") || path.contains("20260101"));
    }

    @Test
    void whatTheStreamGivesAKernelIsOfTheImageAlsoWhenOnlyThatIsNew() throws Exception {
        select("noble");
        mirror.serve(
                stream().announce(KERNEL_PATH, "kparams", "console=hvc0 quiet").files());
        run();
        assertThat(images.versions())
                .filteredOn(version -> version.image().kind() == ImageRepository.Kind.IMAGE)
                .extracting(version -> version.image().kparams())
                .containsExactly("console=hvc0 quiet");
        long version = images.catalogVersion();

        run();
        assertThat(images.catalogVersion()).isEqualTo(version);
        mirror.serve(stream().announce(KERNEL_PATH, "kparams", "quiet").files());
        run();

        assertThat(images.versions().get(0).image().kparams()).isEqualTo("quiet");
        assertThat(images.catalogVersion()).isEqualTo(version + 1);
    }

    @Test
    void everyChunkHasItsDigest() throws Exception {
        select("noble");
        run();

        Artifact squashfs = artifact("squashfs");
        byte[] digests = contents.chunkDigests(squashfs.sha256()).orElseThrow();
        assertThat(digests).hasSize(3 * 32);
        assertThat(sha256(digests)).isEqualTo(squashfs.chunkList());
        assertThat(squashfs.size()).isEqualTo(SQUASHFS.length);
    }

    @Test
    void nothingIsContactedBeforeSomethingIsSelected() throws Exception {
        ImportReport report = run();

        assertThat(report.outcome()).isEqualTo(Outcome.NOTHING_SELECTED);
        assertThat(report.problems()).singleElement().asString().contains("rackboot selections add");
        assertThat(mirror.takeRequests()).isEmpty();
    }

    @Test
    void withoutAUsableSourceThereIsNothingToContact() throws Exception {
        select("noble");

        ImportReport report = importer().run(List.of(), progress, () -> {});

        assertThat(report.outcome()).isEqualTo(Outcome.FAILED);
        assertThat(report.problems()).singleElement().asString().contains("rackboot sources list");
    }

    @Test
    void aSelectionThatNobodyOffersIsSaidAndTheRestIsPublished() throws Exception {
        select("noble");
        select("nobel");

        ImportReport report = run();

        assertThat(report.outcome()).isEqualTo(Outcome.PARTIAL);
        assertThat(report.problems()).singleElement().asString().contains("ubuntu/nobel/amd64");
        assertThat(listed()).hasSize(2);
    }

    @Test
    void ifNothingSelectedIsOfferedNothingIsDownloaded() throws Exception {
        select("nobel");

        assertThat(run().outcome()).isEqualTo(Outcome.FAILED);

        assertThat(listed()).isEmpty();
        assertThat(mirror.takeRequests()).allMatch(path -> path.startsWith("streams/"));
    }

    @Test
    void anImportThatFindsNothingNewDownloadsNothingAndPublishesNothing() throws Exception {
        select("noble");
        ImportReport first = run();
        long catalog = images.catalogVersion();
        mirror.takeRequests();

        ImportReport second = run();

        assertThat(second.outcome()).isEqualTo(Outcome.DONE);
        assertThat(second.published()).isEmpty();
        assertThat(second.downloadedBytes()).isZero();
        assertThat(second.keptBytes()).isEqualTo(first.downloadedBytes());
        assertThat(images.catalogVersion()).isEqualTo(catalog);
        assertThat(mirror.takeRequests()).hasSize(3).allMatch(path -> path.startsWith("streams/"));
    }

    @Test
    void contentThatManyNamesShareIsDownloadedOnce() throws Exception {
        mirror.serve(stream()
                .image("jammy", "20260115", Map.of("squashfs", SQUASHFS))
                .loader("other", "pxe", "1", Map.of("same.efi", SHIM, "kernel.efi", KERNEL))
                .files());
        select("noble");
        select("jammy");

        assertThat(run().outcome()).isEqualTo(Outcome.DONE);

        assertThat(mirror.takeRequests())
                .filteredOn(path -> path.contains("squashfs"))
                .hasSize(1);
        assertThat(bytes("same.efi")).isEqualTo(SHIM);
        assertThat(bytes("kernel.efi")).isEqualTo(KERNEL);
    }

    @Test
    void anUnsignedSourceIsReadFromItsUnsignedIndex() throws Exception {
        select("noble");

        URI url = URI.create(FakeMirror.ROOT + "u/");
        BootSource source = sources.add(new BootSource(0, "u", url, 0, true, true, Optional.empty()), NOW)
                .orElseThrow();
        serveBelow("u/", stream().files());

        ImportReport report = importer().run(List.of(source), progress, () -> {});

        assertThat(report.outcome()).isEqualTo(Outcome.DONE);
        assertThat(mirror.takeRequests()).contains("u/streams/v1/index.json").noneMatch(path -> path.endsWith("sjson"));
        assertThat(progress.snapshot().log()).anyMatch(line -> line.contains("taken without a signature"));
    }

    @Test
    void theFirstSourceWinsWhereTwoOfferTheSame() throws Exception {
        select("noble");
        BootSource winner = addSource("winner", URI.create(FakeMirror.ROOT + "w/"), 10);
        serveBelow(
                "w/",
                new TestStream()
                        .image("noble", "20250101", Map.of("boot-kernel", INITRD))
                        .files());

        assertThat(run().outcome()).isEqualTo(Outcome.DONE);

        assertThat(listed())
                .containsExactly(
                        "image:noble 20250101 [boot-kernel]", "loader:grub 20260110.0 [bootx64.efi, grubx64.efi]");
        assertThat(images.versions().get(0).source()).isEqualTo(winner.name());
    }

    @Test
    void aProductsFileMayBeTheStart() throws Exception {
        select("noble");
        BootSource source = sources.sources().get(0);
        BootSource narrow = new BootSource(
                source.id(),
                source.name(),
                source.url(),
                0,
                true,
                false,
                source.trust(),
                new BootSource.Access(
                        List.of(), Optional.empty(), Optional.empty(), Optional.of(TestStream.products(IMAGES))));

        assertThat(importer().run(List.of(narrow), progress, () -> {}).outcome())
                .isEqualTo(Outcome.DONE);

        assertThat(listed()).containsExactly("image:noble 20260115 [boot-initrd, boot-kernel, squashfs]");
        assertThat(mirror.takeRequests()).doesNotContain(INDEX);
    }

    // Only what is signed, and what was signed.

    @Test
    void anIndexSignedBySomebodyElseImportsNothing() throws Exception {
        select("noble");
        var stranger = new TestSigner(2, PUBLISHED.minusSeconds(9_999));
        String index = new String(mirror.file("streams/v1/index.json"), UTF_8).replace(".json", ".sjson");
        mirror.serve(INDEX, stranger.clearSigned(index, PUBLISHED));

        refused(FakeMirror.ROOT + INDEX);

        assertThat(mirror.takeRequests()).containsExactly(INDEX);
    }

    @Test
    void aChangedByteInAProductsFileImportsNothing() throws Exception {
        select("noble");
        String path = TestStream.products(IMAGES);
        String text = new String(mirror.file(path), UTF_8);
        mirror.serve(path, text.replace("\"amd64\"", "\"arm64\"").getBytes(UTF_8));

        refused(FakeMirror.ROOT + path);

        assertThat(mirror.takeRequests()).allMatch(asked -> asked.startsWith("streams/"));
    }

    @Test
    void whatSurroundsTheSignedTextIsNeverParsed() throws Exception {
        select("noble");
        for (String changed : List.of("{}\n$", "$\n{\"format\": \"index:1.0\"}\n", "$$", "{}")) {
            mirror.serve(stream().files());
            mirror.serve(
                    INDEX,
                    changed.replace("$", new String(mirror.file(INDEX), UTF_8)).getBytes(UTF_8));

            refused(FakeMirror.ROOT + INDEX);
        }
    }

    @Test
    void aSignedFileOfAnotherStreamIsRefused() throws Exception {
        select("noble");
        mirror.serve(TestStream.products(IMAGES), mirror.file(TestStream.products(LOADERS)));

        refused(TestStream.products(IMAGES) + ": its content id is not the one that the index gives it");
    }

    @Test
    void aSignedIndexThatLeadsToUnsignedFilesIsRefused() throws Exception {
        select("noble");
        String index = new String(stream().files().get("streams/v1/index.json"), UTF_8);
        mirror.serve(INDEX, TestStream.SIGNER.clearSigned(index, PUBLISHED));

        refused("the signed index names an unsigned file");
    }

    @Test
    void aWrongHashHoldsBackItsImageAloneAndIsNamed() throws Exception {
        select("noble");
        byte[] wrong = KERNEL.clone();
        wrong[3] ^= 1;
        mirror.serve(KERNEL_PATH, wrong);

        imageRefused(FakeMirror.ROOT + KERNEL_PATH + ": sha256 is " + sha256(wrong) + "; expected " + sha256(KERNEL));
    }

    @Test
    void aWrongSizeHoldsBackItsImageAloneAndIsNamed() throws Exception {
        select("noble");
        mirror.serve(KERNEL_PATH, noise(5, 9));

        imageRefused(FakeMirror.ROOT + KERNEL_PATH + ": the server has 9 bytes; the stream says 8");
    }

    @Test
    void moreOrFewerBytesThanAnnouncedAreRefusedWhateverTheServerSaid() throws Exception {
        select("noble");
        mirror.script(KERNEL_PATH, FakeMirror.sends(noise(5, 9)));
        imageRefused(KERNEL_PATH + ": more than the announced 8 bytes came");

        mirror.script(KERNEL_PATH, FakeMirror.sends(noise(5, 7)));
        imageRefused(KERNEL_PATH + ": 7 bytes came; 8 were announced");

        assertThat(run().outcome()).isEqualTo(Outcome.DONE);
    }

    @Test
    void moreOrFewerBytesThanAnnouncedOfAnArchiveAreRefused() throws Exception {
        select("noble");
        mirror.script(LOADER_PATH, FakeMirror.sends(noise(5, 900_000)));
        loaderRefused(LOADER_PATH + ": more than the announced");

        mirror.script(LOADER_PATH, FakeMirror.sends(noise(5, 10)));
        loaderRefused(LOADER_PATH + ": sha256 is");

        assertThat(run().outcome()).isEqualTo(Outcome.DONE);
    }

    @Test
    void twoSizesForOneContentAreRefused() throws Exception {
        mirror.serve(stream()
                .image("jammy", "1", Map.of("boot-kernel", KERNEL))
                .announce("jammy/amd64/1/boot-kernel", "size", 9)
                .files());
        select("jammy");
        select("noble");

        ImportReport report = run();

        assertThat(report.outcome()).isEqualTo(Outcome.PARTIAL);
        assertThat(report.problems())
                .hasSize(2)
                .allMatch(problem -> problem.contains("comes with two different sizes"));
        assertThat(listed()).containsExactly(LOADER);

        mirror.serve(stream().files()); // Nor later, once the content is here.
        assertThat(run().outcome()).isEqualTo(Outcome.PARTIAL);
        mirror.serve(stream()
                .image("jammy", "1", Map.of("boot-kernel", KERNEL, "boot-initrd", noise(6, 6)))
                .announce("jammy/amd64/1/boot-kernel", "size", 9)
                .announce(KERNEL_PATH, "size", 9)
                .files());
        report = run();
        assertThat(report.problems()).anyMatch(problem -> problem.contains("has 8 bytes; 9 were announced"));
        assertThat(listed()).noneMatch(line -> line.contains("jammy"));
    }

    @Test
    void aPathWithTwoHashesIsRefusedAndTheRestIsPublished() throws Exception {
        mirror.serve(stream()
                .image("jammy", "1", Map.of("boot-kernel", KERNEL))
                .announce("jammy/amd64/1/boot-kernel", "path", KERNEL_PATH)
                .announce("jammy/amd64/1/boot-kernel", "sha256", sha256(INITRD))
                .announce("jammy/amd64/1/boot-kernel", "size", INITRD.length)
                .files());
        select("jammy");
        select("noble");

        ImportReport report = run();

        assertThat(report.outcome()).isEqualTo(Outcome.PARTIAL);
        assertThat(report.problems())
                .hasSize(2)
                .allMatch(problem -> problem.contains("was refused") && problem.contains("two"));
        assertThat(listed()).containsExactly(LOADER);
    }

    @Test
    void aVersionThatChangedInPlaceIsRefusedAndStaysAsItWas() throws Exception {
        select("noble");
        run();
        mirror.serve(new TestStream()
                .image("noble", "20260115", Map.of("boot-kernel", noise(11, 77)))
                .loader("grub", "uefi", "20260110.0", Map.of("bootx64.efi", SHIM, "grubx64.efi", noise(12, 10)))
                .files());
        List<String> before = listed();

        ImportReport report = run();

        assertThat(report.outcome()).isEqualTo(Outcome.FAILED);
        assertThat(report.problems())
                .hasSize(2)
                .allMatch(problem -> problem.contains("it was published before with other content"));
        assertThat(listed()).isEqualTo(before);
        assertThat(bytes("boot-kernel")).isEqualTo(KERNEL);
    }

    @Test
    void oneBadImageDoesNotStopTheOthers() throws Exception {
        mirror.serve(stream()
                .image("jammy", "1", Map.of("boot-kernel", noise(6, 60)))
                .files());
        mirror.serve("jammy/amd64/1/boot-kernel", noise(7, 60));
        select("jammy");
        select("noble");

        ImportReport report = run();

        assertThat(report.outcome()).isEqualTo(Outcome.PARTIAL);
        assertThat(report.published()).containsExactlyInAnyOrder("image:noble 20260115", "loader:grub 20260110.0");
        assertThat(report.problems())
                .singleElement()
                .asString()
                .contains("ubuntu/jammy/amd64/ga-24.04 1 was not imported", "sha256 is");
        assertThat(changes.get())
                .as("machines get each version as soon as it is whole")
                .isEqualTo(2);
        assertThat(progress.snapshot().versions())
                .extracting(version -> version.state().name())
                .containsExactlyInAnyOrder("FAILED", "SYNCED", "SYNCED");
    }

    // What stays and what goes.

    @Test
    void theNewestVersionsStayAndOlderOnesGoWithTheirBytes() throws Exception {
        select("noble");
        for (String serial : List.of("1", "2", "3")) {
            mirror.serve(new TestStream()
                    .image("noble", serial, Map.of("boot-kernel", noise(serial.hashCode(), 40)))
                    .files());
            run();
        }

        assertThat(listed()).containsExactly("image:noble 3 [boot-kernel]", "image:noble 2 [boot-kernel]");
        assertThat(contents.find(sha256(noise("1".hashCode(), 40)))).isEmpty();
        assertThat(contents.find(sha256(noise("2".hashCode(), 40)))).isPresent();
    }

    @Test
    void aPinnedVersionStaysHoweverManyAreNewer() throws Exception {
        select("noble");
        for (String serial : List.of("1", "2", "3", "4")) {
            mirror.serve(new TestStream()
                    .image("noble", serial, Map.of("boot-kernel", noise(serial.hashCode(), 40)))
                    .files());
            run();
            if (serial.equals("1")) {
                images.pin(images.versions().get(0), Optional.of("1"));
            }
        }

        assertThat(listed())
                .containsExactly(
                        "image:noble 4 [boot-kernel]", "image:noble 3 [boot-kernel]", "image:noble 1 [boot-kernel]");
    }

    @Test
    void aVersionThatMachinesAreHeldAtStaysUntilTheyAreNot() throws Exception {
        var assignments = new AssignmentRepository(database);
        List<Target> racks = List.of(Target.parse("tag:db").orElseThrow());
        select("noble");
        for (String serial : List.of("1", "2", "3", "4", "5")) {
            mirror.serve(new TestStream()
                    .image("noble", serial, Map.of("boot-kernel", noise(serial.hashCode(), 40)))
                    .files());
            run();
            if (serial.equals("1")) {
                assignments.assign(racks, false, heldAt("ubuntu/noble/amd64", "1"), List.of());
            } else if (serial.equals("4")) {
                assertThat(listed())
                        .containsExactly(
                                "image:noble 4 [boot-kernel]",
                                "image:noble 3 [boot-kernel]",
                                "image:noble 1 [boot-kernel]");
                assignments.assign(racks, false, heldAt("ubuntu/noble/arm64", "1"), List.of());
            }
        }

        assertThat(listed()).containsExactly("image:noble 5 [boot-kernel]", "image:noble 4 [boot-kernel]");
    }

    private static Assignment heldAt(String image, String serial) {
        return new Assignment(
                0,
                Purpose.EPHEMERAL,
                ImageReference.parse(image),
                Optional.of(serial),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                false);
    }

    @Test
    void whatVanishedUpstreamStaysWhileItIsSelected() throws Exception {
        select("noble");
        select("jammy");
        mirror.serve(stream().image("jammy", "1", Map.of("boot-kernel", KERNEL)).files());
        run();
        mirror.serve(new TestStream()
                .image("jammy", "2", Map.of("boot-kernel", KERNEL))
                .files());

        ImportReport report = run();

        assertThat(report.outcome()).isEqualTo(Outcome.PARTIAL);
        assertThat(report.problems()).singleElement().asString().contains("ubuntu/noble/amd64");
        assertThat(listed()).anyMatch(line -> line.startsWith("image:noble")).contains(LOADER);
    }

    @Test
    void whatIsNoLongerSelectedGoes() throws Exception {
        select("noble");
        select("jammy");
        mirror.serve(stream().image("jammy", "1", Map.of("boot-kernel", KERNEL)).files());
        run();
        sources.remove(new Selection(0, "ubuntu", "noble", "amd64", "*", "*"));

        ImportReport report = run();

        assertThat(report.outcome()).isEqualTo(Outcome.DONE);
        assertThat(report.deleted()).containsExactly("ubuntu/noble/amd64/ga-24.04 20260115: it is no longer selected");
        assertThat(listed()).containsExactly("image:jammy 1 [boot-kernel]", LOADER);
        assertThat(contents.find(sha256(SQUASHFS))).isEmpty();
        assertThat(contents.find(sha256(KERNEL))).as("jammy has it, too").isPresent();
    }

    @Test
    void everyImageIsNeverDeleted() throws Exception {
        select("noble");
        run();
        List<String> before = listed();
        sources.remove(new Selection(0, "ubuntu", "noble", "amd64", "*", "*"));
        select("jammy");
        mirror.serve(stream()
                .image("jammy", "1", Map.of("boot-kernel", noise(6, 60)))
                .files());
        mirror.remove("jammy/amd64/1/boot-kernel");

        ImportReport report = run();

        assertThat(report.problems()).anyMatch(problem -> problem.contains("that would have been every image"));
        assertThat(listed()).isEqualTo(before);
    }

    @Test
    void anotherSourceThatWinsTakesOverWithoutASecondDownload() throws Exception {
        select("noble");
        run();
        BootSource winner = addSource("winner", URI.create(FakeMirror.ROOT + "w/"), 10);
        serveBelow("w/", stream().files());
        mirror.takeRequests();

        ImportReport report = run();

        assertThat(report.outcome()).isEqualTo(Outcome.DONE);
        assertThat(report.downloadedBytes()).isZero();
        assertThat(images.versions()).extracting(Version::source).containsOnly(winner.name());
        assertThat(mirror.takeRequests()).allMatch(path -> path.contains("streams/"));
    }

    @Test
    void theImagesOfASourceThatIsAwayStayAndAreNotTakenFromAnother() throws Exception {
        select("noble");
        addSource("winner", URI.create(FakeMirror.ROOT + "w/"), 10);
        serveBelow("w/", stream().files());
        run();
        var down = FakeMirror.fails(new IOException("cannot connect"));
        mirror.script("w/" + INDEX, down, down, down, down, down, down);

        ImportReport report = run();

        assertThat(report.outcome()).isEqualTo(Outcome.PARTIAL);
        assertThat(report.published()).isEmpty();
        assertThat(report.deleted()).isEmpty();
        assertThat(images.versions()).extracting(Version::source).containsOnly("winner");
    }

    // Before anything is done.

    @Test
    void aPlanTellsWhatWouldBeDoneAndDoesNothing() throws Exception {
        select("noble");
        select("nobel");

        ImportPreview preview = importer().preview(sources.sources());

        assertThat(preview.plan().versions()).hasSize(2);
        assertThat(preview.missingBytes().stream().mapToLong(Long::longValue).sum())
                .isEqualTo(allBytes());
        assertThat(preview.problems()).singleElement().asString().contains("ubuntu/nobel/amd64");
        assertThat(listed()).isEmpty();
        assertThat(sources.mark(1, INDEX)).isEmpty();
        assertThat(mirror.takeRequests()).allMatch(path -> path.startsWith("streams/"));

        run();
        sources.remove(new Selection(0, "ubuntu", "noble", "amd64", "*", "*"));
        mirror.serve(stream().image("jammy", "1", Map.of("boot-kernel", KERNEL)).files());
        select("jammy");

        preview = importer().preview(sources.sources());

        assertThat(preview.missingBytes()).as("all bytes are here").containsOnly(0L);
        assertThat(preview.plan().deletions())
                .singleElement()
                .satisfies(deletion -> assertThat(deletion.describe()).contains("noble", "no longer selected"));
    }

    @Test
    void withoutRoomNothingIsDownloaded() throws Exception {
        select("noble");
        settings = new Importer.Settings(2, () -> 1_000_000);

        ImportReport report = run();

        assertThat(report.outcome()).isEqualTo(Outcome.FAILED);
        assertThat(report.problems())
                .singleElement()
                .asString()
                .contains(allBytes() + " bytes are to be fetched, but only 1000000 are free");
        assertThat(mirror.takeRequests()).allMatch(path -> path.startsWith("streams/"));
    }

    @Test
    void anArchiveWithAWrongHashIsNotUnpacked() throws Exception {
        select("noble");
        byte[] archive = mirror.file(LOADER_PATH).clone();
        archive[archive.length / 2] ^= 1;
        mirror.serve(LOADER_PATH, archive);

        loaderRefused(LOADER_PATH + ": sha256 is " + sha256(archive));

        assertThat(contents.find(sha256(SHIM))).isEmpty();
    }

    @Test
    void anArchiveThatIsNoneOrTooLargeIsRefused() throws Exception {
        select("noble");
        mirror.serve(stream().announce(LOADER_PATH, "size", 40 << 20).files());
        loaderRefused("the archive has 41943040 bytes; at most 33554432 are unpacked");

        mirror.serve(stream().loader("bad", "pxe", "1", Map.of("dir/x", KERNEL)).files());
        ImportReport report = run();
        assertThat(report.problems())
                .singleElement()
                .asString()
                .contains("bad.tar.xz: the archive has a member that is not a plain name");
        assertThat(listed()).noneMatch(line -> line.contains("bad"));
    }

    // Never older, never from the future.

    @Test
    void anOlderIndexOrProductsFileIsRefused() throws Exception {
        select("noble");
        run();
        for (String file : List.of(INDEX, IMAGES, LOADERS)) {
            mirror.serve(stream().updated(file, PUBLISHED.minusSeconds(1)).files());

            ImportReport report = run();

            assertThat(report.outcome()).isEqualTo(Outcome.FAILED);
            assertThat(report.problems())
                    .singleElement()
                    .asString()
                    .contains(file.equals(INDEX) ? INDEX : TestStream.products(file))
                    .contains("it was published at 2026-01-15T05:59:59Z, but one of 2026-01-15T06:00:00Z");
        }
        mirror.serve(stream().files());
        assertThat(run().outcome()).isEqualTo(Outcome.DONE);
    }

    @Test
    void aStreamThatIsRefusedInPartMovesNoMark() throws Exception {
        select("noble");
        mirror.serve(stream().updated(INDEX, NOW).files());
        mirror.serve(TestStream.products(IMAGES), mirror.file(TestStream.products(LOADERS)));
        refused("its content id is not the one");

        mirror.serve(stream().files());

        assertThat(run().outcome()).isEqualTo(Outcome.DONE);
    }

    @Test
    void aStreamWithNothingNewForAMonthIsSaidToBeStale() throws Exception { // S-31
        select("noble");
        mirror.serve(stream().updated(INDEX, NOW.minus(Duration.ofDays(40))).files());

        assertThat(run().outcome()).isEqualTo(Outcome.DONE);

        assertThat(progress.snapshot().log()).anyMatch(line -> line.contains(INDEX + ": nothing new for 40 days"));
    }

    @Test
    void aDateInTheFutureIsRefusedAndDoesNotMoveTheMark() throws Exception {
        select("noble");
        for (String file : List.of(INDEX, IMAGES)) {
            mirror.serve(stream()
                    .updated(file, NOW.plus(Duration.ofHours(24)).plusSeconds(1))
                    .files());
            refused("which is in the future; check this machine's clock");
        }
        mirror.serve(stream().updated(INDEX, NOW.plus(Duration.ofHours(24))).files());
        assertThat(run().outcome()).isEqualTo(Outcome.DONE);
    }

    // Interrupted, and going on.

    @Test
    void aBrokenTransferGoesOnAtTheFirstMissingByte() throws Exception {
        select("noble");
        mirror.script(
                SQUASHFS_PATH,
                FakeMirror.breaksAfter(1_500_000),
                FakeMirror.breaksAfter(1),
                FakeMirror.fails(new IOException("the server answered 503")));

        ImportReport report = run();

        assertThat(report.outcome()).isEqualTo(Outcome.DONE);
        assertThat(squashfsRequests())
                .containsExactly(
                        SQUASHFS_PATH,
                        SQUASHFS_PATH + "@1500000",
                        SQUASHFS_PATH + "@1500001",
                        SQUASHFS_PATH + "@1500001");
        assertThat(pauses).containsExactly(Duration.ofMillis(500), Duration.ofMillis(1_000), Duration.ofMillis(2_000));
        assertThat(report.downloadedBytes()).isEqualTo(allBytes());
        assertThat(progress.snapshot().bytesDone())
                .isEqualTo(progress.snapshot().bytesTotal());
        assertThat(progress.snapshot().log())
                .anyMatch(line -> line.startsWith(SQUASHFS_PATH) && line.contains("trying again in 500 ms"));
    }

    @Test
    void afterSixTriesAnImportFailsAndTheNextGoesOnAtTheFirstMissingChunk() throws Exception {
        select("noble");
        var down = FakeMirror.fails(new IOException("the server answered 503"));
        mirror.script(SQUASHFS_PATH, FakeMirror.breaksAfter(1_500_000), down, down, down, down, down);
        imageRefused(SQUASHFS_PATH + ": the server answered 503 (tried 6 times)");
        assertThat(squashfsRequests()).hasSize(6);
        progress = new ImportProgress();

        ImportReport report = run();

        assertThat(report.outcome()).isEqualTo(Outcome.DONE);
        assertThat(squashfsRequests()).containsExactly(SQUASHFS_PATH + "@1048576");
        assertThat(report.downloadedBytes()).isEqualTo(SQUASHFS.length - CHUNK_BYTES);
        assertThat(report.keptBytes()).isEqualTo(allBytes() - report.downloadedBytes());
        assertThat(progress.snapshot().bytesDone())
                .isEqualTo(progress.snapshot().bytesTotal());
        assertThat(bytes("squashfs")).isEqualTo(SQUASHFS);
    }

    @Test
    void aServerWithoutRangesSendsAllAgain() throws Exception {
        select("noble");
        mirror.script(SQUASHFS_PATH, FakeMirror.breaksAfter(1_500_000), FakeMirror.sendsAll());

        ImportReport report = run();

        assertThat(report.outcome()).isEqualTo(Outcome.DONE);
        assertThat(report.downloadedBytes()).isEqualTo(allBytes() + 1_500_000);
        assertThat(progress.snapshot().bytesDone())
                .isEqualTo(progress.snapshot().bytesTotal());
        assertThat(bytes("squashfs")).isEqualTo(SQUASHFS);
    }

    @Test
    void aFileThatChangedUnderAResumeComesFromTheStartByItsValidator() throws Exception {
        select("noble");
        mirror.serve(SQUASHFS_PATH, noise(6, SQUASHFS.length));
        breakOffAt(1_500_000);
        mirror.serve(SQUASHFS_PATH, SQUASHFS);
        progress = new ImportProgress();

        ImportReport report = run();

        assertThat(report.outcome()).isEqualTo(Outcome.DONE);
        assertThat(squashfsRequests()).containsExactly(SQUASHFS_PATH + "@1048576");
        assertThat(report.downloadedBytes()).isEqualTo(SQUASHFS.length);
        assertThat(report.keptBytes()).isEqualTo(allBytes() - SQUASHFS.length);
        assertThat(progress.snapshot().bytesDone())
                .isEqualTo(progress.snapshot().bytesTotal());
    }

    @Test
    void aFileThatChangedUnseenComesFromTheStartOnceItsHashIsWrong() throws Exception {
        select("noble");
        mirror.script(SQUASHFS_PATH, (file, from, ifRange, receiver) -> {
            receiver.begin(0, Optional.empty()); // No validator.
            receiver.accept(ByteBuffer.wrap(noise(6, 1_500_000)));
            throw new MirrorException("this was another file");
        });
        imageRefused("this was another file");
        mirror.takeRequests();
        progress = new ImportProgress();

        ImportReport report = run();

        assertThat(report.outcome()).isEqualTo(Outcome.DONE);
        assertThat(squashfsRequests()).containsExactly(SQUASHFS_PATH + "@1048576", SQUASHFS_PATH);
        assertThat(report.keptBytes()).isEqualTo(allBytes() - SQUASHFS.length);
        assertThat(progress.snapshot().bytesDone())
                .isEqualTo(progress.snapshot().bytesTotal());
        assertThat(bytes("squashfs")).isEqualTo(SQUASHFS);
    }

    @Test
    void aFileThatStaysWrongUnderAResumeIsFetchedTwiceAndNoMore() throws Exception {
        select("noble");
        mirror.serve(SQUASHFS_PATH, noise(6, SQUASHFS.length));
        breakOffAt(1_500_000);

        imageRefused(SQUASHFS_PATH + ": sha256 is");

        assertThat(squashfsRequests()).containsExactly(SQUASHFS_PATH + "@1048576", SQUASHFS_PATH);
    }

    @Test
    void aRefusalIsNotAskedForTwice() throws Exception {
        select("noble");
        mirror.remove(KERNEL_PATH);
        imageRefused(FakeMirror.ROOT + KERNEL_PATH + ": the server answered 404 (not found)");
        assertThat(mirror.takeRequests())
                .filteredOn(path -> path.equals(KERNEL_PATH))
                .hasSize(1);

        mirror.serve(stream().files());
        mirror.script(INDEX, FakeMirror.fails(new MirrorException("the server redirects elsewhere (302)")));
        ImportReport report = run();
        assertThat(report.outcome()).isEqualTo(Outcome.FAILED);
        assertThat(report.problems())
                .singleElement()
                .asString()
                .contains(FakeMirror.ROOT + INDEX + ": the server redirects elsewhere (302)");
        assertThat(mirror.takeRequests()).containsExactly(INDEX);
        assertThat(pauses).isEmpty();
    }

    @Test
    void metadataIsTriedAgainToo() throws Exception {
        select("noble");
        mirror.script(INDEX, FakeMirror.fails(new IOException("the server answered 503")));

        assertThat(run().outcome()).isEqualTo(Outcome.DONE);
        assertThat(pauses).containsExactly(Duration.ofMillis(500));
    }

    @Test
    void aSourceThatIsDownFailsTheImport() throws Exception {
        select("noble");
        var down = FakeMirror.fails(new IOException("cannot connect to mirror.example"));
        mirror.script(INDEX, down, down, down, down, down, down);

        refused("Boot source 'signed': " + FakeMirror.ROOT + INDEX + ": cannot connect to mirror.example (tried 6");
    }

    @Test
    void aSourceThatIsDownDoesNotHoldUpTheOthers() throws Exception {
        select("noble");
        addSource("down", URI.create(FakeMirror.ROOT + "down/"), 10);
        var down = FakeMirror.fails(new IOException("cannot connect to mirror.example"));
        mirror.script("down/" + INDEX, down, down, down, down, down, down);

        ImportReport report = run();

        assertThat(report.outcome()).isEqualTo(Outcome.PARTIAL);
        assertThat(report.problems()).singleElement().asString().startsWith("Boot source 'down': ");
        assertThat(listed()).isNotEmpty();
    }

    @Test
    void anImportThatIsStoppedEndsAtOnceAndTheNextGoesOn() throws Exception {
        select("noble");
        var midway = new CountDownLatch(1);
        var downloadEnded = new AtomicBoolean();
        mirror.script(SQUASHFS_PATH, (file, from, ifRange, receiver) -> {
            receiver.begin(0, Optional.empty());
            receiver.accept(ByteBuffer.wrap(file, 0, CHUNK_BYTES + 7));
            midway.countDown();
            try {
                new CountDownLatch(1).await(); // For ever: only an interrupt ends it.
            } finally {
                downloadEnded.set(true);
            }
        });
        var outcome = new CompletableFuture<Object>();
        var running = new Thread(() -> {
            try {
                outcome.complete(run());
            } catch (InterruptedException | DatabaseException e) {
                outcome.complete(e);
            }
        });
        running.start();
        midway.await();

        running.interrupt();

        assertThat(outcome.join()).isInstanceOf(InterruptedException.class);
        assertThat(downloadEnded).as("no download is left behind").isTrue();
        assertThat(listed()).noneMatch(line -> line.startsWith("image"));
        mirror.takeRequests();
        assertThat(run().outcome()).isEqualTo(Outcome.DONE);
        assertThat(squashfsRequests()).containsExactly(SQUASHFS_PATH + "@1048576");
    }

    /**
     * For every n: after the n-th call to the database failed, the image is there in its old or its new version, no
     * connection is lost, the failure is told, and the next import leaves nothing but the new versions.
     */
    @ParameterizedTest
    @EnumSource(Failure.class)
    @Timeout(300) // Three imports for each n.
    void whicheverDatabaseCallFailsMachinesBootAndTheNextImportConverges(Failure failure) throws Exception {
        settings = new Importer.Settings(1, () -> Long.MAX_VALUE);
        byte[] kernel = noise(5, CHUNK_BYTES + 100);
        byte[] loader = noise(6, 600);
        Map<String, byte[]> before = new TestStream()
                .image("noble", "20260101", Map.of("boot-kernel", KERNEL, "boot-initrd", INITRD))
                .loader("grub", "uefi", "20260101.0", Map.of("bootx64.efi", SHIM))
                .files();
        Map<String, byte[]> after = new TestStream()
                .image("noble", "20260115", Map.of("boot-kernel", kernel, "boot-initrd", INITRD))
                .loader("grub", "uefi", "20260110.0", Map.of("bootx64.efi", loader))
                .files();
        String oldImage = "image:noble 20260101 [boot-initrd, boot-kernel]";
        String newImage = "image:noble 20260115 [boot-initrd, boot-kernel]";
        String oldLoader = "loader:grub 20260101.0 [bootx64.efi]";
        String newLoader = "loader:grub 20260110.0 [bootx64.efi]";
        List<String> ended = List.of(newImage, newLoader);

        int n = 0;
        boolean failed;
        do {
            n++;
            TestDatabase.empty(database);
            addSource("signed", FakeMirror.ROOT, 0);
            select("noble");
            mirror.serve(before);
            assertThat(run().outcome()).isEqualTo(Outcome.DONE);
            mirror.serve(after);
            long catalog = images.catalogVersion();

            faults.arm(n, failure);
            try {
                run();
                failed = false;
            } catch (DatabaseException e) {
                failed = true;
                assertThat(e).hasMessageMatching("The region database failed to (read|write): the test .*");
            }

            assertThat(faults.disarm()).as("call %d fails the import", n).isEqualTo(failed);
            assertThat(faults.borrowed()).as("connections lost by call %d", n).isZero();
            List<String> listed = listed();
            assertThat(List.of(oldImage, newImage, oldLoader, newLoader))
                    .as("whole versions after call %d failed", n)
                    .containsAll(listed);
            assertThat(listed).containsAnyOf(oldImage, newImage).containsAnyOf(oldLoader, newLoader);
            for (Version version : images.versions()) {
                for (Artifact artifact : version.artifacts()) {
                    assertThat(content(artifact.sha256())).hasSize((int) artifact.size());
                }
            }
            assertThat(images.catalogVersion() > catalog)
                    .as("racks are told of the change that call %d left", n)
                    .isEqualTo(!listed.equals(List.of(oldImage, oldLoader)));
            assertThat(run().outcome()).isEqualTo(Outcome.DONE);
            assertThat(listed()).as("the import after call %d failed", n).isEqualTo(ended);
            assertThat(contents.find(sha256(KERNEL))).as("what nobody needs").isEmpty();
            assertThat(content(sha256(kernel))).isEqualTo(kernel);
            assertThat(content(sha256(loader))).isEqualTo(loader);
        } while (failed);
        assertThat(n).as("calls tried").isBetween(failure == Failure.AFTER ? 10 : 50, 500);
    }

    private static TestStream stream() {
        return new TestStream()
                .image("noble", "20260115", Map.of("boot-kernel", KERNEL, "boot-initrd", INITRD, "squashfs", SQUASHFS))
                .loader("grub", "uefi", "20260110.0", Map.of("bootx64.efi", SHIM, "grubx64.efi", GRUB));
    }

    private void use(RegionDatabase opened) {
        database = opened;
        sources = new SourceRepository(opened);
        contents = new ContentRepository(opened);
        images = new ImageRepository(opened);
    }

    private BootSource addSource(String name, URI url, int priority) throws DatabaseException {
        Trust keyring = new Trust.Data(TestStream.SIGNER.keyring());
        return sources.add(new BootSource(0, name, url, priority, true, false, Optional.of(keyring)), NOW)
                .orElseThrow();
    }

    /** Adds files to the mirror, in a directory of it. */
    private void serveBelow(String prefix, Map<String, byte[]> files) {
        files.forEach((path, bytes) -> mirror.serve(prefix + path, bytes));
    }

    private void select(String release) throws DatabaseException {
        sources.add(new Selection(0, "ubuntu", release, "amd64", "*", "*"), NOW);
    }

    private Importer importer() {
        return new Importer(sources, contents, images, mirror, settings, Clock.fixed(NOW, ZoneOffset.UTC), pauses::add);
    }

    private ImportReport run() throws InterruptedException, DatabaseException {
        return importer().run(sources.sources(), progress, changes::incrementAndGet);
    }

    private void refused(String why) throws Exception {
        ImportReport report = run();

        assertThat(report.outcome()).isEqualTo(Outcome.FAILED);
        assertThat(report.published()).isEmpty();
        assertThat(report.problems()).singleElement().asString().contains(why);
        assertThat(listed()).isEmpty();
        assertThat(images.catalogVersion()).isEqualTo(1);
    }

    /** The image is refused, the loader is published. */
    private void imageRefused(String why) throws Exception {
        ImportReport report = run();

        assertThat(report.outcome()).isEqualTo(Outcome.PARTIAL);
        assertThat(report.problems()).singleElement().asString().contains(why);
        assertThat(listed()).containsExactly(LOADER);
    }

    /** The loader is refused, the image is published. */
    private void loaderRefused(String why) throws Exception {
        ImportReport report = run();

        assertThat(report.outcome()).isEqualTo(Outcome.PARTIAL);
        assertThat(report.problems()).singleElement().asString().contains(why);
        assertThat(listed()).containsExactly("image:noble 20260115 [boot-initrd, boot-kernel, squashfs]");
    }

    /** Leaves the first chunks of the squashfs as it is served now. */
    private void breakOffAt(int bytes) throws Exception {
        var down = FakeMirror.fails(new MirrorException("gone for now"));
        mirror.script(SQUASHFS_PATH, FakeMirror.breaksAfter(bytes), down);
        imageRefused("gone for now");
        mirror.takeRequests();
    }

    private List<String> squashfsRequests() {
        return mirror.takeRequests().stream()
                .filter(path -> path.startsWith(SQUASHFS_PATH))
                .toList();
    }

    private long allBytes() {
        return (long) KERNEL.length + INITRD.length + SQUASHFS.length + mirror.file(LOADER_PATH).length;
    }

    private List<String> listed() throws DatabaseException {
        return images.versions().stream()
                .map(version -> "%s %s %s"
                        .formatted(
                                version.image().product(),
                                version.serial(),
                                version.artifacts().stream().map(Artifact::name).toList()))
                .toList();
    }

    private Artifact artifact(String name) throws DatabaseException {
        return images.versions().stream()
                .map(Version::artifacts)
                .flatMap(List::stream)
                .filter(artifact -> artifact.name().equals(name))
                .findFirst()
                .orElseThrow();
    }

    private byte[] bytes(String name) throws DatabaseException {
        return content(artifact(name).sha256());
    }

    private byte[] content(String sha256) throws DatabaseException {
        var all = new ByteArrayOutputStream();
        int chunks = contents.find(sha256).orElseThrow().chunkCount();
        for (int i = 0; i < chunks; i++) {
            all.writeBytes(contents.chunk(sha256, i).orElseThrow());
        }
        return all.toByteArray();
    }
}
