package org.rackboot.server.event;

import java.net.InetSocketAddress;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import org.rackboot.protocol.resolve.BootPhase;

/**
 * One request of a machine and what became of it.
 *
 * @param at when the request came
 * @param client where it came from
 * @param mac of the machine; the bus fills it in if the name or the network's neighbour table tells
 * @param name as it was asked for, made printable and cut to {@value #MAX_NAME}
 * @param bytes of content sent
 * @param reason why it was not served, or how it was sent
 */
public record BootEvent(
        Instant at,
        Transport transport,
        InetSocketAddress client,
        Optional<String> mac,
        BootPhase phase,
        String name,
        Answer answer,
        long bytes,
        Duration duration,
        String reason) {
    public static final int MAX_NAME = 200;

    public enum Transport {
        TFTP,
        HTTP,
        DHCP
    }

    /** How it ended. */
    public enum Answer {
        SENT,
        /** The client wanted only to know the size, or whether the file changed. */
        PROBED,
        NOT_FOUND,
        REFUSED,
        /** DHCP: told that a file can be had here. */
        OFFERED,
        /** DHCP: told which file to load, as it asked this server for it. */
        ACKNOWLEDGED,
        /** DHCP: something that others say will not let it boot. */
        WARNED,
        /** The client closed the file before its end: it had seen enough (quirk T10). */
        CLOSED,
        /** The client gave up, or fell silent. */
        ABORTED,
        /** The bytes could not be had or delivered. */
        FAILED
    }

    /** Makes what a stranger wrote safe for logs: printable ASCII, bounded (S-63). */
    public static String printable(String text) {
        if (isPrintable(text)) {
            return text;
        }
        StringBuilder safe = new StringBuilder(Math.min(text.length(), MAX_NAME));
        for (int i = 0; i < text.length() && i < MAX_NAME; i++) {
            char c = text.charAt(i);
            safe.append(c >= ' ' && c <= '~' ? c : '?');
        }
        return safe.toString();
    }

    private static boolean isPrintable(String text) {
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c < ' ' || c > '~') {
                return false;
            }
        }
        return text.length() <= MAX_NAME;
    }

    BootEvent withMac(Optional<String> found) {
        return new BootEvent(at, transport, client, found, phase, name, answer, bytes, duration, reason);
    }
}
