package org.rackboot.server.http;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/** A client that sends exactly the bytes it is told, as firmware does, and reads what comes. */
final class RawHttp implements AutoCloseable {
    private static final int PATIENCE_MILLIS = 10_000;

    private final Socket socket;
    private final InputStream in;

    RawHttp(InetSocketAddress server) throws IOException {
        this(connected(server, new Socket()));
    }

    /** @param socket connected already: in TLS, or with options of its own */
    RawHttp(Socket socket) throws IOException {
        this.socket = socket;
        in = socket.getInputStream();
    }

    /** Connects from an address of loopback other than the usual one. */
    static RawHttp from(String local, InetSocketAddress server) throws IOException {
        Socket socket = new Socket();
        socket.bind(new InetSocketAddress(local, 0));
        return new RawHttp(connected(server, socket));
    }

    /** Holds so much of what it does not read; the rest waits on the server's side. */
    static RawHttp withBuffer(int bytes, InetSocketAddress server) throws IOException {
        Socket socket = new Socket();
        socket.setReceiveBufferSize(bytes);
        return new RawHttp(connected(server, socket));
    }

    private static Socket connected(InetSocketAddress server, Socket socket) throws IOException {
        socket.connect(server, PATIENCE_MILLIS);
        socket.setSoTimeout(PATIENCE_MILLIS);
        socket.setTcpNoDelay(true);
        return socket;
    }

    void send(String text) throws IOException {
        socket.getOutputStream().write(text.getBytes(ISO_8859_1));
        socket.getOutputStream().flush();
    }

    /** Says that nothing more comes, as {@code nc -N} does. */
    void endOutput() throws IOException {
        socket.shutdownOutput();
    }

    /** Makes {@link #close} a reset. */
    void resetAtClose() throws IOException {
        socket.setSoLinger(true, 0);
    }

    /** A header block, to the empty line. */
    String head() throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        while (!bytes.toString(ISO_8859_1).endsWith("\r\n\r\n")) {
            int b = in.read();
            if (b < 0) {
                break;
            }
            bytes.write(b);
        }
        return bytes.toString(ISO_8859_1);
    }

    byte[] body(int length) throws IOException {
        return in.readNBytes(length);
    }

    /** What one look at the socket finds. */
    byte[] oneRead(int most) throws IOException {
        byte[] bytes = new byte[most];
        int length = in.read(bytes);
        return Arrays.copyOf(bytes, Math.max(0, length));
    }

    /** Whether the kernel still has the server's end of the connection, in whatever state (Linux). */
    boolean isKnownToTheServersKernel() throws IOException {
        String ends = ":%04X ".formatted(socket.getPort()); // The server's own port comes first in its line.
        String other = ":%04X ".formatted(socket.getLocalPort());
        for (String table : List.of("/proc/net/tcp", "/proc/net/tcp6")) {
            for (String line : Files.readAllLines(Path.of(table))) {
                int first = line.indexOf(ends);
                if (first > 0 && line.indexOf(other, first + ends.length()) > 0) {
                    return true;
                }
            }
        }
        return false;
    }

    /** Whether the server ended the connection; waits for it. */
    boolean isClosedByServer() {
        try {
            return in.read() < 0;
        } catch (IOException e) {
            return !(e instanceof SocketTimeoutException); // A reset is an end, too.
        }
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }
}
