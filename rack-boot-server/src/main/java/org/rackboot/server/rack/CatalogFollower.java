package org.rackboot.server.rack;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.TRUNCATE_EXISTING;
import static java.nio.file.StandardOpenOption.WRITE;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.time.Clock;
import java.time.Duration;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;
import org.rackboot.image.ChunkDigests;
import org.rackboot.protocol.resolve.BootCatalog;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps the rack's catalog in step with the region's. The last one is kept on disk, and answered from for as long as the
 * region is away, also after a restart.
 */
public final class CatalogFollower implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(CatalogFollower.class);
    /** With what {@link RegionClient} adds, a region that vanished in the middle of a poll and is back is asked within a minute. */
    static final Duration PATIENCE = Duration.ofSeconds(30);

    private static final long FIRST_PAUSE_MILLIS = 250;
    /** With its half more or less: 15 s at most. */
    private static final long MOST_PAUSE_MILLIS = 10_000;

    private static final Duration OLDEST = Duration.ofDays(10_000);

    /** What follows the document on disk: its sha256, in a line of its own. */
    private static final int TRAILER_BYTES = 1 + 64 + 1;

    private final RegionClient region;
    private final Path file;
    private final RandomGenerator random;
    private final Clock clock;
    private final LongSupplier nanoClock;
    private final CatalogReader reader = new CatalogReader();
    private final Thread thread = new Thread(this::follow, "catalog");
    private final CountDownLatch firstAnswer = new CountDownLatch(1);
    private final List<Runnable> listeners = new CopyOnWriteArrayList<>();
    private volatile BootCatalog catalog = BootCatalog.empty();
    private volatile Optional<RegionClient.Catalog> document = Optional.empty();
    private volatile boolean inStep;
    private volatile long confirmedNanos;
    private volatile @Nullable String lastProblem;

    /**
     * @param file where the last catalog is kept
     * @param random spreads the racks that come back at the same time
     * @param clock tells how old the kept catalog is, and nothing else
     */
    public CatalogFollower(
            RegionClient region, Path file, RandomGenerator random, Clock clock, LongSupplier nanoClock) {
        this.region = region;
        this.file = file;
        this.random = random;
        this.clock = clock;
        this.nanoClock = nanoClock;
        this.confirmedNanos = nanoClock.getAsLong();
        thread.setDaemon(true);
    }

    /** Reads the catalog kept on disk, then follows the region's. */
    public void start() {
        try {
            if (Files.exists(file)) {
                byte[] kept = readKept();
                catalog = reader.read(kept);
                document = Optional.of(new RegionClient.Catalog(kept, etag(kept)));
                confirmedNanos = nanoClock.getAsLong() - ageOnDisk().toNanos();
            }
        } catch (CatalogFormatException e) {
            setAside(e);
        } catch (IOException e) {
            LOG.warn("The catalog kept in {} cannot be read; waiting for the region's", file, e);
        }
        thread.start();
    }

    private byte[] readKept() throws IOException {
        if (Files.size(file) > CatalogReader.MAX_BYTES + TRAILER_BYTES) {
            throw new CatalogFormatException("it is larger than any catalog");
        }
        byte[] bytes = Files.readAllBytes(file);
        int end = bytes.length - TRAILER_BYTES;
        if (end < 0 || bytes[end] != '\n') {
            return bytes; // As versions wrote it that kept no sha256.
        }
        byte[] kept = Arrays.copyOf(bytes, end);
        if (!Arrays.equals(trailer(kept), Arrays.copyOfRange(bytes, end, bytes.length))) {
            throw new CatalogFormatException("its sha256 is another than when it was written");
        }
        return kept;
    }

    /** Nothing with a clock that is behind the one the file was written by. */
    private Duration ageOnDisk() throws IOException {
        Duration age = Duration.between(Files.getLastModifiedTime(file).toInstant(), clock.instant());
        return age.isNegative() ? Duration.ZERO : age.compareTo(OLDEST) > 0 ? OLDEST : age;
    }

    /** Kept for whoever wants to know what became of it; the next broken one takes its place. */
    private void setAside(CatalogFormatException cause) {
        Path aside = file.resolveSibling(file.getFileName() + ".broken");
        try {
            Files.move(file, aside, StandardCopyOption.REPLACE_EXISTING);
            LOG.warn(
                    "The catalog kept in {} is of no use ({}) and now called {}; waiting for the region's",
                    file,
                    cause.getMessage(),
                    aside.getFileName());
        } catch (IOException e) {
            LOG.warn("The catalog kept in {} is of no use ({}); waiting for the region's", file, cause.getMessage());
        }
    }

    private static byte[] trailer(byte[] document) {
        return ('\n' + sha256(document) + '\n').getBytes(US_ASCII);
    }

    /** The region's, whose entity tags are made the same way. */
    private static String etag(byte[] document) {
        return '"' + sha256(document) + '"';
    }

    private static String sha256(byte[] bytes) {
        return HexFormat.of().formatHex(ChunkDigests.sha256().digest(bytes));
    }

    /** The document that {@link #catalog} was read from, as the region sent it; empty if there never was one. */
    public Optional<RegionClient.Catalog> document() {
        return document;
    }

    /** @param listener called after each change of the catalog, on the thread that follows it; must not block */
    public void whenChanged(Runnable listener) {
        listeners.add(listener);
    }

    /** The catalog of this moment. */
    public BootCatalog catalog() {
        return catalog;
    }

    /** Whether the region answered the last time it was asked. */
    public boolean isInStep() {
        return inStep;
    }

    /**
     * How long ago the region last said that this is its catalog, restarts included; while there never was one, the time
     * since the start. Never negative; shorter than the truth after a restart with a clock that went back.
     */
    public Duration age() {
        return Duration.ofNanos(nanoClock.getAsLong() - confirmedNanos);
    }

    /** Why the region did not answer the last time. */
    public Optional<String> lastProblem() {
        return Optional.ofNullable(lastProblem);
    }

    /** Why no machine can be answered: there never was a catalog. Empty once there is one. */
    public Optional<String> lack() {
        return document.isPresent()
                ? Optional.empty()
                : Optional.of("there is no catalog yet, and " + lastProblem().orElse("the region did not answer yet"));
    }

    /** What machines get while the region is away. */
    private String meanwhile() {
        return document.isPresent()
                ? "machines are served from catalog version " + catalog.version()
                : "there is no catalog yet, so every machine is refused until it comes";
    }

    /** Waits for the region's first answer, good or bad. */
    public void awaitFirstAnswer(Duration patience) throws InterruptedException {
        if (!firstAnswer.await(patience.toMillis(), TimeUnit.MILLISECONDS)) {
            LOG.warn("The region has not answered yet; {}", meanwhile());
        }
    }

    @Override
    public void close() {
        thread.interrupt();
        try {
            thread.join(2_000);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void follow() {
        Optional<String> etag = document.map(RegionClient.Catalog::etag);
        long pause = FIRST_PAUSE_MILLIS;
        while (!Thread.currentThread().isInterrupted()) {
            try {
                Optional<RegionClient.Catalog> changed = region.catalog(
                        etag, inStep ? PATIENCE : Duration.ZERO); // A region that is back says so at once.
                if (changed.isPresent()) {
                    apply(changed.get().document());
                    etag = Optional.of(changed.get().etag()).filter(tag -> !tag.isEmpty());
                }
                confirm();
                if (!inStep) {
                    LOG.info("In step with the region: catalog version {}", catalog.version());
                }
                inStep = true;
                lastProblem = null;
                pause = FIRST_PAUSE_MILLIS;
                firstAnswer.countDown();
            } catch (InterruptedException e) {
                return;
            } catch (IOException | RuntimeException e) {
                if (inStep || lastProblem == null) {
                    String what = e instanceof RegionClient.NoCatalogException none
                            ? none.what()
                            : "The region's catalog cannot be taken";
                    LOG.warn("{} ({}); {}", what, String.valueOf(e.getMessage()), meanwhile());
                }
                inStep = false;
                lastProblem = String.valueOf(e.getMessage());
                firstAnswer.countDown();
                if (!pause(pause / 2 + random.nextLong(pause))) {
                    return;
                }
                pause = Math.min(MOST_PAUSE_MILLIS, pause * 2);
            }
        }
    }

    private static boolean pause(long millis) {
        try {
            TimeUnit.MILLISECONDS.sleep(millis);
            return true;
        } catch (InterruptedException e) {
            return false;
        }
    }

    /** The file's time outlives this process. */
    private void confirm() {
        confirmedNanos = nanoClock.getAsLong();
        try {
            Files.setLastModifiedTime(file, FileTime.from(clock.instant()));
        } catch (IOException e) {
            LOG.debug("{} does not show that the region confirmed it; after a restart it will seem older", file, e);
        }
    }

    private void apply(byte[] received) throws IOException {
        BootCatalog next = reader.read(received);
        keep(received); // First: what is answered from now on must survive a restart.
        catalog = next;
        document = Optional.of(new RegionClient.Catalog(received, etag(received)));
        listeners.forEach(Runnable::run);
        LOG.info(
                "Catalog version {}: {} image versions, {} bootloaders",
                next.version(),
                next.images().size(),
                next.bootloaders().size());
    }

    private void keep(byte[] received) throws IOException {
        Path part = file.resolveSibling(file.getFileName() + ".part");
        try (FileChannel channel = FileChannel.open(part, CREATE, TRUNCATE_EXISTING, WRITE)) {
            for (byte[] each : List.of(received, trailer(received))) {
                ByteBuffer bytes = ByteBuffer.wrap(each);
                while (bytes.hasRemaining()) {
                    channel.write(bytes);
                }
            }
            channel.force(true);
        }
        Files.move(part, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        try (FileChannel directory = FileChannel.open(file.toAbsolutePath().getParent(), READ)) {
            directory.force(true);
        }
    }
}
