package org.rackboot.protocol.dhcp;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The options of one message, in their order, each once (RFC 3396 joins those that come in parts). A value of the wrong form is as good as absent. */
public final class DhcpOptions {
    private final Map<Integer, Octets> values;

    DhcpOptions(Map<Integer, Octets> values) {
        this.values = Collections.unmodifiableMap(new LinkedHashMap<>(values));
    }

    /** The last one of each number wins. */
    public static DhcpOptions of(List<DhcpOption> options) {
        Map<Integer, Octets> values = new LinkedHashMap<>();
        options.forEach(option -> values.put(option.code(), option.value()));
        return new DhcpOptions(values);
    }

    /** Of whatever number. */
    public Optional<Octets> find(int code) {
        return Optional.ofNullable(values.get(code));
    }

    Map<Integer, Octets> values() {
        return values;
    }

    public Optional<MessageType> messageType() {
        return find(OptionCode.MESSAGE_TYPE).flatMap(MessageType::read);
    }

    public Optional<ServerIdentifier> serverIdentifier() {
        return find(OptionCode.SERVER_IDENTIFIER).flatMap(ServerIdentifier::read);
    }

    public Optional<VendorClass> vendorClass() {
        return find(OptionCode.VENDOR_CLASS).map(value -> new VendorClass(value.text()));
    }

    public Optional<UserClass> userClass() {
        return find(OptionCode.USER_CLASS).map(UserClass::read);
    }

    public Optional<BootFileName> bootFileName() {
        return find(OptionCode.BOOT_FILE_NAME).map(value -> new BootFileName(value.text()));
    }

    public Optional<TftpServerName> tftpServerName() {
        return find(OptionCode.TFTP_SERVER_NAME).map(value -> new TftpServerName(value.text()));
    }

    public Optional<ClientArchitectures> architectures() {
        return find(OptionCode.CLIENT_ARCHITECTURE).map(ClientArchitectures::read);
    }

    public Optional<NetworkInterfaceId> networkInterface() {
        return find(OptionCode.CLIENT_NETWORK_INTERFACE).flatMap(NetworkInterfaceId::read);
    }

    public Optional<MachineId> machineId() {
        return find(OptionCode.CLIENT_MACHINE_ID).map(MachineId::new);
    }

    public Optional<PxeVendorOptions> pxe() {
        return find(OptionCode.VENDOR_SPECIFIC).flatMap(PxeVendorOptions::read);
    }

    public Optional<IpxeFeatures> ipxe() {
        return find(OptionCode.IPXE_ENCAPSULATED).map(IpxeFeatures::read);
    }

    /** Numbers of the options that the client wants to hear of. */
    public List<Integer> requested() {
        List<Integer> codes = new ArrayList<>();
        Octets list = find(OptionCode.PARAMETER_REQUEST_LIST).orElse(Octets.NONE);
        for (int i = 0; i < list.length(); i++) {
            codes.add(list.at(i));
        }
        return List.copyOf(codes);
    }

    /** The longest IP datagram that the client takes: 576 unless it says more (RFC 2132, 9.10). */
    public int maxMessageSize() {
        return find(OptionCode.MAX_MESSAGE_SIZE)
                .filter(value -> value.length() == 2)
                .map(value -> value.at(0) << 8 | value.at(1))
                .filter(size -> size >= DhcpCodec.LEAST_MAX_MESSAGE_SIZE)
                .orElse(DhcpCodec.LEAST_MAX_MESSAGE_SIZE);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof DhcpOptions options && values.equals(options.values);
    }

    @Override
    public int hashCode() {
        return values.hashCode();
    }

    @Override
    public String toString() {
        return values.toString();
    }
}
