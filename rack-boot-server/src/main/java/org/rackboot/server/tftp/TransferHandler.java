package org.rackboot.server.tftp;

import static java.util.Objects.requireNonNull;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.epoll.EpollDatagramChannel;
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
import org.rackboot.image.Content;
import org.rackboot.protocol.tftp.MalformedPacketException;
import org.rackboot.protocol.tftp.ReadTransfer;
import org.rackboot.protocol.tftp.ReadTransfer.Action;
import org.rackboot.protocol.tftp.ReadTransfer.Outcome;
import org.rackboot.protocol.tftp.TftpCodec;
import org.rackboot.protocol.tftp.TftpError;
import org.rackboot.protocol.tftp.TftpPacket;
import org.rackboot.protocol.tftp.TftpPacket.Ack;
import org.rackboot.protocol.tftp.TftpPacket.ErrorReply;
import org.rackboot.protocol.tftp.TftpPacket.OptionAck;
import org.rackboot.protocol.tftp.TftpPacket.ReadRequest;

/**
 * Carries packets, time and chunks between one socket and one {@link ReadTransfer}. Everything runs on the socket's event
 * loop.
 */
final class TransferHandler extends SimpleChannelInboundHandler<DatagramPacket> {
    /** Who started the transfer. Called on the transfer's event loop. */
    interface Owner {
        /** The client's address is real. */
        void answered();

        void ended(TransferHandler self, Outcome outcome, String detail, long bytes, Duration duration);
    }

    private static final int MAX_SEGMENTS = 64; // The kernel's UDP_MAX_SEGMENTS.
    private static final int MAX_SEGMENTED_BYTES = 65_000;
    private static final long STRANGER_PAUSE_NANOS = 1_000_000_000;

    /** One kernel or network card that refuses segmented sends refuses them always (EIO). */
    private static volatile boolean segmentationRefused;

    private record HeldChunk(int index, Chunk chunk) {}

    private final ReadRequest request;
    private final ReadTransfer transfer;
    private final BodySource body;
    private final InetSocketAddress client;
    private final boolean epoll;
    private final LongSupplier nanoClock;
    private final Owner owner;
    private final long startedNanos;
    private final Deque<HeldChunk> held = new ArrayDeque<>();

    private @Nullable ChannelHandlerContext ctx;
    private @Nullable ScheduledFuture<?> wakeUp;
    private long wakeUpAtNanos;
    private boolean answered;
    private boolean ended;
    private long strangerAnsweredNanos;
    private boolean strangerAnswered;

    TransferHandler(
            ReadRequest request,
            ReadTransfer transfer,
            BodySource body,
            InetSocketAddress client,
            boolean epoll,
            LongSupplier nanoClock,
            Owner owner) {
        this.request = request;
        this.transfer = transfer;
        this.body = body;
        this.client = client;
        this.epoll = epoll;
        this.nanoClock = nanoClock;
        this.owner = owner;
        this.startedNanos = nanoClock.getAsLong();
    }

    /** Whether a request is this transfer's own, come again (quirk T12). From any thread. */
    boolean repeats(ReadRequest other) {
        return request.equals(other);
    }

    /** From any thread. */
    void onRepeatedRequest() {
        inLoop(() -> perform(transfer.onRepeatedRequest(nanoClock.getAsLong())));
    }

    /** The client's port asks for something else: it has no use for this any more. From any thread. */
    void replaced() {
        inLoop(() -> perform(transfer.onReplaced()));
    }

    /** From any thread. */
    void shutDown() {
        inLoop(() -> finish(Outcome.FAILED, "this server stopped"));
    }

    void couldNotStart(Throwable cause) {
        finish(Outcome.FAILED, "no socket: " + cause);
    }

    @Override
    public void channelActive(ChannelHandlerContext context) {
        ctx = context;
        perform(transfer.start(nanoClock.getAsLong()));
    }

    @Override
    protected void channelRead0(ChannelHandlerContext context, DatagramPacket datagram) {
        try {
            TftpPacket packet = TftpCodec.decode(datagram.content().nioBuffer());
            if (!datagram.sender().equals(client)) {
                if (!(packet instanceof ErrorReply)) { // Two servers must not answer each other's ERRORs (S-08).
                    answerStranger(context, datagram.sender());
                }
                return;
            }
            if (!answered
                    && (packet instanceof Ack || packet instanceof ErrorReply)) { // A forger knows no port of ours.
                answered = true;
                owner.answered();
            }
            perform(transfer.onPacket(packet, nanoClock.getAsLong()));
        } catch (MalformedPacketException e) {
            return; // Rubbish changes nothing: the transfer goes on.
        }
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
        // ICMP "port unreachable" comes as an exception: the client has gone, or will say so itself. Time decides.
        if (!(cause instanceof IOException)) {
            finish(Outcome.FAILED, "a fault of this program: " + cause);
        }
    }

    @Override
    public void channelInactive(ChannelHandlerContext context) {
        finish(Outcome.FAILED, "the socket was closed");
    }

    private void inLoop(Runnable task) {
        ChannelHandlerContext context = ctx;
        if (context != null) { // Before the socket is open there is nothing to do: the first answer comes with it.
            context.executor().execute(task);
        }
    }

    private void perform(List<Action> actions) {
        ChannelHandlerContext context = requireNonNull(ctx);
        for (Action action : actions) {
            if (ended) {
                return;
            }
            if (action instanceof Action.SendBlocks blocks) {
                sendBlocks(context, blocks.firstBlock(), blocks.count());
            } else if (action instanceof Action.SendOptionAck optionAck) {
                send(context, new OptionAck(optionAck.options()));
            } else if (action instanceof Action.Read read) {
                read(read.offset(), read.offset() + read.length());
            } else if (action instanceof Action.SendError error) {
                send(context, new ErrorReply(error.code(), error.message()));
            } else if (action instanceof Action.Finish finish) {
                context.flush();
                finish(finish.outcome(), finish.detail());
                return;
            }
        }
        context.flush();
        releaseAcknowledged();
        scheduleWakeUp(context);
    }

    /** One timer for the whole transfer: it is moved only when it is due, not with every packet. */
    private void scheduleWakeUp(ChannelHandlerContext context) {
        OptionalLong deadline = transfer.deadlineNanos();
        if (deadline.isEmpty() || (wakeUp != null && wakeUpAtNanos - deadline.getAsLong() <= 0)) {
            return;
        }
        if (wakeUp != null) {
            wakeUp.cancel(false);
        }
        wakeUpAtNanos = deadline.getAsLong();
        long delay = Math.max(0, wakeUpAtNanos - nanoClock.getAsLong());
        wakeUp = context.executor().schedule(this::onWakeUp, delay, TimeUnit.NANOSECONDS);
    }

    private void onWakeUp() {
        wakeUp = null;
        if (!ended) {
            perform(transfer.onTimeout(nanoClock.getAsLong()));
        }
    }

    /** Gets the chunks that cover a range, one after another, and tells the transfer when they are here. */
    private void read(long from, long to) {
        int index = (int) (from / Content.CHUNK_BYTES);
        body.chunk(index).whenComplete((chunk, failure) -> {
            ChannelHandlerContext context = requireNonNull(ctx);
            context.executor().execute(() -> {
                if (failure != null) {
                    perform(transfer.onUnreadable(reason(failure)));
                } else if (ended) {
                    chunk.release();
                } else {
                    held.add(new HeldChunk(index, chunk));
                    long end = Math.min(body.size(), (index + 1L) * Content.CHUNK_BYTES);
                    if (end < to) {
                        read(end, to);
                    } else {
                        perform(transfer.onReadable(end, nanoClock.getAsLong()));
                    }
                }
            });
        });
    }

    private static String reason(Throwable failure) {
        Throwable cause =
                failure instanceof CompletionException && failure.getCause() != null ? failure.getCause() : failure;
        return String.valueOf(cause.getMessage());
    }

    private void releaseAcknowledged() {
        long done = transfer.acknowledgedBytes();
        while (!held.isEmpty() && (held.peek().index() + 1L) * Content.CHUNK_BYTES <= done) {
            held.remove().chunk().release();
        }
    }

    private void sendBlocks(ChannelHandlerContext context, long firstBlock, int count) {
        int packetBytes = TftpCodec.DATA_HEADER_BYTES + transfer.agreed().blockSize();
        int perBurst = Math.max(1, Math.min(MAX_SEGMENTS, MAX_SEGMENTED_BYTES / packetBytes));
        boolean segmented = epoll
                && count > 1
                && perBurst > 1
                && !segmentationRefused
                && EpollDatagramChannel.isSegmentedDatagramPacketSupported();
        for (int done = 0; done < count; ) {
            int burst = segmented ? Math.min(perBurst, count - done) : 1;
            ByteBuf packets = context.alloc().directBuffer(burst * packetBytes);
            for (int i = 0; i < burst; i++) {
                writeBlock(firstBlock + done + i, packets);
            }
            if (burst > 1) {
                long first = firstBlock + done;
                context.write(new SegmentedDatagramPacket(packets, packetBytes, client))
                        .addListener(sent -> {
                            if (!sent.isSuccess() && !segmentationRefused) {
                                segmentationRefused = true;
                                if (!ended) {
                                    sendBlocks(context, first, burst);
                                    context.flush();
                                }
                            }
                        });
            } else {
                context.write(new DatagramPacket(packets, client));
            }
            done += burst;
        }
    }

    private void writeBlock(long block, ByteBuf into) {
        into.writeShort(3).writeShort((int) block);
        long at = (block - 1) * transfer.agreed().blockSize();
        int left = transfer.payloadBytes(block);
        for (HeldChunk each : held) {
            if (left == 0) {
                return;
            }
            long chunkStart = (long) each.index() * Content.CHUNK_BYTES;
            ByteBuffer bytes = each.chunk().bytes();
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

    private void send(ChannelHandlerContext context, TftpPacket packet) {
        context.write(new DatagramPacket(encoded(context, packet), client));
    }

    /** RFC 1350, 4: whoever is not the client is told so, and the transfer goes on; at most once a second (S-09). */
    private void answerStranger(ChannelHandlerContext context, InetSocketAddress stranger) {
        long now = nanoClock.getAsLong();
        if (!strangerAnswered || now - strangerAnsweredNanos > STRANGER_PAUSE_NANOS) {
            strangerAnswered = true;
            strangerAnsweredNanos = now;
            ErrorReply reply = new ErrorReply(TftpError.UNKNOWN_TRANSFER, "this transfer is another client's");
            context.writeAndFlush(new DatagramPacket(encoded(context, reply), stranger));
        }
    }

    private static ByteBuf encoded(ChannelHandlerContext context, TftpPacket packet) {
        ByteBuf out = context.alloc().directBuffer(512);
        ByteBuffer bytes = out.nioBuffer(0, 512);
        TftpCodec.encode(packet, bytes);
        return out.writerIndex(bytes.position());
    }

    private void finish(Outcome outcome, String detail) {
        if (ended) {
            return;
        }
        ended = true;
        if (wakeUp != null) {
            wakeUp.cancel(false);
        }
        while (!held.isEmpty()) {
            held.remove().chunk().release();
        }
        String described = describe(detail);
        owner.ended(
                this,
                outcome,
                described,
                transfer.acknowledgedBytes(),
                Duration.ofNanos(nanoClock.getAsLong() - startedNanos));
        if (ctx != null) {
            ctx.close();
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
