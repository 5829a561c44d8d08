package org.rackboot.region.store;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.URI;
import java.nio.file.Path;
import java.time.Instant;
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

/** Holds on every database; {@link TestDatabase} says which one this is. */
class SourceRepositoryTest {
    private static final Instant NOW = Instant.parse("2026-02-01T00:00:00.123Z");

    @TempDir
    Path directory;

    private RegionDatabase database;
    private SourceRepository sources;

    @BeforeEach
    void open() throws Exception {
        database = TestDatabase.open(directory);
        sources = new SourceRepository(database);
    }

    @AfterEach
    void close() {
        database.close();
    }

    @Test
    void aSourceComesBackAsItWasAdded() throws Exception {
        BootSource byFile = added(source("file", 0, false, Optional.of(new Trust.File("/keys/a.gpg"))));
        BootSource unsigned = added(source("unsigned", 0, true, Optional.empty()));
        BootSource byData = added(source("data", 0, false, Optional.of(new Trust.Data(new byte[] {1, 2, -3}))));

        List<BootSource> all = sources.sources();

        assertThat(all.get(0)).isEqualTo(byFile).extracting(BootSource::id).isNotEqualTo(0L);
        assertThat(all.get(1)).isEqualTo(unsigned);
        assertThat(byFile.trust()).contains(new Trust.File("/keys/a.gpg"));
        assertThat(unsigned.unsigned()).isTrue();
        assertThat(unsigned.trust()).isEmpty();
        assertThat(byData.trust().map(trust -> ((Trust.Data) trust).keyring()).orElseThrow())
                .containsExactly(1, 2, -3);
        assertThat(all.get(2).url()).isEqualTo(byData.url());
    }

    @Test
    void theLargerPriorityComesFirstThenTheOlderSource() throws Exception {
        for (BootSource source : List.of(named("a", 5), named("b", 9), named("c", 5))) {
            added(source);
        }

        assertThat(sources.sources()).extracting(BootSource::name).containsExactly("b", "a", "c");
    }

    @Test
    void namesAndAddressesAreTakenOnce() throws Exception {
        added(named("a", 0));

        assertThat(sources.add(named("a", 1), NOW)).isEmpty();
        BootSource sameAddress =
                new BootSource(0, "b", URI.create("http://a.example/"), 0, true, true, Optional.empty());
        assertThat(sources.add(sameAddress, NOW)).isEmpty();
        assertThat(sources.sources()).hasSize(1);
    }

    @Test
    void aSelectionIsStoredOnce() throws Exception {
        var selection = new Selection(0, "ubuntu", "noble", "amd64", "*", "*");

        assertThat(sources.add(selection, NOW)).isTrue();
        assertThat(sources.add(selection, NOW)).isFalse();
        assertThat(sources.add(new Selection(0, "ubuntu", "noble", "amd64", "ga-24.04", "*"), NOW))
                .isTrue();

        assertThat(sources.selections())
                .extracting(Selection::describe)
                .containsExactly("ubuntu/noble/amd64", "ubuntu/noble/amd64/ga-24.04");
    }

    @Test
    void aMarkIsOfOneFileOfOneSource() throws Exception {
        BootSource a = added(named("a", 0));
        BootSource b = added(named("b", 0));
        assertThat(sources.mark(a.id(), "index")).isEmpty();

        sources.setMarks(a.id(), Map.of("index", NOW));
        sources.setMarks(a.id(), Map.of("index", NOW.plusSeconds(1)));
        sources.setMarks(b.id(), Map.of("index", NOW));

        assertThat(sources.mark(a.id(), "index")).contains(NOW.plusSeconds(1));
        assertThat(sources.mark(b.id(), "index")).contains(NOW);
        assertThat(sources.mark(a.id(), "other")).isEmpty();
    }

    @Test
    void whatIsChangedOfASourceIsKeptAndItsMarksOnlyWhereThatIsWanted() throws Exception {
        BootSource a = added(named("a", 0));
        added(named("b", 0));
        sources.setMarks(a.id(), Map.of("index", NOW));
        BootSource changed = new BootSource(
                a.id(),
                "new",
                URI.create("https://new.example/"),
                7,
                false,
                true,
                Optional.empty(),
                new BootSource.Access(
                        List.of(URI.create("http://m1.example/"), URI.create("http://m2.example/")),
                        Optional.of(URI.create("http://proxy.example:3128")),
                        Optional.of("pem"),
                        Optional.of("streams/v1/x.sjson")));

        assertThat(sources.update(changed, false)).contains(changed);
        assertThat(sources.sources()).contains(changed).hasSize(2);
        assertThat(sources.mark(a.id(), "index")).contains(NOW);
        assertThat(sources.update(changed, true)).contains(changed);
        assertThat(sources.mark(a.id(), "index")).isEmpty();
        BootSource taken =
                new BootSource(a.id(), "b", URI.create("https://new.example/"), 7, false, true, Optional.empty());
        assertThat(sources.update(taken, false)).isEmpty();
    }

    @Test
    void aRemovedSourceAndSelectionAreGone() throws Exception {
        BootSource a = added(named("a", 0));
        var selection = new Selection(0, "ubuntu", "noble", "amd64", "*", "*");
        sources.add(selection, NOW);

        assertThat(sources.remove(a.id(), false)).isEqualTo(new SourceRepository.Removed(0, 0, 0));

        assertThat(sources.sources()).isEmpty();
        assertThat(sources.remove(selection)).isTrue();
        assertThat(sources.remove(selection)).isFalse();
        assertThat(sources.selections()).isEmpty();
    }

    private BootSource added(BootSource source) throws DatabaseException {
        return sources.add(source, NOW).orElseThrow();
    }

    private static BootSource named(String name, int priority) {
        return source(name, priority, true, Optional.empty());
    }

    private static BootSource source(String name, int priority, boolean unsigned, Optional<Trust> trust) {
        return new BootSource(0, name, URI.create("http://" + name + ".example/"), priority, true, unsigned, trust);
    }
}
