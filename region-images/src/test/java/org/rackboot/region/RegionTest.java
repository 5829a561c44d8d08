package org.rackboot.region;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.rackboot.region.Region.RefusedException;
import org.rackboot.region.Region.SourceChange;
import org.rackboot.region.catalog.Served;
import org.rackboot.region.signature.TestSigner;
import org.rackboot.region.source.Selection;
import org.rackboot.region.source.SourceStatus;
import org.rackboot.region.store.ImageRepository;
import org.rackboot.region.store.ImageRepository.Kind;
import org.rackboot.region.store.RegionDatabase;
import org.rackboot.region.store.SourceRepository.Removed;
import org.rackboot.region.store.TestDatabase;
import org.rackboot.region.sync.ImportReport.Outcome;
import org.rackboot.region.sync.Importer;
import org.rackboot.region.sync.Mirror;

@Timeout(60)
class RegionTest {
    private static final Clock CLOCK = Clock.fixed(Instant.parse("2026-02-01T00:00:00Z"), ZoneOffset.UTC);
    private static final TestSigner SIGNER = new TestSigner(1, Instant.parse("2025-01-01T00:00:00Z"));

    @TempDir
    Path directory;

    private final ClosedMirror mirror = new ClosedMirror();
    private Path defaultKeyring;
    private RegionDatabase database;
    private Region region;
    private boolean singleSource;

    @BeforeEach
    void open() throws Exception {
        defaultKeyring = directory.resolve("keyring.gpg");
        database = TestDatabase.open(directory);
        region = region();
    }

    @AfterEach
    void close() {
        database.close();
    }

    // The default source.

    @Test
    void withoutItsKeyringTheDefaultSourceIsListedWithWhatIsMissing() throws Exception {
        SourceStatus source = defaultSource();

        assertThat(source.source().url()).hasToString("http://images.maas.io/ephemeral-v3/stable/");
        assertThat(source.usable()).isFalse();
        assertThat(source.fingerprints()).isEmpty();
        assertThat(source.problem().orElseThrow())
                .contains(defaultKeyring.toString())
                .contains("install the package ubuntu-keyring or ubuntu-cloudimage-keyring");
    }

    @Test
    void theDefaultSourceIsUsedAsSoonAsItsKeyringIsThere() throws Exception {
        Files.write(defaultKeyring, SIGNER.keyring());

        assertThat(defaultSource().usable()).isTrue();
        assertThat(defaultSource().fingerprints()).containsExactly(SIGNER.fingerprint());
    }

    @Test
    void aKeyringThatIsNoneOrTooLargeIsSaid() throws Exception {
        Files.writeString(defaultKeyring, "no keys");
        assertThat(defaultSource().problem().orElseThrow()).contains("cannot be read");

        Files.write(defaultKeyring, new byte[(1 << 20) + 1]);
        assertThat(defaultSource().problem().orElseThrow()).contains("is larger than");
        assertThat(defaultSource().usable()).isFalse();
    }

    @Test
    void theDefaultSourceIsThereOnceHoweverOftenTheRegionStarts() throws Exception {
        region = region();

        assertThat(region.sources()).hasSize(1);
    }

    @Test
    void nothingIsContactedBeforeAnImportOfASelection() throws Exception {
        Files.write(defaultKeyring, SIGNER.keyring());
        add("http://mirror.example/");
        region.sources();
        region.catalog();
        assertThat(importing()).isEqualTo(Outcome.NOTHING_SELECTED);
        region.addSelection(new Selection(0, "ubuntu", "noble", "amd64", "*", "*"));

        assertThat(mirror.asked).isZero();
    }

    // Sources of one's own.

    @ParameterizedTest
    @CsvSource({
        "http://mirror.example, http://mirror.example/",
        "http://mirror.example/, http://mirror.example/",
        "https://mirror.example:8443/a/b, https://mirror.example:8443/a/b/",
        "' http://mirror.example/a/ ', http://mirror.example/a/",
        "HTTP://Mirror.Example/A, http://mirror.example/A/",
        "http://[::1]:8480/, http://[::1]:8480/",
        "http://mirror.example/a/streams/v1/index.sjson, http://mirror.example/a/",
        "http://mirror.example/streams/v1/index.json, http://mirror.example/",
        "http://mirror.example/a/streams/v1/, http://mirror.example/a/",
        "http://mirror.example/a/streams/v1, http://mirror.example/a/",
        "http://mirror.example/upstreams/v1/, http://mirror.example/upstreams/v1/",
        "http://mirror.example/streams/v1/x/y, http://mirror.example/streams/v1/x/y/"
    })
    void anAddressNamesTheMirrorsRootOrItsIndex(String given, String root) throws Exception {
        assertThat(add(given).source().url()).hasToString(root);
    }

    @ParameterizedTest
    @CsvSource({
        "http://mirror.example/a/streams/v1/index.sjson, ",
        "http://mirror.example/streams/v1/index.json, ",
        "http://mirror.example/a/streams/v1/com.ubuntu.maas:stable:v3:download.sjson, streams/v1/com.ubuntu.maas:stable:v3:download.sjson"
    })
    void anAddressMayNameTheFileToBeginWith(String given, String start) throws Exception {
        assertThat(add(given).source().access().start()).isEqualTo(Optional.ofNullable(start));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "mirror.example",
                "/srv/mirror",
                "ftp://mirror.example/",
                "file:///srv/mirror/",
                "jar:http://mirror.example/x!/",
                "http:mirror.example",
                "http:///x",
                "http://user@mirror.example/",
                "http://user:password@mirror.example/",
                "http://mirror.example/?a=b",
                "http://mirror.example/#a",
                "http://mirror.example/a b",
                "http://mirror example/"
            })
    void anAddressOfAnotherKindIsRefusedWithoutRepeatingIt(String url) {
        assertThatExceptionOfType(RefusedException.class)
                .isThrownBy(() -> add(url))
                .withMessageContaining("http://host/path/")
                .withMessageNotContaining("password")
                .extracting(RefusedException::kind)
                .isEqualTo(RefusedException.Kind.INVALID);
    }

    @Test
    void aSourceIsSignedOrSaidToBeUnsigned() throws Exception {
        SourceStatus signed = region.addSource(change(
                "http://a.example/", Optional.of("mine"), Optional.of(SIGNER.keyring()), false, Optional.empty()));
        SourceStatus unsigned =
                region.addSource(change("http://b.example/", Optional.empty(), Optional.empty(), true, Optional.of(7)));

        assertThat(signed.fingerprints()).containsExactly(SIGNER.fingerprint());
        assertThat(signed.usable()).isTrue();
        assertThat(signed.source().name()).isEqualTo("mine");
        assertThat(unsigned.usable()).isTrue();
        assertThat(unsigned.source().unsigned()).isTrue();
        assertThat(unsigned.source().name()).isEqualTo("http://b.example/");
        assertThat(region.sources())
                .extracting(status -> status.source().priority())
                .containsExactly(100, 7, 0);
        refused("needs --keyring FILE", Optional.empty(), false);
        refused("not both", Optional.of(SIGNER.keyring()), true);
        refused("cannot be read", Optional.of("no keys".getBytes(UTF_8)), false);
    }

    @Test
    void aNameOrAddressThatIsTakenIsAConflict() throws Exception {
        add("http://mirror.example/");

        assertThatExceptionOfType(RefusedException.class)
                .isThrownBy(() -> add("http://MIRROR.example/streams/v1/index.sjson"))
                .extracting(RefusedException::kind)
                .isEqualTo(RefusedException.Kind.CONFLICT);
        assertThatExceptionOfType(RefusedException.class)
                .isThrownBy(() -> region.addSource(change(
                        "http://other.example/", Optional.of("maas-stable"), Optional.empty(), true, Optional.empty())))
                .extracting(RefusedException::kind)
                .isEqualTo(RefusedException.Kind.CONFLICT);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", " ", "-x", "a\nb", "a\u001b[2J", "\u00e4"})
    void aNameThatCannotBeShownIsRefused(String name) {
        assertThatExceptionOfType(RefusedException.class)
                .isThrownBy(() -> region.addSource(
                        change("http://a.example/", Optional.of(name), Optional.empty(), true, Optional.empty())))
                .withMessageContaining("name");
    }

    // Selections, imports, the catalog.

    @Test
    void aSelectionIsMadeOnceOfPlainWords() throws Exception {
        var noble = new Selection(0, "ubuntu", "noble", "amd64", "*", "*");

        assertThat(region.addSelection(noble)).isTrue();
        assertThat(region.addSelection(noble)).isFalse();
        assertThat(region.selections()).hasSize(1);
        for (String word : List.of("", "../x", "a b", "**", "x".repeat(65))) {
            assertThatExceptionOfType(RefusedException.class)
                    .isThrownBy(() -> region.addSelection(new Selection(0, "ubuntu", word, "amd64", "*", "*")));
        }
    }

    @Test
    void anImportThatReachesNobodySaysWhomItAsked() throws Exception {
        add("http://mirror.example/");
        region.addSelection(new Selection(0, "ubuntu", "noble", "amd64", "*", "*"));

        assertThat(importing()).isEqualTo(Outcome.FAILED);

        assertThat(mirror.asked).isEqualTo(1);
        assertThat(region.imports()
                        .status()
                        .orElseThrow()
                        .report()
                        .orElseThrow()
                        .problems())
                .singleElement()
                .asString()
                .contains("http://mirror.example/streams/v1/index.json", "nobody is there");
    }

    @Test
    void theCatalogOfANewRegionIsEmptyAndCarriesTheOperatorsKernelOptions() throws Exception {
        assertThat(region.versions()).isEmpty();
        assertThat(new String(region.catalog(), UTF_8))
                .contains("\"version\":" + region.catalogVersion(), "\"kernelOptions\":[\"console=ttyS0\"]");
    }

    // Changes of sources.

    @Test
    void whatIsNotSaidOfASourceStays() throws Exception {
        region.addSource(
                change("http://a.example/", Optional.of("a"), Optional.of(SIGNER.keyring()), false, Optional.of(5)));

        SourceStatus disabled = region.updateSource("a", disabling(), false);

        assertThat(disabled.source().enabled()).isFalse();
        assertThat(disabled.source().priority()).isEqualTo(5);
        assertThat(disabled.fingerprints()).containsExactly(SIGNER.fingerprint());
        SourceStatus moved = region.updateSource(
                "http://a.example/",
                new SourceChange(
                        Optional.of("http://b.example/x"),
                        Optional.of("b"),
                        Optional.empty(),
                        Optional.of(true),
                        Optional.of(6),
                        Optional.of(true),
                        Optional.of(List.of("http://m.example")),
                        Optional.of("http://proxy.example:3128"),
                        Optional.empty()),
                false);
        assertThat(moved.source().url()).hasToString("http://b.example/x/");
        assertThat(moved.source().unsigned()).isTrue();
        assertThat(moved.source().trust()).isEmpty();
        assertThat(moved.source().access().mirrors()).containsExactly(URI.create("http://m.example/"));
        assertThat(moved.source().access().proxy()).contains(URI.create("http://proxy.example:3128"));
    }

    @Test
    void aChangeThatMakesNoSourceIsRefused() throws Exception {
        region.addSource(change("http://a.example/", Optional.of("a"), Optional.empty(), true, Optional.empty()));

        refusedChange("needs --keyring FILE to become", "a", Optional.of(false), Optional.empty(), Optional.empty());
        refusedChange("A proxy is http://host:port", "a", Optional.empty(), Optional.of("ftp://p"), Optional.empty());
        refusedChange("A proxy is", "a", Optional.empty(), Optional.of("http://u:p@proxy"), Optional.empty());
        refusedChange("no certificate", "a", Optional.empty(), Optional.empty(), Optional.of("rubbish"));
        refusedChange("There is no source 'x'", "x", Optional.empty(), Optional.empty(), Optional.empty());
    }

    @Test
    void theDefaultSourceIsSwitchedOffNotRemoved() throws Exception {
        assertThatExceptionOfType(RefusedException.class)
                .isThrownBy(() -> region.removeSource("maas-stable", true))
                .withMessageContaining("rackboot sources update maas-stable --disable");
        add("http://a.example/");

        region.removeSource("http://a.example/", false);

        assertThat(region.sources()).hasSize(1);
    }

    @Test
    void theImagesOfARemovedSourceStayUntilItComesBack() throws Exception {
        String noble = "ubuntu/noble/amd64/ga-24.04";
        long id = add("http://a.example/").source().id();
        publishFrom(id, "1", "2");
        region.pin(noble, Optional.of("1"));
        long before = region.catalogVersion();

        assertThat(region.removeSource("http://a.example/", false)).isEqualTo(new Removed(1, 2, 6));

        assertThat(region.sources()).hasSize(1);
        assertThat(region.catalogVersion()).isGreaterThan(before);
        assertThat(served(noble)).isEqualTo("1");
        assertThat(region.versions())
                .extracting(ImageRepository.Version::source)
                .containsOnly("http://a.example/ (removed, %d)".formatted(id));

        // A source of its name is another one; one of its address has its images.
        region.addSource(change(
                "http://b.example/", Optional.of("http://a.example/"), Optional.empty(), true, Optional.empty()));
        assertThat(region.versions())
                .extracting(ImageRepository.Version::source)
                .containsOnly("http://a.example/ (removed, %d)".formatted(id));
        SourceStatus again = region.addSource(
                change("http://a.example/", Optional.of("again"), Optional.empty(), true, Optional.empty()));
        assertThat(again.source().id()).isEqualTo(id);
        assertThat(region.versions())
                .extracting(ImageRepository.Version::source)
                .containsOnly("again");
        assertThat(served(noble)).isEqualTo("1");
    }

    @Test
    void theImagesOfARemovedSourceGoWithItOnceThatIsSaid() throws Exception {
        publish("3");
        publishFrom(add("http://a.example/").source().id(), "1", "2");

        assertThat(region.removeSource("http://a.example/", true)).isEqualTo(new Removed(1, 2, 6));

        assertThat(region.versions())
                .extracting(ImageRepository.Version::serial)
                .containsExactly("3");
        assertThat(add("http://a.example/").source().enabled()).isTrue();
    }

    @Test
    void withTwoUsableSourcesThereIsAWarningAndIfSoSetSelectionsCannotBeChanged() throws Exception {
        var noble = new Selection(0, "ubuntu", "noble", "amd64", "*", "*");
        add("http://a.example/");
        assertThat(region.warnings()).isEmpty();
        region.addSelection(noble);
        add("http://b.example/");

        assertThat(region.warnings()).singleElement().asString().contains("2 boot sources are enabled");
        region.removeSelection(noble);
        region.addSelection(noble);

        singleSource = true;
        region = region();
        assertThat(region.warnings()).singleElement().asString().contains("region.single-source");
        assertThatExceptionOfType(RefusedException.class)
                .isThrownBy(() -> region.removeSelection(noble))
                .withMessageContaining("only while one boot source is enabled");
        assertThatExceptionOfType(RefusedException.class).isThrownBy(() -> region.addSelection(noble));
        region.updateSource("http://b.example/", disabling(), false);
        region.removeSelection(noble);
        assertThatExceptionOfType(RefusedException.class)
                .isThrownBy(() -> region.removeSelection(noble))
                .extracting(RefusedException::kind)
                .isEqualTo(RefusedException.Kind.NOT_FOUND);
    }

    // Versions.

    @Test
    void anImageIsPinnedRolledBackLetGoAndDeleted() throws Exception {
        String noble = "ubuntu/noble/amd64/ga-24.04";
        publish("1", "2", "3");
        assertThat(served(noble)).isEqualTo("3");

        assertThat(region.rollback(noble).serial()).isEqualTo("2");
        assertThat(served(noble)).isEqualTo("2");
        assertThat(region.rollback(noble).serial()).isEqualTo("1");
        assertThatExceptionOfType(RefusedException.class)
                .isThrownBy(() -> region.rollback(noble))
                .withMessageContaining("no version before 1");
        assertThat(region.unpin(noble).serial()).isEqualTo("3");
        assertThat(region.pin(noble, Optional.of("2")).serial()).isEqualTo("2");
        assertThat(served(noble)).isEqualTo("2");
        assertThat(region.delete(noble, Optional.of("2"))).hasSize(1);
        assertThat(served(noble)).isEqualTo("3");
        assertThat(region.pin(noble, Optional.empty()).serial()).isEqualTo("3");
        assertThatExceptionOfType(RefusedException.class)
                .isThrownBy(() -> region.pin(noble, Optional.of("2")))
                .withMessageContaining("has no version 2; it has 3, 1");
        assertThat(region.delete(noble, Optional.empty())).hasSize(2);
        assertThat(region.versions()).isEmpty();
        assertThatExceptionOfType(RefusedException.class)
                .isThrownBy(() -> region.pin(noble, Optional.empty()))
                .extracting(RefusedException::kind)
                .isEqualTo(RefusedException.Kind.NOT_FOUND);
    }

    private void publish(String... serials) throws Exception {
        publishFrom(defaultSource().source().id(), serials);
    }

    private void publishFrom(long source, String... serials) throws Exception {
        var images = new ImageRepository(database);
        var kernel = region.contents().store("kernel".getBytes(UTF_8));
        var image = new ImageRepository.Image(
                "p", Kind.IMAGE, "ubuntu", "noble", "24.04", "", "amd64", "ga-24.04", "generic", "stable", "", "");
        for (String serial : serials) {
            images.publish(
                    new ImageRepository.Publication(
                            source,
                            image,
                            serial,
                            Map.of("boot-kernel", new ImageRepository.FileReference("boot-kernel", kernel.sha256()))),
                    CLOCK.instant());
        }
    }

    private String served(String name) throws Exception {
        return Served.of(region.versions()).stream()
                .filter(served ->
                        served.isServed() && served.version().image().name().equals(name))
                .findFirst()
                .orElseThrow()
                .version()
                .serial();
    }

    private void refusedChange(
            String why,
            String name,
            Optional<Boolean> unsigned,
            Optional<String> proxy,
            Optional<String> certificates) {
        assertThatExceptionOfType(RefusedException.class)
                .isThrownBy(() -> region.updateSource(
                        name,
                        new SourceChange(
                                Optional.empty(),
                                Optional.empty(),
                                Optional.empty(),
                                unsigned,
                                Optional.empty(),
                                Optional.empty(),
                                Optional.empty(),
                                proxy,
                                certificates),
                        false))
                .withMessageContaining(why);
    }

    private static SourceChange disabling() {
        return new SourceChange(
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.of(false),
                Optional.empty(),
                Optional.empty(),
                Optional.empty());
    }

    private Outcome importing() throws Exception {
        var ended = new CountDownLatch(1);
        region.catalogChange().whenComplete((nothing, failure) -> ended.countDown());
        region.imports().start();
        ended.await();
        for (Thread thread : Thread.getAllStackTraces().keySet()) {
            if (thread.getName().equals("import")) {
                thread.join();
            }
        }
        return region.imports().status().orElseThrow().report().orElseThrow().outcome();
    }

    private SourceStatus defaultSource() throws Exception {
        List<SourceStatus> all = region.sources();
        assertThat(all).hasSize(1);
        return all.get(0);
    }

    private SourceStatus add(String url) throws Exception {
        return region.addSource(change(url, Optional.empty(), Optional.empty(), true, Optional.empty()));
    }

    private static SourceChange change(
            String url, Optional<String> name, Optional<byte[]> keyring, boolean unsigned, Optional<Integer> priority) {
        return new SourceChange(
                Optional.of(url),
                name,
                keyring,
                Optional.of(unsigned),
                priority,
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty());
    }

    private void refused(String why, Optional<byte[]> keyring, boolean unsigned) {
        assertThatExceptionOfType(RefusedException.class)
                .isThrownBy(() -> region.addSource(
                        change("http://c.example/", Optional.empty(), keyring, unsigned, Optional.empty())))
                .withMessageContaining(why);
    }

    private Region region() throws Exception {
        return new Region(
                database,
                mirror,
                CLOCK,
                time -> {},
                new Region.Settings(List.of("console=ttyS0"), singleSource, Importer.Settings.DEFAULT),
                defaultKeyring.toString());
    }

    /** Counts who knocks. */
    private static final class ClosedMirror implements Mirror {
        private volatile int asked;

        @Override
        public synchronized byte[] metadata(URI file, int maxBytes) throws MirrorException {
            asked++;
            throw new MirrorException("nobody is there");
        }

        @Override
        public void download(URI file, long from, Optional<String> ifRange, long size, Receiver receiver)
                throws MirrorException {
            throw new MirrorException("nobody is there");
        }
    }
}
