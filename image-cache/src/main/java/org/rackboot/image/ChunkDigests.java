package org.rackboot.image;

import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;

/** The sha256 of every chunk of one content, itself verified against the {@link Content} it belongs to. */
public final class ChunkDigests {
    public static final int DIGEST_BYTES = 32;

    private final byte[] digests;

    private ChunkDigests(byte[] digests) {
        this.digests = digests;
    }

    /**
     * @param bytes the digests, {@value #DIGEST_BYTES} bytes each, in the order of the chunks
     * @throws VerificationException if they are not the ones {@code content} names
     */
    public static ChunkDigests verified(Content content, byte[] bytes) throws VerificationException {
        byte[] copy = bytes.clone();
        long expected = (long) content.chunkCount() * DIGEST_BYTES;
        if (copy.length != expected) {
            throw new VerificationException(
                    "The chunk list of %s has %d bytes; expected %d".formatted(content.id(), copy.length, expected));
        }
        ContentId actual = ContentId.of(sha256().digest(copy));
        if (!actual.equals(content.chunkList())) {
            throw new VerificationException("The chunk list of %s has sha256 %s; expected %s"
                    .formatted(content.id(), actual, content.chunkList()));
        }
        return new ChunkDigests(copy);
    }

    /** Whether {@code bytes}, from position to limit, are chunk {@code index}. Leaves the buffer as it was. */
    public boolean matches(int index, ByteBuffer bytes) {
        MessageDigest digest = sha256();
        digest.update(bytes.duplicate());
        int from = index * DIGEST_BYTES;
        return Arrays.equals(digest.digest(), Arrays.copyOfRange(digests, from, from + DIGEST_BYTES));
    }

    public byte[] toBytes() {
        return digests.clone();
    }

    /** A new SHA-256, which every Java platform has. */
    public static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }
}
