package org.rackboot.server.rack;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rackboot.image.cache.ImageCache;
import org.rackboot.protocol.bootname.MacAddress;
import org.rackboot.protocol.resolve.Assignment;
import org.rackboot.protocol.resolve.BootCatalog;
import org.rackboot.protocol.resolve.BootFile;
import org.rackboot.protocol.resolve.BootImage;
import org.rackboot.protocol.resolve.ImageReference;
import org.rackboot.protocol.resolve.Machine;
import org.rackboot.protocol.resolve.Purpose;
import org.rackboot.server.config.StateDirectory;

class CacheKeeperTest {
    private static final long SECOND = 1_000_000_000L;

    @TempDir
    Path directory;

    private final CachedFiles region = new CachedFiles();
    private final BootImage noble = region.image("noble", "ga-24.04", false);
    private final BootImage edge = region.image("noble", "hwe-24.04-edge", false);
    private final BootImage old = region.image("jammy", "ga-22.04", true);
    private BootCatalog catalog = BootCatalog.empty();
    private ImageCache cache;
    private long nowNanos = Long.MAX_VALUE - 5;

    @BeforeEach
    void open() throws Exception {
        cache = region.cache(directory);
    }

    @Test
    void loadersKernelsAndInitrdsOfWhatMachinesBootComeAtOnceAndStay() {
        CacheKeeper keeper = keeper(CacheKeeper.Policy.BOOT, 0);
        catalog = region.catalog(1, noble, edge, old);

        keeper.tick();
        assertThat(region.fetched).as("spread over the racks").isEmpty();
        nowNanos += CacheKeeper.SPREAD.toNanos();
        keeper.tick();

        assertThat(namesHere()).containsExactly("bootx64.efi", "noblega-24.04-initrd", "noblega-24.04-kernel");
        assertThat(cache.stored()).allMatch(ImageCache.Stored::pinned);
        keeper.tick();
        assertThat(region.fetched).as("each once").hasSize(3);
    }

    @Test
    void whatAMachineIsAssignedComesAtOnceAsWellAlsoInAVersionThatIsHeld() {
        CacheKeeper keeper = keeper(CacheKeeper.Policy.BOOT, 0);
        catalog = region.catalog(1, noble, edge, old);
        keeper.tick();
        nowNanos += CacheKeeper.SPREAD.toNanos();
        keeper.tick();

        catalog = region.catalog(2, List.of(assignedTo("ubuntu/jammy", old.serial())), noble, edge, old);
        keeper.tick();
        nowNanos += CacheKeeper.SPREAD.toNanos();
        keeper.tick();

        assertThat(namesHere()).hasSize(5).contains("jammyga-22.04-initrd", "jammyga-22.04-kernel");
        assertThat(cache.stored()).allMatch(ImageCache.Stored::pinned);

        keeper = keeper(CacheKeeper.Policy.ALL, 0);
        keeper.tick();
        nowNanos += CacheKeeper.SPREAD.toNanos();
        keeper.tick();
        assertThat(namesHere()).contains("jammyga-22.04-squashfs", "noblega-24.04-squashfs");
    }

    private static Machine assignedTo(String image, String serial) {
        Assignment assignment = new Assignment(
                1,
                Purpose.EPHEMERAL,
                ImageReference.parse(image),
                Optional.of(serial),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                false);
        return new Machine(
                "web-1",
                List.of(new MacAddress("52:54:00:0b:00:01")),
                Optional.empty(),
                Optional.of("amd64"),
                Optional.empty(),
                new Machine.Instructions(
                        List.of(), List.of(), Optional.empty(), true, Optional.of(assignment), Optional.empty()));
    }

    @Test
    void allIsWhateverAMachineMayBeginToBootWith() {
        CacheKeeper keeper = keeper(CacheKeeper.Policy.ALL, 0);
        catalog = region.catalog(1, noble, edge, old);

        keeper.tick();
        nowNanos += CacheKeeper.SPREAD.toNanos();
        keeper.tick();

        assertThat(namesHere())
                .hasSize(7)
                .contains("noblega-24.04-squashfs")
                .noneMatch(name -> name.startsWith("jammy"));
        assertThat(cache.stored().stream().filter(ImageCache.Stored::pinned)).hasSize(5);
    }

    @Test
    void noneIsNothing() {
        CacheKeeper keeper = keeper(CacheKeeper.Policy.NONE, 0);
        catalog = region.catalog(1, noble);

        keeper.tick();
        nowNanos += CacheKeeper.SPREAD.toNanos();
        keeper.tick();

        assertThat(region.fetched).isEmpty();
    }

    @Test
    void theDiskIsNotFilledWithWhatNobodyAskedFor() {
        List<BootImage> images = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
            images.add(region.image("release" + i, "ga", false));
        }
        CacheKeeper keeper = keeper(CacheKeeper.Policy.ALL, 0);
        catalog = region.catalog(1, images.toArray(new BootImage[0]));

        keeper.tick();
        nowNanos += CacheKeeper.SPREAD.toNanos();
        keeper.tick();

        assertThat(cache.statistics().diskBytes()).isLessThanOrEqualTo((long) (0.8 * (1 << 20)));
        assertThat(cache.statistics().evictions()).isZero();
        assertThat(namesHere())
                .as("what every machine needs comes first")
                .filteredOn(name -> name.endsWith("-kernel"))
                .hasSize(8);
    }

    @Test
    void aRateIsKept() {
        CacheKeeper keeper = keeper(CacheKeeper.Policy.BOOT, 10_000);
        catalog = region.catalog(1, noble);
        keeper.tick();
        nowNanos += CacheKeeper.SPREAD.toNanos();

        keeper.tick();
        assertThat(region.fetched).hasSize(1);
        nowNanos += SECOND - 1; // 10,000 B of a loader.
        keeper.tick();
        assertThat(region.fetched).hasSize(1);
        nowNanos += 1;
        keeper.tick();
        assertThat(region.fetched).hasSize(2);
    }

    @Test
    void whatFailsIsTriedAgainLater() {
        CacheKeeper keeper = keeper(CacheKeeper.Policy.BOOT, 0);
        catalog = region.catalog(1, noble);
        region.away = true;
        keeper.tick();
        nowNanos += CacheKeeper.SPREAD.toNanos();
        keeper.tick();
        assertThat(cache.stored()).isEmpty();

        region.away = false;
        nowNanos += CacheKeeper.AGAIN.toNanos() / 2 - 1;
        keeper.tick();
        assertThat(cache.stored()).isEmpty();
        nowNanos += CacheKeeper.AGAIN.toNanos() + 1;
        keeper.tick();
        assertThat(namesHere()).hasSize(3);
    }

    @Test
    void whatPeopleAskForComesAtOnceAndTheyAreToldWhatFailed() {
        CacheKeeper keeper = keeper(CacheKeeper.Policy.NONE, 1);
        catalog = region.catalog(1, noble, old);

        CacheKeeper.Warming warmed = keeper.warm(old.files().values());
        assertThat(warmed.running()).isFalse();
        assertThat(warmed.done()).isEqualTo(3);
        assertThat(warmed.bytes()).isEqualTo(250_000);
        assertThat(warmed.failures()).isEmpty();
        assertThat(namesHere()).hasSize(3).allMatch(name -> name.startsWith("jammy"));

        region.away = true;
        CacheKeeper.Warming failed = keeper.warm(noble.files().values());
        assertThat(failed.total()).isEqualTo(3);
        assertThat(failed.failures()).hasSize(3);
        assertThat(failed.failures().values()).allMatch(why -> why.contains("the region is away"));
    }

    @Test
    void whatHadToLeaveAgainForTheRestIsNoSuccess() {
        List<BootFile> files = new ArrayList<>();
        List<BootImage> images = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            images.add(region.image("release" + i, "ga", false));
            files.addAll(images.get(i).files().values());
        }
        catalog = region.catalog(1, images.toArray(new BootImage[0]));
        CacheKeeper keeper = keeper(CacheKeeper.Policy.NONE, 0);

        CacheKeeper.Warming warmed = keeper.warm(files);

        assertThat(warmed.done()).isEqualTo(15);
        assertThat(warmed.failures()).isEmpty();
        assertThat(warmed.notKept()).isNotEmpty();
        assertThat(namesHere())
                .hasSize(15 - warmed.notKept().size())
                .doesNotContainAnyElementsOf(warmed.notKept().values());
        assertThat(keeper.warm(noble.files().values()).notKept())
                .as("of that time alone")
                .isEmpty();
    }

    private List<String> namesHere() {
        return cache.stored().stream()
                .map(each -> catalog.contents().get(each.content().id().sha256()))
                .map(BootFile::name)
                .sorted()
                .toList();
    }

    private CacheKeeper keeper(CacheKeeper.Policy policy, long bytesPerSecond) {
        return new CacheKeeper(
                () -> catalog,
                cache,
                new CachePins(new StateDirectory(directory)),
                policy,
                CachedFiles.SETTINGS.diskBytes(),
                bytesPerSecond,
                new Random(7),
                () -> nowNanos);
    }
}
