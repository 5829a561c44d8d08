package org.rackboot.region.publish;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.rackboot.region.simplestreams.MirrorPath;

/**
 * What a mirror remembers between two runs, in a file of its directory: which files are its own, and how new the metadata
 * was that it took last. Files that somebody else put there are not in it, and are never deleted.
 */
final class MirrorState {
    static final String FILE = ".rackboot-mirror";

    /** Content by path. */
    final Map<String, Known> files = new TreeMap<>();
    /** Paths of metadata and keys. */
    final Set<String> metadata = new TreeSet<>();
    /** When metadata was published that was accepted, by path. */
    final Map<String, Instant> marks = new TreeMap<>();

    private final Path file;

    /** A file that was complete and right. */
    record Known(String sha256, long size) {}

    private MirrorState(Path file) {
        this.file = file;
    }

    /** @throws IOException if it cannot be read, or is damaged */
    static MirrorState read(Path directory) throws IOException {
        MirrorState state = new MirrorState(directory.resolve(FILE));
        if (!Files.exists(state.file)) {
            return state;
        }
        try {
            for (String line : Files.readAllLines(state.file, UTF_8)) {
                state.add(line.split("\t", -1));
            }
            return state;
        } catch (IllegalArgumentException | DateTimeException | IndexOutOfBoundsException e) {
            throw new IOException(
                    "%s is damaged; delete it, and the mirror looks at every file again".formatted(state.file), e);
        }
    }

    void write() throws IOException {
        StringBuilder text = new StringBuilder();
        marks.forEach((path, when) -> line(text, "updated", when.toString(), path));
        metadata.forEach(path -> line(text, "metadata", path));
        files.forEach((path, known) -> line(text, "file", known.sha256(), Long.toString(known.size()), path));
        DurableFile.write(file, text.toString().getBytes(UTF_8));
    }

    private static void line(StringBuilder text, String... words) {
        text.append(String.join("\t", words)).append('\n');
    }

    private void add(String[] words) throws IOException {
        switch (words[0]) {
            case "updated" -> marks.put(path(words[2]), Instant.parse(words[1]));
            case "metadata" -> metadata.add(path(words[1]));
            case "file" -> files.put(path(words[3]), new Known(words[1], Long.parseLong(words[2])));
            default -> throw new IllegalArgumentException(words[0]);
        }
    }

    /** What is deleted later is inside the mirror, whoever edited the file. */
    private static String path(String text) throws IOException {
        return MirrorPath.parse(text).text();
    }
}
