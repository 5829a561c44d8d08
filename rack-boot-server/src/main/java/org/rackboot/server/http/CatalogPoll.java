package org.rackboot.server.http;

import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Supplier;

/**
 * {@code GET catalog?wait=S}, as a region answers it, and a rack that others follow: with {@code If-None-Match}, waits for
 * a change before it says 304.
 */
public final class CatalogPoll {
    private static final Duration LONGEST_WAIT = Duration.ofMinutes(2);

    private CatalogPoll() {}

    /**
     * @param changes told after each change
     * @param now the answer as of now, without waiting; asked again after the wait
     */
    public static CompletionStage<HttpReply> answer(
            HttpCall call, Waiters changes, Supplier<CompletionStage<HttpReply>> now) {
        Duration wait = wait(call.query().getOrDefault("wait", ""));
        if (wait.isZero() || call.header("if-none-match").isEmpty()) {
            return now.get();
        }
        CompletableFuture<Void> change = changes.add(wait); // Before the look: no change is missed between.
        return now.get().thenCompose(reply -> {
            if (reply.status() != 304) {
                change.complete(null);
                return CompletableFuture.completedFuture(reply);
            }
            return change.thenCompose(changed -> now.get());
        });
    }

    /** The document, or 304 to whoever has it. */
    public static HttpReply reply(Optional<String> known, String etag, byte[] document) {
        HttpReply reply = known.equals(Optional.of(etag))
                ? HttpReply.notModified()
                : HttpReply.bytes(200, "application/json", document);
        return reply.with("ETag", etag);
    }

    /** How long a request wants to wait: whole seconds, two minutes at most. */
    public static Duration wait(String seconds) {
        if (!seconds.matches("\\d{1,4}")) {
            return Duration.ZERO;
        }
        Duration asked = Duration.ofSeconds(Long.parseLong(seconds));
        return asked.compareTo(LONGEST_WAIT) > 0 ? LONGEST_WAIT : asked;
    }
}
