package org.rackboot.protocol.dhcp;

import java.util.List;

/**
 * What a client is to load.
 *
 * @param file a path on the server, or a URL; empty = the client finds its files by itself, given the server
 * @param options beyond those that every answer has; an option 43 among them takes the place of the usual one
 */
public record BootOffer(String file, List<DhcpOption> options) {
    public BootOffer {
        options = List.copyOf(options);
    }

    /** Only a file. */
    public static BootOffer of(String file) {
        return new BootOffer(file, List.of());
    }
}
