package org.rackboot.image;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.Random;

/** Content with its bytes and its chunk list, as an honest region has them. */
public record Sample(Content content, byte[] bytes, byte[] digests) {
    /** Random bytes, the same for the same seed. */
    public static Sample of(long seed, int size) {
        byte[] bytes = new byte[size];
        new Random(seed).nextBytes(bytes);
        return of(bytes);
    }

    public static Sample of(byte[] bytes) {
        byte[] digests = digestsOf(bytes);
        return new Sample(new Content(sha256(bytes), bytes.length, sha256(digests)), bytes, digests);
    }

    public static byte[] digestsOf(byte[] bytes) {
        var digests = new ByteArrayOutputStream();
        for (int at = 0; at < bytes.length; at += Content.CHUNK_BYTES) {
            var digest = ChunkDigests.sha256();
            digest.update(bytes, at, Math.min(Content.CHUNK_BYTES, bytes.length - at));
            digests.writeBytes(digest.digest());
        }
        return digests.toByteArray();
    }

    public static ContentId sha256(byte[] bytes) {
        return ContentId.of(ChunkDigests.sha256().digest(bytes));
    }

    public ByteBuffer chunk(int index) {
        return ByteBuffer.wrap(bytes, (int) content.chunkOffset(index), content.chunkLength(index))
                .slice();
    }

    /** The bytes with one bit of {@code at} turned. */
    public byte[] flipped(int at) {
        byte[] flipped = bytes.clone();
        flipped[at] ^= 0x10;
        return flipped;
    }
}
