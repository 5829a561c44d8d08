package org.rackboot.server.rack;

import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.function.Supplier;
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
 * content}, from its own catalog and cache, with or without its region; their enrolment and reports go through to that.
 * Every other path is the machines'.
 */
public final class RackUpstream implements HttpService, AutoCloseable {
    /** What a rack may tell of itself. */
    public static final int MAX_REPORT_BYTES = 4 << 20;

    private static final String CATALOG = "/api/v1/catalog";
    private static final String ENROL = "/api/v1/racks/enrol";
    private static final String SELF = "/api/v1/racks/self";
    private static final String MACHINES = SELF + "/machines";
    private static final Pattern CONTENT = Pattern.compile("/api/v1/content/([0-9a-f]{64})(/chunks)?");

    private final CatalogFollower follower;
    private final ImageCache cache;
    private final Rack rack;
    private final HttpService machines;
    private final RacksBelow below;
    private final Listener listener;
    private final Waiters changes = new Waiters();

    /** Told how racks were answered; may be called on any thread. */
    @FunctionalInterface
    public interface Listener {
        /** @param status of HTTP */
        void answeredRack(int status);
    }

    /**
     * @param rack reads content for racks
     * @param machines answers them
     */
    public RackUpstream(
            CatalogFollower follower,
            ImageCache cache,
            Rack rack,
            HttpService machines,
            RacksBelow below,
            Listener listener) {
        this.follower = follower;
        this.cache = cache;
        this.rack = rack;
        this.machines = machines;
        this.below = below;
        this.listener = listener;
        follower.whenChanged(changes::tell);
    }

    @Override
    public boolean takesBody(String method, String path) {
        return isRelayed(method, path);
    }

    @Override
    public CompletionStage<HttpReply> answer(HttpCall call) {
        boolean relayed = isRelayed(call.method(), call.path());
        boolean catalog = call.path().equals(CATALOG);
        Matcher content = CONTENT.matcher(call.path());
        if (!relayed && !catalog && !content.matches()) {
            return machines.answer(call);
        }
        Optional<String> bearer = bearer(call);
        CompletionStage<HttpReply> answer;
        if (bearer.isEmpty()) {
            answer = CompletableFuture.completedStage(stranger());
        } else if (relayed) {
            answer = below.relay(call.method(), call.path().substring(1), bearer.get(), call.body());
        } else if (catalog) {
            // Whoever waited may have been revoked meanwhile.
            answer = admitted(
                    bearer.get(),
                    () -> CatalogPoll.answer(call, changes, () -> CompletableFuture.completedStage(catalog(call)))
                            .thenCompose(
                                    reply -> admitted(bearer.get(), () -> CompletableFuture.completedStage(reply))));
        } else {
            answer = admitted(bearer.get(), () -> content(call, content.group(1), content.group(2) != null));
        }
        return answer.thenApply(reply -> {
            listener.answeredRack(reply.status());
            return reply;
        });
    }

    /** Enrolment, and what racks tell of themselves: only the region can say anything to that. */
    private static boolean isRelayed(String method, String path) {
        return (method.equals("POST") && (path.equals(ENROL) || path.equals(MACHINES)))
                || (method.equals("PUT") && path.equals(SELF));
    }

    private CompletionStage<HttpReply> admitted(String bearer, Supplier<CompletionStage<HttpReply>> answer) {
        return below.word(bearer).thenCompose(word -> switch (word) {
            case WELCOME -> answer.get();
            case STRANGER -> CompletableFuture.completedStage(stranger());
            case UNKNOWN -> CompletableFuture.completedStage(RacksBelow.nobody());
        });
    }

    static HttpReply stranger() {
        return HttpReply.text(401, "give the credential of a rack of this region: Authorization: Bearer …")
                .with("WWW-Authenticate", "Bearer");
    }

    private HttpReply catalog(HttpCall call) {
        return follower.document()
                .map(current -> CatalogPoll.reply(call.header("if-none-match"), current.etag(), current.document()))
                .orElseGet(RackUpstream::noCatalog);
    }

    private static HttpReply noCatalog() {
        return HttpReply.text(503, "this rack has no catalog yet; its log says why")
                .with("Retry-After", "2");
    }

    private CompletionStage<HttpReply> content(HttpCall call, String sha256, boolean digests) {
        BootFile file = follower.catalog().contents().get(sha256);
        if (file == null && follower.lack().isPresent()) {
            return CompletableFuture.completedFuture(noCatalog());
        }
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

    private static Optional<String> bearer(HttpCall call) {
        return call.header("authorization")
                .filter(header -> header.regionMatches(true, 0, "Bearer ", 0, 7))
                .map(header -> header.substring(7).strip());
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
