package org.rackboot.server.rack;

import io.netty.util.NetUtil;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Supplier;
import org.rackboot.protocol.loader.DhcpServerConfig;
import org.rackboot.protocol.loader.DhcpServerConfig.Format;
import org.rackboot.protocol.loader.DhcpServerConfig.Rack;
import org.rackboot.protocol.resolve.BootCatalog;
import org.rackboot.protocol.resolve.LoaderPreference;
import org.rackboot.server.http.HttpCall;
import org.rackboot.server.http.HttpReply;
import org.rackboot.server.http.HttpService;

/** {@code GET /api/v1/dhcp-config}: what a DHCP server beside this rack must say. The API token opens it. */
public final class DhcpConfigApi implements HttpService {
    /** Where it is. */
    public static final String PATH = "/api/v1/dhcp-config";

    private final Supplier<BootCatalog> catalog;
    private final Supplier<LoaderPreference> preference;
    private final List<InetSocketAddress> http;
    private final List<InetSocketAddress> tftp;
    private final ApiToken token;

    /** A request that cannot be granted; the message says why. */
    private static final class RefusedException extends Exception {
        private final int status;

        RefusedException(int status, String message) {
            super(message);
            this.status = status;
        }
    }

    /**
     * @param http where machines are served, the best port of each address first
     * @param tftp likewise
     */
    public DhcpConfigApi(
            Supplier<BootCatalog> catalog,
            Supplier<LoaderPreference> preference,
            List<InetSocketAddress> http,
            List<InetSocketAddress> tftp,
            String token) {
        this.catalog = catalog;
        this.preference = preference;
        this.http = List.copyOf(http);
        this.tftp = List.copyOf(tftp);
        this.token = new ApiToken(token);
    }

    @Override
    public CompletionStage<HttpReply> answer(HttpCall call) {
        return CompletableFuture.completedFuture(reply(call));
    }

    private HttpReply reply(HttpCall call) {
        if (!token.opens(call)) {
            return ApiToken.refusal();
        }
        if (!call.isHead() && !call.method().equals("GET")) {
            return ApiToken.error(405, "dhcp-config takes GET alone, not " + call.method())
                    .with("Allow", "GET, HEAD");
        }
        Map<String, String> query = call.query();
        try {
            Format format = Format.parse(query.getOrDefault("format", ""))
                    .orElseThrow(() -> new RefusedException(400, "Say which: format=isc, kea, dnsmasq or plain"));
            Rack rack = rack(Optional.ofNullable(query.get("address")), query.getOrDefault("v6", "false"));
            DhcpServerConfig config = DhcpServerConfig.of(rack, preference.get(), catalog.get());
            Map<String, Object> json = new LinkedHashMap<>();
            json.put("format", format.word());
            json.put("address", rack.address());
            json.put("configuration", config.render(format));
            json.put("warnings", config.warnings());
            return ApiToken.json(200, json);
        } catch (RefusedException e) {
            return ApiToken.error(e.status, String.valueOf(e.getMessage()));
        } catch (IllegalArgumentException e) { // Of an address that is none.
            return ApiToken.error(400, String.valueOf(e.getMessage()));
        }
    }

    private Rack rack(Optional<String> wanted, String v6) throws RefusedException {
        if (!v6.equals("true") && !v6.equals("false")) {
            throw new RefusedException(400, "v6 is true (for DHCPv6) or false");
        }
        boolean isV6 = v6.equals("true");
        List<String> reachable = http.stream()
                .map(InetSocketAddress::getAddress)
                .filter(address -> address instanceof Inet6Address == isV6)
                .filter(address -> !address.isLoopbackAddress() && !address.isLinkLocalAddress())
                .map(DhcpConfigApi::text)
                .distinct()
                .toList();
        if (wanted.isPresent()) {
            InetAddress literal = NetUtil.createInetAddressFromIpAddressString(wanted.get());
            String address = literal == null ? wanted.get() : text(literal);
            Rack rack = rack(
                    address,
                    reachable.contains(address)
                            ? List.of()
                            : List.of("the rack itself does not listen on %s: whoever has it must pass on what comes"
                                    .formatted(address)));
            if (rack.isIpv6() != isV6) {
                throw new RefusedException(
                        400,
                        "%s is an %s address; %s"
                                .formatted(
                                        rack.address(),
                                        rack.isIpv6() ? "IPv6" : "IPv4",
                                        rack.isIpv6()
                                                ? "say v6 (--v6) as well, for DHCPv6"
                                                : "DHCPv6 needs an IPv6 one"));
            }
            return rack;
        }
        if (reachable.isEmpty()) {
            throw new RefusedException(
                    409,
                    ("This rack listens on no %s address that machines can reach. Start it with --bind and such an"
                                    + " address, or say which one leads to it with --address")
                            .formatted(isV6 ? "IPv6" : "IPv4"));
        }
        return rack(
                reachable.get(0),
                reachable.size() == 1
                        ? List.of()
                        : List.of("the rack listens on %s: this is for the first of them; --address picks another"
                                .formatted(String.join(", ", reachable))));
    }

    private Rack rack(String address, List<String> remarks) {
        return new Rack(address, port(http, address), port(tftp, address), remarks);
    }

    /** The first one of that address; of an address elsewhere, the first of all. */
    private static int port(List<InetSocketAddress> listeners, String address) {
        return listeners.stream()
                .filter(each -> text(each.getAddress()).equals(address))
                .findFirst()
                .orElseGet(() -> listeners.get(0))
                .getPort();
    }

    private static String text(InetAddress address) {
        return NetUtil.toAddressString(address); // As RFC 5952 writes it, without a zone.
    }
}
