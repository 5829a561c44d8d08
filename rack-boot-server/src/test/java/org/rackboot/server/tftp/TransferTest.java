package org.rackboot.server.tftp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOutboundHandlerAdapter;
import io.netty.channel.ChannelPromise;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.socket.DatagramPacket;
import io.netty.channel.unix.Errors;
import io.netty.channel.unix.SegmentedDatagramPacket;
import io.netty.util.ReferenceCountUtil;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.rackboot.protocol.tftp.Negotiation;
import org.rackboot.protocol.tftp.ReadTransfer;
import org.rackboot.protocol.tftp.TftpOption;
import org.rackboot.protocol.tftp.TftpPacket.ReadRequest;
import org.rackboot.server.net.Egress;
import org.rackboot.server.net.MovedClock;

/** A kernel or network card that takes no segmented sends; a rack that may not send as fast as it could. */
class TransferTest {
    private static final InetSocketAddress CLIENT = new InetSocketAddress(InetAddress.getLoopbackAddress(), 1_057);
    private static final InetSocketAddress SERVER = new InetSocketAddress(InetAddress.getLoopbackAddress(), 69);
    private static final ReadRequest REQUEST = new ReadRequest(
            "bootx64.efi", "octet", List.of(new TftpOption("blksize", "1000"), new TftpOption("windowsize", "8")));

    private static final BodySource BODY = BodySource.of(new byte[100_000]);

    private int refusals;
    private int errno;
    private int segmentedSends;
    private final EmbeddedChannel socket = new EmbeddedChannel(new ChannelOutboundHandlerAdapter() {
        @Override
        public void write(ChannelHandlerContext ctx, Object message, ChannelPromise promise) {
            if (message instanceof SegmentedDatagramPacket) {
                segmentedSends++;
                ReferenceCountUtil.release(message);
                promise.setFailure(new Errors.NativeIoException("sendmsg", -errno, false));
            } else {
                ctx.write(message, promise);
            }
        }
    });
    private final Segmentation segmentation = new Segmentation(Epoll.isAvailable(), () -> refusals++);

    @AfterEach
    void close() {
        socket.finishAndReleaseAll();
    }

    @ParameterizedTest
    @CsvSource({"5, true", "22, true", "90, true", "95, true", "105, false", "1, false"}) // EIO … ENOBUFS, EPERM
    void itsBlocksGoOutOneByOneAndItIsNotAskedAgainIfItRefusesForGood(int error, boolean forGood) {
        assumeTrue(segmentation.isAllowed(), "no segmented sends on this system");
        errno = error;
        Transfer transfer = transfer();
        transfer.beginOnShared(socket);
        socket.releaseOutbound(); // The OACK.

        acknowledge(transfer, 0);
        assertThat(blocks()).containsExactly(1, 2, 3, 4, 5, 6, 7, 8);
        acknowledge(transfer, 8);
        assertThat(blocks()).containsExactly(9, 10, 11, 12, 13, 14, 15, 16);

        assertThat(segmentation.isAllowed()).isEqualTo(!forGood);
        assertThat(refusals).isEqualTo(forGood ? 1 : 0);
        assertThat(segmentedSends).isEqualTo(forGood ? 1 : 2);
    }

    @Test
    void whereNothingIsKnownOfSegmentsNoneAreTried() {
        Segmentation none = new Segmentation(false, () -> refusals++);
        assertThat(none.isAllowed()).isFalse();
        none.failed(new IllegalStateException());
        assertThat(refusals).isZero();
    }

    @Test
    void blocksGoOutAsTheyAreGrantedAndTheOptionAckAtOnce() {
        MovedClock clock = new MovedClock();
        Egress egress = new Egress(100_400, 0, clock::nowNanos, clock); // A block every 10 ms.
        egress.spend(CLIENT.getAddress(), 100_400); // A second's worth.
        ReadTransfer machine = machine(true);
        Transfer transfer = paced(machine, egress, clock);
        transfer.beginOnShared(socket);
        DatagramPacket optionAck = socket.readOutbound();
        assertThat(optionAck.content().getUnsignedShort(0)).isEqualTo(6);
        optionAck.release();

        acknowledge(transfer, 0);
        clock.pass(975_000_000);
        assertThat(blocks()).isEmpty();
        clock.pass(10_000_000);
        assertThat(blocks()).containsExactly(1);
        for (int i = 0; i < 10; i++) {
            clock.pass(10_000_000);
            socket.runPendingTasks(); // In which it asks for the next.
        }

        assertThat(blocks()).containsExactly(2, 3, 4, 5, 6, 7, 8);
        assertThat(machine.repeatedBlocks()).isZero();
        assertThat(machine.deadlineNanos().orElseThrow() - clock.nowNanos()).isPositive();
    }

    @Test
    void aTransferThatEndsWaitsForNoGrantAnyMore() {
        MovedClock clock = new MovedClock();
        Egress egress = new Egress(100_400, 0, clock::nowNanos, clock);
        egress.spend(CLIENT.getAddress(), 100_400);
        ReadTransfer machine = machine(true);
        Transfer transfer = paced(machine, egress, clock);
        transfer.beginOnShared(socket);
        acknowledge(transfer, 0);
        assertThat(egress.waiting()).isOne();

        transfer.replaced();
        socket.runPendingTasks();

        assertThat(egress.waiting()).isZero();
        assertThat(egress.clients()).isZero();
    }

    private Transfer transfer() {
        Egress.Flow free = Egress.UNLIMITED.open(CLIENT.getAddress(), 1_004).orElseThrow();
        return new Transfer(
                REQUEST, machine(false), BODY, CLIENT, segmentation, System::nanoTime, free, new NobodysOwner());
    }

    private static Transfer paced(ReadTransfer machine, Egress egress, MovedClock clock) {
        return new Transfer(
                REQUEST,
                machine,
                BODY,
                CLIENT,
                new Segmentation(false, () -> {}),
                clock::nowNanos,
                egress.open(CLIENT.getAddress(), 1_004).orElseThrow(),
                new NobodysOwner());
    }

    private static ReadTransfer machine(boolean paced) {
        return new ReadTransfer(
                REQUEST.options(),
                BODY.size(),
                Negotiation.Limits.DEFAULT,
                ReadTransfer.Settings.DEFAULT.withPacing(paced));
    }

    private static void acknowledge(Transfer transfer, int block) {
        ByteBuf ack = Unpooled.buffer(4).writeShort(4).writeShort(block);
        transfer.onDatagram(new DatagramPacket(ack, SERVER, CLIENT));
    }

    private List<Integer> blocks() {
        socket.runPendingTasks();
        socket.flush();
        List<Integer> numbers = new ArrayList<>();
        for (DatagramPacket sent = socket.readOutbound(); sent != null; sent = socket.readOutbound()) {
            numbers.add(sent.content().getUnsignedShort(2));
            assertThat(sent.content().readableBytes()).isEqualTo(1_004);
            sent.release();
        }
        return numbers;
    }

    private static final class NobodysOwner implements Transfer.Owner {
        @Override
        public void answered() {}

        @Override
        public boolean mayRepeat() {
            return true;
        }

        @Override
        public void blockIsLost(int blockSize) {}

        @Override
        public void malformed() {}

        @Override
        public void ended(Transfer self, ReadTransfer.Outcome outcome, String detail, long bytes, Duration duration) {}
    }
}
