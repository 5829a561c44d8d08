package org.rackboot.protocol.bootconfig;

import java.util.List;

/**
 * U-Boot's {@code pxe} command, whose values go on to the line's end. The kernel command line goes through its simple
 * shell's macros: a backslash makes the next character mean itself, and one behind a backslash that means itself already
 * does so.
 */
final class UBootSyntax implements ConfigSyntax {
    @Override
    public String text(String text) {
        return text;
    }

    @Override
    public String words(List<String> words) {
        String line = String.join(" ", words).stripLeading();
        StringBuilder out = new StringBuilder(line.length() + 16);
        char previous = 0;
        for (int i = 0; i < line.length(); i++) {
            char c = line.charAt(i);
            boolean special = c == '$' || c == '\'' || c == '\\' || (c == '#' && i == 0);
            if (special && previous != '\\') {
                out.append('\\');
            }
            out.append(c);
            previous = c;
        }
        return out.toString();
    }

    @Override
    public ValuePlaces places() {
        return ValuePlaces.ofLines();
    }
}
