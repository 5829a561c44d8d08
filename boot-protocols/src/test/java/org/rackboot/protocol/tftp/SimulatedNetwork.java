package org.rackboot.protocol.tftp;

import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.function.Consumer;

/** A network that loses, repeats, delays and reorders datagrams, and keeps a hash of all it has seen. */
final class SimulatedNetwork {
    private final Scenario scenario;
    private final SimulatedTime time;
    private final SplittableRandom random;
    private final long[] lastArrivalNanos = new long[2];

    private long logHash = 1;

    SimulatedNetwork(Scenario scenario, SimulatedTime time, SplittableRandom random) {
        this.scenario = scenario;
        this.time = time;
        this.random = random;
    }

    void toServer(byte[] datagram, Consumer<byte[]> receiver) {
        boolean cut = random.nextDouble() < scenario.truncate();
        carry(cut ? Arrays.copyOf(datagram, random.nextInt(datagram.length)) : datagram, 0, receiver);
    }

    void toClient(byte[] datagram, Consumer<byte[]> receiver) {
        carry(datagram, 1, receiver);
    }

    /** Equal for two runs exactly if the same datagrams arrived at the same times. */
    long logHash() {
        return logHash;
    }

    private void carry(byte[] datagram, int direction, Consumer<byte[]> receiver) {
        int copies = random.nextDouble() < scenario.drop() ? 0 : random.nextDouble() < scenario.duplicate() ? 2 : 1;
        for (int i = 0; i < copies; i++) {
            long jitter = scenario.jitterNanos() == 0 ? 0 : random.nextLong(scenario.jitterNanos());
            long arrivalNanos = time.nowNanos() + scenario.delayNanos() + jitter;
            if (!scenario.reorders()) {
                arrivalNanos = Math.max(arrivalNanos, lastArrivalNanos[direction]);
                lastArrivalNanos[direction] = arrivalNanos;
            }
            time.after(arrivalNanos - time.nowNanos(), () -> {
                logHash = (logHash * 31 + time.nowNanos()) * 31 + Arrays.hashCode(datagram);
                receiver.accept(datagram);
            });
        }
    }
}
