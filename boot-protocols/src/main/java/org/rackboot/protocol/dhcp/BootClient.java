package org.rackboot.protocol.dhcp;

import java.util.List;
import java.util.Optional;
import org.rackboot.protocol.bootname.MacAddress;

/**
 * Who wants to boot, as its request says. Each request stands for itself: one machine sends several clients' in one boot.
 *
 * @param kind what protocol it boots by
 * @param architectures numbers of IANA's list, the best first; from option 93, else from option 60, else from the vendor of
 *     the hardware (quirk D11); may be empty
 */
public record BootClient(
        Kind kind, List<Integer> architectures, Program program, Optional<MacAddress> mac, Optional<String> uuid) {
    /** What option 60 begins with (quirk D1). */
    public enum Kind {
        PXE,
        HTTP
    }

    /** What asks. */
    public enum Program {
        /** A ROM, or UEFI. */
        FIRMWARE,
        /** iPXE, which must never be given iPXE again, with HTTP. */
        IPXE,
        /** An iPXE that was built without HTTP. */
        IPXE_WITHOUT_HTTP,
        /** U-Boot at its second try, when it says what UEFI says. Shim does not work in it. */
        U_BOOT;

        public boolean isIpxe() {
            return this == IPXE || this == IPXE_WITHOUT_HTTP;
        }
    }

    private static final NetworkInterfaceId NO_UNDI =
            new NetworkInterfaceId(1, 0, 0); // U-Boot's alone, as captured: UNDI, of no version.

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
        return Optional.of(new BootClient(
                vendor.get().isHttpClient() ? Kind.HTTP : Kind.PXE,
                architectures(message, vendor.get()),
                program(options),
                message.hardware().mac(),
                options.machineId().flatMap(MachineId::uuid)));
    }

    private static List<Integer> architectures(DhcpMessage message, VendorClass vendor) {
        List<Integer> said = message.options()
                .architectures()
                .map(ClientArchitectures::codes)
                .filter(codes -> !codes.isEmpty())
                .orElseGet(vendor::architectures);
        boolean vague =
                said.isEmpty() || said.equals(List.of(ArchitectureType.X86_BIOS)); // A Raspberry Pi says so as well.
        return vague
                ? message.hardware()
                        .mac()
                        .flatMap(HardwareVendor::architecture)
                        .map(List::of)
                        .orElse(said)
                : said;
    }

    private static Program program(DhcpOptions options) {
        if (options.userClass().map(UserClass::isIpxe).orElse(false)) {
            return options.ipxe().map(IpxeFeatures::http).orElse(true) ? Program.IPXE : Program.IPXE_WITHOUT_HTTP;
        }
        return options.networkInterface().map(NO_UNDI::equals).orElse(false) ? Program.U_BOOT : Program.FIRMWARE;
    }

    public boolean isIpxe() {
        return program.isIpxe();
    }

    /** The first architecture that the list has. */
    public Optional<ArchitectureType> architecture() {
        return architectures.stream()
                .map(ArchitectureType::of)
                .flatMap(Optional::stream)
                .findFirst();
    }
}
