package org.rackboot.server.dhcp;

import java.util.Optional;
import java.util.function.Supplier;
import java.util.function.ToIntFunction;
import org.rackboot.protocol.address.Ipv4Address;
import org.rackboot.protocol.dhcp.ArchitectureType;
import org.rackboot.protocol.dhcp.ArchitectureType.Firmware;
import org.rackboot.protocol.dhcp.BootClient;
import org.rackboot.protocol.dhcp.ProxyDhcp;
import org.rackboot.protocol.resolve.BootCatalog;

/** What a client is to load, of what the catalog has. */
final class BootFiles {
    private static final String BIOS_LOADER = "lpxelinux.0";

    private final Supplier<BootCatalog> catalog;
    private final ToIntFunction<Ipv4Address> httpPort;

    /** @param httpPort that machines find on an address */
    BootFiles(Supplier<BootCatalog> catalog, ToIntFunction<Ipv4Address> httpPort) {
        this.catalog = catalog;
        this.httpPort = httpPort;
    }

    /** Sends machines to one of our addresses. */
    ProxyDhcp proxy(Ipv4Address local) {
        return new ProxyDhcp(client -> file(client, local));
    }

    private Optional<String> file(BootClient client, Ipv4Address local) {
        String http = "http://" + local + ":" + httpPort.applyAsInt(local) + "/";
        String arch =
                client.architecture().flatMap(ArchitectureType::architecture).orElse("amd64");
        if (client.isIpxe()) {
            return catalog.get().defaultImage(arch).map(image -> http + "ipxe.cfg");
        }
        return loader(client)
                .filter(name -> catalog.get().file(name).isPresent())
                .map(name -> client.kind() == BootClient.Kind.HTTP ? http + name : name);
    }

    /** Who names no architecture, or one that nobody knows, is an old BIOS more likely than anything else. */
    private static Optional<String> loader(BootClient client) {
        Firmware firmware =
                client.architecture().map(ArchitectureType::firmware).orElse(Firmware.BIOS);
        if (firmware == Firmware.BIOS) {
            return client.kind() == BootClient.Kind.PXE ? Optional.of(BIOS_LOADER) : Optional.empty();
        }
        return firmware == Firmware.UEFI
                ? client.architecture().flatMap(ArchitectureType::architecture).flatMap(BootFiles::uefiLoader)
                : Optional.empty();
    }

    private static Optional<String> uefiLoader(String architecture) {
        return switch (architecture) {
            case "amd64" -> Optional.of("bootx64.efi");
            case "arm64" -> Optional.of("bootaa64.efi");
            default -> Optional.empty();
        };
    }
}
