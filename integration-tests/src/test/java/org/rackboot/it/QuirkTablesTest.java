package org.rackboot.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The tables of behaviours and threats are whole, and each of their rows names tests that exist. */
class QuirkTablesTest {
    private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();
    private static final Pattern TEST = Pattern.compile("`(\\w+Test)\\.(\\w+)`");

    @ParameterizedTest
    @CsvSource({"docs/quirks-tftp.md, T, 1, 38", "docs/quirks-http.md, H, 1, 20", "docs/quirks-import.md, S-, 30, 57"})
    void everyRowNamesTestsThatExist(String table, String letter, int first, int last) throws IOException {
        Map<String, String> sources = testSources();
        List<String> lines = Files.readAllLines(ROOT.resolve(table));
        List<String> problems = new ArrayList<>();
        for (int row = first; row <= last; row++) {
            String start = "| " + letter + row + " |";
            List<MatchResult> tests = lines.stream()
                    .filter(line -> line.startsWith(start))
                    .flatMap(line -> TEST.matcher(line).results())
                    .toList();
            boolean nothingToTest =
                    lines.stream().anyMatch(line -> line.startsWith(start) && line.contains("| none: "));
            if (tests.isEmpty() && !nothingToTest) {
                problems.add(letter + row + " names no test");
            }
            for (MatchResult test : tests) {
                if (!sources.getOrDefault(test.group(1), "").contains("void " + test.group(2) + "(")) {
                    problems.add(letter + row + " names " + test.group() + ", which does not exist");
                }
            }
        }
        assertThat(problems).isEmpty();
    }

    private static Map<String, String> testSources() throws IOException {
        Map<String, String> sources = new HashMap<>();
        for (String module : List.of("boot-protocols", "region-images", "rack-boot-server", "integration-tests")) {
            try (Stream<Path> files = Files.walk(ROOT.resolve(module).resolve("src/test/java"))) {
                for (Path file : files.filter(each -> each.toString().endsWith("Test.java"))
                        .toList()) {
                    sources.merge( // Two modules may have one of the same name.
                            file.getFileName().toString().replace(".java", ""), Files.readString(file), String::concat);
                }
            }
        }
        return sources;
    }
}
