package org.rackboot.protocol.tftp;

import java.nio.ByteBuffer;

/** A file whose bytes follow from its seed and their place, so that none need be kept. */
record SimulatedContent(long seed, long size) {

    void write(long offset, int length, ByteBuffer out) {
        for (long at = offset; at < offset + length; at++) {
            out.put(byteAt(at));
        }
    }

    boolean equalsAt(long offset, ByteBuffer bytes) {
        for (int i = 0; i < bytes.remaining(); i++) {
            if (bytes.get(bytes.position() + i) != byteAt(offset + i)) {
                return false;
            }
        }
        return true;
    }

    private byte byteAt(long at) {
        long mixed = (at + seed) * 0x9E3779B97F4A7C15L;
        return (byte) (mixed >>> 40);
    }
}
