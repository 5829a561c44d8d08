package org.rackboot.server.rack;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rackboot.image.ContentId;
import org.rackboot.image.cache.ImageCache;
import org.rackboot.protocol.resolve.BootCatalog;
import org.rackboot.protocol.resolve.BootFile;
import org.rackboot.protocol.resolve.BootImage;
import org.rackboot.server.config.StateDirectory;
import org.slf4j.LoggerFactory;

/** Images of 250,000 bytes and a disk of 1 MiB: half of it has room for two. */
class CacheKeeperPinsTest {
    private static final String NOBLE = "ubuntu/noble";

    @TempDir
    Path directory;

    private final CachedFiles region = new CachedFiles();
    private final BootImage noble = region.image("noble", "ga-24.04", false);
    private final BootImage jammy = region.image("jammy", "ga-22.04", false);
    private final BootImage plucky = region.image("plucky", "ga-25.04", false);
    private final ListAppender<ILoggingEvent> log = new ListAppender<>();
    private final Logger logger = (Logger) LoggerFactory.getLogger(CacheKeeper.class);
    private BootCatalog catalog = region.catalog(1, noble, jammy, plucky);
    private ImageCache cache;
    private CacheKeeper keeper;
    private long nowNanos = Long.MAX_VALUE - 5;

    @BeforeEach
    void open() throws Exception {
        log.start();
        logger.addAppender(log);
        cache = region.cache(directory);
        keeper = keeper(CacheKeeper.Policy.NONE);
    }

    @AfterEach
    void stopListening() {
        logger.detachAppender(log);
    }

    @Test
    void whatIsPinnedComesAtOnceAndStaysWithoutAnyPolicy() throws Exception {
        CacheKeeper.Warming pinned = keeper.pin(Set.of(NOBLE));

        assertThat(pinned.running()).isFalse();
        assertThat(pinned.done()).isEqualTo(3);
        assertThat(pinned.failures()).isEmpty();
        keeper.warm(jammy.files().values());
        keeper.warm(plucky.files().values());
        keeper.warm(region.image("oracular", "ga-24.10", false).files().values());
        keeper.warm(region.image("mantic", "ga-23.10", false).files().values());
        assertThat(cache.statistics().evictions()).isPositive();
        assertThat(here()).as("nothing of it made room").containsAll(contents(noble));

        keeper.unpin(Set.of(NOBLE));
        assertThat(cache.stored()).noneMatch(ImageCache.Stored::pinned);
    }

    @Test
    void aNameFollowsTheCatalog() throws Exception {
        keeper.pin(Set.of(NOBLE));
        BootImage newer = region.image("noble", "ga-24.04", "20260202", false);
        BootImage held = region.image("noble", "ga-24.04", true);

        catalog = region.catalog(2, newer, held);
        keeper.tick();
        assertThat(here()).as("spread over the racks").doesNotContainAnyElementsOf(contents(newer));
        nowNanos += CacheKeeper.SPREAD.toNanos();
        keeper.tick();

        assertThat(here()).containsAll(contents(newer));
        assertThat(pinnedHere()).containsExactlyInAnyOrderElementsOf(contents(newer));
    }

    @Test
    void contentThatWasPinnedByItselfStaysThatContent() throws Exception {
        BootFile kernel = noble.file("boot-kernel").orElseThrow();
        BootFile initrd = noble.file("boot-initrd").orElseThrow();
        keeper.pin(Set.of(kernel.sha256(), noble.bootName(initrd)));

        catalog = region.catalog(
                2, region.image("noble", "ga-24.04", "20260202", false), region.image("noble", "ga-24.04", true));
        keeper.tick();
        nowNanos += CacheKeeper.SPREAD.toNanos();
        keeper.tick();
        assertThat(pinnedHere())
                .containsExactlyInAnyOrder(new ContentId(kernel.sha256()), new ContentId(initrd.sha256()));

        catalog = region.catalog(3, jammy);
        keeper.tick();
        assertThat(pinnedHere()).as("by its sha256").containsExactly(new ContentId(kernel.sha256()));
        assertThat(keeper.pinned().pins().stream().filter(PinPlan.Pin::meansNothing))
                .as("by a name that is no more")
                .hasSize(1);
        catalog = region.catalog(4, noble);
        keeper.tick();
        assertThat(pinnedHere()).as("back in the catalog").hasSize(2);
    }

    @Test
    void ofAnImageThatNoMachineBeginsWithTheLastVersionsStay() throws Exception {
        catalog = region.catalog(2, region.image("noble", "ga-24.04", true), jammy);

        keeper.pin(Set.of(NOBLE));

        assertThat(pinnedHere()).containsExactlyInAnyOrderElementsOf(contents(noble));
    }

    @Test
    void pinsTakeHalfOfTheDiskAtMost() throws Exception {
        keeper.pin(Set.of(NOBLE));
        keeper.pin(Set.of("ubuntu/jammy"));

        assertThatThrownBy(() -> keeper.pin(Set.of("ubuntu/plucky")))
                .isInstanceOf(CacheKeeper.PinRefusedException.class)
                .hasMessageContaining("it needs 250.0 kB more, pins have 500.0 kB already");
        assertThat(names()).containsExactly(NOBLE, "ubuntu/jammy");
        assertThat(here()).doesNotContainAnyElementsOf(contents(plucky));

        keeper.pin(Set.of("ubuntu/noble/amd64", "bootloader/uefi/amd64")); // Counts once.
        assertThat(names()).hasSize(4);
    }

    @Test
    void thereAreNotMoreThanAThousandPins() throws Exception {
        List<String> many =
                IntStream.range(0, CachePins.MOST).mapToObj(i -> "gone/" + i).toList();
        new CachePins(new StateDirectory(directory)).replace(many);
        CacheKeeper full = keeper(CacheKeeper.Policy.NONE);

        assertThatThrownBy(() -> full.pin(Set.of(NOBLE)))
                .isInstanceOf(CacheKeeper.PinRefusedException.class)
                .hasMessageContaining("there would be 1001 pins, and a rack takes 1000");
    }

    @Test
    void theOldestPinsComeFirstWhenTheCatalogMakesThemTooLarge() throws Exception {
        BootFile initrd = plucky.file("boot-initrd").orElseThrow();
        keeper.pin(Set.of(NOBLE));
        keeper.pin(Set.of("ubuntu/jammy/amd64"));
        keeper.pin(Set.of("bootx64.efi"));
        BootImage another = region.image("noble", "hwe-24.04", false);

        catalog = region.catalog(2, noble, another, jammy, plucky);
        keeper.tick();
        keeper.tick();

        assertThat(keeper.pinned().withoutRoom()).containsExactly("ubuntu/jammy/amd64");
        assertThat(pinnedHere()).containsAll(contents(noble)).hasSize(4).doesNotContainAnyElementsOf(contents(jammy));
        assertThat(warnings()).singleElement().asString().contains("1 of 3 pins have no room", "ubuntu/jammy/amd64");
        assertThatThrownBy(() -> keeper.pin(Set.of(initrd.sha256())))
                .isInstanceOf(CacheKeeper.PinRefusedException.class);
        assertThatThrownBy(() -> keeper.pin(Set.of("ubuntu/jammy/amd64")))
                .as("on the list, but not kept")
                .isInstanceOf(CacheKeeper.PinRefusedException.class);

        catalog = region.catalog(3, noble, another, jammy);
        keeper.tick();
        assertThat(warnings()).as("nothing new").hasSize(1);
        catalog = region.catalog(4, noble, jammy);
        keeper.tick();
        assertThat(keeper.pinned().withoutRoom()).isEmpty();
        assertThat(pinnedHere()).containsAll(contents(jammy));
        catalog = region.catalog(5, noble, another, jammy);
        keeper.tick();
        assertThat(warnings()).as("again").hasSize(2);
    }

    @Test
    void operatorsPinsComeBeforeThePolicys() throws Exception {
        CacheKeeper busy = keeper(CacheKeeper.Policy.ALL);
        busy.tick();
        assertThat(region.fetched).isEmpty();

        busy.pin(Set.of("ubuntu/jammy", "ubuntu/plucky"));

        assertThat(region.fetched.subList(0, 6))
                .as("ahead of all that nobody asked for")
                .containsAll(contents(jammy))
                .containsAll(contents(plucky));
        assertThat(pinnedHere())
                .as("with the squashfs; what is left of the half is enough for a loader")
                .hasSize(7)
                .containsAll(contents(jammy))
                .containsAll(contents(plucky));
    }

    @Test
    void afterARestartAllIsAsBeforeTheFirstMachineAsks() throws Exception {
        keeper.pin(Set.of(NOBLE));
        keeper.pin(Set.of("bootx64.efi"));

        cache = region.cache(directory);
        keeper = keeper(CacheKeeper.Policy.NONE);
        assertThat(cache.stored()).noneMatch(ImageCache.Stored::pinned);
        keeper.tick();

        assertThat(names()).containsExactly(NOBLE, "bootx64.efi");
        assertThat(cache.stored()).hasSize(4).allMatch(ImageCache.Stored::pinned);
    }

    @Test
    void whatCouldNotBeFetchedIsTriedAgain() throws Exception {
        region.away = true;
        assertThat(keeper.pin(Set.of(NOBLE)).failures()).hasSize(3);
        keeper.tick();
        assertThat(here()).isEmpty();

        region.away = false;
        for (int i = 0; i < 3; i++) {
            nowNanos += CacheKeeper.AGAIN.toNanos();
            keeper.tick();
        }

        assertThat(here()).containsExactlyInAnyOrderElementsOf(contents(noble));
    }

    @Test
    void whatGotLostIsFetchedAgain() throws Exception {
        keeper.pin(Set.of(NOBLE));
        ContentId kernel = new ContentId(noble.file("boot-kernel").orElseThrow().sha256());
        cache.evict(kernel);
        keeper.tick();

        nowNanos += 2 * CacheKeeper.AGAIN.toNanos();
        keeper.tick();

        assertThat(here()).contains(kernel);
        assertThat(region.fetched).hasSize(4);
    }

    private List<String> warnings() {
        return log.list.stream()
                .filter(event -> event.getLevel() == Level.WARN)
                .map(ILoggingEvent::getFormattedMessage)
                .toList();
    }

    private List<String> names() {
        return keeper.pinned().pins().stream().map(PinPlan.Pin::name).toList();
    }

    private static List<ContentId> contents(BootImage image) {
        return image.files().values().stream()
                .map(file -> new ContentId(file.sha256()))
                .toList();
    }

    private List<ContentId> here() {
        return cache.stored().stream().map(each -> each.content().id()).toList();
    }

    private List<ContentId> pinnedHere() {
        return cache.stored().stream()
                .filter(ImageCache.Stored::pinned)
                .map(each -> each.content().id())
                .toList();
    }

    private CacheKeeper keeper(CacheKeeper.Policy policy) {
        return new CacheKeeper(
                () -> catalog,
                cache,
                new CachePins(new StateDirectory(directory)),
                policy,
                CachedFiles.SETTINGS.diskBytes(),
                0,
                new Random(7),
                () -> nowNanos);
    }
}
