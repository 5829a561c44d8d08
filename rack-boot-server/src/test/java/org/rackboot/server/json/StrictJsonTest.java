package org.rackboot.server.json;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.core.JacksonException;

class StrictJsonTest {
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "{\"a\": 1, \"a\": 2}    | the key 'a' is there twice (line 1, column 13)",
                "{\"b\": {\"a\": 1, \"a\": 2}} | the key 'a' is there twice (line 1, column 19)",
                "[1                      | Unexpected end-of-input: expected close marker for Array (line 1, column 3)",
                "{\"a\": [1}             | Unexpected close marker '}': expected ']' (line 1, column 9)",
                "{} {}                   | more follows after its end (line 1, column 4)"
            })
    void whatIsWrongWithJsonIsSaidWithoutTheParsersOwnWords(String text, String problem) {
        assertThat(StrictJson.problem(refused(() -> StrictJson.json(text)))).isEqualTo(problem);
        assertThat(StrictJson.problem(refused(() -> StrictJson.json(text.getBytes(UTF_8)))))
                .isEqualTo(problem);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "a: [      | while parsing a flow node, expected the node content, but found '<stream end>' (line 1, column 5)",
                "{a: 1, a: 2} | the key 'a' is there twice (line 1, column 9)",
                "a: b: c   | mapping values are not allowed here (line 1, column 5)"
            })
    void whatIsWrongWithYamlIsSaidInOneLine(String text, String problem) {
        assertThat(StrictJson.problem(refused(() -> StrictJson.yaml(text.getBytes(UTF_8)))))
                .isEqualTo(problem);
    }

    @Test
    void whatIsShownIsShortAndPrintable() {
        String key = "\u202e\\n" + "k".repeat(10_000);
        String twice = StrictJson.problem(refused(() -> StrictJson.json("{\"%s\": 1, \"%s\": 2}".formatted(key, key))));
        String deep = StrictJson.problem(refused(() -> StrictJson.json("[".repeat(600))));
        String endless = StrictJson.problem(refused(() -> StrictJson.json("x".repeat(10_000))));

        assertThat(twice).startsWith("the key '??kkk").contains("…").hasSizeLessThan(120);
        assertThat(deep).isEqualTo("Document nesting depth (501) exceeds the maximum allowed (500)");
        assertThat(endless).hasSizeLessThan(260);
    }

    private static JacksonException refused(Runnable reading) {
        return catchThrowableOfType(JacksonException.class, reading::run);
    }
}
