package org.rackboot.region.machine;

import java.util.Locale;
import java.util.Optional;

/** What a machine is to boot for. */
public enum Purpose {
    /** An image in memory, and nothing is kept. Also said {@code commissioning}. */
    EPHEMERAL,
    INSTALL,
    RESCUE,
    /** From its own disk. */
    LOCAL,
    /** Nothing: it waits, and asks again. */
    HOLD,
    POWEROFF;

    /** {@code ephemeral}, {@code install}, … */
    public String word() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** Whether it boots an image. */
    public boolean isOfAnImage() {
        return this == EPHEMERAL || this == INSTALL || this == RESCUE;
    }

    public static Optional<Purpose> of(String word) {
        if (word.equals("commissioning")) {
            return Optional.of(EPHEMERAL);
        }
        for (Purpose purpose : values()) {
            if (purpose.word().equals(word)) {
                return Optional.of(purpose);
            }
        }
        return Optional.empty();
    }
}
