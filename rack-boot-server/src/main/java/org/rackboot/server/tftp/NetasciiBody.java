package org.rackboot.server.tftp;

import java.nio.ByteBuffer;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.rackboot.image.Chunk;
import org.rackboot.protocol.tftp.NetasciiEncoder;

/** A body as netascii. How long it gets shows only at its end, so {@code tsize} cannot be answered (quirk T23). */
final class NetasciiBody implements BodySource {
    private static final int PIECE_BYTES = 64 << 10;

    private final BodySource plain;
    private final NetasciiEncoder encoder = new NetasciiEncoder();
    private long taken; // Bytes of the plain body.

    /** @param plain of known size */
    NetasciiBody(BodySource plain) {
        this.plain = plain;
    }

    @Override
    public OptionalLong size() {
        return OptionalLong.empty();
    }

    @Override
    public int pieceBytes() {
        return PIECE_BYTES;
    }

    @Override
    public CompletionStage<Chunk> piece(int index) {
        return filled(ByteBuffer.allocate(PIECE_BYTES)).thenApply(out -> {
            byte[] bytes = new byte[out.position()];
            out.flip().get(bytes);
            return Chunk.of(bytes);
        });
    }

    private CompletionStage<ByteBuffer> filled(ByteBuffer out) {
        if (taken == plain.size().orElseThrow()) {
            encoder.encode(ByteBuffer.allocate(0), out);
            return CompletableFuture.completedFuture(out);
        }
        int index = (int) (taken / plain.pieceBytes());
        return plain.piece(index).thenCompose(chunk -> {
            try {
                ByteBuffer in = chunk.bytes();
                int from = (int) (taken - (long) index * plain.pieceBytes());
                in.position(in.position() + from);
                encoder.encode(in, out);
                taken += in.position() - from;
            } finally {
                chunk.release();
            }
            return out.hasRemaining() ? filled(out) : CompletableFuture.completedFuture(out);
        });
    }
}
