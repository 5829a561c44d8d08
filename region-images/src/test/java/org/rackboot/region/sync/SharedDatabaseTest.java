package org.rackboot.region.sync;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.time.Clock;
import java.time.Duration;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.rackboot.region.machine.Machine;
import org.rackboot.region.source.BootSource;
import org.rackboot.region.source.BootSource.Trust;
import org.rackboot.region.source.Selection;
import org.rackboot.region.store.ContentRepository;
import org.rackboot.region.store.ImageRepository;
import org.rackboot.region.store.ImportLock;
import org.rackboot.region.store.MachineRepository;
import org.rackboot.region.store.RegionDatabase;
import org.rackboot.region.store.SourceRepository;
import org.rackboot.region.store.TestDatabase;
import org.rackboot.region.sync.ImportProgress.Phase;
import org.rackboot.region.sync.ImportReport.Outcome;
import org.rackboot.region.sync.ImportService.Status;

/** Two region processes on one PostgreSQL, as far as one process can be two. */
@Timeout(120)
class SharedDatabaseTest {
    private static final Clock CLOCK = Clock.fixed(TestStream.PUBLISHED.plus(Duration.ofDays(1)), ZoneOffset.UTC);
    private static final String KERNEL = "noble/amd64/1/boot-kernel";
    private static final long SOON_SECONDS = 4; // Less than it takes to find out by looking.

    private final FakeMirror mirror = new FakeMirror();
    private String url;
    private Member one;
    private Member two;

    /** What a region process has of its own. */
    private final class Member implements AutoCloseable, RegionDatabase.Notices {
        final RegionDatabase database = RegionDatabase.open(url);
        final SourceRepository sources = new SourceRepository(database);
        final ImageRepository images = new ImageRepository(database);
        final BlockingQueue<String> heard = new LinkedBlockingQueue<>();
        final ImportService imports = new ImportService(
                new Importer(
                        sources,
                        new ContentRepository(database),
                        images,
                        mirror,
                        Importer.Settings.DEFAULT,
                        CLOCK,
                        time -> {}),
                database.importLock(),
                sources::sources,
                () -> {},
                CLOCK);

        Member() throws Exception {}

        void listen() throws InterruptedException {
            database.listen(this);
            assertThat(heard.take()).isEqualTo("catalog"); // What was before is not known to this process.
        }

        @Override
        public void catalogChanged() {
            heard.add("catalog");
        }

        @Override
        public void stopImport() {
            heard.add("stop");
            imports.stop();
        }

        Status until(Predicate<Status> condition) throws InterruptedException {
            while (!imports.status().filter(condition).isPresent()) {
                Thread.onSpinWait();
            }
            return imports.status().orElseThrow();
        }

        ImportReport report() throws InterruptedException {
            return until(status -> !status.running()).report().orElseThrow();
        }

        @Override
        public void close() {
            imports.stop();
            database.close();
        }
    }

    @BeforeEach
    void open() throws Exception {
        url = TestDatabase.emptyPostgres();
        one = new Member();
        two = new Member();
        one.sources.add(source("s"), CLOCK.instant());
        one.sources.add(new Selection(0, "ubuntu", "noble", "amd64", "*", "*"), CLOCK.instant());
        mirror.serve(new TestStream()
                .image("noble", "1", Map.of("boot-kernel", "kernel".getBytes(UTF_8)))
                .files());
    }

    @AfterEach
    void close() {
        one.close();
        two.close();
    }

    @Test
    void anImportBeginsWhenThatOfTheOtherProcessHasEnded() throws Exception {
        var goOn = new CountDownLatch(1);
        waitingFor(goOn).await();

        assertThat(two.imports.runsElsewhere()).isTrue();
        assertThat(one.imports.runsElsewhere()).isFalse();
        assertThat(two.imports.startIfNoneRuns()).isFalse();
        assertThat(two.imports.status()).isEmpty();
        two.imports.start();
        Status waiting = two.until(status -> status.progress().phase() == Phase.WAITING);
        assertThat(waiting.progress().log()).singleElement().asString().contains("another region process imports");

        goOn.countDown();
        assertThat(one.report().outcome()).isEqualTo(Outcome.DONE);
        ImportReport second = two.report();
        assertThat(second.outcome()).isEqualTo(Outcome.DONE);
        assertThat(second.published()).isEmpty();
        assertThat(second.downloadedBytes()).isZero();
        assertThat(one.imports.runsElsewhere()).isFalse();
        assertThat(one.imports.startIfNoneRuns()).isTrue();
        assertThat(one.report().outcome()).isEqualTo(Outcome.DONE);
    }

    @Test
    void anImportIsStoppedThroughAnyProcess() throws Exception {
        one.listen();
        two.listen();
        waitingFor(new CountDownLatch(1)).await();

        assertThat(two.imports.stopEverywhere()).isTrue();

        assertThat(one.report().problems()).singleElement().asString().contains("was stopped");
        assertThat(two.imports.stopEverywhere()).isFalse();
        two.imports.start();
        assertThat(two.report().outcome()).isEqualTo(Outcome.DONE);
        assertThat(two.heard).doesNotContain("stop"); // A process that asks need not hear itself.
    }

    @Test
    void anImportWhoseLockIsLostEndsAndAnotherProcessGoesOn() throws Exception {
        waitingFor(new CountDownLatch(1)).await();

        TestDatabase.endSessions(url, "rackboot import");

        assertThat(one.report().outcome()).isEqualTo(Outcome.FAILED);
        assertThat(one.report().problems()).singleElement().asString().contains("connection to the region database");
        two.imports.start();
        assertThat(two.report().outcome()).isEqualTo(Outcome.DONE);
    }

    @Test
    void theLockIsOnesUntilItIsGivenBack() throws Exception {
        try (ImportLock.Held held = one.database.importLock().tryTake().orElseThrow()) {
            assertThat(one.database.importLock().tryTake()).isEmpty();
            assertThat(two.database.importLock().tryTake()).isEmpty();
            assertThat(two.database.importLock().isTaken()).isTrue();
            assertThat(held.lost().toCompletableFuture()).isNotDone();
        }

        assertThat(one.database.importLock().isTaken()).isFalse();
        try (ImportLock.Held next = two.database.importLock().take()) {
            assertThat(one.database.importLock().isTaken()).isTrue();
            TestDatabase.endSessions(url, "rackboot import");
            next.lost().toCompletableFuture().get(20, TimeUnit.SECONDS);
        }
        one.database.importLock().take().close();
    }

    @Test
    void whatOneProcessPublishesTheOtherHearsAtOnce() throws Exception {
        two.listen();

        one.imports.start();

        assertThat(two.heard.poll(SOON_SECONDS, TimeUnit.SECONDS)).isEqualTo("catalog");
        assertThat(one.report().outcome()).isEqualTo(Outcome.DONE);
        assertThat(two.images.catalogVersion()).isEqualTo(one.images.catalogVersion());
    }

    @Test
    void aMachineThatOneProcessAddsTheOtherHearsOfAtOnce() throws Exception {
        two.listen();
        Machine machine =
                new Machine("web", List.of("52:54:00:00:00:01"), Optional.empty(), Optional.empty(), Optional.empty());

        new MachineRepository(one.database).add(List.of(machine), 1);

        assertThat(two.heard.poll(SOON_SECONDS, TimeUnit.SECONDS)).isEqualTo("catalog");
        assertThat(new MachineRepository(two.database).all()).containsExactly(machine);
    }

    @Test
    void afterALostConnectionChangesAreHeardAgain() throws Exception {
        two.listen();
        TestDatabase.endSessions(url, "rackboot notices");
        assertThat(two.heard.take()).isEqualTo("catalog"); // Connected again.

        BootSource source = one.sources.sources().get(0);
        one.sources.update(source, false);

        assertThat(two.heard.poll(SOON_SECONDS, TimeUnit.SECONDS)).isEqualTo("catalog");
    }

    @Test
    void processesThatStartTogetherOnANewDatabaseMakeItOnce() throws Exception {
        one.close();
        two.close();
        url = TestDatabase.emptyPostgres();

        together(() -> one = new Member(), () -> two = new Member());

        assertThat(one.images.catalogVersion()).isEqualTo(1);
        assertThat(two.images.catalogVersion()).isEqualTo(1);
    }

    @Test
    void theSameSourceIsAddedOnce() throws Exception {
        for (int i = 0; i < 20; i++) {
            BootSource source = source("source " + i);
            BlockingQueue<Optional<BootSource>> added = new LinkedBlockingQueue<>();
            together(
                    () -> added.add(one.sources.add(source, CLOCK.instant())),
                    () -> added.add(two.sources.add(source, CLOCK.instant())));
            assertThat(added).filteredOn(Optional::isPresent).hasSize(1);
        }
    }

    @FunctionalInterface
    private interface Action {
        void run() throws Exception;
    }

    private static void together(Action first, Action second)
            throws InterruptedException, ExecutionException, TimeoutException {
        var threads = Executors.newFixedThreadPool(2);
        var start = new CyclicBarrier(2);
        try {
            Future<?> other = threads.submit(() -> {
                start.await();
                first.run();
                return null;
            });
            threads.submit(() -> {
                        start.await();
                        second.run();
                        return null;
                    })
                    .get(60, TimeUnit.SECONDS);
            other.get(60, TimeUnit.SECONDS);
        } finally {
            threads.shutdownNow();
        }
    }

    private static BootSource source(String name) {
        return new BootSource(
                0,
                name,
                name.equals("s") ? FakeMirror.ROOT : FakeMirror.ROOT.resolve(name.replace(' ', '-') + "/"),
                0,
                true,
                false,
                Optional.of(new Trust.Data(TestStream.SIGNER.keyring())));
    }

    /** Starts an import in process one whose file comes only once the latch is open; the result opens midway. */
    private CountDownLatch waitingFor(CountDownLatch goOn) {
        var midway = new CountDownLatch(1);
        mirror.script(KERNEL, (file, from, ifRange, receiver) -> {
            midway.countDown();
            goOn.await();
            FakeMirror.sends(file).give(file, from, ifRange, receiver);
        });
        one.imports.start();
        return midway;
    }
}
