package org.rackboot.protocol.resolve;

/**
 * A name, and how it was asked for.
 *
 * @param wireName one character per byte, as it came; HTTP's already percent-decoded
 * @param transport that brought it
 * @param server how the machine reached this rack
 */
public record BootRequest(String wireName, Transport transport, ServerAddress server) {
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
