package org.rackboot.region;

import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.rackboot.region.Region.RefusedException;
import org.rackboot.region.publish.BundleFile;
import org.rackboot.region.publish.BundleFile.BundleException;
import org.rackboot.region.sync.ImportService;

/**
 * Bundles on their way into the region. Each comes in pieces into a file of the region's, is imported from there as a boot
 * source is, and then deleted. A bundle is called by its sha256, so that one that broke off is found again. Thread-safe.
 */
public final class Bundles {
    /** The largest piece that is taken at once, in bytes. */
    public static final int MAX_PIECE = 8 << 20;

    private static final long MAX_BYTES = 4L << 40;
    private static final Pattern ID = Pattern.compile("[0-9a-f]{64}");
    private static final String ENDING = ".tar";

    private final Region region;
    private final Path directory;
    private Optional<String> importing = Optional.empty(); // Guarded by this.

    /** @param offset the first byte that is not here */
    public record Received(String id, long offset) {}

    /**
     * What an operator says of a bundle.
     *
     * @param name of the source that its images will have; bundles of one name are one source
     * @param keyring binary or armoured; empty = the one that this source has already
     * @param unsigned take what comes without a signature
     * @param acceptOlder whether it may be older than a bundle that was taken before
     * @param select whether to select everything that is in it
     */
    public record Terms(String name, Optional<byte[]> keyring, boolean unsigned, boolean acceptOlder, boolean select) {}

    /** @param directory of nobody else's; made when it is needed */
    public Bundles(Region region, Path directory) {
        this.region = region;
        this.directory = directory;
    }

    /**
     * Begins a bundle, or finds the one that was begun. There is room for one at a time: what was left of another goes.
     *
     * @param id its sha256
     */
    public synchronized Received begin(String id, long size) throws RefusedException, IOException {
        Path file = file(id);
        if (size < 1 || size > MAX_BYTES) {
            throw new RefusedException(
                    RefusedException.Kind.INVALID, "A bundle has 1 to %d bytes, not %d".formatted(MAX_BYTES, size));
        }
        requireIdle();
        Files.createDirectories(directory);
        try (Stream<Path> others = Files.list(directory)) {
            for (Path other : others.filter(one -> !one.equals(file)).toList()) {
                Files.delete(other);
            }
        }
        long here = Files.exists(file) ? Files.size(file) : 0;
        long free = directory.toFile().getUsableSpace();
        if (size - here > free) {
            throw new RefusedException(
                    RefusedException.Kind.CONFLICT,
                    "%d bytes of the bundle are still to come, but only %d are free in %s; free some space"
                            .formatted(size - here, free, directory));
        }
        if (here == 0) {
            Files.write(file, new byte[0]);
        }
        return new Received(id, here);
    }

    /**
     * Takes a piece.
     *
     * @param offset of its first byte; a piece that does not begin where the file ends changes nothing
     */
    public synchronized Received receive(String id, long offset, ByteBuffer piece)
            throws RefusedException, IOException {
        Path file = existing(id);
        requireIdle();
        if (piece.remaining() > MAX_PIECE) {
            throw new RefusedException(
                    RefusedException.Kind.INVALID, "A piece has %d bytes at most".formatted(MAX_PIECE));
        }
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            if (offset == channel.size()) {
                channel.position(offset);
                while (piece.hasRemaining()) {
                    channel.write(piece);
                }
            }
            return new Received(id, channel.size());
        }
    }

    /** Gives a bundle up. */
    public synchronized void delete(String id) throws RefusedException, IOException {
        Path file = existing(id);
        requireIdle();
        Files.delete(file);
    }

    /**
     * Verifies a bundle that is here, and starts the import of what it holds. When that ends, however it does, the file goes.
     *
     * @throws RefusedException if it is damaged, is not signed as it should be, or another import is running
     */
    public synchronized ImportService.Status take(String id, Terms terms)
            throws RefusedException, IOException, InterruptedException {
        Path file = existing(id);
        requireIdle();
        URI root = address(terms.name());
        boolean started = false;
        BundleFile bundle;
        try {
            bundle = BundleFile.open(file, root);
        } catch (BundleException e) {
            throw new RefusedException(RefusedException.Kind.INVALID, requireNonNull(e.getMessage()));
        }
        importing = Optional.of(id);
        try {
            ImportService.Status status = region.importBundle(bundle, root, terms, () -> ended(bundle, file));
            started = true;
            return status;
        } finally {
            if (!started) {
                importing = Optional.empty();
                bundle.close();
            }
        }
    }

    private synchronized void ended(BundleFile bundle, Path file) {
        importing = Optional.empty();
        try {
            bundle.close();
            Files.deleteIfExists(file);
        } catch (IOException e) {
            file.toFile().deleteOnExit(); // The next bundle takes its place in any case.
        }
    }

    private void requireIdle() throws RefusedException {
        if (importing.isPresent()) {
            throw new RefusedException(
                    RefusedException.Kind.CONFLICT,
                    "Another bundle is being imported; wait for it, or 'rackboot images stop'");
        }
    }

    private Path existing(String id) throws RefusedException {
        Path file = file(id);
        if (!Files.exists(file)) {
            throw new RefusedException(
                    RefusedException.Kind.NOT_FOUND, "There is no bundle %s here; send it again".formatted(id));
        }
        return file;
    }

    private Path file(String id) throws RefusedException {
        if (!ID.matcher(id).matches()) {
            throw new RefusedException(
                    RefusedException.Kind.INVALID, "A bundle's id is its sha256, 64 digits of a to f and 0 to 9");
        }
        return directory.resolve(id + ENDING);
    }

    private static URI address(String name) throws RefusedException {
        if (!name.matches("[A-Za-z0-9][A-Za-z0-9._-]{0,63}")) {
            throw new RefusedException(
                    RefusedException.Kind.INVALID,
                    "A bundle's name has 1 to 64 letters, digits and ._-, and begins with a letter or digit");
        }
        return URI.create("bundle:/" + name + "/");
    }
}
