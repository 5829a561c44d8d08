package org.rackboot.server.tftp;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.rackboot.image.Chunk;
import org.rackboot.image.Content;
import org.rackboot.image.ContentReader;

/** The bytes of one answer, in chunks of {@link Content#CHUNK_BYTES}, wherever they come from. */
public interface BodySource {
    long size();

    /** Completes with a chunk that the caller owns. */
    CompletionStage<Chunk> chunk(int index);

    static BodySource of(ContentReader reader) {
        return new BodySource() {
            @Override
            public long size() {
                return reader.content().size();
            }

            @Override
            public CompletionStage<Chunk> chunk(int index) {
                return reader.chunk(index);
            }
        };
    }

    /** @param bytes at most one chunk */
    static BodySource of(byte[] bytes) {
        return new BodySource() {
            @Override
            public long size() {
                return bytes.length;
            }

            @Override
            public CompletionStage<Chunk> chunk(int index) {
                return CompletableFuture.completedFuture(Chunk.of(bytes));
            }
        };
    }
}
