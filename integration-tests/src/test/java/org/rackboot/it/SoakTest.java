package org.rackboot.it;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.ByteArrayOutputStream;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.ToLongFunction;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.apache.commons.net.tftp.TFTP;
import org.apache.commons.net.tftp.TFTPClient;
import org.apache.commons.net.tftp.TFTPReadRequestPacket;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Fifteen machines boot each second, some are switched off on the way, and the server is no larger at the end. For
 * {@code -Drackboot.soak=SECONDS}, a minute of it in each build.
 */
@Timeout(3_600)
class SoakTest {
    private static final int SECONDS = Integer.getInteger("rackboot.soak", 60);
    private static final int BOOTS_A_SECOND = 15;
    private static final int MIB = 1 << 20;
    private static final Pattern FILE = Pattern.compile("images/[0-9a-f]{64}/\\S+/boot-(?:kernel|initrd)");
    private static final Pattern GAUGE = Pattern.compile("(?m)^(\\w+(?:\\{id=\"direct\"})?) ([0-9.E+]+)$");

    @TempDir
    Path directory;

    private final HttpClient http = HttpClient.newHttpClient();
    private final Queue<String> failures = new ConcurrentLinkedQueue<>();
    private final AtomicInteger begun = new AtomicInteger();
    private final AtomicInteger booted = new AtomicInteger();
    private URI boot = URI.create("http://127.0.0.1/");
    private int tftpPort;

    /**
     * What the server holds at one moment.
     *
     * @param descriptors without those of HTTP connections: it is the machines that keep those open
     */
    private record Sample(long rssKib, long directBytes, long threads, long descriptors) {}

    @Test
    void aServerThatBootsMachinesAllDayDoesNotGrow() throws Exception {
        SignedStream stream = SignedStream.of(1, "20260115", 100_000);
        try (StreamServer source = new StreamServer(stream.files());
                Program server = Program.serve(directory.resolve("state"))) {
            Path keyring = Files.write(directory.resolve("keyring.gpg"), stream.keyring());
            done(server, "sources", "add", source.url().toString(), "--keyring", keyring.toString(), "--name", "test");
            done(server, "selections", "add", "--os", "ubuntu", "--release", "noble", "--arch", "amd64");
            done(server, "images", "import", "--wait");
            boot = server.http();
            tftpPort = server.tftpPort();
            await().atMost(Duration.ofSeconds(30)).until(() -> config().contains("boot-kernel"));

            List<Sample> samples = soak(server);

            assertThat(failures).isEmpty();
            assertThat(booted.get()).isGreaterThanOrEqualTo(SECONDS * BOOTS_A_SECOND * 3 / 4);
            System.out.printf(
                    "SOAK %d s, %d boots; first %s, last %s%n",
                    SECONDS, booted.get(), samples.get(0), samples.get(samples.size() - 1));
            List<Sample> early = samples.subList(samples.size() / 3, samples.size() * 2 / 3);
            List<Sample> late = samples.subList(samples.size() * 2 / 3, samples.size());
            assertThat(median(late, Sample::rssKib))
                    .as("resident memory in KiB: %s", samples)
                    .isLessThan(median(early, Sample::rssKib) * 115 / 100);
            assertThat(median(late, Sample::directBytes))
                    .as("direct memory: %s", samples)
                    .isLessThanOrEqualTo(median(early, Sample::directBytes) + MIB);
            assertThat(median(late, Sample::threads))
                    .as("threads: %s", samples)
                    .isLessThanOrEqualTo(median(early, Sample::threads) + 2);
            assertThat(median(late, Sample::descriptors))
                    .as("descriptors: %s", samples)
                    .isLessThanOrEqualTo(median(early, Sample::descriptors) + BOOTS_A_SECOND);
            await("nothing is left open").atMost(Duration.ofMinutes(2)).until(() -> {
                String metrics = text(server.admin().resolve("metrics"));
                return gauge(metrics, "rackboot_tftp_transfers") == 0
                        && gauge(metrics, "rackboot_cache_memory_lent_bytes")
                                == gauge(metrics, "rackboot_cache_memory_bytes");
            });
        }
    }

    /** Boots at a steady rate, and looks at the server once a second. */
    private List<Sample> soak(Program server) throws Exception {
        List<Sample> samples = new ArrayList<>();
        ScheduledExecutorService clock = Executors.newScheduledThreadPool(1);
        var machines = Executors.newFixedThreadPool(4 * BOOTS_A_SECOND);
        try {
            clock.scheduleAtFixedRate(
                    () -> machines.execute(this::machine), 0, 1_000_000 / BOOTS_A_SECOND, TimeUnit.MICROSECONDS);
            long end = System.nanoTime() + Duration.ofSeconds(SECONDS).toNanos();
            var looks = Executors.newSingleThreadScheduledExecutor();
            try {
                while (System.nanoTime() < end) {
                    samples.add(looks.schedule(() -> sample(server), 1, TimeUnit.SECONDS)
                            .get());
                }
            } finally {
                looks.shutdownNow();
            }
        } finally {
            clock.shutdownNow();
            machines.shutdown();
            assertThat(machines.awaitTermination(60, TimeUnit.SECONDS)).isTrue();
        }
        return samples;
    }

    /** Every eighth machine loses its power on the way. */
    private void machine() {
        if (begun.incrementAndGet() % 8 == 0) {
            leave();
        } else {
            boot();
        }
    }

    /** Asks for a loader and never acknowledges it; begins with a kernel and is gone. */
    private void leave() {
        var request =
                new TFTPReadRequestPacket(InetAddress.getLoopbackAddress(), tftpPort, "bootx64.efi", TFTP.BINARY_MODE);
        try (var tftp = new DatagramSocket();
                var http = new Socket(boot.getHost(), boot.getPort())) {
            tftp.send(request.newDatagram());
            Matcher file = FILE.matcher(config());
            assertThat(file.find()).isTrue();
            http.getOutputStream()
                    .write("GET /%s HTTP/1.1\r\nHost: rack\r\n\r\n"
                            .formatted(file.group())
                            .getBytes(UTF_8));
            assertThat(http.getInputStream().readNBytes(1_000)).hasSize(1_000);
        } catch (Exception | AssertionError e) {
            failures.add(e.toString());
        }
    }

    /** Loader by TFTP, then configuration, kernel and initrd by HTTP, as GRUB does. */
    private void boot() {
        try {
            var loader = new ByteArrayOutputStream();
            var tftp = new TFTPClient();
            tftp.setDefaultTimeout(Duration.ofSeconds(5));
            tftp.open();
            try {
                tftp.receiveFile("bootx64.efi", TFTP.BINARY_MODE, loader, InetAddress.getLoopbackAddress(), tftpPort);
            } finally {
                tftp.close();
            }
            Matcher file = FILE.matcher(config());
            int files = 0;
            while (file.find()) {
                HttpResponse<byte[]> response = get(boot.resolve(file.group()));
                assertThat(response.statusCode()).isEqualTo(200);
                assertThat(file.group()).contains(SignedStream.sha256(response.body()));
                files++;
            }
            assertThat(files).isGreaterThanOrEqualTo(2);
            assertThat(loader.size()).isPositive();
            booted.incrementAndGet();
        } catch (Exception | AssertionError e) {
            failures.add(e.toString());
        }
    }

    private String config() throws Exception {
        return text(boot.resolve("grub/grub.cfg-default-amd64"));
    }

    private String text(URI uri) throws Exception {
        return new String(get(uri).body(), UTF_8);
    }

    private HttpResponse<byte[]> get(URI uri) throws Exception {
        return http.send(HttpRequest.newBuilder(uri).build(), BodyHandlers.ofByteArray());
    }

    private static double gauge(String metrics, String name) {
        Matcher line = GAUGE.matcher(metrics);
        while (line.find()) {
            if (line.group(1).equals(name)) {
                return Double.parseDouble(line.group(2));
            }
        }
        throw new AssertionError("no " + name + " in " + metrics);
    }

    private Sample sample(Program server) throws Exception {
        String metrics = text(server.admin().resolve("metrics"));
        double direct = gauge(metrics, "rackboot_direct_memory_bytes")
                + gauge(metrics, "jvm_buffer_memory_used_bytes{id=\"direct\"}");
        long pid = server.pid();
        long rss = 0;
        long threads = 0;
        for (String line : Files.readAllLines(Path.of("/proc/" + pid + "/status"))) {
            if (line.startsWith("VmRSS:")) {
                rss = Long.parseLong(line.replaceAll("\\D", ""));
            } else if (line.startsWith("Threads:")) {
                threads = Long.parseLong(line.replaceAll("\\D", ""));
            }
        }
        try (Stream<Path> descriptors = Files.list(Path.of("/proc/" + pid + "/fd"))) {
            long connections = (long) gauge(metrics, "rackboot_http_connections");
            return new Sample(rss, (long) direct, threads, descriptors.count() - connections);
        }
    }

    private static long median(List<Sample> samples, ToLongFunction<Sample> what) {
        return samples.stream()
                .mapToLong(what)
                .sorted()
                .skip(samples.size() / 2)
                .findFirst()
                .orElseThrow();
    }

    private static void done(Program server, String... arguments) {
        Program.Result result = server.run(arguments);
        assertThat(result.exitCode()).as(result.out() + result.err()).isZero();
    }
}
