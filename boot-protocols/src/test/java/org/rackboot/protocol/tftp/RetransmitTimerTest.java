package org.rackboot.protocol.tftp;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class RetransmitTimerTest {
    private static final long MILLI = 1_000_000;

    private final RetransmitTimer timer = new RetransmitTimer(1_000 * MILLI, 5 * MILLI, 2_000 * MILLI);

    @Test
    void itStartsWithTheFirstTimeout() {
        assertThat(timer.timeoutNanos()).isEqualTo(1_000 * MILLI);
    }

    @Test
    void oneMeasurementGivesThreeRoundTrips() { // RFC 6298, 2.2
        timer.measured(100 * MILLI);

        assertThat(timer.timeoutNanos()).isEqualTo(300 * MILLI);
        assertThat(timer.roundTripNanos()).isEqualTo(100 * MILLI);
    }

    @Test
    void laterMeasurementsMoveItSlowly() { // RFC 6298, 2.3
        timer.measured(100 * MILLI);
        timer.measured(180 * MILLI);

        // srtt = 100 + 80 / 8 = 110; rttvar = 50 + (80 - 50) / 4 = 57.5
        assertThat(timer.roundTripNanos()).isEqualTo(110 * MILLI);
        assertThat(timer.timeoutNanos()).isEqualTo(340 * MILLI);
        assertThat(timer.longestRoundTripNanos()).isEqualTo(340 * MILLI);
    }

    @Test
    void itStaysWithinItsBounds() {
        timer.measured(MILLI / 10);
        assertThat(timer.timeoutNanos()).as("on a new way").isEqualTo(200 * MILLI + MILLI / 10);
        assertThat(timer.longestRoundTripNanos()).isEqualTo(3 * MILLI / 10);

        for (int i = 0; i < 31; i++) {
            timer.measured(MILLI / 10);
        }
        assertThat(timer.timeoutNanos()).as("on a well-known one").isEqualTo(5 * MILLI + MILLI / 10);

        timer.measured(60_000 * MILLI);
        assertThat(timer.timeoutNanos()).isEqualTo(2_000 * MILLI);
    }

    @Test
    void aTimeoutDoublesTheWaitUpToTheMost() {
        timer.measured(100 * MILLI);

        timer.backOff();
        assertThat(timer.timeoutNanos()).isEqualTo(600 * MILLI);
        timer.backOff();
        timer.backOff();
        assertThat(timer.timeoutNanos()).isEqualTo(2_000 * MILLI);
    }

    @Test
    void onlyAMeasurementEndsTheBackOff() { // Karn: an ACK of a repeated block may be the first one's.
        timer.measured(100 * MILLI);
        timer.backOff();

        timer.measured(100 * MILLI);

        assertThat(timer.timeoutNanos()).isBetween(200 * MILLI, 300 * MILLI);
    }

    @Test
    void beforeAnyMeasurementTheWayIsUnknown() {
        timer.backOff();

        assertThat(timer.timeoutNanos()).isEqualTo(2_000 * MILLI);
        assertThat(timer.roundTripNanos()).isEqualTo(50 * MILLI);
        assertThat(timer.longestRoundTripNanos()).isEqualTo(50 * MILLI);
    }

    @Test
    void anAnswerWhenOneWasDueEndsTheBackOff() { // Something was lost, the way is as it was.
        timer.measured(100 * MILLI);
        timer.backOff();
        timer.answeredAfterRepeat(100 * MILLI);
        assertThat(timer.timeoutNanos()).isEqualTo(300 * MILLI);
    }

    @Test
    void anAnswerTooEarlyOrTooLateForTheRepeatLeavesIt() { // It may answer the first: the way is longer now (Karn).
        timer.measured(100 * MILLI);
        timer.backOff();
        timer.answeredAfterRepeat(MILLI);
        assertThat(timer.timeoutNanos()).isEqualTo(600 * MILLI);
        timer.answeredAfterRepeat(400 * MILLI);
        assertThat(timer.timeoutNanos()).isEqualTo(600 * MILLI);
    }

    @Test
    void aClientThatStallsIsWaitedForLongerUntilSomethingIsReallyLost() {
        for (int i = 0; i < 32; i++) {
            timer.measured(MILLI / 10);
        }
        timer.answeredAfterRepeat(5 * MILLI); // Needless: the answer to the repeat was due after a tenth of that.
        timer.answeredAfterRepeat(5 * MILLI);
        timer.measured(MILLI / 10);
        assertThat(timer.timeoutNanos()).isEqualTo(20 * MILLI + MILLI / 10);

        timer.answeredAfterRepeat(MILLI / 10);
        timer.answeredAfterRepeat(MILLI / 10);
        assertThat(timer.timeoutNanos()).isEqualTo(5 * MILLI + MILLI / 10);
    }
}
