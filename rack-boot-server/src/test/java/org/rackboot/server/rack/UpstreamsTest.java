package org.rackboot.server.rack;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.URI;
import java.util.List;
import org.junit.jupiter.api.Test;

class UpstreamsTest {
    private static final URI A = URI.create("http://198.18.0.1:5240/");
    private static final URI B = URI.create("http://198.18.0.2:5240/");
    private static final URI C = URI.create("http://198.18.0.3:5240/");

    private long nowNanos = Long.MAX_VALUE - 5; // A monotonic clock may be anywhere, and may overflow.
    private final Upstreams upstreams = new Upstreams(List.of(A, B, C), 1, () -> nowNanos);

    @Test
    void theOneThatWasDrawnIsAskedFirst() {
        assertThat(upstreams.inOrder()).containsExactly(B, C, A);
    }

    @Test
    void theOneThatAnsweredIsAskedAgain() {
        upstreams.answered(A);

        assertThat(upstreams.inOrder()).containsExactly(A, B, C);
    }

    @Test
    void theOneThatFailedComesLastForAWhile() {
        upstreams.failed(B);
        assertThat(upstreams.inOrder()).containsExactly(C, A, B);

        nowNanos += Upstreams.REST.toNanos() - 1;
        assertThat(upstreams.inOrder()).containsExactly(C, A, B);
        nowNanos += 1;
        assertThat(upstreams.inOrder()).containsExactly(B, C, A);
    }

    @Test
    void noMachineWaitsForTheSilentOnesUntilTheyAnswerOrTimeGoesBy() {
        upstreams.silent(B);
        assertThat(upstreams.notSilent()).containsExactly(C, A);
        assertThat(upstreams.inOrder()).as("for who can wait").containsExactly(C, A, B);
        upstreams.silent(A);
        upstreams.silent(C);
        assertThat(upstreams.notSilent()).isEmpty();

        upstreams.answered(A);
        assertThat(upstreams.notSilent()).containsExactly(A);
        nowNanos += Upstreams.SILENCE.toNanos();
        assertThat(upstreams.notSilent()).containsExactly(A, B, C);
    }

    @Test
    void whenAllFailedAllAreAskedAllTheSame() {
        for (URI each : List.of(A, B, C)) {
            upstreams.failed(each);
        }

        assertThat(upstreams.inOrder()).containsExactly(B, C, A);
        upstreams.answered(C);
        assertThat(upstreams.inOrder()).containsExactly(C, A, B);
    }
}
