package org.rackboot.region;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.rackboot.region.Region.RefusedException;
import org.rackboot.region.store.DatabaseException;
import org.rackboot.region.store.ImageRepository.Version;
import org.rackboot.region.store.RegionDatabase;
import org.rackboot.region.store.TestDatabase;
import org.rackboot.region.store.TestDatabase.Failure;
import org.rackboot.region.store.TestDatabase.Faults;
import org.rackboot.region.sync.Importer;
import org.rackboot.region.sync.Mirror;
import org.rackboot.region.upload.UploadSpec;
import org.rackboot.region.upload.UploadSpec.UploadFile;

class UploadsTest {
    private static final byte[] IMAGE = "an image".getBytes(UTF_8);

    @TempDir
    Path directory;

    private final MovableClock clock = new MovableClock();
    private long free = Long.MAX_VALUE;
    private RegionDatabase database;
    private Region region;

    @BeforeEach
    void open() throws Exception {
        use(TestDatabase.open(directory));
    }

    @AfterEach
    void close() {
        database.close();
    }

    @Test
    void anUploadThatNobodyGoesOnWithIsGivenUpAfterAWeek() throws Exception {
        String id = begin("rescue", IMAGE);
        assertThat(uploads().progress(id).expires()).isEqualTo(clock.instant().plus(Uploads.EXPIRY));
        clock.move(Duration.ofDays(6));
        assertThat(uploads().expire()).isEmpty();
        uploads().receive(id, "root-tgz", 0, ByteBuffer.wrap(IMAGE, 0, 3));

        clock.move(Duration.ofDays(6));
        assertThat(uploads().expire()).as("a piece came within the week").isEmpty();
        assertThat(uploads().list()).hasSize(1);
        clock.move(Duration.ofDays(2));
        assertThat(uploads().expire()).containsExactly("custom/rescue");

        assertThat(uploads().list()).isEmpty();
        assertThatThrownBy(() -> uploads().progress(id)).isInstanceOf(RefusedException.class);
    }

    @Test
    void whatIsGivenUpLeavesNoBytesThatNothingElseNeeds() throws Exception {
        String shared = begin("one", IMAGE);
        begin("two", IMAGE);
        send(shared);
        String alone = begin("three", "another image".getBytes(UTF_8));
        uploads().receive(alone, "root-tgz", 0, ByteBuffer.wrap("another image".getBytes(UTF_8)));

        uploads().delete(alone);
        uploads().delete(shared);

        assertThat(region.contents().find(sha256("another image".getBytes(UTF_8))))
                .isEmpty();
        assertThat(region.contents().find(sha256(IMAGE)))
                .as("the other upload goes on with it")
                .isPresent();
    }

    @Test
    void anUploadThatThereIsNoRoomForIsRefusedBeforeItBegins() throws Exception {
        free = IMAGE.length - 1L;

        assertThatThrownBy(() -> begin("rescue", IMAGE))
                .isInstanceOf(RefusedException.class)
                .hasMessage("8 bytes are to come, but only 7 are free where the region database is: free some space")
                .extracting(e -> ((RefusedException) e).kind())
                .isEqualTo(RefusedException.Kind.NO_ROOM);
        assertThat(uploads().list()).isEmpty();

        free = IMAGE.length;
        send(begin("rescue", IMAGE));
        free = 0;
        assertThat(begin("again", IMAGE)).as("its bytes are here already").isNotEmpty();
    }

    /** Whichever call of finishing fails: either the upload is there as before, or all of it is published. */
    @ParameterizedTest
    @EnumSource(Failure.class)
    void finishingHappensAsAWholeOrNotAtAll(Failure failure) throws Exception {
        database.close();
        Path own = Files.createDirectory(directory.resolve("own")); // SQLite, whose file can be copied.
        String url = TestDatabase.sqlite(own);
        use(RegionDatabase.open(url));
        for (String before : List.of("first", "second")) { // As many as stay: the next one makes the oldest go.
            String id = begin("rescue", before.getBytes(UTF_8));
            uploads().receive(id, "root-tgz", 0, ByteBuffer.wrap(before.getBytes(UTF_8)));
            uploads().finish(id);
        }
        String id = begin("rescue", IMAGE);
        send(id);
        database.close();
        Path untouched = own.resolve("untouched.db");
        Path file = own.resolve("region.db");
        Files.copy(file, untouched);

        int published = 0;
        boolean happened = true;
        int n = 0;
        while (happened) {
            n++;
            Files.copy(untouched, file, StandardCopyOption.REPLACE_EXISTING);
            var faults = new Faults();
            use(TestDatabase.openSqlite(own, faults));
            faults.arm(n, failure);
            boolean failed = false;
            try {
                uploads().finish(id);
            } catch (DatabaseException e) {
                failed = true;
            }
            happened = faults.disarm();
            assertThat(failed).as("call %d", n).isEqualTo(happened);
            database.close();

            use(RegionDatabase.open(url));
            boolean isPublished = uploads().list().isEmpty();
            assertThat(serials())
                    .as("after call %d failed", n)
                    .isEqualTo(
                            isPublished
                                    ? List.of("20260120.002", "20260120.001")
                                    : List.of("20260120.001", "20260120"));
            if (isPublished) {
                published++;
            } else {
                assertThat(uploads().finish(id).serial()).isEqualTo("20260120.002");
            }
            assertThat(region.baseImages()).containsValue("ubuntu/noble");
            database.close();
        }
        assertThat(n).as("calls tried").isGreaterThan(failure == Failure.AFTER ? 1 : 8);
        assertThat(published).isPositive();
        use(RegionDatabase.open(url));
    }

    @Test
    void whoDidNotHearThatAnUploadIsPublishedIsToldAgain() throws Exception {
        String id = begin("rescue", IMAGE);
        send(id);
        Version published = uploads().finish(id);

        assertThat(uploads().finish(id)).isEqualTo(published);
        assertThat(serials()).containsExactly("20260120");

        region.delete(published.image().name(), Optional.empty());
        assertThatThrownBy(() -> uploads().finish(id))
                .as("it is not there any more")
                .isInstanceOf(RefusedException.class)
                .hasMessageContaining("'rackboot images list' shows what it became");
        String givenUp = begin("rescue", IMAGE);
        uploads().delete(givenUp);
        assertThatThrownBy(() -> uploads().finish(givenUp)).isInstanceOf(RefusedException.class);
    }

    private Uploads uploads() {
        return region.uploads();
    }

    private List<String> serials() throws DatabaseException {
        return region.versions().stream().map(version -> version.serial()).toList();
    }

    private String begin(String name, byte[] image) throws Exception {
        UploadFile file = new UploadFile("root-tgz", "root-tgz", sha256(image), image.length);
        return uploads()
                .begin(new UploadSpec(false, "custom", name, "amd64", "generic", "", "", "ubuntu/noble", List.of(file)))
                .id();
    }

    private void send(String id) throws Exception {
        uploads().receive(id, "root-tgz", 0, ByteBuffer.wrap(IMAGE));
    }

    private void use(RegionDatabase opened) throws DatabaseException {
        database = opened;
        region = new Region(
                database,
                new Nobody(),
                clock,
                pause -> {},
                new Region.Settings(List.of(), false, new Importer.Settings(2, () -> free)));
    }

    private static String sha256(byte[] bytes) throws Exception {
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    }

    private static final class Nobody implements Mirror {
        @Override
        public byte[] metadata(URI file, int maxBytes) throws MirrorException {
            throw new MirrorException("nobody is asked here");
        }

        @Override
        public void download(URI file, long from, Optional<String> ifRange, long size, Receiver receiver)
                throws MirrorException {
            throw new MirrorException("nobody is asked here");
        }
    }

    private static final class MovableClock extends Clock {
        private Instant now = Instant.parse("2026-01-20T00:00:00Z");

        void move(Duration by) {
            now = now.plus(by);
        }

        @Override
        public Instant instant() {
            return now;
        }

        @Override
        public ZoneId getZone() {
            return ZoneOffset.UTC;
        }

        @Override
        public Clock withZone(ZoneId zone) {
            throw new UnsupportedOperationException("nobody asks for zones");
        }
    }
}
