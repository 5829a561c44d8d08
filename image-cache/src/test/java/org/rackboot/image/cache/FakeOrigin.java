package org.rackboot.image.cache;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.rackboot.image.Content;
import org.rackboot.image.ContentOrigin;
import org.rackboot.image.Sample;

/** An origin that delivers only when, and what, the test says. Not thread-safe. */
final class FakeOrigin implements ContentOrigin {
    private final List<Delivery> deliveries = new ArrayList<>();
    private Optional<Throwable> always = Optional.empty();

    @Override
    public CompletionStage<byte[]> chunkDigests(Content content) {
        if (always.isPresent()) {
            return CompletableFuture.failedFuture(always.get());
        }
        var delivery = new Delivery(content);
        deliveries.add(delivery);
        return delivery.digests;
    }

    @Override
    public CompletionStage<Void> fetch(Content content, int first, int chunks, Sink sink) {
        if (always.isPresent()) {
            return CompletableFuture.failedFuture(always.get());
        }
        Delivery delivery = deliveries.stream()
                .filter(each -> each.content.equals(content))
                .reduce((earlier, later) -> later)
                .filter(each ->
                        each.sink.isEmpty() && each.digests.isDone() && !each.digests.isCompletedExceptionally())
                .orElseGet(() -> {
                    var next = new Delivery(content);
                    next.digests.complete(new byte[0]);
                    deliveries.add(next);
                    return next;
                });
        delivery.sink = Optional.of(sink);
        delivery.first = first;
        delivery.chunks = chunks;
        return delivery.body;
    }

    /** How often it was asked, for whatever content. */
    int asked() {
        return deliveries.size();
    }

    /** From now on everything fails at once, and so does what is under way. */
    void failAll(Throwable cause) {
        always = Optional.of(cause);
        underWay().forEach(each -> each.breakOff(cause));
    }

    List<Delivery> underWay() {
        return deliveries.stream().filter(each -> !each.isOver()).toList();
    }

    /** The latest delivery. */
    Delivery delivery() {
        return deliveries.get(deliveries.size() - 1);
    }

    /** One fetch, from its chunk list to its last byte. */
    static final class Delivery {
        private final Content content;
        private final CompletableFuture<byte[]> digests = new CompletableFuture<>();
        private final CompletableFuture<Void> body = new CompletableFuture<>();
        private Optional<Sink> sink = Optional.empty();
        private int first;
        private int chunks;

        private Delivery(Content content) {
            this.content = content;
        }

        Content content() {
            return content;
        }

        /** Of the bytes that were asked for: the first, and the one behind the last. */
        int from() {
            return (int) content.chunkOffset(first);
        }

        int to() {
            return (int) Math.min(content.size(), content.chunkOffset(first + chunks));
        }

        boolean wantsDigests() {
            return !digests.isDone();
        }

        boolean wantsBytes() {
            return sink.isPresent() && !body.isDone();
        }

        boolean isOver() {
            return !wantsDigests() && !wantsBytes();
        }

        void announce(byte[] bytes) {
            digests.complete(bytes);
        }

        /** Hands bytes over; when the cache does not want them, the fetch ends there, as a good origin's does. */
        void send(byte[] bytes) {
            try {
                sendRegardless(bytes);
            } catch (IOException e) {
                body.completeExceptionally(e);
            }
        }

        void sendRegardless(byte[] bytes) throws IOException {
            sink.orElseThrow().accept(ByteBuffer.wrap(bytes));
        }

        void finish() {
            body.complete(null);
        }

        void breakOff(Throwable cause) {
            if (!digests.completeExceptionally(cause)) {
                body.completeExceptionally(cause);
            }
        }
    }

    /** An origin that has everything and delivers it at once, on the caller's thread. */
    static ContentOrigin having(Sample... samples) {
        return new ContentOrigin() {
            @Override
            public CompletionStage<byte[]> chunkDigests(Content content) {
                return CompletableFuture.completedFuture(find(content).digests());
            }

            @Override
            public CompletionStage<Void> fetch(Content content, int first, int chunks, Sink sink) {
                try {
                    int from = (int) content.chunkOffset(first);
                    int to = (int) Math.min(content.size(), content.chunkOffset(first + chunks));
                    sink.accept(ByteBuffer.wrap(find(content).bytes(), from, to - from));
                    return CompletableFuture.completedFuture(null);
                } catch (IOException e) {
                    return CompletableFuture.failedFuture(e);
                }
            }

            private Sample find(Content content) {
                return List.of(samples).stream()
                        .filter(each -> each.content().equals(content))
                        .findFirst()
                        .orElseThrow();
            }
        };
    }
}
