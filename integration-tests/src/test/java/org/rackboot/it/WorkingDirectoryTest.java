package org.rackboot.it;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Nothing is taken from the directory that the program is started in (S-42). */
@Timeout(360)
class WorkingDirectoryTest {
    private static final Path LAUNCHER = Path.of("../rackboot").toAbsolutePath().normalize();
    private static final String UNKNOWN =
            "taken: from-the-working-directory\n"; // A server that reads it refuses to start.
    private static final String JAVA_OPTION = "-XX:NoSuchOption=1\n";

    /** What some program or library reads by its name, where it lies in the way. */
    private static final Map<String, String> TRAPS = Map.ofEntries(
            Map.entry("rackboot.yaml", UNKNOWN),
            Map.entry("rackboot.yml", UNKNOWN),
            Map.entry("config.yaml", UNKNOWN),
            Map.entry("application.yaml", UNKNOWN),
            Map.entry("config/application.yaml", UNKNOWN),
            Map.entry("rackboot.properties", "taken = 1\n"),
            Map.entry("application.properties", "taken = 1\n"),
            Map.entry(".rackboot.properties", "rackboot.serve.bind = 127.0.0.9\n"),
            Map.entry(".env", "RACKBOOT_TAKEN=1\nRACKBOOT_STATE=taken\n"),
            Map.entry("logback.xml", logback()),
            Map.entry("logback-test.xml", logback()),
            Map.entry("simplelogger.properties", "org.slf4j.simpleLogger.logFile=taken\n"),
            Map.entry("logging.properties", "handlers=java.util.logging.FileHandler\n"),
            Map.entry("flyway.conf", "flyway.url=jdbc:sqlite:taken\n"),
            Map.entry("flyway.toml", "[environments.default]\nurl = \"jdbc:sqlite:taken\"\n"),
            Map.entry("hikari.properties", "jdbcUrl=jdbc:sqlite:taken\n"),
            Map.entry("sqlite-jdbc.properties", "journal_mode=OFF\n"),
            Map.entry("jndi.properties", "java.naming.factory.initial=taken\n"),
            Map.entry(".hotspotrc", "+NoSuchOption\n"),
            Map.entry(".hotspot_compiler", "quiet\nexclude *\n"),
            Map.entry("jvm.config", JAVA_OPTION),
            Map.entry(".mvn/jvm.config", JAVA_OPTION),
            Map.entry("META-INF/services/ch.qos.logback.classic.spi.Configurator", "taken.Configurator\n"),
            Map.entry("org/rackboot/server/cli/Main.class", "no class\n"),
            Map.entry("rack-boot-server/target/dist/rackboot.jar", "no jar\n"),
            Map.entry("lib/taken.jar", "no jar\n"),
            Map.entry("libsqlitejdbc.so", "no library\n"),
            Map.entry("state/api-token", "taken\n"),
            Map.entry("api-token", "taken\n"),
            Map.entry("api-url", "http://127.0.0.1:9/\n"),
            Map.entry("region.db", "no database\n"),
            Map.entry("keyring.gpg", "no keyring\n"));

    @TempDir
    Path directory;

    @Test
    void nothingIsTakenFromWhereTheProgramIsStarted() throws Exception {
        assumeTrue(
                Files.isRegularFile(LAUNCHER.resolveSibling("rack-boot-server/target/dist/rackboot.jar")),
                "the program is not packaged");
        Path hostile = Files.createDirectory(directory.resolve("hostile"));
        for (Map.Entry<String, String> trap : TRAPS.entrySet()) {
            Path file = hostile.resolve(trap.getKey());
            Files.createDirectories(file.getParent());
            Files.writeString(file, trap.getValue());
        }
        Path state = directory.resolve("state");
        Path log = directory.resolve("serve.log");

        Process server = start(
                hostile,
                log,
                "serve --bind 127.0.0.1 --tftp-port 0 --http-port 0 --api-port 0 --admin-port 0 --state " + state);
        try {
            await().atMost(Duration.ofSeconds(200)).until(() -> {
                assertThat(server.isAlive())
                        .as("it runs: %s", Files.readString(log))
                        .isTrue();
                return Files.readString(log).contains("ready in");
            });
            Path said = directory.resolve("status.log");
            Process status = start(hostile, said, "status --json --state " + state);
            assertThat(status.waitFor(60, TimeUnit.SECONDS)).isTrue();
            assertThat(status.exitValue()).as(Files.readString(said)).isZero();
            assertThat(Files.readString(said)).contains("maas-stable");
        } finally {
            server.destroy();
            assertThat(server.waitFor(60, TimeUnit.SECONDS)).as("it stops").isTrue();
        }

        assertThat(Files.readString(log))
                .contains("  state       " + state)
                .doesNotContain("taken")
                .doesNotContain("NoSuchOption");
        assertThat(filesOf(hostile)).as("nothing was written there, either").isEqualTo(new TreeMap<>(TRAPS));
    }

    private static String logback() {
        return "<configuration debug=\"true\"><appender name=\"F\" class=\"ch.qos.logback.core.FileAppender\"><file>taken"
                + "</file><encoder><pattern>taken %msg%n</pattern></encoder></appender><root level=\"TRACE\">"
                + "<appender-ref ref=\"F\"/></root></configuration>\n";
    }

    private static Process start(Path workingDirectory, Path output, String words) throws IOException {
        List<String> line = new ArrayList<>(List.of(LAUNCHER.toString()));
        line.addAll(List.of(words.split(" ")));
        ProcessBuilder builder = new ProcessBuilder(line)
                .directory(workingDirectory.toFile())
                .redirectErrorStream(true)
                .redirectOutput(output.toFile());
        builder.environment().put("RACKBOOT_NO_BUILD", "1");
        return builder.start();
    }

    private static Map<String, String> filesOf(Path directory) throws IOException {
        Map<String, String> all = new TreeMap<>();
        try (Stream<Path> files = Files.walk(directory)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                all.put(directory.relativize(file).toString(), Files.readString(file, UTF_8));
            }
        }
        return all;
    }
}
