package org.rackboot.server.metrics;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.ref.WeakReference;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class MetricsTest {
    private final Metrics metrics = new Metrics(() -> new Metrics.Readiness(true, "ready"));
    private final AtomicLong value = new AtomicLong();

    private enum Way {
        BY_NIGHT
    }

    @Test
    void whatIsAskedForAtEachLookIsAskedAlsoAfterAGarbageCollection() {
        metrics.counter("lone", value::get);
        metrics.counter("labelled", "way", Way.BY_NIGHT, value::get);
        metrics.gauge("level", value::get);

        collectGarbage();
        value.set(7);

        assertThat(metrics.page())
                .contains(
                        "rackboot_lone_total 7.0",
                        "rackboot_labelled_total{way=\"by-night\"} 7.0",
                        "rackboot_level 7.0");
    }

    private static void collectGarbage() {
        WeakReference<Object> unheld = new WeakReference<>(new Object());
        while (unheld.get() != null) {
            System.gc();
        }
    }
}
