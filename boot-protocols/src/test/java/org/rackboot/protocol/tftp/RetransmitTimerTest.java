package org.rackboot.protocol.tftp;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class RetransmitTimerTest {
    private static final long MILLI = 1_000_000;

    private final RetransmitTimer timer = new RetransmitTimer(1_000 * MILLI, 60 * MILLI, 2_000 * MILLI);

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
        assertThat(timer.timeoutNanos()).isEqualTo(60 * MILLI);
        assertThat(timer.longestRoundTripNanos()).isEqualTo(3 * MILLI / 10);

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
        assertThat(timer.roundTripNanos()).isEqualTo(60 * MILLI);
        assertThat(timer.longestRoundTripNanos()).isEqualTo(60 * MILLI);
    }
}
