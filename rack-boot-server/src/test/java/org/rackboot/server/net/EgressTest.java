package org.rackboot.server.net;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class EgressTest {
    private static final long SECOND = 1_000_000_000L;
    private static final int BLOCK = 1_000;
    private static final int RATE = 1_000_000;

    private record Sent(long atNanos, int bytes) {}

    private final MovedClock clock = new MovedClock();
    private final Map<InetAddress, List<Sent>> sentTo = new HashMap<>();
    private final List<Sent> sent = new ArrayList<>();

    @Test
    void withoutLimitsEverythingGoesAtOnceAndNothingIsKnownOfAnybody() {
        var egress = new Egress(0, 0, clock::nowNanos, clock);
        assertThat(egress.isLimited()).isFalse();
        try (Egress.Flow flow = egress.open(client(1), BLOCK).orElseThrow()) {
            assertThat(flow.ask(Integer.MAX_VALUE, later -> {})).isEqualTo(Integer.MAX_VALUE);
            egress.spend(client(2), 1 << 30);
            assertThat(flow.ask(1, later -> {})).isOne();
        }
        assertThat(egress.clients()).isZero();
        assertThat(clock.alarms()).isZero();
    }

    @Test
    void whoAsksForMoreThanThereIsGetsExactlyTheRate() {
        var egress = new Egress(RATE, 0, clock::nowNanos, clock);
        var sender = new Sender(egress, client(1), BLOCK, 1 << 20);
        clock.pass(SECOND);
        long first = sender.bytes;

        clock.pass(10 * SECOND);

        assertThat(sender.bytes - first).isBetween(10L * RATE - RATE / 10, 10L * RATE + RATE / 10);
        assertThat(egress.delayedBytes()).isBetween(10L * RATE, 11L * RATE);
    }

    @Test
    void aRestIsGrantedWholeThoughItIsLessThanAUnit() {
        var egress = new Egress(RATE, 0, clock::nowNanos, clock);
        Egress.Flow flow = egress.open(client(1), BLOCK).orElseThrow();

        assertThat(flow.ask(37, later -> {})).isEqualTo(37);
    }

    @Test
    void anAddressWithFiftyConnectionsGetsNoMoreThanOneWithOne() {
        var egress = new Egress(10 * RATE, 0, clock::nowNanos, clock);
        List<Sender> many = new ArrayList<>();
        for (int i = 0; i < 50; i++) {
            many.add(new Sender(egress, client(1), 4_096, 1 << 20));
        }
        var alone = new Sender(egress, client(2), BLOCK, 8 * BLOCK);

        clock.pass(10 * SECOND);

        long together = many.stream().mapToLong(sender -> sender.bytes).sum();
        assertThat(alone.bytes).isBetween(together * 95 / 100, together * 105 / 100);
        for (Sender each : many) { // And they share that in turn.
            assertThat(each.bytes).isBetween(together / 60, together / 40);
        }
    }

    @Test
    void smallUnitsAndLargeOnesGetTheSameNumberOfBytes() {
        var egress = new Egress(RATE, 0, clock::nowNanos, clock);
        var small = new Sender(egress, client(1), 516, 8 * 516);
        var large = new Sender(egress, client(2), 4_096, 1 << 21);

        clock.pass(20 * SECOND);

        assertThat(small.bytes).isBetween(large.bytes * 9 / 10, large.bytes * 11 / 10);
    }

    @Test
    void aClientInLockstepNeverFindsALongPieceBeforeIt() {
        var egress = new Egress(12 * RATE, 0, clock::nowNanos, clock);
        for (int i = 0; i < 20; i++) {
            new Sender(egress, client(1), 4_096, 1 << 21);
        }
        var lockstep = new Sender(egress.open(client(2), 1_432).orElseThrow(), client(2), 1_432, 300_000);

        clock.pass(10 * SECOND);

        assertThat(lockstep.longestWaitNanos).isLessThan(5_000_000);
        assertThat(lockstep.bytes).isGreaterThan(10 * 300_000);
    }

    @Test
    void whatOneDoesNotTakeOthersMayHave() {
        var egress = new Egress(RATE, 0, clock::nowNanos, clock);
        var greedy = new Sender(egress, client(1), BLOCK, 1 << 20);
        var modest = new Sender(
                egress.open(client(2), BLOCK).orElseThrow(),
                client(2),
                BLOCK,
                100_000_000); // A block every 0.1 s: 10 kB/s.

        clock.pass(10 * SECOND);

        assertThat(modest.bytes).isBetween(90L * BLOCK, 100L * BLOCK); // Which it gets, without standing in line.
        assertThat(greedy.bytes + modest.bytes).isGreaterThan(99L * RATE / 10);
    }

    @Test
    void eachAddressHasItsOwnLimitToo() {
        var egress = new Egress(10 * RATE, RATE, clock::nowNanos, clock);
        var one = new Sender(egress, client(1), BLOCK, 1 << 20);
        var two = new Sender(egress, client(2), BLOCK, 1 << 20);
        var twoAgain = new Sender(egress, client(2), BLOCK, 1 << 20);

        clock.pass(10 * SECOND);

        assertThat(one.bytes).isBetween(99L * RATE / 10, 102L * RATE / 10);
        assertThat(two.bytes + twoAgain.bytes).isBetween(99L * RATE / 10, 102L * RATE / 10);
    }

    @Test
    void aLimitOfEachAddressAloneHoldsUpNobodyElse() {
        var egress = new Egress(0, RATE, clock::nowNanos, clock);
        List<Sender> senders = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            senders.add(new Sender(egress, client(i), BLOCK, 1 << 20));
        }

        clock.pass(5 * SECOND);

        assertThat(senders).allSatisfy(each -> assertThat(each.bytes).isBetween(49L * RATE / 10, 52L * RATE / 10));
    }

    @Test
    void goingAndComingBackIsNoWayPastTheOthers() {
        var egress = new Egress(RATE, 0, clock::nowNanos, clock);
        var steady = new Sender(egress, client(1), BLOCK, 1 << 20);
        long[] ranges = {0}; // One request after another, each a flow of its own.
        Runnable[] next = new Runnable[1];
        next[0] = () -> {
            Egress.Flow flow = egress.open(client(2), BLOCK).orElseThrow();
            int now = flow.ask(8 * BLOCK, later -> {
                ranges[0] += later;
                flow.close();
                next[0].run();
            });
            if (now > 0) {
                ranges[0] += now;
                flow.close();
                clock.after(0, next[0]);
            }
        };
        next[0].run();

        clock.pass(10 * SECOND);

        assertThat(ranges[0]).isLessThan(steady.bytes * 11 / 10);
    }

    @Test
    void whatWentOutUnaskedIsPaidByThoseWhoAsk() {
        var egress = new Egress(RATE, 0, clock::nowNanos, clock);
        Egress.Flow flow = egress.open(client(1), BLOCK).orElseThrow();
        egress.spend(client(2), RATE / 2);
        var granted = new ArrayList<Integer>();

        assertThat(flow.ask(BLOCK, granted::add)).isZero();
        assertThat(egress.waiting()).isOne();
        clock.pass(SECOND * 47 / 100);
        assertThat(granted).isEmpty();
        clock.pass(SECOND * 2 / 100);

        assertThat(granted).containsExactly(BLOCK);
        egress.spend(client(2), Integer.MAX_VALUE); // But for no longer than a second.
        assertThat(flow.ask(BLOCK, granted::add)).isZero();
        clock.pass(SECOND + SECOND / 100);
        assertThat(granted).hasSize(2);
    }

    @Test
    void whoLeavesWhileWaitingIsNotGrantedAnythingAndHoldsUpNobody() {
        var egress = new Egress(RATE, 0, clock::nowNanos, clock);
        egress.spend(client(9), RATE);
        Egress.Flow leaver = egress.open(client(1), BLOCK).orElseThrow();
        Egress.Flow other = egress.open(client(2), BLOCK).orElseThrow();
        var granted = new ArrayList<String>();
        leaver.ask(BLOCK, bytes -> granted.add("leaver"));
        other.ask(BLOCK, bytes -> granted.add("other"));

        leaver.close();
        leaver.close();
        clock.pass(2 * SECOND);

        assertThat(granted).containsExactly("other");
        assertThat(egress.waiting()).isZero();
        assertThatThrownBy(() -> leaver.ask(1, bytes -> {})).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void addressesAreForgottenOnceTheyOweNothing() {
        var egress = new Egress(0, RATE, clock::nowNanos, clock);
        for (int i = 0; i < 1_000; i++) {
            try (Egress.Flow flow = egress.open(client(i), BLOCK).orElseThrow()) {
                assertThat(flow.ask(1 << 20, bytes -> {})).isEqualTo(RATE / 10); // 0.1 s, less 20 ms on credit.
            }
            egress.spend(client(5_000 + i), RATE / 10);
        }
        assertThat(egress.clients()).isEqualTo(2_000);

        clock.pass(SECOND * 12 / 100);
        egress.open(client(1), BLOCK).orElseThrow().close();

        assertThat(egress.clients()).isZero();
    }

    @Test
    void thereAreOnlySoManyAddresses() {
        var egress = new Egress(1L << 40, 0, clock::nowNanos, clock);
        for (int i = 0; i < Egress.MAX_CLIENTS; i++) {
            assertThat(egress.open(client(i), BLOCK)).isPresent();
        }

        assertThat(egress.open(client(Egress.MAX_CLIENTS), BLOCK)).isEmpty();
        assertThat(egress.open(client(1), BLOCK)).isPresent(); // Known.
        assertThat(egress.refusedFlows()).isOne();
        assertThat(egress.clients()).isEqualTo(Egress.MAX_CLIENTS);
    }

    @Test
    void noMoreAreServedThanCanBeFedInASecond() {
        var egress = new Egress(RATE, 0, clock::nowNanos, clock);
        List<Egress.Flow> flows = new ArrayList<>();
        for (int i = 0; i < RATE / BLOCK; i++) {
            flows.add(egress.open(client(i), BLOCK).orElseThrow());
        }
        assertThat(egress.open(client(5_000), BLOCK)).isEmpty();
        assertThat(egress.open(client(0), BLOCK)).isEmpty(); // Nor a second one for someone who is here: it gets half.
        flows.remove(0).close();

        assertThat(egress.open(client(5_000), BLOCK)).isPresent();
    }

    @Test
    void anAddressWithManyMachinesBehindItCountsByWhatItsShareFeeds() {
        var egress = new Egress(RATE, 0, clock::nowNanos, clock);
        for (int i = 0; i < 500; i++) {
            assertThat(egress.open(client(1), BLOCK)).isPresent();
        }

        assertThat(egress.open(client(2), BLOCK)).isPresent(); // Half of the rate feeds 500 in a second.
        assertThat(egress.open(client(3), BLOCK)).isEmpty();
        assertThat(egress.open(client(1), BLOCK)).isEmpty();
    }

    @Test
    void anAddressOpensNoMoreThanItsOwnLimitFeeds() {
        var egress = new Egress(0, RATE, clock::nowNanos, clock);
        for (int i = 0; i < RATE / BLOCK; i++) {
            assertThat(egress.open(client(1), BLOCK)).isPresent();
        }

        assertThat(egress.open(client(1), BLOCK)).isEmpty();
        assertThat(egress.open(client(2), BLOCK)).isPresent();
    }

    @Test
    void whoIsAloneIsServedHoweverLowTheLimit() {
        var egress = new Egress(10, 10, clock::nowNanos, clock);
        var sender = new Sender(egress, client(1), 65_468, 65_468);

        clock.pass(20_000 * SECOND);

        assertThat(sender.bytes).isEqualTo(4 * 65_468);
        assertThat(egress.open(client(2), 65_468)).isEmpty();
    }

    @Test
    void whoWaitsIsFedInTimeThoughAThousandWait() {
        int machines = 1_000;
        var egress = new Egress((long) machines * 1_432, 0, clock::nowNanos, clock);
        List<Sender> senders = new ArrayList<>();
        for (int i = 0; i < machines; i++) {
            senders.add(new Sender(egress, client(i), 1_432, 8 * 1_432));
        }

        clock.pass(30 * SECOND);

        assertThat(senders).allSatisfy(each -> {
            assertThat(each.longestWaitNanos).isLessThan(2 * SECOND);
            assertThat(each.bytes).isBetween(28L * 1_432, 31L * 1_432);
        });
    }

    @Test
    void aThousandMachinesBehindOneAddressHaveTheirTurnsAsWell() {
        int machines = 1_000;
        var egress = new Egress(20L * machines * 1_432, 0, clock::nowNanos, clock);
        List<Sender> senders = new ArrayList<>();
        for (int i = 0; i < machines; i++) {
            senders.add(new Sender(egress, client(1), 1_432, 64 * 1_432));
        }

        clock.pass(3 * SECOND);

        assertThat(senders).allSatisfy(each -> assertThat(each.longestWaitNanos).isLessThan(SECOND / 4));
    }

    @Test
    void alarmsComeAtMostOnceAMillisecond() {
        int[] alarms = {0};
        var egress = new Egress(1L << 30, 0, clock::nowNanos, (nanos, task) -> {
            alarms[0]++;
            clock.after(nanos, task);
        });
        for (int i = 0; i < 100; i++) {
            new Sender(egress, client(i), BLOCK, BLOCK);
        }

        clock.pass(SECOND);

        assertThat(alarms[0]).isBetween(500, 1_100);
    }

    /** Machines come, send by fits and starts, wait and leave, over two limits. */
    @ParameterizedTest
    @MethodSource("seeds")
    void whateverHappensTheRatesHoldAndNobodyStarves(long seed) {
        Random random = new Random(seed);
        long rate = random.nextInt(4) == 0 ? 0 : 50_000 + random.nextInt(5_000_000);
        long clientRate = random.nextInt(3) == 0 ? 0 : 50_000 + random.nextInt(1_000_000);
        var egress = new Egress(rate, clientRate, clock::nowNanos, clock);
        List<Sender> senders = new ArrayList<>();
        for (int step = 0; step < 400; step++) {
            int what = random.nextInt(10);
            if (what < 4) {
                int unit = 100 + random.nextInt(5_000);
                InetAddress address = client(random.nextInt(20));
                Optional<Egress.Flow> flow = egress.open(address, unit);
                if (flow.isPresent()) {
                    long pause = random.nextBoolean() ? 0 : random.nextInt(50_000_000);
                    senders.add(new Sender(flow.get(), address, 1 + random.nextInt(100_000), 1_000 + pause));
                }
            } else if (what < 6 && !senders.isEmpty()) {
                senders.remove(random.nextInt(senders.size())).close();
            }
            clock.pass(random.nextInt(100_000_000));
        }
        clock.pass(3 * SECOND);

        String told = "seed %d: rates %d and %d".formatted(seed, rate, clientRate);
        sentTo.forEach((address, log) -> checkRate(told + ", " + address, log, clientRate));
        checkRate(told, sent, rate);
        for (Sender each : senders) {
            assertThat(each.longestWait()).as(told).isLessThan(5 * SECOND / 2);
        }
        senders.forEach(Sender::close);
        clock.pass(3 * SECOND);
        egress.open(client(1), 1).orElseThrow().close();
        assertThat(egress.clients()).as(told).isZero();
        assertThat(egress.waiting()).as(told).isZero();
        assertThat(clock.alarms()).as(told).isZero();
    }

    private static LongStream seeds() {
        return LongStream.range(0, Long.getLong("rackboot.seeds", 60));
    }

    /** Over any stretch of time: no more than the rate, the burst and one grant. */
    private static void checkRate(String told, List<Sent> log, long rate) {
        long most = 0;
        double above = 0; // The most that any stretch which ends here has above the rate.
        long at = 0;
        for (Sent each : log) {
            most = Math.max(most, each.bytes());
            above = Math.max(0, above - (double) (each.atNanos() - at) * rate / SECOND) + each.bytes();
            at = each.atNanos();
            if (rate > 0) {
                assertThat(above).as(told).isLessThanOrEqualTo(1 + most + (double) rate * Egress.BURST_MILLIS / 1_000);
            }
        }
    }

    private static InetAddress client(int number) {
        try {
            return InetAddress.getByAddress(
                    new byte[] {10, (byte) (number >> 16), (byte) (number >> 8), (byte) number});
        } catch (UnknownHostException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Asks again as soon as it was granted something, or after a pause. */
    private final class Sender implements AutoCloseable {
        private final Egress.Flow flow;
        private final InetAddress address;
        private final int askedBytes;
        private final long pauseNanos;
        private long bytes;
        private long askedAtNanos = -1;
        private long longestWaitNanos;
        private boolean closed;

        Sender(Egress egress, InetAddress address, int unit, int askedBytes) {
            this(egress.open(address, unit).orElseThrow(), address, askedBytes, 1_000);
        }

        Sender(Egress.Flow flow, InetAddress address, int askedBytes, long pauseNanos) {
            this.flow = flow;
            this.address = address;
            this.askedBytes = askedBytes;
            this.pauseNanos = pauseNanos;
            ask();
        }

        private void ask() {
            if (!closed) {
                askedAtNanos = clock.passedNanos();
                int now = flow.ask(askedBytes, this::granted);
                if (now > 0) {
                    granted(now);
                }
            }
        }

        private void granted(int granted) {
            long now = clock.passedNanos();
            longestWaitNanos = longestWait();
            askedAtNanos = -1;
            bytes += granted;
            sent.add(new Sent(now, granted));
            sentTo.computeIfAbsent(address, each -> new ArrayList<>()).add(new Sent(now, granted));
            clock.after(pauseNanos, this::ask);
        }

        long longestWait() {
            return Math.max(longestWaitNanos, askedAtNanos < 0 ? 0 : clock.passedNanos() - askedAtNanos);
        }

        @Override
        public void close() {
            closed = true;
            flow.close();
        }
    }
}
