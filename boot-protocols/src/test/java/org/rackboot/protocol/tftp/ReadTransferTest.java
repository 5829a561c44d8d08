package org.rackboot.protocol.tftp;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.rackboot.protocol.tftp.ReadTransfer.Action;
import org.rackboot.protocol.tftp.ReadTransfer.Action.AskToSend;
import org.rackboot.protocol.tftp.ReadTransfer.Action.Finish;
import org.rackboot.protocol.tftp.ReadTransfer.Action.Read;
import org.rackboot.protocol.tftp.ReadTransfer.Action.SendBlocks;
import org.rackboot.protocol.tftp.ReadTransfer.Action.SendError;
import org.rackboot.protocol.tftp.ReadTransfer.Action.SendOptionAck;
import org.rackboot.protocol.tftp.ReadTransfer.Outcome;
import org.rackboot.protocol.tftp.TftpPacket.Ack;
import org.rackboot.protocol.tftp.TftpPacket.ErrorReply;

class ReadTransferTest {
    private static final String[] NO_OPTIONS = {};
    private static final String[] WINDOW_OF_4 = {"blksize", "1000", "windowsize", "4"};
    private static final String[] PROBE = {"tsize", "0", "blksize", "1468", "windowsize", "4"};

    private long nowNanos = 5_000_000_000L;
    private ReadTransfer transfer = new ReadTransfer(
            List.of(), 0, Negotiation.Limits.DEFAULT, ReadTransfer.Settings.DEFAULT); // Replaced by each test.

    @Test
    void withoutOptionsTheFirstBlockAnswersAndEachAckBringsTheNext() {
        start(1_200, NO_OPTIONS);

        assertThat(readable(1_200)).containsExactly(new SendBlocks(1, 1));
        assertThat(ack(1)).containsExactly(new SendBlocks(2, 1));
        assertThat(ack(2)).containsExactly(new SendBlocks(3, 1));
        assertThat(transfer.payloadBytes(3)).isEqualTo(176);
        assertThat(ack(3)).containsExactly(new Finish(Outcome.COMPLETED, ""));
        assertThat(transfer.deadlineNanos()).isEmpty();
        assertThat(transfer.acknowledgedBytes()).isEqualTo(1_200);
    }

    @Test
    void optionsAreAcknowledgedWhileTheFirstBytesAreRead() { // Quirks T8, T30
        assertThat(start(10_000, WINDOW_OF_4))
                .containsExactly(
                        new SendOptionAck(Options.of("blksize", "1000", "windowsize", "4")), new Read(0, 8_000));
        assertThat(readable(8_000)).isEmpty();
        assertThat(ack(0)).containsExactly(new SendBlocks(1, 4));
        assertThat(ack(4)).containsExactly(new SendBlocks(5, 4), new Read(8_000, 2_000));
    }

    @ParameterizedTest
    @CsvSource({"0,1,0", "511,1,511", "512,2,0", "513,2,1", "1024,3,0"})
    void aFileEndsWithAShortBlock(long size, int blocks, int lastBytes) { // Quirk T17
        start(size, NO_OPTIONS);
        readable(size);
        for (int block = 1; block < blocks; block++) {
            assertThat(ack(block)).containsExactly(new SendBlocks(block + 1, 1));
        }
        assertThat(transfer.payloadBytes(blocks)).isEqualTo(lastBytes);
        assertThat(outcome(ack(blocks))).isEqualTo(Outcome.COMPLETED);
    }

    @Test
    void anEmptyFileNeedsNoReading() { // Quirk T17
        assertThat(start(0, NO_OPTIONS)).containsExactly(new SendBlocks(1, 1));
    }

    @Test
    void theLastWindowOfAnEvenFileHasAnEmptyBlock() { // Quirk T17
        startAndConfirm(4_000, WINDOW_OF_4);

        assertThat(ack(4)).containsExactly(new SendBlocks(5, 1));
        assertThat(transfer.payloadBytes(5)).isZero();
    }

    @Test
    void theBlockNumberGoesOnAtZero() { // Quirk T16
        start(70_000L * 512, NO_OPTIONS);
        readable(70_000L * 512);
        for (int block = 1; block < 65_536; block++) {
            assertThat(ack(block & 0xFFFF)).contains(new SendBlocks(block + 1, 1));
        }

        assertThat(ack(0)).containsExactly(new SendBlocks(65_537, 1));
        assertThat(ack(1)).containsExactly(new SendBlocks(65_538, 1));
        assertThat(transfer.acknowledgedBytes()).isEqualTo(65_537L * 512);
    }

    @Test
    void aSizeProbeIsASuccessAndLeavesNothingBehind() { // Quirk T3
        start(10_000, PROBE);

        assertThat(error(8, "User aborted the transfer"))
                .containsExactly(new Finish(Outcome.PROBED, "ERROR 8 \"User aborted the transfer\""));
        assertThat(transfer.deadlineNanos()).isEmpty();
        assertThat(after(Duration.ofSeconds(60))).isEmpty();
        assertThat(ack(0)).isEmpty();
    }

    @Test
    void refusedOptionsAreNoProbe() {
        start(10_000, "blksize", "1468");

        assertThat(outcome(error(8, "option refused"))).isEqualTo(Outcome.ABORTED_BY_CLIENT);
    }

    @Test
    void aSizeThatWasNotToldWasNotProbed() {
        start(10_000, "tsize", "what", "blksize", "1468");

        assertThat(outcome(error(8, "option refused"))).isEqualTo(Outcome.ABORTED_BY_CLIENT);
    }

    @Test
    void aClosedFileIsNoFailure() { // Quirk T10
        startAndConfirm(10_000, WINDOW_OF_4);

        assertThat(outcome(error(0, "closed"))).isEqualTo(Outcome.CLOSED_BY_CLIENT);
    }

    @Test
    void aRepeatedAckIsIgnoredInLockstep() { // RFC 1123, 4.2.3.1 (Sorcerer's Apprentice); quirk T1
        start(10_000, NO_OPTIONS);
        readable(10_000);
        ack(1);

        nowNanos += 50_000_000;
        assertThat(ack(1)).isEmpty();
        assertThat(ack(1)).isEmpty();
        assertThat(ack(0)).isEmpty(); // Stale, likewise ahead.
        assertThat(ack(3)).isEmpty();
        assertThat(ack(2)).containsExactly(new SendBlocks(3, 1));
    }

    @Test
    void aGapRestartsTheWindowBehindTheLastGoodBlock() { // RFC 7440, 4
        startAndConfirm(20_000, WINDOW_OF_4);

        assertThat(ack(2)).contains(new SendBlocks(3, 4));
    }

    @Test
    void oneRestartForEachLastGoodBlockHoweverOftenTheClientNamesIt() { // Quirk T2: EDK2
        startAndConfirm(20_000, WINDOW_OF_4);
        ack(4);
        nowNanos += 10_000_000;

        // when block 5 is lost, and 6, 7 and 8 have an ACK of 4 each
        assertThat(ack(4)).containsExactly(new SendBlocks(5, 4));
        assertThat(ack(4)).isEmpty();
        nowNanos += 50_000_000;
        assertThat(ack(4)).isEmpty();

        // then the next loss is repaired as well
        assertThat(ack(8)).contains(new SendBlocks(9, 4));
        nowNanos += 50_000_000;
        assertThat(ack(8)).containsExactly(new SendBlocks(9, 4));
    }

    @Test
    void acksOfRepeatedBlocksDoNotRepeatTheNextWindow() { // Quirk T2: EDK2 acks each block it did not expect
        // given a round trip of 10 ms, and a window that was sent twice since an ACK was duplicated
        startAndConfirm(40_000, WINDOW_OF_4);
        nowNanos += 10_000_000;
        ack(4);
        nowNanos += 1_000_000;
        assertThat(ack(4)).containsExactly(new SendBlocks(5, 4));

        // when both copies are acknowledged, the second one block by block
        nowNanos += 9_000_000;
        assertThat(ack(8)).contains(new SendBlocks(9, 4));
        nowNanos += 1_000_000;

        // then nothing more is repeated
        assertThat(ack(8)).isEmpty();
        assertThat(ack(8)).isEmpty();
        assertThat(transfer.repeatedBlocks()).isEqualTo(4);
    }

    @Test
    void acksOutsideTheSentWindowChangeNothing() { // Quirk T2
        startAndConfirm(100_000, WINDOW_OF_4);
        ack(4);
        var deadline = transfer.deadlineNanos();

        for (int stray : new int[] {3, 0, 9, 1_000, 40_000, 65_535}) {
            assertThat(ack(stray)).isEmpty();
        }
        assertThat(transfer.deadlineNanos()).isEqualTo(deadline);
        assertThat(transfer.acknowledgedBytes()).isEqualTo(4_000);
    }

    @Test
    void silenceRepeatsTheWindowWithGrowingPausesAndThenEnds() { // Quirks T9, T31: by time, not by count
        startAndConfirm(1_000_000, WINDOW_OF_4);
        long began = nowNanos;
        long last = nowNanos;
        long pause = 0;
        List<Action> actions = toDeadline();
        while (!(actions.get(0) instanceof Finish)) {
            assertThat(blocksOfWindow(actions)).containsExactly(1L, 2L, 3L, 4L);
            assertThat(nowNanos - last).isGreaterThanOrEqualTo(pause).isLessThanOrEqualTo(2_001_000_000L);
            pause = nowNanos - last;
            last = nowNanos;
            actions = toDeadline();
        }

        assertThat(actions).containsExactly(new Finish(Outcome.TIMED_OUT, "no answer for 61 s after block 0 of 1001"));
        assertThat(Duration.ofNanos(nowNanos - began)).isBetween(Duration.ofSeconds(60), Duration.ofSeconds(62));
    }

    @Test
    void aWindowThatIsTooMuchForTheClientIsSentInBurstsAndGrowsAgain() { // RFC 7440, 4: the client waits for all of it
        startAndConfirm(1_000_000, "blksize", "1000", "windowsize", "8");

        assertThat(toDeadline()).as("the first loss is forgiven").containsExactly(new SendBlocks(1, 8));
        assertThat(toDeadline()).as("the second is not").containsExactly(new SendBlocks(1, 4));
        assertThat(toDeadline()).as("after a short pause").containsExactly(new SendBlocks(5, 4));
        assertThat(repeatedBlocks()).isEqualTo(16);

        int window = 0;
        List<Action> next = List.of();
        for (long block = 8; window == 0 || sentBlocks(next) < 8; block += 8) {
            assertThat(++window).as("windows until it goes out whole again").isLessThan(40);
            next = ackWindow(block);
        }
        assertThat(window).isGreaterThan(8);
    }

    @Test
    void aRestartAfterAGapEndsThePause() {
        startAndConfirm(1_000_000, "blksize", "1000", "windowsize", "16");
        toDeadline();
        assertThat(toDeadline()).containsExactly(new SendBlocks(1, 8));

        nowNanos += 100_000;
        assertThat(ack(5)).as("the sixth was lost").contains(new SendBlocks(6, 4));
    }

    @Test
    void aFirstBlockThatNeverArrivesIsFoundOut() { // Quirk T19: more than the path's MTU
        startAndConfirm(1_000_000, "blksize", "1468");
        for (int i = 0; i < 3; i++) {
            assertThat(transfer.isFirstBlockLost()).isFalse();
            toDeadline();
        }
        assertThat(transfer.isFirstBlockLost()).isTrue();

        ack(1);
        assertThat(transfer.isFirstBlockLost()).isFalse();
    }

    @Test
    void aFileWhoseLengthIsKnownOnlyAtItsEndEndsThere() { // Netascii; quirk T23: its tsize cannot be told
        transfer = new ReadTransfer(
                Options.of("tsize", "0", "blksize", "1000"),
                OptionalLong.empty(),
                Negotiation.Limits.DEFAULT,
                ReadTransfer.Settings.DEFAULT);
        assertThat(transfer.start(nowNanos))
                .contains(new SendOptionAck(Options.of("blksize", "1000")), new Read(0, 2_000));
        readable(2_000);
        assertThat(ack(0)).contains(new SendBlocks(1, 1));
        assertThat(ack(1)).containsExactly(new SendBlocks(2, 1), new Read(2_000, 1_000));
        assertThat(transfer.onEnd(2_000, nowNanos)).isEmpty();
        assertThat(ack(2)).containsExactly(new SendBlocks(3, 1));
        assertThat(transfer.payloadBytes(3)).isZero();
        assertThat(outcome(ack(3))).isEqualTo(Outcome.COMPLETED);
    }

    @Test
    void someOldClientsGoOnAtBlockOne() { // Quirk T16
        transfer = new ReadTransfer(
                List.of(),
                70_000L * 512,
                Negotiation.Limits.DEFAULT,
                ReadTransfer.Settings.DEFAULT.withRollover(NumberAfterRollover.ONE));
        transfer.start(nowNanos);
        readable(70_000L * 512);
        for (int block = 1; block < 65_535; block++) {
            ack(block);
        }

        assertThat(ack(65_535)).contains(new SendBlocks(65_536, 1));
        assertThat(transfer.wireBlock(65_536)).isEqualTo(1);
        assertThat(ack(1)).contains(new SendBlocks(65_537, 1));
    }

    @Test
    void anEarlyTimerDoesNothing() {
        startAndConfirm(10_000, WINDOW_OF_4);

        assertThat(transfer.onTimeout(nowNanos)).isEmpty();
    }

    @ParameterizedTest
    @CsvSource({"1,1", "4,3"})
    void theLastAckMayNeverCome(int windowSize, int blocks) { // Quirk T18, with windows, too
        startAndConfirm(1_000L * blocks - 1, "blksize", "1000", "windowsize", Integer.toString(windowSize));

        int repeats = 0;
        List<Action> actions = toDeadline();
        for (; actions.get(0) instanceof SendBlocks; actions = toDeadline()) {
            blocksOfWindow(actions);
            repeats++;
        }

        assertThat(outcome(actions)).isEqualTo(Outcome.COMPLETED_UNCONFIRMED);
        assertThat(repeats).isBetween(3, 12);
    }

    @Test
    void aClientThatStopsForSevenSecondsBeforeTheLastBlockStillGetsIt() { // Quirk T9: GRUB decompresses
        startAndConfirm(999, "blksize", "1000");

        after(Duration.ofSeconds(7));

        assertThat(outcome(ack(1))).isEqualTo(Outcome.COMPLETED);
    }

    @Test
    void whatCannotBeReadEndsWithAnErrorAndNeverWithAShortBlock() { // A short block would look like the end.
        startAndConfirm(100_000, WINDOW_OF_4);

        assertThat(transfer.onUnreadable("the disk is broken"))
                .containsExactly(
                        new SendError(TftpError.NOT_FOUND, "the disk is broken"),
                        new Finish(Outcome.FAILED, "the disk is broken"));
        assertThat(ack(4)).isEmpty();
    }

    @Test
    void aPartOfTheWindowIsSentAsSoonAsItIsHere() {
        start(100_000, WINDOW_OF_4);
        assertThat(ack(0)).isEmpty();

        assertThat(readable(2_999)).containsExactly(new SendBlocks(1, 2), new Read(2_999, 5_001));
        assertThat(readable(8_000)).containsExactly(new SendBlocks(3, 2));
    }

    @Test
    void timeInWhichTheClientHadNothingToAnswerIsNotItsSilence() {
        // given bytes that take 59 of the 60 seconds of patience
        startAndConfirm(100_000, WINDOW_OF_4);
        for (int block = 4; block <= 16; block += 4) {
            ack(block);
        }
        after(Duration.ofSeconds(59));
        assertThat(readable(24_000)).contains(new SendBlocks(17, 4));

        // then the client has its own 60 seconds
        assertThat(after(Duration.ofSeconds(30))).first().isInstanceOf(SendBlocks.class);
        assertThat(ack(20)).contains(new SendBlocks(21, 1));
    }

    @Test
    void bytesThatNeverComeAreNotBlamedOnTheClient() {
        start(100_000, NO_OPTIONS);

        assertThat(after(Duration.ofSeconds(59))).isEmpty();
        assertThat(after(Duration.ofSeconds(1))).hasSize(2).first().isInstanceOf(SendError.class);
    }

    @Test
    void bytesThatComeLateLeaveTheClientTimeToAnswer() {
        start(100_000, NO_OPTIONS);
        after(Duration.ofSeconds(11));
        assertThat(readable(1_024)).contains(new SendBlocks(1, 1));

        assertThat(after(Duration.ofSeconds(9))).isEmpty();
        assertThat(ack(1)).contains(new SendBlocks(2, 1));
    }

    @Test
    void anUnansweredOptionAckIsSentThreeTimesAndNoMore() { // G-08
        start(100_000, WINDOW_OF_4);

        int sends = 1;
        List<Action> actions = toDeadline();
        for (; actions.isEmpty() || actions.get(0) instanceof SendOptionAck; actions = toDeadline()) {
            sends += actions.size();
        }

        assertThat(sends).isEqualTo(3);
        assertThat(outcome(actions)).isEqualTo(Outcome.NEVER_ANSWERED);
    }

    @Test
    void anUnansweredFirstBlockIsSentOnce() { // G-08: no timer
        start(100_000, NO_OPTIONS);
        assertThat(readable(1_024)).containsExactly(new SendBlocks(1, 1));

        assertThat(outcome(toDeadline())).isEqualTo(Outcome.NEVER_ANSWERED);
    }

    @Test
    void aRepeatedRequestIsAnsweredOnceEachTime() { // Quirk T12
        start(100_000, WINDOW_OF_4);
        assertThat(transfer.onRepeatedRequest(nowNanos))
                .containsExactly(new SendOptionAck(Options.of("blksize", "1000", "windowsize", "4")));

        start(100_000, NO_OPTIONS);
        assertThat(transfer.onRepeatedRequest(nowNanos)).isEmpty(); // The bytes are not here yet.
        readable(1_024);
        assertThat(transfer.onRepeatedRequest(nowNanos)).containsExactly(new SendBlocks(1, 1));
    }

    @Test
    void aForgedRequestThatIsRepeatedForEverIsNotAnsweredForEver() { // G-08, S-07
        start(100_000, NO_OPTIONS);
        readable(1_024);
        int sends = 1;
        boolean ended = false;
        for (int i = 0; i < 10_000; i++) {
            nowNanos += 100_000_000;
            sends += (int) transfer.onRepeatedRequest(nowNanos).stream()
                    .filter(SendBlocks.class::isInstance)
                    .count();
            ended |= !transfer.onTimeout(nowNanos).isEmpty();
        }

        assertThat(sends).isEqualTo(9);
        assertThat(ended).isTrue();
    }

    @Test
    void aRequestThatTheNetworkRepeatedDoesNotDisturbARunningTransfer() { // Quirk T12
        startAndConfirm(100_000, WINDOW_OF_4);

        assertThat(transfer.onRepeatedRequest(nowNanos)).isEmpty();
        assertThat(ack(4)).contains(new SendBlocks(5, 4));
    }

    @Test
    void aMachineThatWasResetCanAskAgainFromTheSamePort() { // Quirk T15; SLOF has port 2001 only
        startAndConfirm(100_000, WINDOW_OF_4);
        after(Duration.ofSeconds(5));

        assertThat(transfer.onRepeatedRequest(nowNanos))
                .containsExactly(new Finish(Outcome.CLOSED_BY_CLIENT, "the client asked for the same file again"));
    }

    @Test
    void anAckForWhatWasNeverSentProvesNothing() { // S-09
        start(100_000, WINDOW_OF_4);
        readable(8_000);

        assertThat(ack(1)).isEmpty();
        assertThat(ack(4)).isEmpty();
        assertThat(transfer.acknowledgedBytes()).isZero();
        assertThat(ack(0)).containsExactly(new SendBlocks(1, 4));
    }

    @Test
    void aClientThatAcksInsideTheWindowBeforeAnyRoundTripWasMeasuredCausesNoStorm() {
        // given an OACK that had to be repeated, so that its round trip is unknown (Karn)
        start(100_000, "blksize", "8", "windowsize", "64");
        readable(1_024);
        nowNanos = transfer.deadlineNanos().orElseThrow();
        transfer.onTimeout(nowNanos);
        ack(0);

        // when each block of the window is acknowledged by itself
        for (int block = 1; block <= 64; block++) {
            nowNanos += 10_000;
            ack(block);
        }

        // then the window was sent again once
        assertThat(transfer.repeatedBlocks()).isLessThanOrEqualTo(64);
    }

    @Test
    void aPortThatAsksForTheNextFileHasHadAllOfThisOneOrEnough() { // Quirk T15: PXELINUX keeps its port.
        startAndConfirm(2_500, "blksize", "1000", "windowsize", "4");
        assertThat(outcome(transfer.onReplaced())).isEqualTo(Outcome.COMPLETED_UNCONFIRMED); // The last ACK was lost.
        assertThat(transfer.onReplaced()).isEmpty();

        startAndConfirm(100_000, "blksize", "1000", "windowsize", "4");
        assertThat(outcome(transfer.onReplaced())).isEqualTo(Outcome.CLOSED_BY_CLIENT);
    }

    @Test
    void pacedItSendsWhatIsGrantedAndAsksForTheRest() {
        startPaced(100_000, WINDOW_OF_4);

        assertThat(ack(0)).containsExactly(new AskToSend(4));
        assertThat(granted(3)).containsExactly(new SendBlocks(1, 3), new AskToSend(1));
        assertThat(granted(9)).containsExactly(new SendBlocks(4, 1)); // One was asked for.
        assertThat(granted(1)).isEmpty();
        assertThat(ack(4)).containsExactly(new AskToSend(4), new Read(8_000, 4_000));
        assertThat(granted(4)).containsExactly(new SendBlocks(5, 4));
    }

    @Test
    void pacedItAnswersTheRequestAtOnce() {
        transfer = paced(100_000, WINDOW_OF_4);
        assertThat(transfer.start(nowNanos)).first().isInstanceOf(SendOptionAck.class);

        nowNanos += Duration.ofSeconds(1).toNanos();
        assertThat(transfer.onTimeout(nowNanos)).first().isInstanceOf(SendOptionAck.class);
    }

    @Test
    void waitingForAGrantIsNobodysSilence() {
        startPaced(100_000, WINDOW_OF_4);
        ack(0);
        assertThat(after(Duration.ofSeconds(50))).isEmpty();
        granted(2);
        assertThat(after(Duration.ofSeconds(50))).isEmpty(); // Half of a window: no client can be late with its ACK.
        granted(2);

        // then the client has all of its time from here on
        long since = nowNanos;
        assertThat(after(Duration.ofMillis(190))).isEmpty();
        assertThat(after(Duration.ofMillis(20))).containsExactly(new AskToSend(4));
        List<Action> actions = List.of();
        while (transfer.deadlineNanos().isPresent()) {
            nowNanos += Duration.ofMillis(100).toNanos();
            granted(4);
            granted(4);
            actions = toDeadline();
        }
        assertThat(outcome(actions)).isEqualTo(Outcome.TIMED_OUT);
        assertThat(Duration.ofNanos(nowNanos - since)).isBetween(Duration.ofSeconds(60), Duration.ofSeconds(63));
    }

    @Test
    void theTimeToTheGrantIsNoPartOfTheRoundTrip() {
        startPaced(1_000_000, WINDOW_OF_4);
        ack(0);
        for (int block = 4; block <= 400; block += 4) { // On a way that is well known by then.
            readable(block * 1_000L + 8_000);
            nowNanos += Duration.ofMillis(700).toNanos();
            granted(4);
            nowNanos += 100_000;
            assertThat(ack(block)).first().isEqualTo(new AskToSend(4));
        }
        granted(4);

        assertThat(transfer.deadlineNanos().orElseThrow() - nowNanos).isLessThan(6_000_000);
        assertThat(transfer.repeatedBlocks()).isZero();
    }

    @Test
    void anAckThatComesBeforeTheRepetitionWasGrantedSavesIt() {
        startPaced(100_000, WINDOW_OF_4);
        ack(0);
        granted(4);
        assertThat(toDeadline()).containsExactly(new AskToSend(4)); // To send them again.

        assertThat(ack(4)).containsExactly(new Read(8_000, 4_000));
        assertThat(granted(4)).containsExactly(new SendBlocks(5, 4));
        assertThat(transfer.repeatedBlocks()).isZero();
    }

    @Test
    void whatIsNeverGrantedEndsWithAReason() {
        startPaced(100_000, WINDOW_OF_4);
        ack(0);

        assertThat(after(Duration.ofSeconds(61)))
                .first()
                .isEqualTo(new SendError(1, "this rack may not send so much (egress); try again"));
    }

    private static ReadTransfer paced(long size, String... options) {
        return new ReadTransfer(
                Options.of(options), size, Negotiation.Limits.DEFAULT, ReadTransfer.Settings.DEFAULT.withPacing(true));
    }

    private void startPaced(long size, String... options) {
        transfer = paced(size, options);
        transfer.start(nowNanos);
        readable(8_000);
        nowNanos += 100_000;
    }

    private List<Action> granted(int blocks) {
        return transfer.onGranted(blocks, nowNanos);
    }

    private List<Action> start(long size, String... options) {
        transfer =
                new ReadTransfer(Options.of(options), size, Negotiation.Limits.DEFAULT, ReadTransfer.Settings.DEFAULT);
        return transfer.start(nowNanos);
    }

    /** The options are confirmed, the first bytes are here, and the first window is on its way. */
    private void startAndConfirm(long size, String... options) {
        start(size, options);
        readable(Math.min(size, 8_000));
        nowNanos += 100_000;
        assertThat(ack(0)).first().isInstanceOf(SendBlocks.class);
        readable(Math.min(size, 16_000));
    }

    private long repeatedBlocks() {
        return transfer.repeatedBlocks();
    }

    private static int sentBlocks(List<Action> actions) {
        return actions.stream()
                .filter(SendBlocks.class::isInstance)
                .mapToInt(action -> ((SendBlocks) action).count())
                .sum();
    }

    /** Lets the rest of a window's bursts go out, then acknowledges it; the next window's first burst. */
    private List<Action> ackWindow(long block) {
        while (transfer.deadlineNanos().orElseThrow() - nowNanos < 20_000_000) {
            toDeadline();
        }
        nowNanos += 100_000;
        List<Action> actions = new ArrayList<>(ack((int) block));
        actions.stream()
                .filter(Read.class::isInstance)
                .map(Read.class::cast)
                .toList()
                .forEach(read -> actions.addAll(readable(read.offset() + read.length())));
        return actions;
    }

    private List<Action> ack(int wireBlock) {
        return transfer.onPacket(new Ack(wireBlock), nowNanos);
    }

    private List<Action> error(int code, String message) {
        return transfer.onPacket(new ErrorReply(code, message), nowNanos);
    }

    private List<Action> readable(long bytes) {
        return transfer.onReadable(bytes, nowNanos);
    }

    /** The blocks that were just sent, and those of the bursts that follow after short pauses. */
    private List<Long> blocksOfWindow(List<Action> first) {
        List<Long> blocks = new ArrayList<>();
        List<Action> actions = first;
        while (true) {
            SendBlocks sent = (SendBlocks) actions.get(0);
            for (int i = 0; i < sent.count(); i++) {
                blocks.add(sent.firstBlock() + i);
            }
            if (transfer.deadlineNanos().orElseThrow() - nowNanos >= 20_000_000) {
                return blocks;
            }
            actions = toDeadline();
        }
    }

    private List<Action> toDeadline() {
        nowNanos = transfer.deadlineNanos().orElseThrow();
        return transfer.onTimeout(nowNanos);
    }

    /** Lets time pass with every timer on the way; what the last of them brought. */
    private List<Action> after(Duration time) {
        long until = nowNanos + time.toNanos();
        List<Action> actions = List.of();
        while (transfer.deadlineNanos().isPresent() && transfer.deadlineNanos().getAsLong() <= until) {
            actions = toDeadline();
        }
        nowNanos = until;
        return actions;
    }

    private static Outcome outcome(List<Action> actions) {
        return ((Finish) actions.get(actions.size() - 1)).outcome();
    }
}
