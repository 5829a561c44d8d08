package org.rackboot.protocol.tftp;

import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.function.Consumer;

/** A network that loses, repeats, delays and reorders datagrams, and keeps a hash of all it has seen. */
final class SimulatedNetwork {
    private static final long PARTITION_AFTER_NANOS = 50_000_000;

    private final Scenario scenario;
    private final SimulatedTime time;
    private final SplittableRandom random;
    private final long[] lastArrivalNanos = new long[2];

    private long burstBeganNanos;
    private int burstBlocks;
    private long logHash = 1;

    SimulatedNetwork(Scenario scenario, SimulatedTime time, SplittableRandom random) {
        this.scenario = scenario;
        this.time = time;
        this.random = random;
    }

    void toServer(byte[] datagram, Consumer<byte[]> receiver) {
        long since = time.nowNanos() - PARTITION_AFTER_NANOS;
        if (since >= 0 && since < scenario.partitionNanos()) {
            return;
        }
        boolean cut = random.nextDouble() < scenario.truncate();
        carry(cut ? Arrays.copyOf(datagram, random.nextInt(datagram.length)) : datagram, 0, receiver);
    }

    void toClient(byte[] datagram, Consumer<byte[]> receiver) {
        long now = time.nowNanos();
        if (now - burstBeganNanos > scenario.delayNanos() / 4 + 100_000) { // The client had time to look.
            burstBeganNanos = now;
            burstBlocks = 0;
        }
        if (++burstBlocks <= scenario.bufferBlocks() && datagram.length + 28 <= scenario.mtuBytes()) {
            carry(datagram, 1, receiver);
        }
    }

    /** Equal for two runs exactly if the same datagrams arrived at the same times. */
    long logHash() {
        return logHash;
    }

    private void carry(byte[] datagram, int direction, Consumer<byte[]> receiver) {
        byte[] sent = flipped(datagram);
        int copies = random.nextDouble() < scenario.drop() ? 0 : random.nextDouble() < scenario.duplicate() ? 2 : 1;
        for (int i = 0; i < copies; i++) {
            long jitter = scenario.jitterNanos() == 0 ? 0 : random.nextLong(scenario.jitterNanos());
            long arrivalNanos = time.nowNanos() + scenario.delayNanos() + jitter;
            if (!scenario.reorders()) {
                arrivalNanos = Math.max(arrivalNanos, lastArrivalNanos[direction]);
                lastArrivalNanos[direction] = arrivalNanos;
            }
            time.after(arrivalNanos - time.nowNanos(), () -> {
                logHash = (logHash * 31 + time.nowNanos()) * 31 + Arrays.hashCode(sent);
                receiver.accept(sent);
            });
        }
    }

    /** Turns one bit over in an ACK, or in the opcode of a block. */
    private byte[] flipped(byte[] datagram) {
        boolean control = datagram.length >= 4 && (datagram[1] == 3 || datagram[1] == 4);
        if (scenario.flip() == 0 || !control || random.nextDouble() >= scenario.flip()) {
            return datagram;
        }
        byte[] wrong = datagram.clone();
        int bit = random.nextInt(datagram[1] == 4 ? 32 : 16);
        wrong[bit / 8] ^= (byte) (1 << bit % 8);
        return wrong;
    }
}
