package org.rackboot.region.sync;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.ZoneOffset;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.rackboot.region.source.BootSource;
import org.rackboot.region.source.BootSource.Trust;
import org.rackboot.region.source.Selection;
import org.rackboot.region.store.ContentRepository;
import org.rackboot.region.store.ImageRepository;
import org.rackboot.region.store.RegionDatabase;
import org.rackboot.region.store.SourceRepository;
import org.rackboot.region.store.TestDatabase;
import org.rackboot.region.sync.ScriptedServer.Request;
import org.tukaani.xz.LZMA2Options;
import org.tukaani.xz.XZOutputStream;

/** Whatever a stream is made of, a process with a heap of 256 MiB reads it or refuses it (S-33, S-41, S-53). */
@Timeout(300)
class SmallHeapTest {
    private static final Clock CLOCK = Clock.fixed(TestStream.PUBLISHED.plus(Duration.ofDays(1)), ZoneOffset.UTC);
    private static final int MIB = 1 << 20;

    @TempDir
    Path directory;

    @Test
    void severalBombsAtOnceAreDefused() throws Exception {
        TestStream stream = stream();
        for (int i = 0; i < 4; i++) {
            stream.loader("grub" + i, "uefi" + i, "20260110.0", Map.of("bootx64.efi", new byte[100 * MIB]));
        }

        assertThat(importing(stream.files())).contains("PARTIAL").contains("unpacks to more than");
    }

    @Test
    void severalOfTheLargestArchivesAreUnpacked() throws Exception {
        TestStream stream = stream();
        for (int i = 0; i < 4; i++) {
            stream.packedLoader("grub" + i, "uefi" + i, "20260110.0", largestArchive(i));
        }

        assertThat(importing(stream.files())).contains("DONE").contains("loader:grub3");
    }

    @Test
    void theLargestProductsFileIsRead() throws Exception {
        TestStream stream = stream();
        byte[] kernel = {1};
        for (int serial = 0; serial < 999; serial++) {
            Map<String, byte[]> files = new TreeMap<>();
            for (int file = 0; file < 150; file++) {
                files.put("kernel-" + file, kernel);
            }
            stream.image("jammy", "2025%04d".formatted(serial), files);
        }
        Map<String, byte[]> files = stream.files();
        assertThat(requireNonNull(files.get(TestStream.products(TestStream.IMAGES))).length)
                .isBetween(30 * MIB, 64 * MIB);

        assertThat(importing(files)).contains("DONE");
    }

    @Test
    void sixtyFourMebibytesInPlaceOfAnIndexAreRefused() throws Exception {
        Map<String, byte[]> files = stream().files();
        for (byte filling : new byte[] {'x', '\n', '-'}) {
            byte[] rubbish = new byte[64 * MIB];
            Arrays.fill(rubbish, filling);
            byte[] start = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n".getBytes(UTF_8);
            System.arraycopy(start, 0, rubbish, 0, start.length);
            files.put(TestStream.INDEX, rubbish);

            assertThat(importing(files)).contains("FAILED").contains("streams/v1/index.sjson: ");
        }
    }

    @Test
    void keyringsThatExplodeAreRefused() throws Exception {
        byte[] good = TestStream.SIGNER.keyring();
        byte[] attribute = {(byte) 0xD1, 6, (byte) 0xFF, 0x7F, -1, -1, -1, 1};
        ByteBuffer subkeys = ByteBuffer.allocate(good.length + 10_000 * 3).put(good);
        while (subkeys.hasRemaining()) {
            subkeys.put((byte) 0xCE).put((byte) 1).put((byte) 4);
        }
        ByteBuffer claim = ByteBuffer.allocate(good.length + 6).put(good).put((byte) 0xCE);
        claim.put((byte) 0xFF).putInt(Integer.MAX_VALUE);

        assertThat(importing(
                        stream().files(),
                        ByteBuffer.allocate(good.length + 8)
                                .put(good)
                                .put(attribute)
                                .array()))
                .contains("DONE");
        assertThat(importing(stream().files(), subkeys.array()))
                .contains("FAILED")
                .contains("keys");
        assertThat(importing(stream().files(), claim.array()))
                .contains("FAILED")
                .contains("2147483647");
    }

    /** 30 MiB that unpack to 60, by a dictionary of 48. Noise is stored as it is: to pack it takes half a minute. */
    private static byte[] largestArchive(int seed) throws IOException {
        byte[] noise = new byte[30 * MIB];
        new Random(seed).nextBytes(noise);
        var stored = new LZMA2Options(0);
        stored.setMode(LZMA2Options.MODE_UNCOMPRESSED);
        stored.setDictSize(48 * MIB);
        var packed = new ByteArrayOutputStream();
        try (var xz = new XZOutputStream(packed, stored);
                var tar = new TarArchiveOutputStream(xz)) {
            add(tar, "bootx64.efi", noise);
            xz.endBlock();
            xz.updateFilters(new LZMA2Options(0));
            add(tar, "grubx64.efi", new byte[30 * MIB]);
        }
        assertThat(packed.size()).isBetween(30 * MIB, 32 * MIB);
        return packed.toByteArray();
    }

    private static void add(TarArchiveOutputStream tar, String name, byte[] bytes) throws IOException {
        var entry = new TarArchiveEntry(name);
        entry.setSize(bytes.length);
        tar.putArchiveEntry(entry);
        tar.write(bytes);
        tar.closeArchiveEntry();
    }

    private static TestStream stream() {
        return new TestStream().image("noble", "20260115", Map.of("boot-kernel", new byte[] {1}));
    }

    /** What the process says at its end. */
    private String importing(Map<String, byte[]> files) throws Exception {
        return importing(files, TestStream.SIGNER.keyring());
    }

    private String importing(Map<String, byte[]> files, byte[] keyring) throws Exception {
        Path own = Files.createTempDirectory(directory, "region");
        try (var server = new ScriptedServer((request, socket) -> serve(files, request, socket))) {
            try (var database = RegionDatabase.open(TestDatabase.sqlite(own))) {
                var sources = new SourceRepository(database);
                sources.add(
                        new BootSource(0, "s", server.address(), 0, true, false, Optional.of(new Trust.Data(keyring))),
                        CLOCK.instant());
                sources.add(new Selection(0, "ubuntu", "noble", "amd64", "*", "*"), CLOCK.instant());
            }
            Path output = own.resolve("output");
            Process child = new ProcessBuilder(
                            Path.of(System.getProperty("java.home"), "bin", "java")
                                    .toString(),
                            "-Xmx256m",
                            "-cp",
                            System.getProperty("java.class.path"),
                            Main.class.getName(),
                            TestDatabase.sqlite(own))
                    .redirectErrorStream(true)
                    .redirectOutput(output.toFile())
                    .start();
            try {
                assertThat(child.waitFor()).as(Files.readString(output)).isZero();
                return Files.readString(output);
            } finally {
                child.destroyForcibly();
            }
        }
    }

    private static void serve(Map<String, byte[]> files, Request request, Socket socket) throws IOException {
        byte[] file = files.get(request.path().substring(1));
        if (file == null) {
            ScriptedServer.write(socket, "HTTP/1.1 404 Not Found\nContent-Length: 0\n\n");
            return;
        }
        ScriptedServer.write(socket, "HTTP/1.1 200 OK\nContent-Length: %d\n\n".formatted(file.length));
        OutputStream out = socket.getOutputStream();
        out.write(file);
        out.flush();
    }

    /** The process: one import. */
    static final class Main {
        private Main() {}

        public static void main(String[] arguments) throws Exception {
            ScheduledExecutorService watchdog = Executors.newSingleThreadScheduledExecutor();
            try (var database = RegionDatabase.open(arguments[0])) {
                var sources = new SourceRepository(database);
                var images = new ImageRepository(database);
                ImportReport report = new Importer(
                                sources,
                                new ContentRepository(database),
                                images,
                                new HttpMirror(watchdog),
                                Importer.Settings.DEFAULT,
                                CLOCK,
                                time -> {})
                        .run(sources.sources(), new ImportProgress(), () -> {});
                System.out.println(report.outcome() + " " + report.published() + " " + report.problems());
            } finally {
                watchdog.shutdownNow();
            }
        }
    }
}
