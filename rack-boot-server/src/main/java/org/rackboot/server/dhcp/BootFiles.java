package org.rackboot.server.dhcp;

import java.net.InetAddress;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.function.ToIntFunction;
import org.rackboot.protocol.address.Ipv4Address;
import org.rackboot.protocol.dhcp.BootClient;
import org.rackboot.protocol.dhcp.ProxyDhcp;
import org.rackboot.protocol.loader.LoaderChoice;
import org.rackboot.protocol.loader.LoaderPolicy;
import org.rackboot.protocol.resolve.BootCatalog;
import org.rackboot.protocol.resolve.BootRules;
import org.rackboot.protocol.resolve.LoaderPreference;
import org.rackboot.protocol.resolve.Machine;
import org.rackboot.protocol.resolve.UnknownMachines;
import org.rackboot.server.net.Addresses;

/** What a client is to load, of what the catalog has, by its operator's wish. Thread-safe. */
public final class BootFiles {
    private final Supplier<BootCatalog> catalog;
    private final LoaderPreference usual;
    private final ToIntFunction<InetAddress> httpPort;
    private final LoaderPolicy policy = new LoaderPolicy();

    /**
     * @param usual what machines get of which nothing else was said
     * @param httpPort that machines find on an address
     */
    public BootFiles(Supplier<BootCatalog> catalog, LoaderPreference usual, ToIntFunction<InetAddress> httpPort) {
        this.catalog = catalog;
        this.usual = usual;
        this.httpPort = httpPort;
    }

    LoaderChoice choose(BootClient client) {
        BootCatalog now = catalog.get();
        Optional<Machine> machine =
                client.mac().flatMap(now::machine).or(() -> client.uuid().flatMap(now::machineByUuid));
        BootRules rules = now.rules();
        if (machine.isEmpty() && rules.unknownMachines() == UnknownMachines.SILENCE && rules.sayNothingOfStrangers()) {
            return new LoaderChoice.Nothing("nobody made it known, and boot.unknown-machines is silence");
        }
        return policy.choose(client, machine.flatMap(Machine::loader).orElse(usual), now);
    }

    /** By DHCPv6, where all files are URLs (RFC 5970, 3.1); empty = nothing. */
    public Optional<String> url(BootClient client, InetAddress local) {
        if (choose(client) instanceof LoaderChoice.Load load && !load.name().isEmpty()) {
            String root = load.isByHttp() ? httpRoot(local) : "tftp://" + Addresses.host(local) + "/";
            return Optional.of(root + load.name());
        }
        return Optional.empty();
    }

    private String httpRoot(InetAddress local) {
        return "http://" + Addresses.host(local) + ":" + httpPort.applyAsInt(local) + "/";
    }

    /** Sends machines to one of our addresses. */
    ProxyDhcp proxy(Ipv4Address local) {
        String http = httpRoot(Link.inet(local));
        return new ProxyDhcp(client ->
                choose(client) instanceof LoaderChoice.Load load ? Optional.of(load.offer(http)) : Optional.empty());
    }
}
