package org.rackboot.server.tftp;

import static java.util.Objects.requireNonNull;

import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.EventLoop;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.socket.DatagramPacket;
import io.netty.channel.unix.SegmentedDatagramPacket;
import io.netty.util.concurrent.ScheduledFuture;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.rackboot.image.Chunk;
import org.rackboot.protocol.tftp.MalformedPacketException;
import org.rackboot.protocol.tftp.ReadTransfer;
import org.rackboot.protocol.tftp.ReadTransfer.Action;
import org.rackboot.protocol.tftp.ReadTransfer.Outcome;
import org.rackboot.protocol.tftp.TftpCodec;
import org.rackboot.protocol.tftp.TftpError;
import org.rackboot.protocol.tftp.TftpOption;
import org.rackboot.protocol.tftp.TftpPacket;
import org.rackboot.protocol.tftp.TftpPacket.Ack;
import org.rackboot.protocol.tftp.TftpPacket.ErrorReply;
import org.rackboot.protocol.tftp.TftpPacket.OptionAck;
import org.rackboot.protocol.tftp.TftpPacket.ReadRequest;
import org.rackboot.server.net.Egress;

/**
 * Carries packets, time and pieces of the body between a socket, its own or one shared with other transfers, and one
 * {@link ReadTransfer}. Everything runs on the socket's event loop.
 */
final class Transfer {
    /** Who started the transfer. Called on the transfer's event loop. */
    interface Owner {
        /** The client's address is real. */
        void answered();

        /** Whether a client that never answered may be sent one more packet. */
        boolean mayRepeat();

        /** The first full block does not get through. */
        void blockIsLost(int blockSize);

        void malformed();

        void ended(Transfer self, Outcome outcome, String detail, long bytes, Duration duration);
    }

    private static final int MAX_SEGMENTS = 64; // The kernel's UDP_MAX_SEGMENTS.
    private static final int MAX_SEGMENTED_BYTES = 65_000;
    private static final long STRANGER_PAUSE_NANOS = 1_000_000_000;

    private record HeldPiece(int index, Chunk bytes) {}

    private final ReadRequest request;
    private final ReadTransfer transfer;
    private final BodySource body;
    private final InetSocketAddress client;
    private final Segmentation segmentation;
    private final LongSupplier nanoClock;
    private final Egress.Flow egress;
    private final Owner owner;
    private final long startedNanos;
    private final Deque<HeldPiece> held = new ArrayDeque<>();

    private volatile @Nullable Channel channel;
    private boolean ownsChannel;
    private volatile long heardNanos;
    private boolean blockReported;
    private @Nullable ScheduledFuture<?> wakeUp;
    private long wakeUpAtNanos;
    private boolean answered;
    private boolean optionsSent;
    private boolean ended;
    private long strangerAnsweredNanos;
    private boolean strangerAnswered;

    Transfer(
            ReadRequest request,
            ReadTransfer transfer,
            BodySource body,
            InetSocketAddress client,
            Segmentation segmentation,
            LongSupplier nanoClock,
            Egress.Flow egress,
            Owner owner) {
        this.request = request;
        this.transfer = transfer;
        this.body = body;
        this.client = client;
        this.segmentation = segmentation;
        this.nanoClock = nanoClock;
        this.egress = egress;
        this.owner = owner;
        this.startedNanos = nanoClock.getAsLong();
        this.heardNanos = startedNanos;
    }

    /** A handler for a socket that this transfer has to itself; the transfer begins when that is open. */
    ChannelHandler onOwnSocket() {
        return new SimpleChannelInboundHandler<DatagramPacket>() {
            @Override
            public void channelActive(ChannelHandlerContext ctx) {
                begin(ctx.channel(), true);
            }

            @Override
            protected void channelRead0(ChannelHandlerContext ctx, DatagramPacket datagram) {
                onDatagram(datagram);
                flush();
            }

            @Override
            public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
                fault(cause);
            }

            @Override
            public void channelInactive(ChannelHandlerContext ctx) {
                finish(Outcome.FAILED, "the socket was closed");
            }
        };
    }

    /** Begins on a socket that is shared with others, which flushes after each batch of packets. On its event loop. */
    void beginOnShared(Channel socket) {
        begin(socket, false);
    }

    private void begin(Channel socket, boolean owned) {
        channel = socket;
        ownsChannel = owned;
        perform(transfer.start(nanoClock.getAsLong()));
        flush();
    }

    /** When the client was last heard. From any thread. */
    long heardNanos() {
        return heardNanos;
    }

    /** Whether a request is this transfer's own, come again (quirk T12). From any thread. */
    boolean repeats(ReadRequest other) {
        return request.equals(other);
    }

    /** From any thread. */
    void onRepeatedRequest() {
        inLoop(() -> performAndFlush(transfer.onRepeatedRequest(nanoClock.getAsLong())));
    }

    /** The client's port asks for something else: it has no use for this any more. From any thread. */
    void replaced() {
        inLoop(() -> performAndFlush(transfer.onReplaced()));
    }

    /** From any thread. */
    void shutDown() {
        inLoop(() -> finish(Outcome.FAILED, "this server stopped"));
    }

    void couldNotStart(Throwable cause) {
        finish(Outcome.FAILED, "no socket: " + cause);
    }

    /** A packet for this transfer's socket, from its client or a stranger. The caller flushes. */
    void onDatagram(DatagramPacket datagram) {
        try {
            TftpPacket packet = TftpCodec.decode(datagram.content().nioBuffer());
            if (!datagram.sender().equals(client)) {
                if (!(packet instanceof ErrorReply)) { // Two servers must not answer each other's ERRORs (S-08).
                    answerStranger(datagram.sender());
                }
                return;
            }
            long now = nanoClock.getAsLong();
            heardNanos = now;
            if (!answered
                    && (packet instanceof Ack || packet instanceof ErrorReply)) { // A forger knows no port of ours.
                answered = true;
                owner.answered();
            }
            perform(transfer.onPacket(packet, now));
        } catch (MalformedPacketException e) {
            owner.malformed(); // Rubbish changes nothing: the transfer goes on.
        }
    }

    private void fault(Throwable cause) {
        // ICMP "port unreachable" comes as an exception: the client has gone, or will say so itself. Time decides.
        if (!(cause instanceof IOException)) {
            finish(Outcome.FAILED, "a fault of this program: " + cause);
        }
    }

    private void inLoop(Runnable task) {
        Channel socket = channel;
        if (socket != null) { // Before the socket is open there is nothing to do: the first answer comes with it.
            socket.eventLoop().execute(task);
        }
    }

    private void performAndFlush(List<Action> actions) {
        if (!ended) {
            perform(actions);
            flush();
        }
    }

    private void flush() {
        requireNonNull(channel).flush();
    }

    private void perform(List<Action> actions) {
        List<Action> rest = actions;
        while (!rest.isEmpty()) {
            rest = performAll(rest);
        }
        if (!ended) {
            releaseAcknowledged();
            scheduleWakeUp();
        }
    }

    /** Returns what comes of a grant, if one was asked for and given at once. */
    private List<Action> performAll(List<Action> actions) {
        int asked = 0;
        for (Action action : actions) {
            if (ended) {
                return List.of();
            }
            if (action instanceof Action.SendBlocks blocks) {
                sendBlocks(blocks.firstBlock(), blocks.count());
            } else if (action instanceof Action.SendOptionAck optionAck) {
                sendOptionAck(optionAck.options());
            } else if (action instanceof Action.Read read) {
                read(read.offset(), read.offset() + read.length());
            } else if (action instanceof Action.SendError error) {
                send(new ErrorReply(error.code(), error.message()));
            } else if (action instanceof Action.AskToSend ask) {
                asked = ask.blocks();
            } else if (action instanceof Action.Finish finish) {
                requireNonNull(channel).flush();
                finish(finish.outcome(), finish.detail());
                return List.of();
            }
        }
        if (ended || asked == 0) {
            return List.of();
        }
        int blocks = egress.ask(asked * blockPacketBytes(), this::granted) / blockPacketBytes();
        return blocks > 0 ? transfer.onGranted(blocks, nanoClock.getAsLong()) : List.of();
    }

    /** From any thread. */
    private void granted(int bytes) {
        int blocks = bytes / blockPacketBytes();
        inLoop(() -> performAndFlush(ended ? List.of() : transfer.onGranted(blocks, nanoClock.getAsLong())));
    }

    private int blockPacketBytes() {
        return TftpCodec.DATA_HEADER_BYTES + transfer.agreed().blockSize();
    }

    /** The first answers the request, which was admitted; the others count anew until the client has proved itself. */
    private void sendOptionAck(List<TftpOption> options) {
        if (!optionsSent || answered || owner.mayRepeat()) {
            optionsSent = true;
            send(new OptionAck(options));
        }
    }

    /** One timer for the whole transfer: it is moved only when it is due, not with every packet. */
    private void scheduleWakeUp() {
        OptionalLong deadline = transfer.deadlineNanos();
        if (deadline.isEmpty() || (wakeUp != null && wakeUpAtNanos - deadline.getAsLong() <= 0)) {
            return;
        }
        if (wakeUp != null) {
            wakeUp.cancel(false);
        }
        wakeUpAtNanos = deadline.getAsLong();
        long delay = Math.max(0, wakeUpAtNanos - nanoClock.getAsLong());
        wakeUp = requireNonNull(channel).eventLoop().schedule(this::onWakeUp, delay, TimeUnit.NANOSECONDS);
    }

    private void onWakeUp() {
        wakeUp = null;
        performAndFlush(ended ? List.of() : transfer.onTimeout(nanoClock.getAsLong()));
        if (!ended && !blockReported && transfer.isFirstBlockLost()) {
            blockReported = true;
            owner.blockIsLost(transfer.agreed().blockSize());
        }
    }

    /** Gets the pieces that cover a range, one after another, and tells the transfer when they are here. */
    private void read(long from, long to) {
        int index = (int) (from / body.pieceBytes());
        EventLoop loop = requireNonNull(channel).eventLoop();
        body.piece(index).whenComplete((piece, failure) -> {
            if (loop.inEventLoop()) {
                onPiece(index, to, piece, failure);
            } else {
                loop.execute(() -> onPiece(index, to, piece, failure));
            }
        });
    }

    private void onPiece(int index, long to, @Nullable Chunk piece, @Nullable Throwable failure) {
        if (piece == null) {
            performAndFlush(ended ? List.of() : transfer.onUnreadable(reason(requireNonNull(failure))));
            return;
        }
        if (ended) {
            piece.release();
            return;
        }
        held.add(new HeldPiece(index, piece));
        long pieceEnd = (long) index * body.pieceBytes() + piece.bytes().remaining();
        boolean last = body.size().isEmpty() && piece.bytes().remaining() < body.pieceBytes();
        long now = nanoClock.getAsLong();
        if (last) {
            performAndFlush(transfer.onEnd(pieceEnd, now));
        } else if (pieceEnd < to) {
            read(pieceEnd, to);
        } else {
            performAndFlush(transfer.onReadable(pieceEnd, now));
        }
    }

    private static String reason(Throwable failure) {
        Throwable cause =
                failure instanceof CompletionException && failure.getCause() != null ? failure.getCause() : failure;
        return String.valueOf(cause.getMessage());
    }

    private void releaseAcknowledged() {
        long done = transfer.acknowledgedBytes();
        while (!held.isEmpty() && (held.peek().index() + 1L) * body.pieceBytes() <= done) {
            held.remove().bytes().release();
        }
    }

    private void sendBlocks(long firstBlock, int count) {
        Channel socket = requireNonNull(channel);
        int packetBytes = blockPacketBytes();
        int perBurst = Math.max(1, Math.min(MAX_SEGMENTS, MAX_SEGMENTED_BYTES / packetBytes));
        boolean segmented = count > 1 && perBurst > 1 && segmentation.isAllowed();
        sendBlocks(socket, firstBlock, count, packetBytes, segmented ? perBurst : 1);
    }

    private void sendBlocks(Channel socket, long firstBlock, int count, int packetBytes, int perBurst) {
        for (int done = 0; done < count; ) {
            int burst = Math.min(perBurst, count - done);
            ByteBuf packets = socket.alloc().directBuffer(burst * packetBytes);
            for (int i = 0; i < burst; i++) {
                writeBlock(firstBlock + done + i, packets);
            }
            if (burst > 1) {
                long first = firstBlock + done;
                socket.write(new SegmentedDatagramPacket(packets, packetBytes, client))
                        .addListener(sent -> {
                            if (!sent.isSuccess()) {
                                segmentation.failed(sent.cause());
                                if (!ended) {
                                    sendBlocks(socket, first, burst, packetBytes, 1);
                                    socket.flush();
                                }
                            }
                        });
            } else {
                socket.write(new DatagramPacket(packets, client), socket.voidPromise());
            }
            done += burst;
        }
    }

    private void writeBlock(long block, ByteBuf into) {
        into.writeShort(3).writeShort(transfer.wireBlock(block));
        long at = (block - 1) * transfer.agreed().blockSize();
        int left = transfer.payloadBytes(block);
        for (HeldPiece each : held) {
            if (left == 0) {
                return;
            }
            long chunkStart = (long) each.index() * body.pieceBytes();
            ByteBuffer bytes = each.bytes().bytes();
            if (at >= chunkStart && at < chunkStart + bytes.limit()) {
                int from = (int) (at - chunkStart);
                int length = Math.min(left, bytes.limit() - from);
                into.writeBytes(bytes.position(from).limit(from + length));
                at += length;
                left -= length;
            }
        }
        if (left > 0) {
            throw new IllegalStateException("block " + block + " was to be sent before its bytes were here");
        }
    }

    private void send(TftpPacket packet) {
        Channel socket = requireNonNull(channel);
        socket.write(new DatagramPacket(encoded(socket, packet), client), socket.voidPromise());
    }

    /** RFC 1350, 4: whoever is not the client is told so, and the transfer goes on; at most once a second (S-09). */
    private void answerStranger(InetSocketAddress stranger) {
        long now = nanoClock.getAsLong();
        if (!strangerAnswered || now - strangerAnsweredNanos > STRANGER_PAUSE_NANOS) {
            strangerAnswered = true;
            strangerAnsweredNanos = now;
            ErrorReply reply = new ErrorReply(TftpError.UNKNOWN_TRANSFER, "this transfer is another client's");
            Channel socket = requireNonNull(channel);
            socket.writeAndFlush(new DatagramPacket(encoded(socket, reply), stranger), socket.voidPromise());
        }
    }

    /** One packet other than a block. */
    static ByteBuf encoded(Channel socket, TftpPacket packet) {
        ByteBuf out = socket.alloc().directBuffer(512);
        ByteBuffer bytes = out.nioBuffer(0, 512);
        TftpCodec.encode(packet, bytes);
        return out.writerIndex(bytes.position());
    }

    private void finish(Outcome outcome, String detail) {
        if (ended) {
            return;
        }
        ended = true;
        egress.close();
        if (wakeUp != null) {
            wakeUp.cancel(false);
        }
        while (!held.isEmpty()) {
            held.remove().bytes().release();
        }
        String described = describe(detail);
        owner.ended(
                this,
                outcome,
                described,
                transfer.acknowledgedBytes(),
                Duration.ofNanos(nanoClock.getAsLong() - startedNanos));
        Channel socket = channel;
        if (socket != null && ownsChannel) {
            // Later, as it may be in the middle of reading: it would read once more, by a number that is another's by
            // then.
            socket.eventLoop().execute(socket::close);
        }
    }

    private String describe(String detail) {
        StringBuilder text = new StringBuilder(detail);
        text.append(detail.isEmpty() ? "" : "; ");
        text.append("blksize=").append(transfer.agreed().blockSize());
        text.append(" windowsize=").append(transfer.agreed().windowSize());
        if (transfer.repeatedBlocks() > 0) {
            text.append(" repeated=").append(transfer.repeatedBlocks());
        }
        return text.toString();
    }
}
