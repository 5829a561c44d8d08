package org.rackboot.it.lab;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;

/** Text files as a person reads them: logs, and serial consoles on which firmware draws with escape sequences. */
final class Text {
    private static final Pattern ESCAPES = Pattern.compile("\u001b(?:\\[[0-9;?=]*[A-Za-z]|[()][A-Z0-9]|[=>cM78])");
    private static final Pattern INVISIBLE = Pattern.compile("[\\p{Cntrl}&&[^\t]]");

    private Text() {}

    /** The lines that show anything, without escape sequences; none when there is no such file. */
    static List<String> lines(Path file) throws IOException {
        if (!Files.isRegularFile(file)) {
            return List.of();
        }
        // Firmware writes whatever it likes: bytes that are no UTF-8 must not end the test.
        String text = new String(Files.readAllBytes(file), StandardCharsets.UTF_8);
        return ESCAPES.matcher(text)
                .replaceAll("")
                .lines()
                .map(line -> INVISIBLE.matcher(line).replaceAll("").stripTrailing())
                .filter(line -> !line.isEmpty())
                .toList();
    }

    /** The end of a file, under a heading that names it. */
    static String tail(Path file, int count) throws IOException {
        List<String> lines = lines(file);
        String shown = String.join("\n", lines.subList(Math.max(0, lines.size() - count), lines.size()));
        return "--- last lines of " + file.getFileName() + "\n" + (shown.isEmpty() ? "(nothing)" : shown) + "\n";
    }
}
