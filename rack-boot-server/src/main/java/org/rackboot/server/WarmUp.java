package org.rackboot.server;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;
import org.rackboot.protocol.tftp.ClientRules;
import org.rackboot.protocol.tftp.Negotiation;
import org.rackboot.server.http.HttpListener;
import org.rackboot.server.http.HttpReply;
import org.rackboot.server.net.EventLoops;
import org.rackboot.server.tftp.BodySource;
import org.rackboot.server.tftp.TftpListener;
import org.rackboot.server.tftp.TftpService;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Serves some thousand blocks to this process itself, over loopback: a Java program that runs its code for the first time is
 * ten times slower, and the storm after a power failure would come just then. A first part ends before machines are
 * served; a longer one goes on afterwards, until the first of them comes.
 */
final class WarmUp {
    private static final Logger LOG = LoggerFactory.getLogger(WarmUp.class);
    private static final int FILE_BYTES = 1 << 20;
    private static final int PATIENCE_MILLIS = 200;

    private final EventLoops tftpLoops;
    private final EventLoops httpLoops;
    private final LongSupplier nanoClock;
    private final long startNanos;
    private final long mostNanos;
    private final BooleanSupplier isWanted;

    private WarmUp(
            EventLoops tftpLoops,
            EventLoops httpLoops,
            Duration most,
            BooleanSupplier isWanted,
            LongSupplier nanoClock) {
        this.isWanted = isWanted;
        this.tftpLoops = tftpLoops;
        this.httpLoops = httpLoops;
        this.nanoClock = nanoClock;
        this.startNanos = nanoClock.getAsLong();
        this.mostNanos = most.toNanos();
    }

    /**
     * Takes about {@code most}, or until it is no longer wanted. What goes wrong is no harm: this server is but colder then.
     */
    static void run(
            EventLoops tftpLoops,
            EventLoops httpLoops,
            Duration most,
            BooleanSupplier isWanted,
            LongSupplier nanoClock) {
        try {
            WarmUp warmUp = new WarmUp(tftpLoops, httpLoops, most, isWanted, nanoClock);
            warmUp.overHttp();
            warmUp.overTftp();
        } catch (IOException e) {
            LOG.debug("The warm-up ended early", e);
        }
    }

    private boolean isWithin(long nanos) {
        return nanoClock.getAsLong() - startNanos < nanos && isWanted.getAsBoolean();
    }

    private void overTftp() throws IOException {
        byte[] file = new byte[FILE_BYTES];
        TftpService service = (name, client, local) ->
                new TftpService.Answer.Serve(BodySource.of(file), (outcome, detail, bytes, duration) -> {});
        TftpListener.Settings settings = new TftpListener.Settings(
                Negotiation.Limits.DEFAULT, 100, false, ClientRules.NONE, Duration.ofMillis(PATIENCE_MILLIS));
        try (TftpListener listener = new TftpListener(tftpLoops, service, settings, why -> {}, nanoClock)) {
            InetSocketAddress server = listener.bind(InetAddress.getLoopbackAddress(), 0);
            boolean windowed = true;
            do { // At least once, in every kind.
                fetch(server, windowed ? "blksize\0001428\000windowsize\0008\0" : "blksize\0008192\0");
                windowed = !windowed;
            } while (isWithin(mostNanos) || !windowed);
        }
    }

    /** A client that believes all it is told: nothing gets lost here. */
    private static void fetch(InetSocketAddress server, String options) throws IOException {
        try (DatagramSocket socket = new DatagramSocket(0, server.getAddress())) {
            socket.setSoTimeout(PATIENCE_MILLIS);
            byte[] request = ("\0\1warm-up\0octet\0" + options).getBytes(ISO_8859_1);
            socket.send(new DatagramPacket(request, request.length, server));
            DatagramPacket packet = new DatagramPacket(new byte[9_000], 9_000);
            socket.receive(packet);
            byte[] ack = {0, 4, 0, 0};
            int window = options.contains("windowsize") ? 8 : 1;
            int blockBytes = 0;
            for (int block = 0; blockBytes == 0 || packet.getLength() == blockBytes; block++) {
                if (block % window == 0) {
                    ack[2] = (byte) (block >> 8);
                    ack[3] = (byte) block;
                    socket.send(new DatagramPacket(ack, ack.length, packet.getSocketAddress()));
                }
                socket.receive(packet);
                blockBytes = Math.max(blockBytes, packet.getLength());
            }
            socket.send(new DatagramPacket(new byte[] {0, 5, 0, 0, 0}, 5, packet.getSocketAddress()));
        }
    }

    private void overHttp() throws IOException {
        byte[] body = new byte[4_096];
        HttpReply reply = HttpReply.bytes(200, "application/octet-stream", body);
        HttpListener listener = new HttpListener(
                httpLoops,
                call -> CompletableFuture.completedFuture(reply),
                HttpListener.Limits.BOOT.within(
                        HttpListener.Deadlines.STANDARD.stoppingWithin(Duration.ofMillis(PATIENCE_MILLIS))),
                why -> {});
        InetSocketAddress server = listener.bind(InetAddress.getLoopbackAddress(), 0, "the warm-up", "");
        byte[] request = "GET /warm-up HTTP/1.1\r\nHost: warm-up\r\n\r\n".getBytes(ISO_8859_1);
        try (listener;
                Socket socket = new Socket(server.getAddress(), server.getPort())) {
            socket.setSoTimeout(PATIENCE_MILLIS);
            InputStream in = new BufferedInputStream(socket.getInputStream());
            for (int i = 0; i < 300 || isWithin(mostNanos / 3); i++) {
                socket.getOutputStream().write(request);
                int head = 0;
                while (head < 4) { // Up to the empty line.
                    int next = in.read();
                    if (next < 0) {
                        return;
                    }
                    head = next == (head % 2 == 0 ? '\r' : '\n') ? head + 1 : 0;
                }
                in.readNBytes(body.length);
            }
        }
    }
}
