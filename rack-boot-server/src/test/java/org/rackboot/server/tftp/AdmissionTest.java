package org.rackboot.server.tftp;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class AdmissionTest {
    private static final InetAddress VICTIM = new InetSocketAddress("198.18.0.9", 0).getAddress();

    private long nowNanos = -5_000_000_000L;
    private int expired;
    private final Admission admission = new Admission(() -> nowNanos, () -> expired++);

    @Test
    void anAddressThatProvedNothingGetsSixteenPacketsInAnySecond() { // G-08
        SplittableRandom random = new SplittableRandom(1);
        Deque<Long> sent = new ArrayDeque<>();
        long all = 0;
        for (int i = 0; i < 1_000_000; i++) {
            nowNanos += random.nextLong(20_000);
            if (admission.admits(VICTIM)) {
                sent.add(nowNanos);
                all++;
            }
            while (!sent.isEmpty() && nowNanos - sent.peek() >= 1_000_000_000) {
                sent.remove();
            }
            assertThat(sent.size()).isLessThanOrEqualTo(Admission.UNPROVEN_PER_SECOND);
        }
        assertThat(all).as("in ten seconds").isBetween(140L, 176L);
    }

    @Test
    void proofsEarnMoreSoThatAThousandMachinesBehindOneAddressStartWithinAFewRoundTrips() {
        List<Runnable> waiting = new ArrayList<>();
        int[] started = new int[1];
        for (int port = 0; port < 1_000; port++) {
            if (admission.admits(VICTIM)) {
                started[0]++;
            } else {
                assertThat(admission.park(new InetSocketAddress(VICTIM, 10_000 + port), () -> started[0]++))
                        .isTrue();
            }
        }
        assertThat(started[0]).isEqualTo(16);

        int roundTrips = 0;
        for (int proved = 0; started[0] < 1_000; roundTrips++) {
            nowNanos += 300_000;
            for (int reply = started[0]; proved < reply; proved++) {
                waiting.addAll(admission.proven(VICTIM));
            }
            waiting.forEach(Runnable::run);
            waiting.clear();
        }
        assertThat(roundTrips).isLessThan(6);
        assertThat(admission.hasParked()).isFalse();
    }

    @Test
    void aParkedRequestIsAnsweredWhenTimeHasPassedOrGivenUp() {
        int[] started = new int[1];
        for (int i = 0; i < 16; i++) {
            admission.admits(VICTIM);
        }
        for (int port = 1; port <= 40; port++) {
            admission.park(new InetSocketAddress(VICTIM, port), () -> started[0]++);
        }
        assertThat(admission.due()).isEmpty();

        after(Duration.ofSeconds(1));
        admission.due().forEach(Runnable::run);
        assertThat(started[0]).isEqualTo(16);

        after(Duration.ofMillis(1_100));
        admission.due().forEach(Runnable::run);
        assertThat(started[0]).isEqualTo(16);
        assertThat(expired).isEqualTo(24);
        assertThat(admission.hasParked()).isFalse();
    }

    @Test
    void aClientThatAsksAgainIsParkedOnce() {
        for (int i = 0; i < 16; i++) {
            admission.admits(VICTIM);
        }
        List<String> handled = new ArrayList<>();
        admission.park(new InetSocketAddress(VICTIM, 1_057), () -> handled.add("first"));
        admission.park(new InetSocketAddress(VICTIM, 1_057), () -> handled.add("again"));
        after(Duration.ofSeconds(1));
        admission.due().forEach(Runnable::run);

        assertThat(handled).containsExactly("again");
    }

    @Test
    void proofsAreSoonForgottenAndTheParkedAreBounded() {
        for (int i = 0; i < 20; i++) {
            admission.proven(VICTIM);
        }
        after(Duration.ofSeconds(10));
        int admitted = 0;
        for (int i = 0; i < 100; i++) {
            admitted += admission.admits(VICTIM) ? 1 : 0;
        }
        assertThat(admitted).isEqualTo(16);

        int parked = 0;
        for (int port = 1; port <= 60_000; port++) {
            parked += admission.park(new InetSocketAddress(VICTIM, port), () -> {}) ? 1 : 0;
        }
        assertThat(parked).isEqualTo(Admission.MAX_PARKED);
    }

    @Test
    void aMillionForgedAddressesAreForgotten() throws Exception {
        for (int i = 0; i < 1_000_000; i++) {
            byte[] address = {(byte) 198, (byte) (18 + (i >> 16 & 1)), (byte) (i >> 8), (byte) i};
            assertThat(admission.admits(InetAddress.getByAddress(address)) || i > 100)
                    .isTrue();
        }
    }

    private void after(Duration time) {
        nowNanos += time.toNanos();
    }
}
