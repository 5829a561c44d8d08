package org.rackboot.server.get;

import java.io.IOException;
import java.net.ConnectException;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.rackboot.protocol.http.ResponseHead;
import org.rackboot.server.get.GetReport.Figures;
import org.rackboot.server.get.GetReport.HeadCheck;

/** What an HTTP transfer means to whoever looks after the machine. */
final class HttpWords {
    private static final long GRUB_PATIENCE_NANOS = 5_000_000_000L; // H17

    private HttpWords() {}

    /** What firmware may stumble over, beside what the header itself shows. */
    static List<String> notes(Optional<HeadCheck> head, boolean ignoresRange, Figures figures) {
        List<String> notes = new ArrayList<>();
        if (head.isEmpty()) { // H5
            notes.add("HEAD got no proper answer: UEFI asks that first");
        } else {
            if (!head.get().equalsGet()) { // H4
                notes.add("HEAD is not answered like GET ('%s', length %s): UEFI goes by HEAD"
                        .formatted(head.get().statusLine(), length(head.get().contentLength())));
            }
            if (!head.get().keptConnection()) { // H4
                notes.add("it closes the connection after HEAD: UEFI asks GET on the same one, and may fail");
            }
        }
        if (ignoresRange) { // H9, H17
            notes.add("it ignores Range: UEFI cannot go on after a break, GRUB cannot seek");
        }
        if (figures.firstReplyNanos().orElse(0) >= GRUB_PATIENCE_NANOS) {
            notes.add("its first reply took %s: GRUB gives up after 5 s"
                    .formatted(Words.seconds(figures.firstReplyNanos().getAsLong())));
        }
        return notes;
    }

    static String cannotConnect(String address, IOException cause) {
        if (cause instanceof SocketTimeoutException) {
            return "no answer at all from %s: is the machine on, is there a route, does a firewall drop TCP on this port?"
                    .formatted(address);
        }
        if (cause instanceof ConnectException
                && String.valueOf(cause.getMessage()).contains("refused")) {
            return "nobody listens on TCP %s (connection refused): start the server, or ask the port it has"
                    .formatted(address);
        }
        return "no connection to %s (%s): is there a route to it?".formatted(address, cause.getMessage());
    }

    static String tls(String address, IOException cause) {
        return "TLS with %s failed (%s). This program trusts what its Java trusts (more by RACKBOOT_JAVA_OPTS="
                        .formatted(address, cause.getMessage())
                + "-Djavax.net.ssl.trustStore=FILE); UEFI trusts only what was enrolled in it"; // H13
    }

    static String neverAnswered(String address, Figures figures) {
        return "no answer at all: %s took the connection, and then said nothing for %s. Its log may say why"
                .formatted(address, Words.seconds(figures.nanos()));
    }

    static String closedWithoutAnswer(String detail) {
        return "the server closed the connection without an answer%s: is it HTTPS on this port, or a limit of connections?"
                .formatted(detail);
    }

    static String notHttp(String address, String detail) {
        return "what answers at %s does not speak HTTP properly: %s".formatted(address, detail);
    }

    /** A status that is not the file. */
    static String refused(ResponseHead head, String body) {
        if (head.status() >= 300 && head.status() < 400) { // H2, H8
            return "redirected, not served: %s to %s. GRUB follows none, nor did this program; let the server answer 200 itself"
                    .formatted(shortStatus(head), head.value("Location"));
        }
        String reason = body.lines()
                .findFirst()
                .map(String::strip)
                .filter(line -> !line.isEmpty() && !line.startsWith("<"))
                .map(line -> " '" + line.substring(0, Math.min(300, line.length())) + "'")
                .orElse("");
        String retry = head.header("Retry-After")
                .map(each -> ", asks to retry after " + each.value() + " s")
                .orElse("");
        return "server refused: %s%s%s. %s".formatted(shortStatus(head), reason, retry, next(head.status()));
    }

    static String stalled(long bytes, OptionalLong length, Duration patience) {
        return "cut short: not a byte came for %s, at %d of %s bytes. The server's log says whether it waits for the image"
                .formatted(Words.seconds(patience.toNanos()), bytes, length(length));
    }

    static String cutShort(long bytes, OptionalLong length, String detail) {
        return "cut short: connection closed at %d of %s bytes%s. rackboot does that when bytes cannot be had or fail their"
                        .formatted(bytes, length(length), detail)
                + " check: see its log";
    }

    private static String next(int status) {
        return switch (status) {
            case 404, 403, 410 -> "Check the path, letter by letter; the server's log says more";
            case 416 -> "The range begins behind the end of the file";
            case 429, 503 -> "It is overloaded, or cannot have the file now: try again, and see its log";
            default -> "The server's log says more";
        };
    }

    private static String shortStatus(ResponseHead head) {
        return head.statusLine().substring("HTTP/1.1 ".length());
    }

    private static String length(OptionalLong length) {
        return length.isPresent() ? Long.toString(length.getAsLong()) : "unknown";
    }
}
