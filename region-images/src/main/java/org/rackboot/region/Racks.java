package org.rackboot.region;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import org.rackboot.region.Region.RefusedException;
import org.rackboot.region.catalog.Served;
import org.rackboot.region.store.DatabaseException;
import org.rackboot.region.store.ImageRepository;
import org.rackboot.region.store.ImageRepository.Artifact;
import org.rackboot.region.store.RackRepository;
import org.rackboot.region.store.RackRepository.Rack;
import org.rackboot.region.store.RackRepository.Report;

/**
 * Which racks belong to the region. An operator makes a one-time token; the rack that brings it gets a credential of its own,
 * until that is revoked. Thread-safe; methods block on the database.
 */
public final class Racks {
    /** How long a one-time token is good, if nothing else is said. */
    public static final Duration TOKEN_LIFE = Duration.ofHours(24);

    static final Duration LONGEST_TOKEN_LIFE = Duration.ofDays(30);
    /** So long may a rack that did not get its credential ask for it again. */
    static final Duration ASK_AGAIN = Duration.ofMinutes(10);
    /** Racks report once a minute: one that missed two is away. */
    static final Duration AWAY_AFTER = Duration.ofSeconds(150);

    private static final Duration REMEMBERED = Duration.ofDays(30);
    private static final int MOST = 10_000;
    private static final int SECRET_BYTES = 32;
    private static final Pattern SECRET = Pattern.compile("[A-Za-z0-9_-]{43}");
    private static final Pattern NAME = Pattern.compile("(?!(self|enrol|enrolments)$)[A-Za-z0-9][A-Za-z0-9._-]{0,63}");
    private static final Pattern KEY = Pattern.compile("[0-9a-f]{32}");

    private final RackRepository racks;
    private final ImageRepository images;
    private final Clock clock;
    private final Runnable afterRevocation;
    private final SecureRandom random = new SecureRandom();

    /** A one-time token; this is the only time it is seen. */
    public record Enrolment(String name, String token, Instant expires) {}

    /** What a rack is known by from now on; this is the only time the credential is seen. */
    public record Credential(String name, String secret) {}

    /** How a rack is. */
    public enum State {
        /** Its one-time token was not redeemed yet. */
        EXPECTED,
        /** Nor will it be: it is too late. */
        EXPIRED,
        IN_STEP,
        /** Answers from an older catalog. */
        BEHIND,
        /** Was not heard of for two minutes and a half. */
        AWAY,
        REVOKED;

        public String word() {
            return this == IN_STEP ? "in step" : name().toLowerCase(Locale.ROOT);
        }
    }

    /** How much a rack holds of the version that machines get of an image. */
    public record Held(String image, String serial, long bytes, long size) {
        /** Whole only if every byte is there. */
        public int percent() {
            return size == 0 ? 100 : (int) (100.0 * bytes / size);
        }
    }

    /**
     * A rack and how it is.
     *
     * @param versionsBehind catalog versions
     * @param images those that machines get
     */
    public record Status(Rack rack, State state, long versionsBehind, List<Held> images) {}

    /** @param afterRevocation so that whoever waits for the catalog is looked at again */
    Racks(RackRepository racks, ImageRepository images, Clock clock, Runnable afterRevocation) {
        this.racks = racks;
        this.images = images;
        this.clock = clock;
        this.afterRevocation = afterRevocation;
    }

    /**
     * Makes a one-time token.
     *
     * @param name that the rack will have; empty = {@code rack-1} and so on
     */
    public Enrolment enrol(Optional<String> name, Duration life) throws RefusedException, DatabaseException {
        if (name.isPresent() && !NAME.matcher(name.get()).matches()) {
            throw new RefusedException(
                    RefusedException.Kind.INVALID,
                    "A rack's name has 1 to 64 letters, digits and ._-, begins with a letter or digit, and is"
                            + " not self, enrol or enrolments");
        }
        if (life.compareTo(Duration.ofSeconds(1)) < 0 || life.compareTo(LONGEST_TOKEN_LIFE) > 0) {
            throw new RefusedException(
                    RefusedException.Kind.INVALID,
                    "A one-time token is good for 1 second to 30 days; the usual is 24h");
        }
        Instant now = clock.instant();
        racks.forget(now.minus(REMEMBERED));
        requireRoom();
        String token = secret();
        Instant expires = now.plus(life);
        String chosen = racks.expect(name, sha256(token), now, expires)
                .orElseThrow(() -> new RefusedException(
                        RefusedException.Kind.CONFLICT,
                        "There is a rack '%s' already, or one is expected; choose another name, or first: rackboot racks revoke %s"
                                .formatted(name.orElse(""), name.orElse(""))));
        return new Enrolment(chosen, token, expires);
    }

    /**
     * Gives a rack its credential for a one-time token: once, and for ten minutes again to the same rack.
     *
     * @param key 32 hex digits that the rack made itself
     * @return empty if the token is unknown, expired or used up
     */
    public Optional<Credential> redeem(String token, String key, String host, String version)
            throws RefusedException, DatabaseException {
        if (!SECRET.matcher(token).matches()) {
            return Optional.empty();
        }
        if (!KEY.matcher(key).matches()) {
            throw new RefusedException(RefusedException.Kind.INVALID, "'key' is the rack's own: 32 hex digits");
        }
        Instant now = clock.instant();
        String secret = secret();
        return racks.redeem(sha256(token), key, host, version, sha256(secret), now, now.minus(ASK_AGAIN))
                .map(name -> new Credential(name, secret));
    }

    /** Whether it looks like a token or credential of this program's. */
    public static boolean isSecret(String text) {
        return SECRET.matcher(text).matches();
    }

    /** Whose credential it is. */
    public Optional<String> bearer(String secret) throws DatabaseException {
        return SECRET.matcher(secret).matches() ? racks.bearer(sha256(secret)) : Optional.empty();
    }

    /**
     * Takes a rack's credential, at once. A rack that was revoked before, or never came, is forgotten.
     *
     * @return how it is now; empty if it was forgotten
     */
    public Optional<State> revoke(String name) throws RefusedException, DatabaseException {
        Rack rack = racks.find(name)
                .orElseThrow(() -> new RefusedException(
                        RefusedException.Kind.NOT_FOUND,
                        "There is no rack '%s'; see 'rackboot racks list'".formatted(name)));
        if (rack.guest() && !isAway(rack)) {
            throw new RefusedException(
                    RefusedException.Kind.CONFLICT,
                    "'%s' bears the region's API token, and has no credential of its own to revoke. Stop it, or remove the file"
                                    .formatted(name)
                            + " api-token from the region's state directory and start the region again");
        }
        if (racks.revoke(name, clock.instant())) {
            afterRevocation.run();
            return Optional.of(State.REVOKED);
        }
        racks.remove(name);
        return Optional.empty();
    }

    /**
     * Keeps what a rack says of itself.
     *
     * @param name of an enrolled rack
     * @return whether it is known what the rack holds; if not, it should say
     */
    public boolean report(String name, Report report) throws DatabaseException {
        return racks.report(name, report, clock.instant());
    }

    /** The same of a rack that bears the API's token, under a name that it chose. */
    public boolean reportGuest(String name, Report report) throws RefusedException, DatabaseException {
        if (!NAME.matcher(name).matches()) {
            throw new RefusedException(RefusedException.Kind.INVALID, "'name' is not a rack's name");
        }
        if (racks.find(name).isEmpty()) {
            requireRoom();
        }
        return racks.reportGuest(name, report, clock.instant())
                .orElseThrow(() -> new RefusedException(
                        RefusedException.Kind.CONFLICT, "'%s' is the name of an enrolled rack".formatted(name)));
    }

    private void requireRoom() throws RefusedException, DatabaseException {
        if (racks.count() >= MOST) {
            throw new RefusedException(
                    RefusedException.Kind.NO_ROOM,
                    "The region knows %d racks, and takes no more; forget some: rackboot racks revoke NAME"
                            .formatted(MOST));
        }
    }

    /** Every rack, by name. */
    public List<Status> list() throws DatabaseException {
        long version = images.catalogVersion();
        List<Served> served =
                Served.of(images.versions()).stream().filter(Served::isServed).toList();
        List<Status> all = new ArrayList<>();
        for (Rack rack : racks.all()) {
            long behind = rack.contact().isPresent()
                    ? Math.max(0, version - rack.report().catalogVersion())
                    : 0;
            all.add(new Status(rack, state(rack, behind), behind, held(rack, served)));
        }
        return all;
    }

    private State state(Rack rack, long behind) {
        if (rack.revoked().isPresent()) {
            return State.REVOKED;
        }
        if (!rack.guest() && rack.enrolled().isEmpty()) {
            return clock.instant().isAfter(rack.expires()) ? State.EXPIRED : State.EXPECTED;
        }
        if (isAway(rack)) {
            return State.AWAY;
        }
        return behind > 0 ? State.BEHIND : State.IN_STEP;
    }

    private boolean isAway(Rack rack) {
        return rack.contact()
                .map(contact -> contact.plus(AWAY_AFTER).isBefore(clock.instant()))
                .orElse(true);
    }

    private static List<Held> held(Rack rack, List<Served> served) {
        Map<String, Long> contents = rack.report().contents().orElse(Map.of());
        List<Held> all = new ArrayList<>();
        for (Served each : served) {
            Map<String, Long> sizes = new HashMap<>(); // Two files of one content are held once.
            for (Artifact artifact : each.version().artifacts()) {
                sizes.put(artifact.sha256(), artifact.size());
            }
            long size = 0;
            long bytes = 0;
            for (Map.Entry<String, Long> content : sizes.entrySet()) {
                size += content.getValue();
                bytes += Math.min(content.getValue(), contents.getOrDefault(content.getKey(), 0L));
            }
            all.add(new Held(each.version().image().name(), each.version().serial(), bytes, size));
        }
        return all;
    }

    private String secret() {
        byte[] bytes = new byte[SECRET_BYTES];
        random.nextBytes(bytes);
        return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
    }

    private static String sha256(String secret) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(secret.getBytes(UTF_8)));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // Every Java platform has it.
        }
    }
}
