package org.rackboot.region.sync;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class RateLimitTest {
    private final List<Duration> pauses = new ArrayList<>();
    private long now = Long.MAX_VALUE - 1_000; // The monotonic clock may overflow.

    private final RateLimit limit = new RateLimit(1_000_000, () -> now, this::pass);

    @Test
    void aSecondBringsNoMoreThanWasAllowed() throws Exception {
        long begin = now;
        for (int i = 0; i < 100; i++) {
            limit.take(100_000);
        }

        // 10 MB at 1 MB/s, of which the bucket held a quarter of a second's.
        assertThat(Duration.ofNanos(now - begin)).isBetween(Duration.ofMillis(9_700), Duration.ofMillis(9_800));
    }

    @Test
    void aSmallAmountDoesNotWait() throws Exception {
        limit.take(250_000);

        assertThat(pauses).isEmpty();
    }

    @Test
    void whatWasNotUsedIsNotSavedUp() throws Exception {
        limit.take(1);
        now += Duration.ofHours(1).toNanos();
        limit.take(1_250_000);

        assertThat(pauses).containsExactly(Duration.ofSeconds(1));
    }

    @Test
    void whoComesNextWaitsBehind() throws Exception {
        var unmoved = new RateLimit(1_000_000, () -> now, pauses::add);

        unmoved.take(1_250_000);
        unmoved.take(1_000_000);

        assertThat(pauses).containsExactly(Duration.ofSeconds(1), Duration.ofSeconds(2));
    }

    @Test
    void noLimitNeverWaits() throws Exception {
        RateLimit.of(0).take(Integer.MAX_VALUE);
        RateLimit.NONE.take(Integer.MAX_VALUE);

        assertThatIllegalArgumentException().isThrownBy(() -> RateLimit.of(-1));
    }

    private void pass(Duration time) {
        pauses.add(time);
        now += time.toNanos();
    }
}
