package org.rackboot.region.machine;

import java.util.Locale;
import java.util.Optional;

/** What a machine gets that nobody made known, and nothing is assigned to. */
public enum UnknownMachines {
    /** The default image. */
    BOOT,
    /** It waits, and asks again. */
    HOLD,
    /** No answer. */
    SILENCE;

    /** {@code boot}, {@code hold}, {@code silence}. */
    public String word() {
        return name().toLowerCase(Locale.ROOT);
    }

    public static Optional<UnknownMachines> of(String word) {
        for (UnknownMachines each : values()) {
            if (each.word().equals(word)) {
                return Optional.of(each);
            }
        }
        return Optional.empty();
    }
}
