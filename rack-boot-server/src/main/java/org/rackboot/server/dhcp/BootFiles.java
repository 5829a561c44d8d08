package org.rackboot.server.dhcp;

import java.util.Optional;
import java.util.function.Supplier;
import java.util.function.ToIntFunction;
import org.rackboot.protocol.address.Ipv4Address;
import org.rackboot.protocol.dhcp.BootClient;
import org.rackboot.protocol.dhcp.ProxyDhcp;
import org.rackboot.protocol.loader.LoaderChoice;
import org.rackboot.protocol.loader.LoaderPolicy;
import org.rackboot.protocol.resolve.BootCatalog;
import org.rackboot.protocol.resolve.LoaderPreference;
import org.rackboot.protocol.resolve.Machine;

/** What a client is to load, of what the catalog has. */
final class BootFiles {
    private final Supplier<BootCatalog> catalog;
    private final LoaderPreference usual;
    private final ToIntFunction<Ipv4Address> httpPort;
    private final LoaderPolicy policy = new LoaderPolicy();

    /**
     * @param usual what machines get of which nothing else was said
     * @param httpPort that machines find on an address
     */
    BootFiles(Supplier<BootCatalog> catalog, LoaderPreference usual, ToIntFunction<Ipv4Address> httpPort) {
        this.catalog = catalog;
        this.usual = usual;
        this.httpPort = httpPort;
    }

    LoaderChoice choose(BootClient client) {
        BootCatalog now = catalog.get();
        Optional<Machine> machine =
                client.mac().flatMap(now::machine).or(() -> client.uuid().flatMap(now::machineByUuid));
        return policy.choose(client, machine.flatMap(Machine::loader).orElse(usual), now);
    }

    /** Sends machines to one of our addresses. */
    ProxyDhcp proxy(Ipv4Address local) {
        String http = "http://" + local + ":" + httpPort.applyAsInt(local) + "/";
        return new ProxyDhcp(client ->
                choose(client) instanceof LoaderChoice.Load load ? Optional.of(load.offer(http)) : Optional.empty());
    }
}
