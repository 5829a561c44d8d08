package org.rackboot.server.rack;

import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.rackboot.image.cache.ImageCache;
import org.rackboot.protocol.resolve.BootFile;
import org.rackboot.server.http.CatalogPoll;
import org.rackboot.server.http.ContentReplies;
import org.rackboot.server.http.HttpCall;
import org.rackboot.server.http.HttpReply;
import org.rackboot.server.http.HttpService;
import org.rackboot.server.http.Waiters;

/**
 * What a rack gives to other racks: the part of the region's API that it follows itself, {@code catalog} and {@code
 * content}, from its own catalog and cache, with or without its region. Every other path is the machines'.
 */
public final class RackUpstream implements HttpService, AutoCloseable {
    private static final String CATALOG = "/api/v1/catalog";
    private static final Pattern CONTENT = Pattern.compile("/api/v1/content/([0-9a-f]{64})(/chunks)?");

    private final CatalogFollower follower;
    private final ImageCache cache;
    private final Rack rack;
    private final RackCredentials credentials;
    private final Waiters changes = new Waiters();

    /** @param rack answers machines */
    public RackUpstream(CatalogFollower follower, ImageCache cache, Rack rack, RackCredentials credentials) {
        this.follower = follower;
        this.cache = cache;
        this.rack = rack;
        this.credentials = credentials;
        follower.whenChanged(changes::tell);
    }

    @Override
    public CompletionStage<HttpReply> answer(HttpCall call) {
        boolean catalog = call.path().equals(CATALOG);
        Matcher content = CONTENT.matcher(call.path());
        if (!catalog && !content.matches()) {
            return rack.answer(call);
        }
        if (!isAdmitted(call)) {
            return CompletableFuture.completedFuture(
                    HttpReply.text(401, "give the token of a rack of this region: Authorization: Bearer …")
                            .with("WWW-Authenticate", "Bearer"));
        }
        return catalog
                ? CatalogPoll.answer(call, changes, () -> CompletableFuture.completedFuture(catalog(call)))
                : content(call, content.group(1), content.group(2) != null);
    }

    private HttpReply catalog(HttpCall call) {
        return follower.document()
                .map(current -> CatalogPoll.reply(call.header("if-none-match"), current.etag(), current.document()))
                .orElseGet(() -> HttpReply.text(503, "this rack has no catalog yet; its log says why")
                        .with("Retry-After", "2"));
    }

    private CompletionStage<HttpReply> content(HttpCall call, String sha256, boolean digests) {
        BootFile file = follower.catalog().contents().get(sha256);
        if (file == null) {
            return CompletableFuture.completedFuture(HttpReply.text(404, "no content in the catalog has this sha256"));
        }
        if (!digests) {
            return CompletableFuture.completedFuture(
                    ContentReplies.answer(call, rack.reader(file), "application/octet-stream"));
        }
        return cache.chunkDigests(Rack.content(file))
                .thenApply(list -> HttpReply.bytes(200, "application/octet-stream", list.toBytes()))
                .exceptionally(failure -> {
                    Throwable cause = failure instanceof CompletionException && failure.getCause() != null
                            ? failure.getCause()
                            : failure;
                    return HttpReply.text(503, String.valueOf(cause.getMessage()))
                            .with("Retry-After", "2");
                });
    }

    private boolean isAdmitted(HttpCall call) {
        Optional<String> header = call.header("authorization");
        return header.isPresent()
                && header.get().regionMatches(true, 0, "Bearer ", 0, 7)
                && credentials.admits(header.get().substring(7).strip());
    }

    /** How many racks wait for a change. */
    int waiting() {
        return changes.count();
    }

    /** Answers those who wait: a stop is not to wait for them. */
    @Override
    public void close() {
        changes.close();
    }
}
