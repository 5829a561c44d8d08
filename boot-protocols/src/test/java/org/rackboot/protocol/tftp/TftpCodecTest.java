package org.rackboot.protocol.tftp;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.rackboot.protocol.tftp.TftpPacket.Ack;
import org.rackboot.protocol.tftp.TftpPacket.Data;
import org.rackboot.protocol.tftp.TftpPacket.ErrorReply;
import org.rackboot.protocol.tftp.TftpPacket.OptionAck;
import org.rackboot.protocol.tftp.TftpPacket.ReadRequest;
import org.rackboot.protocol.tftp.TftpPacket.WriteRequest;

class TftpCodecTest {
    private static final int MUTATED_PACKETS = 200_000;

    @Test
    void theSizeProbeOfOvmfIsRead() throws MalformedPacketException { // Quirk T4, as captured.
        ByteBuffer packet = hex("0001 626f6f747836342e656669 00 6f63746574 00"
                + "7473697a65 00 30 00 626c6b73697a65 00 31343638 00 77696e646f7773697a65 00 34 00");

        assertThat(TftpCodec.decode(packet))
                .isEqualTo(new ReadRequest(
                        "bootx64.efi", "octet", options("tsize", "0", "blksize", "1468", "windowsize", "4")));
    }

    @Test
    void theAbortOfTheSizeProbeIsRead() throws MalformedPacketException { // Quirk T3, as captured.
        ByteBuffer packet = hex("0005 0008 557365722061626f7274656420746865207472616e73666572 00");

        assertThat(TftpCodec.decode(packet)).isEqualTo(new ErrorReply(8, "User aborted the transfer"));
    }

    @Test
    void theSmallPacketsAreRead() throws MalformedPacketException {
        assertThat(TftpCodec.decode(hex("0004 ffff"))).isEqualTo(new Ack(65_535));
        assertThat(TftpCodec.decode(hex("0003 8001 6869"))).isEqualTo(new Data(0x8001, ascii("hi")));
        assertThat(TftpCodec.decode(hex("0003 0002"))).isEqualTo(new Data(2, ascii(""))); // Quirk T17.
        assertThat(TftpCodec.decode(hex("0002 66 00 6f63746574 00"))).isEqualTo(new WriteRequest("f", "octet"));
        assertThat(TftpCodec.decode(hex("0006 7473697a65 00 39 00"))).isEqualTo(new OptionAck(options("tsize", "9")));
    }

    @Test
    void whatTheServerSendsIsWrittenAsTheRfcDrawsIt() {
        assertThat(encoded(new OptionAck(options("tsize", "9", "blksize", "8"))))
                .isEqualTo(hex("0006 7473697a65 00 39 00 626c6b73697a65 00 38 00"));
        assertThat(encoded(new Data(0x12345, ascii("x")))).isEqualTo(hex("0003 2345 78"));
        assertThat(encoded(new ErrorReply(1, "no"))).isEqualTo(hex("0005 0001 6e6f 00"));
    }

    @Test
    void errorTextIsPrintableAsciiAndShort() throws MalformedPacketException { // S-63
        String hostile = "a\r\n\u001b[31m\u00e9" + "x".repeat(1_000);

        ErrorReply written = (ErrorReply) TftpCodec.decode(encoded(new ErrorReply(1, hostile)));

        assertThat(written.message()).startsWith("a???[31m?x").hasSize(256);
    }

    @ParameterizedTest
    @MethodSource("sentPackets")
    void whatIsWrittenIsReadBack(TftpPacket packet) throws MalformedPacketException {
        assertThat(TftpCodec.decode(encoded(packet))).isEqualTo(packet);
    }

    static Stream<TftpPacket> sentPackets() {
        return Stream.of(
                new ReadRequest("/grub/grub.cfg", "octet", options("blksize", "1024", "tsize", "0")),
                new ReadRequest("name\u00ff", "octet", List.of()), // Quirk T34: no byte is lost.
                new Data(0, ascii("payload")),
                new Ack(40_000),
                new ErrorReply(0, "closed"),
                new OptionAck(options("timeout", "5", "blksize", "1468")));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "0001 66 00 6f63746574", // The last NUL is missing.
                "0001 66 00 6f63746574 00 626c6b73697a65", // A name without value or end,
                "0001 66 00 6f63746574 00 626c6b73697a65 00", // without value,
                "0001 66 00 6f63746574 00 00 00 00 00", // only padding,
                "0001 66 00 6f63746574 00 00 ff ff 00 31 00", // rubbish after an empty name.
            })
    void aBrokenTailIsIgnored(String packet) throws MalformedPacketException { // Quirk T24
        assertThat(TftpCodec.decode(hex(packet))).isEqualTo(new ReadRequest("f", "octet", List.of()));
    }

    @Test
    void anEmptyOptionValueIsRead() throws MalformedPacketException { // Quirk T14: iPXE's tftm://
        assertThat(TftpCodec.decode(hex("0001 66 00 6f63746574 00 6d756c746963617374 00 00 7473697a65 00 30 00")))
                .isEqualTo(new ReadRequest("f", "octet", options("multicast", "", "tsize", "0")));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "00",
                "0001",
                "0004 01",
                "0001 66 66 66", // A name without end,
                "0001 66 66 00", // without mode.
                "0002 66 00 6f63746574",
                "0000 0000",
                "0007 0000",
                "0100 0000",
            })
    void rubbishIsRefused(String packet) { // S-04
        assertThatThrownBy(() -> TftpCodec.decode(hex(packet))).isInstanceOf(MalformedPacketException.class);
    }

    @Test
    void aRequestIsReadUpToEightOptionsAndFiveHundredBytes() throws MalformedPacketException { // S-04
        byte[] many = ("\0\1f\0octet\0" + "o\0001\0".repeat(100)).getBytes(US_ASCII);
        byte[] endless = ("\0\1" + "a".repeat(2_000) + "\0octet\0").getBytes(US_ASCII);

        assertThat(((ReadRequest) TftpCodec.decode(ByteBuffer.wrap(many))).options())
                .hasSize(TftpCodec.MAX_OPTIONS);
        assertThatThrownBy(() -> TftpCodec.decode(ByteBuffer.wrap(endless)))
                .isInstanceOf(MalformedPacketException.class);
    }

    @Test
    void aServerWritesNoWriteRequest() {
        assertThatThrownBy(() -> encoded(new WriteRequest("f", "octet"))).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void mutatedPacketsAreReadOrRefusedAndNothingElse() { // S-04, G-07
        List<byte[]> originals = sentPackets().map(TftpCodecTest::bytes).toList();
        SplittableRandom random = new SplittableRandom(1_350);
        int refused = 0;
        for (int i = 0; i < MUTATED_PACKETS; i++) {
            byte[] packet = mutated(originals.get(random.nextInt(originals.size())), random);
            try {
                assertThat(TftpCodec.decode(ByteBuffer.wrap(packet).asReadOnlyBuffer()) == null)
                        .isFalse();
            } catch (MalformedPacketException e) {
                refused++;
            } catch (RuntimeException | Error e) {
                throw new AssertionError("packet " + HexFormat.of().formatHex(packet), e);
            }
        }
        assertThat(refused).isBetween(MUTATED_PACKETS / 20, MUTATED_PACKETS * 19 / 20);
    }

    private static byte[] mutated(byte[] original, SplittableRandom random) {
        int length = random.nextInt(3) == 0 ? random.nextInt(600) : original.length;
        byte[] packet = Arrays.copyOf(original, length);
        for (int changes = random.nextInt(6); changes > 0 && length > 0; changes--) {
            packet[random.nextInt(length)] = (byte) random.nextInt(random.nextBoolean() ? 8 : 256);
        }
        return packet;
    }

    private static ByteBuffer encoded(TftpPacket packet) {
        ByteBuffer out = ByteBuffer.allocate(512);
        TftpCodec.encode(packet, out);
        return out.flip();
    }

    private static byte[] bytes(TftpPacket packet) {
        ByteBuffer packed = encoded(packet);
        byte[] bytes = new byte[packed.remaining()];
        packed.get(bytes);
        return bytes;
    }

    private static List<TftpOption> options(String... namesAndValues) {
        return Options.of(namesAndValues);
    }

    private static ByteBuffer ascii(String text) {
        return ByteBuffer.wrap(text.getBytes(US_ASCII));
    }

    private static ByteBuffer hex(String text) {
        return ByteBuffer.wrap(HexFormat.of().parseHex(text.replace(" ", "")));
    }
}
