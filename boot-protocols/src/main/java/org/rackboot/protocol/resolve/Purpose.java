package org.rackboot.protocol.resolve;

import java.util.Locale;
import java.util.Optional;

/** What a machine is booted for. */
public enum Purpose {
    /** An image in memory; MAAS calls it commissioning. */
    EPHEMERAL,
    /** An image in memory, that installs an image on the disk. */
    INSTALL,
    /** An image in memory, for a person who looks after the machine. */
    RESCUE,
    /** Whatever is on its disk. */
    LOCAL,
    /** Nothing yet: the machine asks again until it is given something else. */
    HOLD,
    POWEROFF;

    /** As the catalog says it, in lower case. */
    public String word() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** Whether an image is loaded over the network. */
    public boolean loadsAnImage() {
        return this == EPHEMERAL || this == INSTALL || this == RESCUE;
    }

    public static Optional<Purpose> parse(String word) {
        for (Purpose purpose : values()) {
            if (purpose.word().equals(word)) {
                return Optional.of(purpose);
            }
        }
        return Optional.empty();
    }
}
