package org.rackboot.region.publish;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rackboot.region.publish.LocalMirror.Change;
import org.rackboot.region.publish.LocalMirror.Outcome;
import org.rackboot.region.publish.LocalMirror.Report;
import org.rackboot.region.signature.Keyring;
import org.rackboot.region.signature.SignatureVerifier;
import org.rackboot.region.signature.SigningKey;
import org.rackboot.region.simplestreams.MirrorPath;
import org.rackboot.region.simplestreams.Product;
import org.rackboot.region.simplestreams.Product.Item;
import org.rackboot.region.simplestreams.Products;
import org.rackboot.region.simplestreams.StreamReader;
import org.rackboot.region.sync.Mirror;
import org.rackboot.region.sync.Mirror.BusyException;
import org.rackboot.region.sync.Mirror.MirrorException;

class LocalMirrorTest {
    private static final Instant NOW = Instant.parse("2026-01-20T06:00:00Z");
    private static final Instant UPDATED = Instant.parse("2026-01-15T06:00:00Z");
    private static final URI ROOT = URI.create("http://127.0.0.1/");
    private static final SigningKey PUBLISHER = SigningKey.make("Publisher", UPDATED, new SecureRandom());
    private static final SigningKey OWN = SigningKey.make("Own", UPDATED, new SecureRandom());
    private static final String CONTENT_ID = "com.ubuntu.maas:stable:v3:download";
    private static final String PRODUCTS = "streams/v1/" + CONTENT_ID + ".sjson";

    @TempDir
    Path directory;

    private final Upstream upstream = new Upstream();
    private final List<String> said = new ArrayList<>();
    private final List<Duration> pauses = new CopyOnWriteArrayList<>();

    @Test
    void theNewestVersionIsCopiedAndTheOriginalSignaturesStay() throws Exception {
        upstream.publish(UPDATED, "noble/1", "noble/2", "jammy/1");

        Report report = run(choice());

        assertThat(report.problems()).isEmpty();
        assertThat(report.outcome()).isEqualTo(Outcome.DONE);
        assertThat(report.added().stream().map(Change::path))
                .containsExactlyInAnyOrder("jammy/1/squashfs", "noble/2/squashfs");
        assertThat(files())
                .containsExactlyInAnyOrder("jammy/1/squashfs", "noble/2/squashfs", "streams/v1/index.sjson", PRODUCTS);
        assertThat(directory.resolve("noble/2/squashfs")).hasBinaryContent(upstream.file("noble/2/squashfs"));
        assertThat(directory.resolve("streams/v1/index.sjson"))
                .hasBinaryContent(upstream.file("streams/v1/index.sjson"));
        assertThat(run(choice()).downloadedBytes()).as("the second time").isZero();
    }

    @Test
    void resignedMetadataListsWhatIsHereAndKeepsEveryKey() throws Exception {
        upstream.publish(UPDATED, "noble/1", "noble/2", "jammy/1");

        run(choice().only("release=noble").resigned());

        assertThat(files())
                .containsExactlyInAnyOrder(
                        "noble/2/squashfs",
                        "keyring.gpg",
                        "keyring.asc",
                        "streams/v1/index.json",
                        "streams/v1/index.json.gpg",
                        "streams/v1/index.sjson",
                        PRODUCTS,
                        PRODUCTS.replace("sjson", "json"),
                        PRODUCTS.replace("sjson", "json.gpg"));
        SignatureVerifier verifier =
                new SignatureVerifier(Keyring.parse(Files.readAllBytes(directory.resolve("keyring.gpg"))));
        byte[] verified = verifier.verifyClearSigned(Files.readAllBytes(directory.resolve(PRODUCTS)), NOW)
                .bytes();
        Products products = new StreamReader().readProducts(verified);
        assertThat(products.products()).hasSize(1);
        assertThat(products.products().get(0).versions()).containsOnlyKeys("2");
        assertThat(new String(verified, UTF_8)).contains("\"krel\" : \"noble\"");
        verifier.verifyDetached(
                Files.readAllBytes(directory.resolve("streams/v1/index.json")),
                Files.readAllBytes(directory.resolve("streams/v1/index.json.gpg")),
                NOW);
    }

    @Test
    void aBrokenDownloadGoesOnWhereItStopped() throws Exception {
        upstream.publish(UPDATED, "noble/1");
        upstream.breakAfter = 70_000;

        Report broken = run(choice());

        assertThat(broken.outcome()).isEqualTo(Outcome.FAILED);
        assertThat(files()).as("nothing is published").containsExactly("noble/1/squashfs.part");
        long here = Files.size(directory.resolve("noble/1/squashfs.part"));
        upstream.breakAfter = Integer.MAX_VALUE;
        upstream.offsets.clear();
        assertThat(run(choice()).outcome()).isEqualTo(Outcome.DONE);
        assertThat(upstream.offsets).containsExactly(here);
        assertThat(directory.resolve("noble/1/squashfs")).hasBinaryContent(upstream.file("noble/1/squashfs"));
        assertThat(files()).doesNotContain("noble/1/squashfs.part");
    }

    @Test
    void fourFilesComeAtATimeAndNoMore() throws Exception {
        upstream.publish(UPDATED, "a/1", "b/1", "c/1", "d/1", "e/1", "f/1", "g/1", "h/1");
        upstream.together = Optional.of(new CyclicBarrier(4)); // Fewer would wait for each other in vain.

        Report report = run(choice());

        assertThat(report.problems()).isEmpty();
        assertThat(report.files()).isEqualTo(8);
        assertThat(upstream.most.get()).isEqualTo(4);
        assertThat(report.downloadedBytes()).isEqualTo(800_000);
    }

    @Test
    void oneFileThatCannotBeHadHoldsUpNoOther() throws Exception {
        upstream.publish(UPDATED, "a/1", "b/1", "c/1", "d/1", "e/1", "f/1");
        upstream.files.remove("b/1/squashfs");

        Report report = run(choice());

        assertThat(report.outcome()).isEqualTo(Outcome.FAILED);
        assertThat(report.problems().get(0)).contains("b/1/squashfs").contains("404");
        assertThat(report.added()).hasSize(5);
        upstream.publish(UPDATED, "a/1", "b/1", "c/1", "d/1", "e/1", "f/1");
        assertThat(run(choice()).added()).extracting(Change::path).containsExactly("b/1/squashfs");
    }

    @Test
    void aServerThatIsBusyIsLeftAloneAsLongAsItAsks() throws Exception {
        upstream.publish(UPDATED, "noble/1");
        upstream.busy = Optional.of(Duration.ofSeconds(7));

        assertThat(run(choice()).outcome()).isEqualTo(Outcome.DONE);

        assertThat(pauses).containsExactly(Duration.ofSeconds(7));
    }

    @Test
    void aPartOfAnotherFileIsNoticedAndFetchedAnew() throws Exception {
        upstream.publish(UPDATED, "noble/1");
        Path part = directory.resolve("noble/1/squashfs.part");
        Files.createDirectories(directory.resolve("noble/1"));
        Files.write(part, new byte[50_000]);

        assertThat(run(choice()).outcome()).isEqualTo(Outcome.DONE);

        assertThat(directory.resolve("noble/1/squashfs")).hasBinaryContent(upstream.file("noble/1/squashfs"));
    }

    @Test
    void aFileThatIsNotWhatTheStreamSaysLeavesTheMirrorAsItWas() throws Exception {
        upstream.publish(UPDATED, "noble/1");
        run(choice());
        byte[] index = Files.readAllBytes(directory.resolve("streams/v1/index.sjson"));
        upstream.publish(UPDATED.plusSeconds(60), "noble/1", "noble/2");
        upstream.file("noble/2/squashfs")[5] ^= 1;

        Report report = run(choice());

        assertThat(report.outcome()).isEqualTo(Outcome.FAILED);
        assertThat(report.problems().get(0)).contains("noble/2/squashfs").contains("sha256");
        assertThat(files()).containsExactlyInAnyOrder("noble/1/squashfs", "streams/v1/index.sjson", PRODUCTS);
        assertThat(directory.resolve("streams/v1/index.sjson")).hasBinaryContent(index);
    }

    @Test
    void whatUpstreamDroppedGoesUnlessItIsToBeKept() throws Exception {
        upstream.publish(UPDATED, "noble/1");
        run(choice().newest(2));
        upstream.publish(UPDATED.plusSeconds(60), "noble/2");

        run(choice().newest(2).keeping().resigned());

        assertThat(files()).contains("noble/1/squashfs", "noble/2/squashfs");
        Products kept = new StreamReader()
                .readProducts(Files.readAllBytes(directory.resolve(PRODUCTS.replace("sjson", "json"))));
        assertThat(kept.products().get(0).versions()).containsOnlyKeys("1", "2");
        upstream.publish(UPDATED.plusSeconds(120), "noble/3");
        run(choice().newest(2).keeping().resigned());
        assertThat(files()).contains("noble/2/squashfs", "noble/3/squashfs").doesNotContain("noble/1/squashfs");
        Report report = run(choice().newest(2));
        assertThat(report.removed()).extracting(Change::path).containsExactly("noble/2/squashfs");
        assertThat(files()).containsExactlyInAnyOrder("noble/3/squashfs", "streams/v1/index.sjson", PRODUCTS);
    }

    @Test
    void filesOfOthersInTheDirectoryStay() throws Exception {
        Files.createDirectories(directory.resolve("noble/1"));
        Files.writeString(directory.resolve("noble/1/README"), "mine");
        upstream.publish(UPDATED, "noble/1");
        run(choice());
        upstream.publish(UPDATED.plusSeconds(60), "noble/2");

        run(choice());

        assertThat(files()).contains("noble/1/README", "noble/2/squashfs").doesNotContain("noble/1/squashfs");
    }

    @Test
    void aDryRunChangesNothing() throws Exception {
        upstream.publish(UPDATED, "noble/1");

        Report report = run(choice().dry());

        assertThat(report.added()).containsExactly(new Change("noble/1/squashfs", 100_000));
        assertThat(directory).isEmptyDirectory();
    }

    @Test
    void aStrangersSignatureIsRefused() throws Exception {
        upstream.publish(UPDATED, "noble/1");
        upstream.files.put(
                "streams/v1/index.sjson", OWN.clearSigned("{\"format\": \"index:1.0\", \"index\": {}}", UPDATED));

        Report report = run(choice());

        assertThat(report.outcome()).isEqualTo(Outcome.FAILED);
        assertThat(report.problems().get(0)).contains(OWN.fingerprint().substring(24));
        assertThat(files()).isEmpty();
    }

    @Test
    void anOlderStreamIsRefusedUntilItIsMeant() throws Exception {
        upstream.publish(UPDATED, "noble/2");
        run(choice());
        upstream.publish(UPDATED.minusSeconds(60), "noble/1");

        assertThat(run(choice()).problems().get(0)).contains("--accept-older");
        assertThat(files()).contains("noble/2/squashfs");
        assertThat(run(choice().older()).outcome()).isEqualTo(Outcome.DONE);
        assertThat(files()).contains("noble/1/squashfs");
    }

    @Test
    void aSourceThatDoesNotAnswerIsUnreachableAndOneThatSaysNoIsAFailure() throws Exception {
        assertThat(run(choice()).outcome()).as("404").isEqualTo(Outcome.FAILED);
        upstream.reachable = false;

        assertThat(run(choice()).outcome()).isEqualTo(Outcome.UNREACHABLE);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "streams/v1/index.sjson",
                "STREAMS/v1/index.sjson",
                ".rackboot-mirror",
                "a/.hidden",
                "noble/squashfs.part",
                "keyring.gpg"
            })
    void nothingTakesThePlaceOfTheMirrorsOwnFiles(String path) throws Exception {
        upstream.publish(UPDATED, List.of(item(path, "noble", "1")));

        Report report = run(choice());

        assertThat(report.outcome()).isEqualTo(Outcome.FAILED);
        assertThat(report.problems().get(0)).contains("the mirror's own");
        assertThat(files()).isEmpty();
    }

    @Test
    void filtersThatFitNothingChangeNothing() throws Exception {
        upstream.publish(UPDATED, "noble/1");
        run(choice());

        assertThat(run(choice().only("release=nobel")).outcome()).isEqualTo(Outcome.FAILED);
        assertThat(files()).contains("noble/1/squashfs");
    }

    private Report run(Choice choice) throws Exception {
        LocalMirror.Settings settings = new LocalMirror.Settings(
                ROOT,
                Optional.of(Keyring.parse(PUBLISHER.publicKey())),
                directory,
                choice.filters.stream().map(ItemFilter::parse).toList(),
                choice.max,
                choice.keep,
                choice.dryRun,
                choice.acceptOlder,
                choice.resign ? Optional.of(OWN) : Optional.empty());
        LocalMirror.Listener listener = new LocalMirror.Listener() {
            @Override
            public void say(String line) {
                said.add(line);
            }

            @Override
            public void progress(long bytes, long total) {
                assertThat(bytes).isBetween(0L, total);
            }
        };
        return new LocalMirror(settings, upstream, listener, Clock.fixed(NOW, ZoneOffset.UTC), pauses::add).run();
    }

    /** Everything in the directory but the mirror's notes. */
    private List<String> files() throws IOException {
        try (Stream<Path> all = Files.walk(directory)) {
            return all.filter(Files::isRegularFile)
                    .map(file -> directory.relativize(file).toString())
                    .filter(name -> !name.startsWith(MirrorState.FILE))
                    .toList();
        }
    }

    private static Choice choice() {
        return new Choice(List.of(), 1, false, false, false, false);
    }

    private record Choice(
            List<String> filters, int max, boolean keep, boolean dryRun, boolean acceptOlder, boolean resign) {
        Choice only(String... some) {
            return new Choice(List.of(some), max, keep, dryRun, acceptOlder, resign);
        }

        Choice newest(int versions) {
            return new Choice(filters, versions, keep, dryRun, acceptOlder, resign);
        }

        Choice keeping() {
            return new Choice(filters, max, true, dryRun, acceptOlder, resign);
        }

        Choice dry() {
            return new Choice(filters, max, keep, true, acceptOlder, resign);
        }

        Choice older() {
            return new Choice(filters, max, keep, dryRun, true, resign);
        }

        Choice resigned() {
            return new Choice(filters, max, keep, dryRun, acceptOlder, true);
        }
    }

    private record Made(String release, String serial, Item item) {}

    private Made item(String path, String release, String serial) {
        byte[] bytes = new byte[100_000];
        new Random((release + serial).hashCode()).nextBytes(bytes);
        upstream.files.put(path, bytes);
        try {
            Path file = Files.createTempFile("made", ".bin");
            Files.write(file, bytes);
            String sha256 = PartFile.sha256(file);
            Files.delete(file);
            return new Made(release, serial, new Item("squashfs", "squashfs", new MirrorPath(path), 100_000, sha256));
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    /** A publisher whose server can break off. */
    private final class Upstream implements Mirror {
        private final Map<String, byte[]> files = new TreeMap<>();
        private final List<Long> offsets = new CopyOnWriteArrayList<>();
        private final AtomicInteger running = new AtomicInteger();
        private final AtomicInteger most = new AtomicInteger();
        private Optional<CyclicBarrier> together = Optional.empty();
        private Optional<Duration> busy = Optional.empty();
        private boolean reachable = true;
        private int breakAfter = Integer.MAX_VALUE;

        /** Publishes versions, each {@code release/serial}. */
        void publish(Instant updated, String... versions) {
            publish(
                    updated,
                    Stream.of(versions)
                            .map(name -> item(name + "/squashfs", name.split("/")[0], name.split("/")[1]))
                            .toList());
        }

        void publish(Instant updated, List<Made> items) {
            Map<String, TreeMap<String, List<Item>>> releases = new TreeMap<>();
            items.forEach(made -> releases.computeIfAbsent(made.release(), name -> new TreeMap<>())
                    .put(made.serial(), List.of(made.item())));
            List<Product> products = new ArrayList<>();
            releases.forEach((release, versions) -> products.add(new Product(
                    "boot:" + release, Map.of("os", "ubuntu", "release", release, "arch", "amd64"), versions)));
            files.putAll(SignedMetadata.of(
                    List.of(new Products(CONTENT_ID, updated, products, List.of())), updated, PUBLISHER, UPDATED));
        }

        byte[] file(String path) {
            return requireNonNull(files.get(path));
        }

        @Override
        public byte[] metadata(URI file, int maxBytes) throws IOException {
            return find(file);
        }

        @Override
        public void download(URI file, long from, Optional<String> ifRange, long size, Receiver receiver)
                throws IOException, InterruptedException {
            most.accumulateAndGet(running.incrementAndGet(), Math::max);
            try {
                if (together.isPresent()) {
                    together.get().await(20, TimeUnit.SECONDS);
                }
                deliver(file, from, size, receiver);
            } catch (BrokenBarrierException | TimeoutException e) {
                throw new MirrorException("not as many at a time as expected");
            } finally {
                running.decrementAndGet();
            }
        }

        private void deliver(URI file, long from, long size, Receiver receiver) throws IOException {
            if (busy.isPresent()) {
                Duration wait = busy.get();
                busy = Optional.empty();
                throw new BusyException("the server answered 503", wait);
            }
            offsets.add(from);
            byte[] bytes = find(file);
            receiver.begin(from, Optional.empty());
            int left = Math.min(breakAfter, bytes.length - (int) from);
            receiver.accept(ByteBuffer.wrap(bytes, (int) from, left));
            if (from + left < size) {
                breakAfter = 0; // Nothing more comes.
                throw new IOException("the test broke it off");
            }
        }

        private byte[] find(URI file) throws IOException {
            if (!reachable) {
                throw new IOException("cannot connect");
            }
            byte[] bytes = files.get(file.toString().substring(ROOT.toString().length()));
            if (bytes == null) {
                throw new MirrorException("the server answered 404 (not found)");
            }
            return bytes;
        }
    }
}
