package org.rackboot.server.rack;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import com.sun.net.httpserver.HttpExchange;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.rackboot.server.config.StateDirectory;
import org.slf4j.LoggerFactory;

@Timeout(60)
class CatalogFollowerTest {
    private static final Duration SOON = Duration.ofSeconds(20);
    private static final Instant NOW = Instant.parse("2026-01-15T06:00:00Z");

    @TempDir
    Path directory;

    private final ExecutorService threads = Executors.newFixedThreadPool(2);
    private final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor();
    private final AtomicInteger documentsSent = new AtomicInteger();
    private volatile CountDownLatch change = new CountDownLatch(1);
    private volatile int version = 1;
    private final AtomicLong nanos = new AtomicLong(42);
    private Clock clock = Clock.fixed(NOW, ZoneOffset.UTC);
    private ScriptedRegion region;
    private CatalogFollower follower;

    @BeforeEach
    void start() throws Exception {
        region = new ScriptedRegion(this::answer);
        follower = follower();
    }

    @AfterEach
    void stop() {
        follower.close();
        region.close();
        threads.shutdownNow();
        timer.shutdownNow();
    }

    @Test
    void aRegionThatIsBackIsInStepAtOnceAndNotAfterTheNextChange() {
        await().until(() -> polls() == 1);

        region.from(exchange -> ScriptedRegion.reply(exchange, 503, new byte[0]));
        change.countDown(); // The poll ends, and the next finds the region broken.
        await().atMost(SOON).until(() -> !follower.isInStep());
        assertThat(follower.lastProblem())
                .hasValueSatisfying(problem -> assertThat(problem).contains("503"));
        change = new CountDownLatch(1);
        region.from(this::answer);

        await().atMost(SOON).until(() -> follower.isInStep());
        assertThat(follower.catalog().version()).isOne();
    }

    @Test
    void afterARestartTheCatalogComesFromDiskAndOnlyAnotherOneFromTheRegion() throws Exception {
        await().until(() -> polls() == 1);
        follower.close();

        follower = follower();
        await().until(() -> follower.isInStep());
        assertThat(follower.catalog().version()).isOne();
        assertThat(documentsSent).hasValue(1);

        version = 2;
        change.countDown();
        await().atMost(SOON).until(() -> follower.catalog().version() == 2);
    }

    @Test
    void theAgeOfTheCatalogGrowsWhileTheRegionIsAwayAlsoOverARestart() throws Exception {
        await().until(() -> polls() == 1);
        assertThat(follower.age()).isZero();
        nanos.addAndGet(Duration.ofMinutes(10).toNanos());
        assertThat(follower.age()).hasMinutes(10);
        change.countDown(); // Confirmed once more, if not changed.
        await().atMost(SOON).until(() -> follower.age().isZero());

        region.from(exchange -> ScriptedRegion.reply(exchange, 503, new byte[0]));
        await().atMost(SOON).until(() -> !follower.isInStep());
        follower.close();
        clock = Clock.fixed(NOW.plus(Duration.ofHours(3)), ZoneOffset.UTC);
        follower = follower();

        assertThat(follower.catalog().version()).isOne();
        assertThat(follower.age()).hasHours(3);
        nanos.addAndGet(Duration.ofHours(1).toNanos());
        assertThat(follower.age()).hasHours(4);
    }

    @Test
    void aClockThatWentBackMakesTheCatalogYoungAndNothingElse() throws Exception {
        await().until(() -> polls() == 1);
        region.from(exchange -> ScriptedRegion.reply(exchange, 503, new byte[0]));
        change.countDown();
        follower.close();

        clock = Clock.fixed(Instant.EPOCH, ZoneOffset.UTC);
        follower = follower();

        assertThat(follower.catalog().version()).isOne();
        assertThat(follower.age()).isZero();
    }

    @Test
    void aRegionThatAnswersNoIsNotSaidToBeSilent() throws Exception {
        await().until(() -> polls() == 1);
        var lines = new ListAppender<ILoggingEvent>();
        lines.start();
        var log = (Logger) LoggerFactory.getLogger(CatalogFollower.class);
        log.addAppender(lines);
        try {
            region.from(exchange -> ScriptedRegion.reply(exchange, 401, new byte[0]));
            change.countDown();
            await().atMost(SOON).until(() -> !follower.isInStep());
        } finally {
            log.detachAppender(lines);
        }

        assertThat(lines.list)
                .extracting(ILoggingEvent::getFormattedMessage)
                .last()
                .asString()
                .startsWith("The region refuses this rack (the region at ")
                .endsWith("; machines are served from catalog version 1");
    }

    /** What a machine that lost its power does not tell anybody ends with these. */
    @Test
    void aPollOfARegionThatVanishedIsOverWithinAMinute() {
        assertThat(CatalogFollower.PATIENCE.plus(RegionClient.STALL)).isLessThan(Duration.ofSeconds(55));
    }

    private CatalogFollower follower() throws IOException, InterruptedException {
        CatalogFollower next = new CatalogFollower(
                new RegionClient(
                        List.of(region.url()),
                        0,
                        Enrolment.ofRegionItself(new StateDirectory(directory), "token"),
                        threads,
                        timer),
                directory.resolve("catalog.json"),
                new Random(4),
                clock,
                nanos::get);
        next.start();
        next.awaitFirstAnswer(SOON);
        return next;
    }

    private long polls() {
        return region.asked().stream()
                .filter(asked -> asked.endsWith("wait=30"))
                .count();
    }

    private void answer(HttpExchange exchange) throws IOException {
        if (exchange.getRequestURI().getQuery().equals("wait=30")) {
            try {
                change.await();
            } catch (InterruptedException e) {
                throw new IOException(e);
            }
        }
        String document = """
                {"format":"rackboot-catalog:1","version":%d,"settings":{},"images":[],"bootloaders":[],"objects":{}}""".formatted(version);
        if (ScriptedRegion.catalog(exchange, document)) {
            documentsSent.incrementAndGet();
        }
    }
}
