package org.rackboot.protocol.bootconfig;

import java.util.List;

/**
 * U-Boot's shell. A command with a variable in it is read twice, so that a quote or a backslash means something else the
 * second time; neither is written. cloud-init's YAML needs no single quotes, the kernel none.
 */
final class HushSyntax implements ConfigSyntax {
    @Override
    public String text(String text) {
        return quoted(text);
    }

    @Override
    public String words(List<String> words) {
        return quoted(String.join(" ", words));
    }

    @Override
    public ValuePlaces places() {
        return ValuePlaces.ofShell();
    }

    private static String quoted(String text) {
        return "'" + text.replace("'", "").replace("\\", "") + "'";
    }
}
