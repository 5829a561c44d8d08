package org.rackboot.protocol.tftp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.rackboot.protocol.tftp.SimulatedClient.Kind;
import org.rackboot.protocol.tftp.SimulatedTransfer.Result;

/**
 * Whole transfers over a bad network, thousands of them. {@code -Drackboot.seeds=N} runs the first N seeds,
 * {@code -Drackboot.seed=S} replays one.
 */
class ReadTransferSimulationTest {
    private static final long SEEDS = Long.getLong("rackboot.seeds", 10_000);

    @Test
    void aBadNetworkDeliversTheFileIntactOrTheTransferGivesUp() {
        Long replayed = Long.getLong("rackboot.seed");
        if (replayed != null) {
            System.out.println(Scenario.of(replayed) + " -> " + checked(replayed));
            return;
        }
        long began = 0;
        for (long seed = began; seed < SEEDS; seed++) {
            if (checked(seed).complete()) {
                began++;
            }
        }
        assertThat(began)
                .as("transfers that delivered the file, of %d seeds", SEEDS)
                .isGreaterThan(SEEDS * 85 / 100);
    }

    @Test
    void oneSeedIsOneRun() {
        for (long seed = 0; seed < 50; seed++) {
            assertThat(SimulatedTransfer.run(Scenario.of(seed))).isEqualTo(SimulatedTransfer.run(Scenario.of(seed)));
        }
    }

    @Test
    void thirtyPercentLossCostsTwoSendsForEachBlockInLockstep() {
        // given three in ten lost each way: 1 / 0.7 / 0.7 = 2.04 sends for each block
        double sends = sendsForEachBlock(Kind.LOCKSTEP, 1, 0.3, 0);

        assertThat(sends).isBetween(1.85, 2.25);
    }

    @Test
    void duplicatedDatagramsDoNotMultiply() { // RFC 1123 4.2.3.1; quirk T2
        assertThat(sendsForEachBlock(Kind.LOCKSTEP, 1, 0, 0.1)).isLessThan(1.001); // A request came twice.
        assertThat(sendsForEachBlock(Kind.GRUB, 1, 0, 0.1)).isLessThan(1.1); // It pauses, too.
        assertThat(sendsForEachBlock(Kind.U_BOOT, 4, 0, 0.1)).isLessThan(1.3);
        assertThat(sendsForEachBlock(Kind.EDK2, 4, 0, 0.1)).isLessThan(1.3);
        assertThat(sendsForEachBlock(Kind.WINDOW_64, 64, 0, 0.1)).isLessThan(1.3);
    }

    @Test
    void aClientThatAcksEachBlockOfAWindowIsServedWithoutAStorm() {
        // given ACKs inside the window, which RFC 7440 reserves for gaps
        assertThat(sendsForEachBlock(Kind.ACKS_EACH_BLOCK, 4, 0, 0)).isLessThan(2);
        assertThat(sendsForEachBlock(Kind.ACKS_EACH_BLOCK, 16, 0, 0)).isLessThan(2.1);
    }

    @Test
    void lossCostsAWindowNotAStorm() {
        assertThat(sendsForEachBlock(Kind.EDK2, 4, 0.02, 0)).isLessThan(1.2);
        assertThat(sendsForEachBlock(Kind.U_BOOT, 4, 0.02, 0)).isLessThan(1.25);
        assertThat(sendsForEachBlock(Kind.WINDOW_64, 64, 0.02, 0)).isLessThan(1.6);
    }

    @Test
    void aClientWhoseBufferHoldsHalfAWindowStillGetsOnQuickly() {
        // given a client that loses what is over 24 blocks of a burst of 64
        for (long seed = 0; seed < 10; seed++) {
            Result result = SimulatedTransfer.run(Scenario.plain(seed, Kind.WINDOW_64, 1_024, 64, 4_000_000, 0, 0)
                    .withBuffer(24));
            assertThat(result.complete()).isTrue();
            assertThat(result.dataSends()).as("of %d blocks", result.blocks()).isLessThan(result.blocks() * 5 / 4);
        }
    }

    @Test
    void blocksAboveThePathsMtuNeverComplete() { // Quirk T19; what is then remembered is the listener's.
        Result result = SimulatedTransfer.run(
                Scenario.plain(1, Kind.U_BOOT, 1_468, 1, 100_000, 0, 0).withMtu(1_400));
        assertThat(result.complete()).isFalse();
    }

    private static double sendsForEachBlock(Kind kind, int windowSize, double drop, double duplicate) {
        return LongStream.range(0, 20)
                .mapToObj(seed ->
                        SimulatedTransfer.run(Scenario.plain(seed, kind, 512, windowSize, 500_000, drop, duplicate)))
                .filter(Result::complete)
                .mapToDouble(result -> (double) result.dataSends() / result.blocks())
                .average()
                .orElseThrow();
    }

    /** Runs one seed; a failure names the seed and its options, and says so if it does not replay bit for bit. */
    private static Result checked(long seed) {
        Scenario scenario = Scenario.of(seed);
        try {
            return SimulatedTransfer.run(scenario);
        } catch (AssertionError | RuntimeException failure) {
            String again = "it passed";
            try {
                SimulatedTransfer.run(scenario);
            } catch (AssertionError | RuntimeException second) {
                again = String.valueOf(second.getMessage());
            }
            boolean replays = again.equals(String.valueOf(failure.getMessage()));
            return fail(
                    "%s%n  replay with -Drackboot.seed=%d%n  %s%n  %s"
                            .formatted(
                                    failure.getMessage(),
                                    seed,
                                    scenario,
                                    replays
                                            ? "the second run was the same, bit for bit"
                                            : "NOT DETERMINISTIC, second run: " + again),
                    failure);
        }
    }
}
