package org.rackboot.region.sync;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.rackboot.region.store.ContentRepository.CHUNK_BYTES;

import java.io.IOException;
import java.io.OutputStream;
import java.net.Socket;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.rackboot.region.source.BootSource;
import org.rackboot.region.source.BootSource.Trust;
import org.rackboot.region.source.Selection;
import org.rackboot.region.store.ContentRepository;
import org.rackboot.region.store.ImageRepository;
import org.rackboot.region.store.ImageRepository.Version;
import org.rackboot.region.store.RegionDatabase;
import org.rackboot.region.store.SourceRepository;
import org.rackboot.region.store.TestDatabase;
import org.rackboot.region.sync.ImportReport.Outcome;
import org.rackboot.region.sync.ScriptedServer.Request;

/** An import in a process of its own, killed at some moment, and the next import. */
@Timeout(120)
class KilledImportTest {
    private static final Clock CLOCK = Clock.fixed(TestStream.PUBLISHED.plus(Duration.ofDays(1)), ZoneOffset.UTC);
    private static final int KILLED = 128 + 9;
    private static final int PIECE_BYTES = 64 << 10;
    private static final Map<String, byte[]> FILES = new TestStream()
            .image(
                    "noble",
                    "20260115",
                    Map.of(
                            "boot-kernel",
                            TestStream.noise(1, CHUNK_BYTES + 77),
                            "boot-initrd",
                            TestStream.noise(2, 3 * CHUNK_BYTES),
                            "squashfs",
                            TestStream.noise(3, 5 * CHUNK_BYTES + 500_000)))
            .loader("grub", "uefi", "20260110.0", Map.of("bootx64.efi", TestStream.noise(4, 90_000)))
            .files();

    @TempDir
    Path directory;

    /** How many bytes the server has sent when it kills its client. */
    static IntStream moments() {
        var random = new Random(20_260_115);
        int all = FILES.entrySet().stream()
                .filter(file -> !file.getKey().endsWith(".json"))
                .mapToInt(file -> file.getValue().length)
                .sum();
        return IntStream.concat(random.ints(48, 0, all), IntStream.of(all - 1, all));
    }

    @ParameterizedTest
    @MethodSource("moments")
    void aKilledImportLeavesNothingPartialAndTheNextGoesOn(int moment) throws Exception {
        var killing = new CompletableFuture<Process>();
        var sent = new AtomicLong();
        try (var server = new ScriptedServer((request, socket) -> serve(request, socket, sent, moment, killing))) {
            prepare(server.address());

            // when an import is killed
            Process child = start();
            killing.complete(child);
            assertThat(child.waitFor()).as(Files.readString(output())).isEqualTo(KILLED);
            sent.set(Integer.MIN_VALUE);
            server.requests().clear();

            // then nothing partial is listed
            try (var database = RegionDatabase.open(TestDatabase.sqlite(directory))) {
                var images = new ImageRepository(database);
                assertThat(COMPLETE).containsAll(listed(images)); // Version by version, and each of them whole.
                Map<String, Long> here = storedBytes(new ContentRepository(database));

                // and the next import brings the rest, and only that
                ImportReport report = importFrom(database);

                assertThat(report.problems()).isEmpty();
                assertThat(report.outcome()).isEqualTo(Outcome.DONE);
                assertThat(listed(images)).isEqualTo(COMPLETE);
                assertThat(server.requests())
                        .filteredOn(request -> here.containsKey(request.path()))
                        .allSatisfy(request -> assertThat(request.from()).isEqualTo(here.get(request.path())))
                        .extracting(Request::path)
                        .doesNotHaveDuplicates();
                here.forEach((path, bytes) -> {
                    boolean whole = bytes == file(path).length;
                    assertThat(server.requests().stream().map(Request::path).filter(path::equals))
                            .as("%s, of which %d bytes were here", path, bytes)
                            .hasSize(whole ? 0 : 1);
                });
            }
        }
    }

    private static final List<String> COMPLETE =
            List.of("image:noble 20260115 with 3 files", "loader:grub 20260110.0 with 1 files");

    /** The process that is killed: one import into a database, of whatever is selected there. */
    static final class Main {
        private Main() {}

        public static void main(String[] arguments) throws Exception {
            try (var database = RegionDatabase.open(arguments[0])) {
                importFrom(database);
            }
        }
    }

    private static ImportReport importFrom(RegionDatabase database) throws Exception {
        var sources = new SourceRepository(database);
        ScheduledExecutorService watchdog = Executors.newSingleThreadScheduledExecutor();
        try {
            return new Importer(
                            sources,
                            new ContentRepository(database),
                            new ImageRepository(database),
                            new HttpMirror(watchdog),
                            Importer.Settings.DEFAULT,
                            CLOCK,
                            time -> {})
                    .run(sources.sources(), new ImportProgress(), () -> {});
        } finally {
            watchdog.shutdownNow();
        }
    }

    private void prepare(URI mirror) throws Exception {
        try (var database = RegionDatabase.open(TestDatabase.sqlite(directory))) {
            var sources = new SourceRepository(database);
            var keyring = new Trust.Data(TestStream.SIGNER.keyring());
            sources.add(new BootSource(0, "s", mirror, 0, true, false, Optional.of(keyring)), CLOCK.instant());
            sources.add(new Selection(0, "ubuntu", "noble", "amd64", "*", "*"), CLOCK.instant());
        }
    }

    private Process start() throws IOException {
        return new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-XX:TieredStopAtLevel=1",
                        "-cp",
                        System.getProperty("java.class.path"),
                        Main.class.getName(),
                        TestDatabase.sqlite(directory))
                .redirectErrorStream(true)
                .redirectOutput(output().toFile())
                .start();
    }

    private Path output() {
        return directory.resolve("output");
    }

    /** Sends a file or the rest of it; kills the client once enough was sent. */
    private static void serve(
            Request request, Socket socket, AtomicLong sent, int moment, CompletableFuture<Process> killing)
            throws IOException {
        byte[] file = file(request.path());
        int from = (int) request.from();
        String head = from == 0
                ? "HTTP/1.1 200 OK\nConnection: close\nContent-Length: %d\n\n".formatted(file.length)
                : "HTTP/1.1 206 Partial Content\nConnection: close\nContent-Length: %d\nContent-Range: bytes %d-%d/%d\n\n"
                        .formatted(file.length - from, from, file.length - 1, file.length);
        OutputStream out = socket.getOutputStream();
        out.write(head.replace("\n", "\r\n").getBytes(ISO_8859_1));
        for (int at = from; at < file.length; at += PIECE_BYTES) {
            int count = Math.min(PIECE_BYTES, file.length - at);
            long before = sent.getAndAdd(count);
            if (before <= moment && before + count >= moment) {
                out.write(file, at, (int) (moment - before));
                out.flush();
                kill(killing);
                return;
            }
            out.write(file, at, count);
            out.flush();
        }
    }

    private static void kill(CompletableFuture<Process> killing) throws IOException {
        try {
            killing.get(60, TimeUnit.SECONDS).destroyForcibly().waitFor();
        } catch (InterruptedException | ExecutionException | TimeoutException e) {
            throw new IOException(e);
        }
    }

    /** Bytes in the database, by the path they come from. */
    private static Map<String, Long> storedBytes(ContentRepository contents) throws IOException {
        Map<String, Long> stored = new HashMap<>();
        for (Map.Entry<String, byte[]> file : FILES.entrySet()) {
            if (file.getKey().startsWith("noble/")) {
                stored.put("/" + file.getKey(), contents.storedBytes(TestStream.sha256(file.getValue())));
            }
        }
        return stored;
    }

    private static List<String> listed(ImageRepository images) throws IOException {
        List<String> listed = new ArrayList<>();
        for (Version version : images.versions()) {
            listed.add("%s %s with %d files"
                    .formatted(
                            version.image().product(),
                            version.serial(),
                            version.artifacts().size()));
        }
        return listed;
    }

    private static byte[] file(String path) {
        return Optional.ofNullable(FILES.get(path.substring(1))).orElseThrow();
    }
}
