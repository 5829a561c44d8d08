package org.rackboot.it.lab;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * One child process that never outlives its bound, the test or this JVM. The lab's scripts clean up on SIGTERM, so that
 * comes first and SIGKILL only when it was not enough.
 */
public final class BoundedProcess {
    private static final Duration CLEAN_UP = Duration.ofSeconds(60);

    /** How the process ended. Its output is in the log it was given. */
    public record Ending(int status, boolean inTime) {
        public boolean isSuccess() {
            return inTime && status == 0;
        }
    }

    private BoundedProcess() {}

    /** Runs a command with these additions to the environment; standard output and error go to {@code log}. */
    public static Ending run(List<String> command, Map<String, String> environment, Path log, Duration atMost)
            throws IOException, InterruptedException {
        Files.createDirectories(log.toAbsolutePath().getParent());
        ProcessBuilder builder = new ProcessBuilder(command)
                .redirectInput(new File("/dev/null"))
                .redirectErrorStream(true)
                .redirectOutput(log.toFile());
        builder.environment().putAll(environment);
        Process process = builder.start();
        Thread onExit = new Thread(() -> end(process), "end-lab-process");
        Runtime.getRuntime().addShutdownHook(onExit);
        boolean inTime;
        try {
            inTime = process.waitFor(atMost.toMillis(), TimeUnit.MILLISECONDS);
        } finally {
            end(process);
            forget(onExit);
        }
        return new Ending(inTime ? process.exitValue() : -1, inTime);
    }

    private static void end(Process process) {
        process.destroy();
        try {
            if (process.waitFor(CLEAN_UP.toMillis(), TimeUnit.MILLISECONDS)) {
                return;
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        process.destroyForcibly();
    }

    private static void forget(Thread onExit) {
        try {
            Runtime.getRuntime().removeShutdownHook(onExit);
        } catch (IllegalStateException e) {
            // The JVM is ending: the hook runs, finds the process ended and returns.
        }
    }
}
