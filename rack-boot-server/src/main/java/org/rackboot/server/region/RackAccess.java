package org.rackboot.server.region;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.function.LongSupplier;
import org.rackboot.region.Racks;
import org.rackboot.region.store.DatabaseException;
import org.rackboot.server.http.HttpCall;

/**
 * Who sent a request. Looks racks up on the threads given, and remembers them for so long that a fetch asks once. As many
 * look-ups may wait as there are connections: each has one request at a time.
 */
final class RackAccess {
    /** A revocation by another region process takes effect within this time. */
    private static final long REMEMBERED_NANOS = 3_000_000_000L;

    private static final int MOST_REMEMBERED = 10_000;

    private final Racks racks;
    private final byte[] apiToken;
    private final Executor threads;
    private final LongSupplier nanoClock;
    private final Map<String, Remembered> remembered = new ConcurrentHashMap<>(); // By the credential's sha256.

    /** Who somebody is. */
    sealed interface Caller {
        /** Bears the API's token, and may do everything. */
        record Operator() implements Caller {}

        record Rack(String name) implements Caller {}

        record Stranger() implements Caller {}

        /** Nobody knows now: the database is away. */
        record Unknown(String why) implements Caller {}
    }

    private record Remembered(String name, long untilNanos) {}

    /** @param apiToken the operators' */
    RackAccess(Racks racks, String apiToken, Executor threads, LongSupplier nanoClock) {
        this.racks = racks;
        this.apiToken = apiToken.getBytes(UTF_8);
        this.threads = threads;
        this.nanoClock = nanoClock;
    }

    /** What a request bears, if anything. */
    static Optional<String> token(HttpCall call) {
        String header = call.header("authorization").orElse("");
        return header.regionMatches(true, 0, "Bearer ", 0, 7)
                ? Optional.of(header.substring(7).strip())
                : Optional.empty();
    }

    /**
     * Who sent it, without blocking.
     *
     * @param fresh whether a revocation a moment ago must be noticed
     */
    CompletionStage<Caller> caller(HttpCall call, boolean fresh) {
        Optional<String> token = token(call);
        if (token.isEmpty()) {
            return CompletableFuture.completedStage(new Caller.Stranger());
        }
        if (isOperators(token.get())) {
            return CompletableFuture.completedStage(new Caller.Operator());
        }
        String hash = sha256(token.get());
        Remembered known = remembered.get(hash);
        if (!fresh && known != null && known.untilNanos() - nanoClock.getAsLong() > 0) {
            return CompletableFuture.completedStage(new Caller.Rack(known.name()));
        }
        return CompletableFuture.supplyAsync(() -> look(token.get(), hash), threads)
                .exceptionally(failure -> {
                    Throwable cause = failure instanceof CompletionException ? failure.getCause() : failure;
                    return new Caller.Unknown(String.valueOf(cause == null ? failure : cause.getMessage()));
                });
    }

    boolean isOperators(String token) {
        return MessageDigest.isEqual(token.getBytes(UTF_8), apiToken);
    }

    private Caller look(String token, String hash) {
        try {
            Optional<String> name = racks.bearer(token);
            if (name.isEmpty()) {
                remembered.remove(hash);
                return new Caller.Stranger();
            }
            long now = nanoClock.getAsLong();
            if (remembered.size() >= MOST_REMEMBERED) {
                remembered.values().removeIf(each -> each.untilNanos() - now <= 0);
            }
            if (remembered.size() < MOST_REMEMBERED) {
                remembered.put(hash, new Remembered(name.get(), now + REMEMBERED_NANOS));
            }
            return new Caller.Rack(name.get());
        } catch (DatabaseException e) {
            throw new CompletionException(e);
        }
    }

    /** After a revocation: nobody is remembered. */
    void forget() {
        remembered.clear();
    }

    private static String sha256(String token) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(token.getBytes(UTF_8)));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // Every Java platform has it.
        }
    }
}
