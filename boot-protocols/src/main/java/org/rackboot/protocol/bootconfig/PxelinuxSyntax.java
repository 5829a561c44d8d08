package org.rackboot.protocol.bootconfig;

import java.util.List;

/** PXELINUX, whose commands are lines, and whose values go on to the line's end as they are. */
final class PxelinuxSyntax implements ConfigSyntax {
    @Override
    public String text(String text) {
        return text;
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
