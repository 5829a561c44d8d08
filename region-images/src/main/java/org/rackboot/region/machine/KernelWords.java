package org.rackboot.region.machine;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Words for a kernel's command line: printable ASCII, {@value #MOST_BYTES} bytes at most with the blanks between them. What is
 * between double quotes belongs to one word, as the kernel reads it: {@code dyndbg="file hub.c +p"}.
 */
public final class KernelWords {
    public static final int MOST_BYTES = 4 << 10;

    private KernelWords() {}

    /** The words of a text, parted by blanks that are not in quotes. */
    public static List<String> of(String text) {
        List<String> words = new ArrayList<>();
        boolean quoted = false;
        int begin = 0;
        for (int i = 0; i <= text.length(); i++) {
            boolean blank = i == text.length() || (!quoted && isBlank(text.charAt(i)));
            if (blank) {
                if (i > begin) {
                    words.add(text.substring(begin, i));
                }
                begin = i + 1;
            } else {
                quoted ^= text.charAt(i) == '"';
            }
        }
        return words;
    }

    /** What is wrong with them, if anything. */
    public static Optional<String> problem(List<String> words) {
        if (!words.stream().allMatch(KernelWords::isWord)) {
            return Optional.of(
                    "Kernel options are words of printable ASCII, parted by blanks, with double quotes in pairs");
        }
        return String.join(" ", words).length() > MOST_BYTES
                ? Optional.of("Kernel options have %d bytes at most, all together".formatted(MOST_BYTES))
                : Optional.empty();
    }

    private static boolean isWord(String word) {
        boolean quoted = false;
        for (int i = 0; i < word.length(); i++) {
            char c = word.charAt(i);
            quoted ^= c == '"';
            if (c > '~' || c < (quoted ? ' ' : '!')) {
                return false;
            }
        }
        return !word.isEmpty() && !quoted;
    }

    private static boolean isBlank(char c) {
        return c == ' ' || c == '\t';
    }
}
