package org.rackboot.protocol.tftp;

import java.util.ArrayList;
import java.util.List;

/** Option lists, short to write. */
final class Options {
    private Options() {}

    static List<TftpOption> of(String... namesAndValues) {
        List<TftpOption> options = new ArrayList<>();
        for (int i = 0; i < namesAndValues.length; i += 2) {
            options.add(new TftpOption(namesAndValues[i], namesAndValues[i + 1]));
        }
        return options;
    }
}
