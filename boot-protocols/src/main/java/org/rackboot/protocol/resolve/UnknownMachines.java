package org.rackboot.protocol.resolve;

import java.util.Locale;
import java.util.Optional;

/** What becomes of a machine that nobody knows and no assignment covers: the enlistment policy. */
public enum UnknownMachines {
    /** It boots the default image of its architecture, in memory. */
    BOOT,
    /** It waits until it is known and assigned something. */
    HOLD,
    /** It is told that there is nothing here. */
    SILENCE;

    public String word() {
        return name().toLowerCase(Locale.ROOT);
    }

    public static Optional<UnknownMachines> parse(String word) {
        for (UnknownMachines policy : values()) {
            if (policy.word().equals(word)) {
                return Optional.of(policy);
            }
        }
        return Optional.empty();
    }
}
