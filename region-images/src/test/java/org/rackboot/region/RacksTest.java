package org.rackboot.region;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rackboot.region.Racks.Enrolment;
import org.rackboot.region.Racks.State;
import org.rackboot.region.Region.RefusedException;
import org.rackboot.region.store.DatabaseException;
import org.rackboot.region.store.ImageRepository;
import org.rackboot.region.store.RackRepository;
import org.rackboot.region.store.RackRepository.Report;
import org.rackboot.region.store.RegionDatabase;
import org.rackboot.region.store.TestDatabase;

/** Holds on every database; {@link TestDatabase} says which one this is. */
class RacksTest {
    private static final String KEY = "0123456789abcdef0123456789abcdef";
    private static final String OTHER_KEY = "f".repeat(32);
    private static final Duration DAY = Duration.ofDays(1);

    @TempDir
    Path directory;

    private final MovableClock clock = new MovableClock();
    private RegionDatabase database;
    private Racks racks;
    private int revocations;

    @BeforeEach
    void open() throws Exception {
        database = TestDatabase.open(directory);
        racks = new Racks(new RackRepository(database), new ImageRepository(database), clock, () -> revocations++);
    }

    @AfterEach
    void close() {
        database.close();
    }

    @Test
    void aOneTimeTokenGivesARackItsOwnCredential() throws Exception {
        Enrolment enrolment = racks.enrol(Optional.of("east"), DAY);
        assertThat(enrolment.expires()).isEqualTo(clock.instant().plus(DAY));
        assertThat(state("east")).isEqualTo(State.EXPECTED);

        Racks.Credential credential = redeem(enrolment.token(), KEY).orElseThrow();

        assertThat(credential.name()).isEqualTo("east");
        assertThat(credential.secret()).isNotEqualTo(enrolment.token());
        assertThat(racks.bearer(credential.secret())).contains("east");
        assertThat(racks.bearer(enrolment.token()))
                .as("a token is no credential")
                .isEmpty();
        assertThat(state("east")).isEqualTo(State.BEHIND);
    }

    @Test
    void aTokenIsOfUseToOneRackAndToThatForTenMinutesIfItsAnswerWasLost() throws Exception {
        String token = racks.enrol(Optional.empty(), DAY).token();
        String lost = redeem(token, KEY).orElseThrow().secret();

        assertThat(redeem(token, OTHER_KEY)).isEmpty();
        clock.move(Racks.ASK_AGAIN);
        String secret = redeem(token, KEY).orElseThrow().secret();
        assertThat(racks.bearer(lost)).isEmpty();
        assertThat(racks.bearer(secret)).contains("rack-1");

        clock.move(Duration.ofSeconds(1));
        assertThat(redeem(token, KEY)).isEmpty();
        assertThat(racks.bearer(secret)).contains("rack-1");
    }

    @Test
    void ofManyWhoBringOneTokenAtTheSameTimeOneIsLetIn() throws Exception {
        String token = racks.enrol(Optional.empty(), DAY).token();
        ExecutorService threads = Executors.newFixedThreadPool(8);
        try {
            List<Callable<Boolean>> all = new ArrayList<>();
            for (int i = 0; i < 16; i++) {
                String key = "%032x".formatted(i);
                all.add(() -> redeem(token, key).isPresent());
            }
            int letIn = 0;
            for (Future<Boolean> each : threads.invokeAll(all)) {
                letIn += each.get() ? 1 : 0;
            }
            assertThat(letIn).isEqualTo(1);
        } finally {
            threads.shutdownNow();
        }
    }

    @Test
    void aTokenExpires() throws Exception {
        String token = racks.enrol(Optional.of("east"), DAY).token();
        clock.move(DAY.plusMillis(1));

        assertThat(redeem(token, KEY)).isEmpty();
        assertThat(state("east")).isEqualTo(State.EXPIRED);

        assertThat(redeem(racks.enrol(Optional.of("east"), DAY).token(), KEY))
                .as("whoever did not come in time makes way")
                .isPresent();
    }

    @Test
    void whatIsNoTokenIsNotLookedFor() throws Exception {
        racks.enrol(Optional.empty(), DAY);

        for (String token : List.of("", "x", "a".repeat(43), "a".repeat(44), "%".repeat(43))) {
            assertThat(redeem(token, KEY)).isEmpty();
            assertThat(racks.bearer(token)).isEmpty();
        }
    }

    @Test
    void noSecretIsInTheDatabase() throws Exception {
        String token = racks.enrol(Optional.of("east"), DAY).token();
        String secret = redeem(token, KEY).orElseThrow().secret();

        RackRepository stored = new RackRepository(database);
        assertThat(stored.bearer(secret)).isEmpty();
        assertThat(stored.bearer(sha256(secret))).contains("east");
    }

    @Test
    void aRevokedRackIsStrangerAtOnceAndListedUntilItIsForgotten() throws Exception {
        String token = racks.enrol(Optional.of("east"), DAY).token();
        String secret = redeem(token, KEY).orElseThrow().secret();

        assertThat(racks.revoke("east")).contains(State.REVOKED);

        assertThat(revocations).isEqualTo(1);
        assertThat(racks.bearer(secret)).isEmpty();
        assertThat(redeem(token, KEY)).as("its token is no way back").isEmpty();
        racks.report("east", report(1, Map.of()));
        assertThat(state("east")).isEqualTo(State.REVOKED);
        assertThat(racks.revoke("east")).isEmpty();
        assertThat(racks.list()).isEmpty();
        assertThatThrownBy(() -> racks.revoke("east"))
                .isInstanceOf(RefusedException.class)
                .hasMessage("There is no rack 'east'; see 'rackboot racks list'");
    }

    @Test
    void aTokenThatNobodyRedeemedIsTakenBack() throws Exception {
        String token = racks.enrol(Optional.of("east"), DAY).token();

        assertThat(racks.revoke("east")).isEmpty();

        assertThat(redeem(token, KEY)).isEmpty();
        assertThat(racks.list()).isEmpty();
    }

    @Test
    void aNameIsTakenOnceAndFreeAfterARevocation() throws Exception {
        redeem(racks.enrol(Optional.of("east"), DAY).token(), KEY);

        assertThatThrownBy(() -> racks.enrol(Optional.of("east"), DAY))
                .isInstanceOf(RefusedException.class)
                .hasMessageContaining("There is a rack 'east' already");
        racks.revoke("east");
        assertThat(racks.enrol(Optional.of("east"), DAY).name()).isEqualTo("east");
        assertThat(racks.enrol(Optional.empty(), DAY).name()).isEqualTo("rack-1");
        assertThat(racks.enrol(Optional.empty(), DAY).name()).isEqualTo("rack-2");
        racks.revoke("rack-1");
        assertThat(racks.enrol(Optional.empty(), DAY).name()).isEqualTo("rack-1");
    }

    @Test
    void namesAndTimesHaveBounds() {
        for (String name : List.of("", "self", "-a", "a b", "a/b", "a".repeat(65))) {
            assertThatThrownBy(() -> racks.enrol(Optional.of(name), DAY)).isInstanceOf(RefusedException.class);
        }
        for (Duration life : List.of(Duration.ZERO, Duration.ofDays(31))) {
            assertThatThrownBy(() -> racks.enrol(Optional.empty(), life)).isInstanceOf(RefusedException.class);
        }
    }

    @Test
    void whatARackSaysIsKeptAndWhatItDoesNotSayAgainStays() throws Exception {
        redeem(racks.enrol(Optional.of("east"), DAY).token(), KEY);
        Map<String, Long> contents = Map.of("a".repeat(64), 5L, "b".repeat(64), 7L << 32);

        assertThat(racks.report("east", new Report("host", "1.0", 1, List.of(), List.of(), Optional.empty())))
                .as("nobody knows yet what it holds")
                .isFalse();
        assertThat(racks.report("east", report(1, contents))).isTrue();
        assertThat(racks.report(
                        "east",
                        new Report(
                                "host",
                                "1.1",
                                1,
                                List.of("http://a:1", "tftp://a:2"),
                                List.of("w one", "w two"),
                                Optional.empty())))
                .isTrue();

        assertThat(one("east").rack().report())
                .isEqualTo(new Report(
                        "host",
                        "1.1",
                        1,
                        List.of("http://a:1", "tftp://a:2"),
                        List.of("w one", "w two"),
                        Optional.of(contents)));
    }

    @Test
    void aRackIsInStepThenAwayAndItsStateSaysSo() throws Exception {
        redeem(racks.enrol(Optional.of("east"), DAY).token(), KEY);
        racks.report("east", report(1, Map.of()));
        assertThat(state("east")).isEqualTo(State.IN_STEP);

        clock.move(Racks.AWAY_AFTER);
        assertThat(state("east")).isEqualTo(State.IN_STEP);
        clock.move(Duration.ofSeconds(1));
        assertThat(state("east")).isEqualTo(State.AWAY);
    }

    @Test
    void aRackThatBearsTheApiTokenIsListedButNoEnrolledRackIsTouchedByIt() throws Exception {
        redeem(racks.enrol(Optional.of("east"), DAY).token(), KEY);

        assertThat(racks.reportGuest("west", report(1, Map.of()))).isTrue();
        assertThatThrownBy(() -> racks.reportGuest("east", report(9, Map.of())))
                .isInstanceOf(RefusedException.class)
                .hasMessageContaining("enrolled rack");

        assertThat(one("west").rack().guest()).isTrue();
        assertThat(one("east").rack().report().catalogVersion()).isZero();
        assertThatThrownBy(() -> racks.revoke("west"))
                .isInstanceOf(RefusedException.class)
                .hasMessageContaining("bears the region's API token");
        clock.move(Duration.ofDays(31));
        racks.enrol(Optional.empty(), DAY);
        assertThat(racks.list()).extracting(status -> status.rack().name()).containsExactly("east", "rack-1");
    }

    private Optional<Racks.Credential> redeem(String token, String key) throws Exception {
        return racks.redeem(token, key, "host", "1.0");
    }

    private static Report report(long catalogVersion, Map<String, Long> contents) {
        return new Report("host", "1.0", catalogVersion, List.of(), List.of(), Optional.of(contents));
    }

    private State state(String name) throws DatabaseException {
        return one(name).state();
    }

    private Racks.Status one(String name) throws DatabaseException {
        return racks.list().stream()
                .filter(status -> status.rack().name().equals(name))
                .findFirst()
                .orElseThrow();
    }

    private static String sha256(String text) throws Exception {
        return HexFormat.of()
                .formatHex(MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8)));
    }

    private static final class MovableClock extends Clock {
        private Instant now = Instant.parse("2026-01-20T00:00:00Z");

        void move(Duration by) {
            now = now.plus(by);
        }

        @Override
        public Instant instant() {
            return now;
        }

        @Override
        public ZoneId getZone() {
            return ZoneOffset.UTC;
        }

        @Override
        public Clock withZone(ZoneId zone) {
            return this;
        }
    }
}
