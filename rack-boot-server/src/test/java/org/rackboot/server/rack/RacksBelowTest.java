package org.rackboot.server.rack;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.RejectedExecutionException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rackboot.server.config.StateDirectory;
import org.rackboot.server.http.HttpReply;
import org.rackboot.server.rack.RacksBelow.Word;

class RacksBelowTest {
    private final StateDirectory state;
    private final Map<String, Integer> region = new HashMap<>(); // What it says to whom; nobody else gets an answer.
    private final List<String> asked = new ArrayList<>();
    private final Deque<Runnable> works = new ArrayDeque<>();
    private long nowNanos = 1_000;

    RacksBelowTest(@TempDir Path directory) {
        this.state = new StateDirectory(directory);
    }

    @Test
    void theRegionIsAskedOnceAndThenNowAndThen() throws Exception {
        region.put("good", 200);
        RacksBelow below = below();

        CompletableFuture<Word> first = below.word("good").toCompletableFuture();
        CompletableFuture<Word> meanwhile = below.word("good").toCompletableFuture();
        assertThat(first).isNotDone();
        work();
        assertThat(first).isCompletedWithValue(Word.WELCOME);
        assertThat(meanwhile).isCompletedWithValue(Word.WELCOME);
        assertThat(asked).containsExactly("good");

        pass(RacksBelow.ASK_AGAIN.minusNanos(1));
        assertThat(now(below, "good")).isEqualTo(Word.WELCOME);
        assertThat(works).isEmpty();
        pass(Duration.ofNanos(1));
        assertThat(below.word("good").toCompletableFuture()).isCompletedWithValue(Word.WELCOME);
        assertThat(works).as("asked behind its back").hasSize(1);
    }

    @Test
    void aRevokedRackIsAStrangerAfterTheNextQuestion() throws Exception {
        region.put("good", 200);
        RacksBelow below = below();
        assertThat(now(below, "good")).isEqualTo(Word.WELCOME);
        region.put("good", 401);

        pass(RacksBelow.ASK_AGAIN);
        assertThat(now(below, "good")).as("this once").isEqualTo(Word.WELCOME);

        assertThat(now(below, "good")).isEqualTo(Word.STRANGER);
        assertThat(state.racksBelow()).isEmpty();
    }

    @Test
    void whoWasKnownStaysWelcomeWithoutARegionAndOverARestart() throws Exception {
        region.put("good", 200);
        assertThat(now(below(), "good")).isEqualTo(Word.WELCOME);
        region.clear();

        RacksBelow after = below();
        for (int i = 0; i < 3; i++) {
            pass(RacksBelow.ASK_AGAIN);
            assertThat(now(after, "good")).isEqualTo(Word.WELCOME);
        }
        assertThat(now(after, "new")).isEqualTo(Word.UNKNOWN);
        assertThat(state.racksBelow()).hasSize(1).noneMatch(line -> line.contains("good"));
    }

    @Test
    void aStrangerIsRememberedForAMoment() throws Exception {
        region.put("bad", 401);
        RacksBelow below = below();

        for (int i = 0; i < 5; i++) {
            assertThat(now(below, "bad")).isEqualTo(Word.STRANGER);
        }
        assertThat(asked).hasSize(1);
        region.put("bad", 200);
        pass(RacksBelow.STRANGER_REMEMBERED);
        assertThat(now(below, "bad")).isEqualTo(Word.WELCOME);
    }

    @Test
    void manyStrangersAtOnceDoNotFloodTheRegion() throws Exception {
        RacksBelow below = below();

        for (int i = 0; i < 10 * RacksBelow.MOST_ASKING; i++) {
            below.word("stranger " + i);
            below.word("stranger-" + i);
            below.relay("POST", "api/v1/racks/enrol", "stranger-" + i, new byte[0]);
        }

        assertThat(works).hasSize(2 * RacksBelow.MOST_ASKING);
        assertThat(below.word("another").toCompletableFuture()).isCompletedWithValue(Word.UNKNOWN);
        work();
        region.put("another", 200);
        assertThat(now(below, "another")).as("afterwards").isEqualTo(Word.WELCOME);
    }

    @Test
    void soManyStrangersASecondReachTheRegionAndRacksItKnowsAlways() throws Exception {
        region.put("good", 200);
        RacksBelow below = below();
        assertThat(now(below, "good")).isEqualTo(Word.WELCOME);
        asked.clear();
        for (int i = 0; i < 1_000; i++) {
            now(below, "stranger " + i);
            now(below, "stranger-" + i);
            status(below, "guesser-" + i);
        }
        assertThat(asked).hasSize(RacksBelow.STRANGERS_AT_ONCE - 1);

        pass(Duration.ofSeconds(2));
        asked.clear();
        for (int i = 0; i < 1_000; i++) {
            status(below, "guesser-" + i);
        }
        assertThat(asked).hasSize(2 * RacksBelow.STRANGERS_PER_SECOND);
        assertThat(status(below, "good")).isEqualTo(200);
        pass(RacksBelow.ASK_AGAIN);
        region.put("new", 200);
        assertThat(now(below, "new")).as("afterwards").isEqualTo(Word.WELCOME);
    }

    @Test
    void fewLargeReportsAreHeldAtOnce() throws Exception {
        RacksBelow below = below();
        byte[] report = new byte[RackUpstream.MAX_REPORT_BYTES];

        for (int i = 0; i < 40; i++) {
            below.relay("PUT", "api/v1/racks/self", "rack-" + i, report);
        }

        assertThat(works).hasSize(RacksBelow.MOST_RELAYED_BYTES / report.length);
        work();
        assertThat(status(below, "rack-1")).as("asked, without a region").isEqualTo(503);
        assertThat(asked).hasSize(RacksBelow.MOST_RELAYED_BYTES / report.length + 1);
    }

    @Test
    void whatCannotBeACredentialIsRefusedAtOnce() throws Exception {
        RacksBelow below = below();

        for (String bearer : List.of("", "two words", "ä", "x".repeat(201), "line\nbreak")) {
            assertThat(below.word(bearer).toCompletableFuture()).isCompletedWithValue(Word.STRANGER);
            assertThat(status(below, bearer)).isEqualTo(401);
        }
        assertThat(works).isEmpty();
    }

    @Test
    void whoBearsTheRacksOwnCredentialIsWelcomeUnasked() throws Exception {
        RacksBelow below = below();

        assertThat(below.word("own").toCompletableFuture()).isCompletedWithValue(Word.WELCOME);
        assertThat(works).isEmpty();
    }

    @Test
    void anAnswerComesBackAsItIsAndARefusalIsLearnt() throws Exception {
        region.put("good", 200);
        RacksBelow below = below();
        assertThat(now(below, "good")).isEqualTo(Word.WELCOME);

        assertThat(status(below, "good")).isEqualTo(200);
        assertThat(status(below, "nobody")).as("no region").isEqualTo(503);
        region.put("good", 401);
        assertThat(status(below, "good")).isEqualTo(401);

        assertThat(now(below, "good")).isEqualTo(Word.STRANGER);
    }

    @Test
    void whoAsksWhileThisRackStopsIsToldToComeBack() throws Exception {
        var below = new RacksBelow(
                this::ask,
                () -> "own",
                state,
                work -> {
                    throw new RejectedExecutionException("stopped");
                },
                () -> nowNanos);

        for (int i = 0; i < 2 * RacksBelow.MOST_ASKING; i++) { // None of them stays behind.
            assertThat(below.word("somebody").toCompletableFuture()).isCompletedWithValue(Word.UNKNOWN);
            assertThat(status(below, "somebody")).isEqualTo(503);
        }
    }

    private RacksBelow below() throws IOException {
        return new RacksBelow(this::ask, () -> "own", state, works::add, () -> nowNanos);
    }

    private RegionClient.Answer ask(String method, String path, String bearer, byte[] body) throws IOException {
        asked.add(bearer);
        Integer status = region.get(bearer);
        if (status == null) {
            throw new IOException("the region is away");
        }
        return new RegionClient.Answer(status, (method + ' ' + path).getBytes(UTF_8));
    }

    private Word now(RacksBelow below, String bearer) throws Exception {
        CompletableFuture<Word> word = below.word(bearer).toCompletableFuture();
        work();
        return word.get();
    }

    private int status(RacksBelow below, String bearer) throws Exception {
        CompletableFuture<HttpReply> reply =
                below.relay("PUT", "api/v1/racks/self", bearer, new byte[0]).toCompletableFuture();
        work();
        return reply.get().status();
    }

    private void work() {
        while (!works.isEmpty()) {
            works.remove().run();
        }
    }

    private void pass(Duration time) {
        nowNanos += time.toNanos();
    }
}
