package org.rackboot.image;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/** Where content comes from when the cache lacks it. Nothing that it delivers is trusted. */
public interface ContentOrigin {

    /** Receives content in order. */
    interface Sink {
        /**
         * Takes the next bytes, which are the caller's again afterwards. May block while they are written to disk.
         *
         * @throws IOException to end the fetch: the bytes are wrong, or cannot be kept
         */
        void accept(ByteBuffer bytes) throws IOException;
    }

    /**
     * Completes with the concatenated digests of the chunks, or fails. Never throws, never blocks.
     */
    CompletionStage<byte[]> chunkDigests(Content content);

    /**
     * Delivers {@code chunks} chunks of the content, from chunk {@code first} on, to {@code sink}, on a thread of its
     * own, and then completes; fails when it breaks off or when the sink throws. Never throws, never blocks.
     */
    CompletionStage<Void> fetch(Content content, int first, int chunks, Sink sink);

    /** Content that was asked for and waits to be taken. Exactly one of its methods is called, once. */
    interface Delivery {
        /** As {@link ContentOrigin#fetch} delivers. */
        CompletionStage<Void> to(Sink sink);

        /** It is not wanted any more. */
        void refuse();
    }

    /**
     * Asks for content before all is known that is needed to take it; completes when its bytes are there to be taken, or
     * fails. Never throws, never blocks. An origin that has nothing to gain by it begins with the delivery.
     */
    default CompletionStage<Delivery> open(Content content, int first, int chunks) {
        return CompletableFuture.completedStage(new Delivery() {
            @Override
            public CompletionStage<Void> to(Sink sink) {
                return fetch(content, first, chunks, sink);
            }

            @Override
            public void refuse() {
                // Nothing was asked yet.
            }
        });
    }
}
