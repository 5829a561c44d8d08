package org.rackboot.protocol.bootconfig;

import java.util.List;

/** Petitboot, which drops quotes at both ends of a value, and passes over a value that begins with {@code #}. */
final class PetitbootSyntax implements ConfigSyntax {
    /** Goes to the environment of init, where nobody looks for it. */
    private static final String HARMLESS = "rackboot=1";

    @Override
    public String text(String text) {
        return text;
    }

    @Override
    public String words(List<String> words) {
        String line = String.join(" ", words).strip();
        if (line.isEmpty()) {
            return line;
        }
        String begun = "#\"'".indexOf(line.charAt(0)) >= 0 ? HARMLESS + ' ' + line : line;
        return "\"'".indexOf(line.charAt(line.length() - 1)) >= 0 ? begun + ' ' + HARMLESS : begun;
    }

    @Override
    public ValuePlaces places() {
        return ValuePlaces.ofLines();
    }
}
