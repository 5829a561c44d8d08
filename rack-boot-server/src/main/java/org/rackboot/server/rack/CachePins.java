package org.rackboot.server.rack;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.regex.Pattern;
import org.rackboot.image.ChunkDigests;
import org.rackboot.server.config.StateDirectory;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The names that operators pinned, the oldest first, kept in the state directory: a name in a line, and at last the sha256
 * of all that. What they mean is another's business. Any thread may read; one at a time may {@link #replace}.
 */
public final class CachePins {
    static final int MOST = 1_000;
    /** None in a catalog is longer. */
    static final Pattern NAME = Pattern.compile("[!-~]{1,1000}");

    private static final Logger LOG = LoggerFactory.getLogger(CachePins.class);
    private static final String TRAILER = "sha256 "; // No name has a blank.

    private final StateDirectory state;
    private volatile List<String> names = List.of();

    /** Takes what an earlier run kept. What is not what it wrote is set aside, since machines must boot all the same. */
    public CachePins(StateDirectory state) {
        this.state = state;
        try {
            names = state.pins().map(CachePins::read).orElse(List.of());
        } catch (IOException | IllegalArgumentException e) {
            setAside(e);
        }
    }

    List<String> names() {
        return names;
    }

    /**
     * Blocks until it is on disk.
     *
     * @throws IOException if it cannot be kept; then all is as it was
     */
    void replace(List<String> next) throws IOException {
        String lines = lines(next);
        state.writePins(lines + TRAILER + sha256(lines));
        names = List.copyOf(next);
    }

    private static List<String> read(String text) {
        int end = text.lastIndexOf('\n') + 1;
        String lines = text.substring(0, end);
        if (!text.substring(end).equals(TRAILER + sha256(lines))) {
            throw new IllegalArgumentException("its sha256 is another than when it was written");
        }
        List<String> names = lines.lines().toList();
        if (names.size() > MOST
                || new HashSet<>(names).size() < names.size()
                || !names.stream().allMatch(name -> NAME.matcher(name).matches())) {
            throw new IllegalArgumentException("it lists what no cache was told to pin");
        }
        return names;
    }

    private static String lines(List<String> names) {
        StringBuilder lines = new StringBuilder();
        names.forEach(name -> lines.append(name).append('\n'));
        return lines.toString();
    }

    private static String sha256(String text) {
        return HexFormat.of().formatHex(ChunkDigests.sha256().digest(text.getBytes(UTF_8)));
    }

    private void setAside(Exception cause) {
        String now = "and now called pins.broken";
        try {
            state.setPinsAside();
        } catch (IOException e) {
            now = "and cannot be set aside";
        }
        LOG.warn(
                "The pins kept in {} are of no use ({}) {}; nothing is pinned. Pin again with 'rackboot cache pin'",
                state.path().resolve("pins"),
                reason(cause),
                now);
    }

    private static String reason(Exception cause) {
        if (cause instanceof CharacterCodingException) {
            return "it is no text";
        }
        return cause instanceof IOException ? cause.toString() : String.valueOf(cause.getMessage());
    }
}
