package org.rackboot.server.rack;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import org.rackboot.server.config.StateDirectory;
import org.rackboot.server.http.HttpReply;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The racks that follow this one, as the region knows them: it is asked about a credential when that is first seen and now
 * and then afterwards, and whom it took once stays welcome while it is away, also after a restart. Of credentials only the
 * sha256 is kept. Thread-safe, bounded; nothing here blocks.
 */
public final class RacksBelow {
    static final Duration ASK_AGAIN = Duration.ofSeconds(30);
    static final Duration STRANGER_REMEMBERED = Duration.ofSeconds(5);
    static final int MOST_KNOWN = 10_000;
    static final int MOST_ASKING = 64;
    /** Of strangers' requests that reach the region: whoever is on the machines' network can send them. */
    static final int STRANGERS_PER_SECOND = 50;

    static final int STRANGERS_AT_ONCE = 400; // A site's racks that all come back.

    /** Of bodies on their way to the region; one is always taken. */
    static final int MOST_RELAYED_BYTES = 16 << 20;

    private static final Logger LOG = LoggerFactory.getLogger(RacksBelow.class);
    private static final int MOST_STRANGERS = 1_024;
    private static final Pattern BEARER = Pattern.compile("[!-~]{1,200}");
    private static final Pattern SHA256 = Pattern.compile("[0-9a-f]{64}");
    private static final byte[] NOTHING = {};

    /** What is above this rack: its region, or another rack. Blocks. */
    @FunctionalInterface
    public interface Above {
        /** @throws IOException if nobody answers */
        RegionClient.Answer ask(String method, String path, String bearer, byte[] body)
                throws IOException, InterruptedException;
    }

    /** What is known of somebody. */
    enum Word {
        WELCOME,
        STRANGER,
        /** Never seen before, and the region is away. */
        UNKNOWN
    }

    private final Above above;
    private final Supplier<String> own;
    private final StateDirectory state;
    private final Executor threads;
    private final LongSupplier nanoClock;

    // Guarded by this. By the credential's sha256.
    private final Map<String, Long> askedNanos = new LinkedHashMap<>(); // Of those who are welcome.
    private final Map<String, Long> strangersUntilNanos = new LinkedHashMap<>(16, 0.75f, true) {
        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Long> eldest) {
            return size() > MOST_STRANGERS;
        }
    };
    private final Map<String, CompletableFuture<Word>> asking = new HashMap<>();
    private int relaying;
    private long relayedBytes; // Of those that are on their way.
    private double strangersLeft = STRANGERS_AT_ONCE;
    private long strangersCountedNanos;

    /**
     * @param own what this rack bears itself, at the moment: who knows that is welcome, too
     * @param threads that may wait for the region
     * @throws IOException if what an earlier run kept cannot be read
     */
    public RacksBelow(Above above, Supplier<String> own, StateDirectory state, Executor threads, LongSupplier nanoClock)
            throws IOException {
        this.above = above;
        this.own = own;
        this.state = state;
        this.threads = threads;
        this.nanoClock = nanoClock;
        strangersCountedNanos = nanoClock.getAsLong();
        long longAgo = strangersCountedNanos - ASK_AGAIN.toNanos();
        for (String sha256 : state.racksBelow()) {
            if (SHA256.matcher(sha256).matches() && askedNanos.size() < MOST_KNOWN) {
                askedNanos.put(sha256, longAgo);
            }
        }
    }

    /** Whether somebody may read catalog and content. At once, unless the region has to be asked. */
    CompletionStage<Word> word(String bearer) {
        if (!BEARER.matcher(bearer).matches()) {
            return CompletableFuture.completedStage(Word.STRANGER);
        }
        String sha256 = sha256(bearer);
        if (sha256.equals(sha256(own.get()))) { // Equal or not, the time says nothing of the bearer.
            return CompletableFuture.completedStage(Word.WELCOME);
        }
        CompletableFuture<Word> answer;
        synchronized (this) {
            long now = nanoClock.getAsLong();
            Long asked = askedNanos.get(sha256);
            if (asked != null && now - asked < ASK_AGAIN.toNanos()) {
                return CompletableFuture.completedStage(Word.WELCOME);
            }
            Long until = strangersUntilNanos.get(sha256);
            if (until != null && now - until < 0) {
                return CompletableFuture.completedStage(Word.STRANGER);
            }
            CompletableFuture<Word> known =
                    asked == null ? new CompletableFuture<>() : CompletableFuture.completedFuture(Word.WELCOME);
            if (asking.containsKey(sha256)) {
                return asked == null ? asking.get(sha256) : known;
            }
            if (asking.size() >= MOST_ASKING || (asked == null && !takesAnotherStranger(now))) {
                known.complete(Word.UNKNOWN); // Leaves one who is welcome so.
                return known;
            }
            answer = known;
            asking.put(sha256, known);
        }
        try {
            threads.execute(() -> ask(bearer, sha256, answer));
        } catch (RejectedExecutionException e) { // This rack stops.
            learn(sha256, Word.UNKNOWN);
            answer.complete(Word.UNKNOWN);
        }
        return answer;
    }

    /** Guarded by this. */
    private boolean takesAnotherStranger(long now) {
        double since = (now - strangersCountedNanos) / 1e9;
        strangersLeft = Math.min(STRANGERS_AT_ONCE, strangersLeft + since * STRANGERS_PER_SECOND);
        strangersCountedNanos = now;
        if (strangersLeft < 1) {
            return false;
        }
        strangersLeft--;
        return true;
    }

    private void ask(String bearer, String sha256, CompletableFuture<Word> answer) {
        Word word = Word.UNKNOWN;
        try {
            word = switch (above.ask("HEAD", "api/v1/catalog", bearer, NOTHING).status()) {
                case 200, 304 -> Word.WELCOME;
                case 401, 403 -> Word.STRANGER;
                default -> Word.UNKNOWN;
            };
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (IOException | RuntimeException e) {
            LOG.debug("Nobody above says who a rack is", e);
        } finally {
            learn(sha256, word);
            answer.complete(word);
        }
    }

    private void learn(String sha256, Word word) {
        boolean changed;
        synchronized (this) {
            asking.remove(sha256);
            long now = nanoClock.getAsLong();
            changed = switch (word) {
                case WELCOME ->
                    (askedNanos.size() < MOST_KNOWN || askedNanos.containsKey(sha256))
                            && askedNanos.put(sha256, now) == null;
                case STRANGER -> {
                    strangersUntilNanos.put(sha256, now + STRANGER_REMEMBERED.toNanos());
                    yield askedNanos.remove(sha256) != null;
                }
                case UNKNOWN -> {
                    askedNanos.computeIfPresent(sha256, (known, before) -> now); // It is asked about later.
                    yield false;
                }
            };
            if (word == Word.WELCOME) {
                strangersUntilNanos.remove(sha256);
            }
        }
        if (changed) {
            keep();
        }
    }

    private synchronized void keep() {
        try {
            state.writeRacksBelow(Set.copyOf(askedNanos.keySet()));
        } catch (IOException e) {
            LOG.warn("The racks below are not remembered over a restart: {}", e.toString());
        }
    }

    /** Takes a request of a rack below to the region, and its answer back. */
    CompletionStage<HttpReply> relay(String method, String path, String bearer, byte[] body) {
        if (!BEARER.matcher(bearer).matches()) {
            return CompletableFuture.completedStage(RackUpstream.stranger());
        }
        String sha256 = sha256(bearer);
        synchronized (this) {
            boolean stranger = !askedNanos.containsKey(sha256);
            boolean many = relaying >= MOST_ASKING || (relaying > 0 && relayedBytes + body.length > MOST_RELAYED_BYTES);
            if (many || (stranger && !takesAnotherStranger(nanoClock.getAsLong()))) {
                return CompletableFuture.completedStage(nobody());
            }
            relaying++;
            relayedBytes += body.length;
        }
        var answer = new CompletableFuture<HttpReply>();
        try {
            threads.execute(() -> answer.complete(relayed(method, path, bearer, body)));
        } catch (RejectedExecutionException e) { // This rack stops.
            relayed(body);
            answer.complete(nobody());
        }
        return answer;
    }

    private synchronized void relayed(byte[] body) {
        relaying--;
        relayedBytes -= body.length;
    }

    private HttpReply relayed(String method, String path, String bearer, byte[] body) {
        try {
            RegionClient.Answer answer = above.ask(method, path, bearer, body);
            if (answer.status() == 401) {
                learn(sha256(bearer), Word.STRANGER); // Revoked: that is not to wait until it is asked about.
            }
            return HttpReply.bytes(answer.status(), "application/json", answer.body());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return nobody();
        } catch (IOException | RuntimeException e) {
            LOG.debug("Nobody above takes what a rack below says", e);
            return nobody();
        } finally {
            relayed(body);
        }
    }

    /** Told to come back. */
    static HttpReply nobody() {
        return HttpReply.text(503, "the region is away, or much is asked of it; try again")
                .with("Retry-After", "5");
    }

    private static String sha256(String text) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(text.getBytes(UTF_8)));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // Every Java platform has it.
        }
    }
}
