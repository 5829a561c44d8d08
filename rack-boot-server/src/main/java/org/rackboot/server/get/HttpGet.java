package org.rackboot.server.get;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.LongSupplier;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.SSLSocketFactory;
import org.rackboot.protocol.http.FirmwareNotes;
import org.rackboot.protocol.http.MalformedResponseException;
import org.rackboot.protocol.http.ResponseHead;
import org.rackboot.protocol.http.ResponseReader;
import org.rackboot.protocol.http.ResponseReader.Part;
import org.rackboot.server.get.GetReport.Figures;
import org.rackboot.server.get.GetReport.HeadCheck;
import org.rackboot.server.get.GetReport.Result;
import org.rackboot.server.net.Addresses;

/**
 * Fetches one file over HTTP/1.1: HEAD, then GET on the same connection, as UEFI HTTP boot does (quirk H4), and follows no
 * redirect, as GRUB (quirk H2).
 *
 * <p>It has a socket of its own because the JDK's client hides what matters here: it writes all header names in lower case,
 * and does not tell who answered or whether a connection was kept.
 */
public final class HttpGet {
    private static final int BUFFER_BYTES = 64 << 10;
    private static final int MAX_ERROR_TEXT_BYTES = 2_048;
    private static final int MAX_ERROR_BODY_BYTES = 1 << 20;

    private final BootUrl url;
    private final Optional<String> range;
    private final String userAgent;
    private final Duration patience;
    private final LongSupplier nanoClock;
    private final List<String> notes = new ArrayList<>();

    /** @param range FIRST-LAST in bytes, as {@code Range} has it */
    public HttpGet(BootUrl url, Optional<String> range, String userAgent, Duration patience, LongSupplier nanoClock) {
        this.url = url;
        this.range = range;
        this.userAgent = userAgent;
        this.patience = patience;
        this.nanoClock = nanoClock;
    }

    /** Fetches it, and waits for the end. */
    public GetReport run(Download download, Optional<String> expectedSha256, GetListener listener) {
        InetSocketAddress server;
        try {
            server = url.resolve();
        } catch (UnknownHostException e) {
            return GetReport.unreachable(Optional.empty(), Figures.NONE, List.of(), Words.unknownHost(url));
        }
        Message asked = new Message(Addresses.hostAndPort(server), requestLine("GET"), requestHeaders("GET"));
        listener.asked(asked);
        try (Session session = new Session(server, asked, download, listener)) {
            return session.run(expectedSha256);
        }
    }

    /** Why a response is not whole. */
    private enum Broken {
        NO,
        CLOSED,
        SILENT,
        NOT_HTTP,
        UNWRITABLE
    }

    /** One response and how it ended. */
    private final class Exchange {
        final boolean answersHead;
        final ResponseReader reader;
        final ByteArrayOutputStream errorText = new ByteArrayOutputStream();
        final long startedNanos = nanoClock.getAsLong();
        Broken broken = Broken.NO;
        String detail = "";
        long endedNanos = startedNanos;
        OptionalLong firstReplyNanos = OptionalLong.empty();
        long longestSilenceNanos;
        long bodyBytes;

        Exchange(boolean answersHead) {
            this.answersHead = answersHead;
            this.reader = new ResponseReader(answersHead);
        }

        /** Bytes came. */
        void heard() {
            if (firstReplyNanos.isEmpty()) {
                endedNanos = nanoClock.getAsLong();
                firstReplyNanos = OptionalLong.of(endedNanos - startedNanos);
            } else {
                ended();
            }
        }

        /** So far, or for good. */
        void ended() {
            long now = nanoClock.getAsLong();
            if (firstReplyNanos.isPresent()) {
                longestSilenceNanos = Math.max(longestSilenceNanos, now - endedNanos);
            }
            endedNanos = now;
        }

        void broke(Broken how, String why) {
            broken = how;
            detail = why;
        }
    }

    private final class Session implements Closeable {
        private final InetSocketAddress server;
        private final Message asked;
        private final Download download;
        private final GetListener listener;
        private final byte[] buffer = new byte[BUFFER_BYTES];
        private Socket socket = new Socket();
        private Optional<Message> answer = Optional.empty();
        private long connections;

        Session(InetSocketAddress server, Message asked, Download download, GetListener listener) {
            this.server = server;
            this.asked = asked;
            this.download = download;
            this.listener = listener;
        }

        GetReport run(Optional<String> expectedSha256) {
            try {
                connect();
                Exchange head = exchange("HEAD");
                boolean kept = head.reader.isComplete()
                        && !head.reader.head().orElseThrow().closes();
                if (!kept) {
                    connect();
                }
                Exchange get = exchange("GET");
                if (kept && get.firstReplyNanos.isEmpty() && get.broken == Broken.CLOSED) {
                    kept = false;
                    connect();
                    get = exchange("GET");
                }
                return report(head, kept, get, expectedSha256);
            } catch (SSLException e) {
                return failed(HttpWords.tls(asked.address(), e));
            } catch (IOException e) {
                return GetReport.unreachable(
                        Optional.of(asked), Figures.NONE, notes, HttpWords.cannotConnect(asked.address(), e));
            }
        }

        private void connect() throws IOException {
            socket.close();
            connections++;
            Socket plain = new Socket();
            socket = plain;
            plain.connect(server, millis());
            plain.setSoTimeout(millis());
            plain.setTcpNoDelay(true);
            if (url.scheme() == BootUrl.Scheme.HTTPS) {
                SSLSocketFactory factory = (SSLSocketFactory) SSLSocketFactory.getDefault();
                String name = url.host().replaceAll("[\\[\\]]|%.*", "");
                SSLSocket tls = (SSLSocket) factory.createSocket(plain, name, url.port(), true);
                SSLParameters parameters = tls.getSSLParameters();
                parameters.setEndpointIdentificationAlgorithm("HTTPS");
                tls.setSSLParameters(parameters);
                socket = tls;
                tls.startHandshake();
            }
        }

        private int millis() {
            return (int) Math.max(1, Math.min(Integer.MAX_VALUE, patience.toMillis()));
        }

        private Exchange exchange(String method) {
            Exchange exchange = new Exchange(method.equals("HEAD"));
            try {
                socket.getOutputStream().write(request(method).getBytes(ISO_8859_1));
                socket.getOutputStream().flush();
                while (!exchange.reader.isComplete() && exchange.broken == Broken.NO) {
                    int length = socket.getInputStream().read(buffer);
                    take(exchange, length);
                }
            } catch (SocketTimeoutException e) {
                exchange.ended();
                exchange.broke(Broken.SILENT, "");
            } catch (MalformedResponseException e) {
                exchange.broke(Broken.NOT_HTTP, String.valueOf(e.getMessage()));
            } catch (IOException e) {
                exchange.ended();
                exchange.broke(Broken.CLOSED, " (%s)".formatted(e.getMessage()));
            }
            return exchange;
        }

        private void take(Exchange exchange, int length) throws MalformedResponseException {
            if (length < 0) {
                exchange.reader.onEndOfStream();
                if (!exchange.reader.isComplete()) {
                    exchange.broke(Broken.CLOSED, "");
                }
                return;
            }
            exchange.heard();
            for (Part part : exchange.reader.onBytes(ByteBuffer.wrap(buffer, 0, length))) {
                if (part instanceof Part.Head head && !exchange.answersHead) {
                    answered(head.head());
                } else if (part instanceof Part.Body body) {
                    takeBody(exchange, body.bytes());
                }
            }
        }

        private void answered(ResponseHead head) {
            Message message = new Message(asked.address(), head.statusLine(), fields(head));
            answer = Optional.of(message);
            listener.answered(message);
        }

        private void takeBody(Exchange exchange, ByteBuffer bytes) {
            exchange.bodyBytes += bytes.remaining();
            if (isSuccess(exchange.reader.head().orElseThrow())) {
                try {
                    download.write(bytes);
                } catch (IOException e) {
                    exchange.broke(Broken.UNWRITABLE, String.valueOf(e.getMessage()));
                }
                listener.received(download.bytes(), exchange.reader.bodyLength());
                return;
            }
            while (bytes.hasRemaining() && exchange.errorText.size() < MAX_ERROR_TEXT_BYTES) {
                exchange.errorText.write(bytes.get());
            }
            if (exchange.bodyBytes > MAX_ERROR_BODY_BYTES) {
                exchange.broke(Broken.CLOSED, " (its error text does not end)");
            }
        }

        private GetReport report(Exchange head, boolean kept, Exchange get, Optional<String> expectedSha256) {
            Figures figures = new Figures(
                    download.bytes(), get.endedNanos - get.startedNanos, get.firstReplyNanos, get.longestSilenceNanos);
            if (get.firstReplyNanos.isEmpty() && get.broken == Broken.SILENT) {
                return GetReport.unreachable(
                        Optional.of(asked), figures, notes, HttpWords.neverAnswered(asked.address(), figures));
            }
            Optional<HeadCheck> check = check(head, kept, get);
            get.reader.head().filter(HttpGet.this::isSuccess).ifPresent(found -> {
                notes.addAll(FirmwareNotes.of(url.target(), found));
                notes.addAll(HttpWords.notes(check, range.isPresent() && found.status() == 200, figures));
            });
            String sha256 = download.sha256();
            boolean isWhole = get.broken == Broken.NO
                    && get.reader.head().filter(HttpGet.this::isSuccess).isPresent();
            Words.Ending ending = isWhole
                    ? Words.whole(download, sha256, expectedSha256, notes)
                    : new Words.Ending(Result.FAILED, failure(get));
            return new GetReport(
                    ending.result(),
                    Optional.of(asked),
                    answer,
                    check,
                    figures,
                    Map.of("connections", connections),
                    sha256,
                    notes,
                    ending.verdict());
        }

        private String failure(Exchange get) {
            Optional<ResponseHead> head = get.reader.head();
            if (get.broken == Broken.UNWRITABLE) {
                return Words.unwritable(get.detail);
            }
            if (get.broken == Broken.NOT_HTTP) {
                return HttpWords.notHttp(asked.address(), get.detail);
            }
            if (head.isEmpty()) {
                return HttpWords.closedWithoutAnswer(get.detail);
            }
            if (!isSuccess(head.get())) {
                return HttpWords.refused(head.get(), get.errorText.toString(UTF_8));
            }
            return get.broken == Broken.SILENT
                    ? HttpWords.stalled(get.bodyBytes, get.reader.bodyLength(), patience)
                    : HttpWords.cutShort(get.bodyBytes, get.reader.bodyLength(), get.detail);
        }

        private Optional<HeadCheck> check(Exchange head, boolean kept, Exchange get) {
            if (!head.reader.isComplete() || get.reader.head().isEmpty()) {
                return Optional.empty();
            }
            ResponseHead ofHead = head.reader.head().orElseThrow();
            ResponseHead ofGet = get.reader.head().get();
            boolean isEqual = range.isPresent()
                    || (ofHead.status() == ofGet.status()
                            && ofHead.contentLength().equals(ofGet.contentLength()));
            return Optional.of(new HeadCheck(ofHead.statusLine(), ofHead.contentLength(), kept, isEqual));
        }

        private GetReport failed(String verdict) {
            return new GetReport(
                    Result.FAILED,
                    Optional.of(asked),
                    answer,
                    Optional.empty(),
                    Figures.NONE,
                    Map.of("connections", connections),
                    "",
                    notes,
                    verdict);
        }

        @Override
        public void close() {
            try {
                socket.close();
            } catch (IOException e) {
                // Nothing more is wanted of it.
            }
        }
    }

    private boolean isSuccess(ResponseHead head) {
        return head.status() == 200 || (head.status() == 206 && range.isPresent());
    }

    private String requestLine(String method) {
        return "%s %s HTTP/1.1".formatted(method, url.target());
    }

    private String request(String method) {
        StringBuilder text = new StringBuilder(requestLine(method)).append("\r\n");
        requestHeaders(method)
                .forEach(field -> text.append(field.name())
                        .append(": ")
                        .append(field.value())
                        .append("\r\n"));
        return text.append("\r\n").toString();
    }

    private List<Message.Field> requestHeaders(String method) {
        List<Message.Field> headers = new ArrayList<>();
        headers.add(new Message.Field("Host", url.hostHeader()));
        headers.add(new Message.Field("User-Agent", userAgent));
        headers.add(new Message.Field("Accept", "*/*"));
        range.filter(bytes -> method.equals("GET")) // Range says nothing about HEAD (RFC 9110, 14.2).
                .ifPresent(bytes -> headers.add(new Message.Field("Range", "bytes=" + bytes)));
        return headers;
    }

    private static List<Message.Field> fields(ResponseHead head) {
        return head.headers().stream()
                .map(header -> new Message.Field(header.name(), header.value()))
                .toList();
    }
}
