package org.rackboot.protocol.tftp;

import java.nio.ByteBuffer;

/**
 * Writes a file in transfer mode netascii (RFC 1350, 1; RFC 764): every LF as CR LF, every CR as CR NUL. A pair may be
 * parted by the end of a buffer, so of a block, and goes on in the next.
 */
public final class NetasciiEncoder {
    private static final int NOTHING = -1;

    private int second = NOTHING; // Of a pair whose first byte has been written.

    /** Takes from {@code in} and writes to {@code out} until one of them has no more, and what is begun is written. */
    public void encode(ByteBuffer in, ByteBuffer out) {
        while (out.hasRemaining()) {
            if (second != NOTHING) {
                out.put((byte) second);
                second = NOTHING;
            } else if (in.hasRemaining()) {
                byte next = in.get();
                if (next == '\n' || next == '\r') {
                    out.put((byte) '\r');
                    second = next == '\n' ? '\n' : 0;
                } else {
                    out.put(next);
                }
            } else {
                return;
            }
        }
    }

    /** Whether a byte waits for room. */
    public boolean hasPending() {
        return second != NOTHING;
    }
}
