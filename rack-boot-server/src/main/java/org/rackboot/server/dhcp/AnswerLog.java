package org.rackboot.server.dhcp;

import java.net.InetSocketAddress;
import java.time.Clock;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.rackboot.protocol.bootname.MacAddress;
import org.rackboot.protocol.dhcp.BootClient;
import org.rackboot.protocol.loader.LoaderChoice;
import org.rackboot.protocol.resolve.BootPhase;
import org.rackboot.server.event.BootEvent;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tells people what machines were told to boot: each answer is an event, so a line of the log and of the machine's timeline;
 * why something is not the usual, or nothing, is said once in ten minutes. Thread-safe.
 */
public final class AnswerLog {
    private static final Logger LOG = LoggerFactory.getLogger(AnswerLog.class);

    private final BootFiles files;
    private final Consumer<BootEvent> events;
    private final Notices notices;
    private final Clock clock;
    private final LongSupplier nanoClock;

    public AnswerLog(BootFiles files, Consumer<BootEvent> events) {
        this(files, events, line -> LOG.warn("{}", line), Clock.systemUTC(), System::nanoTime);
    }

    /** @param lines of the log that are no events */
    public AnswerLog(
            BootFiles files, Consumer<BootEvent> events, Consumer<String> lines, Clock clock, LongSupplier nanoClock) {
        this.files = files;
        this.events = events;
        this.notices = new Notices(lines);
        this.clock = clock;
        this.nanoClock = nanoClock;
    }

    /**
     * Somebody was answered.
     *
     * @param who in words, for those without an Ethernet address
     * @param from where it asked
     * @param isOffer whether it did not ask this server in particular
     * @param file empty = it was told none
     * @param more for the same line; may be empty
     */
    public void answered(
            BootClient client,
            String who,
            InetSocketAddress from,
            boolean isOffer,
            Optional<String> file,
            String more) {
        events.accept(new BootEvent(
                clock.instant(),
                BootEvent.Transport.DHCP,
                from,
                client.mac().map(MacAddress::text),
                BootPhase.LOADER,
                file.orElse("-"),
                isOffer ? BootEvent.Answer.OFFERED : BootEvent.Answer.ACKNOWLEDGED,
                0,
                Duration.ZERO,
                words(client) + more));
        if (files.choose(client) instanceof LoaderChoice.Load load
                && load.remark().isPresent()) {
            String remark = load.remark().get();
            notices.say(
                    words(client) + remark,
                    nanoClock.getAsLong(),
                    () -> "%s, of %s, is told to load %s: %s"
                            .formatted(name(client, who), words(client), load.name(), remark));
        }
    }

    /** Somebody was not answered, since nothing is there for it. */
    public void nothingToBoot(BootClient client, String who) {
        LoaderChoice choice = files.choose(client);
        if (choice instanceof LoaderChoice.Nothing nothing) {
            notices.say(
                    "nothing " + words(client),
                    nanoClock.getAsLong(),
                    () -> "Nothing to boot for %s, as %s asked for: %s. Until then it is not answered"
                            .formatted(words(client), name(client, who), nothing.reason()));
        } else if (((LoaderChoice.Load) choice).name().isEmpty()) {
            notices.say(
                    "wordless " + words(client),
                    nanoClock.getAsLong(),
                    () ->
                            "Nothing to boot by DHCPv6 for %s, as %s asked for: DHCPv6 has no words for what it needs; it boots by IPv4"
                                    .formatted(words(client), name(client, who)));
        }
    }

    private static String name(BootClient client, String who) {
        return client.mac().map(MacAddress::text).orElse(who);
    }

    /** Bounded in kinds, as a notice's key must be: a stranger chooses among the numbers, no more. */
    private static String words(BootClient client) {
        String machine = client.architecture()
                .map(type -> "%s (type %d)".formatted(type.name(), type.code()))
                .orElseGet(() -> client.architectures().isEmpty()
                        ? "no named architecture"
                        : "architecture type %d, which is in no list"
                                .formatted(client.architectures().get(0)));
        return client.isIpxe() ? "iPXE on " + machine : machine;
    }
}
