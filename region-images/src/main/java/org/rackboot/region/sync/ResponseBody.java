package org.rackboot.region.sync;

import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow;
import java.util.concurrent.LinkedBlockingQueue;
import org.jspecify.annotations.Nullable;

/**
 * The body of a response, taken piece by piece by one thread. Unlike with the JDK's stream, an interrupt ends the wait
 * for the next piece. At most two pieces of the HTTP client's buffer size are held.
 */
final class ResponseBody implements HttpResponse.BodySubscriber<ResponseBody>, AutoCloseable {

    /** What the HTTP client has to say. */
    private sealed interface Event {
        record Piece(List<ByteBuffer> buffers) implements Event {}

        record End() implements Event {}

        record Failure(Throwable cause) implements Event {}
    }

    private final BlockingQueue<Event> events = new LinkedBlockingQueue<>(); // Bounded by what is asked for.
    private Flow.@Nullable Subscription subscription; // Guarded by this, like the next.
    private boolean closed;

    /** Waits for the next piece; empty at the end. */
    Optional<List<ByteBuffer>> take() throws IOException, InterruptedException {
        Event event = events.take();
        if (event instanceof Event.Piece piece) {
            askForMore();
            return Optional.of(piece.buffers());
        }
        events.add(event); // It stays the last word.
        if (event instanceof Event.Failure failure) {
            throw new IOException(failure.cause().getMessage(), failure.cause());
        }
        return Optional.empty();
    }

    /** Ends the transfer; a thread that waits for it fails. */
    @Override
    public synchronized void close() {
        closed = true;
        if (subscription != null) {
            subscription.cancel();
        }
        events.add(new Event.Failure(new IOException("closed")));
    }

    private synchronized void askForMore() {
        if (subscription != null && !closed) {
            subscription.request(1);
        }
    }

    @Override
    public CompletionStage<ResponseBody> getBody() {
        return CompletableFuture.completedStage(this);
    }

    @Override
    public synchronized void onSubscribe(Flow.Subscription given) {
        subscription = given;
        if (closed) {
            given.cancel();
        } else {
            given.request(1);
        }
    }

    @Override
    public void onNext(List<ByteBuffer> buffers) {
        events.add(new Event.Piece(buffers));
    }

    @Override
    public void onError(Throwable cause) {
        events.add(new Event.Failure(cause));
    }

    @Override
    public void onComplete() {
        events.add(new Event.End());
    }
}
