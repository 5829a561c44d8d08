package org.rackboot.server.rack;

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
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;
import org.rackboot.protocol.resolve.BootCatalog;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps the rack's catalog in step with the region's. The last one is kept on disk, and answered from for as long as the
 * region is away, also after a restart.
 */
public final class CatalogFollower implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(CatalogFollower.class);
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final long FIRST_PAUSE_MILLIS = 250;
    private static final long MOST_PAUSE_MILLIS = 15_000;

    private final RegionClient region;
    private final Path file;
    private final RandomGenerator random;
    private final CatalogReader reader = new CatalogReader();
    private final Thread thread = new Thread(this::follow, "catalog");
    private final CountDownLatch firstAnswer = new CountDownLatch(1);
    private volatile BootCatalog catalog = BootCatalog.empty();
    private volatile boolean inStep;
    private volatile @Nullable String lastProblem;

    /**
     * @param file where the last catalog is kept
     * @param random spreads the racks that come back at the same time
     */
    public CatalogFollower(RegionClient region, Path file, RandomGenerator random) {
        this.region = region;
        this.file = file;
        this.random = random;
        thread.setDaemon(true);
    }

    /** Reads the catalog kept on disk, then follows the region's. */
    public void start() {
        try {
            if (Files.exists(file) && Files.size(file) <= CatalogReader.MAX_BYTES) {
                catalog = reader.read(Files.readAllBytes(file));
            }
        } catch (IOException e) {
            LOG.warn("The catalog kept in {} is of no use; waiting for the region's: {}", file, e.getMessage());
        }
        thread.start();
    }

    /** The catalog of this moment. */
    public BootCatalog catalog() {
        return catalog;
    }

    /** Whether the region answered the last time it was asked. */
    public boolean isInStep() {
        return inStep;
    }

    /** Why the region did not answer the last time. */
    public Optional<String> lastProblem() {
        return Optional.ofNullable(lastProblem);
    }

    /** Waits for the region's first answer, good or bad. */
    public void awaitFirstAnswer(Duration patience) throws InterruptedException {
        if (!firstAnswer.await(patience.toMillis(), TimeUnit.MILLISECONDS)) {
            LOG.warn("The region has not answered yet; serving from catalog version {}", catalog.version());
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
        Optional<String> etag = Optional.empty();
        long pause = FIRST_PAUSE_MILLIS;
        while (!Thread.currentThread().isInterrupted()) {
            try {
                Optional<RegionClient.Catalog> changed =
                        region.catalog(etag, etag.isPresent() ? PATIENCE : Duration.ZERO);
                if (changed.isPresent()) {
                    apply(changed.get().document());
                    etag = Optional.of(changed.get().etag()).filter(tag -> !tag.isEmpty());
                }
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
                    LOG.warn(
                            "The region does not answer ({}); machines are served from catalog version {}",
                            String.valueOf(e.getMessage()),
                            catalog.version());
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

    private void apply(byte[] document) throws IOException {
        BootCatalog next = reader.read(document);
        keep(document); // First: what is answered from now on must survive a restart.
        catalog = next;
        LOG.info(
                "Catalog version {}: {} image versions, {} bootloaders",
                next.version(),
                next.images().size(),
                next.bootloaders().size());
    }

    private void keep(byte[] document) throws IOException {
        Path part = file.resolveSibling(file.getFileName() + ".part");
        try (FileChannel channel = FileChannel.open(part, CREATE, TRUNCATE_EXISTING, WRITE)) {
            ByteBuffer bytes = ByteBuffer.wrap(document);
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
            channel.force(true);
        }
        Files.move(part, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        try (FileChannel directory = FileChannel.open(file.toAbsolutePath().getParent(), READ)) {
            directory.force(true);
        }
    }
}
