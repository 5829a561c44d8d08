package org.rackboot.server.region;

import static org.rackboot.server.region.ApiJson.error;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.rackboot.region.Region;
import org.rackboot.region.store.DatabaseException;
import org.rackboot.server.http.ContentReplies;
import org.rackboot.server.http.HttpCall;
import org.rackboot.server.http.HttpReply;

/** {@code catalog} and {@code content}: what racks ask for. */
final class ContentResource {
    private static final Duration LONGEST_WAIT = Duration.ofMinutes(2);

    private final Region region;
    private final RegionContent contents;
    private final Executor threads;
    private volatile @Nullable RenderedCatalog rendered;

    private record RenderedCatalog(long version, String etag, byte[] document) {}

    ContentResource(Region region, RegionContent contents, Executor threads) {
        this.region = region;
        this.contents = contents;
        this.threads = threads;
    }

    List<Route> routes() {
        Work content = (call, names) -> content(call, names.get(0));
        Work chunks = (call, names) -> chunkDigests(names.get(0));
        return List.of(
                Route.of("catalog", Map.of("GET", this::catalog)),
                Route.of("content/{sha256}", Map.of("GET", content.on(threads))),
                Route.of("content/{sha256}/chunks", Map.of("GET", chunks.on(threads))));
    }

    /** Waits for a change if the caller has the newest: racks are told at once, and ask seldom. */
    private CompletionStage<HttpReply> catalog(HttpCall call, List<String> names) {
        Optional<String> known = call.header("if-none-match");
        Duration wait = seconds(call.query().getOrDefault("wait", ""));
        CompletionStage<Void> change = region.catalogChange(); // Before the look: no change is missed between.
        Work look = (asked, none) -> catalogNow(known);
        CompletionStage<HttpReply> now = look.on(threads).to(call, names);
        if (wait.isZero() || known.isEmpty()) {
            return now;
        }
        return now.thenCompose(reply -> reply.status() != 304
                ? CompletableFuture.completedFuture(reply)
                : change.toCompletableFuture()
                        .copy()
                        .completeOnTimeout(null, wait.toMillis(), TimeUnit.MILLISECONDS)
                        .thenCompose(changed -> look.on(threads).to(call, names)));
    }

    private HttpReply catalogNow(Optional<String> known) throws DatabaseException {
        RenderedCatalog current = rendered;
        long version = region.catalogVersion();
        if (current == null || current.version() != version) {
            byte[] document = region.catalog();
            String etag = '"' + HexFormat.of().formatHex(sha256(document)) + '"';
            current = new RenderedCatalog(version, etag, document);
            rendered = current;
        }
        HttpReply reply = known.isPresent() && known.get().equals(current.etag())
                ? HttpReply.notModified()
                : HttpReply.bytes(200, "application/json", current.document());
        return reply.with("ETag", current.etag());
    }

    private HttpReply content(HttpCall call, String sha256) throws DatabaseException {
        return contents.open(sha256)
                .map(reader -> ContentReplies.answer(call, reader, "application/octet-stream"))
                .orElseGet(() -> error(404, "The region has no complete content of this sha256"));
    }

    private HttpReply chunkDigests(String sha256) throws DatabaseException {
        return contents.chunkDigests(sha256)
                .map(digests -> HttpReply.bytes(200, "application/octet-stream", digests))
                .orElseGet(() -> error(404, "The region has no complete content of this sha256"));
    }

    static Duration seconds(String text) {
        if (!text.matches("\\d{1,4}")) {
            return Duration.ZERO;
        }
        Duration asked = Duration.ofSeconds(Long.parseLong(text));
        return asked.compareTo(LONGEST_WAIT) > 0 ? LONGEST_WAIT : asked;
    }

    private static byte[] sha256(byte[] bytes) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(bytes);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // Every Java platform has it.
        }
    }
}
