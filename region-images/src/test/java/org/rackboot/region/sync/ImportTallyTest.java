package org.rackboot.region.sync;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.ZoneOffset;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rackboot.region.source.BootSource;
import org.rackboot.region.source.BootSource.Trust;
import org.rackboot.region.source.Selection;
import org.rackboot.region.store.ContentRepository;
import org.rackboot.region.store.DatabaseException;
import org.rackboot.region.store.ImageRepository;
import org.rackboot.region.store.RegionDatabase;
import org.rackboot.region.store.SourceRepository;
import org.rackboot.region.store.TestDatabase;
import org.rackboot.region.sync.ImportReport.Outcome;
import org.rackboot.region.sync.ImportTally.Refusal;
import org.rackboot.region.sync.Mirror.RefusedAddressException;

class ImportTallyTest {
    private static final Clock CLOCK = Clock.fixed(TestStream.PUBLISHED.plus(Duration.ofDays(1)), ZoneOffset.UTC);
    private static final String KERNEL = "noble/amd64/1/boot-kernel";
    private static final byte[] GOOD = "kernel".getBytes(UTF_8);

    @TempDir
    Path directory;

    private final Map<Refusal, Long> counted = new EnumMap<>(Refusal.class);
    private final FakeMirror mirror = new FakeMirror();
    private RegionDatabase database;
    private SourceRepository sources;
    private Importer importer;

    @BeforeEach
    void open() throws Exception {
        database = TestDatabase.open(directory);
        sources = new SourceRepository(database);
        sources.add(
                new BootSource(
                        0,
                        "s",
                        FakeMirror.ROOT,
                        0,
                        true,
                        false,
                        Optional.of(new Trust.Data(TestStream.SIGNER.keyring()))),
                CLOCK.instant());
        sources.add(new Selection(0, "ubuntu", "noble", "amd64", "*", "*"), CLOCK.instant());
        mirror.serve(stream().files());
        importer = new Importer(
                sources,
                new ContentRepository(database),
                new ImageRepository(database),
                mirror,
                Importer.Settings.DEFAULT,
                CLOCK,
                time -> {});
    }

    @AfterEach
    void close() {
        database.close();
    }

    @Test
    void anImportIsCountedWithWhatItFetched() throws Exception {
        run();
        run();

        assertThat(tally().imports(Outcome.DONE)).isEqualTo(2);
        assertThat(tally().downloadedBytes()).as("fetched once").isEqualTo(GOOD.length);
        for (Refusal why : Refusal.values()) {
            assertThat(tally().refusals(why)).as(why.name()).isZero();
        }
    }

    @Test
    void whatIsRefusedIsCountedByItsKind() throws Exception {
        mirror.script(KERNEL, FakeMirror.sends("kernal".getBytes(UTF_8)));
        run();
        assertNext(Refusal.HASH);
        mirror.script(KERNEL, FakeMirror.sends("kernel and more".getBytes(UTF_8)));
        run();
        assertNext(Refusal.SIZE);
        mirror.script(KERNEL, FakeMirror.fails(new RefusedAddressException("that is this machine itself")));
        run();
        assertNext(Refusal.ADDRESS);
        mirror.remove(KERNEL);
        run();
        assertNext(Refusal.AWAY);
        assertThat(tally().imports(Outcome.FAILED)).isEqualTo(4);

        mirror.serve(stream()
                .updated(TestStream.INDEX, TestStream.PUBLISHED.minus(Duration.ofDays(1)))
                .files());
        run();
        assertNext(Refusal.FRESHNESS);
        mirror.serve("streams/v1/index.sjson", "no signature".getBytes(UTF_8));
        run();
        assertNext(Refusal.SIGNATURE);
    }

    @Test
    void anImportThatTheDatabaseEndsBrokeOff() throws Exception {
        List<BootSource> usable = sources.sources();
        database.close();

        assertThatThrownBy(() -> importer.run(usable, new ImportProgress(), () -> {}))
                .isInstanceOf(DatabaseException.class);

        assertThat(tally().brokenOff()).isOne();
    }

    /** One more of this kind, and of no other. */
    private void assertNext(Refusal expected) {
        for (Refusal why : Refusal.values()) {
            long before = counted.getOrDefault(why, 0L);
            assertThat(tally().refusals(why)).as(why.name()).isEqualTo(why == expected ? before + 1 : before);
        }
        counted.merge(expected, 1L, Long::sum);
    }

    private ImportTally tally() {
        return importer.tally();
    }

    private ImportReport run() throws Exception {
        return importer.run(sources.sources(), new ImportProgress(), () -> {});
    }

    private static TestStream stream() {
        return new TestStream().image("noble", "1", Map.of("boot-kernel", GOOD));
    }
}
