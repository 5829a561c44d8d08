package org.rackboot.region.publish;

import static java.util.Objects.requireNonNullElse;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import org.rackboot.region.publish.MirrorState.Known;

/** Packs a finished {@link LocalMirror} into a {@link BundleFile}. The same mirror gives the same bytes. */
public final class BundleWriter {
    private static final int BUFFER_BYTES = 1 << 16;

    private BundleWriter() {}

    /** @param sha256 of the bundle itself */
    public record Written(int files, long bytes, String sha256) {}

    /**
     * Writes a bundle beside its final name, and gives it that once all of it is on the disk.
     *
     * @param mirror a directory that a {@link LocalMirror} ended with DONE in
     * @param keyring travels along, for people to compare
     * @throws IOException if the disk is full, or a file is no longer what was verified; then there is no bundle
     */
    public static Written write(Path mirror, Optional<byte[]> keyring, Path bundle) throws IOException {
        MirrorState state = MirrorState.read(mirror);
        Map<String, Source> sources = sources(mirror, state, keyring);
        Instant updated =
                requireNonNullElse(state.marks.get(sources.keySet().iterator().next()), Instant.EPOCH);
        Path part = Path.of(bundle + LocalMirror.PART);
        try {
            Written written;
            try (OutputStream file = Files.newOutputStream(part);
                    DigestOutputStream out = new DigestOutputStream(file, sha256())) {
                long bytes = 0;
                for (Map.Entry<String, Source> source : sources.entrySet()) {
                    bytes += append(source.getKey(), source.getValue(), updated, out);
                }
                out.write(new byte[2 * TarHeader.BLOCK]);
                written = new Written(
                        sources.size(),
                        bytes + 2 * TarHeader.BLOCK,
                        HexFormat.of().formatHex(out.getMessageDigest().digest()));
            }
            DurableFile.rename(part, bundle);
            return written;
        } finally {
            Files.deleteIfExists(part);
        }
    }

    /** What a member is made of. */
    private sealed interface Source {
        record Bytes(byte[] bytes) implements Source {}

        record Content(Path file, Known known) implements Source {}
    }

    /** Metadata first, so that a reader can judge what follows as it comes; its index before all. */
    private static Map<String, Source> sources(Path mirror, MirrorState state, Optional<byte[]> keyring)
            throws IOException {
        List<String> metadata = new ArrayList<>(new TreeSet<>(state.metadata));
        metadata.removeIf(path -> !path.startsWith(BundleFile.METADATA));
        String index = metadata.stream()
                .filter(path -> path.matches("streams/v1/index\\.s?json"))
                .reduce((first, second) -> second.equals(BundleFile.INDEX) ? second : first)
                .orElseThrow(() -> new IOException("%s holds no finished mirror".formatted(mirror)));
        metadata.remove(index);
        metadata.add(0, index);
        Map<String, Source> sources = new LinkedHashMap<>();
        for (String path : metadata) {
            sources.put(path, new Source.Bytes(Files.readAllBytes(mirror.resolve(path))));
        }
        keyring.ifPresent(bytes -> sources.put(BundleFile.KEYRING, new Source.Bytes(bytes)));
        state.files.forEach((path, known) -> sources.put(path, new Source.Content(mirror.resolve(path), known)));
        return sources;
    }

    /** Returns how many bytes it took. */
    private static long append(String name, Source source, Instant updated, OutputStream out) throws IOException {
        long size = source instanceof Source.Content content
                ? content.known().size()
                : ((Source.Bytes) source).bytes().length;
        TarHeader header = new TarHeader(name, size);
        out.write(header.encode(Math.max(0, updated.getEpochSecond())));
        if (source instanceof Source.Content content) {
            copy(content, out);
        } else {
            out.write(((Source.Bytes) source).bytes());
        }
        out.write(new byte[(int) (header.paddedSize() - size)]);
        return TarHeader.BLOCK + header.paddedSize();
    }

    /** Once more from the disk, where it may have changed since it was verified. */
    private static void copy(Source.Content content, OutputStream out) throws IOException {
        MessageDigest digest = sha256();
        byte[] buffer = new byte[BUFFER_BYTES];
        long left = content.known().size();
        try (InputStream in = Files.newInputStream(content.file())) {
            while (left > 0) {
                int count = in.read(buffer, 0, (int) Math.min(buffer.length, left));
                if (count < 0) {
                    break;
                }
                digest.update(buffer, 0, count);
                out.write(buffer, 0, count);
                left -= count;
            }
        }
        if (left > 0
                || !HexFormat.of()
                        .formatHex(digest.digest())
                        .equals(content.known().sha256())) {
            throw new IOException(
                    "%s is no longer what it was when it came; delete it, and export again".formatted(content.file()));
        }
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // Every Java platform has it.
        }
    }
}
