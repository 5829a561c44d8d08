package org.rackboot.protocol.tftp;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.BiConsumer;
import org.rackboot.protocol.tftp.TftpPacket.Ack;
import org.rackboot.protocol.tftp.TftpPacket.Data;
import org.rackboot.protocol.tftp.TftpPacket.ErrorReply;
import org.rackboot.protocol.tftp.TftpPacket.OptionAck;
import org.rackboot.protocol.tftp.TftpPacket.ReadRequest;

/**
 * A TFTP client as firmware writes them: all take blocks in order, and differ in what they ask, in what they say to
 * a block they did not expect, and in how long they try.
 */
final class SimulatedClient {
    enum Kind {
        /** RFC 1350, no options: repeats the ACK of a repeated block (commons-net). */
        LOCKSTEP,
        /** Acks stale blocks with the stale number, never repeats an ACK, stops for seconds (quirk T9). */
        GRUB,
        /** Probes the size first; ACK of the last good block for every unexpected one (quirks T2 to T4). */
        EDK2,
        /** One NACK-like ACK for each gap, ignores repeated blocks (quirks T2, T6). */
        U_BOOT,
        /** RFC 7440 with a large window, as u-root asks for it (quirk T29). */
        WINDOW_64,
        /** Acks each block although it asked for a window, and each repeated one again. */
        ACKS_EACH_BLOCK;

        int blockSize(SplittableRandom random) {
            return switch (this) {
                case LOCKSTEP -> 512;
                case GRUB -> 1_024;
                case U_BOOT -> 1_468;
                case EDK2 -> random.nextBoolean() ? 1_468 : 512; // shim asks for 512 (quirk T22).
                case WINDOW_64, ACKS_EACH_BLOCK -> random.nextInt(8, 1_469);
            };
        }

        int windowSize(SplittableRandom random) {
            return switch (this) {
                case LOCKSTEP, GRUB -> 1;
                case EDK2 -> 4;
                case U_BOOT -> random.nextBoolean() ? 1 : random.nextInt(2, 17);
                case WINDOW_64 -> 64;
                case ACKS_EACH_BLOCK -> random.nextInt(2, 17);
            };
        }

        private long timeoutNanos() {
            return switch (this) {
                case LOCKSTEP, WINDOW_64, ACKS_EACH_BLOCK -> 1_000_000_000L;
                case GRUB -> 800_000_000L;
                case EDK2 -> 3_000_000_000L;
                case U_BOOT -> 5_000_000_000L;
            };
        }

        private int tries() {
            return switch (this) {
                case LOCKSTEP, U_BOOT -> 10;
                case GRUB -> 40;
                case EDK2 -> 5;
                case WINDOW_64, ACKS_EACH_BLOCK -> 20;
            };
        }
    }

    private final Scenario scenario;
    private final SimulatedContent content;
    private final SimulatedTime time;
    private final SplittableRandom random;
    private final BiConsumer<Integer, byte[]> toServer;
    private final Deque<TftpPacket> queuedWhilePaused = new ArrayDeque<>();

    private int port = 1_057;
    private boolean probing;
    private boolean talking; // An answer to the request has come.
    private boolean over;
    private long overNanos;
    private boolean complete;
    private boolean paused;
    private ReadRequest request;
    private int blockSize = Negotiation.DEFAULT_BLOCK_SIZE;
    private int windowSize = 1;
    private long received; // Blocks taken in order.
    private int sinceAck;
    private long nackedAfter = -1;
    private int triesLeft;
    private long timerGeneration;

    SimulatedClient(
            Scenario scenario,
            SimulatedContent content,
            SimulatedTime time,
            SplittableRandom random,
            BiConsumer<Integer, byte[]> toServer) {
        this.scenario = scenario;
        this.content = content;
        this.time = time;
        this.random = random;
        this.toServer = toServer;
        this.probing = scenario.kind() == Kind.EDK2;
        this.request = request();
        this.triesLeft = scenario.kind().tries();
    }

    void start() {
        sendRequest();
    }

    boolean isComplete() {
        return complete;
    }

    /** Ended, with or without the file. */
    boolean isOver() {
        return over;
    }

    long overNanos() {
        return overNanos;
    }

    void receive(int toPort, byte[] datagram) {
        if (toPort != port) {
            return;
        }
        TftpPacket packet;
        try {
            packet = TftpCodec.decode(ByteBuffer.wrap(datagram));
        } catch (MalformedPacketException e) {
            if (scenario.flip() > 0) {
                return;
            }
            throw new AssertionError("the server sent rubbish", e);
        }
        if (paused) {
            if (queuedWhilePaused.size() < 50) {
                queuedWhilePaused.add(packet);
            }
        } else {
            take(packet);
        }
    }

    private void take(TftpPacket packet) {
        if (over) {
            if (complete && packet instanceof Data && scenario.kind() == Kind.LOCKSTEP) {
                ack(received); // Dallying (RFC 1350, 6); firmware is running the file already.
            }
        } else if (packet instanceof ErrorReply error) {
            if (scenario.flip() == 0 || error.message().length() > 8) { // Else an opcode that turned over.
                end();
            }
        } else if (packet instanceof OptionAck optionAck) {
            onOptionAck(optionAck);
        } else if (packet instanceof Data data) {
            onData(data);
        }
    }

    private void onOptionAck(OptionAck optionAck) {
        if (talking) {
            if (received == 0) {
                ack(0);
            }
            return;
        }
        for (TftpOption option : optionAck.options()) { // Quirks T5, T6, T8, T11.
            TftpOption asked = request.options().stream()
                    .filter(each -> each.name().equals(option.name()))
                    .findFirst()
                    .orElseThrow(() -> new AssertionError("not asked: " + option));
            long value = Long.parseLong(option.value());
            switch (option.name()) {
                case "tsize" -> assertThat(value).isEqualTo(content.size());
                case "timeout" -> assertThat(option).isEqualTo(asked);
                default -> assertThat(value).isLessThanOrEqualTo(Long.parseLong(asked.value()));
            }
            if (option.name().equals("blksize")) {
                blockSize = (int) value;
            } else if (option.name().equals("windowsize")) {
                windowSize = (int) value;
            }
        }
        if (probing) {
            send(new ErrorReply(8, "User aborted the transfer"));
            probing = false;
            port++;
            blockSize = Negotiation.DEFAULT_BLOCK_SIZE;
            windowSize = 1;
            request = request();
            triesLeft = scenario.kind().tries();
            sendRequest();
            return;
        }
        talking = true;
        progressed();
        ack(0);
    }

    private void onData(Data data) {
        if (!talking && !request.options().isEmpty()) {
            return; // GRUB and others insist on their options.
        }
        talking = true;
        if (data.block() != ((received + 1) & 0xFFFF)) {
            onUnexpected(data.block());
            return;
        }
        ByteBuffer payload = data.payload();
        if (!content.equalsAt(received * blockSize, payload)) {
            throw new AssertionError("I1: wrong bytes in block " + (received + 1));
        }
        received++;
        sinceAck++;
        progressed();
        if (payload.remaining() < blockSize) {
            assertThat((received - 1) * blockSize + payload.remaining())
                    .as("I1: a short block is the end of the file")
                    .isEqualTo(content.size());
            complete = true;
            end();
            ack(received);
        } else if (sinceAck >= windowSize || scenario.kind() == Kind.ACKS_EACH_BLOCK) {
            ack(received);
        }
        if (scenario.kind() == Kind.GRUB && random.nextInt(200) == 0) {
            pause();
        }
    }

    private void onUnexpected(int wireBlock) {
        boolean stale = ((received - wireBlock) & 0xFFFF) < 0x8000;
        switch (scenario.kind()) {
            case LOCKSTEP -> {
                if (wireBlock == (received & 0xFFFF)) {
                    ack(received);
                }
            }
            case GRUB -> {
                if (stale) {
                    send(new Ack(wireBlock));
                }
            }
            case EDK2, ACKS_EACH_BLOCK -> ack(received);
            case U_BOOT, WINDOW_64 -> {
                if (!stale && nackedAfter != received) {
                    nackedAfter = received;
                    ack(received);
                }
            }
        }
    }

    private void end() {
        over = true;
        overNanos = time.nowNanos();
    }

    private void pause() {
        paused = true;
        time.after(random.nextLong(8_000_000_000L), () -> {
            paused = false;
            while (!queuedWhilePaused.isEmpty()) {
                take(queuedWhilePaused.remove());
            }
        });
    }

    private void progressed() {
        triesLeft = scenario.kind().tries();
        armTimer();
    }

    private void armTimer() {
        long generation = ++timerGeneration;
        time.after(scenario.kind().timeoutNanos(), () -> {
            if (generation == timerGeneration && !over) {
                onTimer();
            }
        });
    }

    private void onTimer() {
        if (--triesLeft <= 0) {
            end();
            if (random.nextBoolean()) {
                send(new ErrorReply(0, "timeout"));
            }
        } else if (!talking) {
            sendRequest();
        } else {
            if (scenario.kind() != Kind.GRUB) {
                ack(received);
            }
            armTimer();
        }
    }

    private ReadRequest request() {
        List<TftpOption> options = new ArrayList<>();
        Kind kind = scenario.kind();
        if (kind == Kind.U_BOOT) {
            options.add(new TftpOption("timeout", "5"));
        }
        if (probing) {
            options.add(new TftpOption("tsize", "0"));
        }
        if (scenario.blockSize() != Negotiation.DEFAULT_BLOCK_SIZE || kind == Kind.EDK2) {
            options.add(new TftpOption("blksize", Integer.toString(scenario.blockSize())));
        }
        if (kind == Kind.GRUB) {
            options.add(new TftpOption("tsize", "0"));
        }
        if (scenario.windowSize() > 1) {
            options.add(new TftpOption("windowsize", Integer.toString(scenario.windowSize())));
        }
        return new ReadRequest("boot", "octet", options);
    }

    private void sendRequest() {
        send(request);
        armTimer();
    }

    private void ack(long block) {
        sinceAck = 0;
        send(new Ack((int) (block & 0xFFFF)));
    }

    private void send(TftpPacket packet) {
        ByteBuffer out = ByteBuffer.allocate(512);
        TftpCodec.encode(packet, out);
        byte[] datagram = new byte[out.position()];
        out.flip().get(datagram);
        toServer.accept(port, datagram);
    }
}
