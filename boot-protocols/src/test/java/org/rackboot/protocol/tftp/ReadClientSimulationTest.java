package org.rackboot.protocol.tftp;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.rackboot.protocol.tftp.ReadClient.Action;
import org.rackboot.protocol.tftp.ReadClient.Outcome;
import org.rackboot.protocol.tftp.ReadClient.Peer;
import org.rackboot.protocol.tftp.TftpPacket.Ack;
import org.rackboot.protocol.tftp.TftpPacket.Data;
import org.rackboot.protocol.tftp.TftpPacket.ErrorReply;
import org.rackboot.protocol.tftp.TftpPacket.ReadRequest;

/**
 * The client against this server's own {@link ReadTransfer}, over a bad network and with a stranger who talks into it.
 * {@code -Drackboot.seeds=N} runs the first N seeds, {@code -Drackboot.seed=S} replays one.
 */
class ReadClientSimulationTest {
    private static final long SEEDS = Long.getLong("rackboot.seeds", 1_000);
    private static final long MOST_EVENTS = 20_000_000;
    private static final int CLIENT_PORT = 1_057;
    private static final Peer SERVER = new Peer("server", 69);
    private static final Peer TRANSFER = new Peer("server", 40_000);
    private static final Peer STRANGER = new Peer("server", 40_001);

    /** @param logHash of every datagram that arrived, and when */
    private record Result(Outcome outcome, ReadClient.Statistics statistics, long acks, long logHash) {}

    @Test
    void everyByteIsTheFilesAndTheClientComesToAnEnd() {
        Long replayed = Long.getLong("rackboot.seed");
        if (replayed != null) {
            System.out.println(scenario(replayed) + " -> " + checked(replayed));
            return;
        }
        int complete = 0;
        for (long seed = 0; seed < SEEDS; seed++) {
            if (checked(seed).outcome() == Outcome.COMPLETED) {
                complete++;
            }
        }
        assertThat(complete).as("complete, of %d seeds", SEEDS).isGreaterThan((int) (SEEDS * 90 / 100));
    }

    @Test
    void oneSeedIsOneRun() {
        for (long seed = 0; seed < 50; seed++) {
            assertThat(checked(seed)).isEqualTo(checked(seed));
        }
    }

    @Test
    void lossCostsFewAcks() { // RFC 7440; quirk T2
        for (long seed = 0; seed < 20; seed++) {
            Scenario lossy = Scenario.plain(seed, kind(4), 1_000, 4, 500_000, 0.02, 0.02);
            Result result = new World(lossy).run();

            assertThat(result.outcome()).isEqualTo(Outcome.COMPLETED);
            assertThat(result.acks()).isBetween(125L, 125L * 5 / 4 + 10);
        }
    }

    private static Result checked(long seed) {
        try {
            return new World(scenario(seed)).run();
        } catch (AssertionError | RuntimeException e) {
            throw new AssertionError(
                    "%s%n  replay with -Drackboot.seed=%d%n  %s".formatted(e.getMessage(), seed, scenario(seed)), e);
        }
    }

    /** The networks and servers of the other simulation; what is asked is drawn here. */
    private static Scenario scenario(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        Scenario like = Scenario.of(seed);
        int windowSize = random.nextInt(3) == 0 ? 1 : random.nextInt(2, 65);
        boolean huge = like.blockSize() == 8;
        int blockSize = huge ? 8 : random.nextInt(3) == 0 ? 512 : random.nextInt(8, 1_469);
        return new Scenario(
                seed,
                kind(windowSize),
                blockSize,
                windowSize,
                huge ? like.size() : random.nextLong(blockSize * 100L),
                like.drop(),
                like.duplicate(),
                like.truncate(),
                like.delayNanos(),
                like.jitterNanos(),
                like.reorders(),
                like.slowestReadNanos(),
                like.readsFail(),
                like.flip(),
                like.mtuBytes(),
                like.bufferBlocks(),
                like.partitionNanos(),
                like.sizeUnknown(),
                false);
    }

    private static SimulatedClient.Kind kind(int windowSize) {
        return windowSize == 1 ? SimulatedClient.Kind.LOCKSTEP : SimulatedClient.Kind.WINDOW_64;
    }

    private static final class World {
        private final Scenario scenario;
        private final SimulatedTime time = new SimulatedTime();
        private final SplittableRandom random;
        private final SimulatedContent content;
        private final SimulatedNetwork network;
        private final SimulatedServer server;
        private final ReadClient client;
        private final List<Outcome> ends = new ArrayList<>();
        private long delivered;
        private long acks;
        private long timerGeneration;

        World(Scenario scenario) {
            this.scenario = scenario;
            this.random = new SplittableRandom(~scenario.seed());
            this.content = new SimulatedContent(scenario.seed(), scenario.size());
            this.network = new SimulatedNetwork(scenario, time, random.split());
            this.server = new SimulatedServer(scenario, content, time, random.split(), this::fromServer);
            List<TftpOption> options = random.nextInt(8) == 0
                    ? List.of()
                    : Options.of(
                            "tsize", "0",
                            "blksize", Integer.toString(scenario.blockSize()),
                            "windowsize", Integer.toString(scenario.windowSize()));
            this.client = new ReadClient(
                    SERVER,
                    new ReadRequest("boot", "octet", options),
                    ReadClient.Settings.withPatience(Duration.ofSeconds(40)));
        }

        Result run() {
            perform(client.start(time.nowNanos()));
            time.run(MOST_EVENTS, Duration.ofHours(24).toNanos());

            assertThat(ends).as("the client came to one end").hasSize(1);
            assertThat(server.openSessions()).as("transfers left behind").isZero();
            Outcome outcome = ends.get(0);
            ReadClient.Statistics statistics = client.statistics();
            assertThat(statistics.bytes()).isEqualTo(delivered);
            if (outcome == Outcome.COMPLETED) {
                assertThat(delivered).as("all of the file").isEqualTo(scenario.size());
            } else if (!scenario.readsFail()) {
                assertThat(outcome).isIn(Outcome.STALLED, Outcome.NEVER_ANSWERED);
            }
            if (scenario.isCalm()) {
                assertThat(outcome).isEqualTo(Outcome.COMPLETED);
                assertThat(statistics.duplicateBlocks() + statistics.gaps() + statistics.repeatedAcks())
                        .as("nothing was in the way")
                        .isZero();
                assertThat(server.dataSends()).isEqualTo(statistics.blocks());
            }
            assertThat(client.rollsToOne()).isFalse();
            return new Result(outcome, statistics, acks, network.logHash());
        }

        private void fromServer(int port, byte[] datagram) {
            network.toClient(datagram, arrived -> take(arrived, TRANSFER));
        }

        private void take(byte[] datagram, Peer from) {
            if (client.answeredFrom().isPresent() && random.nextInt(50) == 0) {
                talkIn();
            }
            try {
                perform(client.onPacket(TftpCodec.decode(ByteBuffer.wrap(datagram)), from, time.nowNanos()));
            } catch (MalformedPacketException e) {
                if (scenario.flip() == 0) {
                    throw new AssertionError("the server sent rubbish", e);
                }
            }
        }

        /** What a second transfer, or a forger, sends from another port; RFC 1350 says it must not matter. */
        private void talkIn() {
            int next = (int) (client.statistics().blocks() + 1) & 0xFFFF;
            for (TftpPacket packet : List.of(
                    new Data(next, ByteBuffer.wrap(new byte[] {1, 2, 3})),
                    new ErrorReply(0, "go away"),
                    new Ack(next))) {
                for (Action action : client.onPacket(packet, STRANGER, time.nowNanos())) {
                    assertThat(action)
                            .isInstanceOfSatisfying(
                                    Action.Send.class,
                                    send -> assertThat(send.to()).isEqualTo(STRANGER));
                }
            }
        }

        private void perform(List<Action> actions) {
            for (Action action : actions) {
                if (!ends.isEmpty()) {
                    throw new AssertionError("something follows the end: " + action);
                }
                if (action instanceof Action.Send send) {
                    send(send);
                } else if (action instanceof Action.Deliver deliver) {
                    if (!content.equalsAt(delivered, deliver.payload())) {
                        throw new AssertionError("wrong bytes at " + delivered);
                    }
                    delivered += deliver.payload().remaining();
                } else if (action instanceof Action.Finish finish) {
                    ends.add(finish.outcome());
                }
            }
            long generation = ++timerGeneration;
            client.deadlineNanos()
                    .ifPresent(deadline -> time.after(deadline - time.nowNanos(), () -> {
                        if (generation == timerGeneration) {
                            perform(client.onTimeout(time.nowNanos()));
                        }
                    }));
        }

        private void send(Action.Send send) {
            if (!send.to().equals(send.packet() instanceof ReadRequest ? SERVER : TRANSFER)) {
                throw new AssertionError("sent to " + send.to());
            }
            acks += send.packet() instanceof Ack ? 1 : 0;
            ByteBuffer out = ByteBuffer.allocate(512);
            TftpCodec.encode(send.packet(), out);
            byte[] datagram = new byte[out.position()];
            out.flip().get(datagram);
            network.toServer(datagram, arrived -> server.receive(CLIENT_PORT, arrived));
        }
    }
}
