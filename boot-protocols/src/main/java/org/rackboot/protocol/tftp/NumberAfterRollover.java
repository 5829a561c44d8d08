package org.rackboot.protocol.tftp;

/**
 * The block number that follows 65535. RFC 1350 does not say; nearly every client goes on at 0, a few old ones at 1
 * (quirk T16).
 */
public enum NumberAfterRollover {
    ZERO(65_536),
    ONE(65_535);

    private final int period;

    NumberAfterRollover(int period) {
        this.period = period;
    }

    /** The wire's 16 bits for the block that is counted from 1 without end; 0 is the OACK. */
    int onWire(long block) {
        return this == ZERO || block == 0 ? (int) (block & 0xFFFF) : (int) ((block - 1) % period) + 1;
    }

    /** The first block from {@code least} on that has this number on the wire. */
    long blockFrom(long least, int onWire) {
        if (this == ONE && onWire == 0) {
            return least == 0 ? 0 : Long.MAX_VALUE; // Only an OACK is acknowledged with 0.
        }
        long distance = Math.floorMod(onWire - (long) onWire(least), (long) period);
        return least + distance;
    }
}
