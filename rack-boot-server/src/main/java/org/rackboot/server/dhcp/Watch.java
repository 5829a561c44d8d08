package org.rackboot.server.dhcp;

import java.net.InetSocketAddress;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import java.util.function.Predicate;
import org.rackboot.protocol.address.Ipv4Address;
import org.rackboot.protocol.bootname.MacAddress;
import org.rackboot.protocol.dhcp.DhcpFinding;
import org.rackboot.protocol.dhcp.DhcpMessage;
import org.rackboot.protocol.dhcp.DhcpWatch;
import org.rackboot.protocol.resolve.BootPhase;
import org.rackboot.server.event.BootEvent;

/** Tells of what {@link DhcpWatch} finds: the log, the machine's timeline, and who asks for what is wrong now. Thread-safe. */
final class Watch {
    private final DhcpWatch watch;
    private final Consumer<BootEvent> events;
    private final Notices notices;
    private final Clock clock;
    private final LongSupplier nanoClock;

    Watch(
            Predicate<Ipv4Address> isOurs,
            Consumer<BootEvent> events,
            Notices notices,
            Clock clock,
            LongSupplier nanoClock) {
        this.watch = new DhcpWatch(isOurs);
        this.events = events;
        this.notices = notices;
        this.clock = clock;
        this.nanoClock = nanoClock;
    }

    /** @param link where it was heard */
    void hear(DhcpMessage message, String link, Ipv4Address source) {
        long now = nanoClock.getAsLong();
        List<DhcpFinding> fresh;
        synchronized (this) {
            fresh = watch.hear(message, link, source, now);
        }
        tell(fresh, now);
    }

    /** Finds out who asks in vain; to be called every few seconds. */
    void look() {
        long now = nanoClock.getAsLong();
        List<DhcpFinding> fresh;
        synchronized (this) {
            fresh = watch.look(now);
        }
        tell(fresh, now);
    }

    private void tell(List<DhcpFinding> fresh, long now) {
        for (DhcpFinding finding : fresh) {
            notices.say(finding.kind() + " " + finding.network() + " " + finding.server(), now, finding::text);
            finding.machine().ifPresent(machine -> events.accept(event(finding, machine)));
        }
    }

    private BootEvent event(DhcpFinding finding, MacAddress machine) {
        return new BootEvent(
                clock.instant(),
                BootEvent.Transport.DHCP,
                new InetSocketAddress(Link.inet(Ipv4Address.UNSPECIFIED), 0),
                Optional.of(machine.text()),
                BootPhase.LOADER,
                "-",
                BootEvent.Answer.WARNED,
                0,
                Duration.ZERO,
                finding.text());
    }

    /** What is wrong at the moment, for people. */
    synchronized List<String> warnings() {
        return watch.findings(nanoClock.getAsLong()).stream()
                .map(DhcpFinding::text)
                .toList();
    }
}
