package org.rackboot.region.machine;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class KernelWordsTest {
    @Test
    void blanksPartWordsUnlessTheyAreInQuotes() {
        assertThat(KernelWords.of("  a=b \t dyndbg=\"file hub.c +p\" \"x y\"z quiet "))
                .containsExactly("a=b", "dyndbg=\"file hub.c +p\"", "\"x y\"z", "quiet");
        assertThat(KernelWords.of("")).isEmpty();
        assertThat(KernelWords.of("\t ")).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"quiet", "a=\"b c\"", "\"\"", "~!#"})
    void aWordIsPrintableWithItsQuotesInPairs(String word) {
        assertThat(KernelWords.problem(List.of(word))).isEmpty();
        assertThat(KernelWords.of(word)).containsExactly(word); // What is stored is read back.
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "a b", "a=\"b c", "\"a\" b\"", "a\tb", "\"a\tb\"", "\"a\nb\"", "ä", "a\u007f"})
    void whatIsNoneIsRefused(String word) {
        assertThat(KernelWords.problem(List.of(word))).isPresent();
    }

    @Test
    void thereAreNotTooMany() {
        assertThat(KernelWords.problem(List.of("a".repeat(4_096)))).isEmpty();
        assertThat(KernelWords.problem(List.of("a".repeat(4_095), "b"))).isPresent();
        assertThat(KernelWords.problem(KernelWords.of("\"".repeat(100_000)))).isPresent();
    }
}
