package org.rackboot.protocol.tftp;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import org.rackboot.protocol.tftp.TftpPacket.Ack;
import org.rackboot.protocol.tftp.TftpPacket.ErrorReply;

/**
 * The server's side of one TFTP read (RFC 1350, 2347 to 2349, 7440), free of I/O and clock.
 *
 * <p>The caller hands in packets and the monotonic time, performs the returned {@link Action}s in order,
 * and calls {@link #onTimeout} once {@link #deadlineNanos} has passed. The bytes stay with the caller: the
 * machine asks for them with {@link Action.Read}, is told by {@link #onReadable}, and never needs those below
 * {@link #acknowledgedBytes} again. Not thread-safe: one event loop owns one transfer.
 *
 * <p>A client acknowledges whole windows only (RFC 7440, 4), so a window that is too much for its receive buffer is not
 * made smaller but sent in bursts with pauses between them: halved when blocks of the same window get lost again, doubled
 * after {@value #CLEAN_WINDOWS} windows without loss.
 *
 * <p>Paced, it asks before it sends blocks. Neither the client nor the timers notice: a time-out begins when the last
 * block that the client waits for has gone, and no patience runs while this side waits for a grant.
 *
 * <p>Before the client has acknowledged anything its address may be forged, so at most three OACKs are sent
 * on the machine's own account, and an option-less first block exactly once; a repeated request is answered
 * once each time, at most {@value #MOST_REPEATED_ANSWERS} times (G-08).
 */
public final class ReadTransfer {
    /** How a transfer ended. */
    public enum Outcome {
        /** The last block was acknowledged. */
        COMPLETED,
        /** Everything was sent, only the last window's ACK never came: the client is running it (quirk T18). */
        COMPLETED_UNCONFIRMED,
        /** The client wanted the size only, and said ERROR after the OACK (quirk T3). */
        PROBED,
        /** The client closed the file with ERROR 0 (quirk T10). */
        CLOSED_BY_CLIENT,
        /** The client gave up with an ERROR of another code. */
        ABORTED_BY_CLIENT,
        /** The client fell silent in the middle. */
        TIMED_OUT,
        /** The client never acknowledged anything. */
        NEVER_ANSWERED,
        /** The bytes could not be had. */
        FAILED
    }

    /** What the caller must do. */
    public sealed interface Action {
        record SendOptionAck(List<TftpOption> options) implements Action {}

        /** Send {@code count} blocks from {@code firstBlock} on (1 = the first; not cut to 16 bits). */
        record SendBlocks(long firstBlock, int count) implements Action {}

        /** Make the bytes from {@code offset} to {@code offset + length} readable, then call {@link #onReadable}. */
        record Read(long offset, int length) implements Action {}

        record SendError(int code, String message) implements Action {}

        /** Only when paced: up to so many blocks wait to be sent; call {@link #onGranted} when they may be. */
        record AskToSend(int blocks) implements Action {}

        /** The transfer is over; the caller frees what it holds. Always the last action. */
        record Finish(Outcome outcome, String detail) implements Action {}
    }

    /**
     * Waiting times.
     *
     * @param firstTimeout until the OACK is repeated; doubled each time
     * @param leastTimeout what is waited at least beyond the measured round trip, on a way that is well known; forty
     *     times as much before
     * @param mostTimeout upper bound, also for back-off
     * @param patience silence in the middle of a transfer after which it is given up; in time, not in tries,
     *     because slow flash writers stop for many seconds (quirks T9, T31)
     * @param unansweredPatience the same before the first ACK, and for the last one, which often never comes
     * @param rollover the number after block 65535
     * @param paced whether blocks are sent only when granted; OACK and ERROR always go at once
     */
    public record Settings(
            Duration firstTimeout,
            Duration leastTimeout,
            Duration mostTimeout,
            Duration patience,
            Duration unansweredPatience,
            NumberAfterRollover rollover,
            boolean paced) {
        public static final Settings DEFAULT = new Settings(
                Duration.ofSeconds(1),
                Duration.ofMillis(5),
                Duration.ofSeconds(2),
                Duration.ofSeconds(60),
                Duration.ofSeconds(10),
                NumberAfterRollover.ZERO,
                false);

        public Settings withRollover(NumberAfterRollover number) {
            return new Settings(firstTimeout, leastTimeout, mostTimeout, patience, unansweredPatience, number, paced);
        }

        public Settings withPacing(boolean isPaced) {
            return new Settings(
                    firstTimeout, leastTimeout, mostTimeout, patience, unansweredPatience, rollover, isPaced);
        }
    }

    private static final List<Action> NOTHING = List.of();
    private static final int MOST_OPTION_ACKS = 3;
    private static final int MOST_REPEATED_ANSWERS = 8;

    private static final int SMALL_WINDOW = 8;
    private static final int CLEAN_WINDOWS = 8;
    private static final int MOST_CLEAN_WINDOWS = 1_024;
    private static final long LEAST_PAUSE_NANOS = 200_000;
    private static final long MOST_PAUSE_NANOS = 50_000_000;

    /** A first block that was sent so often without any answer does not get through (quirk T19). */
    private static final int FIRST_BLOCK_TRIES = 3;

    /** A request this long after the client was last heard is not one that the network delayed. */
    private static final long STARTED_OVER_AFTER_NANOS = 3_000_000_000L;

    private static final String NO_ROOM = "this rack may not send so much (egress); try again";
    private static final String LATE = "the image did not arrive at this rack in time; try again";

    private final Negotiation agreed;
    private long size; // Long.MAX_VALUE until it is known; likewise lastBlock.
    private long lastBlock;
    private final boolean sizeTold;
    private final Settings settings;
    private final RetransmitTimer timer;

    private boolean ended;
    private boolean established; // The client has acknowledged something: its address is real.
    private long acked; // Highest block acknowledged in order. Counts on past 65535.
    private long sent; // Highest block sent since the last restart.
    private long everSent;
    private long readable; // Bytes from the start up to which the caller can deliver.
    private boolean reading;
    private int optionAcks;
    private int repeatedAnswers;
    private long restartedAfter = -1; // The block after which the window was last sent again.
    private long restartedAtNanos;
    private int burst; // Blocks sent in one go; at most a window.
    private int cleanWindows = 1; // Since the last loss. The first loss of all is forgiven.
    private int cleanWindowsToGrow = CLEAN_WINDOWS;
    private boolean pausing; // Between two bursts of a window.
    private boolean asking; // Paced: for a grant.
    private long askedAtNanos;
    private long burstEnd; // Paced: the block up to which the present burst goes.
    private int firstBlockTimeouts;
    private long timedBlock = -1; // The block whose ACK gives a round trip; -1 = none (Karn).
    private long timedAtNanos;
    private long waitingSinceNanos; // Since when the one whose turn it is, client or caller, keeps us waiting.
    private long deadlineNanos;
    private long repeatedBlocks;

    /** A transfer of a file whose size in bytes is known. */
    public ReadTransfer(List<TftpOption> requested, long size, Negotiation.Limits limits, Settings settings) {
        this(requested, OptionalLong.of(size), limits, settings);
    }

    /**
     * @param requested the request's options, as the client wrote them
     * @param size of the whole file in bytes; empty if it is not known before {@link #onEnd}, as in netascii
     */
    public ReadTransfer(List<TftpOption> requested, OptionalLong size, Negotiation.Limits limits, Settings settings) {
        this.agreed = Negotiation.answer(requested, size, limits);
        this.size = size.orElse(Long.MAX_VALUE);
        this.lastBlock = lastBlock(this.size);
        this.burst = agreed.windowSize();
        this.sizeTold =
                agreed.accepted().stream().anyMatch(option -> option.name().equals("tsize"));
        this.settings = settings;
        this.timer = new RetransmitTimer(
                settings.firstTimeout().toNanos(),
                settings.leastTimeout().toNanos(),
                settings.mostTimeout().toNanos());
    }

    /** Begins: the OACK, or the first block when no option was agreed. */
    public List<Action> start(long nowNanos) {
        waitingSinceNanos = nowNanos;
        List<Action> actions = new ArrayList<>(3);
        if (agreed.accepted().isEmpty()) {
            sendWindow(nowNanos, actions);
        } else {
            sendOptionAck(nowNanos, actions);
            readAhead(actions);
        }
        return actions;
    }

    /** Takes a packet from the transfer's client. Others' packets must not come here (RFC 1350, 4). */
    public List<Action> onPacket(TftpPacket packet, long nowNanos) {
        if (ended) {
            return NOTHING;
        }
        if (packet instanceof ErrorReply error) {
            return clientStopped(error);
        }
        return packet instanceof Ack ack ? onAck(ack.block(), nowNanos) : NOTHING;
    }

    /**
     * The same request came again from the same address and port. At the beginning the client missed the answer, and
     * gets it once more (quirk T12). After a silence it is a machine that was reset and asks again from the start, often
     * from the only port it has (SLOF): the transfer ends, and the client's next try begins a new one.
     */
    public List<Action> onRepeatedRequest(long nowNanos) {
        if (ended) {
            return NOTHING;
        }
        if (established) {
            return nowNanos - waitingSinceNanos < STARTED_OVER_AFTER_NANOS ? NOTHING : clientStartedOver();
        }
        boolean optionsAgreed = !agreed.accepted().isEmpty();
        if (repeatedAnswers == MOST_REPEATED_ANSWERS || (!optionsAgreed && sent == 0)) {
            return NOTHING;
        }
        repeatedAnswers++;
        waitingSinceNanos = nowNanos;
        timedBlock = -1;
        if (optionsAgreed) {
            return List.of(new Action.SendOptionAck(agreed.accepted()));
        }
        repeatedBlocks++;
        return List.of(new Action.SendBlocks(1, 1));
    }

    /** The client's port asked for another file: it has no use for this one any more (quirk T15). */
    public List<Action> onReplaced() {
        if (ended) {
            return NOTHING;
        }
        boolean allSent = established && everSent == lastBlock && acked >= lastBlock - agreed.windowSize();
        return allSent
                ? end(Outcome.COMPLETED_UNCONFIRMED, "the client went on to another file")
                : end(Outcome.CLOSED_BY_CLIENT, "the client asked for another file");
    }

    /** The caller can now deliver every byte from {@link #acknowledgedBytes} up to {@code readableBytes}. */
    public List<Action> onReadable(long readableBytes, long nowNanos) {
        if (ended) {
            return NOTHING;
        }
        reading = false;
        readable = Math.max(readable, readableBytes);
        List<Action> actions = new ArrayList<>(2);
        if (maySend() && !pausing && !asking) {
            long sentBefore = sent;
            sendWindow(nowNanos, actions);
            if (sent > sentBefore || asking) {
                waitingSinceNanos = nowNanos; // Only now can the client answer.
            }
        } else {
            readAhead(actions);
        }
        return actions;
    }

    /**
     * So many of the blocks that were asked for may go now. What the transfer has no use for any more is lost.
     *
     * @param blocks at least 1
     */
    public List<Action> onGranted(int blocks, long nowNanos) {
        if (ended || !asking) {
            return NOTHING;
        }
        asking = false;
        if (sent == everSent) { // Else whoever is silent is so already.
            waitingSinceNanos += nowNanos - askedAtNanos;
        }
        if (sent == restartedAfter) {
            restartedAtNanos = nowNanos;
        }
        List<Action> actions = new ArrayList<>(3);
        sendUntil(Math.min(sendable(), sent + Math.min(burst, blocks)), nowNanos, actions);
        return actions;
    }

    /** Where the file ends, for one whose size was not known; all its bytes must be readable. */
    public List<Action> onEnd(long sizeInBytes, long nowNanos) {
        if (ended) {
            return NOTHING;
        }
        size = sizeInBytes;
        lastBlock = lastBlock(sizeInBytes);
        return onReadable(sizeInBytes, nowNanos);
    }

    /** The bytes asked for cannot be had. A file never ends early with a short block: that would look whole. */
    public List<Action> onUnreadable(String reason) {
        if (ended) {
            return NOTHING;
        }
        ended = true;
        return List.of(new Action.SendError(TftpError.NOT_FOUND, reason), new Action.Finish(Outcome.FAILED, reason));
    }

    /** Call when {@link #deadlineNanos} has passed; earlier calls do nothing. */
    public List<Action> onTimeout(long nowNanos) {
        if (ended || nowNanos - deadlineNanos < 0) {
            return NOTHING;
        }
        if (pausing) {
            List<Action> next = new ArrayList<>(2);
            sendWindow(nowNanos, next);
            return next;
        }
        if (asking) {
            boolean never = nowNanos - askedAtNanos >= settings.patience().toNanos();
            return never ? onUnreadable(NO_ROOM) : waitForGrant();
        }
        long waited = nowNanos - waitingSinceNanos;
        boolean outOfPatience = waited >= settings.patience().toNanos();
        if (maySend() && sent == acked) { // Waiting for our own bytes, not for the client.
            return outOfPatience ? onUnreadable(LATE) : waitOn(settings.patience());
        }
        if (!established) {
            return onTimeoutUnanswered(waited, nowNanos);
        }
        if (sent == lastBlock && waited >= settings.unansweredPatience().toNanos()) {
            return end(Outcome.COMPLETED_UNCONFIRMED, "the last block was not acknowledged");
        }
        if (outOfPatience && isStarved()) {
            return onUnreadable(LATE);
        }
        if (outOfPatience) {
            return end(
                    Outcome.TIMED_OUT,
                    "no answer for %d s after block %d of %d".formatted(waited / 1_000_000_000, acked, lastBlock));
        }
        timer.backOff();
        firstBlockTimeouts += acked == 0 ? 1 : 0;
        List<Action> actions = new ArrayList<>(2);
        restart(true, nowNanos, actions);
        return actions;
    }

    /**
     * Whether the client is there, took the options, and yet no full block ever reached it: the agreed block is probably
     * more than some link on the way carries (quirk T19). Whoever asks again from there should be given less.
     */
    public boolean isFirstBlockLost() {
        return acked == 0 && firstBlockTimeouts >= FIRST_BLOCK_TRIES;
    }

    /** When to call {@link #onTimeout}; empty once the transfer has ended. */
    public OptionalLong deadlineNanos() {
        return ended ? OptionalLong.empty() : OptionalLong.of(deadlineNanos);
    }

    public Negotiation agreed() {
        return agreed;
    }

    /** Bytes that the client has; they are never asked for again. */
    public long acknowledgedBytes() {
        return Math.min(size, acked * agreed.blockSize());
    }

    /** Blocks that were sent more than once. */
    public long repeatedBlocks() {
        return repeatedBlocks;
    }

    /** Payload bytes of one block; 0 for the empty block at the end of an even file. */
    public int payloadBytes(long block) {
        return (int) Math.min(agreed.blockSize(), size - (block - 1) * agreed.blockSize());
    }

    /** The 16 bits that stand for a block. */
    public int wireBlock(long block) {
        return settings.rollover().onWire(block);
    }

    private long lastBlock(long sizeInBytes) {
        return sizeInBytes / agreed.blockSize() + 1; // Always a short block at the end (quirk T17).
    }

    private List<Action> onAck(int wireBlock, long nowNanos) {
        long block = settings.rollover().blockFrom(acked, wireBlock);
        if (!established) {
            boolean answersOptionAck = !agreed.accepted().isEmpty() && wireBlock == 0;
            boolean answersFirstBlock = agreed.accepted().isEmpty() && wireBlock == 1 && sent >= 1;
            if (!answersOptionAck && !answersFirstBlock) {
                return NOTHING;
            }
            established = true;
            if (answersOptionAck) {
                return optionsConfirmed(nowNanos);
            }
        }
        if (block > (asking ? everSent : sent)) {
            return NOTHING; // An ACK from before, or for what was never sent.
        }
        return block == acked ? onRepeatedAck(nowNanos) : onProgress(block, nowNanos);
    }

    private List<Action> optionsConfirmed(long nowNanos) {
        waitingSinceNanos = nowNanos;
        if (timedBlock == 0) {
            timer.measured(nowNanos - timedAtNanos);
            timedBlock = -1;
        }
        List<Action> actions = new ArrayList<>(2);
        sendWindow(nowNanos, actions);
        return actions;
    }

    private List<Action> onProgress(long block, long nowNanos) {
        waitingSinceNanos = nowNanos;
        if (timedBlock >= 0 && block >= timedBlock) {
            timer.measured(nowNanos - timedAtNanos);
            timedBlock = -1;
        } else if (restartedAfter == acked) {
            timer.answeredAfterRepeat(nowNanos - restartedAtNanos);
        }
        acked = block;
        sent = Math.max(sent, block); // It had what was about to be repeated.
        if (acked == lastBlock) {
            return end(Outcome.COMPLETED, "");
        }
        List<Action> actions = new ArrayList<>(2);
        if (acked < sent && !restartedWithin(timer.roundTripNanos(), nowNanos)) {
            restart(false, nowNanos, actions); // RFC 7440: an ACK inside the window names the last block before a gap.
        } else {
            if (acked == sent) {
                windowArrived();
            }
            sendWindow(nowNanos, actions);
        }
        return actions;
    }

    /**
     * Answering every repeated ACK doubles the traffic for ever (RFC 1123, 4.2.3.1). With windows it can mean that
     * the window's first block was lost, and EDK2 says so once per later block (quirk T2): restart once. EDK2 also
     * says so for every block that we repeat, and taking that for a loss would send each later window twice.
     */
    private List<Action> onRepeatedAck(long nowNanos) {
        boolean answersRepeatedBlock = restartedWithin(timer.longestRoundTripNanos(), nowNanos);
        if (agreed.windowSize() == 1 || sent == acked || restartedAfter == acked || answersRepeatedBlock) {
            return NOTHING;
        }
        waitingSinceNanos = nowNanos;
        List<Action> actions = new ArrayList<>(2);
        restart(false, nowNanos, actions);
        return actions;
    }

    private boolean restartedWithin(long nanos, long nowNanos) {
        return restartedAfter >= 0 && nowNanos - restartedAtNanos < nanos;
    }

    private void restart(boolean timedOut, long nowNanos, List<Action> actions) {
        restartedAfter = acked;
        restartedAtNanos = nowNanos;
        sent = acked;
        timedBlock = -1;
        boolean tooMuch = timedOut || agreed.windowSize() > SMALL_WINDOW; // A small one fits: its gap is mere loss.
        if (cleanWindows == 0 && burst > 1 && tooMuch) {
            burst = (burst + 1) / 2;
            cleanWindowsToGrow = Math.min(MOST_CLEAN_WINDOWS, 2 * cleanWindowsToGrow);
        }
        cleanWindows = 0;
        sendWindow(nowNanos, actions);
    }

    private void windowArrived() {
        if (++cleanWindows > cleanWindowsToGrow && burst < agreed.windowSize()) {
            burst = Math.min(agreed.windowSize(), 2 * burst);
            cleanWindows = 1;
        }
    }

    /** Sends what the window and the burst allow and the caller can deliver, and asks for what comes next. */
    private void sendWindow(long nowNanos, List<Action> actions) {
        long until = Math.min(sendable(), sent + burst);
        if (settings.paced() && until > sent) {
            burstEnd = until;
            ask(nowNanos, actions);
            readAhead(actions);
        } else {
            sendUntil(until, nowNanos, actions);
        }
    }

    private void ask(long nowNanos, List<Action> actions) {
        if (!asking) {
            asking = true;
            askedAtNanos = nowNanos;
            actions.add(new Action.AskToSend((int) (burstEnd - sent)));
        }
        pausing = false;
        waitForGrant();
    }

    private List<Action> waitForGrant() {
        deadlineNanos = askedAtNanos + settings.patience().toNanos();
        return NOTHING;
    }

    private void sendUntil(long until, long nowNanos, List<Action> actions) {
        if (until > sent) {
            actions.add(new Action.SendBlocks(sent + 1, (int) (until - sent)));
            repeatedBlocks += Math.max(0, Math.min(until, everSent) - sent);
            // First time on the wire, and the client will acknowledge it: that can be timed.
            if (sent >= everSent && timedBlock < 0 && until == windowEnd()) {
                timedBlock = until;
                timedAtNanos = nowNanos;
            }
            sent = until;
            everSent = Math.max(everSent, until);
        }
        boolean burstGoesOn = settings.paced() && sent < Math.min(burstEnd, sendable());
        pausing = !burstGoesOn && until < sendable();
        if (burstGoesOn) {
            ask(nowNanos, actions);
        } else if (pausing) {
            deadlineNanos = nowNanos + pauseNanos();
        } else if (sent == acked) {
            waitOn(settings.patience());
        } else {
            long timeout = established
                    ? timer.timeoutNanos()
                    : settings.unansweredPatience().toNanos();
            deadlineNanos = nowNanos + timeout;
        }
        readAhead(actions);
    }

    private long sendable() {
        return Math.min(windowEnd(), readable >= size ? lastBlock : readable / agreed.blockSize());
    }

    /** The client's time for one burst: a round trip is that of a whole window. */
    private long pauseNanos() {
        long share = timer.roundTripNanos() * burst / agreed.windowSize();
        return Math.max(LEAST_PAUSE_NANOS, Math.min(MOST_PAUSE_NANOS, share));
    }

    private long windowEnd() {
        return Math.min(lastBlock, acked + agreed.windowSize());
    }

    /** The client's address is real, or it asked for no options: blocks may go out. */
    private boolean maySend() {
        return established || agreed.accepted().isEmpty();
    }

    /** Whether the window has room for blocks that the caller cannot deliver yet. */
    private boolean isStarved() {
        return sent < windowEnd();
    }

    private List<Action> waitOn(Duration patience) {
        deadlineNanos = waitingSinceNanos + patience.toNanos();
        return NOTHING;
    }

    private void readAhead(List<Action> actions) {
        long wanted = Math.min(size, (acked + 2L * agreed.windowSize()) * agreed.blockSize());
        if (!reading && readable < wanted) {
            reading = true;
            actions.add(new Action.Read(readable, (int) (wanted - readable)));
        }
    }

    private List<Action> onTimeoutUnanswered(long waited, long nowNanos) {
        if (waited >= settings.unansweredPatience().toNanos()) {
            return end(Outcome.NEVER_ANSWERED, "the client never answered");
        }
        if (agreed.accepted().isEmpty() || optionAcks == MOST_OPTION_ACKS) {
            return waitOn(settings.unansweredPatience());
        }
        timer.backOff();
        List<Action> actions = new ArrayList<>(1);
        sendOptionAck(nowNanos, actions);
        return actions;
    }

    private void sendOptionAck(long nowNanos, List<Action> actions) {
        optionAcks++;
        timedBlock = optionAcks == 1 ? 0 : -1;
        timedAtNanos = nowNanos;
        actions.add(new Action.SendOptionAck(agreed.accepted()));
        deadlineNanos = nowNanos + timer.timeoutNanos();
    }

    private List<Action> clientStopped(ErrorReply error) {
        String said = "ERROR %d \"%s\"".formatted(error.code(), error.message());
        if (!established && sizeTold) {
            return end(Outcome.PROBED, said);
        }
        return end(error.code() == 0 ? Outcome.CLOSED_BY_CLIENT : Outcome.ABORTED_BY_CLIENT, said);
    }

    private List<Action> clientStartedOver() {
        Outcome outcome = sent == lastBlock ? Outcome.COMPLETED_UNCONFIRMED : Outcome.CLOSED_BY_CLIENT;
        return end(outcome, "the client asked for the same file again");
    }

    private List<Action> end(Outcome outcome, String detail) {
        ended = true;
        return List.of(new Action.Finish(outcome, detail));
    }
}
