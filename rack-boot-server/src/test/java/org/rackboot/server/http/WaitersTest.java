package org.rackboot.server.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

class WaitersTest {
    private static final Duration LONG = Duration.ofMinutes(1);

    private final Waiters waiters = new Waiters();

    @Test
    void allAreToldAtOnceAndForgotten() {
        CompletableFuture<Void> one = waiters.add(LONG);
        CompletableFuture<Void> two = waiters.add(LONG);
        assertThat(one).isNotDone();

        waiters.tell();

        assertThat(one).isCompleted();
        assertThat(two).isCompleted();
        assertThat(waiters.count()).isZero();
    }

    @Test
    void whoGaveUpIsForgottenThoughNothingEverHappens() {
        for (int i = 0; i < 1_000; i++) {
            waiters.add(LONG).complete(null);
            waiters.add(Duration.ofMillis(1));
        }

        await().until(() -> waiters.count() == 0);
    }

    @Test
    void afterTheEndNobodyWaits() {
        CompletableFuture<Void> before = waiters.add(LONG);

        waiters.close();

        assertThat(before).isCompleted();
        assertThat(waiters.add(LONG)).isCompleted();
    }
}
