package org.rackboot.protocol.dhcp6;

import static org.assertj.core.api.Assertions.assertThat;
import static org.rackboot.protocol.dhcp6.Packets6.CLIENT_ID;
import static org.rackboot.protocol.dhcp6.Packets6.ELAPSED;
import static org.rackboot.protocol.dhcp6.Packets6.IA_NA;
import static org.rackboot.protocol.dhcp6.Packets6.SERVER_DUID;
import static org.rackboot.protocol.dhcp6.Packets6.XID;
import static org.rackboot.protocol.dhcp6.Packets6.bytes;
import static org.rackboot.protocol.dhcp6.Packets6.httpOptions;
import static org.rackboot.protocol.dhcp6.Packets6.option;
import static org.rackboot.protocol.dhcp6.Packets6.pxeOptions;
import static org.rackboot.protocol.dhcp6.Packets6.text;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.rackboot.protocol.bootname.MacAddress;
import org.rackboot.protocol.dhcp.BootClient;
import org.rackboot.protocol.dhcp.Octets;
import org.rackboot.protocol.dhcp6.Dhcp6Message.Relay;
import org.rackboot.protocol.dhcp6.Dhcp6Option.InterfaceId;
import org.rackboot.protocol.dhcp6.ProxyDhcp6.Decision;
import org.rackboot.protocol.dhcp6.ProxyDhcp6.Reason;
import org.rackboot.protocol.dhcp6.ProxyDhcp6.Service;

class ProxyDhcp6Test {
    private static final String TFTP = "tftp://[2001:db8::1]/bootx64.efi";
    private static final String HTTP = "http://[2001:db8::1]:5248/bootx64.efi";
    private static final String PXE_ANSWER =
            option(59, text(TFTP)) + option(16, "00000157" + "0009" + text("PXEClient"));

    private final List<BootClient> asked = new ArrayList<>();
    private final ProxyDhcp6 proxy =
            new ProxyDhcp6(Duid.read(Octets.of(bytes(SERVER_DUID))).orElseThrow(), this::url);

    @Test
    void uefiPxeGetsAProxysOfferAndThenTheUrlOnTheOtherPort() {
        assertThat(answer(Packets6.pxeSolicit(), Service.DHCP, ProxyDhcp6.CLIENT_PORT))
                .isEqualTo("02" + XID + CLIENT_ID + option(2, SERVER_DUID) + PXE_ANSWER);

        assertThat(answer(Packets6.pxeBootServerRequest(), Service.BOOT_SERVER, ProxyDhcp6.BOOT_SERVER_PORT))
                .isEqualTo("07" + XID + CLIENT_ID + option(2, SERVER_DUID) + PXE_ANSWER);

        assertThat(asked).hasSize(2).allSatisfy(client -> {
            assertThat(client.kind()).isEqualTo(BootClient.Kind.PXE);
            assertThat(client.architectures()).containsExactly(7);
            assertThat(client.mac()).contains(new MacAddress("52:54:00:12:34:56"));
        });
    }

    @Test
    void uefiHttpGetsItsUrlAtOnce() {
        assertThat(answer(Packets6.httpSolicit(), Service.DHCP, ProxyDhcp6.CLIENT_PORT))
                .isEqualTo("02" + XID + CLIENT_ID + option(2, SERVER_DUID) + option(59, text(HTTP))
                        + option(16, "00000157" + "000a" + text("HTTPClient")));
    }

    @Test
    void theUrlIsNeverLast() { // EDK2's HTTP boot reads it up to a NUL.
        String answer = answer(Packets6.httpSolicit(), Service.DHCP, ProxyDhcp6.CLIENT_PORT);

        assertThat(answer).contains(text("bootx64.efi") + "00");
    }

    @Test
    void whoAsksForInformationGetsIt() {
        assertThat(answer(Packets6.informationRequest(), Service.DHCP, ProxyDhcp6.CLIENT_PORT))
                .isEqualTo("07" + XID + CLIENT_ID + option(2, SERVER_DUID) + PXE_ANSWER);
        assertThat(answer(bytes("0b" + XID + option(61, "0010")), Service.DHCP, ProxyDhcp6.CLIENT_PORT))
                .as("anonymous, and no words: HTTP by its architecture")
                .isEqualTo("07" + XID + option(2, SERVER_DUID) + option(59, text(HTTP))
                        + option(16, "00000157" + "000a" + text("HTTPClient")));
        assertThat(silence(bytes("0b" + XID + CLIENT_ID + IA_NA + pxeOptions())))
                .isEqualTo(Reason.NOT_OURS);
    }

    @Test
    void anAnswerGoesBackThroughAllRelays() { // RFC 8415, 19.3
        Decision.Reply reply = (Decision.Reply) proxy.receive(decode(Packets6.relayed()), Service.DHCP);

        assertThat(reply.port()).isEqualTo(ProxyDhcp6.SERVER_PORT);
        Relay outer = (Relay) reply.message();
        assertThat(outer.isForward()).isFalse();
        assertThat(outer.hopCount()).isEqualTo(1);
        assertThat(outer.peer()).hasToString("2001:db8:0:1::1");
        assertThat(outer.options().first(InterfaceId.class)).contains(new InterfaceId(Octets.ofText("uplink")));
        Relay inner = (Relay) outer.message();
        assertThat(inner.isForward()).isFalse();
        assertThat(reply.forClient()).isEqualTo(inner.message());
        assertThat(reply.asker().behindRelay().map(Object::toString)).contains("fe80::77");
        assertThat(inner.peer()).hasToString("fe80::77");
        assertThat(inner.options().first(InterfaceId.class)).contains(new InterfaceId(Octets.ofText("eth0/1")));
        assertThat(hex(inner.message())).isEqualTo(answer(Packets6.pxeSolicit(), Service.DHCP, ProxyDhcp6.CLIENT_PORT));
    }

    @Test
    void anotherVendorsNumberComesBack() {
        String other = option(16, "00000009" + "0009" + text("PXEClient"));

        assertThat(answer(bytes("01" + XID + CLIENT_ID + IA_NA + option(61, "0007") + other), Service.DHCP, 546))
                .endsWith(other);
    }

    @Test
    void withoutArchitecturesTheVendorClassTellsThem() { // D11
        String asks = Packets6.ASKS_FOR_BOOT_FILE + Packets6.vendorClass("PXEClient:Arch:00011:UNDI:003000");

        answer(bytes("01" + XID + CLIENT_ID + IA_NA + asks), Service.DHCP, ProxyDhcp6.CLIENT_PORT);

        assertThat(asked.get(0).architectures()).containsExactly(11);
    }

    @Test
    void rapidCommitIsPassedOver() { // An address at once is not ours to give.
        byte[] solicit = bytes("01" + XID + option(14, "") + CLIENT_ID + IA_NA + ELAPSED + pxeOptions());

        assertThat(answer(solicit, Service.DHCP, ProxyDhcp6.CLIENT_PORT)).startsWith("02");
    }

    @Test
    void whoeverDoesNotBootFromTheNetworkHearsNothing() {
        assertThat(silence(Packets6.plainSolicit())).isEqualTo(Reason.NOT_NETBOOTING);
        assertThat(silence(bytes("01" + XID + CLIENT_ID + IA_NA + Packets6.PXE_CLASS)))
                .as("does not ask for a URL")
                .isEqualTo(Reason.NOT_NETBOOTING);
        assertThat(silence(bytes("01" + XID + CLIENT_ID + IA_NA + Packets6.ASKS_FOR_BOOT_FILE)))
                .isEqualTo(Reason.NOT_NETBOOTING);
        assertThat(asked).isEmpty();
    }

    @Test
    void firmwareThatKnowsNoProxyKeepsItsServer() {
        String uBoot = Packets6.ASKS_FOR_BOOT_FILE + option(61, "0016") + Packets6.vendorClass("U-Boot");

        assertThat(silence(bytes("01" + XID + CLIENT_ID + IA_NA + uBoot))).isEqualTo(Reason.TAKES_NO_PROXY);
        assertThat(silence(Packets6.ipxeSolicit())).isEqualTo(Reason.TAKES_NO_PROXY);
    }

    @Test
    void ipxeIsKnownWhereItAsksForInformation() {
        byte[] solicit = Packets6.ipxeSolicit();
        byte[] request =
                bytes("0b" + HexFormat.of().formatHex(solicit).substring(2).replace(IA_NA, ""));

        answer(request, Service.DHCP, ProxyDhcp6.CLIENT_PORT);

        assertThat(asked).singleElement().satisfies(client -> {
            assertThat(client.isIpxe()).isTrue();
            assertThat(client.uuid()).contains("33221100-5544-7766-8899-aabbccddeeff");
        });
    }

    @Test
    void whatIsForOthersIsLeftToThem() {
        assertThat(silence(Packets6.pxeRequestToOther())).isEqualTo(Reason.OTHER_SERVER);
        assertThat(silence(bytes("0b" + XID + CLIENT_ID + option(2, "000100") + pxeOptions())))
                .isEqualTo(Reason.OTHER_SERVER);
        assertThat(silence(bytes("01" + XID + CLIENT_ID + option(2, SERVER_DUID) + pxeOptions())))
                .isEqualTo(Reason.NOT_OURS);
        assertThat(silence(bytes("01" + XID + IA_NA + httpOptions()))).isEqualTo(Reason.NOT_OURS);
        for (int type : new int[] {3, 4, 5, 6, 8, 9, 0, 14, 255}) {
            byte[] message = bytes("%02x".formatted(type) + XID + CLIENT_ID + IA_NA + pxeOptions());
            assertThat(silence(message)).as("type " + type).isEqualTo(Reason.NOT_OURS);
        }
        for (int type : new int[] {2, 7, 10}) {
            byte[] message = bytes("%02x".formatted(type) + XID + CLIENT_ID + pxeOptions());
            assertThat(silence(message)).as("type " + type).isEqualTo(Reason.NOT_A_REQUEST);
        }
        byte[] relayReply = Packets6.relayed();
        relayReply[0] = 13;
        assertThat(silence(relayReply)).isEqualTo(Reason.NOT_A_REQUEST);
        assertThat(asked).isEmpty();
    }

    @Test
    void theBootServersPortAnswersOnlyWhoWasSentThere() {
        for (byte[] packet : List.of(
                Packets6.pxeSolicit(), bytes("03" + XID + CLIENT_ID + pxeOptions()), Packets6.pxeRequestToOther())) {
            assertThat(proxy.receive(decode(packet), Service.BOOT_SERVER)).isInstanceOf(Decision.Silence.class);
        }
        assertThat(silence(Packets6.pxeBootServerRequest()))
                .as("an address is not ours to give")
                .isEqualTo(Reason.NOT_OURS);
    }

    @Test
    void whoIsAnsweredOrFindsNothingIsNamed() {
        Decision.Reply reply = (Decision.Reply) proxy.receive(decode(Packets6.pxeSolicit()), Service.DHCP);
        Decision.Silence silence = (Decision.Silence)
                proxy.receive(decode(bytes("0b" + XID + option(61, "0002") + Packets6.PXE_CLASS)), Service.DHCP);

        assertThat(reply.asker().client().architectures()).containsExactly(7);
        assertThat(reply.asker().duid().flatMap(Duid::mac)).contains(new MacAddress("52:54:00:12:34:56"));
        assertThat(reply.asker().behindRelay()).isEmpty();
        assertThat(silence.asker().map(asker -> asker.client().architectures())).contains(List.of(2));
        assertThat(silence.asker().flatMap(ProxyDhcp6.Asker::duid)).isEmpty();
    }

    @Test
    void nothingIsSaidWhereNothingBoots() {
        assertThat(silence(bytes("01" + XID + CLIENT_ID + option(61, "0002") + Packets6.PXE_CLASS)))
                .isEqualTo(Reason.NOTHING_TO_BOOT);
    }

    @Test
    void anAnswerThatNoFrameHoldsIsNotSent() {
        byte[] request =
                Packets6.relay(0, "fe80" + "00".repeat(14), option(18, "00".repeat(1_330)), Packets6.pxeSolicit());

        assertThat(silence(request)).isEqualTo(Reason.TOO_LONG);
    }

    private Optional<String> url(BootClient client) {
        asked.add(client);
        if (client.architectures().contains(2)) {
            return Optional.empty();
        }
        return Optional.of(client.kind() == BootClient.Kind.HTTP ? HTTP : TFTP);
    }

    private String answer(byte[] request, Service service, int port) {
        Decision.Reply reply = (Decision.Reply) proxy.receive(decode(request), service);
        assertThat(reply.port()).isEqualTo(port);
        return hex(reply.message());
    }

    private Reason silence(byte[] request) {
        return ((Decision.Silence) proxy.receive(decode(request), Service.DHCP)).reason();
    }

    private static String hex(Dhcp6Message message) {
        return Dhcp6Codec.octets(message).toString();
    }

    private static Dhcp6Message decode(byte[] packet) {
        try {
            return Dhcp6Codec.decode(ByteBuffer.wrap(packet));
        } catch (MalformedDhcp6Exception e) {
            throw new AssertionError(e);
        }
    }
}
