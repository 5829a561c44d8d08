package org.rackboot.server.event;

import java.net.InetAddress;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.rackboot.protocol.resolve.BootPhase;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes each event as one line that a person can read. Of one client, fifty lines in a second, more than a machine's boot has; beyond those only the first of
 * each kind (phase and answer), so that a failure is seen between successes; the rest is a number (S-63). Runs on the
 * bus's thread.
 */
public final class BootLog implements Consumer<BootEvent> {
    private static final Logger LOG = LoggerFactory.getLogger("boot");
    static final int LINES = 50;
    private static final long SECOND_NANOS = 1_000_000_000;
    private static final int MAX_CLIENTS = 4_096;
    private static final Map<BootEvent.Answer, String> ANSWER_WORDS = words();
    private static final Map<BootEvent.Transport, String> TRANSPORT_WORDS = Map.of(
            BootEvent.Transport.TFTP, " tftp ", BootEvent.Transport.HTTP, " http ", BootEvent.Transport.DHCP, " dhcp ");

    private final LongSupplier nanoClock;
    private final Consumer<String> lines;

    /** By address, or MAC while there is none; the client whose second began first in front. */
    private final Map<Object, Recent> clients = new LinkedHashMap<>();

    /** What one client did in its second. */
    private static final class Recent {
        private final long startNanos;
        private int written;
        private final Map<BootPhase, Set<BootEvent.Answer>> kinds = new EnumMap<>(BootPhase.class);
        private long unwritten;

        Recent(long startNanos) {
            this.startNanos = startNanos;
        }
    }

    public BootLog() {
        this(System::nanoTime, line -> LOG.info("{}", line));
    }

    BootLog(LongSupplier nanoClock, Consumer<String> lines) {
        this.nanoClock = nanoClock;
        this.lines = lines;
    }

    @Override
    public void accept(BootEvent event) {
        long now = nanoClock.getAsLong();
        endSeconds(now);
        Recent recent = clients.computeIfAbsent(who(event), client -> new Recent(now));
        boolean first = recent.kinds
                .computeIfAbsent(event.phase(), phase -> EnumSet.noneOf(BootEvent.Answer.class))
                .add(event.answer());
        if (recent.written < LINES || first) {
            recent.written++;
            lines.accept(line(event));
        } else {
            recent.unwritten++;
        }
    }

    /** Writes the numbers whose second is over. */
    public void catchUp() {
        endSeconds(nanoClock.getAsLong());
    }

    private void endSeconds(long now) {
        Iterator<Map.Entry<Object, Recent>> oldest = clients.entrySet().iterator();
        while (oldest.hasNext()) {
            Map.Entry<Object, Recent> client = oldest.next();
            Recent recent = client.getValue();
            if (now - recent.startNanos < SECOND_NANOS && clients.size() < MAX_CLIENTS) {
                return;
            }
            oldest.remove();
            if (recent.unwritten > 0) {
                lines.accept(text(client.getKey()) + " and " + recent.unwritten + " more in that second");
            }
        }
    }

    /** {@code 198.18.0.101 52:54:00:0b:00:00 tftp loader bootx64.efi: sent 957424 B in 0.310 s (blksize=1468)}. */
    static String line(BootEvent event) {
        StringBuilder line = new StringBuilder(200);
        line.append(text(event.client().getAddress()));
        line.append(' ').append(event.mac().orElse("-"));
        line.append(TRANSPORT_WORDS.get(event.transport()));
        line.append(event.phase().word());
        line.append(' ').append(event.name());
        line.append(": ").append(ANSWER_WORDS.get(event.answer()));
        if (event.bytes() > 0 || event.answer() == BootEvent.Answer.SENT) {
            long millis = event.duration().toMillis();
            line.append(' ')
                    .append(event.bytes())
                    .append(" B in ")
                    .append(millis / 1_000)
                    .append('.');
            line.append((char) ('0' + millis / 100 % 10));
            line.append((char) ('0' + millis / 10 % 10));
            line.append((char) ('0' + millis % 10)).append(" s");
        }
        if (!event.reason().isEmpty()) {
            line.append(" (").append(event.reason()).append(')');
        }
        return line.toString();
    }

    private static Map<BootEvent.Answer, String> words() {
        Map<BootEvent.Answer, String> words = new EnumMap<>(BootEvent.Answer.class);
        for (BootEvent.Answer answer : BootEvent.Answer.values()) {
            words.put(answer, answer.name().toLowerCase(Locale.ROOT).replace('_', ' '));
        }
        return words;
    }

    private static Object who(BootEvent event) {
        InetAddress address = event.client().getAddress();
        Optional<String> mac = event.mac();
        return address.isAnyLocalAddress() && mac.isPresent() ? mac.get() : address;
    }

    /** Without the zone 0, which is none. */
    private static String text(Object client) {
        String text = client instanceof InetAddress address ? address.getHostAddress() : client.toString();
        return text.endsWith("%0") ? text.substring(0, text.length() - 2) : text;
    }
}
