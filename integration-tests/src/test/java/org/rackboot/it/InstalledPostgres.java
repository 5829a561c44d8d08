package org.rackboot.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** A PostgreSQL of the machine's own packages, which have {@code pg_dump}: a cluster of its own on loopback. */
final class InstalledPostgres {
    private final Path programs;
    private final Path directory;
    private final int port;

    private InstalledPostgres(Path programs) throws IOException, InterruptedException {
        this.programs = programs;
        this.port = freePort();
        this.directory = Files.createTempDirectory(Path.of("/tmp"), "rackboot-postgres");
        if (isRoot()) {
            Files.setOwner(
                    directory,
                    directory.getFileSystem().getUserPrincipalLookupService().lookupPrincipalByName("postgres"));
        }
        Path data = directory.resolve("data");
        asServer("initdb", "-D", data.toString(), "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8");
        asServer(
                "pg_ctl",
                "-D",
                data.toString(),
                "-w",
                "-l",
                directory.resolve("log").toString(),
                "-o",
                "-p %d -k %s -c listen_addresses=127.0.0.1 -c fsync=off".formatted(port, directory),
                "start");
    }

    /** Starts the newest one that is installed; empty if there is none. */
    static Optional<InstalledPostgres> start() throws IOException, InterruptedException {
        Path all = Path.of("/usr/lib/postgresql");
        if (!Files.isDirectory(all)) {
            return Optional.empty();
        }
        try (Stream<Path> versions = Files.list(all)) {
            Optional<Path> newest = versions.filter(
                            version -> Stream.of("initdb", "pg_ctl", "pg_dump", "pg_restore", "createdb")
                                    .allMatch(program -> Files.isExecutable(version.resolve("bin/" + program))))
                    .max(Comparator.comparingInt(
                            version -> Integer.parseInt(version.getFileName().toString())))
                    .map(version -> version.resolve("bin"));
            return newest.isEmpty() ? Optional.empty() : Optional.of(new InstalledPostgres(newest.get()));
        }
    }

    String url(String database) {
        return "jdbc:postgresql://127.0.0.1:%d/%s?user=postgres".formatted(port, database);
    }

    /** Runs one of its client programs, connected to this cluster. */
    void run(String program, String... arguments) throws IOException, InterruptedException {
        List<String> line = new ArrayList<>(
                List.of(programs.resolve(program).toString(), "-h", "127.0.0.1", "-p", port + "", "-U", "postgres"));
        line.addAll(List.of(arguments));
        succeed(line);
    }

    /** Ends it and removes everything it wrote. */
    void stop() throws IOException, InterruptedException {
        asServer("pg_ctl", "-D", directory.resolve("data").toString(), "-m", "immediate", "stop");
        try (Stream<Path> files = Files.walk(directory)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }

    /** The server refuses to run as root. */
    private void asServer(String program, String... arguments) throws IOException, InterruptedException {
        List<String> line = new ArrayList<>();
        if (isRoot()) {
            line.addAll(List.of("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"));
        }
        line.add(programs.resolve(program).toString());
        line.addAll(List.of(arguments));
        succeed(line);
    }

    private static void succeed(List<String> line) throws IOException, InterruptedException {
        Path output = Files.createTempFile("postgres", ".log");
        try { // A pipe would stay open as long as the server that pg_ctl starts.
            Process process = new ProcessBuilder(line)
                    .directory(Path.of("/").toFile())
                    .redirectErrorStream(true)
                    .redirectOutput(output.toFile())
                    .start();
            assertThat(process.waitFor(60, TimeUnit.SECONDS))
                    .as("%s ends", line)
                    .isTrue();
            assertThat(process.exitValue())
                    .as("%s said %s", line, Files.readString(output))
                    .isZero();
        } finally {
            Files.delete(output);
        }
    }

    private static boolean isRoot() {
        return "root".equals(System.getProperty("user.name"));
    }

    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }
}
