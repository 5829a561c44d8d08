package org.rackboot.server.event;

import java.util.Locale;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Writes each event as one line that a person can read. */
public final class BootLog implements Consumer<BootEvent> {
    private static final Logger LOG = LoggerFactory.getLogger("boot");

    @Override
    public void accept(BootEvent event) {
        LOG.info("{}", line(event));
    }

    /** {@code 198.18.0.101 52:54:00:0b:00:00 tftp loader bootx64.efi: sent 957424 B in 0.310 s (blksize=1468)}. */
    static String line(BootEvent event) {
        StringBuilder line = new StringBuilder(160);
        line.append(event.client().getAddress().getHostAddress());
        line.append(' ').append(event.mac().orElse("-"));
        line.append(' ').append(event.transport().name().toLowerCase(Locale.ROOT));
        line.append(' ').append(event.phase().word());
        line.append(' ').append(event.name());
        line.append(": ").append(event.answer().name().toLowerCase(Locale.ROOT).replace('_', ' '));
        if (event.bytes() > 0 || event.answer() == BootEvent.Answer.SENT) {
            line.append(String.format(
                    Locale.ROOT,
                    " %d B in %.3f s",
                    event.bytes(),
                    event.duration().toNanos() / 1e9));
        }
        if (!event.reason().isEmpty()) {
            line.append(" (").append(event.reason()).append(')');
        }
        return line.toString();
    }
}
