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
import java.util.Set;
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

        assertThat(images.publish(publication(source, NOBLE, "20260115"), NOW)).isTrue();

        assertThat(images.catalogVersion()).isEqualTo(before + 1);
        assertThat(images.versions())
                .containsExactly(new Version(
                        "near",
                        NOBLE,
                        "20260115",
                        NOW,
                        Optional.empty(),
                        List.of(new Artifact("boot-kernel", "boot-kernel", kernel.sha256(), 6, kernel.chunkList()))));
    }

    @Test
    void publishingAgainChangesNothing() throws Exception {
        images.publish(publication(source, NOBLE, "1"), NOW);
        long before = images.catalogVersion();

        assertThat(images.publish(publication(source, NOBLE, "1"), NOW.plusSeconds(9)))
                .isFalse();

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
                .isThrownBy(() -> images.publish(partial, NOW))
                .withMessageContaining(UNKNOWN + " is not complete");

        assertThat(images.versions()).isEmpty();
        assertThat(images.catalogVersion()).isEqualTo(before);
    }

    @Test
    void whatIsDeletedIsNoLongerListedAndItsImageGoesWithItsLastVersion() throws Exception {
        images.publish(publication(source, NOBLE, "1"), NOW);
        images.publish(publication(source, NOBLE, "2"), NOW);
        images.pin(images.versions().get(0), Optional.of("1"));
        long before = images.catalogVersion();

        assertThat(images.delete(List.of(images.versions().get(1)))).isEqualTo(1);

        assertThat(images.versions()).singleElement().satisfies(left -> {
            assertThat(left.serial()).isEqualTo("2");
            assertThat(left.pinnedSerial()).as("the pin goes with its version").isEmpty();
        });
        assertThat(images.catalogVersion()).isEqualTo(before + 1);
        assertThat(images.delete(images.versions())).isEqualTo(1);
        assertThat(images.versions()).isEmpty();
        assertThat(images.delete(List.of())).isZero();
        assertThat(images.catalogVersion()).isEqualTo(before + 2);
    }

    @Test
    void anImageIsHeldAtAVersionUntilItIsLetGo() throws Exception {
        images.publish(publication(source, NOBLE, "1"), NOW);
        images.publish(publication(source, NOBLE, "2"), NOW);

        images.pin(images.versions().get(0), Optional.of("1"));
        assertThat(images.versions()).extracting(Version::isPinned).containsExactly(false, true);

        images.pin(images.versions().get(0), Optional.empty());
        assertThat(images.versions()).extracting(Version::isPinned).containsExactly(false, false);
    }

    @Test
    void bytesThatNoVersionNeedsAreCollectedUnlessAnImportWantsThem() throws Exception {
        images.publish(publication(source, NOBLE, "1"), NOW);
        StoredContent unused = contents.store("unused".getBytes(StandardCharsets.UTF_8));
        StoredContent member = contents.store("member".getBytes(StandardCharsets.UTF_8));
        contents.putArchive("a".repeat(64), Map.of("x", member.sha256(), "k", kernel.sha256()));
        contents.write(UNKNOWN, 3 << 20).append(ByteBuffer.allocate(1 << 20));

        assertThat(contents.collect(Set.of(UNKNOWN, "a".repeat(64)))).isEqualTo(1);
        assertThat(contents.find(unused.sha256())).isEmpty();
        assertThat(contents.archive("a".repeat(64))).hasSize(2);
        assertThat(contents.storedBytes(UNKNOWN)).isEqualTo(1 << 20);

        assertThat(contents.collect(Set.of())).isEqualTo(2);
        assertThat(contents.archive("a".repeat(64))).isEmpty();
        assertThat(contents.storedBytes(UNKNOWN)).isZero();
        assertThat(contents.find(kernel.sha256())).isPresent();
    }

    @Test
    void theNewestSerialAsTextComesFirstWhateverTheLocale() throws Exception {
        for (String serial : List.of("20240101.9", "20240101_1", "20240101.10", "20240101", "2024010a", "2024010B")) {
            images.publish(publication(source, NOBLE, serial), NOW);
        }

        assertThat(images.versions())
                .extracting(Version::serial)
                .containsExactly("2024010a", "2024010B", "20240101_1", "20240101.9", "20240101.10", "20240101");
    }

    @Test
    void imagesComeFirstAndOfEachTheSourceThatWins() throws Exception {
        long winner = source("winner", 50);
        images.publish(publication(source, NOBLE, "2"), NOW);
        images.publish(publication(source, loader("grub", "uefi"), "2"), NOW);
        images.publish(publication(winner, loader("zgrub", "uefi"), "1"), NOW);
        images.publish(publication(winner, NOBLE, "1"), NOW);

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
