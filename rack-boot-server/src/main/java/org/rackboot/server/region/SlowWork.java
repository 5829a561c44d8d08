package org.rackboot.server.region;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.rackboot.server.http.HttpCall;
import org.rackboot.server.http.HttpReply;

/**
 * Where requests are answered that wait for boot sources, which may be slow: threads apart from those that racks need, few
 * of them, with a short queue and a deadline that counts from the request's arrival.
 */
public final class SlowWork implements AutoCloseable {
    /** As the program uses it. */
    public static final Limits LIMITS = new Limits(2, 6, Duration.ofMinutes(4)); // The command line waits for five.

    private static final String RETRY_AFTER_SECONDS = "30";

    private final Limits limits;
    private final ScheduledExecutorService timer;
    private final ThreadPoolExecutor threads;

    /**
     * How much is done at once.
     *
     * @param waiting requests that wait for a thread; more are refused
     * @param deadline after which a request is answered and its work interrupted
     */
    public record Limits(int threads, int waiting, Duration deadline) {}

    public SlowWork(Limits limits, ScheduledExecutorService timer, ThreadFactory threads) {
        this.limits = limits;
        this.timer = timer;
        this.threads = new ThreadPoolExecutor(
                limits.threads(),
                limits.threads(),
                0,
                TimeUnit.SECONDS,
                new ArrayBlockingQueue<>(limits.waiting()),
                threads);
    }

    /** The work as an answer that is made here: 503 when too many wait, 504 when its time is up. */
    Route.Answer of(Work work) {
        return (call, names) -> submit(work, call, names);
    }

    /** Interrupts what runs; what waits is not answered any more. */
    @Override
    public void close() {
        threads.shutdownNow();
    }

    private CompletionStage<HttpReply> submit(Work work, HttpCall call, List<String> names) {
        CompletableFuture<HttpReply> reply = new CompletableFuture<>();
        FutureTask<Void> task = new FutureTask<>(() -> answer(reply, work, call, names), null);
        try {
            threads.execute(task);
        } catch (RejectedExecutionException e) {
            return CompletableFuture.completedFuture(
                    ApiJson.error(503, "Too many requests wait for boot sources already; try again in half a minute")
                            .with("Retry-After", RETRY_AFTER_SECONDS));
        }
        Future<?> alarm = timer.schedule(
                () -> {
                    if (reply.complete(late())) {
                        task.cancel(true);
                        threads.remove(task);
                    }
                },
                limits.deadline().toNanos(),
                TimeUnit.NANOSECONDS);
        reply.whenComplete((answer, failure) -> alarm.cancel(false));
        return reply;
    }

    private static void answer(CompletableFuture<HttpReply> reply, Work work, HttpCall call, List<String> names) {
        try {
            reply.complete(work.attempt(call, names));
        } catch (RuntimeException | Error e) { // Else nobody would ever be answered.
            reply.completeExceptionally(e);
        }
    }

    private HttpReply late() {
        return ApiJson.error(
                504,
                "The boot sources did not answer within %d s; the work was ended. Try again later, or look at the"
                                .formatted(limits.deadline().toSeconds())
                        + " sources one by one: rackboot sources probe NAME");
    }
}
