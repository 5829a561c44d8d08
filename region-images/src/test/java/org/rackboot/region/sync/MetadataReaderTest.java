package org.rackboot.region.sync;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rackboot.region.signature.Keyring;
import org.rackboot.region.signature.SignatureVerifier;
import org.rackboot.region.signature.TestSigner;
import org.rackboot.region.simplestreams.MirrorPath;
import org.rackboot.region.simplestreams.Products;
import org.rackboot.region.sync.MetadataReader.FileException;
import org.rackboot.region.sync.MetadataReader.Metadata;

class MetadataReaderTest {
    private static final Instant NOW = Instant.parse("2026-01-20T00:00:00Z");
    private static final Instant SIGNED = Instant.parse("2026-01-15T06:00:00Z");
    private static final TestSigner SIGNER = TestStream.SIGNER;
    private static final TestSigner STRANGER = new TestSigner(2, Instant.parse("2025-01-01T00:00:00Z"));
    private static final String UPDATED = "Thu, 15 Jan 2026 06:00:00 +0000";

    private final Map<String, byte[]> files = new TreeMap<>();
    private final Source source = new Source();

    @Test
    void indexesWithinIndexesAreFollowed() throws Exception {
        clearSigned("index.sjson", index(entry("a", "products", "a.sjson"), entry("b", "index", "b.sjson")));
        clearSigned("a.sjson", products("a"));
        clearSigned("b.sjson", index(entry("c", "index", "c.sjson")));
        clearSigned("c.sjson", index(entry("d", "products", "d.sjson")));
        clearSigned("d.sjson", products("d"));

        Metadata metadata = read("index.sjson");

        assertThat(metadata.files()).extracting(Products::contentId).containsExactly("a", "d");
        assertThat(metadata.marks())
                .containsOnlyKeys("index.sjson", "a.sjson", "b.sjson", "c.sjson", "d.sjson")
                .containsEntry("d.sjson", SIGNED);
    }

    @Test
    void indexesLieAtMostThreeDeep() throws Exception {
        for (int i = 1; i <= 4; i++) {
            clearSigned(i + ".sjson", index(entry("x", "index", i + 1 + ".sjson")));
        }

        refused("4.sjson", "more than 3 indexes deep", () -> read("1.sjson"));
    }

    @Test
    void anIndexThatNamesItselfIsReadOnce() throws Exception {
        clearSigned(
                "1.sjson",
                index(
                        entry("x", "index", "1.sjson"),
                        entry("y", "index", "2.sjson"),
                        entry("a", "products", "a.sjson")));
        clearSigned("2.sjson", index(entry("x", "index", "1.sjson")));
        clearSigned("a.sjson", products("a"));

        assertThat(read("1.sjson").files()).hasSize(1);
        assertThat(source.fetched).containsExactly("1.sjson", "2.sjson", "a.sjson");
        assertThat(source.said)
                .filteredOn(line -> line.contains("more than once"))
                .hasSize(2);
    }

    @Test
    void aStreamHasAtMost200Files() throws Exception {
        String[] entries = new String[200];
        for (int i = 0; i < entries.length; i++) {
            entries[i] = entry("c" + i, "products", i + ".json");
            files.put(i + ".json", products("c" + i).getBytes(UTF_8));
        }
        files.put("index.json", index(entries).getBytes(UTF_8));

        refused("199.json", "more than 200 metadata files", () -> readUnsigned("index.json"));
        assertThat(source.fetched).hasSize(200);
    }

    @Test
    void aStreamMayStartWithItsProducts() throws Exception {
        clearSigned("streams/v1/daily.sjson", products("com.ubuntu.maas:daily:v3:download"));

        Metadata metadata = read("streams/v1/daily.sjson");

        assertThat(metadata.files())
                .extracting(Products::contentId)
                .containsExactly("com.ubuntu.maas:daily:v3:download");
        assertThat(metadata.marks()).containsOnlyKeys("streams/v1/daily.sjson");
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void whereNothingIsClearSignedTheSignatureBesideTheFileCounts(boolean armored) throws Exception {
        detached("index.json", index(entry("a", "products", "a.json")), SIGNER, armored);
        detached("a.json", products("a"), SIGNER, armored);

        assertThat(read("index.sjson").files()).hasSize(1);
        assertThat(source.fetched)
                .containsExactly("index.sjson", "index.json", "index.json.gpg", "a.json", "a.json.gpg");
        assertThat(source.said).anyMatch(line -> line.contains("signed by " + SIGNER.fingerprint()));
        assertThat(read("index.json").files()).hasSize(1);
    }

    @Test
    void aDetachedSignatureHasToBeThereAndRight() throws Exception {
        files.put("index.json", products("a").getBytes(UTF_8));
        refused("index.sjson", "no index.sjson", () -> read("index.sjson"));
        refused("index.json", "it is not signed: there is no index.json.gpg", () -> read("index.json"));

        detached("index.json", products("a"), STRANGER, false);
        refused("index.json", STRANGER.fingerprint(), () -> read("index.json"));

        detached("index.json", products("a"), SIGNER, false);
        files.put("index.json", products("b").getBytes(UTF_8));
        refused("index.json", "is not what", () -> read("index.json"));
    }

    // S-32.
    @Test
    void bothSpellingsOfAFileHaveOneMark() throws Exception {
        detached("index.json", index(entry("a", "products", "a.json")), SIGNER, true);
        detached("a.json", products("a"), SIGNER, true);

        assertThat(read("index.sjson").marks()).containsOnlyKeys("index.sjson", "a.sjson");
    }

    // S-30.
    @Test
    void aFileThatIsTooOldEndsTheReading() throws Exception {
        clearSigned("index.sjson", index(entry("a", "products", "a.sjson"), entry("b", "products", "b.sjson")));
        clearSigned("a.sjson", products("a"));
        source.stale = "a.sjson";

        refused("a.sjson", "too old", () -> read("index.sjson"));
        assertThat(source.fetched).doesNotContain("b.sjson");
    }

    @Test
    void whatIsSignedNeverLeadsToWhatIsNot() throws Exception {
        clearSigned("index.sjson", index(entry("a", "products", "a.txt")));
        files.put("a.txt", products("a").getBytes(UTF_8));
        refused("a.txt", "names an unsigned file", () -> read("index.sjson"));

        clearSigned("index.sjson", index(entry("a", "products", "a.json")));
        files.put("a.json", products("a").getBytes(UTF_8));
        refused("a.json", "names an unsigned file: there is no a.json.gpg", () -> read("index.sjson"));
    }

    @Test
    void aFileOfAnotherStreamIsRefusedThoughGenuine() throws Exception {
        clearSigned("index.sjson", index(entry("a", "products", "b.sjson")));
        clearSigned("b.sjson", products("b"));

        refused("b.sjson", "content id", () -> read("index.sjson"));
    }

    @Test
    void anIndexWhereProductsWereAnnouncedIsRefused() throws Exception {
        clearSigned("index.sjson", index(entry("a", "products", "a.sjson")));
        clearSigned("a.sjson", index());

        refused("a.sjson", "expected 'products:1.0'", () -> read("index.sjson"));
    }

    @Test
    void anUnsignedSourceIsReadFromPlainFiles() throws Exception {
        files.put("index.json", index(entry("a", "products", "a.sjson")).getBytes(UTF_8));
        files.put("a.json", products("a").getBytes(UTF_8));

        assertThat(readUnsigned("index.sjson").marks()).containsOnlyKeys("index.json", "a.json");
        assertThat(source.said).allMatch(line -> line.contains("taken without a signature"));
    }

    private interface Reading {
        void run() throws Exception;
    }

    private static void refused(String path, String why, Reading reading) {
        assertThatExceptionOfType(FileException.class)
                .isThrownBy(reading::run)
                .withMessageContaining(why)
                .satisfies(e -> assertThat(e.path()).isEqualTo(path));
    }

    private Metadata read(String start) throws Exception {
        var verifier = new SignatureVerifier(Keyring.parse(SIGNER.keyring()));
        return new MetadataReader(Optional.of(verifier), NOW, source).read(MirrorPath.parse(start));
    }

    private Metadata readUnsigned(String start) throws Exception {
        return new MetadataReader(Optional.empty(), NOW, source).read(MirrorPath.parse(start));
    }

    private void clearSigned(String path, String text) {
        files.put(path, SIGNER.clearSigned(text, SIGNED.minus(Duration.ofHours(1))));
    }

    private void detached(String path, String text, TestSigner by, boolean armored) {
        byte[] file = text.getBytes(UTF_8);
        files.put(path, file);
        files.put(path + ".gpg", armored ? by.detachedArmored(file, SIGNED) : by.detached(file, SIGNED));
    }

    private static String entry(String contentId, String format, String path) {
        return "\"%s\": {\"format\": \"%s:1.0\", \"datatype\": \"image-ids\", \"path\": \"%s\"}"
                .formatted(contentId, format, path);
    }

    private static String index(String... entries) {
        return "{\"format\": \"index:1.0\", \"updated\": \"%s\", \"index\": {%s}}"
                .formatted(UPDATED, String.join(",\n", entries));
    }

    private static String products(String contentId) {
        return "{\"format\": \"products:1.0\", \"updated\": \"%s\", \"content_id\": \"%s\", \"products\": {}}"
                .formatted(UPDATED, contentId);
    }

    private final class Source implements MetadataReader.Import {
        private final List<String> fetched = new ArrayList<>();
        private final List<String> said = new ArrayList<>();
        private String stale = "";

        @Override
        public byte[] fetch(MirrorPath path, int maxBytes) throws IOException {
            fetched.add(path.text());
            byte[] file = files.get(path.text());
            if (file == null) {
                throw new Mirror.NotFoundException("no " + path);
            }
            return file;
        }

        @Override
        public void requireFresh(String mark, Instant updated) throws IOException {
            if (mark.equals(stale)) {
                throw new IOException("too old");
            }
        }

        @Override
        public void say(String line) {
            said.add(line);
        }
    }
}
