package org.rackboot.protocol.dhcp;

import java.util.List;
import java.util.Optional;
import org.rackboot.protocol.bootname.MacAddress;

/**
 * Who wants to boot, as its request says. Each request stands for itself: one machine sends several clients' in one boot.
 *
 * @param kind what protocol it boots by
 * @param architectures numbers of IANA's list, the best first; from option 93, else from option 60 (quirk D11); may be empty
 * @param isIpxe whether it is iPXE, which must never be given iPXE again
 */
public record BootClient(
        Kind kind, List<Integer> architectures, boolean isIpxe, Optional<MacAddress> mac, Optional<String> uuid) {
    /** What option 60 begins with (quirk D1). */
    public enum Kind {
        PXE,
        HTTP
    }

    public BootClient {
        architectures = List.copyOf(architectures);
    }

    /** Empty if whoever sent it does not want to boot from the network. */
    public static Optional<BootClient> of(DhcpMessage message) {
        DhcpOptions options = message.options();
        Optional<VendorClass> vendor = options.vendorClass();
        if (vendor.isEmpty() || !(vendor.get().isPxeClient() || vendor.get().isHttpClient())) {
            return Optional.empty();
        }
        List<Integer> said = options.architectures()
                .map(ClientArchitectures::codes)
                .filter(codes -> !codes.isEmpty())
                .orElseGet(() -> vendor.get().architectures());
        return Optional.of(new BootClient(
                vendor.get().isHttpClient() ? Kind.HTTP : Kind.PXE,
                said,
                options.userClass().map(UserClass::isIpxe).orElse(false),
                message.hardware().mac(),
                options.machineId().flatMap(MachineId::uuid)));
    }

    /** The first architecture that the list has. */
    public Optional<ArchitectureType> architecture() {
        return architectures.stream()
                .map(ArchitectureType::of)
                .flatMap(Optional::stream)
                .findFirst();
    }
}
