package org.rackboot.protocol.tftp;

import java.time.Duration;
import java.util.SplittableRandom;

/**
 * Everything that one simulated transfer depends on, drawn from its seed.
 *
 * @param drop share of datagrams lost; likewise {@code duplicate}; {@code truncate} cuts the client's only, since a
 *     cut block would look like the end of the file
 * @param jitterNanos additional delay that is drawn for each datagram
 * @param reorders whether a later datagram may so overtake an earlier one
 * @param slowestReadNanos the longest time in which bytes arrive from disk or upstream
 * @param readsFail whether they may fail to arrive
 * @param flip share of ACKs and block headers in which one bit turns over; a payload's would be UDP's to find
 * @param mtuBytes datagrams above never arrive at the client
 * @param bufferBlocks what the client can take in before it looks; the rest of a burst is lost
 * @param partitionNanos how long nothing goes from client to server, some time after the beginning
 * @param sizeUnknown whether the server learns only at the end how long the file is
 * @param paced whether the server may send blocks only when it is granted some of them
 */
record Scenario(
        long seed,
        SimulatedClient.Kind kind,
        int blockSize,
        int windowSize,
        long size,
        double drop,
        double duplicate,
        double truncate,
        long delayNanos,
        long jitterNanos,
        boolean reorders,
        long slowestReadNanos,
        boolean readsFail,
        double flip,
        int mtuBytes,
        int bufferBlocks,
        long partitionNanos,
        boolean sizeUnknown,
        boolean paced) {
    private static final int NO_LIMIT = 65_535;

    /** A network that does nothing but lose and repeat. */
    static Scenario plain(
            long seed, SimulatedClient.Kind kind, int blockSize, int windowSize, long size, double drop, double twice) {
        return new Scenario(
                seed,
                kind,
                blockSize,
                windowSize,
                size,
                drop,
                twice,
                0,
                200_000,
                20_000,
                false,
                0,
                false,
                0,
                NO_LIMIT,
                NO_LIMIT,
                0,
                false,
                false);
    }

    Scenario withMtu(int bytes) {
        return new Scenario(
                seed,
                kind,
                blockSize,
                windowSize,
                size,
                drop,
                duplicate,
                truncate,
                delayNanos,
                jitterNanos,
                reorders,
                slowestReadNanos,
                readsFail,
                flip,
                bytes,
                bufferBlocks,
                partitionNanos,
                sizeUnknown,
                paced);
    }

    Scenario withBuffer(int blocks) {
        return new Scenario(
                seed,
                kind,
                blockSize,
                windowSize,
                size,
                drop,
                duplicate,
                truncate,
                delayNanos,
                jitterNanos,
                reorders,
                slowestReadNanos,
                readsFail,
                flip,
                mtuBytes,
                blocks,
                partitionNanos,
                sizeUnknown,
                paced);
    }

    static Scenario of(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        SimulatedClient.Kind[] kinds = SimulatedClient.Kind.values();
        SimulatedClient.Kind kind = kinds[random.nextInt(kinds.length)];
        boolean huge = random.nextInt(200) == 0; // More than 65535 blocks: the number wraps.
        int blockSize = huge ? 8 : kind.blockSize(random);
        int windowSize = kind.windowSize(random);
        boolean calm = random.nextInt(4) == 0;
        double drop = calm ? 0 : random.nextDouble(huge ? 0.02 : 0.3);
        double duplicate = calm || random.nextBoolean() ? 0 : random.nextDouble(0.1);
        double truncate = calm || random.nextBoolean() ? 0 : random.nextDouble(0.02);
        long delay = nanos(random.nextLong(1, 10));
        long jitter = calm ? random.nextLong(200_000) : random.nextBoolean() ? 0 : nanos(random.nextLong(0, 200));
        long slowestRead = random.nextBoolean() ? 0 : nanos(random.nextLong(1, 4_000));
        boolean readsFail = !calm && random.nextInt(20) == 0;
        double flip = calm || random.nextInt(4) > 0 ? 0 : random.nextDouble(0.01);
        int mtu = !calm && random.nextInt(50) == 0 ? random.nextInt(560, 1_500) : NO_LIMIT;
        int buffer = !calm && random.nextInt(4) == 0 ? random.nextInt(2, 64) : NO_LIMIT;
        long partition = calm || random.nextInt(10) > 0 ? 0 : nanos(random.nextLong(100, 4_000));
        boolean sizeUnknown = random.nextInt(5) == 0;
        return new Scenario(
                seed,
                kind,
                blockSize,
                windowSize,
                size(random, huge, blockSize),
                drop,
                duplicate,
                truncate,
                delay,
                jitter,
                !calm && random.nextBoolean(),
                slowestRead,
                readsFail,
                flip,
                mtu,
                buffer,
                partition,
                sizeUnknown,
                random.nextInt(3) == 0);
    }

    /** Nothing is lost, repeated or late: every block is needed once. */
    boolean isCalm() {
        boolean steady = drop == 0 && duplicate == 0 && truncate == 0 && flip == 0 && partitionNanos == 0;
        boolean network = steady && !reorders && jitterNanos < 1_000_000;
        boolean path = mtuBytes == NO_LIMIT && bufferBlocks == NO_LIMIT;
        return network && path && slowestReadNanos == 0 && !readsFail;
    }

    private static long size(SplittableRandom random, boolean huge, int blockSize) {
        if (huge) {
            return 65_535L * blockSize + random.nextLong(-2L * blockSize, 200L * blockSize);
        }
        return switch (random.nextInt(8)) {
            case 0 -> 0;
            case 1 -> (long) blockSize * random.nextInt(1, 9); // The last block is empty.
            case 2 -> random.nextLong(1, blockSize + 1L);
            case 3 -> random.nextLong(blockSize * 300L);
            default -> random.nextLong(blockSize * 60L);
        };
    }

    private static long nanos(long millis) {
        return Duration.ofMillis(millis).toNanos();
    }
}
