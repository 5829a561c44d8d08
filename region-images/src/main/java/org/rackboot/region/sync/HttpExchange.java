package org.rackboot.region.sync;

import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.nio.channels.AsynchronousCloseException;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSession;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.SSLSocketFactory;
import org.jspecify.annotations.Nullable;

/**
 * One HTTP/1.1 GET and its answer, on a connection of its own to an address that was chosen before (S-37); the JDK's client
 * looks names up by itself. Reads strictly and within bounds: a header of {@value #MAX_HEADER_BYTES} bytes, interim answers
 * included. One thread uses it; an interrupt, or {@link #close} by another thread, ends each of its waits.
 */
final class HttpExchange implements AutoCloseable {
    static final int MAX_HEADER_BYTES = 64 << 10;
    private static final int MAX_INTERIM_ANSWERS = 8;
    private static final int MAX_CHUNK_LINE = 256;
    private static final int CONNECT_MILLIS = 10_000;
    private static final int BUFFER_BYTES = 64 << 10;
    private static final Pattern STATUS = Pattern.compile("HTTP/1\\.[01] ([1-9][0-9]{2})(?: .*)?");
    private static final Pattern HEADER = Pattern.compile("([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*");
    private static final Pattern CHUNK = Pattern.compile("([0-9A-Fa-f]{1,12})[ \t]*(?:;.*)?");

    /**
     * Where a request goes.
     *
     * @param address of the file
     * @param connectTo the machines to try in turn: the server's own addresses, or the proxy's
     * @param proxy whether they are the proxy's
     */
    record Route(URI address, List<InetSocketAddress> connectTo, boolean proxy) {
        Route {
            connectTo = List.copyOf(connectTo);
        }

        boolean tls() {
            return "https".equalsIgnoreCase(address.getScheme());
        }

        int port() {
            int defaultPort = tls() ? 443 : 80;
            return address.getPort() < 0 ? defaultPort : address.getPort();
        }

        String hostAndPort() {
            return address.getHost() + ":" + port();
        }
    }

    interface Tls {
        SSLSocketFactory sockets() throws IOException;
    }

    private enum Framing {
        LENGTH,
        CHUNKED,
        UNTIL_CLOSE
    }

    private @Nullable SocketChannel channel; // Guarded by this, like the next.
    private boolean closed;

    private InputStream in = InputStream.nullInputStream();
    private int headerBytes;
    private int status;
    private Map<String, String> headers = Map.of();
    private Framing framing = Framing.UNTIL_CLOSE;
    private long left; // Of the body, or of the chunk.
    private boolean chunkBegun;
    private boolean ended;

    /**
     * Sends a request and reads the header of its answer.
     *
     * @param tls asked only for an https server: reading the system's certificates takes longer than a start
     */
    void send(Route route, Tls tls, Map<String, String> requestHeaders) throws IOException {
        Socket socket = connect(route);
        if (route.tls()) {
            if (route.proxy()) {
                write(socket, "CONNECT %s HTTP/1.1\r\nHost: %1$s\r\n\r\n".formatted(route.hostAndPort()));
                in = socket.getInputStream(); // Without a buffer: what follows the header is the server's.
                readAnswer();
                if (status != 200) {
                    throw new IOException("the proxy answered %d".formatted(status));
                }
            }
            socket = secured(socket, route, tls.sockets());
        }
        URI address = route.address();
        String path = address.getRawPath().isEmpty() ? "/" : address.getRawPath();
        String target = address.getRawQuery() == null ? path : path + "?" + address.getRawQuery();
        boolean whole = route.proxy() && !route.tls();
        String host = address.getPort() < 0 ? address.getHost() : route.hostAndPort();
        Map<String, String> all = new LinkedHashMap<>(Map.of("Host", host));
        all.put("Connection", "close");
        all.putAll(requestHeaders);
        var request = new StringBuilder("GET ")
                .append(whole ? "http://" + host + target : target)
                .append(" HTTP/1.1\r\n");
        all.forEach(
                (name, value) -> request.append(name).append(": ").append(value).append("\r\n"));
        write(socket, request.append("\r\n").toString());
        in = new BufferedInputStream(socket.getInputStream(), BUFFER_BYTES);
        readAnswer();
        frame();
    }

    int status() {
        return status;
    }

    Optional<String> header(String name) {
        return Optional.ofNullable(headers.get(name.toLowerCase(Locale.ROOT)));
    }

    /** How long the body says it is; empty if it does not. */
    Optional<Long> announcedLength() {
        return framing == Framing.LENGTH ? Optional.of(left) : Optional.empty();
    }

    /**
     * The next bytes of the body; -1 at its end.
     *
     * @throws IOException if it ends before it should, or is not put as it should be
     */
    int read(byte[] into) throws IOException {
        if (framing == Framing.UNTIL_CLOSE) {
            return in.read(into);
        }
        if (framing == Framing.CHUNKED && left == 0 && !ended) {
            nextChunk();
        }
        if (left == 0) {
            return -1;
        }
        int count = in.read(into, 0, (int) Math.min(into.length, left));
        if (count < 0) {
            throw new EOFException("the connection ended early");
        }
        left -= count;
        return count;
    }

    /** Ends the exchange, wherever it is. The connection is not used again, so nothing can follow the answer. */
    @Override
    public synchronized void close() {
        closed = true;
        if (channel != null) {
            try {
                channel.close();
            } catch (IOException e) {
                channel = null; // Given up already.
            }
        }
    }

    private Socket connect(Route route) throws IOException {
        IOException failure = new IOException("cannot connect to %s: it has no address".formatted(route.hostAndPort()));
        for (InetSocketAddress address : route.connectTo()) {
            SocketChannel next = open();
            try {
                next.socket().connect(address, CONNECT_MILLIS);
                next.socket().setTcpNoDelay(true);
                return next.socket();
            } catch (IOException e) {
                next.close();
                if (Thread.currentThread().isInterrupted()) {
                    throw e;
                }
                String through = route.proxy() ? " through the proxy" : "";
                failure = new IOException(
                        "cannot connect to %s%s (%s)".formatted(route.hostAndPort(), through, e.getMessage()), e);
            }
        }
        throw failure;
    }

    private synchronized SocketChannel open() throws IOException {
        if (closed) {
            throw new AsynchronousCloseException();
        }
        SocketChannel fresh = SocketChannel.open();
        channel = fresh;
        return fresh;
    }

    private static Socket secured(Socket socket, Route route, SSLSocketFactory tls) throws IOException {
        String host = route.address().getHost().replaceAll("[\\[\\]]", "");
        SSLSocket secured = (SSLSocket) tls.createSocket(socket, host, route.port(), true);
        SSLParameters parameters = secured.getSSLParameters();
        parameters.setEndpointIdentificationAlgorithm("HTTPS"); // Without it, any host's certificate would do.
        secured.setSSLParameters(parameters);
        secured.startHandshake();
        requireItsTime(secured.getSession());
        return secured;
    }

    /** Java does not look at the dates of what is trusted by itself, such as a server's own certificate. */
    private static void requireItsTime(SSLSession session) throws SSLException {
        try {
            ((X509Certificate) session.getPeerCertificates()[0]).checkValidity();
        } catch (CertificateException e) {
            throw new SSLException(e);
        }
    }

    private static void write(Socket socket, String text) throws IOException {
        socket.getOutputStream().write(text.getBytes(StandardCharsets.ISO_8859_1));
        socket.getOutputStream().flush();
    }

    private void readAnswer() throws IOException {
        headerBytes = 0;
        int interim = 0;
        do {
            if (interim++ > MAX_INTERIM_ANSWERS) {
                throw new IOException("it says nothing but 'wait'");
            }
            Matcher line = STATUS.matcher(headerLine());
            if (!line.matches()) {
                throw new IOException("it does not speak HTTP");
            }
            status = Integer.parseInt(line.group(1));
            headers = readHeaders();
        } while (status < 200);
    }

    private Map<String, String> readHeaders() throws IOException {
        Map<String, String> read = new TreeMap<>();
        for (String line = headerLine(); !line.isEmpty(); line = headerLine()) {
            Matcher header = HEADER.matcher(line);
            if (!header.matches()) {
                throw new IOException("its header has a line that is none");
            }
            String name = header.group(1).toLowerCase(Locale.ROOT);
            String before = read.put(name, header.group(2));
            if (before != null && !before.equals(header.group(2)) && DECIDES.contains(name)) {
                throw new IOException("its header contradicts itself");
            }
        }
        return read;
    }

    private static final List<String> DECIDES =
            List.of("content-length", "transfer-encoding", "content-range", "content-encoding", "location", "etag");

    /** How the body ends; two answers to that are how one answer is passed off as two. */
    private void frame() throws IOException {
        Optional<String> coding = header("Transfer-Encoding");
        Optional<String> length = header("Content-Length");
        if (coding.isPresent()) {
            if (!coding.get().equalsIgnoreCase("chunked") || length.isPresent()) {
                throw new IOException("its body has no clear end");
            }
            framing = Framing.CHUNKED;
        } else if (length.isPresent()) {
            if (!length.get().matches("[0-9]{1,18}")) {
                throw new IOException("its Content-Length is no number");
            }
            framing = Framing.LENGTH;
            left = Long.parseLong(length.get());
        }
    }

    private void nextChunk() throws IOException {
        if (chunkBegun && !line(MAX_CHUNK_LINE).isEmpty()) {
            throw new IOException("a chunk is longer than it says");
        }
        chunkBegun = true;
        Matcher size = CHUNK.matcher(line(MAX_CHUNK_LINE));
        if (!size.matches()) {
            throw new IOException("a chunk has no size");
        }
        left = Long.parseLong(size.group(1), 16);
        if (left == 0) {
            ended = true;
            while (!headerLine().isEmpty()) {
                chunkBegun = true; // Trailers say nothing that is needed; the header's bound is theirs as well.
            }
        }
    }

    private String headerLine() throws IOException {
        String line = line(MAX_HEADER_BYTES - headerBytes);
        headerBytes += line.length() + 2;
        return line;
    }

    private String line(int most) throws IOException {
        var line = new StringBuilder();
        for (int next = in.read(); next != '\n'; next = in.read()) {
            if (next < 0) {
                throw new EOFException("the connection ended early");
            }
            if (line.length() >= most) {
                throw new IOException("its header is longer than %d bytes".formatted(MAX_HEADER_BYTES));
            }
            line.append((char) next);
        }
        int length = line.length();
        return length > 0 && line.charAt(length - 1) == '\r' ? line.substring(0, length - 1) : line.toString();
    }
}
