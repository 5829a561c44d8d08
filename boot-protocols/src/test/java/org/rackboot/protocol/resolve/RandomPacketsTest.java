package org.rackboot.protocol.resolve;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.rackboot.protocol.resolve.BootRequest.ServerAddress;
import org.rackboot.protocol.resolve.BootRequest.Transport;
import org.rackboot.protocol.tftp.MalformedPacketException;
import org.rackboot.protocol.tftp.Negotiation;
import org.rackboot.protocol.tftp.ReadTransfer;
import org.rackboot.protocol.tftp.ReadTransfer.Action;
import org.rackboot.protocol.tftp.ReadTransfer.Outcome;
import org.rackboot.protocol.tftp.TftpCodec;
import org.rackboot.protocol.tftp.TftpPacket;
import org.rackboot.protocol.tftp.TftpPacket.Ack;
import org.rackboot.protocol.tftp.TftpPacket.ReadRequest;

/**
 * Real firmware's packets, most of them broken, from a few clients at once, through everything that is decided about them:
 * codec, resolver, transfers. {@code -Drackboot.packets=N} sends N of them.
 */
class RandomPacketsTest {
    private static final long PACKETS = Long.getLong("rackboot.packets", 100_000);
    private static final int PORTS = 16;
    private static final long SILENCE_NANOS = 90_000_000_000L;
    private static final ServerAddress SERVER = new ServerAddress("10.9.0.1", 5_248, false);

    private final BootCatalog catalog = Catalogs.of(Catalogs.noble("20260101"));
    private final BootResolver resolver = Catalogs.resolver();
    private final SplittableRandom random = new SplittableRandom(2_347);
    private final Map<Integer, Running> transfers = new HashMap<>();
    private final Map<Outcome, Integer> ended = new EnumMap<>(Outcome.class);
    private long nowNanos;
    private long refused;

    private record Running(ReadRequest request, ReadTransfer transfer) {}

    @Test
    void whateverComesIsAnsweredWithinBoundsOrRefused() throws Exception { // G-07
        List<byte[]> real = realPackets();
        for (long i = 0; i < PACKETS; i++) {
            int port = random.nextInt(PORTS);
            byte[] packet = packet(port, real);
            nowNanos += random.nextInt(1_000) == 0 ? SILENCE_NANOS : random.nextLong(20_000_000);
            try {
                timePasses();
                receive(port, packet);
            } catch (RuntimeException | Error e) {
                throw new AssertionError(
                        "packet %d from port %d: %s"
                                .formatted(i, port, HexFormat.of().formatHex(packet)),
                        e);
            }
        }
        assertThat(refused).isBetween(PACKETS / 50, PACKETS / 2);
        assertThat(ended).containsKeys(Outcome.COMPLETED, Outcome.PROBED, Outcome.NEVER_ANSWERED, Outcome.TIMED_OUT);
    }

    /** Clients in a transfer go on with it, mostly, and most of what they say is right. */
    private byte[] packet(int port, List<byte[]> real) {
        Running running = transfers.get(port);
        if (running != null && random.nextInt(8) > 0) {
            byte[] ack = nextAck(running.transfer());
            return random.nextInt(8) > 0 ? ack : mutated(ack);
        }
        return mutated(real.get(random.nextInt(real.size())));
    }

    private void receive(int port, byte[] bytes) {
        TftpPacket packet;
        try {
            packet = TftpCodec.decode(ByteBuffer.wrap(bytes));
        } catch (MalformedPacketException e) {
            refused++;
            return;
        }
        Running running = transfers.get(port);
        if (packet instanceof ReadRequest request) {
            if (running != null && running.request().equals(request)) {
                perform(port, running, running.transfer().onRepeatedRequest(nowNanos));
                return;
            }
            if (running != null) {
                perform(port, running, running.transfer().onReplaced());
            }
            start(port, request);
        } else if (running != null) {
            perform(port, running, running.transfer().onPacket(packet, nowNanos));
        }
    }

    private void start(int port, ReadRequest request) {
        BootAnswer answer = resolver.resolve(new BootRequest(request.filename(), Transport.TFTP, SERVER), catalog);
        if (answer instanceof BootAnswer.Refused || answer instanceof BootAnswer.NotFound) {
            return;
        }
        long size =
                answer instanceof BootAnswer.Content content ? content.file().size() * 9 : 700;
        Running started = new Running(
                request,
                new ReadTransfer(request.options(), size, Negotiation.Limits.DEFAULT, ReadTransfer.Settings.DEFAULT));
        transfers.put(port, started);
        perform(port, started, started.transfer().start(nowNanos));
    }

    /** What a client says that has got everything so far. */
    private static byte[] nextAck(ReadTransfer transfer) {
        boolean began =
                transfer.acknowledgedBytes() > 0 || transfer.agreed().accepted().isEmpty();
        long blocks = transfer.acknowledgedBytes() / transfer.agreed().blockSize();
        byte[] packet = new byte[4];
        TftpCodec.encode(new Ack((int) ((began ? blocks + 1 : 0) & 0xFFFF)), ByteBuffer.wrap(packet));
        return packet;
    }

    private void timePasses() {
        for (int port = 0; port < PORTS; port++) {
            Running running = transfers.get(port);
            if (running != null) {
                perform(port, running, running.transfer().onTimeout(nowNanos));
            }
        }
    }

    private void perform(int port, Running running, List<Action> actions) {
        ReadTransfer transfer = running.transfer();
        if (actions.size() > 3) {
            throw new AssertionError("too many at once: " + actions);
        }
        for (Action action : actions) {
            if (action instanceof Action.SendBlocks blocks) {
                assertThat(blocks.count()).isBetween(1, transfer.agreed().windowSize());
            } else if (action instanceof Action.Read read && random.nextInt(50) > 0) {
                perform(port, running, transfer.onReadable(read.offset() + read.length(), nowNanos));
            } else if (action instanceof Action.Finish finish) {
                assertThat(transfer.deadlineNanos()).isEmpty();
                ended.merge(finish.outcome(), 1, Integer::sum);
                transfers.remove(port, running);
            }
        }
    }

    private byte[] mutated(byte[] original) {
        int length = switch (random.nextInt(8)) {
            case 0 -> random.nextInt(original.length + 1);
            case 1 -> original.length + random.nextInt(600);
            default -> original.length;
        };
        byte[] packet = Arrays.copyOf(original, length);
        for (int changes = random.nextInt(4) * random.nextInt(3); changes > 0 && length > 0; changes--) {
            packet[random.nextInt(length)] = (byte) random.nextInt(random.nextBoolean() ? 8 : 256);
        }
        return packet;
    }

    /** What real clients were seen to send, and its malformed relatives: the fuzz target's inputs. */
    private static List<byte[]> realPackets() throws IOException, URISyntaxException {
        String directory = "/org/rackboot/protocol/tftp/TftpCodecFuzzTestInputs/aDatagramIsReadOrRefused";
        Path inputs = Path.of(Objects.requireNonNull(RandomPacketsTest.class.getResource(directory))
                .toURI());
        List<byte[]> packets = new ArrayList<>();
        try (Stream<Path> files = Files.list(inputs)) {
            for (Path file : files.sorted().toList()) {
                packets.add(Files.readAllBytes(file));
            }
        }
        return packets;
    }
}
