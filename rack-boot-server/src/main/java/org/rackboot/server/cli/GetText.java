package org.rackboot.server.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.LongSupplier;
import org.rackboot.server.get.GetListener;
import org.rackboot.server.get.GetReport;
import org.rackboot.server.get.GetReport.Figures;
import org.rackboot.server.get.Message;

/** Tells a person what {@code rackboot get} does while it does it, with a bar on a terminal. */
final class GetText implements GetListener {
    private static final int BAR_WIDTH = 30;
    private static final long BAR_EVERY_NANOS = 200_000_000;

    private final PrintWriter out;
    private final boolean terminal;
    private final LongSupplier nanoClock;
    private long barNanos;
    private boolean barShown;

    GetText(PrintWriter out, boolean terminal, LongSupplier nanoClock) {
        this.out = out;
        this.terminal = terminal;
        this.nanoClock = nanoClock;
        this.barNanos = nanoClock.getAsLong();
    }

    @Override
    public void asked(Message request) {
        print("asked", request);
    }

    @Override
    public void answered(Message answer) {
        print("answered", answer);
    }

    @Override
    public void received(long bytes, OptionalLong total) {
        long nowNanos = nanoClock.getAsLong();
        if (!terminal || nowNanos - barNanos < BAR_EVERY_NANOS) {
            return;
        }
        barNanos = nowNanos;
        barShown = true;
        String bar = "";
        if (total.isPresent() && total.getAsLong() > 0) {
            int percent = (int) Math.min(100, bytes * 100.0 / total.getAsLong());
            int filled = percent * BAR_WIDTH / 100;
            bar = "[%s%s] %3d %%  of %s, "
                    .formatted(
                            "#".repeat(filled),
                            ".".repeat(BAR_WIDTH - filled),
                            percent,
                            Table.bytes(total.getAsLong()));
        }
        out.print("\r\033[K" + bar + Table.bytes(bytes));
        out.flush();
    }

    /** Everything that is known at the end. */
    void end(GetReport report, Optional<Path> output) {
        if (barShown) {
            out.print("\r\033[K");
        }
        report.head()
                .ifPresent(head -> line(
                        "HEAD",
                        "%s, %s, connection %s"
                                .formatted(
                                        printable(head.statusLine()),
                                        head.contentLength().isPresent()
                                                ? head.contentLength().getAsLong() + " bytes"
                                                : "no length",
                                        head.keptConnection() ? "kept" : "closed")));
        Figures figures = report.figures();
        boolean whole = report.result() == GetReport.Result.WHOLE;
        if (figures.bytes() > 0 || whole) {
            line("received", received(figures));
            line("waited", waited(figures));
            blocks(report.counters());
            line("sha256", report.sha256() + (whole ? "" : " (of what came)"));
        }
        if (whole) {
            output.ifPresent(file -> line("kept", file.toString()));
        }
        out.println("verdict: " + printable(report.verdict()));
        out.flush();
    }

    private void blocks(Map<String, Long> counters) {
        if (counters.containsKey("blocks")) {
            line(
                    "blocks",
                    "%d of %d bytes, window %d; %d gaps, %d duplicates, %d repeated ACKs, %d repeated requests"
                            .formatted(
                                    counters.get("blocks"),
                                    counters.get("blockSize"),
                                    counters.get("windowSize"),
                                    counters.get("gaps"),
                                    counters.get("duplicateBlocks"),
                                    counters.get("repeatedAcks"),
                                    counters.get("repeatedRequests")));
        }
    }

    private void print(String what, Message message) {
        line(what, message.address() + "  " + printable(message.line()));
        message.fields()
                .forEach(field -> out.println("              " + printable(field.name() + ": " + field.value())));
        out.flush();
    }

    private void line(String what, String text) {
        out.println(what + " ".repeat(12 - what.length()) + text);
    }

    private static String received(Figures figures) {
        return String.format(
                Locale.ROOT,
                "%d bytes in %.3f s, %.2f MB/s",
                figures.bytes(),
                figures.nanos() / 1e9,
                GetJson.bytesPerSecond(figures) / 1e6);
    }

    private static String waited(Figures figures) {
        return String.format(
                Locale.ROOT,
                "%.1f ms for the first reply, then at most %.1f ms",
                figures.firstReplyNanos().orElse(0) / 1e6,
                figures.longestSilenceNanos() / 1e6);
    }

    /** What a server sends is shown, but does not reach the terminal as commands. */
    private static String printable(String text) {
        return text.replaceAll("[\\x00-\\x1f\\x7f-\\x9f]", "?");
    }
}
