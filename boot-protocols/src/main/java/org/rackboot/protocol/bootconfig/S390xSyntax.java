package org.rackboot.protocol.bootconfig;

import java.util.List;

/**
 * Firmware of s390x guests. It prints nothing that a configuration says, except a line of one word, which it cannot
 * parse; so a text for the console is one word.
 */
final class S390xSyntax implements ConfigSyntax {
    @Override
    public String text(String text) {
        return text.replace(' ', '_');
    }

    @Override
    public String words(List<String> words) {
        return String.join(" ", words);
    }

    @Override
    public ValuePlaces places() {
        return ValuePlaces.ofLines();
    }
}
