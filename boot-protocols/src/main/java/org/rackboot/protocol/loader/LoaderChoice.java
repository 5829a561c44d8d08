package org.rackboot.protocol.loader;

import java.util.List;
import java.util.Optional;
import org.rackboot.protocol.dhcp.BootOffer;
import org.rackboot.protocol.dhcp.DhcpOption;

/** What a client is to load, or why there is nothing. */
public sealed interface LoaderChoice {
    /**
     * There is something.
     *
     * @param name boot name of the loader; empty = the client finds its files by itself, given the server
     * @param isByHttp whether the client takes a URL, and loads by HTTP
     * @param options that tell the client more
     * @param remark why this and nothing better, if the operator should know
     */
    record Load(String name, boolean isByHttp, List<DhcpOption> options, Optional<String> remark)
            implements LoaderChoice {
        public Load {
            options = List.copyOf(options);
        }

        /** @param httpRoot of the server, as this client reaches it: {@code http://198.18.0.1:5248/} */
        public BootOffer offer(String httpRoot) {
            return new BootOffer(isByHttp ? httpRoot + name : name, options);
        }
    }

    /** @param reason with what to do about it */
    record Nothing(String reason) implements LoaderChoice {}
}
