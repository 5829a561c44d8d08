package org.rackboot.server.tftp;

import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.rackboot.image.Chunk;
import org.rackboot.image.Content;
import org.rackboot.image.ContentReader;

/** The bytes of one answer, in pieces of one length, wherever they come from. */
public interface BodySource {
    /** In bytes; empty if it is known only once a piece is shorter than the others, or empty. */
    OptionalLong size();

    /** The length of every piece but the last. */
    int pieceBytes();

    /** Completes with a piece that the caller owns. Pieces are asked for in order. */
    CompletionStage<Chunk> piece(int index);

    static BodySource of(ContentReader reader) {
        return new BodySource() {
            @Override
            public OptionalLong size() {
                return OptionalLong.of(reader.content().size());
            }

            @Override
            public int pieceBytes() {
                return Content.CHUNK_BYTES;
            }

            @Override
            public CompletionStage<Chunk> piece(int index) {
                return reader.chunk(index);
            }
        };
    }

    /** @param bytes at most one chunk */
    static BodySource of(byte[] bytes) {
        return new BodySource() {
            @Override
            public OptionalLong size() {
                return OptionalLong.of(bytes.length);
            }

            @Override
            public int pieceBytes() {
                return Content.CHUNK_BYTES;
            }

            @Override
            public CompletionStage<Chunk> piece(int index) {
                return CompletableFuture.completedFuture(Chunk.of(bytes));
            }
        };
    }
}
