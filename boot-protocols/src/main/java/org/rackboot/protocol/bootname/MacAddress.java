package org.rackboot.protocol.bootname;

import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * An Ethernet address.
 *
 * @param text six lower-case hexadecimal pairs with colons
 */
public record MacAddress(String text) {
    private static final Pattern FORM = Pattern.compile("(?:01[-:])?([0-9a-fA-F]{2}(?:[-:][0-9a-fA-F]{2}){5})");
    private static final Pattern CANONICAL = Pattern.compile("[0-9a-f]{2}(:[0-9a-f]{2}){5}");

    public MacAddress {
        if (!CANONICAL.matcher(text).matches()) {
            throw new IllegalArgumentException("not a MAC address in lower case with colons: " + text);
        }
    }

    /** Reads {@code aa:bb:…} or {@code AA-BB-…}, with or without the hardware type {@code 01-} of PXELINUX. */
    public static Optional<MacAddress> parse(String text) {
        Matcher matcher = FORM.matcher(text);
        return matcher.matches()
                ? Optional.of(new MacAddress(matcher.group(1).replace('-', ':').toLowerCase(Locale.ROOT)))
                : Optional.empty();
    }

    @Override
    public String toString() {
        return text;
    }
}
