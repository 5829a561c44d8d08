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
import org.rackboot.region.signature.TestSigner;
import org.rackboot.region.source.Selection;
import org.rackboot.region.source.SourceStatus;
import org.rackboot.region.store.RegionDatabase;
import org.rackboot.region.store.TestDatabase;
import org.rackboot.region.sync.ImportReport.Outcome;
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
        SourceStatus signed = region.addSource(
                "http://a.example/", Optional.of("mine"), Optional.of(SIGNER.keyring()), false, Optional.empty());
        SourceStatus unsigned =
                region.addSource("http://b.example/", Optional.empty(), Optional.empty(), true, Optional.of(7));

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
                .isThrownBy(() -> region.addSource(
                        "http://other.example/", Optional.of("maas-stable"), Optional.empty(), true, Optional.empty()))
                .extracting(RefusedException::kind)
                .isEqualTo(RefusedException.Kind.CONFLICT);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", " ", "-x", "a\nb", "a\u001b[2J", "\u00e4"})
    void aNameThatCannotBeShownIsRefused(String name) {
        assertThatExceptionOfType(RefusedException.class)
                .isThrownBy(() -> region.addSource(
                        "http://a.example/", Optional.of(name), Optional.empty(), true, Optional.empty()))
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
        return region.addSource(url, Optional.empty(), Optional.empty(), true, Optional.empty());
    }

    private void refused(String why, Optional<byte[]> keyring, boolean unsigned) {
        assertThatExceptionOfType(RefusedException.class)
                .isThrownBy(() ->
                        region.addSource("http://c.example/", Optional.empty(), keyring, unsigned, Optional.empty()))
                .withMessageContaining(why);
    }

    private Region region() throws Exception {
        return new Region(database, mirror, CLOCK, time -> {}, List.of("console=ttyS0"), defaultKeyring.toString());
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
