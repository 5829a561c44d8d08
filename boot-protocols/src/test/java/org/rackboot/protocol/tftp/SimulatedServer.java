package org.rackboot.protocol.tftp;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.function.BiConsumer;
import org.rackboot.protocol.tftp.ReadTransfer.Action;
import org.rackboot.protocol.tftp.ReadTransfer.Outcome;
import org.rackboot.protocol.tftp.TftpPacket.Ack;
import org.rackboot.protocol.tftp.TftpPacket.Data;
import org.rackboot.protocol.tftp.TftpPacket.ErrorReply;
import org.rackboot.protocol.tftp.TftpPacket.OptionAck;
import org.rackboot.protocol.tftp.TftpPacket.ReadRequest;

/** Performs what {@link ReadTransfer}s ask for, one for each client port, and checks every step. */
final class SimulatedServer {
    static final int MOST_UNANSWERED = 3 + 8;

    private static final int UNREADABLE = -1;
    private static final long LATEST_GRANT_NANOS = 400_000_000;

    private enum Cause {
        START,
        ACK,
        OTHER_PACKET,
        REPEATED_REQUEST,
        READABLE,
        GRANTED,
        TIMEOUT
    }

    private final Scenario scenario;
    private final SimulatedContent content;
    private final SimulatedTime time;
    private final SplittableRandom random;
    private final BiConsumer<Integer, byte[]> toClient;
    private final Map<Integer, Session> sessions = new HashMap<>();

    private long dataSends;
    private Outcome lastOutcome = Outcome.NEVER_ANSWERED;
    private long lastEndNanos;

    SimulatedServer(
            Scenario scenario,
            SimulatedContent content,
            SimulatedTime time,
            SplittableRandom random,
            BiConsumer<Integer, byte[]> toClient) {
        this.scenario = scenario;
        this.content = content;
        this.time = time;
        this.random = random;
        this.toClient = toClient;
    }

    int openSessions() {
        return sessions.size();
    }

    long dataSends() {
        return dataSends;
    }

    Outcome lastOutcome() {
        return lastOutcome;
    }

    long lastEndNanos() {
        return lastEndNanos;
    }

    void receive(int fromPort, byte[] datagram) {
        TftpPacket packet;
        try {
            packet = TftpCodec.decode(ByteBuffer.wrap(datagram));
        } catch (MalformedPacketException e) {
            return;
        }
        Session session = sessions.get(fromPort);
        if (packet instanceof ReadRequest request) {
            if (session != null && session.request.equals(request)) {
                session.onRepeatedRequest();
            } else {
                if (session != null) {
                    session.ended = true;
                }
                Session started = new Session(fromPort, request);
                sessions.put(fromPort, started);
                started.start();
            }
        } else if (session != null) {
            session.onPacket(packet);
        }
    }

    /** As {@code assertThat}, without its cost: this runs a hundred million times in a long run. */
    private static void check(boolean condition, String what, long where) {
        if (!condition) {
            throw new AssertionError(what + ", at " + where);
        }
    }

    private final class Session {
        private final int port;
        private final ReadRequest request;
        private final ReadTransfer transfer;
        private final Set<Long> restartedAfter = new HashSet<>();
        private boolean answered;
        private boolean ended;
        private int sendsBeforeAnswer;
        private long delivered;
        private long highestSent;
        private long timerGeneration;
        private int granted;
        private boolean asking;

        private Session(int port, ReadRequest request) {
            this.port = port;
            this.request = request;
            this.transfer = new ReadTransfer(
                    request.options(),
                    scenario.sizeUnknown() ? OptionalLong.empty() : OptionalLong.of(content.size()),
                    Negotiation.Limits.DEFAULT,
                    ReadTransfer.Settings.DEFAULT.withPacing(scenario.paced()));
        }

        private void start() {
            perform(Cause.START, transfer.acknowledgedBytes(), transfer.start(time.nowNanos()));
        }

        private void onRepeatedRequest() {
            perform(Cause.REPEATED_REQUEST, transfer.acknowledgedBytes(), transfer.onRepeatedRequest(time.nowNanos()));
        }

        private void onPacket(TftpPacket packet) {
            long before = transfer.acknowledgedBytes();
            if (random.nextInt(16) == 0) {
                checkThatForeignPacketsChangeNothing();
            }
            answered |= packet instanceof Ack;
            Cause cause = packet instanceof Ack ? Cause.ACK : Cause.OTHER_PACKET;
            perform(cause, before, transfer.onPacket(packet, time.nowNanos()));
        }

        /** I9: what no client of this transfer would send at this point. */
        private void checkThatForeignPacketsChangeNothing() {
            OptionalLong deadline = transfer.deadlineNanos();
            long acknowledged = transfer.acknowledgedBytes();
            long blocks = acknowledged / transfer.agreed().blockSize();
            int outside = (int) (blocks + transfer.agreed().windowSize() + 1 + random.nextInt(60_000)) & 0xFFFF;
            for (TftpPacket foreign : List.of(
                    request,
                    new Data(1, ByteBuffer.allocate(8)),
                    new OptionAck(List.of()),
                    new Ack(blocks == 0 && outside <= 1 ? 2_000 : outside))) {
                assertThat(transfer.onPacket(foreign, time.nowNanos()))
                        .as("I9: %s", foreign)
                        .isEmpty();
            }
            assertThat(transfer.deadlineNanos()).as("I9: deadline").isEqualTo(deadline);
            assertThat(transfer.acknowledgedBytes()).as("I9: progress").isEqualTo(acknowledged);
        }

        private void perform(Cause cause, long acknowledgedBefore, List<Action> actions) {
            for (Action action : actions) {
                check(!ended, "nothing follows the end", 0);
                if (action instanceof Action.SendBlocks blocks) {
                    boolean first = cause == Cause.REPEATED_REQUEST; // Which is answered at once.
                    boolean may = !scenario.paced() || first || blocks.count() <= granted;
                    check(may, "more than was granted", blocks.firstBlock());
                    checkCause(cause, acknowledgedBefore, blocks);
                    sendBlocks(blocks);
                } else if (action instanceof Action.SendOptionAck optionAck) {
                    send(new OptionAck(optionAck.options()));
                } else if (action instanceof Action.SendError error) {
                    send(new ErrorReply(error.code(), error.message()));
                } else if (action instanceof Action.Read read) {
                    read(read);
                } else if (action instanceof Action.AskToSend ask) {
                    check(!asking, "it asks twice", ask.blocks());
                    asking = true;
                    int blocks = random.nextBoolean() ? ask.blocks() : random.nextInt(1, ask.blocks() + 1);
                    long delay = random.nextInt(4) == 0 ? random.nextLong(LATEST_GRANT_NANOS) : 0;
                    time.after(delay, () -> grant(blocks));
                } else if (action instanceof Action.Finish finish) {
                    ended = true;
                    lastOutcome = finish.outcome();
                    lastEndNanos = time.nowNanos();
                    sessions.remove(port, this);
                }
            }
            OptionalLong deadline = transfer.deadlineNanos();
            assertThat(deadline.isEmpty())
                    .as("I6: a timer exactly while it runs")
                    .isEqualTo(ended);
            if (!ended) {
                boolean later = deadline.getAsLong() - time.nowNanos() > 0;
                check(cause != Cause.TIMEOUT || later, "a timer that has fired is set anew", 0);
                wakeAt(deadline.getAsLong());
            }
        }

        private void wakeAt(long deadlineNanos) {
            long generation = ++timerGeneration;
            time.after(deadlineNanos - time.nowNanos(), () -> {
                if (generation == timerGeneration && !ended) {
                    perform(Cause.TIMEOUT, transfer.acknowledgedBytes(), transfer.onTimeout(time.nowNanos()));
                }
            });
        }

        /** I4: an ACK that brings nothing new has no block sent again; with a window, once for each last good block. */
        private void checkCause(Cause cause, long acknowledgedBefore, Action.SendBlocks blocks) {
            long first = blocks.firstBlock();
            int windowSize = transfer.agreed().windowSize();
            boolean repeats = first <= highestSent;
            if (cause == Cause.ACK && repeats) {
                check(windowSize > 1, "I4: repeated in lockstep for an ACK", first);
                boolean nothingNew = transfer.acknowledgedBytes() == acknowledgedBefore;
                check(!nothingNew || restartedAfter.add(first), "I4: restarted twice for repeated ACKs", first);
            }
            check(cause != Cause.READABLE || !repeats, "repeated because bytes arrived", first);
            check(blocks.count() >= 1 && blocks.count() <= windowSize, "more than a window", first);
        }

        private void sendBlocks(Action.SendBlocks blocks) {
            int blockSize = transfer.agreed().blockSize();
            for (long block = blocks.firstBlock(); block < blocks.firstBlock() + blocks.count(); block++) {
                long offset = (block - 1) * blockSize;
                int length = transfer.payloadBytes(block);
                check(offset + length <= delivered, "a block is sent before its bytes are here", block);
                check(offset >= transfer.acknowledgedBytes(), "an acknowledged block is sent", block);
                check(length == blockSize || offset + length == content.size(), "I2: a block is short", block);
                ByteBuffer payload = ByteBuffer.allocate(length);
                content.write(offset, length, payload);
                dataSends++;
                send(new Data((int) (block & 0xFFFF), payload.flip()));
            }
            highestSent = Math.max(highestSent, blocks.firstBlock() + blocks.count() - 1);
        }

        private void read(Action.Read read) {
            check(read.offset() == delivered, "reads follow one another", read.offset());
            check(read.length() > 0, "reads are of something", read.length());
            long slowest = scenario.slowestReadNanos();
            long delay = slowest == 0 || random.nextInt(3) > 0 ? 0 : random.nextLong(slowest);
            boolean fails = scenario.readsFail() && random.nextInt(5) == 0;
            long until =
                    read.offset() + (random.nextInt(4) == 0 ? random.nextInt(1, read.length() + 1) : read.length());
            time.after(delay, () -> onRead(fails ? UNREADABLE : Math.min(until, content.size())));
        }

        private void grant(int blocks) {
            if (!ended) {
                asking = false;
                granted = blocks;
                perform(Cause.GRANTED, transfer.acknowledgedBytes(), transfer.onGranted(blocks, time.nowNanos()));
                granted = 0;
            }
        }

        private void onRead(long until) {
            long before = transfer.acknowledgedBytes();
            if (ended) {
                return;
            }
            if (until == UNREADABLE) {
                perform(Cause.READABLE, before, transfer.onUnreadable("the disk is broken"));
            } else {
                delivered = until;
                boolean end = scenario.sizeUnknown() && until == content.size();
                long now = time.nowNanos();
                perform(Cause.READABLE, before, end ? transfer.onEnd(until, now) : transfer.onReadable(until, now));
            }
        }

        private void send(TftpPacket packet) {
            if (!answered) {
                sendsBeforeAnswer++;
                int most = MOST_UNANSWERED + 1; // One ERROR may follow.
                check(sendsBeforeAnswer <= most, "I3: sends before the first ACK", sendsBeforeAnswer);
            }
            ByteBuffer out = ByteBuffer.allocate(1_500);
            TftpCodec.encode(packet, out);
            byte[] datagram = new byte[out.position()];
            out.flip().get(datagram);
            toClient.accept(port, datagram);
        }
    }
}
