package org.rackboot.server.rack;

import java.io.IOException;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.rackboot.server.config.StateDirectory;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What the region knows this rack by. A one-time token becomes a credential of this rack's own, which is kept in the state
 * directory and needs no token any more; the region's API token is used as it is. Asked by one thread, read by any.
 */
public final class Enrolment {
    private static final Logger LOG = LoggerFactory.getLogger(Enrolment.class);
    private static final int KEY_BYTES = 16;
    /** A token or credential, and after it what the region's key is known by. */
    private static final Pattern WITH_PIN = Pattern.compile("([A-Za-z0-9_-]{43})[.]([A-Za-z0-9_-]{43})");

    /** The region's door, as somebody without a credential sees it. Blocks. */
    interface Door {
        /**
         * Brings a one-time token.
         *
         * @return the credential; empty if the region does not take the token
         * @throws IOException if the region does not answer
         */
        Optional<Granted> redeem(String token, String key) throws IOException, InterruptedException;

        /** Whether the token opens the catalog. */
        boolean opens(String token) throws IOException, InterruptedException;
    }

    /** What a one-time token brought. */
    record Granted(String name, String credential) {}

    /** Where it stands. */
    public enum State {
        /** The region was not heard yet. */
        WAITING,
        /** It has a credential of its own. */
        ENROLLED,
        /** It was given the region's API token. */
        OPERATOR,
        /** The region takes neither credential nor token. */
        REFUSED
    }

    private final StateDirectory state;
    private final String key;
    private Optional<String> untried;
    private volatile State now;
    private volatile String bearer;
    private final Set<String> pins = new TreeSet<>();

    private Enrolment(StateDirectory state, String key, State now, String bearer, Optional<String> untried) {
        this.state = state;
        this.key = key;
        this.now = now;
        this.bearer = secret(bearer);
        this.untried = untried;
        pin(bearer).ifPresent(pins::add);
        untried.flatMap(Enrolment::pin).ifPresent(pins::add);
    }

    /**
     * Of a rack on its own.
     *
     * @param token one-time, or the region's API token; not needed once there is a credential
     * @throws IOException if there is neither, or the state directory cannot be used
     */
    public static Enrolment of(StateDirectory state, Optional<String> token) throws IOException {
        String key = key(state);
        Optional<String> credential = state.rackCredential();
        if (credential.isPresent()) {
            LOG.info(
                    "This rack has its own credential, the file rack-credential{}",
                    token.isPresent() ? "; the token that was given is not used" : "");
            return new Enrolment(state, key, State.ENROLLED, credential.get(), token);
        }
        if (token.isEmpty()) {
            throw new IOException(
                    "This rack is not enrolled: there is no rack-credential in " + state.path()
                            + ". Let the region make a one-time token ('rackboot racks enrol'), and start the rack with --token T");
        }
        return new Enrolment(state, key, State.WAITING, token.get(), token);
    }

    /** Of the rack in the region's own process. */
    public static Enrolment ofRegionItself(StateDirectory state, String apiToken) throws IOException {
        return new Enrolment(state, key(state), State.OPERATOR, apiToken, Optional.empty());
    }

    /** What every request to the region bears. */
    public String bearer() {
        return bearer;
    }

    /** What the region's key is known by, if it came with token or credential: base64url of its sha256. */
    Set<String> pins() {
        return Set.copyOf(pins);
    }

    private static String secret(String text) {
        Matcher parts = WITH_PIN.matcher(text);
        return parts.matches() ? parts.group(1) : text;
    }

    private static Optional<String> pin(String text) {
        Matcher parts = WITH_PIN.matcher(text);
        return parts.matches() ? Optional.of(parts.group(2)) : Optional.empty();
    }

    public State state() {
        return now;
    }

    /** Made by this rack, and kept: tells it from all others. */
    String key() {
        return key;
    }

    /** Finds out what the given token is, if that is not known. */
    void settle(Door door) throws IOException, InterruptedException {
        if (now == State.WAITING && untried.isPresent()) {
            trying(untried.get(), door);
        }
    }

    /**
     * The region refused what this rack bears: its credential was revoked, perhaps to be replaced by the token that was
     * given.
     */
    void refused(Door door) throws IOException, InterruptedException {
        if (untried.isPresent()) {
            trying(untried.get(), door);
        } else {
            now = State.REFUSED;
        }
    }

    /** The region took what this rack bears. */
    void accepted() {
        if (now == State.REFUSED) {
            now = state.hasRackCredential() ? State.ENROLLED : State.OPERATOR;
        }
    }

    private void trying(String token, Door door) throws IOException, InterruptedException {
        String oneTime = secret(token);
        Optional<Granted> granted = door.redeem(oneTime, key);
        if (granted.isPresent()) {
            state.writeRackCredential(granted.get().credential()
                    + pin(token).map(pin -> "." + pin).orElse(""));
            bearer = granted.get().credential();
            now = State.ENROLLED;
            LOG.info(
                    "Enrolled as '{}'; the credential is in the file rack-credential, and --token is not needed any more",
                    granted.get().name());
        } else if (door.opens(oneTime)) {
            bearer = oneTime;
            now = State.OPERATOR;
            LOG.warn(
                    "This rack bears the region's API token, which may do everything. Better: 'rackboot racks enrol', and"
                            + " start the rack with that token");
        } else {
            now = State.REFUSED;
        }
        untried = Optional.empty();
    }

    private static String key(StateDirectory state) throws IOException {
        Optional<String> known = state.rackKey();
        if (known.isPresent() && known.get().matches("[0-9a-f]{32}")) {
            return known.get();
        }
        byte[] random = new byte[KEY_BYTES];
        new SecureRandom().nextBytes(random);
        String key = HexFormat.of().formatHex(random);
        state.writeRackKey(key);
        return key;
    }
}
