package org.rackboot.region.sync;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.ZoneOffset;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
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
import org.rackboot.region.sync.ImportProgress.Phase;
import org.rackboot.region.sync.ImportReport.Outcome;
import org.rackboot.region.sync.ImportService.Status;

@Timeout(60)
class ImportServiceTest {
    private static final Clock CLOCK = Clock.fixed(TestStream.PUBLISHED.plus(Duration.ofDays(1)), ZoneOffset.UTC);
    private static final String KERNEL = "noble/amd64/1/boot-kernel";

    @TempDir
    Path directory;

    private final FakeMirror mirror = new FakeMirror();
    private final BlockingQueue<String> announced = new LinkedBlockingQueue<>();
    private RegionDatabase database;
    private SourceRepository sources;
    private ImportService service;

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
        mirror.serve(new TestStream()
                .image("noble", "1", Map.of("boot-kernel", "kernel".getBytes(UTF_8)))
                .files());
        service = service(sources::sources);
    }

    @AfterEach
    void close() {
        database.close();
    }

    @Test
    void beforeTheFirstImportThereIsNoStatus() {
        service.stop();

        assertThat(service.status()).isEmpty();
    }

    @Test
    void anImportTellsHowItEnds() throws Exception {
        Status begun = service.start();
        announced.take();
        Status ended = ended();

        assertThat(begun.number()).isEqualTo(1);
        assertThat(begun.started()).isEqualTo(CLOCK.instant());
        assertThat(ended.report().orElseThrow().outcome()).isEqualTo(Outcome.DONE);
        assertThat(ended.ended()).contains(CLOCK.instant());
        assertThat(ended.progress().phase()).isEqualTo(Phase.ENDED);
        assertThat(ended.progress().filesDone()).isEqualTo(1);
        assertThat(ended.progress().current()).isEmpty();
    }

    @Test
    void oneImportRunsAtATime() throws Exception {
        var goOn = new CountDownLatch(1);
        var midway = waitingFor(goOn);
        service.start();
        midway.await();

        Status second = service.start();

        assertThat(second.number()).isEqualTo(1);
        assertThat(second.running()).isTrue();
        assertThat(second.progress().phase()).isEqualTo(Phase.DOWNLOADING);
        assertThat(second.progress().current()).containsExactly(KERNEL);
        goOn.countDown();
        assertThat(ended().report().orElseThrow().outcome()).isEqualTo(Outcome.DONE);
        assertThat(service.start().number()).isEqualTo(2);
        ended();
    }

    @Test
    void aStoppedImportSaysSoAndAnotherCanStart() throws Exception {
        var midway = waitingFor(new CountDownLatch(1));
        service.start();
        midway.await();

        service.stop();

        ImportReport report = ended().report().orElseThrow();
        assertThat(report.outcome()).isEqualTo(Outcome.FAILED);
        assertThat(report.problems()).containsExactly("The import was stopped; the next one goes on from here");
        service.stop();
        service.start();
        assertThat(ended().report().orElseThrow().outcome()).isEqualTo(Outcome.DONE);
    }

    @Test
    void aFailingDatabaseIsReported() throws Exception {
        service = service(() -> {
            throw new DatabaseException("The region database failed to read: disk I/O error", new RuntimeException());
        });

        service.start();

        assertThat(ended().report().orElseThrow().problems())
                .containsExactly("The region database failed to read: disk I/O error");
    }

    @Test
    void aBugLeavesNoImportThatSeemsToRunForEver() throws Exception {
        service = service(() -> {
            throw new IllegalStateException("a bug");
        });
        service.start();
        assertThat(ended().report().orElseThrow().problems())
                .singleElement()
                .asString()
                .contains("a fault of this program", "a bug");

        Thread.UncaughtExceptionHandler before = Thread.getDefaultUncaughtExceptionHandler();
        var uncaught = new LinkedBlockingQueue<Throwable>();
        Thread.setDefaultUncaughtExceptionHandler((thread, error) -> uncaught.add(error));
        try {
            service = service(() -> {
                throw new StackOverflowError("too deep");
            });
            service.start();
            assertThat(ended().report().orElseThrow().outcome()).isEqualTo(Outcome.FAILED);
            assertThat(uncaught.take()).hasMessage("too deep");
        } finally {
            Thread.setDefaultUncaughtExceptionHandler(before);
        }
    }

    /** The import's file then comes only once the latch is open. */
    private CountDownLatch waitingFor(CountDownLatch goOn) {
        var midway = new CountDownLatch(1);
        mirror.script(KERNEL, (file, from, ifRange, receiver) -> {
            midway.countDown();
            goOn.await();
            FakeMirror.sends(file).give(file, from, ifRange, receiver);
        });
        return midway;
    }

    private ImportService service(ImportService.Sources usable) {
        var importer = new Importer(
                sources,
                new ContentRepository(database),
                new ImageRepository(database),
                mirror,
                Importer.Settings.DEFAULT,
                CLOCK,
                time -> {});
        return new ImportService(importer, database.importLock(), usable, () -> announced.add("ended"), CLOCK);
    }

    /** The status once the import's thread has ended. */
    private Status ended() throws InterruptedException {
        for (Thread thread : Thread.getAllStackTraces().keySet()) {
            if (thread.getName().equals("import")) {
                thread.join();
            }
        }
        return service.status().orElseThrow();
    }
}
