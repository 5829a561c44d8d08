package org.rackboot.protocol.bootname;

import java.util.Locale;
import java.util.Optional;

/**
 * An Ethernet address.
 *
 * @param text six lower-case hexadecimal pairs with colons
 */
public record MacAddress(String text) {
    private static final int LENGTH = 17;

    public MacAddress {
        if (!isOfPairs(text, false)) {
            throw new IllegalArgumentException("not a MAC address in lower case with colons: " + text);
        }
    }

    /** Reads {@code aa:bb:…} or {@code AA-BB-…}, with or without the hardware type {@code 01-} of PXELINUX. */
    public static Optional<MacAddress> parse(String text) {
        boolean typed = text.length() == LENGTH + 3 && (text.startsWith("01-") || text.startsWith("01:"));
        String pairs = typed ? text.substring(3) : text;
        return isOfPairs(pairs, true)
                ? Optional.of(new MacAddress(pairs.replace('-', ':').toLowerCase(Locale.ROOT)))
                : Optional.empty();
    }

    /** @param loose hyphens and upper case, too */
    private static boolean isOfPairs(String text, boolean loose) {
        if (text.length() != LENGTH) {
            return false;
        }
        for (int i = 0; i < LENGTH; i++) {
            char c = text.charAt(i);
            boolean fits = i % 3 == 2
                    ? c == ':' || (loose && c == '-')
                    : (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (loose && c >= 'A' && c <= 'F');
            if (!fits) {
                return false;
            }
        }
        return true;
    }

    @Override
    public String toString() {
        return text;
    }
}
