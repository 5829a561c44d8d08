package org.rackboot.region.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rackboot.region.source.BootSource;
import org.rackboot.region.store.ContentRepository.StoredContent;
import org.rackboot.region.store.ImageRepository.Artifact;
import org.rackboot.region.store.ImageRepository.FileReference;
import org.rackboot.region.store.ImageRepository.Image;
import org.rackboot.region.store.ImageRepository.Kind;
import org.rackboot.region.store.ImageRepository.Mark;
import org.rackboot.region.store.ImageRepository.Publication;
import org.rackboot.region.store.ImageRepository.Version;

/** Holds on every database; {@link TestDatabase} says which one this is. */
class ImageRepositoryTest {
    private static final Instant NOW = Instant.parse("2026-02-01T00:00:00.123Z");
    private static final String UNKNOWN = "f".repeat(64);

    @TempDir
    Path directory;

    private RegionDatabase database;
    private ImageRepository images;
    private ContentRepository contents;
    private SourceRepository sources;
    private long source;
    private StoredContent kernel;

    @BeforeEach
    void open() throws Exception {
        database = TestDatabase.open(directory);
        images = new ImageRepository(database);
        contents = new ContentRepository(database);
        sources = new SourceRepository(database);
        source = source("near", 5);
        kernel = contents.store("kernel".getBytes(StandardCharsets.UTF_8));
    }

    @AfterEach
    void close() {
        database.close();
    }

    @Test
    void aPublishedVersionHasItsFilesWithSizeAndChunkList() throws Exception {
        long before = images.catalogVersion();

        List<Publication> added = images.publish(List.of(publication(source, NOBLE, "20260115")), List.of(), NOW);

        assertThat(added).hasSize(1);
        assertThat(images.catalogVersion()).isEqualTo(before + 1);
        assertThat(images.versions())
                .containsExactly(new Version(
                        "near",
                        NOBLE,
                        "20260115",
                        NOW,
                        List.of(new Artifact("boot-kernel", "boot-kernel", kernel.sha256(), 6, kernel.chunkList()))));
    }

    @Test
    void publishingAgainChangesNothing() throws Exception {
        images.publish(List.of(publication(source, NOBLE, "1")), List.of(), NOW);
        long before = images.catalogVersion();

        List<Publication> added =
                images.publish(List.of(publication(source, NOBLE, "1")), List.of(), NOW.plusSeconds(9));

        assertThat(added).isEmpty();
        assertThat(images.catalogVersion()).isEqualTo(before);
        assertThat(images.versions())
                .singleElement()
                .extracting(Version::publishedAt)
                .isEqualTo(NOW);
    }

    @Test
    void oneIncompleteContentAndNothingOfThePublicationIsSeen() throws Exception {
        contents.write(UNKNOWN, 3).append(ByteBuffer.allocate(3));
        var partial = new Publication(
                source, loader("grub", "uefi"), "1", Map.of("grubx64.efi", new FileReference("bootloader", UNKNOWN)));
        long before = images.catalogVersion();

        assertThatExceptionOfType(DatabaseException.class)
                .isThrownBy(() -> images.publish(
                        List.of(publication(source, NOBLE, "1"), partial),
                        List.of(new Mark(source, "index", NOW)),
                        NOW))
                .withMessageContaining(UNKNOWN + " is not complete");

        assertThat(images.versions()).isEmpty();
        assertThat(images.catalogVersion()).isEqualTo(before);
        assertThat(sources.mark(source, "index")).isEmpty();
    }

    @Test
    void marksAreSetTogetherWithWhatRestsOnThem() throws Exception {
        images.publish(List.of(publication(source, NOBLE, "1")), List.of(new Mark(source, "index", NOW)), NOW);

        assertThat(sources.mark(source, "index")).contains(NOW);
    }

    @Test
    void theNewestSerialAsTextComesFirstWhateverTheLocale() throws Exception {
        for (String serial : List.of("20240101.9", "20240101_1", "20240101.10", "20240101", "2024010a", "2024010B")) {
            images.publish(List.of(publication(source, NOBLE, serial)), List.of(), NOW);
        }

        assertThat(images.versions())
                .extracting(Version::serial)
                .containsExactly("2024010a", "2024010B", "20240101_1", "20240101.9", "20240101.10", "20240101");
    }

    @Test
    void imagesComeFirstAndOfEachTheSourceThatWins() throws Exception {
        long winner = source("winner", 50);
        images.publish(
                List.of(
                        publication(source, NOBLE, "2"),
                        publication(source, loader("grub", "uefi"), "2"),
                        publication(winner, loader("zgrub", "uefi"), "1"),
                        publication(winner, NOBLE, "1")),
                List.of(),
                NOW);

        assertThat(images.versions())
                .extracting(v -> v.image().kind().word() + " " + v.source() + " " + v.serial())
                .containsExactly("image winner 1", "image near 2", "bootloader winner 1", "bootloader near 2");
    }

    private Publication publication(long sourceId, Image image, String serial) {
        return new Publication(
                sourceId, image, serial, Map.of("boot-kernel", new FileReference("boot-kernel", kernel.sha256())));
    }

    private long source(String name, int priority) throws DatabaseException {
        return sources.add(
                        new BootSource(
                                0,
                                name,
                                URI.create("http://" + name + ".example/"),
                                priority,
                                true,
                                true,
                                Optional.empty()),
                        NOW)
                .orElseThrow()
                .id();
    }

    private static final Image NOBLE = new Image(
            "noble-product",
            Kind.IMAGE,
            "ubuntu",
            "noble",
            "24.04",
            "24.04 LTS",
            "amd64",
            "ga-24.04",
            "generic",
            "stable",
            "",
            "generic,ga-24.04");

    private static Image loader(String os, String method) {
        return new Image(os + "-product", Kind.BOOTLOADER, os, "", "", "", "amd64", "", "", "stable", method, "amd64");
    }
}
