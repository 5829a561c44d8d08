package org.rackboot.protocol.tftp;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.SplittableRandom;
import org.rackboot.protocol.tftp.ReadTransfer.Outcome;
import org.rackboot.protocol.tftp.SimulatedClient.Kind;

/** One client, one server and the network between them, run until all is quiet. */
final class SimulatedTransfer {
    /**
     * @param blocks that the file has
     * @param logHash of every datagram that arrived, and when
     */
    record Result(boolean complete, Outcome outcome, long blocks, long dataSends, long logHash) {}

    private static final long MOST_EVENTS = 20_000_000;
    private static final long MOST_NANOS = Duration.ofHours(24).toNanos();

    private final Scenario scenario;
    private final SimulatedTime time = new SimulatedTime();
    private final SimulatedNetwork network;
    private final SimulatedClient client;
    private final SimulatedServer server;

    private SimulatedTransfer(Scenario scenario) {
        this.scenario = scenario;
        SplittableRandom random = new SplittableRandom(~scenario.seed());
        SimulatedContent content = new SimulatedContent(scenario.seed(), scenario.size());
        network = new SimulatedNetwork(scenario, time, random.split());
        client = new SimulatedClient(scenario, content, time, random.split(), this::toServer);
        server = new SimulatedServer(scenario, content, time, random.split(), this::toClient);
    }

    /** Throws an {@link AssertionError} that names the invariant that did not hold, and the hash of what went before. */
    static Result run(Scenario scenario) {
        SimulatedTransfer transfer = new SimulatedTransfer(scenario);
        try {
            return transfer.run();
        } catch (AssertionError | RuntimeException e) {
            throw new AssertionError("%s%n  event log %016x".formatted(e.getMessage(), transfer.network.logHash()), e);
        }
    }

    private Result run() {
        client.start();
        time.run(MOST_EVENTS, MOST_NANOS);

        assertThat(server.openSessions()).as("I6: transfers left behind").isZero();
        assertThat(client.isOver()).as("I5: the client came to an end").isTrue();
        assertThat(server.lastEndNanos() - client.overNanos())
                .as("I5: the server's end after the client's")
                .isLessThan(Duration.ofSeconds(75).toNanos());
        if (client.isComplete()) {
            assertThat(server.lastOutcome()).as("the client has the file").isNotEqualTo(Outcome.TIMED_OUT);
        }
        long blocks = scenario.size() / scenario.blockSize() + 1;
        if (scenario.isCalm()) {
            assertThat(client.isComplete()).as("nothing was in the way").isTrue();
            assertThat(server.lastOutcome()).isEqualTo(Outcome.COMPLETED);
            if (scenario.kind() != Kind.GRUB && scenario.kind() != Kind.ACKS_EACH_BLOCK) { // They pause, they restart.
                assertThat(server.dataSends()).as("I7: one send for each block").isEqualTo(blocks);
            }
        }
        return new Result(client.isComplete(), server.lastOutcome(), blocks, server.dataSends(), network.logHash());
    }

    private void toServer(int port, byte[] datagram) {
        network.toServer(datagram, arrived -> server.receive(port, arrived));
    }

    private void toClient(int port, byte[] datagram) {
        network.toClient(datagram, arrived -> client.receive(port, arrived));
    }
}
