package org.rackboot.server.rack;

import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.HttpResponse.BodySubscribers;
import java.net.http.HttpTimeoutException;
import java.nio.ByteBuffer;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Flow;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.Supplier;
import javax.net.ssl.KeyManager;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManager;
import org.jspecify.annotations.Nullable;
import org.rackboot.image.ChunkDigests;
import org.rackboot.image.Content;
import org.rackboot.image.ContentOrigin;
import org.rackboot.image.ContentUnavailableException;
import org.rackboot.server.net.UntrustedCertificate;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * A rack's side of the region's API: the catalog, and content for the cache. Trusts nothing it is sent; the cache
 * verifies.
 */
public final class RegionClient implements ContentOrigin {
    /** Nothing for so long ends a transfer; the next reader tries again. */
    static final Duration STALL = Duration.ofSeconds(20);

    private static final int MAX_ANSWER_BYTES = 64 << 10;
    private static final JsonMapper JSON = JsonMapper.builder().build();

    private final HttpClient client;
    private final Upstreams regions;
    private final Supplier<String> token;
    private final ScheduledExecutorService watchdog;

    /**
     * @param regions the roots of one region's API, each ending with a slash; one that does not answer is done without
     * @param first of them to be asked first
     * @param enrolment what the region knows this rack by, and this rack the region
     * @param threads bytes are handed on by these, which may block on the disk
     */
    public RegionClient(
            List<URI> regions,
            int first,
            Enrolment enrolment,
            ExecutorService threads,
            ScheduledExecutorService watchdog) {
        HttpClient.Builder builder = HttpClient.newBuilder()
                .version(HttpClient.Version.HTTP_1_1)
                .connectTimeout(Duration.ofSeconds(5))
                .followRedirects(HttpClient.Redirect.NEVER)
                .executor(threads);
        boolean tls = regions.stream().anyMatch(region -> region.getScheme().equals("https"));
        this.client = tls && enrolment.pins().isEmpty()
                ? builder.build()
                : builder.sslContext(trusting(enrolment.pins())).build();
        this.regions = new Upstreams(regions, first, System::nanoTime);
        this.token = enrolment::bearer;
        this.watchdog = watchdog;
    }

    /** Also for a region without TLS: else the client reads the system's certificates, which takes a good part of a start. */
    private static SSLContext trusting(Set<String> pins) {
        try {
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(new KeyManager[0], new TrustManager[] {new PinnedKeys(pins)}, null);
            return context;
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every Java has TLS", e);
        }
    }

    /** A catalog document and its entity tag. */
    public record Catalog(byte[] document, String etag) {}

    /** There is no catalog to be had; the message says why. */
    static final class NoCatalogException extends IOException {
        private final String what;

        private NoCatalogException(String what, String why) {
            super(why);
            this.what = what;
        }

        private NoCatalogException(String why, IOException cause) {
            super(why, cause);
            this.what = UntrustedCertificate.reason(cause).isPresent()
                    ? "This rack does not trust the region"
                    : "The region does not answer";
        }

        /** The same in few words, which begin a sentence. */
        String what() {
            return what;
        }
    }

    /**
     * The catalog, if it is another than the one with {@code etag}; waits for a change up to {@code patience}. Blocks.
     *
     * @throws NoCatalogException if no address of the region gives it
     */
    public Optional<Catalog> catalog(Optional<String> etag, Duration patience)
            throws IOException, InterruptedException {
        @Nullable NoCatalogException last = null;
        for (URI region : regions.inOrder()) {
            HttpRequest.Builder request = request(region, "api/v1/catalog?wait=" + patience.toSeconds())
                    .timeout(patience.plus(STALL));
            etag.ifPresent(tag -> request.header("If-None-Match", tag));
            try {
                HttpResponse<byte[]> response = client.send(request.build(), bounded(CatalogReader.MAX_BYTES));
                if (response.statusCode() == 304) {
                    regions.answered(region);
                    return Optional.empty();
                }
                if (response.statusCode() == 200) {
                    regions.answered(region);
                    String tag = response.headers().firstValue("ETag").orElse("");
                    return Optional.of(new Catalog(response.body(), tag));
                }
                boolean refused = response.statusCode() == 401 || response.statusCode() == 403;
                last = new NoCatalogException(
                        refused ? "The region refuses this rack" : "The region gives no catalog",
                        refusal(region, response.statusCode()));
                regions.failed(region);
            } catch (HttpConnectTimeoutException e) {
                last = new NoCatalogException(unreachable(region, e), e);
                regions.silent(region);
            } catch (IOException e) {
                last = new NoCatalogException(unreachable(region, e), e);
                regions.failed(region);
            }
        }
        throw requireNonNull(last);
    }

    /** Any answer below 500. */
    public record Answer(int status, byte[] body) {}

    /** Asks the addresses in turn until one answers, well or not. Blocks. */
    public Answer ask(String method, String path, String bearer, byte[] body) throws IOException, InterruptedException {
        return ask(regions.inOrder(), method, path, bearer, body);
    }

    /**
     * As {@link #ask}, for others: who may be strangers, and must not hold this rack's threads until one time-out after the
     * other. Fails at once when every address is known to be silent.
     */
    public Answer askForOthers(String method, String path, String bearer, byte[] body)
            throws IOException, InterruptedException {
        return ask(regions.notSilent(), method, path, bearer, body);
    }

    private Answer ask(List<URI> addresses, String method, String path, String bearer, byte[] body)
            throws IOException, InterruptedException {
        IOException last = new IOException("the region at %s does not answer in time".formatted(regions));
        for (URI region : addresses) {
            HttpRequest request = HttpRequest.newBuilder(region.resolve(path))
                    .header("Authorization", "Bearer " + bearer)
                    .header("Content-Type", "application/json")
                    .timeout(STALL)
                    .method(method, body.length == 0 ? BodyPublishers.noBody() : BodyPublishers.ofByteArray(body))
                    .build();
            try {
                HttpResponse<byte[]> response = client.send(request, bounded(MAX_ANSWER_BYTES));
                if (response.statusCode() < 500) {
                    return new Answer(response.statusCode(), response.body());
                }
                last = new IOException(refusal(region, response.statusCode()));
                regions.failed(region);
            } catch (HttpTimeoutException e) { // Connected to in vain, or asked in vain.
                last = new IOException(unreachable(region, e), e);
                regions.silent(region);
            } catch (IOException e) {
                last = new IOException(unreachable(region, e), e);
                regions.failed(region);
            }
        }
        throw last;
    }

    /** How the region is asked by somebody without a credential. */
    Enrolment.Door door(String host, String version) {
        return new Enrolment.Door() {
            @Override
            public Optional<Enrolment.Granted> redeem(String oneTime, String key)
                    throws IOException, InterruptedException {
                Answer answer = ask(
                        "POST",
                        "api/v1/racks/enrol",
                        oneTime,
                        JSON.writeValueAsBytes(Map.of("key", key, "host", host, "version", version)));
                if (answer.status() != 201) {
                    return Optional.empty();
                }
                try {
                    JsonNode json = JSON.readTree(answer.body());
                    return Optional.of(new Enrolment.Granted(
                            json.path("name").asString(""),
                            json.path("credential").asString()));
                } catch (JacksonException e) {
                    throw new IOException("what answers at %s is no region".formatted(regions), e);
                }
            }

            @Override
            public boolean opens(String bearer) throws IOException, InterruptedException {
                return ask("HEAD", "api/v1/catalog", bearer, new byte[0]).status() == 200;
            }
        };
    }

    /** Asks the addresses in turn until one answers as it should; at once without any when all are silent. */
    private <T> CompletionStage<T> fromAnywhere(Content content, Function<URI, CompletionStage<T>> request) {
        List<URI> addresses = regions.notSilent();
        return addresses.isEmpty()
                ? CompletableFuture.failedStage(
                        unavailable(content, "the region at %s does not answer in time".formatted(regions)))
                : fromAnywhere(addresses.iterator(), request);
    }

    private <T> CompletionStage<T> fromAnywhere(Iterator<URI> addresses, Function<URI, CompletionStage<T>> request) {
        URI region = addresses.next();
        return request.apply(region)
                .handle((answer, failure) -> {
                    if (failure == null) {
                        regions.answered(region);
                        return CompletableFuture.completedStage(answer);
                    }
                    regions.failed(region);
                    Throwable cause = failure instanceof CompletionException && failure.getCause() != null
                            ? failure.getCause()
                            : failure;
                    return cause instanceof NothingCameException && addresses.hasNext()
                            ? fromAnywhere(addresses, request)
                            : CompletableFuture.<T>failedStage(
                                    cause instanceof NothingCameException nothing ? nothing.told() : cause);
                })
                .thenCompose(Function.identity());
    }

    /** An address of which not a byte of what was asked for came, so that another may be asked in its place. */
    private static final class NothingCameException extends IOException {
        private final ContentUnavailableException told;

        NothingCameException(ContentUnavailableException told) {
            super(told);
            this.told = told;
        }

        ContentUnavailableException told() {
            return told;
        }
    }

    @Override
    public CompletionStage<byte[]> chunkDigests(Content content) {
        return fromAnywhere(
                content,
                region -> client.sendAsync(
                                request(region, "api/v1/content/" + content.id() + "/chunks")
                                        .timeout(STALL)
                                        .build(),
                                bounded(content.chunkCount() * (long) ChunkDigests.DIGEST_BYTES))
                        .handle((response, failure) -> {
                            if (failure != null) {
                                throw nothingCame(content, unreachable(region, failure));
                            }
                            if (response.statusCode() != 200) {
                                throw nothingCame(content, refusal(region, response.statusCode()));
                            }
                            return response.body();
                        }));
    }

    @Override
    public CompletionStage<Void> fetch(Content content, int first, int chunks, Sink sink) {
        return open(content, first, chunks).thenCompose(delivery -> delivery.to(sink));
    }

    @Override
    public CompletionStage<Delivery> open(Content content, int first, int chunks) {
        long from = content.chunkOffset(first);
        long to = Math.min(content.size(), content.chunkOffset(first + chunks));
        boolean whole = from == 0 && to == content.size();
        String range = "bytes " + from + '-' + (to - 1) + '/' + content.size();
        return fromAnywhere(content, region -> {
            HttpRequest.Builder request =
                    request(region, "api/v1/content/" + content.id()).timeout(STALL);
            if (!whole) {
                request.header("Range", "bytes=" + from + '-' + (to - 1));
            }
            return client.sendAsync(request.build(), BodyHandlers.ofPublisher()).handle((response, failure) -> {
                if (failure != null) {
                    throw nothingCame(content, unreachable(region, failure));
                }
                if (!isAnswer(response, whole, range)) {
                    response.body().subscribe(new Refusal(MAX_ANSWER_BYTES));
                    throw nothingCame(
                            content,
                            response.statusCode() == 200 || response.statusCode() == 206
                                    ? "the region at %s sent another part than %s".formatted(region, range)
                                    : refusal(region, response.statusCode()));
                }
                return new Body(region, content, response.body());
            });
        });
    }

    /** An answer's bytes, which the connection holds back until they are taken. */
    private final class Body implements Delivery {
        private final URI region;
        private final Content content;
        private final Flow.Publisher<List<ByteBuffer>> bytes;

        Body(URI region, Content content, Flow.Publisher<List<ByteBuffer>> bytes) {
            this.region = region;
            this.content = content;
            this.bytes = bytes;
        }

        @Override
        public CompletionStage<Void> to(Sink sink) {
            SinkSubscriber subscriber = new SinkSubscriber(region, content, sink);
            bytes.subscribe(subscriber);
            return subscriber.body();
        }

        @Override
        public void refuse() {
            bytes.subscribe(new Refusal(0));
        }
    }

    /** Ends an answer that nobody takes: a short one by reading it, so that the connection serves the next request. */
    private static final class Refusal implements Flow.Subscriber<List<ByteBuffer>> {
        private long patience;
        private Flow.@Nullable Subscription subscription;

        Refusal(long mostBytes) {
            this.patience = mostBytes;
        }

        @Override
        public void onSubscribe(Flow.Subscription newSubscription) {
            subscription = newSubscription;
            goOn();
        }

        @Override
        public void onNext(List<ByteBuffer> buffers) {
            buffers.forEach(buffer -> patience -= buffer.remaining());
            goOn();
        }

        private void goOn() {
            if (patience > 0) {
                requireNonNull(subscription).request(1);
            } else {
                requireNonNull(subscription).cancel();
            }
        }

        @Override
        public void onError(Throwable failure) {
            // Nobody wants it.
        }

        @Override
        public void onComplete() {
            // The connection is free.
        }
    }

    private static boolean isAnswer(HttpResponse<?> head, boolean whole, String range) {
        return whole
                ? head.statusCode() == 200
                : head.statusCode() == 206
                        && head.headers().firstValue("Content-Range").equals(Optional.of(range));
    }

    /** A whole body of at most {@code most} bytes, which the region announces; an empty one in the place of a larger. */
    private static HttpResponse.BodyHandler<byte[]> bounded(long most) {
        return head -> head.headers().firstValueAsLong("Content-Length").orElse(Long.MAX_VALUE) <= most
                ? BodySubscribers.ofByteArray()
                : BodySubscribers.replacing(new byte[0]);
    }

    /** In words: the JDK's connection failures often carry none. */
    private static String unreachable(URI region, Throwable failure) {
        Throwable cause =
                failure instanceof CompletionException && failure.getCause() != null ? failure.getCause() : failure;
        if (cause instanceof ConnectException) {
            return "the region at %s cannot be reached; is it running, and the address right?".formatted(region);
        }
        if (cause instanceof HttpTimeoutException) {
            return "the region at %s does not answer in time".formatted(region);
        }
        Optional<String> untrusted = UntrustedCertificate.reason(cause);
        if (untrusted.isPresent()) {
            return "the certificate of the region at %s is not trusted (%s)".formatted(region, untrusted.get());
        }
        String message = cause.getMessage();
        return "the region at %s does not answer (%s)".formatted(region, message == null ? cause.getClass() : message);
    }

    private HttpRequest.Builder request(URI region, String path) {
        return HttpRequest.newBuilder(region.resolve(path))
                .header("Authorization", "Bearer " + token.get())
                .header("Accept-Encoding", "identity");
    }

    private static CompletionException nothingCame(Content content, String why) {
        return new CompletionException(new NothingCameException(unavailable(content, why)));
    }

    private static ContentUnavailableException unavailable(Content content, String why) {
        return new ContentUnavailableException("not in this rack's cache (%s...), and %s"
                .formatted(content.id().sha256().substring(0, 12), why));
    }

    private static String refusal(URI region, int status) {
        return switch (status) {
            case 401 ->
                "the region at %s does not accept this rack's credential (401): not enrolled, or revoked"
                        .formatted(region);
            case 403 -> "the region at %s does not let this rack ask for that (403)".formatted(region);
            case 404 -> "the region at %s does not have it (404)".formatted(region);
            default -> "the region at %s answered %d".formatted(region, status);
        };
    }

    @Override
    public String toString() {
        return regions.toString();
    }

    /** Hands bytes to a sink as they come, one batch at a time, and gives up when none come. */
    private final class SinkSubscriber implements Flow.Subscriber<List<ByteBuffer>> {
        private final URI region;
        private final Content content;
        private final Sink sink;
        private final CompletableFuture<Void> body = new CompletableFuture<>();
        private final ScheduledFuture<?> watch;
        private volatile long lastProgressNanos = System.nanoTime();
        private volatile Flow.@Nullable Subscription subscription;

        SinkSubscriber(URI region, Content content, Sink sink) {
            this.region = region;
            this.content = content;
            this.sink = sink;
            this.watch = watchdog.scheduleWithFixedDelay(this::look, 1, 1, TimeUnit.SECONDS);
        }

        /** Ends with the last byte. */
        CompletionStage<Void> body() {
            return body;
        }

        @Override
        public void onSubscribe(Flow.Subscription newSubscription) {
            subscription = newSubscription;
            newSubscription.request(1);
        }

        @Override
        public void onNext(List<ByteBuffer> buffers) {
            lastProgressNanos = System.nanoTime();
            Flow.Subscription current = requireNonNull(subscription);
            try {
                for (ByteBuffer buffer : buffers) {
                    sink.accept(buffer);
                }
                current.request(1);
            } catch (IOException | RuntimeException e) {
                current.cancel();
                end(e);
            }
        }

        @Override
        public void onError(Throwable failure) {
            end(new ContentUnavailableException(
                    "The region at %s broke off while it sent content %s: %s"
                            .formatted(region, content.id().sha256().substring(0, 12), failure.getMessage()),
                    failure));
        }

        @Override
        public void onComplete() {
            end(null);
        }

        private void look() {
            Flow.Subscription current = subscription;
            if (current != null && System.nanoTime() - lastProgressNanos > STALL.toNanos()) {
                current.cancel();
                end(new ContentUnavailableException(
                        "The region at %s sent nothing for %d s".formatted(region, STALL.toSeconds())));
            }
        }

        private void end(@Nullable Throwable failure) {
            watch.cancel(false);
            if (failure == null) {
                body.complete(null);
            } else {
                body.completeExceptionally(failure);
            }
        }
    }
}
