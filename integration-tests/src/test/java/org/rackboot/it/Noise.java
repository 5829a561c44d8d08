package org.rackboot.it;

import java.io.IOException;
import java.io.OutputStream;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.SplittableRandom;

/** A file of pseudo-random bytes that is made while it is written, from any byte on, and never held as a whole. */
record Noise(long seed, long size) {
    private static final int BLOCK = 1 << 16;

    void writeTo(OutputStream out, long from) throws IOException {
        byte[] bytes = new byte[BLOCK];
        for (long block = from / BLOCK; block * BLOCK < size; block++) {
            new SplittableRandom(seed + block).nextBytes(bytes);
            int skipped = (int) Math.max(0, from - block * BLOCK);
            int until = (int) Math.min(BLOCK, size - block * BLOCK);
            out.write(bytes, skipped, until - skipped);
        }
    }

    String sha256() {
        try (DigestOutputStream digest =
                new DigestOutputStream(OutputStream.nullOutputStream(), MessageDigest.getInstance("SHA-256"))) {
            writeTo(digest, 0);
            return HexFormat.of().formatHex(digest.getMessageDigest().digest());
        } catch (IOException | NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }
}
