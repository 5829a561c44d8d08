package org.rackboot.server.get;

import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.PortUnreachableException;
import java.net.SocketTimeoutException;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.LongSupplier;
import org.rackboot.protocol.tftp.MalformedPacketException;
import org.rackboot.protocol.tftp.ReadClient;
import org.rackboot.protocol.tftp.ReadClient.Action;
import org.rackboot.protocol.tftp.ReadClient.Outcome;
import org.rackboot.protocol.tftp.ReadClient.Peer;
import org.rackboot.protocol.tftp.TftpCodec;
import org.rackboot.protocol.tftp.TftpOption;
import org.rackboot.protocol.tftp.TftpPacket;
import org.rackboot.protocol.tftp.TftpPacket.Ack;
import org.rackboot.protocol.tftp.TftpPacket.ReadRequest;
import org.rackboot.server.get.GetReport.Figures;
import org.rackboot.server.get.GetReport.Result;
import org.rackboot.server.net.Addresses;

/**
 * Fetches one file over TFTP: carries packets between a socket and one {@link ReadClient}.
 *
 * <p>The socket is not connected, since the answer comes from another port than the one that was asked (RFC 1350, 4).
 */
public final class TftpGet {
    private static final int RECEIVE_BUFFER_BYTES = 4 << 20; // A whole window, whatever was asked.
    private static final int MOST_PACKET_BYTES = 65_535;
    private static final int MOST_SENT_BYTES = 600;
    private static final int CLOSED_PORT_REPLY_MILLIS = 200;

    private final BootUrl url;
    private final ReadRequest request;
    private final Duration patience;
    private final LongSupplier nanoClock;

    /** @param options of the request, in order; none = a plain RFC 1350 request */
    public TftpGet(BootUrl url, List<TftpOption> options, Duration patience, LongSupplier nanoClock)
            throws InvalidUrlException {
        this.url = url;
        this.request = new ReadRequest(url.fileName(), "octet", options);
        this.patience = patience;
        this.nanoClock = nanoClock;
    }

    /** The usual options, in the order of UEFI (quirk T4). */
    public static List<TftpOption> options(int blockSize, int windowSize, OptionalInt timeoutSeconds) {
        List<TftpOption> options = new ArrayList<>();
        options.add(new TftpOption("tsize", "0"));
        options.add(new TftpOption("blksize", Integer.toString(blockSize)));
        timeoutSeconds.ifPresent(seconds -> options.add(new TftpOption("timeout", Integer.toString(seconds))));
        options.add(new TftpOption("windowsize", Integer.toString(windowSize)));
        return options;
    }

    /** Fetches it, and waits for the end. */
    public GetReport run(Download download, Optional<String> expectedSha256, GetListener listener) {
        InetSocketAddress server;
        try {
            server = url.resolve();
        } catch (UnknownHostException e) {
            return GetReport.unreachable(Optional.empty(), Figures.NONE, List.of(), Words.unknownHost(url));
        }
        String line = "RRQ \"%s\" octet".formatted(request.filename());
        Message asked = new Message(Addresses.hostAndPort(server), line, fields(request.options()));
        listener.asked(asked);
        try (DatagramSocket socket = new DatagramSocket()) {
            socket.setReceiveBufferSize(RECEIVE_BUFFER_BYTES);
            return new Session(socket, server, asked, download, listener).run(expectedSha256);
        } catch (IOException e) {
            return GetReport.unreachable(
                    Optional.of(asked), Figures.NONE, List.of(), Words.cannotSend(asked.address(), e));
        }
    }

    /** One transfer on its socket. */
    private final class Session {
        private final DatagramSocket socket;
        private final InetSocketAddress server;
        private final Message asked;
        private final Download download;
        private final GetListener listener;
        private final ReadClient client;
        private final byte[] buffer = new byte[MOST_PACKET_BYTES];

        private Optional<Message> answer = Optional.empty();
        private Optional<Action.Finish> finish = Optional.empty();
        private InetSocketAddress transfer; // The port that answered; until then the one that was asked.
        private InetSocketAddress lastSender;
        private Peer lastPeer;

        Session(
                DatagramSocket socket,
                InetSocketAddress server,
                Message asked,
                Download download,
                GetListener listener) {
            this.socket = socket;
            this.server = server;
            this.asked = asked;
            this.download = download;
            this.listener = listener;
            this.transfer = server;
            this.lastSender = server;
            this.lastPeer = peer(server);
            this.client = new ReadClient(lastPeer, request, ReadClient.Settings.withPatience(patience));
        }

        GetReport run(Optional<String> expectedSha256) throws IOException {
            long startedNanos = nanoClock.getAsLong();
            boolean portClosed = !transfer();
            ReadClient.Statistics seen = client.statistics();
            Figures figures = new Figures(
                    seen.bytes(),
                    nanoClock.getAsLong() - startedNanos,
                    seen.firstReplyNanos(),
                    seen.longestSilenceNanos());
            List<String> notes = TftpWords.notes(client, request, server.getAddress());
            if (portClosed) {
                return unreachable(figures, notes, TftpWords.portClosed(asked.address()));
            }
            Action.Finish end = finish.orElseThrow();
            if (end.outcome() == Outcome.NEVER_ANSWERED) {
                return unreachable(figures, notes, TftpWords.neverAnswered(asked.address(), client, figures));
            }
            String sha256 = download.sha256();
            Words.Ending ending = end.outcome() == Outcome.COMPLETED
                    ? Words.whole(download, sha256, expectedSha256, notes)
                    : new Words.Ending(Result.FAILED, TftpWords.failure(end, client, request));
            return new GetReport(
                    ending.result(),
                    Optional.of(asked),
                    answer,
                    Optional.empty(),
                    figures,
                    counters(),
                    sha256,
                    notes,
                    ending.verdict());
        }

        private GetReport unreachable(Figures figures, List<String> notes, String verdict) {
            return GetReport.unreachable(Optional.of(asked), figures, notes, verdict);
        }

        /** Returns false if there is nobody at the port. */
        private boolean transfer() throws IOException {
            DatagramPacket datagram = new DatagramPacket(buffer, buffer.length);
            boolean lookedForPort = false;
            perform(client.start(nanoClock.getAsLong()));
            while (finish.isEmpty()) {
                long waitNanos = client.deadlineNanos().orElseThrow() - nanoClock.getAsLong();
                if (waitNanos > 0 && receive(datagram, waitNanos)) {
                    onDatagram(datagram);
                    continue;
                }
                if (client.answeredFrom().isEmpty() && !lookedForPort) {
                    lookedForPort = true;
                    if (isClosed(server)) {
                        return false;
                    }
                }
                perform(client.onTimeout(nanoClock.getAsLong()));
            }
            return true;
        }

        private boolean receive(DatagramPacket datagram, long waitNanos) throws IOException {
            datagram.setLength(buffer.length);
            socket.setSoTimeout((int) Math.min(Integer.MAX_VALUE, 1 + waitNanos / 1_000_000));
            try {
                socket.receive(datagram);
                return true;
            } catch (SocketTimeoutException e) {
                return false;
            }
        }

        private void onDatagram(DatagramPacket datagram) throws IOException {
            InetSocketAddress sender = (InetSocketAddress) datagram.getSocketAddress();
            if (!sender.equals(lastSender)) {
                lastSender = sender;
                lastPeer = peer(sender);
            }
            List<Action> actions;
            try {
                TftpPacket packet = TftpCodec.decode(ByteBuffer.wrap(buffer, 0, datagram.getLength()));
                actions = client.onPacket(packet, lastPeer, nanoClock.getAsLong());
            } catch (MalformedPacketException e) {
                return; // Whatever it is, the transfer goes on without it.
            }
            if (answer.isEmpty() && client.answeredFrom().isPresent()) {
                transfer = sender;
                answer = Optional.of(answer(actions));
                listener.answered(answer.get());
            }
            perform(actions);
            listener.received(client.statistics().bytes(), client.size());
        }

        private void perform(List<Action> actions) throws IOException {
            for (Action action : actions) {
                if (action instanceof Action.Send send) {
                    send(send);
                } else if (action instanceof Action.Finish end) {
                    finish = Optional.of(end);
                } else if (action instanceof Action.Deliver deliver) {
                    Optional<String> failure = keep(deliver.payload());
                    if (failure.isPresent()) {
                        perform(client.onUnwritable(failure.get()));
                        finish = Optional.of(new Action.Finish(Outcome.UNWRITABLE, failure.get()));
                        return;
                    }
                }
            }
        }

        private void send(Action.Send send) throws IOException {
            InetSocketAddress to =
                    send.packet() instanceof ReadRequest ? server : send.to().equals(lastPeer) ? lastSender : transfer;
            ByteBuffer out = ByteBuffer.allocate(MOST_SENT_BYTES);
            TftpCodec.encode(send.packet(), out);
            socket.send(new DatagramPacket(out.array(), out.position(), to));
        }

        private Optional<String> keep(ByteBuffer payload) {
            try {
                download.write(payload);
                return Optional.empty();
            } catch (IOException e) {
                return Optional.of(String.valueOf(e.getMessage()));
            }
        }

        private Message answer(List<Action> actions) {
            String address = Addresses.hostAndPort(transfer);
            if (client.granted().isPresent()) {
                return new Message(address, "OACK", fields(client.granted().get()));
            }
            for (Action action : actions) {
                if (action instanceof Action.Finish end && end.outcome() == Outcome.REFUSED) {
                    return new Message(address, end.detail(), List.of());
                }
            }
            return new Message(address, "DATA 1, no OACK", List.of());
        }

        private Map<String, Long> counters() {
            ReadClient.Statistics seen = client.statistics();
            Map<String, Long> counters = new LinkedHashMap<>();
            counters.put("blocks", seen.blocks());
            counters.put("blockSize", (long) client.blockSize());
            counters.put("windowSize", (long) client.windowSize());
            counters.put("gaps", seen.gaps());
            counters.put("duplicateBlocks", seen.duplicateBlocks());
            counters.put("repeatedRequests", seen.repeatedRequests());
            counters.put("repeatedAcks", seen.repeatedAcks());
            counters.put("strangers", seen.strangers());
            return counters;
        }
    }

    /**
     * Whether the host says that nobody listens there (ICMP port unreachable), which only a connected socket is told. It
     * sends an ACK of nothing: a TFTP server's well-known port ignores it.
     */
    private static boolean isClosed(InetSocketAddress server) {
        try (DatagramSocket probe = new DatagramSocket()) {
            probe.connect(server);
            probe.setSoTimeout(CLOSED_PORT_REPLY_MILLIS);
            ByteBuffer out = ByteBuffer.allocate(TftpCodec.DATA_HEADER_BYTES);
            TftpCodec.encode(new Ack(0), out);
            probe.send(new DatagramPacket(out.array(), out.position()));
            probe.receive(new DatagramPacket(new byte[512], 512));
            return false;
        } catch (PortUnreachableException e) {
            return true;
        } catch (IOException e) {
            return false; // No word about it.
        }
    }

    private static List<Message.Field> fields(List<TftpOption> options) {
        return options.stream()
                .map(option -> new Message.Field(option.name(), option.value()))
                .toList();
    }

    private static Peer peer(InetSocketAddress address) {
        return new Peer(Addresses.host(address.getAddress()), address.getPort());
    }
}
