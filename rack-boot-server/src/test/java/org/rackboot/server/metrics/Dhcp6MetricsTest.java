package org.rackboot.server.metrics;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.rackboot.protocol.dhcp6.ProxyDhcp6;
import org.rackboot.server.dhcp6.Dhcp6Listener;
import org.rackboot.server.dhcp6.Dhcp6Metrics;

class Dhcp6MetricsTest {
    @Test
    void answersAndSilencesAreCountedByKind() {
        Metrics metrics = new Metrics(() -> new Metrics.Readiness(true, "ready"));
        Dhcp6Metrics dhcp6 = new Dhcp6Metrics(metrics);

        dhcp6.answered(ProxyDhcp6.Service.BOOT_SERVER);
        dhcp6.silent(ProxyDhcp6.Reason.OTHER_SERVER);
        dhcp6.silent(ProxyDhcp6.Reason.OTHER_SERVER);
        dhcp6.dropped(Dhcp6Listener.Dropped.MALFORMED);

        assertThat(metrics.page())
                .contains(
                        "rackboot_dhcp6_answers_total{service=\"boot-server\"} 1.0",
                        "rackboot_dhcp6_answers_total{service=\"dhcp\"} 0.0",
                        "rackboot_dhcp6_silences_total{reason=\"other-server\"} 2.0",
                        "rackboot_dhcp6_dropped_total{reason=\"malformed\"} 1.0");
    }
}
