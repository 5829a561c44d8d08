package org.rackboot.protocol.tftp;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import org.rackboot.protocol.tftp.TftpPacket.Ack;
import org.rackboot.protocol.tftp.TftpPacket.Data;
import org.rackboot.protocol.tftp.TftpPacket.ErrorReply;
import org.rackboot.protocol.tftp.TftpPacket.OptionAck;
import org.rackboot.protocol.tftp.TftpPacket.ReadRequest;

/**
 * The client's side of one TFTP read (RFC 1350, 2347 to 2349, 7440), free of I/O and clock.
 *
 * <p>The caller hands in packets, their sender and the monotonic time, performs the returned {@link Action}s in
 * order, and calls {@link #onTimeout} once {@link #deadlineNanos} has passed. Not thread-safe.
 *
 * <p>It is a client to find faults with, so it is as strict as the strictest firmware: an OACK that adds or raises an
 * option ends the transfer (quirks T5, T6, T11), and an answer from another address than the one that was asked is a
 * stranger's (quirk T26).
 */
public final class ReadClient {
    /** Where packets come from and go to; a port is RFC 1350's transfer identifier. */
    public record Peer(String host, int port) {}

    /** How a transfer ended. */
    public enum Outcome {
        /** Every byte is here. */
        COMPLETED,
        /** The server said ERROR instead of a first block. */
        REFUSED,
        /** The server said ERROR in the middle. */
        STOPPED_BY_SERVER,
        /** Nothing came from the address that was asked. */
        NEVER_ANSWERED,
        /** The server answered, and fell silent. */
        STALLED,
        /** The OACK grants what was not asked, or more than was asked. */
        BAD_OPTION_ACK,
        /** A block is longer than agreed, or the file longer than announced. */
        TOO_LONG,
        /** The last block came before the announced size was reached. */
        TOO_SHORT,
        /** The bytes cannot be kept on this side. */
        UNWRITABLE
    }

    /** What the caller must do. */
    public sealed interface Action {
        record Send(Peer to, TftpPacket packet) implements Action {}

        /** The file's next bytes; they are the received packet's, and must be taken before the next is handed in. */
        record Deliver(ByteBuffer payload) implements Action {}

        /** The transfer is over. Always the last action. */
        record Finish(Outcome outcome, String detail) implements Action {}
    }

    /**
     * Waiting times.
     *
     * @param firstTimeout until the request or the last ACK is repeated; doubled each time, up to {@code mostTimeout}
     * @param patience without a new block after which the transfer is given up
     */
    public record Settings(Duration firstTimeout, Duration mostTimeout, Duration patience) {
        public static Settings withPatience(Duration patience) {
            return new Settings(Duration.ofSeconds(1), Duration.ofSeconds(4), patience);
        }
    }

    /**
     * What was seen so far.
     *
     * @param blocks taken in order
     * @param duplicateBlocks that came again
     * @param gaps places where a later block came before the next one
     * @param repeatedRequests sent again because nothing was heard
     * @param repeatedAcks sent again because no new block came
     * @param strangers packets from others than the server's first transfer port (RFC 1350, 4)
     * @param firstReplyNanos from the first request to the first answer
     * @param longestSilenceNanos between two packets of the server
     */
    public record Statistics(
            long blocks,
            long bytes,
            long duplicateBlocks,
            long gaps,
            long repeatedRequests,
            long repeatedAcks,
            long strangers,
            OptionalLong firstReplyNanos,
            long longestSilenceNanos) {}

    private static final List<Action> NOTHING = List.of();

    /** A block that comes again sooner was doubled by the network; later, the server lacks our ACK. */
    private static final long ACK_LOST_AFTER_NANOS = 50_000_000;

    /** So often block 1 must follow 65535 until it cannot be that block 0 was lost each time. */
    private static final int ROLLS_TO_BELIEVE = 3;

    private static final long LAST_BLOCK_NUMBER = 65_535;

    /** What is further ahead came from behind. */
    private static final long HALF_OF_NUMBERS = 32_768;

    private final ReadRequest request;
    private final Peer server;
    private final Settings settings;

    private Optional<Peer> transfer = Optional.empty(); // The port that answers; known from the first answer on.
    private Optional<List<TftpOption>> granted = Optional.empty();
    private Optional<Peer> firstStranger = Optional.empty();
    private boolean ended;
    private int blockSize = Negotiation.DEFAULT_BLOCK_SIZE;
    private int windowSize = 1;
    private OptionalLong size = OptionalLong.empty();
    private long firstTimeoutNanos;
    private long mostTimeoutNanos;
    private long timeoutNanos;
    private long deadlineNanos;
    private long startedNanos;
    private long progressNanos; // When the last new thing came.
    private long heardNanos;
    private long ackNanos;
    private long received; // Blocks taken in order. Counts on past 65535.
    private long bytes;
    private int sinceAck; // Blocks taken since the last ACK.
    private long gapAfter = -1;
    private NumberAfterRollover rollover = NumberAfterRollover.ZERO;
    private int rolls;
    private long duplicateBlocks;
    private long gaps;
    private long repeatedRequests;
    private long repeatedAcks;
    private long strangers;
    private OptionalLong firstReplyNanos = OptionalLong.empty();
    private long longestSilenceNanos;

    /**
     * @param server the address and the well-known port to ask
     * @param request its options may be none: plain RFC 1350
     */
    public ReadClient(Peer server, ReadRequest request, Settings settings) {
        this.server = server;
        this.request = request;
        this.settings = settings;
        this.firstTimeoutNanos = settings.firstTimeout().toNanos();
        this.mostTimeoutNanos = settings.mostTimeout().toNanos();
        this.timeoutNanos = firstTimeoutNanos;
    }

    /** Begins: the request. */
    public List<Action> start(long nowNanos) {
        startedNanos = nowNanos;
        progressNanos = nowNanos;
        return List.of(request(nowNanos));
    }

    /** Takes a packet from whoever sent it. */
    public List<Action> onPacket(TftpPacket packet, Peer from, long nowNanos) {
        if (ended) {
            return NOTHING;
        }
        if (transfer.isEmpty() ? !from.host().equals(server.host()) : !from.equals(transfer.get())) {
            return onStranger(packet, from);
        }
        if (transfer.isEmpty()) {
            return onFirstAnswer(packet, from, nowNanos);
        }
        heard(nowNanos);
        if (packet instanceof Data data) {
            return onData(data, nowNanos);
        }
        if (packet instanceof ErrorReply error) {
            return end(received == 0 ? Outcome.REFUSED : Outcome.STOPPED_BY_SERVER, said(error));
        }
        return packet instanceof OptionAck && received == 0 && isAckOld(nowNanos) ? repeatAck(nowNanos) : NOTHING;
    }

    /** Call when {@link #deadlineNanos} has passed; earlier calls do nothing. */
    public List<Action> onTimeout(long nowNanos) {
        if (ended || nowNanos - deadlineNanos < 0) {
            return NOTHING;
        }
        if (nowNanos - progressNanos >= settings.patience().toNanos()) {
            return giveUp(nowNanos);
        }
        timeoutNanos = Math.min(mostTimeoutNanos, timeoutNanos * 2);
        if (transfer.isEmpty()) {
            repeatedRequests++;
            return List.of(request(nowNanos));
        }
        return repeatAck(nowNanos);
    }

    /** The caller cannot keep what it was given: the server is told, so that it need not try on. */
    public List<Action> onUnwritable(String reason) {
        return ended ? NOTHING : endWithError(TftpError.DISK_FULL, Outcome.UNWRITABLE, reason);
    }

    /** When to call {@link #onTimeout}; empty once the transfer has ended. */
    public OptionalLong deadlineNanos() {
        return ended ? OptionalLong.empty() : OptionalLong.of(deadlineNanos);
    }

    /** The address and port that answered. */
    public Optional<Peer> answeredFrom() {
        return transfer;
    }

    /** The first of those who sent something and were not the one that was asked, or not from its first port. */
    public Optional<Peer> firstStranger() {
        return firstStranger;
    }

    /** The options of the OACK as the server wrote them; empty = there was none. */
    public Optional<List<TftpOption>> granted() {
        return granted;
    }

    /** The file's size, if the server told it. */
    public OptionalLong size() {
        return size;
    }

    public int blockSize() {
        return blockSize;
    }

    public int windowSize() {
        return windowSize;
    }

    /** Whether block 1 followed block 65535, not 0 (quirk T16). */
    public boolean rollsToOne() {
        return rollover == NumberAfterRollover.ONE;
    }

    public Statistics statistics() {
        return new Statistics(
                received,
                bytes,
                duplicateBlocks,
                gaps,
                repeatedRequests,
                repeatedAcks,
                strangers,
                firstReplyNanos,
                longestSilenceNanos);
    }

    /** RFC 1350, 4: another port is told ERROR 5, and changes nothing. ERROR itself is never answered. */
    private List<Action> onStranger(TftpPacket packet, Peer from) {
        strangers++;
        if (firstStranger.isEmpty()) {
            firstStranger = Optional.of(from);
        }
        return packet instanceof ErrorReply
                ? NOTHING
                : List.of(new Action.Send(
                        from, new ErrorReply(TftpError.UNKNOWN_TRANSFER, "you have no part in this transfer")));
    }

    private List<Action> onFirstAnswer(TftpPacket packet, Peer from, long nowNanos) {
        boolean isFirstBlock = packet instanceof Data data && data.block() == 1;
        if (!isFirstBlock && !(packet instanceof OptionAck) && !(packet instanceof ErrorReply)) {
            return NOTHING;
        }
        transfer = Optional.of(from);
        firstReplyNanos = OptionalLong.of(nowNanos - startedNanos);
        heardNanos = nowNanos;
        if (packet instanceof Data data) {
            return onData(data, nowNanos); // RFC 2347: a server without options ignores them.
        }
        if (packet instanceof OptionAck optionAck) {
            return onOptionAck(optionAck, nowNanos);
        }
        return end(Outcome.REFUSED, said((ErrorReply) packet));
    }

    private List<Action> onOptionAck(OptionAck optionAck, long nowNanos) {
        granted = Optional.of(optionAck.options());
        Optional<String> fault = take(optionAck.options());
        if (fault.isPresent()) {
            return endWithError(TftpError.OPTION_REFUSED, Outcome.BAD_OPTION_ACK, fault.get());
        }
        progressed(nowNanos);
        return List.of(ack(nowNanos));
    }

    /** Goes by what an OACK grants; returns what is wrong with it. */
    private Optional<String> take(List<TftpOption> options) {
        Set<String> seen = new HashSet<>();
        for (TftpOption option : options) {
            String name = option.name().toLowerCase(Locale.ROOT);
            Optional<TftpOption> asked = request.options().stream()
                    .filter(each -> each.name().equalsIgnoreCase(name))
                    .findFirst();
            if (asked.isEmpty()) {
                return Optional.of("option %s was not asked for".formatted(name));
            }
            if (!seen.add(name)) {
                return Optional.of("option %s is there twice".formatted(name));
            }
            OptionalLong value = number(option.value());
            if (value.isEmpty()) {
                return Optional.of("%s is '%s', not a number".formatted(name, option.value()));
            }
            Optional<String> fault = take(name, value.getAsLong(), asked.get().value());
            if (fault.isPresent()) {
                return fault;
            }
        }
        return Optional.empty();
    }

    private Optional<String> take(String name, long value, String asked) {
        long most = number(asked).orElse(Long.MAX_VALUE);
        long least = switch (name) {
            case "blksize" -> Negotiation.MIN_BLOCK_SIZE;
            case "windowsize" -> 1;
            case "timeout" -> most; // RFC 2349: the very number, or nothing (quirk T6).
            default -> 0;
        };
        boolean answersAQuestion = name.equals("tsize");
        if (value < least || (value > most && !answersAQuestion)) {
            return Optional.of("%s %d was granted where %s was asked".formatted(name, value, asked));
        }
        switch (name) {
            case "blksize" -> blockSize = (int) value;
            case "windowsize" -> windowSize = (int) value;
            case "tsize" -> size = OptionalLong.of(value);
            case "timeout" -> {
                firstTimeoutNanos = Duration.ofSeconds(value).toNanos();
                mostTimeoutNanos = firstTimeoutNanos;
            }
            default -> {
                // An option that the caller asked for, and knows what to do about.
            }
        }
        return Optional.empty();
    }

    private List<Action> onData(Data data, long nowNanos) {
        ByteBuffer payload = data.payload();
        if (payload.remaining() > blockSize) {
            return endWithError(
                    TftpError.ILLEGAL_OPERATION,
                    Outcome.TOO_LONG,
                    "block %d has more than the %d bytes that were agreed".formatted(received + 1, blockSize));
        }
        long ahead = rollover.blockFrom(received + 1, data.block()) - (received + 1);
        if (ahead == 0 || isFirstAfterRoll(data.block())) {
            return onNextBlock(payload, nowNanos);
        }
        return ahead < HALF_OF_NUMBERS ? onGap(nowNanos) : onRepeatedBlock(data.block(), nowNanos);
    }

    /** Some servers go on with block 1 after 65535 (quirk T16). With a window, block 0 may only have been lost. */
    private boolean isFirstAfterRoll(int wireBlock) {
        if (rollsToOne() || received != LAST_BLOCK_NUMBER || wireBlock != 1) {
            return false;
        }
        rolls++;
        if (windowSize == 1 || rolls == ROLLS_TO_BELIEVE) {
            rollover = NumberAfterRollover.ONE;
        }
        return rollsToOne();
    }

    private List<Action> onNextBlock(ByteBuffer payload, long nowNanos) {
        int length = payload.remaining();
        if (size.isPresent() && bytes + length > size.getAsLong()) {
            return endWithError(
                    TftpError.ILLEGAL_OPERATION,
                    Outcome.TOO_LONG,
                    "more than the %d bytes that tsize announced came".formatted(size.getAsLong()));
        }
        received++;
        sinceAck++;
        bytes += length;
        progressed(nowNanos);
        List<Action> actions = new ArrayList<>(3);
        actions.add(new Action.Deliver(payload));
        boolean isLast = length < blockSize;
        if (isLast || sinceAck >= windowSize) {
            actions.add(ack(nowNanos));
        }
        if (isLast) {
            actions.addAll(
                    bytes == size.orElse(bytes)
                            ? end(Outcome.COMPLETED, "")
                            : end(
                                    Outcome.TOO_SHORT,
                                    "it ended after %d bytes; tsize announced %d".formatted(bytes, size.getAsLong())));
        }
        return actions;
    }

    /** RFC 7440: an ACK names the last block before the gap. Once, or each later block restarts the window (quirk T2). */
    private List<Action> onGap(long nowNanos) {
        if (gapAfter == received) {
            return NOTHING;
        }
        gapAfter = received;
        gaps++;
        return windowSize == 1 ? NOTHING : List.of(ack(nowNanos));
    }

    /** Answering each would double the traffic with some servers (RFC 1123, 4.2.3.1). */
    private List<Action> onRepeatedBlock(int wireBlock, long nowNanos) {
        duplicateBlocks++;
        boolean isLast = wireBlock == rollover.onWire(received);
        return isLast && isAckOld(nowNanos) ? repeatAck(nowNanos) : NOTHING;
    }

    private boolean isAckOld(long nowNanos) {
        return nowNanos - Math.max(ackNanos, progressNanos) >= ACK_LOST_AFTER_NANOS;
    }

    private Action request(long nowNanos) {
        setDeadline(nowNanos);
        return new Action.Send(server, request);
    }

    private List<Action> repeatAck(long nowNanos) {
        repeatedAcks++;
        return List.of(ack(nowNanos));
    }

    private Action ack(long nowNanos) {
        sinceAck = 0;
        ackNanos = nowNanos;
        setDeadline(nowNanos);
        return new Action.Send(transfer.orElseThrow(), new Ack(rollover.onWire(received)));
    }

    private void heard(long nowNanos) {
        longestSilenceNanos = Math.max(longestSilenceNanos, nowNanos - heardNanos);
        heardNanos = nowNanos;
    }

    private void progressed(long nowNanos) {
        progressNanos = nowNanos;
        timeoutNanos = firstTimeoutNanos;
        setDeadline(nowNanos);
    }

    private void setDeadline(long nowNanos) {
        long untilGivenUp = progressNanos + settings.patience().toNanos() - nowNanos;
        deadlineNanos = nowNanos + Math.min(timeoutNanos, untilGivenUp);
    }

    private List<Action> giveUp(long nowNanos) {
        String silence = String.format(Locale.ROOT, "nothing new for %.1f s", (nowNanos - progressNanos) / 1e9);
        if (transfer.isEmpty()) {
            return end(Outcome.NEVER_ANSWERED, silence);
        }
        heard(nowNanos);
        return endWithError(TftpError.UNDEFINED, Outcome.STALLED, silence);
    }

    private List<Action> endWithError(int code, Outcome outcome, String detail) {
        List<Action> actions = new ArrayList<>(2);
        transfer.ifPresent(peer -> actions.add(new Action.Send(peer, new ErrorReply(code, detail))));
        actions.addAll(end(outcome, detail));
        return actions;
    }

    private List<Action> end(Outcome outcome, String detail) {
        ended = true;
        return List.of(new Action.Finish(outcome, detail));
    }

    private static String said(ErrorReply error) {
        return "ERROR %d \"%s\"".formatted(error.code(), error.message());
    }

    /** Decimal digits only, as PXELINUX reads them (quirk T11). */
    private static OptionalLong number(String text) {
        if (text.isEmpty() || text.length() > 18 || !text.chars().allMatch(c -> c >= '0' && c <= '9')) {
            return OptionalLong.empty();
        }
        return OptionalLong.of(Long.parseLong(text));
    }
}
