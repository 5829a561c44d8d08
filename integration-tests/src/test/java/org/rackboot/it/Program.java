package org.rackboot.it;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.InetAddress;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.rackboot.server.cli.Main;
import org.rackboot.server.net.Addresses;

/** {@code rackboot serve}, {@code region} or {@code rack} as a process of its own, on loopback with free ports, and its client commands. */
final class Program implements AutoCloseable {
    private static final Duration START = Duration.ofSeconds(60);

    private final String role;
    private final List<String> within;
    private final Path javaHome;
    private final Path state;
    private final Path output;
    private final List<String> more;
    private Process process;

    /** What a client command said. */
    record Result(int exitCode, String out, String err) {}

    private Program(String role, Path javaHome, Path state, List<String> more) throws IOException {
        this(role, List.of(), javaHome, state, more);
    }

    private Program(String role, List<String> within, Path javaHome, Path state, List<String> more) throws IOException {
        this.role = role;
        this.within = within;
        this.javaHome = javaHome;
        this.state = state;
        this.more = more;
        this.output = Files.createTempFile(state.toAbsolutePath().getParent(), "serve", ".log");
        this.process = launch();
    }

    /** Starts a server and waits until it is ready. */
    static Program serve(Path state, String... more) throws IOException {
        return serveOn(Path.of(System.getProperty("java.home")), state, more);
    }

    /** The same on another Java. */
    static Program serveOn(Path javaHome, Path state, String... more) throws IOException {
        Program program = new Program("serve", javaHome, state, List.of(more));
        program.awaitReady();
        return program;
    }

    /** The same in a network namespace, as root; client commands do not reach it there. */
    static Program serveIn(String namespace, Path state, String... more) throws IOException {
        Program program = new Program(
                "serve",
                List.of("ip", "netns", "exec", namespace),
                Path.of(System.getProperty("java.home")),
                state,
                List.of(more));
        program.awaitReady();
        return program;
    }

    /** {@code rackboot rack}, once it is ready. */
    static Program rack(Path state, String... more) throws IOException {
        return started("rack", state, more);
    }

    /** {@code rackboot region}, once it is ready. */
    static Program region(Path state, String... more) throws IOException {
        return started("region", state, more);
    }

    private static Program started(String role, Path state, String... more) throws IOException {
        Program program = new Program(role, Path.of(System.getProperty("java.home")), state, List.of(more));
        program.awaitReady();
        return program;
    }

    /** {@code rackboot rack} that is not to become ready; returns what it said, once it ended with exit code 1. */
    static String failingRack(Path state, String... more) throws IOException, InterruptedException {
        try (Program program = new Program("rack", Path.of(System.getProperty("java.home")), state, List.of(more))) {
            assertThat(program.process.waitFor(60, TimeUnit.SECONDS)).isTrue();
            assertThat(program.process.exitValue()).as(program.log()).isEqualTo(1);
            return program.log();
        }
    }

    /** {@code kill -9}. */
    void kill() throws InterruptedException {
        process.destroyForcibly();
        assertThat(process.waitFor(20, TimeUnit.SECONDS)).isTrue();
    }

    void restart() throws IOException {
        process = launch();
        awaitReady();
    }

    /** SIGTERM; returns the exit code. */
    int terminate() throws InterruptedException {
        process.destroy();
        assertThat(process.waitFor(20, TimeUnit.SECONDS))
                .as("it stops when told to")
                .isTrue();
        return process.exitValue();
    }

    /** Runs a client command against this server. */
    Result run(String... arguments) {
        List<String> all = new ArrayList<>(List.of(arguments));
        all.add("--state");
        all.add(state.toString());
        return command(all.toArray(String[]::new));
    }

    /** Runs any command line, in this JVM: the same code as {@code main}, without a start for each. */
    static Result command(String... arguments) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        int exitCode = Main.run(new PrintWriter(out, true), new PrintWriter(err, true), arguments);
        return new Result(exitCode, out.toString(), err.toString());
    }

    URI http() throws IOException {
        return URI.create(said("HTTP +(http://\\S+)") + "/");
    }

    int tftpPort() throws IOException {
        return Integer.parseInt(said("TFTP +127\\.0\\.0\\.1:(\\d+)"));
    }

    /** The boot listener on another address that it was told to bind. */
    URI http(InetAddress address) throws IOException {
        return URI.create(said("HTTP .*?(http://" + Pattern.quote(Addresses.host(address)) + ":\\d+)") + "/");
    }

    int tftpPort(InetAddress address) throws IOException {
        return Integer.parseInt(said("TFTP .*?" + Pattern.quote(Addresses.host(address)) + ":(\\d+)"));
    }

    URI admin() throws IOException {
        return URI.create(said("admin +(http://\\S+)") + "/");
    }

    /** Everything it printed and logged since its first start. */
    String log() throws IOException {
        return Files.readString(output, UTF_8);
    }

    Path state() {
        return state;
    }

    long pid() {
        return process.pid();
    }

    @Override
    public void close() {
        process.destroyForcibly();
    }

    private Process launch() throws IOException {
        List<String> line = java();
        line.add("-Xmx256m");
        line.add(Main.class.getName());
        line.addAll(List.of(role, "--state", state.toString(), "--bind", "127.0.0.1"));
        for (String port : List.of("--tftp-port", "--http-port", "--api-port", "--admin-port")) {
            if (!more.contains(port)) {
                line.addAll(List.of(port, "0"));
            }
        }
        line.addAll(more);
        return new ProcessBuilder(line)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(output.toFile()))
                .start();
    }

    private List<String> java() {
        List<String> line = new ArrayList<>(within);
        line.addAll(List.of(javaHome.resolve("bin/java").toString(), "-cp", System.getProperty("java.class.path")));
        return line;
    }

    private void awaitReady() throws IOException {
        long before = log().lines().filter(line -> line.startsWith("ready in")).count();
        await().atMost(START).until(() -> {
            assertThat(process.isAlive())
                    .as("the server runs; it said:%n%s", log())
                    .isTrue();
            return log().lines().filter(line -> line.startsWith("ready in")).count() > before;
        });
    }

    /** The last thing it said that fits. */
    private String said(String pattern) throws IOException {
        Matcher matcher = Pattern.compile(pattern).matcher(log());
        String found = "";
        while (matcher.find()) {
            found = matcher.group(1);
        }
        assertThat(found).as("the server said %s", pattern).isNotEmpty();
        return found;
    }
}
