package org.rackboot.it;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.rackboot.it.lab.BoundedProcess;

/** Somebody else's client, run in a directory of its own: what it is given, what it says, what it leaves. */
final class ForeignProgram {
    /** What a program said on both outputs, and its exit code. */
    record Said(int exitCode, String text) {}

    private static final Duration SHORT = Duration.ofSeconds(60);

    private final Path directory;

    ForeignProgram(Path directory) {
        this.directory = directory;
    }

    /** Continuous integration must not pass because it lacks something: there, what is missing is a failure. */
    static void require(boolean there, String what) {
        if ("true".equals(System.getenv("CI"))) {
            assertThat(there).as(what).isTrue();
        }
        assumeTrue(there, "not here: " + what);
    }

    Said run(String... command) throws IOException, InterruptedException {
        return run(SHORT, command);
    }

    Said run(Duration atMost, String... command) throws IOException, InterruptedException {
        require(isInstalled(command[0]), "the program " + command[0] + " (integration-tests/lab/packages.txt)");
        Path output = Files.createTempFile(directory, "said", ".log");
        BoundedProcess.Ending ending = BoundedProcess.run(List.of(command), Map.of("LC_ALL", "C"), output, atMost);
        String text = Files.readString(output, ISO_8859_1);
        if (!ending.inTime()) {
            fail("%s did not end within %s; it said: %s", String.join(" ", command), atMost, text);
        }
        return new Said(ending.status(), text);
    }

    /** Where a program may put what it downloads; nothing is there yet. */
    Path target() throws IOException {
        Path file = Files.createTempFile(directory, "got", ".bin");
        Files.delete(file);
        return file;
    }

    static String sha256(Path file) throws IOException {
        try (DigestOutputStream digest =
                new DigestOutputStream(OutputStream.nullOutputStream(), MessageDigest.getInstance("SHA-256"))) {
            Files.copy(file, digest);
            return HexFormat.of().formatHex(digest.getMessageDigest().digest());
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    static boolean isInstalled(String program) {
        for (String place : System.getenv().getOrDefault("PATH", "").split(":")) {
            if (Files.isExecutable(Path.of(place, program))) {
                return true;
            }
        }
        return false;
    }
}
