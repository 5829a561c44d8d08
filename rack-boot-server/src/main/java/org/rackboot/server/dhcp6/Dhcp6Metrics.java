package org.rackboot.server.dhcp6;

import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;
import org.rackboot.protocol.dhcp6.ProxyDhcp6;
import org.rackboot.server.metrics.Metrics;

/** Counts what DHCPv6 does, as {@code rackboot_dhcp6_…}. */
public final class Dhcp6Metrics implements Dhcp6Listener.Listener {
    private final Map<ProxyDhcp6.Service, LongAdder> answers;
    private final Map<ProxyDhcp6.Reason, LongAdder> silences;
    private final Map<Dhcp6Listener.Dropped, LongAdder> drops;

    public Dhcp6Metrics(Metrics metrics) {
        this.answers = shown(metrics, "dhcp6.answers", "service", ProxyDhcp6.Service.class);
        this.silences = shown(metrics, "dhcp6.silences", "reason", ProxyDhcp6.Reason.class);
        this.drops = shown(metrics, "dhcp6.dropped", "reason", Dhcp6Listener.Dropped.class);
    }

    private static <E extends Enum<E>> Map<E, LongAdder> shown(
            Metrics metrics, String name, String label, Class<E> kinds) {
        Map<E, LongAdder> counts = new EnumMap<>(kinds);
        for (E kind : kinds.getEnumConstants()) {
            LongAdder count = new LongAdder();
            counts.put(kind, count);
            metrics.counter(name, label, kind, count::doubleValue);
        }
        return counts;
    }

    @Override
    public void answered(ProxyDhcp6.Service service) {
        increment(answers, service);
    }

    @Override
    public void silent(ProxyDhcp6.Reason why) {
        increment(silences, why);
    }

    @Override
    public void dropped(Dhcp6Listener.Dropped why) {
        increment(drops, why);
    }

    private static <E extends Enum<E>> void increment(Map<E, LongAdder> counts, E kind) {
        LongAdder count = counts.get(kind);
        if (count != null) {
            count.increment();
        }
    }
}
