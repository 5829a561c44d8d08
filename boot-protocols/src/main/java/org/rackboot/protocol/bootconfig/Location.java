package org.rackboot.protocol.bootconfig;

/**
 * How a machine reached this rack, and so how it goes on.
 *
 * @param host the rack's address as a URL writes it: IPv6 in brackets
 * @param httpPort of the rack's boot listener
 * @param alsoPort80 whether the rack listens on port 80, too
 * @param overHttp whether the configuration was asked over HTTP
 */
public record Location(String host, int httpPort, boolean alsoPort80, boolean overHttp) {

    /** {@code http://host:port/}. */
    public String baseUrl() {
        return "http://" + host + ":" + httpPort + "/";
    }

    public boolean isIpv6() {
        return host.startsWith("[");
    }
}
