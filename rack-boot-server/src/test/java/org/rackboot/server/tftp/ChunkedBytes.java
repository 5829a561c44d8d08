package org.rackboot.server.tftp;

import java.util.Arrays;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.rackboot.image.Chunk;
import org.rackboot.image.Content;
import org.rackboot.image.ContentUnavailableException;

/** A body of any size, in chunks, or one that cannot be had. */
final class ChunkedBytes implements BodySource {
    private final byte[] bytes;
    private final boolean unreadable;

    ChunkedBytes(byte[] bytes, boolean unreadable) {
        this.bytes = bytes;
        this.unreadable = unreadable;
    }

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
        if (unreadable) {
            return CompletableFuture.failedFuture(
                    new ContentUnavailableException("not cached, and the region is away"));
        }
        int from = index * Content.CHUNK_BYTES;
        return CompletableFuture.completedFuture(
                Chunk.of(Arrays.copyOfRange(bytes, from, Math.min(bytes.length, from + Content.CHUNK_BYTES))));
    }
}
