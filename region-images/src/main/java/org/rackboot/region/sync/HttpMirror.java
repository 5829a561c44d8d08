package org.rackboot.region.sync;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpTimeoutException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;

/**
 * A boot source over HTTP(S). Follows no redirect: where an operator's address leads is the operator's to say (S-37).
 * Asks for plain bytes and refuses encoded ones (S-20). A transfer that brings less than {@value #LEAST_BYTES} bytes in
 * the time given is broken off (S-33).
 */
public final class HttpMirror implements Mirror {
    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final int LEAST_BYTES = 30 << 10;

    /** Made when it is first needed: reading the system's certificates takes longer than the rest of a start. */
    private static final class Client {
        private static final HttpClient SHARED = HttpClient.newBuilder()
                .version(HttpClient.Version.HTTP_1_1)
                .connectTimeout(Duration.ofSeconds(10))
                .followRedirects(HttpClient.Redirect.NEVER)
                .build();
    }

    private final ScheduledExecutorService watchdog;
    private final Duration patience;

    /** @param watchdog ends transfers that stall */
    public HttpMirror(ScheduledExecutorService watchdog) {
        this(watchdog, PATIENCE);
    }

    /** @param patience how long an answer, and then each {@value #LEAST_BYTES} bytes of it, may take */
    public HttpMirror(ScheduledExecutorService watchdog, Duration patience) {
        this.watchdog = watchdog;
        this.patience = patience;
    }

    @Override
    public byte[] metadata(URI file, int maxBytes) throws IOException, InterruptedException {
        HttpResponse<ResponseBody> response = send(HttpRequest.newBuilder(file));
        try (ResponseBody body = response.body()) {
            requireStatus(response, 200);
            ByteArrayOutputStream all = new ByteArrayOutputStream();
            drain(body, piece -> {
                if (all.size() + piece.remaining() > maxBytes) {
                    throw new MirrorException("the file is longer than %d bytes".formatted(maxBytes));
                }
                byte[] copy = new byte[piece.remaining()];
                piece.get(copy);
                all.writeBytes(copy);
            });
            return all.toByteArray();
        }
    }

    @Override
    public void download(URI file, long from, Optional<String> ifRange, long size, Receiver receiver)
            throws IOException, InterruptedException {
        HttpRequest.Builder request = HttpRequest.newBuilder(file);
        boolean resume = from > 0;
        if (resume) { // Without a validator, too: the sha256 of the whole decides in the end.
            request.header("Range", "bytes=" + from + "-");
            ifRange.ifPresent(etag -> request.header("If-Range", etag));
        }
        HttpResponse<ResponseBody> response = send(request);
        try (ResponseBody body = response.body()) {
            boolean partial = resume && response.statusCode() == 206;
            if (!partial) {
                requireStatus(response, 200);
            }
            long first = partial ? requireContentRange(response, from, size) : 0;
            long announced =
                    response.headers().firstValueAsLong("Content-Length").orElse(size - first);
            if (announced != size - first) {
                throw new MirrorException(
                        "the server has %d bytes; the stream says %d".formatted(announced + first, size));
            }
            receiver.begin(first, strongEtag(response));
            long at = first + drain(body, receiver::accept);
            if (at < size) {
                throw new IOException("the transfer ended after %d of %d bytes".formatted(at, size));
            }
        }
    }

    private interface Sink {
        void take(ByteBuffer piece) throws IOException;
    }

    /** Returns how many bytes came. */
    private long drain(ResponseBody body, Sink sink) throws IOException, InterruptedException {
        long bytes = 0;
        try (Watch watch = new Watch(body)) {
            for (Optional<List<ByteBuffer>> next = watch.take(); next.isPresent(); next = watch.take()) {
                for (ByteBuffer piece : next.get()) {
                    bytes += piece.remaining();
                    sink.take(piece);
                }
            }
        }
        return bytes;
    }

    private HttpResponse<ResponseBody> send(HttpRequest.Builder request) throws IOException, InterruptedException {
        HttpRequest built = request.header("Accept-Encoding", "identity")
                .header("User-Agent", "rackboot")
                .timeout(patience)
                .build();
        HttpResponse<ResponseBody> response;
        try {
            response = Client.SHARED.send(built, info -> new ResponseBody());
        } catch (ConnectException e) {
            throw new IOException("cannot connect to " + built.uri().getAuthority(), e);
        } catch (HttpTimeoutException e) {
            throw new IOException("no answer came within " + seconds(patience), e);
        } catch (IOException e) {
            throw new IOException("no answer came (%s)".formatted(e.getMessage()), e);
        }
        String coding = response.headers().firstValue("Content-Encoding").orElse("identity");
        if (!coding.equalsIgnoreCase("identity")) {
            response.body().close();
            throw new MirrorException("the file came encoded, although plain bytes were asked for");
        }
        return response;
    }

    private static void requireStatus(HttpResponse<?> response, int wanted) throws IOException {
        int status = response.statusCode();
        if (status == wanted) {
            return;
        }
        if (status >= 300 && status < 400) {
            throw new MirrorException(
                    "the server redirects elsewhere (%d); give the source's final address".formatted(status));
        }
        String message = "the server answered " + status;
        if (status >= 500 || status == 429 || status == 408 || status == 416) {
            throw new IOException(message);
        }
        throw new MirrorException(message + (status == 404 ? " (not found)" : ""));
    }

    private static long requireContentRange(HttpResponse<?> response, long from, long size) throws MirrorException {
        String range = response.headers().firstValue("Content-Range").orElse("");
        if (!range.equals("bytes %d-%d/%d".formatted(from, size - 1, size))) {
            throw new MirrorException("the server sent another part than was asked for");
        }
        return from;
    }

    private static Optional<String> strongEtag(HttpResponse<?> response) {
        return response.headers().firstValue("ETag").filter(tag -> tag.startsWith("\"") && tag.length() <= 200);
    }

    private static String seconds(Duration time) {
        return time.toMillis() / 1_000.0 + " s";
    }

    /** Takes a body's pieces, and closes it when it brings too little for too long, which ends the wait. */
    private final class Watch implements AutoCloseable {
        private final ResponseBody body;
        private final ScheduledFuture<?> look;
        private boolean waiting; // From here on guarded by this.
        private boolean stalled;
        private long waitingSinceNanos;
        private long waitedNanos;
        private long bytes;

        Watch(ResponseBody body) {
            this.body = body;
            long periodNanos = Math.max(1, patience.toNanos() / 30);
            look = watchdog.scheduleWithFixedDelay(this::look, periodNanos, periodNanos, TimeUnit.NANOSECONDS);
        }

        Optional<List<ByteBuffer>> take() throws IOException, InterruptedException {
            begin();
            try {
                Optional<List<ByteBuffer>> next = body.take();
                end(next.stream()
                        .flatMap(List::stream)
                        .mapToLong(ByteBuffer::remaining)
                        .sum());
                return next;
            } catch (IOException e) {
                throw new IOException(why(e), e);
            }
        }

        private synchronized void begin() {
            waiting = true;
            waitingSinceNanos = System.nanoTime();
        }

        /** Only waiting for the server counts, not what the receiver does in between. */
        private synchronized void end(long came) {
            waiting = false;
            waitedNanos += System.nanoTime() - waitingSinceNanos;
            bytes += came;
            if (bytes >= LEAST_BYTES) {
                bytes = 0;
                waitedNanos = 0;
            }
        }

        private synchronized String why(IOException e) {
            return stalled
                    ? "the server brought less than %d bytes in %s".formatted(LEAST_BYTES, seconds(patience))
                    : "the transfer broke off (%s)".formatted(e.getMessage());
        }

        private void look() {
            synchronized (this) {
                long waited = waitedNanos + (waiting ? System.nanoTime() - waitingSinceNanos : 0);
                if (waited < patience.toNanos()) {
                    return;
                }
                stalled = true;
            }
            body.close();
        }

        @Override
        public void close() {
            look.cancel(false);
        }
    }
}
