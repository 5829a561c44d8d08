package org.rackboot.protocol.dhcp6;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.rackboot.protocol.dhcp6.Packets6.XID;
import static org.rackboot.protocol.dhcp6.Packets6.bytes;
import static org.rackboot.protocol.dhcp6.Packets6.option;
import static org.rackboot.protocol.dhcp6.Packets6.text;

import java.nio.BufferOverflowException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.rackboot.protocol.address.Ipv6Address;
import org.rackboot.protocol.bootname.MacAddress;
import org.rackboot.protocol.dhcp.Octets;
import org.rackboot.protocol.dhcp6.Dhcp6Message.Exchange;
import org.rackboot.protocol.dhcp6.Dhcp6Message.Relay;
import org.rackboot.protocol.dhcp6.Dhcp6Option.BootFileParameters;
import org.rackboot.protocol.dhcp6.Dhcp6Option.BootFileUrl;
import org.rackboot.protocol.dhcp6.Dhcp6Option.ClientArchitectures;
import org.rackboot.protocol.dhcp6.Dhcp6Option.ClientId;
import org.rackboot.protocol.dhcp6.Dhcp6Option.ElapsedTime;
import org.rackboot.protocol.dhcp6.Dhcp6Option.InterfaceId;
import org.rackboot.protocol.dhcp6.Dhcp6Option.NetworkInterface;
import org.rackboot.protocol.dhcp6.Dhcp6Option.OptionRequest;
import org.rackboot.protocol.dhcp6.Dhcp6Option.RelayMessage;
import org.rackboot.protocol.dhcp6.Dhcp6Option.ServerId;
import org.rackboot.protocol.dhcp6.Dhcp6Option.StatusCode;
import org.rackboot.protocol.dhcp6.Dhcp6Option.Unread;
import org.rackboot.protocol.dhcp6.Dhcp6Option.UserClass;
import org.rackboot.protocol.dhcp6.Dhcp6Option.VendorClass;
import org.rackboot.protocol.dhcp6.Dhcp6Option.VendorOptions;

class Dhcp6CodecTest {
    @Test
    void theSolicitOfOvmfIsRead() throws Exception {
        Exchange solicit = (Exchange) decode(Packets6.pxeSolicit());

        assertThat(solicit.type()).isEqualTo(Dhcp6Type.SOLICIT);
        assertThat(solicit.transactionId()).isEqualTo(0x1A2B3C);
        Dhcp6Options options = solicit.options();
        Duid duid = options.first(ClientId.class).orElseThrow().duid();
        assertThat(duid).isInstanceOf(Duid.LinkLayerTime.class);
        assertThat(duid.mac()).contains(new MacAddress("52:54:00:12:34:56"));
        assertThat(options.first(ElapsedTime.class)).contains(new ElapsedTime(0));
        assertThat(options.first(OptionRequest.class)).contains(new OptionRequest(List.of(59, 60, 23, 16)));
        assertThat(options.first(ClientArchitectures.class)).contains(new ClientArchitectures(List.of(7)));
        assertThat(options.first(NetworkInterface.class)).contains(new NetworkInterface(1, 3, 0));
        VendorClass vendor = options.first(VendorClass.class).orElseThrow();
        assertThat(vendor.enterprise()).isEqualTo(343);
        assertThat(vendor.words()).isEqualTo("PXEClient:Arch:00007:UNDI:003000");
        assertThat(options.has(Dhcp6Option.IA_NA)).isTrue();
        assertThat(options.all()).hasSize(7);
    }

    @Test
    void aMessageThroughTwoRelaysIsRead() throws Exception { // RFC 8415, 9
        Relay outer = (Relay) decode(Packets6.relayed());

        assertThat(outer.isForward()).isTrue();
        assertThat(outer.hopCount()).isEqualTo(1);
        assertThat(outer.link()).hasToString("2001:db8:0:2::1");
        assertThat(outer.peer()).hasToString("2001:db8:0:1::1");
        assertThat(outer.options().first(InterfaceId.class)).contains(new InterfaceId(Octets.ofText("uplink")));
        Relay inner = (Relay) outer.message();
        assertThat(inner.hopCount()).isZero();
        assertThat(inner.peer().isLinkLocal()).isTrue();
        assertThat(inner.message()).isEqualTo(decode(Packets6.pxeSolicit()));
    }

    @Test
    void anAnswerIsWrittenAsRfc5970LaysItOut() {
        Exchange reply = new Exchange(
                Dhcp6Type.REPLY,
                0x1A2B3C,
                Dhcp6Options.of(
                        new BootFileUrl("tftp://[2001:db8::1]/bootx64.efi"),
                        new BootFileParameters(List.of(Octets.ofText("one"), Octets.ofText("two"))),
                        VendorClass.of(343, "PXEClient")));

        assertThat(written(reply))
                .isEqualTo(bytes("07" + XID + option(59, text("tftp://[2001:db8::1]/bootx64.efi"))
                        + option(60, "0003" + text("one") + "0003" + text("two"))
                        + option(16, "00000157" + "0009" + text("PXEClient"))));
    }

    @Test
    void whatIsReadIsWrittenAgainByteForByte() throws Exception {
        for (byte[] packet : List.of(
                Packets6.pxeSolicit(),
                Packets6.httpSolicit(),
                Packets6.ipxeSolicit(),
                Packets6.informationRequest(),
                Packets6.relayed())) {
            assertThat(written(decode(packet))).isEqualTo(packet);
        }
    }

    @Test
    void anyMessageIsReadAsItWasWritten() throws Exception {
        Random random = new Random(8415);
        for (int i = 0; i < 20_000; i++) {
            Dhcp6Message message = message(random, random.nextInt(4) == 0 ? random.nextInt(9) : 0);

            assertThat(decode(written(message))).isEqualTo(message);
        }
    }

    @Test
    void namesOfMachinesAreRead() { // RFC 8415, 11; RFC 6355
        assertThat(duid("0003" + "0001" + "525400123456").mac()).contains(new MacAddress("52:54:00:12:34:56"));
        assertThat(duid("0003" + "0020" + "525400123456").mac())
                .as("InfiniBand")
                .isEmpty();
        assertThat(duid("0002" + "00000009" + "0cc084d303000912"))
                .isEqualTo(new Duid.Enterprise(9, octets("0cc084d303000912")));
        assertThat(duid("0004" + "00112233445566778899aabbccddeeff").uuid())
                .contains("00112233-4455-6677-8899-aabbccddeeff");
        assertThat(duid("0004" + "ff".repeat(16)).uuid()).isEmpty();
        assertThat(duid("0004" + "ff".repeat(15))).isInstanceOf(Duid.Other.class);
        assertThat(duid("0009" + "01")).isInstanceOf(Duid.Other.class);
        assertThat(Duid.read(octets("0004"))).isEmpty();
        assertThat(Duid.read(octets("0004" + "00".repeat(129)))).isEmpty();
    }

    @Test
    void aValueOfTheWrongFormIsAbsentAndKept() throws Exception {
        byte[] packet = bytes("01" + XID + option(1, "00") + option(6, "003b3c") + option(8, "00") + option(13, "00")
                + option(15, "0005" + text("iPXE")) + option(16, "0001") + option(60, "0009") + option(61, "")
                + option(62, "0103") + option(59, "c3") + option(9, "01") + option(65535, "00"));

        Dhcp6Message message = decode(packet);

        assertThat(message.options().all()).hasSize(12).allMatch(Unread.class::isInstance);
        assertThat(written(message)).isEqualTo(packet);
    }

    @Test
    void aVendorClassIsFoundWhateverLengthItSays() throws Exception {
        byte[] packet = bytes("01" + XID + option(16, "00000000" + "00ff" + text("HTTPClient")));

        assertThat(decode(packet)
                        .options()
                        .first(VendorClass.class)
                        .orElseThrow()
                        .words())
                .isEqualTo("HTTPClient");
    }

    @Test
    void whatIsNoDhcpv6IsMalformed() {
        refused("", "has 0 bytes");
        refused("01" + "1a2b", "has 3 bytes");
        refused("01" + XID + "0001", "cut after 2 bytes");
        refused("01" + XID + "0001" + "0004" + "000000", "option 1 runs over");
        refused("0c00" + "00".repeat(31), "has 33 bytes");
        refused("0c00" + "00".repeat(32), "has 0 messages");
        refused("0c09" + "00".repeat(32) + option(9, "01" + XID), "hop count is 9");
        refused("0c00" + "00".repeat(32) + option(9, "01" + XID).repeat(2), "has 2 messages");
        refused("0c00" + "00".repeat(32) + option(9, "01"), "has 1 bytes");
        refused("01" + XID + option(99, "").repeat(129), "more than 128 options");
        refused("01" + XID + option(99, "00".repeat(9_000)), "at most 9000");
    }

    @Test
    void eightRelaysAreTheMost() throws Exception {
        byte[] packet = Packets6.pxeSolicit();
        for (int hops = 0; hops < 8; hops++) {
            packet = Packets6.relay(hops, "00".repeat(16), "", packet);
        }
        assertThat(written(decode(packet))).isEqualTo(packet);

        refused(Packets6.relay(8, "00".repeat(16), "", packet), "more than 8 relays");
    }

    @Test
    void optionsOfAllMessagesOfAPacketAreCounted() throws Exception {
        byte[] most = bytes("01" + XID + option(99, "").repeat(127));

        decode(Packets6.relay(0, "00".repeat(16), "", most));
        refused(Packets6.relay(0, "00".repeat(16), option(18, ""), most), "more than 128 options");
    }

    @Test
    void whatCannotBeWrittenIsRefused() {
        Exchange message = new Exchange(1, 7, Dhcp6Options.of(new BootFileUrl("a".repeat(100))));

        assertThatExceptionOfType(BufferOverflowException.class)
                .isThrownBy(() -> Dhcp6Codec.encode(message, ByteBuffer.allocate(100)));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> written(new Exchange(1, 7, Dhcp6Options.of(new BootFileUrl("a".repeat(65_536))))));
        assertThatIllegalArgumentException().isThrownBy(() -> new Exchange(12, 7, Dhcp6Options.of()));
        assertThatIllegalArgumentException().isThrownBy(() -> new Exchange(1, 1 << 24, Dhcp6Options.of()));
        assertThatIllegalArgumentException()
                .isThrownBy(
                        () -> new Relay(true, 0, Ipv6Address.UNSPECIFIED, Ipv6Address.UNSPECIFIED, Dhcp6Options.of()));
    }

    private static Dhcp6Message message(Random random, int relays) {
        List<Dhcp6Option> options = new ArrayList<>();
        for (int more = random.nextInt(6); more > 0; more--) {
            options.add(anyOption(random));
        }
        if (relays == 0) {
            return new Exchange(1 + random.nextInt(11), random.nextInt(1 << 24), new Dhcp6Options(options));
        }
        options.add(random.nextInt(options.size() + 1), new RelayMessage(message(random, relays - 1)));
        return new Relay(
                random.nextBoolean(),
                random.nextInt(9),
                new Ipv6Address(random.nextLong(), random.nextLong()),
                new Ipv6Address(random.nextLong(), random.nextLong()),
                new Dhcp6Options(options));
    }

    private static Dhcp6Option anyOption(Random random) {
        return switch (random.nextInt(15)) {
            case 0 -> new ClientId(anyDuid(random));
            case 1 -> new ServerId(anyDuid(random));
            case 2 -> new OptionRequest(shorts(random));
            case 3 -> new ElapsedTime(random.nextInt(65_536));
            case 4 -> new StatusCode(random.nextInt(65_536), "nö");
            case 5 -> new UserClass(List.of(octets(random, 20), octets(random, 20)));
            case 6 -> new VendorClass(random.nextInt() & 0xFFFFFFFFL, octets(random, 40));
            case 7 -> new VendorOptions(random.nextInt() & 0xFFFFFFFFL, octets(random, 40));
            case 8 -> new InterfaceId(octets(random, 20));
            case 9 -> new BootFileUrl("http://[2001:db8::%x]/a".formatted(random.nextInt(65_536)));
            case 10 -> new BootFileParameters(List.of(octets(random, 20)));
            case 11 -> new ClientArchitectures(shorts(random));
            case 12 -> new NetworkInterface(random.nextInt(256), random.nextInt(256), random.nextInt(256));
            case 13 -> new Unread(100 + random.nextInt(65_436), octets(random, 20));
            default -> new Unread(Dhcp6Option.IA_NA, octets(random, 40));
        };
    }

    private static Duid anyDuid(Random random) {
        return switch (random.nextInt(4)) {
            case 0 ->
                new Duid.LinkLayerTime(random.nextInt(65_536), random.nextInt() & 0xFFFFFFFFL, octets(random, 20));
            case 1 -> new Duid.Enterprise(random.nextInt() & 0xFFFFFFFFL, octets(random, 20));
            case 2 -> new Duid.LinkLayer(random.nextInt(65_536), octets(random, 20));
            default -> new Duid.Uuid(octets("00112233445566778899aabbccddeeff"));
        };
    }

    private static List<Integer> shorts(Random random) {
        return random.ints(1 + random.nextInt(9), 0, 65_536).boxed().toList();
    }

    private static Octets octets(Random random, int most) {
        byte[] bytes = new byte[random.nextInt(most)];
        random.nextBytes(bytes);
        return Octets.of(bytes);
    }

    private static Octets octets(String hex) {
        return Octets.of(bytes(hex));
    }

    private static Duid duid(String hex) {
        Duid duid = Duid.read(octets(hex)).orElseThrow();
        assertThat(duid.octets()).isEqualTo(octets(hex));
        return duid;
    }

    private static Dhcp6Message decode(byte[] packet) throws MalformedDhcp6Exception {
        return Dhcp6Codec.decode(ByteBuffer.wrap(packet).asReadOnlyBuffer());
    }

    private static byte[] written(Dhcp6Message message) {
        ByteBuffer out = ByteBuffer.allocate(9_000);
        Dhcp6Codec.encode(message, out);
        byte[] bytes = new byte[out.flip().remaining()];
        out.get(bytes);
        return bytes;
    }

    private static void refused(String hex, String why) {
        refused(bytes(hex), why);
    }

    private static void refused(byte[] packet, String why) {
        assertThatExceptionOfType(MalformedDhcp6Exception.class)
                .isThrownBy(() -> decode(packet))
                .withMessageContaining(why);
    }
}
