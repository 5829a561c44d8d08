package org.rackboot.server.region;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class RenderedCatalogTest {
    private static final int RACKS = 200;

    private final AtomicInteger renderings = new AtomicInteger();
    private volatile long version = 1;
    private final RenderedCatalog catalog = new RenderedCatalog(new RenderedCatalog.Source() {
        @Override
        public long version() {
            return version;
        }

        @Override
        public byte[] document() {
            renderings.incrementAndGet();
            for (int i = 0; i < 1_000_000; i++) {
                Thread.onSpinWait(); // Time for the others to come in, if anything lets them.
            }
            return ("version " + version).getBytes(UTF_8);
        }
    });

    @Test
    void twoHundredRacksThatAskAtOnceHaveItRenderedOnce() throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(RACKS);
        for (int change = 1; change <= 3; change++) {
            version = change;
            CountDownLatch told = new CountDownLatch(1);
            List<CompletableFuture<RenderedCatalog.Rendered>> racks = new ArrayList<>();
            for (int i = 0; i < RACKS; i++) {
                racks.add(CompletableFuture.supplyAsync(
                        () -> {
                            try {
                                told.await();
                                return catalog.current();
                            } catch (Exception e) {
                                throw new AssertionError(e);
                            }
                        },
                        threads));
            }
            told.countDown();

            RenderedCatalog.Rendered first = racks.get(0).get();
            assertThat(new String(first.document(), UTF_8)).isEqualTo("version " + change);
            for (CompletableFuture<RenderedCatalog.Rendered> rack : racks) {
                assertThat(rack.get()).isSameAs(first);
            }
            assertThat(renderings).hasValue(change);
        }
        threads.shutdown();
    }

    /** As when machines are added one after another: the version grows each time that somebody looks. */
    @Test
    void whileChangesComeFasterThanItCanBeMadeThoseWhoWaitedShareOne() throws Exception {
        AtomicInteger made = new AtomicInteger();
        CountDownLatch goOn = new CountDownLatch(1);
        CountDownLatch begun = new CountDownLatch(1);
        RenderedCatalog changing = new RenderedCatalog(new RenderedCatalog.Source() {
            private long versions;

            @Override
            public long version() {
                return ++versions;
            }

            @Override
            public byte[] document() {
                begun.countDown();
                try {
                    goOn.await();
                } catch (InterruptedException e) {
                    throw new AssertionError(e);
                }
                return new byte[] {(byte) made.incrementAndGet()};
            }
        });
        List<Thread> racks = new ArrayList<>();
        for (int i = 0; i < RACKS; i++) {
            Thread rack = new Thread(() -> {
                try {
                    changing.current();
                } catch (Exception e) {
                    throw new AssertionError(e);
                }
            });
            rack.start();
            racks.add(rack);
            begun.await(); // The first makes it; all others come while it does.
        }
        for (Thread rack : racks.subList(1, RACKS)) {
            while (rack.getState() != Thread.State.BLOCKED) {
                Thread.onSpinWait();
            }
        }

        goOn.countDown();
        for (Thread rack : racks) {
            rack.join();
        }

        assertThat(made).as("the first's, and one for all the others").hasValue(2);
    }
}
