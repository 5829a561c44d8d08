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
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A boot source over HTTP(S). Follows no redirect: where an operator's address leads is the operator's to say (S-37).
 * Asks for plain bytes and refuses encoded ones (S-20). A transfer that brings nothing for {@link #STALL} is broken off.
 */
public final class HttpMirror implements Mirror {
    private static final Duration STALL = Duration.ofSeconds(30);
    private static final int BUFFER_BYTES = 128 << 10;

    private final HttpClient client = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(Duration.ofSeconds(10))
            .followRedirects(HttpClient.Redirect.NEVER)
            .build();
    private final ScheduledExecutorService watchdog;

    /** @param watchdog ends transfers that stall */
    public HttpMirror(ScheduledExecutorService watchdog) {
        this.watchdog = watchdog;
    }

    @Override
    public byte[] metadata(URI file, int maxBytes) throws IOException, InterruptedException {
        HttpResponse<InputStream> response = send(HttpRequest.newBuilder(file));
        try (InputStream body = response.body()) {
            requireStatus(file, response, 200);
            try (Watch watch = new Watch(body)) {
                ByteArrayOutputStream all = new ByteArrayOutputStream();
                byte[] buffer = new byte[BUFFER_BYTES];
                for (int n = body.read(buffer); n >= 0; n = body.read(buffer)) {
                    watch.progress();
                    all.write(buffer, 0, n);
                    if (all.size() > maxBytes) {
                        throw new MirrorException("%s is longer than %d bytes".formatted(file, maxBytes));
                    }
                }
                watch.check(file);
                return all.toByteArray();
            }
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
                requireStatus(file, response, 200);
            }
            long first = partial ? requireContentRange(file, response, from, size) : 0;
            long announced =
                    response.headers().firstValueAsLong("Content-Length").orElse(size - first);
            if (announced != size - first) {
                throw new MirrorException("%s: the server has %d bytes; the signed stream says %d"
                        .formatted(file, announced + first, size));
            }
            receiver.begin(first, strongEtag(response));
            copy(file, body, size - first, receiver);
        }
    }

    private void copy(URI file, InputStream body, long expected, Receiver receiver) throws IOException {
        byte[] buffer = new byte[BUFFER_BYTES];
        long received = 0;
        try (Watch watch = new Watch(body)) {
            for (int n = body.read(buffer); n >= 0; n = body.read(buffer)) {
                watch.progress();
                received += n;
                receiver.accept(ByteBuffer.wrap(buffer, 0, n));
            }
            watch.check(file);
        }
        if (received < expected) {
            throw new IOException("%s broke off after %d of %d bytes".formatted(file, received, expected));
        }
    }

    private HttpResponse<InputStream> send(HttpRequest.Builder request) throws IOException, InterruptedException {
        HttpRequest built = request.header("Accept-Encoding", "identity")
                .header("User-Agent", "rackboot")
                .timeout(STALL)
                .build();
        HttpResponse<InputStream> response;
        try {
            response = client.send(built, BodyHandlers.ofInputStream());
        } catch (ConnectException e) {
            throw new IOException("cannot connect to " + built.uri().getAuthority(), e);
        } catch (IOException e) {
            throw new IOException("%s: %s".formatted(built.uri(), e), e);
        }
        String coding = response.headers().firstValue("Content-Encoding").orElse("identity");
        if (!coding.equalsIgnoreCase("identity")) {
            response.body().close();
            throw new MirrorException("%s came encoded, although plain bytes were asked for".formatted(built.uri()));
        }
        return response;
    }

    private static void requireStatus(URI file, HttpResponse<?> response, int wanted) throws IOException {
        int status = response.statusCode();
        if (status == wanted) {
            return;
        }
        if (status >= 300 && status < 400) {
            throw new MirrorException(
                    "%s redirects elsewhere (%d); give the source's final address".formatted(file, status));
        }
        String message = "%s: the server answered %d".formatted(file, status);
        if (status >= 500 || status == 429 || status == 408 || status == 416) {
            throw new IOException(message);
        }
        throw new MirrorException(message + (status == 404 ? " (not found)" : ""));
    }

    private static long requireContentRange(URI file, HttpResponse<?> response, long from, long size)
            throws MirrorException {
        String range = response.headers().firstValue("Content-Range").orElse("");
        if (!range.equals("bytes %d-%d/%d".formatted(from, size - 1, size))) {
            throw new MirrorException("%s: the server sent another part than was asked for".formatted(file));
        }
        return from;
    }

    private static Optional<String> strongEtag(HttpResponse<?> response) {
        return response.headers().firstValue("ETag").filter(tag -> tag.startsWith("\"") && tag.length() <= 200);
    }

    /** Closes a body that brings nothing any more, which ends the read. */
    private final class Watch implements AutoCloseable {
        private final AtomicLong lastProgress = new AtomicLong(System.nanoTime());
        private final AtomicBoolean stalled = new AtomicBoolean();
        private final ScheduledFuture<?> check;

        Watch(InputStream body) {
            check = watchdog.scheduleWithFixedDelay(() -> look(body), 1, 1, TimeUnit.SECONDS);
        }

        void progress() {
            lastProgress.set(System.nanoTime());
        }

        void check(URI file) throws IOException {
            if (stalled.get()) {
                throw new IOException("%s brought nothing for %d s".formatted(file, STALL.toSeconds()));
            }
        }

        private void look(InputStream body) {
            if (System.nanoTime() - lastProgress.get() > STALL.toNanos()) {
                stalled.set(true);
                try {
                    body.close();
                } catch (IOException e) {
                    check.cancel(false); // Closed already.
                }
            }
        }

        @Override
        public void close() {
            check.cancel(false);
        }
    }
}
