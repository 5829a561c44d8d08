package org.rackboot.server.net;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.channel.SelectStrategy;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import org.junit.jupiter.api.Test;

class BriefSpinTest {
    private static final long LOOK_NANOS = 1_000;

    private final Deque<Integer> coming = new ArrayDeque<>();
    private long nanos;
    private int looks;
    private final BriefSpin spin = new BriefSpin(() -> nanos);

    @Test
    void waitsForTheOneClientsAnswerWithoutSleeping() throws Exception {
        comes(0, 0, 0, 1);

        assertThat(next(false)).isEqualTo(1);
        assertThat(looks).isEqualTo(4);
    }

    @Test
    void sleepsAfterMicrosecondsInVain() throws Exception {
        assertThat(next(false)).isEqualTo(SelectStrategy.SELECT);
        assertThat(nanos).isBetween(BriefSpin.SPIN_NANOS, 2 * BriefSpin.SPIN_NANOS);
    }

    @Test
    void looksOnceAndSleepsWhereSeveralAreBusy() throws Exception {
        comes(2);
        next(false);
        looks = 0;

        assertThat(next(false)).isEqualTo(SelectStrategy.SELECT);
        assertThat(looks).isEqualTo(1);
    }

    @Test
    void neverWaitsWhileThereIsOtherWork() throws Exception {
        assertThat(next(true)).isZero();
        assertThat(looks).isEqualTo(1);
    }

    @Test
    void ceasesToLookWhereAnswersComeLater() throws Exception {
        int slept = 0;
        for (int i = 0; i < 1_000; i++) {
            slept += next(false) == SelectStrategy.SELECT ? 1 : 0;
        }

        assertThat(slept).isEqualTo(1_000);
        assertThat(nanos).isLessThan(1_000 * LOOK_NANOS + 30 * BriefSpin.SPIN_NANOS);
    }

    @Test
    void looksAgainOnceAnswersComeSoonAgain() throws Exception {
        for (int i = 0; i < BriefSpin.MAX_VAIN; i++) {
            next(false);
        }
        boolean found = false;
        for (int i = 0; i < 2 * BriefSpin.PAUSE && !found; i++) {
            coming.clear();
            comes(0, 1);
            found = next(false) == 1;
        }
        assertThat(found).isTrue();

        coming.clear();
        comes(0, 0, 0, 1);
        assertThat(next(false)).isEqualTo(1);
    }

    private void comes(Integer... ready) {
        coming.addAll(List.of(ready));
    }

    private int next(boolean hasTasks) throws Exception {
        return spin.calculateStrategy(
                () -> {
                    looks++;
                    nanos += LOOK_NANOS;
                    return coming.isEmpty() ? 0 : coming.remove();
                },
                hasTasks);
    }
}
