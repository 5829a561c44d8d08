package org.rackboot.protocol.tftp;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.rackboot.protocol.tftp.ReadClient.Action;
import org.rackboot.protocol.tftp.ReadClient.Action.Deliver;
import org.rackboot.protocol.tftp.ReadClient.Action.Finish;
import org.rackboot.protocol.tftp.ReadClient.Action.Send;
import org.rackboot.protocol.tftp.ReadClient.Outcome;
import org.rackboot.protocol.tftp.ReadClient.Peer;
import org.rackboot.protocol.tftp.TftpPacket.Ack;
import org.rackboot.protocol.tftp.TftpPacket.Data;
import org.rackboot.protocol.tftp.TftpPacket.ErrorReply;
import org.rackboot.protocol.tftp.TftpPacket.OptionAck;
import org.rackboot.protocol.tftp.TftpPacket.ReadRequest;

class ReadClientTest {
    private static final Peer SERVER = new Peer("198.18.0.1", 69);
    private static final Peer TRANSFER = new Peer("198.18.0.1", 40_001);
    private static final Peer OTHER_PORT = new Peer("198.18.0.1", 40_002);
    private static final Peer OTHER_HOST = new Peer("198.18.0.9", 40_001);
    private static final String[] NO_OPTIONS = {};
    private static final String[] WINDOW_OF_4 = {"tsize", "0", "blksize", "1000", "windowsize", "4"};

    private long nowNanos = 7_000_000_000L;
    private ReadRequest request = new ReadRequest("", "", List.of()); // This and the next: replaced by each test.
    private ReadClient client =
            new ReadClient(SERVER, request, ReadClient.Settings.withPatience(Duration.ofSeconds(10)));

    @Test
    void theRequestGoesToTheWellKnownPort() {
        assertThat(start(WINDOW_OF_4)).containsExactly(new Send(SERVER, request));
        assertThat(client.deadlineNanos()).hasValue(nowNanos + 1_000_000_000L);
    }

    @Test
    void withoutOptionsEachBlockIsAcknowledgedAndAShortOneEndsTheFile() { // RFC 1350
        start(NO_OPTIONS);

        assertThat(block(1, 512)).containsExactly(delivered(1, 512), ack(1));
        assertThat(block(2, 10)).containsExactly(delivered(2, 10), ack(2), new Finish(Outcome.COMPLETED, ""));
        assertThat(client.deadlineNanos()).isEmpty();
        assertThat(client.statistics().bytes()).isEqualTo(522);
        assertThat(client.granted()).isEmpty();
    }

    @Test
    void aWindowIsAcknowledgedOnceAtItsEnd() { // RFC 7440
        startAndGrant(WINDOW_OF_4, "tsize", "4500", "blksize", "1000", "windowsize", "4");

        assertThat(block(1, 1_000)).containsExactly(delivered(1, 1_000));
        assertThat(block(2, 1_000)).containsExactly(delivered(2, 1_000));
        assertThat(block(3, 1_000)).containsExactly(delivered(3, 1_000));
        assertThat(block(4, 1_000)).containsExactly(delivered(4, 1_000), ack(4));
        assertThat(block(5, 500)).containsExactly(delivered(5, 500), ack(5), new Finish(Outcome.COMPLETED, ""));
        assertThat(client.size()).hasValue(4_500);
    }

    @Test
    void anEvenFileEndsWithAnEmptyBlock() { // Quirk T17
        startAndGrant(WINDOW_OF_4, "tsize", "1000", "blksize", "1000");
        block(1, 1_000);

        assertThat(block(2, 0)).containsExactly(delivered(2, 0), ack(2), new Finish(Outcome.COMPLETED, ""));
    }

    @Test
    void anEmptyFileIsOneEmptyBlock() { // Quirk T17
        start(NO_OPTIONS);

        assertThat(outcome(block(1, 0))).isEqualTo(Outcome.COMPLETED);
    }

    @Test
    void aServerThatIgnoresOptionsIsTakenAtItsWord() { // RFC 2347
        start(WINDOW_OF_4);

        assertThat(block(1, 512)).containsExactly(delivered(1, 512), ack(1));
        assertThat(client.blockSize()).isEqualTo(512);
        assertThat(client.windowSize()).isOne();
    }

    @Test
    void lessThanAskedIsFineAndNamesMayBeInAnyCase() {
        startAndGrant(WINDOW_OF_4, "BlkSize", "999", "WINDOWSIZE", "2");

        assertThat(client.blockSize()).isEqualTo(999);
        block(1, 999);
        assertThat(block(2, 999)).contains(ack(2));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            quoteCharacter = '`',
            value = {
                "blksize; 1001; blksize 1001 was granted where 1000 was asked",
                "blksize; 7; blksize 7 was granted where 1000 was asked",
                "windowsize; 5; windowsize 5 was granted where 4 was asked",
                "windowsize; 0; windowsize 0 was granted where 4 was asked",
                "timeout; 5; option timeout was not asked for",
                "multicast; ``; option multicast was not asked for",
                "tsize; -1; tsize is '-1', not a number",
                "tsize; ``; tsize is '', not a number",
                "blksize; 99999999999999999999; blksize is '99999999999999999999', not a number"
            })
    void moreThanWasAskedIsRefused(String name, String value, String fault) { // Quirks T5, T6, T11
        start(WINDOW_OF_4);

        assertThat(optionAck(name, value))
                .containsExactly(
                        new Send(TRANSFER, new ErrorReply(8, fault)), new Finish(Outcome.BAD_OPTION_ACK, fault));
    }

    @Test
    void anOptionTwiceOrUnaskedIsRefused() {
        start(WINDOW_OF_4);
        assertThat(outcome(optionAck("blksize", "512", "blksize", "1000"))).isEqualTo(Outcome.BAD_OPTION_ACK);

        start(NO_OPTIONS);
        assertThat(outcome(optionAck("blksize", "512"))).isEqualTo(Outcome.BAD_OPTION_ACK);
    }

    @Test
    void aTimeoutIsGrantedExactlyOrNotAtAllAndThenHolds() { // Quirk T6, RFC 2349
        start("timeout", "3");
        assertThat(outcome(optionAck("timeout", "2"))).isEqualTo(Outcome.BAD_OPTION_ACK);

        startAndGrant(new String[] {"timeout", "3"}, "timeout", "3");
        assertThat(after(Duration.ofMillis(2_900))).isEmpty();
        assertThat(after(Duration.ofMillis(100))).containsExactly(ack(0));
        assertThat(after(Duration.ofMillis(2_900))).isEmpty();
        assertThat(after(Duration.ofMillis(100))).containsExactly(ack(0));
    }

    @Test
    void theRequestIsRepeatedMoreAndMoreSlowlyUntilPatienceEnds() {
        start(WINDOW_OF_4);

        assertThat(after(Duration.ofSeconds(1))).containsExactly(new Send(SERVER, request));
        assertThat(after(Duration.ofSeconds(2))).containsExactly(new Send(SERVER, request));
        assertThat(after(Duration.ofSeconds(4))).containsExactly(new Send(SERVER, request));
        assertThat(after(Duration.ofSeconds(3)))
                .containsExactly(new Finish(Outcome.NEVER_ANSWERED, "nothing new for 10.0 s"));
        assertThat(client.statistics().repeatedRequests()).isEqualTo(3);
        assertThat(client.answeredFrom()).isEmpty();
    }

    @Test
    void theFirstReplyAndTheLongestSilenceAreTimed() {
        start(WINDOW_OF_4);
        after(Duration.ofSeconds(1));
        nowNanos += 500_000_000L;
        optionAck("blksize", "1000");
        nowNanos += 700_000_000L;
        block(1, 1_000);
        nowNanos += 1_000L;
        block(2, 0);

        assertThat(client.statistics().firstReplyNanos()).hasValue(1_500_000_000L);
        assertThat(client.statistics().longestSilenceNanos()).isEqualTo(700_000_000L);
    }

    @Test
    void aServerThatFallsSilentIsRemindedAndThenGivenUp() {
        startAndGrant(WINDOW_OF_4, "blksize", "1000", "windowsize", "4");
        block(1, 1_000);

        assertThat(after(Duration.ofSeconds(1))).containsExactly(ack(1));
        assertThat(after(Duration.ofSeconds(2))).containsExactly(ack(1));
        after(Duration.ofSeconds(4));
        assertThat(after(Duration.ofSeconds(3)))
                .containsExactly(
                        new Send(TRANSFER, new ErrorReply(0, "nothing new for 10.0 s")),
                        new Finish(Outcome.STALLED, "nothing new for 10.0 s"));
        assertThat(client.statistics().repeatedAcks()).isEqualTo(3);
        assertThat(client.statistics().longestSilenceNanos()).isEqualTo(10_000_000_000L);
    }

    @Test
    void aGapIsAnsweredOnce() { // Quirk T2, RFC 7440
        startAndGrant(WINDOW_OF_4, "blksize", "1000", "windowsize", "4");
        block(1, 1_000);

        assertThat(block(3, 1_000)).containsExactly(ack(1));
        assertThat(block(4, 1_000)).isEmpty();
        block(2, 1_000);
        block(3, 1_000);
        block(4, 1_000);
        assertThat(block(5, 1_000)).containsExactly(delivered(5, 1_000), ack(5));
        assertThat(client.statistics().gaps()).isOne();
    }

    @Test
    void inLockstepABlockAheadIsIgnored() {
        start(NO_OPTIONS);
        block(1, 512);

        assertThat(block(3, 512)).isEmpty();
    }

    @Test
    void repeatedBlocksAreIgnored() { // RFC 1123, 4.2.3.1
        start(NO_OPTIONS);
        block(1, 512);
        block(2, 512);

        assertThat(block(2, 512)).isEmpty();
        assertThat(block(1, 512)).isEmpty();
        assertThat(client.statistics().duplicateBlocks()).isEqualTo(2);
        assertThat(client.statistics().bytes()).isEqualTo(1_024);
    }

    @Test
    void aBlockThatComesAgainLaterLacksItsAck() {
        start(NO_OPTIONS);
        block(1, 512);
        nowNanos += 60_000_000L;

        assertThat(block(1, 512)).containsExactly(ack(1));
        assertThat(block(1, 512)).isEmpty();
    }

    @Test
    void anOptionAckThatComesAgainLaterLacksItsAck() {
        startAndGrant(WINDOW_OF_4, "blksize", "1000");

        assertThat(optionAck("blksize", "1000")).isEmpty();
        nowNanos += 60_000_000L;
        assertThat(optionAck("blksize", "1000")).containsExactly(ack(0));
        block(1, 1_000);
        nowNanos += 60_000_000L;
        assertThat(optionAck("blksize", "1000")).isEmpty();
    }

    @Test
    void theBlockNumberGoesOnAtZero() { // Quirk T16
        start(NO_OPTIONS);
        for (int block = 1; block <= 65_535; block++) {
            block(block, 512);
        }

        assertThat(block(0, 512)).contains(ack(0));
        assertThat(block(1, 512)).contains(ack(1));
        assertThat(block(2, 1)).contains(ack(2), new Finish(Outcome.COMPLETED, ""));
        assertThat(client.rollsToOne()).isFalse();
        assertThat(client.statistics().blocks()).isEqualTo(65_538);
    }

    @Test
    void aServerThatGoesOnAtOneIsUnderstoodAndNoted() { // Quirk T16
        start(NO_OPTIONS);
        for (int block = 1; block <= 65_535; block++) {
            block(block, 512);
        }

        assertThat(block(1, 512)).containsExactly(delivered(1, 512), ack(1));
        for (int block = 2; block <= 65_535; block++) {
            block(block, 512);
        }
        assertThat(block(1, 512)).contains(ack(1));
        assertThat(block(2, 5)).contains(ack(2), new Finish(Outcome.COMPLETED, ""));
        assertThat(client.rollsToOne()).isTrue();
        assertThat(client.statistics().gaps()).isZero();
    }

    @Test
    void inAWindowBlockZeroMayOnlyHaveBeenLost() { // Quirk T16
        startAndGrant(WINDOW_OF_4, "blksize", "1000", "windowsize", "4");
        for (int block = 1; block <= 65_535; block++) {
            block(block, 1_000);
        }

        assertThat(block(1, 1_000)).containsExactly(ack(65_535));
        assertThat(block(0, 1_000)).containsExactly(delivered(0, 1_000));
        assertThat(client.rollsToOne()).isFalse();
    }

    @Test
    void inAWindowBlockOneIsBelievedTheThirdTime() { // Quirk T16
        startAndGrant(WINDOW_OF_4, "blksize", "1000", "windowsize", "4");
        for (int block = 1; block <= 65_535; block++) {
            block(block, 1_000);
        }
        block(1, 1_000);
        block(1, 1_000);

        assertThat(block(1, 1_000)).containsExactly(delivered(1, 1_000));
        assertThat(block(2, 0)).contains(ack(2), new Finish(Outcome.COMPLETED, ""));
        assertThat(client.rollsToOne()).isTrue();
    }

    @Test
    void strangersAreToldSoAndChangeNothing() { // RFC 1350, 4
        startAndGrant(WINDOW_OF_4, "blksize", "1000");
        Send unknown = new Send(OTHER_PORT, new ErrorReply(5, "you have no part in this transfer"));

        assertThat(client.onPacket(data(1, 1_000), OTHER_PORT, nowNanos)).containsExactly(unknown);
        assertThat(client.onPacket(new OptionAck(List.of()), OTHER_PORT, nowNanos))
                .containsExactly(unknown);
        assertThat(client.onPacket(new ErrorReply(0, "bye"), OTHER_PORT, nowNanos))
                .isEmpty();
        assertThat(client.statistics().strangers()).isEqualTo(3);
        assertThat(client.firstStranger()).contains(OTHER_PORT);
        assertThat(block(1, 1)).contains(new Finish(Outcome.COMPLETED, ""));
    }

    @Test
    void anAnswerFromAnotherAddressIsAStrangers() { // Quirk T26
        start(WINDOW_OF_4);

        assertThat(client.onPacket(data(1, 512), OTHER_HOST, nowNanos)).hasSize(1);
        assertThat(client.answeredFrom()).isEmpty();
        assertThat(client.firstStranger()).contains(OTHER_HOST);
    }

    @Test
    void whatIsNoAnswerDoesNotBeginATransfer() {
        start(WINDOW_OF_4);

        assertThat(block(2, 512)).isEmpty();
        assertThat(packet(new Ack(0))).isEmpty();
        assertThat(client.answeredFrom()).isEmpty();
    }

    @Test
    void anErrorEndsTheTransferAndIsNotAnswered() {
        start(WINDOW_OF_4);
        assertThat(packet(new ErrorReply(1, "no such file")))
                .containsExactly(new Finish(Outcome.REFUSED, "ERROR 1 \"no such file\""));

        startAndGrant(WINDOW_OF_4, "blksize", "1000");
        block(1, 1_000);
        assertThat(packet(new ErrorReply(0, "the disk broke")))
                .containsExactly(new Finish(Outcome.STOPPED_BY_SERVER, "ERROR 0 \"the disk broke\""));
        assertThat(block(2, 0)).isEmpty();
    }

    @Test
    void aFileThatEndsBeforeItsAnnouncedSizeIsTooShort() {
        startAndGrant(WINDOW_OF_4, "tsize", "5000", "blksize", "1000");
        block(1, 1_000);

        assertThat(block(2, 999))
                .containsExactly(
                        delivered(2, 999),
                        ack(2),
                        new Finish(Outcome.TOO_SHORT, "it ended after 1999 bytes; tsize announced 5000"));
    }

    @Test
    void moreThanTheAnnouncedSizeIsNotTaken() {
        startAndGrant(WINDOW_OF_4, "tsize", "1500", "blksize", "1000");
        block(1, 1_000);

        List<Action> actions = block(2, 1_000);
        assertThat(actions).noneMatch(Deliver.class::isInstance);
        assertThat(outcome(actions)).isEqualTo(Outcome.TOO_LONG);
    }

    @Test
    void aBlockLongerThanAgreedIsNotTaken() {
        start(WINDOW_OF_4);

        List<Action> actions = block(1, 1_000); // No OACK: 512 holds.
        assertThat(actions).first().isInstanceOf(Send.class);
        assertThat(outcome(actions)).isEqualTo(Outcome.TOO_LONG);
    }

    @Test
    void whatCannotBeKeptEndsTheTransferAtTheServerToo() {
        startAndGrant(WINDOW_OF_4, "blksize", "1000");

        assertThat(client.onUnwritable("no space left"))
                .containsExactly(
                        new Send(TRANSFER, new ErrorReply(3, "no space left")),
                        new Finish(Outcome.UNWRITABLE, "no space left"));
    }

    @Test
    void afterTheEndNothingHappens() {
        start(NO_OPTIONS);
        block(1, 1);

        assertThat(block(1, 1)).isEmpty();
        assertThat(after(Duration.ofSeconds(60))).isEmpty();
        assertThat(client.onUnwritable("late")).isEmpty();
    }

    private List<Action> start(String... options) {
        request = new ReadRequest("bootx64.efi", "octet", Options.of(options));
        client = new ReadClient(SERVER, request, ReadClient.Settings.withPatience(Duration.ofSeconds(10)));
        return client.start(nowNanos);
    }

    private void startAndGrant(String[] asked, String... granted) {
        start(asked);
        assertThat(optionAck(granted)).containsExactly(ack(0));
    }

    private List<Action> optionAck(String... options) {
        return packet(new OptionAck(Options.of(options)));
    }

    private List<Action> block(int number, int length) {
        return packet(data(number, length));
    }

    private List<Action> packet(TftpPacket packet) {
        return client.onPacket(packet, TRANSFER, nowNanos);
    }

    private List<Action> after(Duration time) {
        nowNanos += time.toNanos();
        return client.onTimeout(nowNanos);
    }

    private static Data data(int number, int length) {
        return new Data(number, ByteBuffer.allocate(length));
    }

    private static Deliver delivered(int number, int length) {
        return new Deliver(data(number, length).payload());
    }

    private static Send ack(int block) {
        return new Send(TRANSFER, new Ack(block));
    }

    private static Outcome outcome(List<Action> actions) {
        return ((Finish) actions.get(actions.size() - 1)).outcome();
    }
}
