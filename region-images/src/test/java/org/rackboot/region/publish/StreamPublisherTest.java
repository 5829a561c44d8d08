package org.rackboot.region.publish;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rackboot.region.publish.StreamPublisher.Snapshot;
import org.rackboot.region.simplestreams.Archive;
import org.rackboot.region.simplestreams.Product.Item;
import org.rackboot.region.simplestreams.StreamReader;
import org.rackboot.region.store.ContentRepository;
import org.rackboot.region.store.ContentRepository.StoredContent;
import org.rackboot.region.store.ImageRepository.Artifact;
import org.rackboot.region.store.ImageRepository.Image;
import org.rackboot.region.store.ImageRepository.Kind;
import org.rackboot.region.store.ImageRepository.Version;
import org.rackboot.region.store.RegionDatabase;
import org.rackboot.region.store.TestDatabase;

class StreamPublisherTest {
    private static final Instant START = Instant.parse("2026-01-15T06:00:00.123Z");
    private static final String LOADER_PATH = "bootloaders/uefi/amd64/1/grub2-signed.tar.xz";

    @TempDir
    Path directory;

    private Instant now = START;
    private final List<Version> versions = new ArrayList<>();
    private long catalogVersion = 1;
    private RegionDatabase database;
    private ContentRepository contents;

    @BeforeEach
    void open() throws Exception {
        database = TestDatabase.open(directory);
        contents = new ContentRepository(database);
    }

    @AfterEach
    void close() {
        database.close();
    }

    @Test
    void aLoadersMembersArePublishedAsOneArchive() throws Exception {
        byte[] large = new byte[(2 << 20) + 5];
        large[large.length - 1] = 7;
        add(loader("1", stored("bootx64.efi", "shim".getBytes(UTF_8)), stored("grubx64.efi", large)));

        Snapshot snapshot = publisher().snapshot();

        Item item = requireNonNull(snapshot.items().get(LOADER_PATH));
        byte[] archive = requireNonNull(snapshot.archives().get(item.sha256()));
        assertThat(archive).hasSize((int) item.size());
        assertThat(Archive.unpack(archive))
                .containsOnlyKeys("bootx64.efi", "grubx64.efi")
                .containsEntry("grubx64.efi", large);
    }

    @Test
    void itIsRenderedOncePerCatalogVersion() throws Exception {
        add(loader("1", stored("bootx64.efi", new byte[] {1})));
        StreamPublisher publisher = publisher();
        Snapshot first = publisher.snapshot();

        assertThat(publisher.snapshot()).isSameAs(first);
        add(loader("2", stored("bootx64.efi", new byte[] {2})));
        assertThat(publisher.snapshot()).isNotSameAs(first);
    }

    @Test
    void theDateIsThatOfTheLastChangeAndNeverGoesBack() throws Exception {
        add(loader("1", stored("bootx64.efi", new byte[] {1})));
        assertThat(updated()).isEqualTo(Instant.parse("2026-01-15T06:00:00Z"));

        now = START.plus(Duration.ofDays(1));
        catalogVersion++; // A change that is not about what is published, such as a pin.
        assertThat(updated()).as("a restart, and nothing new").isEqualTo(Instant.parse("2026-01-15T06:00:00Z"));

        now = START.minus(Duration.ofDays(1)); // The clock was set back.
        add(loader("2", stored("bootx64.efi", new byte[] {2})));
        assertThat(updated()).isEqualTo(Instant.parse("2026-01-15T06:00:01Z"));
    }

    @Test
    void aKeyThatOthersCanReadIsNotUsed() throws Exception {
        StreamPublisher publisher = publisher();
        publisher.snapshot();
        Path key = directory.resolve(StreamPublisher.KEY_FILE);
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(key)))
                .isEqualTo("rw-------");

        Files.setPosixFilePermissions(key, PosixFilePermissions.fromString("rw-r-----"));

        assertThatThrownBy(() -> publisher().snapshot())
                .isInstanceOf(IOException.class)
                .hasMessageContaining("chmod 600");
    }

    private Instant updated() throws IOException {
        byte[] index = requireNonNull(publisher().snapshot().documents().get("streams/v1/index.json"));
        return new StreamReader().readIndex(index).updated();
    }

    /** A new one each time, as after a restart. */
    private StreamPublisher publisher() {
        StreamPublisher.Catalog catalog = new StreamPublisher.Catalog() {
            @Override
            public long version() {
                return catalogVersion;
            }

            @Override
            public List<Version> versions() {
                return List.copyOf(versions);
            }
        };
        InstantSource time = () -> now;
        return new StreamPublisher(catalog, contents, directory, time.withZone(ZoneOffset.UTC));
    }

    private void add(Version version) {
        versions.add(version);
        catalogVersion++;
    }

    private Artifact stored(String name, byte[] bytes) throws IOException {
        StoredContent stored = contents.store(bytes);
        return new Artifact(name, "bootloader", stored.sha256(), stored.size(), stored.chunkList());
    }

    private static Version loader(String serial, Artifact... members) {
        Image image = new Image(
                "com.ubuntu.maas.stable:1:grub-efi-signed:uefi:amd64",
                Kind.BOOTLOADER,
                "grub-efi-signed",
                "",
                "",
                "",
                "amd64",
                "",
                "",
                "stable",
                "uefi",
                "amd64");
        return new Version("source", image, serial, START, Optional.empty(), List.of(members));
    }
}
