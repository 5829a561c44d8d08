package org.rackboot.protocol.bootconfig;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

/** What a configuration is for. */
public enum ConfigPurpose {
    /** Runs an image from memory. */
    EPHEMERAL,
    /** Runs an image from memory that installs another on the machine. */
    INSTALL,
    /** Runs an image from memory, for somebody who repairs the machine. */
    RESCUE,
    /** Boots what is on the machine's disk. */
    LOCAL,
    /** Waits, and asks again until the machine is to do something else. */
    HOLD,
    /** Switches the machine off; where that cannot be done, waits, and never boots the disk. */
    POWEROFF,
    /** Says why the machine cannot boot, waits, and asks again. */
    FAILURE;

    private final String word = name().toLowerCase(Locale.ROOT);

    /** As people and configuration files write it: {@code ephemeral}. */
    public String word() {
        return word;
    }

    /** Empty if no purpose has this word. */
    public static Optional<ConfigPurpose> parse(String word) {
        return Arrays.stream(values())
                .filter(purpose -> purpose.word.equals(word))
                .findFirst();
    }

    /** Whether it loads a kernel. */
    public boolean boots() {
        return this == EPHEMERAL || this == INSTALL || this == RESCUE;
    }

    /** Whether it waits, and asks again. */
    public boolean waits() {
        return this == HOLD || this == FAILURE;
    }
}
