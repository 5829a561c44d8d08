package org.rackboot.server.get;

import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.rackboot.protocol.tftp.ReadClient;
import org.rackboot.protocol.tftp.ReadClient.Action;
import org.rackboot.protocol.tftp.TftpOption;
import org.rackboot.protocol.tftp.TftpPacket.ReadRequest;
import org.rackboot.server.get.GetReport.Figures;

/** What a TFTP transfer means to whoever looks after the machine. */
final class TftpWords {
    /** U-Boot gives up after 5 s, EDK2 asks again after 3 (quirk T30). */
    private static final long SLOW_REPLY_NANOS = 1_000_000_000;

    private static final int LARGEST_UNFRAGMENTED_BLOCK = 1_468; // 1500 less IPv4, UDP and TFTP headers (quirk T19).
    private static final long LARGEST_32_BIT_SIZE = 0xFFFF_FFFFL;

    private TftpWords() {}

    /** What firmware may stumble over in what was seen so far, the worst first. */
    static List<String> notes(ReadClient client, ReadRequest request, InetAddress server) {
        List<String> notes = new ArrayList<>();
        if (client.answeredFrom().isPresent()) {
            addOptionNotes(client, request, notes);
        }
        if (client.rollsToOne()) { // T16
            notes.add("its block numbers go on at 1 after 65535: nearly all firmware expects 0");
        }
        if (client.blockSize() > LARGEST_UNFRAGMENTED_BLOCK && !server.isLoopbackAddress()) { // T19
            notes.add("blocks of %d bytes travel in fragments on Ethernet: many boot ROMs cannot put them together"
                    .formatted(client.blockSize()));
        }
        ReadClient.Statistics seen = client.statistics();
        if (seen.firstReplyNanos().orElse(0) >= SLOW_REPLY_NANOS) { // T30
            notes.add("its first reply took %s: firmware gives up after 3 to 5 s"
                    .formatted(Words.seconds(seen.firstReplyNanos().getAsLong())));
        }
        long disturbances = seen.gaps() + seen.duplicateBlocks() + seen.repeatedAcks();
        if (disturbances > 2 && disturbances * 100 > seen.blocks()) {
            notes.add("packets are lost on the way (%d gaps, %d duplicates, %d repeats): firmware will be slow here"
                    .formatted(seen.gaps(), seen.duplicateBlocks(), seen.repeatedAcks()));
        }
        client.firstStranger()
                .ifPresent(
                        stranger -> { // T26
                            notes.add(
                                    "%s:%d sent packets too, and has no part in it: a second server, or an answer from another address"
                                                    .formatted(stranger.host(), stranger.port())
                                            + " than the one that was asked, which firmware drops");
                        });
        if (client.size().orElse(0) > LARGEST_32_BIT_SIZE) { // T28
            notes.add("it is larger than 4 GiB: UEFI and U-Boot keep the size in 32 bits");
        }
        return notes;
    }

    static String portClosed(String address) {
        return "nobody listens on UDP %s (ICMP port unreachable): start the TFTP server, or ask the port it has"
                .formatted(address);
    }

    static String neverAnswered(String address, ReadClient client, Figures figures) {
        Optional<ReadClient.Peer> stranger = client.firstStranger();
        if (stranger.isPresent()) { // T26
            return "%s was asked, and %s answered: firmware drops that. Bind the server to the address that machines ask"
                    .formatted(address, stranger.get().host());
        }
        return "no answer at all from %s in %s: is TFTP (UDP) open on this address? A firewall or NAT that drops replies from"
                        .formatted(address, Words.seconds(figures.nanos()))
                + " another port is the usual cause; let them through, or have the server answer from the port it is asked at (rackboot: tftp.single-port)";
    }

    /** Why a server that answered did not deliver the file. */
    static String failure(Action.Finish end, ReadClient client, ReadRequest request) {
        String soFar = soFar(client);
        return switch (end.outcome()) {
            case REFUSED -> "server refused: %s. %s".formatted(end.detail(), afterError(end.detail(), request));
            case STOPPED_BY_SERVER ->
                "cut short: the server stopped %s: %s. Its log says why".formatted(soFar, end.detail());
            case STALLED -> stalled(client, soFar, end.detail());
            case BAD_OPTION_ACK ->
                "the server's OACK breaks RFC 2347: %s. UEFI, U-Boot and PXELINUX give up here, too;"
                                .formatted(end.detail())
                        + " --plain asks without options"; // T5, T6, T11
            case TOO_LONG -> "the server sends what it should not: %s. Stopped %s".formatted(end.detail(), soFar);
            case TOO_SHORT ->
                "cut short: %s. The server or its storage lost the end of the file".formatted(end.detail());
            case UNWRITABLE -> Words.unwritable(end.detail());
            case COMPLETED, NEVER_ANSWERED -> throw new IllegalArgumentException("no failure: " + end);
        };
    }

    private static void addOptionNotes(ReadClient client, ReadRequest request, List<String> notes) {
        if (request.options().isEmpty() || client.statistics().blocks() == 0) {
            return;
        }
        if (client.granted().isEmpty()) { // T8, T11
            notes.add("the server ignored all options (no OACK): GRUB gives up without one, and the rest is slow");
            return;
        }
        List<TftpOption> granted = client.granted().get();
        for (TftpOption asked : request.options()) {
            if (granted.stream().noneMatch(each -> each.name().equalsIgnoreCase(asked.name()))) {
                notes.add("the server ignored %s".formatted(asked.name()));
            }
        }
        for (TftpOption each : granted) {
            if (!each.name().equals(each.name().toLowerCase(Locale.ROOT))) { // T8
                notes.add("the OACK writes '%s' with capitals: GRUB does not find it".formatted(each.name()));
            }
        }
    }

    private static String afterError(String detail, ReadRequest request) {
        if (detail.startsWith("ERROR 1 ") || detail.startsWith("ERROR 2 ")) {
            return "The name was asked as '%s' (a leading slash is only sent for tftp://host//name); the server's log says more"
                    .formatted(request.filename());
        }
        if (detail.startsWith("ERROR 8 ")) {
            return "It does not like the options: try --plain";
        }
        return "U-Boot stops for ERROR 1 and 2 only, and starts again for ever after this one"; // T7
    }

    private static String stalled(ReadClient client, String soFar, String silence) {
        if (client.statistics().blocks() == 0) { // T19
            return "options were agreed, but no block came: packets of %d bytes and headers may not fit a link on the way"
                            .formatted(client.blockSize())
                    + " (VLAN, VXLAN, VPN), or the server waits for the image; try --blksize 512, and see the server's log";
        }
        return "cut short: the server fell silent %s (%s). If it ends elsewhere each time, packets are lost; if not, see the"
                        .formatted(soFar, silence)
                + " server's log";
    }

    private static String soFar(ReadClient client) {
        ReadClient.Statistics seen = client.statistics();
        String bytes = client.size().isPresent()
                ? "at %d of %d bytes".formatted(seen.bytes(), client.size().getAsLong())
                : "after %d bytes".formatted(seen.bytes());
        return bytes + ", after block " + seen.blocks();
    }
}
