package org.rackboot.protocol.resolve;

import java.util.Optional;
import java.util.regex.Pattern;

/**
 * Which image is meant: {@code ubuntu/noble}, {@code ubuntu/noble/amd64}, {@code ubuntu/noble/amd64/hwe-24.04}.
 *
 * @param arch empty = whichever the machine has
 * @param subarch a kernel that the image has or, as its stream says, serves; empty = the image's general one
 */
public record ImageReference(String os, String release, Optional<String> arch, Optional<String> subarch) {
    private static final Pattern WORD = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._+-]{0,99}");

    public static Optional<ImageReference> parse(String text) {
        String[] parts = text.split("/", -1);
        if (parts.length < 2 || parts.length > 4) {
            return Optional.empty();
        }
        for (String part : parts) {
            if (!WORD.matcher(part).matches()) {
                return Optional.empty();
            }
        }
        return Optional.of(new ImageReference(
                parts[0],
                parts[1],
                parts.length > 2 ? Optional.of(parts[2]) : Optional.empty(),
                parts.length > 3 ? Optional.of(parts[3]) : Optional.empty()));
    }

    @Override
    public String toString() {
        return os + "/" + release + arch.map(a -> "/" + a).orElse("")
                + subarch.map(s -> "/" + s).orElse("");
    }
}
