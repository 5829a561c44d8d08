package org.rackboot.region.machine;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/** Words for a kernel's command line: printable ASCII, {@value #MOST_BYTES} bytes at most with the blanks between them. */
public final class KernelWords {
    public static final int MOST_BYTES = 4 << 10;

    private static final Pattern WORD = Pattern.compile("[!-~]+");

    private KernelWords() {}

    /** The words of a text, parted by blanks. */
    public static List<String> of(String text) {
        List<String> words = new ArrayList<>();
        for (String word : text.split("[ \t]+")) {
            if (!word.isEmpty()) {
                words.add(word);
            }
        }
        return words;
    }

    /** What is wrong with them, if anything. */
    public static Optional<String> problem(List<String> words) {
        if (!words.stream().allMatch(word -> WORD.matcher(word).matches())) {
            return Optional.of("Kernel options are words of printable ASCII, parted by blanks");
        }
        return String.join(" ", words).length() > MOST_BYTES
                ? Optional.of("Kernel options have %d bytes at most, all together".formatted(MOST_BYTES))
                : Optional.empty();
    }
}
