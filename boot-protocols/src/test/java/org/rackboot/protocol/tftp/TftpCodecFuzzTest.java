package org.rackboot.protocol.tftp;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.nio.ByteBuffer;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import org.rackboot.protocol.tftp.TftpPacket.ErrorReply;
import org.rackboot.protocol.tftp.TftpPacket.OptionAck;
import org.rackboot.protocol.tftp.TftpPacket.ReadRequest;
import org.rackboot.protocol.tftp.TftpPacket.WriteRequest;

/** Any datagram at all. What it takes to fuzz, and not only to replay the inputs in the resources: docs/testing.md. */
class TftpCodecFuzzTest {
    private static final Negotiation.Limits LIMITS = Negotiation.Limits.DEFAULT;

    @FuzzTest(maxDuration = "2m")
    void aDatagramIsReadOrRefused(byte[] datagram) { // F1, S-04
        TftpPacket packet;
        try {
            packet = TftpCodec.decode(ByteBuffer.wrap(datagram).asReadOnlyBuffer());
        } catch (MalformedPacketException e) {
            assertThat(e.getMessage()).matches("[ -~]{1,100}");
            return;
        }
        boolean agreesOnNothing =
                packet instanceof OptionAck optionAck && optionAck.options().isEmpty();
        if (packet instanceof WriteRequest || agreesOnNothing) {
            return; // Never written.
        }
        TftpPacket once = writtenAndRead(packet, datagram.length);
        assertThat(writtenAndRead(once, datagram.length)).isEqualTo(once);
        if (packet instanceof ReadRequest request) {
            assertThat(((ReadRequest) once).filename()).isEqualTo(request.filename());
            checkBounds(request);
            checkNegotiation(request.options());
        } else if (packet instanceof ErrorReply) {
            assertThat(((ErrorReply) once).message()).matches("[ -~]{0,256}");
        } else if (isAscii(datagram)) {
            assertThat(once).isEqualTo(packet);
        }
    }

    private static TftpPacket writtenAndRead(TftpPacket packet, int length) {
        ByteBuffer out = ByteBuffer.allocate(Math.max(512, length + 2));
        TftpCodec.encode(packet, out);
        try {
            return TftpCodec.decode(out.flip());
        } catch (MalformedPacketException e) {
            throw new AssertionError("what was written is not read: " + packet, e);
        }
    }

    private static void checkBounds(ReadRequest request) {
        int characters = request.filename().length() + request.mode().length();
        for (TftpOption option : request.options()) {
            assertThat(option.name()).isNotEmpty();
            characters += option.name().length() + option.value().length();
        }
        assertThat(characters).isLessThan(TftpCodec.MAX_REQUEST_BYTES);
        assertThat(request.options()).hasSizeLessThanOrEqualTo(TftpCodec.MAX_OPTIONS);
    }

    /** Nothing is added, nothing is raised, the order stays (quirks T5, T6, T8). */
    private static void checkNegotiation(List<TftpOption> requested) {
        for (long size : new long[] {0, 511, 1_500_000, 1L << 40}) {
            Negotiation agreed = Negotiation.answer(requested, size, LIMITS);
            int at = 0;
            Set<String> names = new HashSet<>();
            for (TftpOption option : agreed.accepted()) {
                while (!requested.get(at).name().toLowerCase(Locale.ROOT).equals(option.name())) {
                    at++; // Throws when it was never asked for, or not in this order.
                }
                assertThat(names.add(option.name())).as(option.name()).isTrue();
                assertThat(option.value()).matches("[0-9]{1,10}");
            }
            assertThat(agreed.blockSize()).isBetween(Negotiation.MIN_BLOCK_SIZE, LIMITS.maxBlockSize());
            assertThat(agreed.windowSize()).isBetween(1, LIMITS.maxWindowSize());
            assertNotRaised("blksize", agreed.blockSize(), Negotiation.DEFAULT_BLOCK_SIZE, requested, agreed);
            assertNotRaised("windowsize", agreed.windowSize(), 1, requested, agreed);
        }
    }

    private static void assertNotRaised(
            String name, int value, int unasked, List<TftpOption> requested, Negotiation agreed) {
        Optional<TftpOption> accepted = agreed.accepted().stream()
                .filter(option -> option.name().equals(name))
                .findFirst();
        if (accepted.isEmpty()) {
            assertThat(value).as(name).isEqualTo(unasked);
            return;
        }
        assertThat(accepted.get().value()).isEqualTo(Integer.toString(value));
        long asked = requested.stream()
                .filter(option -> option.name().equalsIgnoreCase(name))
                .mapToLong(option -> Long.parseLong(option.value()))
                .findFirst()
                .orElseThrow();
        assertThat((long) value).as(name).isLessThanOrEqualTo(asked);
    }

    private static boolean isAscii(byte[] bytes) {
        for (byte each : bytes) {
            if (each < 0) {
                return false;
            }
        }
        return true;
    }
}
