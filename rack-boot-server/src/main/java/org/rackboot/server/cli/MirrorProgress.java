package org.rackboot.server.cli;

import java.io.PrintWriter;
import java.util.function.LongSupplier;
import org.rackboot.region.publish.LocalMirror;

/** A bar on a terminal, lines elsewhere, nothing where JSON comes at the end. */
final class MirrorProgress implements LocalMirror.Listener {
    private static final int BAR_WIDTH = 30;
    private static final long BAR_EVERY_NANOS = 200_000_000;

    private final PrintWriter out;
    private final boolean quiet;
    private final boolean terminal;
    private final LongSupplier nanoClock;
    private long barNanos;
    private boolean barShown;

    MirrorProgress(PrintWriter out, boolean quiet, boolean terminal, LongSupplier nanoClock) {
        this.out = out;
        this.quiet = quiet;
        this.terminal = terminal;
        this.nanoClock = nanoClock;
        this.barNanos = nanoClock.getAsLong();
    }

    @Override
    public void say(String line) {
        if (!quiet) {
            end();
            out.println(line.replaceAll("[\\x00-\\x1f\\x7f-\\x9f]", "?")); // A server's words are no commands.
            out.flush();
        }
    }

    @Override
    public void progress(long bytes, long total) {
        long nowNanos = nanoClock.getAsLong();
        if (!terminal || total == 0 || nowNanos - barNanos < BAR_EVERY_NANOS) {
            return;
        }
        barNanos = nowNanos;
        barShown = true;
        int percent = (int) Math.min(100, bytes * 100.0 / total);
        int filled = percent * BAR_WIDTH / 100;
        out.print("\r\033[K[%s%s] %3d %%  %s of %s"
                .formatted(
                        "#".repeat(filled),
                        ".".repeat(BAR_WIDTH - filled),
                        percent,
                        Table.bytes(bytes),
                        Table.bytes(total)));
        out.flush();
    }

    void end() {
        if (barShown) {
            out.print("\r\033[K");
            barShown = false;
        }
    }
}
