package org.rackboot.protocol.resolve;

import java.util.Optional;
import org.rackboot.protocol.address.IpAddress;
import org.rackboot.protocol.bootname.MacAddress;

/**
 * A name, and how it was asked for.
 *
 * @param wireName one character per byte, as it came; HTTP's already percent-decoded
 * @param transport that brought it
 * @param server how the machine reached this rack
 * @param client who asks
 */
public record BootRequest(String wireName, Transport transport, ServerAddress server, Client client) {
    /** From one of whom nothing is known. */
    public BootRequest(String wireName, Transport transport, ServerAddress server) {
        this(wireName, transport, server, Client.UNKNOWN);
    }

    /**
     * What can be told of the one that asks without a word of its own.
     *
     * @param mac of the neighbour that has the address; empty for a machine behind a router
     * @param heard of the one that was given the address, as DHCP had it: a hint, and no proof
     */
    public record Client(Optional<IpAddress> address, Optional<MacAddress> mac, Optional<MacAddress> heard) {
        public static final Client UNKNOWN = new Client(Optional.empty(), Optional.empty());

        /** One of whom DHCP said nothing. */
        public Client(Optional<IpAddress> address, Optional<MacAddress> mac) {
            this(address, mac, Optional.empty());
        }
    }

    public enum Transport {
        TFTP,
        HTTP
    }

    /**
     * @param host the address the request came to, as a URL writes it: IPv6 in brackets
     * @param httpPort of this rack's boot listener
     * @param alsoPort80 whether it listens on port 80, too
     */
    public record ServerAddress(String host, int httpPort, boolean alsoPort80) {
        public boolean isIpv6() {
            return host.startsWith("[");
        }

        /** {@code http://host:port/}. */
        public String baseUrl() {
            return "http://" + host + ":" + httpPort + "/";
        }
    }
}
