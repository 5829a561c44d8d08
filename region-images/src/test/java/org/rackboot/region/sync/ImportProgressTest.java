package org.rackboot.region.sync;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.rackboot.region.simplestreams.MirrorPath;
import org.rackboot.region.source.BootSource;
import org.rackboot.region.store.ImageRepository.Image;
import org.rackboot.region.store.ImageRepository.Kind;
import org.rackboot.region.sync.ImportPlan.PlannedFile;
import org.rackboot.region.sync.ImportPlan.PlannedVersion;
import org.rackboot.region.sync.ImportProgress.FileProgress;
import org.rackboot.region.sync.ImportProgress.Phase;
import org.rackboot.region.sync.ImportProgress.Snapshot;
import org.rackboot.region.sync.ImportProgress.State;

class ImportProgressTest {
    private long nanos;
    private final ImportProgress progress = new ImportProgress(() -> nanos);
    private final PlannedFile kernel = file("kernel", 100);
    private final PlannedFile shared = file("squashfs", 900);
    private final PlannedVersion noble = version("noble", kernel, shared);
    private final PlannedVersion jammy = version("jammy", shared);

    ImportProgressTest() throws Exception {}

    @Test
    void filesAndVersionsGoFromQueuedToSynced() {
        progress.expect(List.of(noble, jammy));
        assertThat(states()).containsExactly(State.QUEUED, State.QUEUED);
        assertThat(progress.snapshot().bytesTotal())
                .as("what two versions share comes once")
                .isEqualTo(1_000);

        progress.begin(kernel);
        progress.fetched(kernel, 40);
        assertThat(states()).containsExactly(State.DOWNLOADING, State.QUEUED);
        assertThat(files())
                .containsExactly(
                        new FileProgress("kernel", 100, 40, State.DOWNLOADING, ""),
                        new FileProgress("squashfs", 900, 0, State.QUEUED, ""));

        progress.fetched(kernel, 60);
        assertThat(files().get(0).state()).isEqualTo(State.VERIFYING);
        assertThat(progress.snapshot().current()).containsExactly("kernel");
        progress.end(kernel, Optional.empty());
        assertThat(progress.snapshot().filesDone()).isEqualTo(1);

        progress.begin(shared);
        progress.addBytes(shared, 900);
        progress.end(shared, Optional.empty());
        assertThat(states()).containsExactly(State.VERIFYING, State.VERIFYING);
        progress.ended(noble, Optional.empty());
        assertThat(states()).containsExactly(State.SYNCED, State.VERIFYING);
        assertThat(progress.snapshot().versions().get(0).done()).isEqualTo(1_000);
    }

    @Test
    void aVersionFailsWithTheCauseOfItsFileAtOnce() {
        progress.expect(List.of(noble, jammy));
        progress.begin(kernel);
        progress.end(kernel, Optional.of("sha256 is wrong"));

        assertThat(states()).containsExactly(State.FAILED, State.QUEUED);
        assertThat(progress.snapshot().versions().get(0).cause()).isEqualTo("sha256 is wrong");
    }

    @Test
    void whatAnImportThatEndsDidNotBringHasFailed() {
        progress.expect(List.of(noble, jammy));
        progress.ended(noble, Optional.empty());
        progress.enter(Phase.ENDED);

        assertThat(states()).containsExactly(State.SYNCED, State.FAILED);
        assertThat(progress.snapshot().versions().get(1).cause()).contains("the import ended");
    }

    @Test
    void theRestIsEstimatedByThePaceOfTheLastSeconds() {
        progress.expect(List.of(noble));
        progress.enter(Phase.DOWNLOADING);
        progress.begin(shared);
        assertThat(progress.snapshot().secondsLeft()).isEmpty();

        for (int second = 0; second < 4; second++) {
            progress.fetched(shared, 50);
            nanos += TimeUnit.SECONDS.toNanos(1);
        }
        assertThat(progress.snapshot().bytesPerSecond()).isEqualTo(50);
        assertThat(progress.snapshot().secondsLeft()).hasValue(16);

        progress.addBytes(kernel, 100); // Was here already: says nothing of the pace.
        assertThat(progress.snapshot().secondsLeft()).hasValue(14);
        nanos += TimeUnit.MINUTES.toNanos(1);
        assertThat(progress.snapshot().secondsLeft())
                .as("nothing comes any more")
                .isEmpty();
    }

    @Test
    void everyChangeIsSeenAndOldLinesAreCounted() {
        long before = progress.snapshot().changes();
        for (int i = 0; i < 1_003; i++) {
            progress.say("line " + i);
        }

        Snapshot now = progress.snapshot();
        assertThat(now.changes()).isEqualTo(before + 1_003);
        assertThat(now.log()).hasSize(1_000).startsWith("line 3");
        assertThat(now.logBefore()).isEqualTo(3);
    }

    private List<State> states() {
        return progress.snapshot().versions().stream()
                .map(ImportProgress.VersionProgress::state)
                .toList();
    }

    private List<FileProgress> files() {
        return progress.snapshot().files();
    }

    private static PlannedFile file(String name, long size) throws Exception {
        return new PlannedFile(name, name, MirrorPath.parse(name), size, name, false);
    }

    private static PlannedVersion version(String release, PlannedFile... files) {
        Image image =
                new Image(release, Kind.IMAGE, "ubuntu", release, "", "", "amd64", "ga", "generic", "stable", "", "ga");
        BootSource source = new BootSource(1, "s", FakeMirror.ROOT, 0, true, true, Optional.empty());
        return new PlannedVersion(source, image, "1", List.of(files));
    }
}
