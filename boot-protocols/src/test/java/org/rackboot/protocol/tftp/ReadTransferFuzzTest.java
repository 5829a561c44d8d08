package org.rackboot.protocol.tftp;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalLong;
import org.rackboot.protocol.tftp.ReadTransfer.Action;
import org.rackboot.protocol.tftp.TftpPacket.Ack;
import org.rackboot.protocol.tftp.TftpPacket.ErrorReply;

/**
 * A whole transfer, driven by a script of bytes: what it was asked for, then packets, time and readable bytes in any
 * order. Whatever happens, it keeps to its window, ends once, and has a deadline until then (docs/testing.md).
 *
 * <p>The script: block size (in units of 8 bytes), window size, which options are asked, size of the file (two bytes, and
 * how they are scaled), then one step after another: a letter of {@link Play#step}, often with an argument behind it.
 */
class ReadTransferFuzzTest {
    private static final int MOST_STEPS = 2_000;
    private static final int MOST_UNPROVEN_SENDS = 3 + 8 + 1;
    private static final long LONGEST_SILENCE_NANOS = Duration.ofMinutes(3).toNanos();

    @FuzzTest(maxDuration = "2m")
    void aTransferKeepsItsWindowAndEndsOnce(byte[] script) {
        new Play(script).toTheEnd();
    }

    private static void check(boolean condition, String what, long where) {
        if (!condition) {
            throw new AssertionError(what + ", at " + where);
        }
    }

    private static final class Play {
        private final ByteBuffer script;
        private final long size;
        private final boolean sizeKnown;
        private final ReadTransfer transfer;
        private long nowNanos;
        private long askedUntil;
        private boolean reading;
        private long readable;
        private boolean proven;
        private int unprovenSends;
        private long sent;
        private boolean ended;

        private Play(byte[] bytes) {
            script = ByteBuffer.wrap(bytes.length < 8 ? Arrays.copyOf(bytes, 8) : bytes);
            int blockSize = 8 * (script.get() & 0xFF);
            int windowSize = script.get() & 0xFF;
            int asked = script.get();
            size = size(script.getShort() & 0xFFFF, script.get() & 3, blockSize);
            nowNanos = (asked & 16) == 0 ? 0 : Long.MAX_VALUE - 1_000_000_000; // The clock may pass the largest number.
            List<TftpOption> options = Options.of(
                    (asked & 1) == 0 ? "x" : "blksize",
                    Integer.toString(blockSize),
                    (asked & 2) == 0 ? "x" : "windowsize",
                    Integer.toString(windowSize),
                    (asked & 4) == 0 ? "x" : "tsize",
                    "0",
                    (asked & 8) == 0 ? "x" : "timeout",
                    "1");
            sizeKnown = (asked & 32) == 0;
            transfer = new ReadTransfer(
                    options,
                    sizeKnown ? OptionalLong.of(size) : OptionalLong.empty(),
                    Negotiation.Limits.DEFAULT,
                    ReadTransfer.Settings.DEFAULT.withRollover(
                            (asked & 64) == 0 ? NumberAfterRollover.ZERO : NumberAfterRollover.ONE));
        }

        private static long size(int number, int scale, int blockSize) {
            return switch (scale) {
                case 0 -> number;
                case 1 -> (long) number * blockSize;
                case 2 -> (65_500L + number) * blockSize; // Around the last block number.
                default -> (long) number << 16;
            };
        }

        private void toTheEnd() {
            take(transfer.start(nowNanos));
            for (int steps = 0; script.hasRemaining() && steps < MOST_STEPS; steps++) {
                take(step(script.get()));
            }
            endsByItself();
            check(transfer.onPacket(new Ack(1), nowNanos).isEmpty(), "an answer after the end", 1);
            check(transfer.onRepeatedRequest(nowNanos).isEmpty(), "an answer after the end", 2);
            check(transfer.onTimeout(nowNanos + LONGEST_SILENCE_NANOS).isEmpty(), "an answer after the end", 3);
            check(transfer.onReadable(size, nowNanos).isEmpty(), "an answer after the end", 4);
            check(transfer.onReplaced().isEmpty() && transfer.onUnreadable("").isEmpty(), "an answer after the end", 5);
        }

        private List<Action> step(byte letter) {
            return switch (letter) {
                case 'a' -> ack(transferredBlocks() + argument()); // Few blocks ahead, or behind.
                case 'A' -> ack((argument() << 8) | (argument() & 0xFF));
                case 'l' -> ack(sent); // What a client says that has all.
                case 'e' -> packet(new ErrorReply(argument(), "stop"));
                case 'p' -> anyPacket();
                case 't' -> after((argument() & 0xFF) * 1_000_000L);
                case 'T' -> after((argument() & 0xFF) * 1_000_000_000L);
                case 'd' -> after(transfer.deadlineNanos().orElse(nowNanos) - nowNanos);
                case 'r' -> read(Math.min(askedUntil, readable + 1 + (argument() & 0xFF) * 64L));
                case 'R' -> read(askedUntil);
                case 'u' -> transfer.onUnreadable("the disk is broken");
                case 'q' -> transfer.onRepeatedRequest(nowNanos);
                case 'n' -> transfer.onReplaced();
                default -> transfer.onTimeout(nowNanos);
            };
        }

        private int argument() {
            return script.hasRemaining() ? script.get() : 0;
        }

        private long transferredBlocks() {
            return transfer.acknowledgedBytes() / transfer.agreed().blockSize();
        }

        private List<Action> ack(long block) {
            return packet(new Ack((int) (block & 0xFFFF)));
        }

        private List<Action> packet(TftpPacket packet) {
            proven |= packet instanceof Ack;
            return transfer.onPacket(packet, nowNanos);
        }

        private List<Action> anyPacket() {
            byte[] bytes = new byte[Math.min(script.remaining(), 4 + (argument() & 0xFF))];
            bytes = Arrays.copyOf(bytes, Math.min(bytes.length, script.remaining()));
            script.get(bytes);
            try {
                return packet(TftpCodec.decode(ByteBuffer.wrap(bytes)));
            } catch (MalformedPacketException e) {
                return List.of();
            }
        }

        private List<Action> after(long nanos) {
            nowNanos += Math.max(0, nanos);
            return transfer.onTimeout(nowNanos);
        }

        private List<Action> read(long until) {
            if (!reading) {
                return List.of();
            }
            readable = Math.min(size, until);
            reading = false; // Part of what was asked is enough: it asks again.
            if (!sizeKnown && readable == size) {
                return transfer.onEnd(size, nowNanos);
            }
            return transfer.onReadable(readable, nowNanos);
        }

        private void take(List<Action> actions) {
            for (Action action : actions) {
                check(!ended, "an action after the end", actions.size());
                if (action instanceof Action.SendBlocks blocks) {
                    blocks(blocks);
                } else if (action instanceof Action.SendOptionAck optionAck) {
                    check(!optionAck.options().isEmpty(), "an OACK that agrees on nothing", 0);
                    unproven();
                } else if (action instanceof Action.Read read) {
                    read(read);
                } else if (action instanceof Action.SendError error) {
                    check(error.code() == TftpError.NOT_FOUND, "a code that makes U-Boot start again", error.code());
                    unproven();
                } else if (action instanceof Action.Finish) {
                    ended = true;
                }
            }
            check(transfer.deadlineNanos().isEmpty() == ended, "a deadline exactly while it runs", sent);
            check(transfer.acknowledgedBytes() <= size, "more was acknowledged than there is", sent);
        }

        private void blocks(Action.SendBlocks blocks) {
            Negotiation agreed = transfer.agreed();
            long last = blocks.firstBlock() + blocks.count() - 1;
            check(blocks.count() >= 1, "no block", blocks.count());
            check(blocks.firstBlock() > transferredBlocks(), "an acknowledged block is sent", blocks.firstBlock());
            check(last <= transferredBlocks() + agreed.windowSize(), "beyond the window", last);
            check(last <= size / agreed.blockSize() + 1, "beyond the end", last);
            check((last - 1) * agreed.blockSize() + transfer.payloadBytes(last) <= readable, "not read yet", last);
            sent = Math.max(sent, last);
            unproven();
        }

        private void unproven() {
            if (!proven) {
                unprovenSends++;
                check(unprovenSends <= MOST_UNPROVEN_SENDS, "sends to an unproven address", unprovenSends);
            }
        }

        private void read(Action.Read read) {
            check(!reading, "two reads at once", read.offset());
            check(read.offset() == readable && read.length() > 0, "reads follow one another", read.offset());
            check(!sizeKnown || read.offset() + read.length() <= size, "a read behind the end", read.offset());
            reading = true;
            askedUntil = read.offset() + read.length();
        }

        /** Nobody says anything any more: only time passes. */
        private void endsByItself() {
            long silentSince = nowNanos;
            while (!ended) {
                long before = nowNanos;
                take(after(transfer.deadlineNanos().orElseThrow() - nowNanos));
                check(
                        ended || transfer.deadlineNanos().orElseThrow() - nowNanos > 0,
                        "a timer that is not set anew",
                        before);
                check(nowNanos - silentSince < LONGEST_SILENCE_NANOS, "silence without an end", nowNanos);
            }
        }
    }
}
