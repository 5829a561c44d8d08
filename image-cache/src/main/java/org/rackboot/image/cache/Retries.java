package org.rackboot.image.cache;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.rackboot.image.VerificationException;

/**
 * When a fetch that broke off goes on. One that brought nothing yet is tried twice in all, at once: whoever waits
 * should soon know. One that brought something goes on for as long as a region takes to be started again, since its
 * readers are in the middle of it.
 */
final class Retries {
    private static final List<Duration> PAUSES = List.of(
            Duration.ZERO,
            Duration.ofMillis(250),
            Duration.ofMillis(500),
            Duration.ofSeconds(1),
            Duration.ofSeconds(2),
            Duration.ofSeconds(4));

    private boolean begun;
    private int fruitless;
    private int wrong;

    /** How long to rest before the next attempt; empty to give up. */
    Optional<Duration> after(Inflow.Attempt attempt, Throwable cause) {
        if (attempt.verifiedChunks() > 0) {
            begun = true;
            fruitless = 0;
            wrong = 0;
        }
        if (cause instanceof VerificationException && ++wrong > 1) {
            return Optional.empty(); // Not a matter of time.
        }
        int most = begun ? PAUSES.size() : 1;
        return attempt.repeatable() && fruitless < most ? Optional.of(PAUSES.get(fruitless++)) : Optional.empty();
    }
}
