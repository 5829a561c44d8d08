package org.rackboot.protocol.tftp;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class NumberAfterRolloverTest {
    @Test
    void after65535ComesZeroOrOne() { // Quirk T16
        assertThat(NumberAfterRollover.ZERO.onWire(65_535)).isEqualTo(65_535);
        assertThat(NumberAfterRollover.ZERO.onWire(65_536)).isZero();
        assertThat(NumberAfterRollover.ZERO.onWire(65_537)).isEqualTo(1);
        assertThat(NumberAfterRollover.ONE.onWire(65_535)).isEqualTo(65_535);
        assertThat(NumberAfterRollover.ONE.onWire(65_536)).isEqualTo(1);
        assertThat(NumberAfterRollover.ONE.onWire(131_071)).isEqualTo(1);
    }

    @ParameterizedTest
    @EnumSource
    void aNumberOnTheWireIsTheNextBlockThatHasIt(NumberAfterRollover rollover) {
        for (long acknowledged : new long[] {0, 1, 65_000, 65_534, 65_535, 65_536, 131_070, 131_072, 10_000_000}) {
            for (long ahead = 0; ahead < 1_000; ahead++) {
                long block = acknowledged + ahead;
                assertThat(rollover.blockFrom(acknowledged, rollover.onWire(block)))
                        .as("%s blocks after %s", ahead, acknowledged)
                        .isEqualTo(block);
            }
        }
    }

    @Test
    void zeroIsNoBlockWhereNumbersGoOnAtOne() {
        assertThat(NumberAfterRollover.ONE.blockFrom(0, 0)).isZero();
        assertThat(NumberAfterRollover.ONE.blockFrom(65_530, 0)).isEqualTo(Long.MAX_VALUE);
    }
}
