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

/** A kernel or network card that takes no segmented sends. */
class TransferTest {
    private static final InetSocketAddress CLIENT = new InetSocketAddress(InetAddress.getLoopbackAddress(), 1_057);
    private static final InetSocketAddress SERVER = new InetSocketAddress(InetAddress.getLoopbackAddress(), 69);
    private static final ReadRequest REQUEST = new ReadRequest(
            "bootx64.efi", "octet", List.of(new TftpOption("blksize", "1000"), new TftpOption("windowsize", "8")));

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

    private Transfer transfer() {
        BodySource body = BodySource.of(new byte[100_000]);
        ReadTransfer machine = new ReadTransfer(
                REQUEST.options(), body.size(), Negotiation.Limits.DEFAULT, ReadTransfer.Settings.DEFAULT);
        return new Transfer(REQUEST, machine, body, CLIENT, segmentation, System::nanoTime, new NobodysOwner());
    }

    private static void acknowledge(Transfer transfer, int block) {
        ByteBuf ack = Unpooled.buffer(4).writeShort(4).writeShort(block);
        transfer.onDatagram(new DatagramPacket(ack, SERVER, CLIENT));
    }

    private List<Integer> blocks() {
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
