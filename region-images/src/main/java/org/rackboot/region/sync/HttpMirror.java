package org.rackboot.region.sync;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.HttpTimeoutException;
import java.nio.ByteBuffer;
import java.time.Duration;
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
    private static final int BUFFER_BYTES = 128 << 10;

    private final HttpClient client = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(Duration.ofSeconds(10))
            .followRedirects(HttpClient.Redirect.NEVER)
            .build();
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
        HttpResponse<InputStream> response = send(HttpRequest.newBuilder(file));
        try (InputStream body = response.body()) {
            requireStatus(response, 200);
            ByteArrayOutputStream all = new ByteArrayOutputStream();
            byte[] buffer = new byte[BUFFER_BYTES];
            try (Watch watch = new Watch(body)) {
                for (int n = watch.read(buffer); n >= 0; n = watch.read(buffer)) {
                    all.write(buffer, 0, n);
                    if (all.size() > maxBytes) {
                        throw new MirrorException("the file is longer than %d bytes".formatted(maxBytes));
                    }
                }
            }
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
        HttpResponse<InputStream> response = send(request);
        try (InputStream body = response.body()) {
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
            copy(body, first, size, receiver);
        }
    }

    private void copy(InputStream body, long first, long size, Receiver receiver) throws IOException {
        byte[] buffer = new byte[BUFFER_BYTES];
        long at = first;
        try (Watch watch = new Watch(body)) {
            for (int n = watch.read(buffer); n >= 0; n = watch.read(buffer)) {
                at += n;
                receiver.accept(ByteBuffer.wrap(buffer, 0, n));
            }
        }
        if (at < size) {
            throw new IOException("the transfer ended after %d of %d bytes".formatted(at, size));
        }
    }

    private HttpResponse<InputStream> send(HttpRequest.Builder request) throws IOException, InterruptedException {
        HttpRequest built = request.header("Accept-Encoding", "identity")
                .header("User-Agent", "rackboot")
                .timeout(patience)
                .build();
        HttpResponse<InputStream> response;
        try {
            response = client.send(built, BodyHandlers.ofInputStream());
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

    /** Reads a body, and closes it when it brings too little for too long, which ends the read. */
    private final class Watch implements AutoCloseable {
        private final InputStream body;
        private final ScheduledFuture<?> look;
        private boolean reading; // From here on guarded by this.
        private boolean stalled;
        private long readingSinceNanos;
        private long waitedNanos;
        private long bytes;

        Watch(InputStream body) {
            this.body = body;
            long periodNanos = Math.max(1, patience.toNanos() / 30);
            look = watchdog.scheduleWithFixedDelay(this::look, periodNanos, periodNanos, TimeUnit.NANOSECONDS);
        }

        int read(byte[] buffer) throws IOException {
            begin();
            int count = -1;
            try {
                count = body.read(buffer);
                return count;
            } catch (IOException e) {
                throw new IOException(why(e), e);
            } finally {
                end(count);
            }
        }

        private synchronized void begin() {
            reading = true;
            readingSinceNanos = System.nanoTime();
        }

        /** Only waiting for the server counts, not what the receiver does in between. */
        private synchronized void end(int count) {
            reading = false;
            waitedNanos += System.nanoTime() - readingSinceNanos;
            bytes += Math.max(count, 0);
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
                long waited = waitedNanos + (reading ? System.nanoTime() - readingSinceNanos : 0);
                if (waited < patience.toNanos()) {
                    return;
                }
                stalled = true;
            }
            try {
                body.close();
            } catch (IOException e) {
                look.cancel(false); // Closed already.
            }
        }

        @Override
        public void close() {
            look.cancel(false);
        }
    }
}
