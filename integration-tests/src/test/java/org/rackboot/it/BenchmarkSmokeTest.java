package org.rackboot.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.fail;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * {@code benchmarks/run} and {@code benchmarks/racks} still work: they start every server, load each, and nothing that
 * rackboot was asked for is missing. How fast that was is not looked at; this machine may be busy.
 */
class BenchmarkSmokeTest {
    private static final List<String> ROWS =
            List.of("tftp-100-w8", "http-large-8", "http-small-32", "rss", "start-rack");
    private static final long MOST_SECONDS = 240; // A quiet machine takes a sixth of it.

    @TempDir
    private Path directory;

    private final Path repository = repository();

    /** Continuous integration must not pass because it lacks something: there, what is missing is a failure. */
    @BeforeEach
    void theBenchmarksCanRunHere() throws Exception {
        List<String> missing = new ArrayList<>();
        if (!Files.isRegularFile(repository.resolve("rack-boot-server/target/dist/rackboot.jar"))) {
            missing.add("the packaged program (mvn package)");
        }
        Path answer = directory.resolve("missing");
        int status = run(answer, List.of("/usr/bin/env", "python3", "benchmarks/run", "--check"), 60);
        if (status != 0) {
            missing.addAll(Files.readAllLines(answer));
        }
        if (!missing.isEmpty()) {
            String reason = "The benchmarks cannot run here; benchmarks/install-peers installs the peers. Missing: "
                    + String.join("; ", missing);
            assumeTrue(!"true".equals(System.getenv("CI")), reason);
            fail(reason);
        }
    }

    @Test
    void aQuickRunMeasuresEveryServerAndRackbootFailsNoRequest() throws Exception {
        Path json = directory.resolve("results.json");
        Path output = directory.resolve("output");
        List<String> command = new ArrayList<>(List.of(
                "/usr/bin/env",
                "python3",
                "benchmarks/run",
                "--quick",
                "--dir",
                directory.toString(),
                "--json",
                json.toString()));
        ROWS.forEach(row -> command.addAll(List.of("--row", row)));

        int status = run(output, command, MOST_SECONDS);

        assertThat(status).as(() -> read(output)).isZero();
        assertThat(read(output)).contains("| row | load | target | measured | verdict |");
        JsonNode results = JsonMapper.builder().build().readTree(Files.readString(json));
        List<String> measured = new ArrayList<>();
        for (JsonNode row : results.path("rows")) {
            measured.add(row.path("name").asString());
            JsonNode servers = row.path("servers");
            assertThat(servers.path("rackboot").path("failed").asInt(-1))
                    .as("what rackboot failed in %s", row.path("name").asString())
                    .isZero();
            for (JsonNode server : servers) {
                assertThat(server.path("runs")).hasSize(1);
                assertThat(server.path("value").path("median").asDouble()).isPositive();
            }
            int peers = row.path("name").asString().startsWith("tftp")
                    ? 3
                    : row.path("name").asString().startsWith("http") ? 1 : 0;
            assertThat(servers).hasSize(1 + peers);
        }
        assertThat(measured).isEqualTo(ROWS);
    }

    @Test
    void aSmallRunOfRacksMeasuresEveryFigureAndLeavesNothing() throws Exception {
        Path output = directory.resolve("output");
        Path work = Files.createDirectory(directory.resolve("racks"));
        List<String> command = List.of(
                "/usr/bin/env",
                "python3",
                "benchmarks/racks",
                "--small",
                "--database",
                "sqlite",
                "--dir",
                work.toString());

        int status = run(output, command, MOST_SECONDS);

        assertThat(status).as(() -> read(output)).isZero();
        assertThat(read(output).lines().filter(line -> line.contains("| SQLite |")))
                .hasSize(8);
        assertThat(read(output)).as("each content, whoever asks").contains("read 1.00 times, in 1 fetch;");
        assertThat(work).isEmptyDirectory();
    }

    private int run(Path output, List<String> command, long seconds) throws IOException, InterruptedException {
        ProcessBuilder builder = new ProcessBuilder(command)
                .directory(repository.toFile())
                .redirectInput(new File("/dev/null"))
                .redirectErrorStream(true)
                .redirectOutput(output.toFile());
        builder.environment().put("RACKBOOT_NO_BUILD", "1");
        Process process = builder.start();
        try {
            return process.waitFor(seconds, TimeUnit.SECONDS) ? process.exitValue() : -1;
        } finally {
            process.destroy(); // It ends its servers first.
            if (!process.waitFor(60, TimeUnit.SECONDS)) {
                process.destroyForcibly();
            }
        }
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            return e.toString();
        }
    }

    private static Path repository() {
        for (Path at = Path.of("").toAbsolutePath(); at != null; at = at.getParent()) {
            if (Files.isRegularFile(at.resolve("benchmarks/run"))) {
                return at;
            }
        }
        throw new IllegalStateException("No benchmarks/run above " + Path.of("").toAbsolutePath());
    }
}
