package org.rackboot.server.rack;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.rackboot.image.Content;
import org.rackboot.image.ContentId;
import org.rackboot.image.ContentOrigin;
import org.rackboot.image.cache.ImageCache;
import org.rackboot.protocol.resolve.BootCatalog;
import org.rackboot.protocol.resolve.BootFile;
import org.rackboot.protocol.resolve.BootImage;
import org.rackboot.protocol.resolve.BootPhase;
import org.rackboot.protocol.resolve.Bootloader;
import org.rackboot.protocol.resolve.Machine;

/** A catalog of small files, a region that has them all or is away, and a cache before it. */
final class CachedFiles implements ContentOrigin {
    static final ImageCache.Settings SETTINGS = new ImageCache.Settings(16 << 20, 1 << 20, 2, Duration.ZERO);

    private final Map<ContentId, byte[]> files = new HashMap<>();
    final List<ContentId> fetched = new ArrayList<>();
    boolean away;

    BootFile file(String name, BootPhase phase, int size) {
        byte[] bytes = new byte[size];
        new Random(name.hashCode()).nextBytes(bytes);
        byte[] sha256 = sha256(bytes);
        files.put(ContentId.of(sha256), bytes);
        return new BootFile(
                name,
                HexFormat.of().formatHex(sha256),
                size,
                HexFormat.of().formatHex(sha256(sha256)), // Each has one chunk.
                phase);
    }

    BootImage image(String release, String subarch, boolean held) {
        return image(release, subarch, "20260101", held, release + subarch);
    }

    /** Another version of it, with other files of the same sizes. */
    BootImage image(String release, String subarch, String serial, boolean held) {
        return image(release, subarch, serial, held, release + subarch + "-" + serial);
    }

    private BootImage image(String release, String subarch, String serial, boolean held, String name) {
        return new BootImage(
                "ubuntu",
                release,
                "24.04",
                "24.04 LTS",
                "amd64",
                subarch,
                "generic",
                "stable",
                serial,
                held,
                Map.of(
                        "boot-kernel", file(name + "-kernel", BootPhase.KERNEL, 20_000),
                        "boot-initrd", file(name + "-initrd", BootPhase.INITRD, 30_000),
                        "squashfs", file(name + "-squashfs", BootPhase.ROOT, 200_000)));
    }

    BootCatalog catalog(long version, BootImage... images) {
        return catalog(version, List.of(), images);
    }

    BootCatalog catalog(long version, List<Machine> machines, BootImage... images) {
        BootFile loader = file("bootx64.efi", BootPhase.LOADER, 10_000);
        return new BootCatalog(
                version,
                List.of(images),
                List.of(new Bootloader("uefi", "amd64", "20260101.0", List.of(loader))),
                List.of(),
                machines);
    }

    ImageCache cache(Path directory) throws IOException {
        return new ImageCache(
                directory,
                SETTINGS,
                this,
                Runnable::run,
                (pause, work) -> {
                    throw new AssertionError("nothing breaks off here");
                },
                new ImageCache.Listener() {});
    }

    @Override
    public CompletionStage<byte[]> chunkDigests(Content content) {
        return away
                ? CompletableFuture.failedFuture(new IOException("the region is away"))
                : CompletableFuture.completedFuture(content.id().digest());
    }

    @Override
    public CompletionStage<Void> fetch(Content content, int first, int chunks, Sink sink) {
        fetched.add(content.id());
        try {
            sink.accept(ByteBuffer.wrap(files.get(content.id())));
            return CompletableFuture.completedFuture(null);
        } catch (IOException e) {
            return CompletableFuture.failedFuture(e);
        }
    }

    private static byte[] sha256(byte[] bytes) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(bytes);
        } catch (java.security.NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }
}
