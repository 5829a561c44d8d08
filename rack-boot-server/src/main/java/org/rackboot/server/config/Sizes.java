package org.rackboot.server.config;

import java.util.Locale;

/** Numbers of bytes, for people. */
public final class Sizes {
    private Sizes() {}

    /** {@code 12 B}, {@code 1.5 kB}, {@code 58.7 MB}: thousands of thousands. */
    public static String words(long bytes) {
        if (bytes < 1_000) {
            return bytes + " B";
        }
        double value = bytes;
        int unit = -1;
        while (value >= 999.95 && unit < 3) {
            value /= 1_000;
            unit++;
        }
        return String.format(Locale.ROOT, "%.1f %sB", value, "kMGT".charAt(unit));
    }
}
