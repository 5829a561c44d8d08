package org.rackboot.protocol.dhcp;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.rackboot.protocol.address.Ipv4Address;
import org.rackboot.protocol.dhcp.ArchitectureType.Firmware;
import org.rackboot.protocol.dhcp.BootClient.Kind;
import org.rackboot.protocol.dhcp.BootClient.Program;
import org.rackboot.protocol.dhcp.ProxyDhcp.Decision;
import org.rackboot.protocol.dhcp.ProxyDhcp.Reason;
import org.rackboot.protocol.dhcp.ProxyDhcp.Reception;
import org.rackboot.protocol.dhcp.PxeVendorOptions.BootItem;

class ProxyDhcpTest {
    private static final Ipv4Address RACK = address("198.18.0.1");
    private static final Ipv4Address MACHINE = address("198.18.0.77");
    private static final Ipv4Address RELAY = address("198.18.9.1");
    private static final Octets MACHINE_ID =
            Octets.of(HexFormat.of().parseHex("00" + "33221100554477668899aabbccddeeff"));
    private static final Reception BROADCAST =
            new Reception(Ipv4Address.UNSPECIFIED, ProxyDhcp.CLIENT_PORT, RACK, ProxyDhcp.SERVER_PORT);

    private final List<BootClient> asked = new ArrayList<>();
    private final ProxyDhcp proxy = new ProxyDhcp(this::offered);

    private String hardware = "525400123456";
    private Ipv4Address ciaddr = Ipv4Address.UNSPECIFIED;
    private Ipv4Address giaddr = Ipv4Address.UNSPECIFIED;
    private boolean broadcast = true;

    @Test
    void aBiosRomGetsItsFileAtOnce() { // D3
        DhcpMessage offer = offer(discover("PXEClient:Arch:00000:UNDI:002001", 0));

        assertThat(offer.isRequest()).isFalse();
        assertThat(offer.options().messageType()).contains(MessageType.OFFER);
        assertThat(offer.yourAddress().isUnspecified())
                .as("the address is another's")
                .isTrue();
        assertThat(offer.nextServer()).isEqualTo(RACK);
        assertThat(offer.options().serverIdentifier()).contains(new ServerIdentifier(RACK));
        assertThat(offer.options().vendorClass()).contains(VendorClass.PXE_CLIENT);
        assertThat(offer.file()).isEqualTo("lpxelinux.0"); // D8
        assertThat(offer.options().bootFileName()).contains(new BootFileName("lpxelinux.0"));
        assertThat(offer.options().pxe().orElseThrow().discoveryControl())
                .isEqualTo(OptionalInt.of(PxeVendorOptions.USE_THE_FILE));
        assertThat(offer.options().machineId()).contains(new MachineId(MACHINE_ID)); // D10
        assertThat(offer.transactionId()).isEqualTo(7);
    }

    @Test
    void uefiIsToldToAskOn4011AndHearsItThere() { // D2, D3
        DhcpMessage offer = offer(discover("PXEClient:Arch:00007:UNDI:003000", 7));
        assertThat(offer.file()).isEmpty();
        assertThat(offer.options().bootFileName()).isEmpty();
        assertThat(offer.options().pxe()).isEmpty();
        assertThat(offer.options().vendorClass()).contains(VendorClass.PXE_CLIENT);
        assertThat(offer.nextServer()).isEqualTo(RACK);

        ciaddr = MACHINE;
        Decision.Reply reply = (Decision.Reply) proxy.receive(
                request(MessageType.REQUEST, "PXEClient:Arch:00007:UNDI:003000", 7),
                new Reception(MACHINE, 4011, RACK, ProxyDhcp.BOOT_SERVER_PORT));
        assertThat(reply.address()).isEqualTo(MACHINE);
        assertThat(reply.port()).isEqualTo(4011);
        DhcpMessage ack = reply.message();
        assertThat(ack.options().messageType()).contains(MessageType.ACK);
        assertThat(ack.file()).isEqualTo("bootx64.efi");
        assertThat(ack.serverName()).isEqualTo("198.18.0.1");
        assertThat(ack.nextServer()).isEqualTo(RACK);
        assertThat(ack.options().machineId()).contains(new MachineId(MACHINE_ID));
    }

    @Test
    void httpBootGetsItsUrl() { // D1
        DhcpMessage offer = offer(discover("HTTPClient:Arch:00016:UNDI:003000", 16));

        assertThat(offer.options().vendorClass()).contains(VendorClass.HTTP_CLIENT);
        assertThat(offer.options().bootFileName()).contains(new BootFileName("http://198.18.0.1:5248/bootx64.efi"));
        assertThat(offer.file()).isEqualTo("http://198.18.0.1:5248/bootx64.efi"); // D9
        assertThat(offer.options().pxe()).isEmpty();
    }

    @Test
    void ipxeGetsItsScriptAtOnceOnWhateverFirmware() { // D13
        DhcpMessage offer = offer(discover("PXEClient:Arch:00007:UNDI:003010", 7, UserClass.IPXE));

        assertThat(offer.file()).isEqualTo("http://198.18.0.1:5248/ipxe.cfg");
        assertThat(asked)
                .singleElement()
                .satisfies(client -> assertThat(client.isIpxe()).isTrue());
    }

    @Test
    void whatAClientChoseOfAMenuComesBack() {
        PxeVendorOptions chosen = new PxeVendorOptions(
                OptionalInt.empty(), List.of(), List.of(), Optional.empty(), Optional.of(new BootItem(0x8000, 0)));
        DhcpMessage request = request(MessageType.REQUEST, "PXEClient", 0, chosen);

        Decision.Reply reply =
                (Decision.Reply) proxy.receive(request, new Reception(MACHINE, 68, RACK, ProxyDhcp.BOOT_SERVER_PORT));

        assertThat(reply.port()).isEqualTo(68);
        assertThat(reply.message().options().pxe().orElseThrow().item()).contains(new BootItem(0x8000, 0));
    }

    @Test
    void aRelayedRequestGoesBackToTheRelayWithItsOption() { // RFC 3046, 2.2
        giaddr = RELAY;
        RawOption circuit = new RawOption(82, Octets.of((byte) 1, (byte) 2, (byte) 0, (byte) 9));

        Decision.Reply reply =
                (Decision.Reply) proxy.receive(discover("PXEClient:Arch:00000:UNDI:002001", 0, circuit), BROADCAST);

        assertThat(reply.address()).isEqualTo(RELAY);
        assertThat(reply.port()).isEqualTo(ProxyDhcp.SERVER_PORT);
        assertThat(reply.message().relay()).isEqualTo(RELAY);
        assertThat(reply.message().options().find(82)).contains(circuit.value());
        assertThat(reply.message().options().values().keySet()).last().isEqualTo(82);
    }

    @ParameterizedTest
    @CsvSource({"16, bootx64.efi", "19, bootx64.efi"})
    void httpBootThroughARelayGetsItsUrlAndTheRelaysOptionLast(int architecture, String file) { // RFC 3046, 2.2
        giaddr = RELAY;
        RawOption circuit = new RawOption(82, octets("0104" + "00000007" + "0206" + "525400aabbcc"));
        String vendor = "HTTPClient:Arch:%05d:UNDI:003000".formatted(architecture);

        Decision.Reply reply = (Decision.Reply)
                proxy.receive(discover(vendor, architecture, circuit, new UserClass(List.of("x"))), BROADCAST);

        DhcpMessage offer = reply.message();
        assertThat(reply.address()).isEqualTo(RELAY);
        assertThat(reply.port()).isEqualTo(ProxyDhcp.SERVER_PORT);
        assertThat(offer.options().vendorClass()).contains(VendorClass.HTTP_CLIENT);
        assertThat(offer.file()).isEqualTo("http://198.18.0.1:5248/" + file);
        assertThat(offer.options().find(82)).contains(circuit.value());
        assertThat(offer.options().values().keySet()).last().isEqualTo(82);
        assertThat(offer.relay()).isEqualTo(RELAY);
    }

    /** A relay sends what is no broadcast to the offered address, which a proxy's offer has not. */
    @Test
    void whoHasNoAddressIsAnsweredByBroadcastWhateverItsFlag() { // RFC 1542, 4.1.2; RFC 2131, 4.1
        broadcast = false; // As iPXE's.
        String vendor = "PXEClient:Arch:00000:UNDI:002001";
        assertThat(offer(discover(vendor, 0)).isBroadcast()).isTrue();

        giaddr = RELAY;
        assertThat(((Decision.Reply) proxy.receive(discover(vendor, 0), BROADCAST))
                        .message()
                        .isBroadcast())
                .isTrue();
        ciaddr = MACHINE;
        assertThat(((Decision.Reply) proxy.receive(request(MessageType.INFORM, vendor, 0), BROADCAST))
                        .message()
                        .isBroadcast())
                .isTrue();

        giaddr = Ipv4Address.UNSPECIFIED;
        Decision.Reply direct = (Decision.Reply) proxy.receive(request(MessageType.INFORM, vendor, 0), BROADCAST);
        assertThat(direct.message().isBroadcast()).isFalse();
        assertThat(direct.address()).isEqualTo(MACHINE);
    }

    @Test
    void anInformIsAnsweredToTheAddressItComesFrom() {
        ciaddr = MACHINE;

        Decision.Reply reply = (Decision.Reply)
                proxy.receive(request(MessageType.INFORM, "PXEClient:Arch:00007:UNDI:003000", 7), BROADCAST);

        assertThat(reply.address()).isEqualTo(MACHINE);
        assertThat(reply.port()).isEqualTo(ProxyDhcp.CLIENT_PORT);
        assertThat(reply.message().options().messageType()).contains(MessageType.ACK);
        assertThat(reply.message().file()).isEqualTo("bootx64.efi");
    }

    @Test
    void withoutOption93TheVendorClassSaysTheArchitecture() { // D11
        offer(discover("PXEClient:Arch:00011:UNDI:003000", -1));

        assertThat(asked).singleElement().satisfies(client -> {
            assertThat(client.architectures()).containsExactly(11);
            assertThat(client.uuid()).contains("00112233-4455-6677-8899-aabbccddeeff");
        });
    }

    @Test
    void whoeverDoesNotBootFromTheNetworkHearsNothing() { // D18
        for (String vendor : List.of("", "MSFT 5.0", "udhcp 1.35.0", "AAPLBSDPC/i386/iMac", "U-Boot.armv8")) {
            assertThat(silence(discover(vendor, 0), BROADCAST)).as(vendor).isEqualTo(Reason.NOT_NETBOOTING);
        }
        assertThat(asked).isEmpty();
    }

    @Test
    void uBootIsLeftAloneForItWouldTakeAnOfferWithoutAnAddress() {
        DhcpOption noUndi = new NetworkInterfaceId(1, 0, 0);

        assertThat(silence(discover("PXEClient:Arch:00011:UNDI:003000", 11, noUndi), BROADCAST))
                .isEqualTo(Reason.TAKES_THE_FIRST_OFFER);
    }

    @Test
    void aRaspberryPiIsKnownByItsVendorAndGetsItsMenu() { // D8, D11
        hardware = "dca632010203";

        DhcpMessage offer = offer(discover("PXEClient:Arch:00000:UNDI:002001", 0));

        assertThat(asked)
                .singleElement()
                .satisfies(client -> assertThat(client.architectures()).containsExactly(41));
        assertThat(offer.file()).isEmpty();
        assertThat(offer.nextServer()).isEqualTo(RACK);
        assertThat(offer.options().pxe().orElseThrow().menu()).hasSize(1);
        assertThat(offer.options().pxe().orElseThrow().discoveryControl()).isEqualTo(OptionalInt.of(3));
    }

    @Test
    void anIpxeThatWasBuiltWithoutHttpIsKnown() { // D13
        offer(discover("PXEClient", 0, UserClass.IPXE, new RawOption(175, octets("130101")))); // 19 = HTTP
        offer(discover("PXEClient", 0, UserClass.IPXE, new RawOption(175, octets("150101"))));
        offer(discover("PXEClient", 0, UserClass.IPXE, new RawOption(175, octets("15010113")))); // Cut off.
        offer(discover("PXEClient", 0, UserClass.IPXE));

        assertThat(asked)
                .extracting(BootClient::program)
                .containsExactly(Program.IPXE, Program.IPXE_WITHOUT_HTTP, Program.IPXE_WITHOUT_HTTP, Program.IPXE);
    }

    @Test
    void whatIsForOthersIsLeftToThem() {
        String vendor = "PXEClient:Arch:00007:UNDI:003000";
        Reception onBootPort = new Reception(MACHINE, 4011, RACK, ProxyDhcp.BOOT_SERVER_PORT);
        DhcpMessage offer = offer(discover(vendor, 7));

        assertThat(silence(offer, BROADCAST)).isEqualTo(Reason.NOT_A_REQUEST);
        assertThat(silence(request(MessageType.REQUEST, vendor, 7), BROADCAST)).isEqualTo(Reason.NOT_OURS);
        assertThat(silence(request(MessageType.RELEASE, vendor, 7), BROADCAST)).isEqualTo(Reason.NOT_OURS);
        assertThat(silence(discover(vendor, 7), onBootPort)).isEqualTo(Reason.NOT_OURS);
        assertThat(silence(request(MessageType.REQUEST, vendor, 7, new ServerIdentifier(RELAY)), onBootPort))
                .isEqualTo(Reason.OTHER_SERVER);
        assertThat(silence(discover("PXEClient:Arch:00002:UNDI:002001", 2), BROADCAST))
                .isEqualTo(Reason.NOTHING_TO_BOOT);
    }

    private Optional<BootOffer> offered(BootClient client) {
        asked.add(client);
        if (client.architectures().equals(List.of(41))) {
            return Optional.of(new BootOffer("", List.of(menu())));
        }
        return file(client).map(BootOffer::of);
    }

    private static PxeVendorOptions menu() {
        return new PxeVendorOptions(
                OptionalInt.of(3),
                List.of(),
                List.of(new PxeVendorOptions.MenuEntry(0, "Raspberry Pi Boot")),
                Optional.empty(),
                Optional.empty());
    }

    private static Octets octets(String hex) {
        return Octets.of(HexFormat.of().parseHex(hex));
    }

    private static Optional<String> file(BootClient client) {
        Optional<Firmware> firmware = client.architecture().map(ArchitectureType::firmware);
        if (client.isIpxe()) {
            return Optional.of("http://198.18.0.1:5248/ipxe.cfg");
        }
        String prefix = client.kind() == Kind.HTTP ? "http://198.18.0.1:5248/" : "";
        return firmware.flatMap(kind -> switch (kind) {
            case BIOS -> Optional.of("lpxelinux.0");
            case UEFI -> Optional.of(prefix + "bootx64.efi");
            default -> Optional.empty();
        });
    }

    private DhcpMessage offer(DhcpMessage discover) {
        Decision.Reply reply = (Decision.Reply) proxy.receive(discover, BROADCAST);
        assertThat(reply.address()).isEqualTo(Ipv4Address.BROADCAST);
        assertThat(reply.port()).isEqualTo(ProxyDhcp.CLIENT_PORT);
        return reply.message();
    }

    private Reason silence(DhcpMessage message, Reception reception) {
        return ((Decision.Silence) proxy.receive(message, reception)).reason();
    }

    private DhcpMessage discover(String vendor, int architecture, DhcpOption... more) {
        return request(MessageType.DISCOVER, vendor, architecture, more);
    }

    /** @param architecture -1 = without option 93 */
    private DhcpMessage request(MessageType type, String vendor, int architecture, DhcpOption... more) {
        List<DhcpOption> options = new ArrayList<>(List.of(type, new MachineId(MACHINE_ID)));
        if (!vendor.isEmpty()) {
            options.add(new VendorClass(vendor));
        }
        if (architecture >= 0) {
            options.add(new ClientArchitectures(List.of(architecture)));
        }
        options.addAll(List.of(more));
        return new DhcpMessage(
                true,
                new HardwareAddress(HardwareAddress.ETHERNET, octets(hardware)),
                0,
                7,
                0,
                broadcast,
                ciaddr,
                Ipv4Address.UNSPECIFIED,
                Ipv4Address.UNSPECIFIED,
                giaddr,
                "",
                "",
                DhcpOptions.of(options));
    }

    private static Ipv4Address address(String text) {
        return Ipv4Address.parse(text).orElseThrow();
    }
}
