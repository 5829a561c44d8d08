package org.rackboot.region.machine;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * Which image is meant, whatever its version: {@code ubuntu/noble}, {@code ubuntu/noble/amd64/ga-24.04}.
 *
 * @param words os and release; then, if they matter, architecture and kernel
 */
public record ImageReference(List<String> words) {
    private static final int LEAST = 2;
    private static final int MOST = 4;
    private static final int ARCH = 2;
    private static final int SUBARCH = 3;
    private static final Pattern WORD = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._+-]{0,63}");

    public ImageReference {
        words = List.copyOf(words);
        if (words.size() < LEAST
                || words.size() > MOST
                || !words.stream().allMatch(word -> WORD.matcher(word).matches())) {
            throw new IllegalArgumentException("no image is meant by " + words);
        }
    }

    /** Reads {@code OS/RELEASE[/ARCH[/SUBARCH]]}. */
    public static Optional<ImageReference> parse(String text) {
        List<String> words = Arrays.asList(text.split("/", -1));
        boolean isOne = words.size() >= LEAST
                && words.size() <= MOST
                && words.stream().allMatch(word -> WORD.matcher(word).matches());
        return isOne ? Optional.of(new ImageReference(words)) : Optional.empty();
    }

    /**
     * Whether an image is one of those that are meant.
     *
     * @param subarches what its kernel serves beside {@code subarch}, parted by commas
     */
    public boolean means(String os, String release, String arch, String subarch, String subarches) {
        return words.get(0).equals(os)
                && words.get(1).equals(release)
                && (words.size() <= ARCH || words.get(ARCH).equals(arch))
                && (words.size() <= SUBARCH
                        || words.get(SUBARCH).equals(subarch)
                        || Arrays.asList(subarches.split(",")).contains(words.get(SUBARCH)));
    }

    /** {@code OS/RELEASE[/ARCH[/SUBARCH]]}. */
    public String text() {
        return String.join("/", words);
    }
}
