package org.rackboot.protocol.dhcp;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.nio.BufferOverflowException;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rackboot.protocol.address.Ipv4Address;
import org.rackboot.protocol.bootname.MacAddress;

class DhcpCodecTest {
    private static final Octets MAC =
            Octets.of((byte) 0x52, (byte) 0x54, (byte) 0, (byte) 0x12, (byte) 0x34, (byte) 0x56);

    @Test
    void aDiscoverOfTheIpxeRomIsRead() throws Exception {
        DhcpMessage discover = decode(packet(options -> {
            put(options, 53, "01");
            put(options, 57, "05c0");
            put(options, 93, "0000");
            put(options, 94, "010201");
            put(options, 60, text("PXEClient:Arch:00000:UNDI:002001"));
            put(options, 77, text("iPXE"));
            put(options, 55, "010306070c0f111a2b3c4243");
            put(options, 97, "00" + "33221100554477668899aabbccddeeff");
            options.put((byte) 255);
        }));

        assertThat(discover.isRequest()).isTrue();
        assertThat(discover.transactionId()).isEqualTo(0x11223344);
        assertThat(discover.seconds()).isEqualTo(4);
        assertThat(discover.isBroadcast()).isTrue();
        assertThat(discover.hardware().mac()).contains(new MacAddress("52:54:00:12:34:56"));
        DhcpOptions options = discover.options();
        assertThat(options.messageType()).contains(MessageType.DISCOVER);
        assertThat(options.maxMessageSize()).isEqualTo(1472);
        assertThat(options.architectures()).contains(new ClientArchitectures(List.of(0)));
        assertThat(options.networkInterface()).contains(new NetworkInterfaceId(1, 2, 1));
        assertThat(options.vendorClass().orElseThrow().isPxeClient()).isTrue();
        assertThat(options.userClass().orElseThrow().isIpxe()).isTrue();
        assertThat(options.requested()).startsWith(1, 3, 6).endsWith(66, 67);
        assertThat(options.machineId().flatMap(MachineId::uuid)).contains("00112233-4455-6677-8899-aabbccddeeff");
    }

    @Test
    void whatIsWrittenIsReadAgain() throws Exception {
        PxeVendorOptions pxe = new PxeVendorOptions(
                OptionalInt.of(PxeVendorOptions.USE_THE_FILE),
                List.of(new PxeVendorOptions.BootServers(0x8000, List.of(new Ipv4Address(0xC6120001)))),
                List.of(new PxeVendorOptions.MenuEntry(0x8000, "rackboot")),
                Optional.of(new PxeVendorOptions.Prompt(0, "rackboot")),
                Optional.of(new PxeVendorOptions.BootItem(0x8000, 0)));
        DhcpMessage offer = message(
                "lpxelinux.0",
                MessageType.OFFER,
                new ServerIdentifier(new Ipv4Address(0xC6120001)),
                VendorClass.PXE_CLIENT,
                pxe,
                new TftpServerName("198.18.0.1"),
                new BootFileName("lpxelinux.0"),
                new UserClass(List.of("one", "two")),
                new ClientArchitectures(List.of(7, 9)),
                new NetworkInterfaceId(1, 3, 0),
                new MachineId(Octets.of(new byte[17])),
                new RawOption(82, Octets.of((byte) 1, (byte) 1, (byte) 7)));

        DhcpMessage read = decode(written(offer));

        assertThat(read).isEqualTo(offer);
        assertThat(read.options().pxe()).contains(pxe);
        assertThat(read.options().userClass()).contains(new UserClass(List.of("one", "two")));
        assertThat(read.options().bootFileName()).contains(new BootFileName("lpxelinux.0"));
        assertThat(read.options().serverIdentifier().orElseThrow().address()).hasToString("198.18.0.1");
    }

    @Test
    void aFileNameIsEndedByNulInBothPlaces() {
        ByteBuffer bytes = written(message("bootx64.efi", new BootFileName("bootx64.efi")));

        assertThat(bytes.remaining()).isGreaterThanOrEqualTo(300);
        byte[] file = new byte[12];
        bytes.get(108, file);
        assertThat(new String(file, ISO_8859_1)).isEqualTo("bootx64.efi\0");
        byte[] option = new byte[14];
        bytes.get(240, option);
        assertThat(new String(option, ISO_8859_1)).isEqualTo("C\u000cbootx64.efi\0");
    }

    @Test
    void aLongOptionIsWrittenInPartsAndReadAsOne() throws Exception { // RFC 3396
        String name = "http://198.18.0.1:5248/" + "a".repeat(600);

        DhcpMessage read = decode(written(message("", new BootFileName(name), MessageType.ACK)));

        assertThat(read.options().bootFileName()).contains(new BootFileName(name));
        assertThat(read.options().messageType()).contains(MessageType.ACK);
    }

    @Test
    void optionsGoOnInFileAndServerName() throws Exception { // RFC 2132, 9.3; RFC 3396, 5
        byte[] bytes = packet(options -> {
            put(options, 67, text("one,"));
            put(options, 52, "03");
            options.put((byte) 255);
        });
        ByteBuffer.wrap(bytes).position(108).put(bytes(67, "two,")).put((byte) 255);
        ByteBuffer.wrap(bytes).position(44).put(bytes(67, "three")).put((byte) 255);

        DhcpMessage read = decode(bytes);

        assertThat(read.options().bootFileName()).contains(new BootFileName("one,two,three"));
        assertThat(read.file()).isEmpty();
        assertThat(read.serverName()).isEmpty();
        assertThat(decode(written(read))).isEqualTo(read);
    }

    @Test
    void aMissingEndAndPaddingAreNoError() throws Exception {
        assertThat(decode(packet(options -> options.put(new byte[3]).put(bytes(60, "PXEClient"))))
                        .options()
                        .vendorClass())
                .contains(VendorClass.PXE_CLIENT);
        assertThat(decode(packet(options -> {})).options().messageType()).isEmpty();
    }

    @Test
    void aValueOfTheWrongFormIsAbsent() throws Exception {
        DhcpOptions options = decode(packet(each -> {
                    put(each, 53, "09");
                    put(each, 54, "c61200");
                    put(each, 57, "0010");
                    put(each, 94, "01");
                    put(each, 97, "00112233");
                    put(each, 43, "0609");
                    put(each, 93, "000700");
                }))
                .options();

        assertThat(options.messageType()).isEmpty();
        assertThat(options.serverIdentifier()).isEmpty();
        assertThat(options.maxMessageSize()).isEqualTo(576);
        assertThat(options.networkInterface()).isEmpty();
        assertThat(options.machineId().flatMap(MachineId::uuid)).isEmpty();
        assertThat(options.pxe()).isEmpty();
        assertThat(options.architectures()).contains(new ClientArchitectures(List.of(7)));
    }

    @Test
    void whatIsNoDhcpIsMalformed() {
        byte[] good = packet(options -> put(options, 53, "01"));
        refused(new byte[0], "has 0 bytes");
        refused(HexFormat.of().parseHex("00".repeat(239)), "has 239 bytes");
        refused(changed(good, 0, 3), "op 3");
        refused(changed(good, 2, 17), "17 bytes");
        refused(changed(good, 236, 0), "cookie");
        refused(changed(good, 241, 200), "option 53 runs over");
        refused(packet(options -> options.put((byte) 53)), "option 53 has no length");
        byte[] overloaded = packet(options -> put(options, 52, "01"));
        refused(changed(changed(overloaded, 108 + 127, 67), 108 + 126, 0), "option 67 has no length");
    }

    @ParameterizedTest
    @ValueSource(strings = {"iPXE", "\u0004iPXE", "\u0003abc\u0004iPXE"})
    void ipxeIsKnownWithAndWithoutLength(String value) throws Exception { // D13
        assertThat(decode(packet(options -> put(options, 77, text(value))))
                        .options()
                        .userClass()
                        .orElseThrow()
                        .isIpxe())
                .isTrue();
    }

    @Test
    void aVendorClassTellsItsArchitectures() { // D11
        assertThat(new VendorClass("PXEClient:Arch:00007:UNDI:003000").architectures())
                .containsExactly(7);
        assertThat(new VendorClass("PXEClient:Arch:00000,00007:UNDI:003000").architectures())
                .containsExactly(0, 7);
        assertThat(new VendorClass("PXEClient").architectures()).isEmpty();
        assertThat(new VendorClass("AAPLBSDPC/i386/iMac").isPxeClient()).isFalse();
    }

    @ParameterizedTest
    @ValueSource(strings = {"00", "ff"})
    void aMachineIdOfNothingIsNoUuid(String octet) { // D10
        Octets value = Octets.of(HexFormat.of().parseHex("00" + octet.repeat(16)));
        assertThat(new MachineId(value).uuid()).isEmpty();
    }

    @Test
    void aMessageThatDoesNotFitIsNotCut() {
        DhcpMessage message = message("", new BootFileName("a".repeat(200)));

        assertThatExceptionOfType(BufferOverflowException.class)
                .isThrownBy(() -> DhcpCodec.encode(message, ByteBuffer.allocate(400)));
    }

    @Test
    void everyArchitectureOfTheListHasAName() {
        for (int code = 0; code <= 41; code++) {
            assertThat(ArchitectureType.of(code).orElseThrow().code()).isEqualTo(code);
        }
        assertThat(ArchitectureType.of(42)).isEmpty();
        assertThat(ArchitectureType.of(9).flatMap(ArchitectureType::architecture))
                .contains("amd64");
        assertThat(ArchitectureType.of(16).orElseThrow().isHttp()).isTrue();
    }

    @Test
    void mutatedPacketsAreReadOrRefused() throws Exception {
        Random random = new Random(6);
        byte[] good = packet(options -> {
            put(options, 53, "01");
            put(options, 93, "0007");
            put(options, 43, "0601080806800001c61200010903800000ff");
            put(options, 77, "0469505845");
            put(options, 52, "03");
            put(options, 60, text("PXEClient:Arch:00007:UNDI:003000"));
        });
        int read = 0;
        for (int i = 0; i < 200_000; i++) {
            byte[] bytes = good.clone();
            for (int flips = random.nextInt(6); flips >= 0; flips--) {
                bytes[random.nextInt(bytes.length)] = (byte) random.nextInt();
            }
            ByteBuffer in =
                    ByteBuffer.wrap(bytes).limit(random.nextInt(10) == 0 ? random.nextInt(bytes.length) : bytes.length);
            DhcpMessage message;
            try {
                message = DhcpCodec.decode(in);
            } catch (MalformedDhcpException e) {
                assertThat(e.getMessage()).matches("[ -~]{1,100}");
                continue;
            }
            read++;
            assertThat(decode(written(message))).isEqualTo(message);
            message.options()
                    .pxe()
                    .ifPresent(pxe ->
                            assertThat(PxeVendorOptions.read(pxe.value())).contains(pxe));
            message.options().userClass().ifPresent(UserClass::isIpxe);
            message.options().vendorClass().ifPresent(VendorClass::architectures);
            message.options().machineId().ifPresent(MachineId::uuid);
            message.options().maxMessageSize();
        }
        assertThat(read).isBetween(20_000, 190_000);
    }

    private static DhcpMessage message(String file, DhcpOption... options) {
        return new DhcpMessage(
                false,
                new HardwareAddress(HardwareAddress.ETHERNET, MAC),
                0,
                7,
                0,
                true,
                Ipv4Address.UNSPECIFIED,
                Ipv4Address.UNSPECIFIED,
                new Ipv4Address(0xC6120001),
                Ipv4Address.UNSPECIFIED,
                "",
                file,
                DhcpOptions.of(List.of(options)));
    }

    private static ByteBuffer written(DhcpMessage message) {
        ByteBuffer out = ByteBuffer.allocate(4_096);
        DhcpCodec.encode(message, out);
        return out.flip();
    }

    /** A request with the options given. */
    private static byte[] packet(Consumer<ByteBuffer> options) {
        ByteBuffer out = ByteBuffer.allocate(2_000);
        out.put(new byte[] {1, 1, 6, 0}).putInt(0x11223344).putShort((short) 4).putShort((short) 0x8000);
        out.put(new byte[16]).put(MAC.buffer()).put(new byte[10 + 64 + 128]).putInt(0x63825363);
        options.accept(out);
        byte[] bytes = new byte[out.flip().remaining()];
        out.get(bytes);
        return bytes;
    }

    private static DhcpMessage decode(byte[] bytes) throws MalformedDhcpException {
        return decode(ByteBuffer.wrap(bytes));
    }

    private static DhcpMessage decode(ByteBuffer bytes) throws MalformedDhcpException {
        return DhcpCodec.decode(bytes.asReadOnlyBuffer());
    }

    private static void put(ByteBuffer options, int code, String hex) {
        byte[] value = HexFormat.of().parseHex(hex);
        options.put((byte) code).put((byte) value.length).put(value);
    }

    private static byte[] bytes(int code, String text) {
        return HexFormat.of().parseHex("%02x%02x".formatted(code, text.length()) + text(text));
    }

    private static String text(String text) {
        return HexFormat.of().formatHex(text.getBytes(ISO_8859_1));
    }

    private static byte[] changed(byte[] bytes, int at, int value) {
        byte[] changed = bytes.clone();
        changed[at] = (byte) value;
        return changed;
    }

    private static void refused(byte[] bytes, String why) {
        assertThatExceptionOfType(MalformedDhcpException.class)
                .isThrownBy(() -> decode(bytes))
                .withMessageContaining(why);
    }
}
