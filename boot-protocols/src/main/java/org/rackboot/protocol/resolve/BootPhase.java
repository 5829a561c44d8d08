package org.rackboot.protocol.resolve;

import java.util.Locale;

/** A step of one machine's walk from the network card to its root file system. */
public enum BootPhase {
    LOADER,
    CONFIG,
    KERNEL,
    INITRD,
    ROOT,
    /** Device trees, manifests, and names that are none of the above. */
    OTHER;

    /** Lower case, for logs and labels. */
    public String word() {
        return name().toLowerCase(Locale.ROOT);
    }
}
