package org.rackboot.server.cli;

import org.jspecify.annotations.Nullable;
import org.rackboot.protocol.loader.DhcpServerConfig.Format;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import tools.jackson.databind.JsonNode;

/** {@code rackboot dhcp-config}: the configuration alone on standard output, so that it can be redirected to a file. */
@Command(
        name = "dhcp-config",
        description =
                "What another DHCP server must say so that machines boot from this rack, ready to be loaded by it.")
final class DhcpConfigCommand extends ClientCommand {
    @Option(
            names = "--format",
            required = true,
            paramLabel = "FORMAT",
            description = "isc (dhcpd), kea, dnsmasq, or plain: a table to type into a router")
    @SuppressWarnings("NullAway.Init") // Set by picocli.
    private String format;

    @Option(
            names = "--address",
            paramLabel = "ADDRESS",
            description = "the rack's, as machines reach it; else the first one it listens on that is not loopback")
    private @Nullable String address;

    @Option(names = "--v6", description = "for DHCPv6 instead of DHCPv4; each has a configuration of its own")
    private boolean v6;

    @Override
    void check() throws Client.UsageException {
        if (Format.parse(format).isEmpty()) {
            throw new Client.UsageException("--format is '%s'; use isc, kea, dnsmasq or plain".formatted(format));
        }
    }

    @Override
    int run(Client client) throws Exception {
        JsonNode answer = client.get("dhcp-config?format=" + format + "&v6=" + v6
                + (address == null ? "" : "&address=" + Client.segment(address)));
        if (json()) {
            printJson(answer);
        } else {
            out().print(answer.path("configuration").asString());
        }
        answer.path("warnings").forEach(warning -> err().println("rackboot: " + warning.asString()));
        return DONE;
    }
}
