package org.rackboot.it;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.apache.commons.net.tftp.TFTP;
import org.apache.commons.net.tftp.TFTPClient;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The README's tour and its promises, on loopback. */
class FromEmptyToBootedTest {
    private static final JsonMapper JSON = JsonMapper.builder().build();
    private static final String SERIAL = "20260115";
    private static final int SQUASHFS_BYTES = 9 * (1 << 20) + 12_345;

    @TempDir
    Path directory;

    private final HttpClient http = HttpClient.newHttpClient();

    @Test
    void anImportedImageIsServedByteForByteOverTftpAndHttp() throws Exception {
        SignedStream stream = SignedStream.of(1, SERIAL, SQUASHFS_BYTES);
        try (StreamServer source = new StreamServer(stream.files());
                Program rackboot = Program.serve(directory.resolve("state"), "--config", kernelOptions())) {
            addSource(rackboot, source, stream.keyring());
            assertThat(source.requests())
                    .as("nothing is fetched before something is imported")
                    .isEmpty();
            select(rackboot, "amd64");
            assertThat(source.requests()).isEmpty();

            Program.Result imported = rackboot.run("images", "import", "--wait");

            assertThat(imported.exitCode()).as(imported.out() + imported.err()).isZero();
            assertThat(imported.out()).contains("import done: 3 new versions").contains("signed by");
            JsonNode image = image(rackboot, "ubuntu/noble/amd64/ga-24.04");
            assertThat(image.path("version").asString()).isEqualTo(SERIAL);
            String base = "noble/amd64/" + SERIAL + "/";
            for (Map.Entry<String, String> file : Map.of(
                            "boot-kernel", base + "ga-24.04/generic/boot-kernel",
                            "boot-initrd", base + "ga-24.04/generic/boot-initrd",
                            "squashfs", base + "squashfs")
                    .entrySet()) {
                String name = artifact(image, file.getKey()).path("path").asString();
                await().untilAsserted(() ->
                        assertThat(get(rackboot, name).statusCode()).isEqualTo(200));
                assertThat(get(rackboot, name).body()).as(name).isEqualTo(stream.file(file.getValue()));
                assertThat(tftp(rackboot, name)).as(name).isEqualTo(stream.file(file.getValue()));
            }
            for (String loader : new String[] {"bootx64.efi", "lpxelinux.0", "bootloaders/uefi/amd64/grubx64.efi"}) {
                byte[] expected = SignedStream.noise(100_000, loader.substring(loader.lastIndexOf('/') + 1));
                assertThat(get(rackboot, loader).body()).isEqualTo(expected);
                assertThat(get(rackboot, "/" + loader).body()).isEqualTo(expected); // shim's double slash
                assertThat(tftp(rackboot, loader)).isEqualTo(expected);
                assertThat(tftp(rackboot, "/" + loader)).isEqualTo(expected);
            }
            assertThat(rackboot.log())
                    .contains("tftp kernel "
                            + artifact(image, "boot-kernel").path("path").asString() + ": sent 1500000 B");
        }
    }

    @Test
    void theConfigurationsOfAnUnknownMachineNameFilesThatAreThere() throws Exception {
        SignedStream stream = SignedStream.of(1, SERIAL, 100_000);
        try (StreamServer source = new StreamServer(stream.files());
                Program rackboot = Program.serve(directory.resolve("state"), "--config", kernelOptions())) {
            addSource(rackboot, source, stream.keyring());
            select(rackboot, "amd64");
            rackboot.run("images", "import", "--wait");
            await().untilAsserted(() -> assertThat(
                            get(rackboot, "pxelinux.cfg/default").statusCode())
                    .isEqualTo(200));

            String pxelinux = new String(tftp(rackboot, "pxelinux.cfg/default"), UTF_8);
            assertThat(pxelinux).contains("nomodeset root=squash:" + rackboot.http() + "images/");
            assertThat(pxelinux)
                    .contains("ip=::::maas-enlist:BOOTIF:dhcp ip6=off cc:{'datasource_list': ['MAAS']}end_cc");
            assertThat(pxelinux).contains("--- console=ttyS0").contains("IPAPPEND 2");
            Matcher url =
                    Pattern.compile("(?:KERNEL|INITRD|squash:) ?(http://\\S+)").matcher(pxelinux);
            int files = 0;
            while (url.find()) {
                assertThat(get(URI.create(url.group(1))).statusCode())
                        .as(url.group(1))
                        .isEqualTo(200);
                files++;
            }
            assertThat(files).isEqualTo(3);

            String overTftp = new String(tftp(rackboot, "grub/grub.cfg-default-x86_64"), UTF_8);
            assertThat(overTftp)
                    .contains("(http,127.0.0.1:%d)".formatted(rackboot.http().getPort()));
            String overHttp =
                    new String(get(rackboot, "grub/grub.cfg-default-amd64").body(), UTF_8);
            assertThat(overHttp).doesNotContain("(http").contains("linux \"${rackboot}/images/");
            assertThat(overHttp).contains(" 'cc:{datasource_list:' '[MAAS]}end_cc' ");

            HttpResponse<byte[]> missing = get(rackboot, "grub/grub.cfg-default-arm64");
            assertThat(missing.statusCode()).isEqualTo(404);
            assertThat(new String(missing.body(), UTF_8)).contains("no image ubuntu/noble for arm64: import one with");
        }
    }

    @Test
    void aFileThatIsNotWhatTheStreamSaysHoldsBackItsImage() throws Exception {
        SignedStream stream = SignedStream.of(1, SERIAL, 3 << 20);
        String path = "noble/amd64/" + SERIAL + "/squashfs";
        byte[] good = stream.file(path);
        byte[] flipped = good.clone();
        flipped[2_000_000] ^= 1;
        stream.files().put(path, flipped);
        try (StreamServer source = new StreamServer(stream.files());
                Program rackboot = Program.serve(directory.resolve("state"))) {
            addSource(rackboot, source, stream.keyring());
            select(rackboot, "amd64");

            Program.Result refused = rackboot.run("images", "import", "--wait");

            assertThat(refused.exitCode()).isOne();
            assertThat(refused.err())
                    .contains(path)
                    .contains("sha256 is " + SignedStream.sha256(flipped))
                    .contains("expected " + SignedStream.sha256(good));
            assertThat(rackboot.run("images", "list").out().lines())
                    .filteredOn(line -> line.startsWith("ubuntu/noble"))
                    .hasSize(2) // Its row, and the cause.
                    .anyMatch(line -> line.contains("Failed"))
                    .anyMatch(line -> line.contains("sha256 is"));

            stream.files().put(path, Arrays.copyOf(good, good.length - 1));
            Program.Result shorter = rackboot.run("images", "import", "--wait");
            assertThat(shorter.exitCode()).isOne();
            assertThat(shorter.err())
                    .contains(path)
                    .contains((good.length - 1) + "")
                    .contains(good.length + "");

            stream.files().put(path, good);
            assertThat(rackboot.run("images", "import", "--wait").exitCode()).isZero();
        }
    }

    @Test
    void aStreamSignedByAnotherKeyImportsNothing() throws Exception {
        SignedStream stream = SignedStream.of(1, SERIAL, 100_000);
        try (StreamServer source = new StreamServer(stream.files());
                Program rackboot = Program.serve(directory.resolve("state"))) {
            addSource(rackboot, source, SignedStream.of(2, SERIAL, 10).keyring());
            select(rackboot, "amd64");

            Program.Result refused = rackboot.run("images", "import", "--wait");

            assertThat(refused.exitCode()).isOne();
            assertThat(refused.err()).contains("streams/v1/index.sjson").containsIgnoringCase("key");
            assertThat(source.requests())
                    .singleElement()
                    .extracting(StreamServer.Request::path)
                    .isEqualTo("streams/v1/index.sjson");
            assertThat(rackboot.run("images", "list", "--json").out().strip()).isEqualTo("[ ]");
        }
    }

    @Test
    void anImportThatWasKilledGoesOnWhereItWas() throws Exception {
        SignedStream stream = SignedStream.of(1, SERIAL, SQUASHFS_BYTES);
        String squashfs = "noble/amd64/" + SERIAL + "/squashfs";
        try (StreamServer source = new StreamServer(stream.files());
                Program rackboot = Program.serve(directory.resolve("state"))) {
            addSource(rackboot, source, stream.keyring());
            select(rackboot, "amd64");
            source.hold();
            source.let(16 * 5 + 7); // Five chunks of the squashfs, and a part of the sixth.
            rackboot.run("images", "import");
            await().atMost(30, TimeUnit.SECONDS)
                    .untilAsserted(() ->
                            assertThat(importStatus(rackboot)).contains("5.").contains("noble"));
            assertThat(rackboot.run("images", "list").out().lines())
                    .filteredOn(line -> line.startsWith("ubuntu/noble"))
                    .singleElement()
                    .asString()
                    .contains("Downloading ");

            rackboot.kill();
            source.letAll();
            rackboot.restart();
            assertThat(directory.resolve("state/native"))
                    .as("libraries of the killed one")
                    .isDirectory()
                    .satisfies(
                            libraries -> assertThat(libraries.toFile().list()).hasSize(2)); // And its lock.
            assertThat(rackboot.run("images", "list").out()).doesNotContain("ubuntu/noble");
            int before = source.requests().size();
            Program.Result imported = rackboot.run("images", "import", "--wait");

            assertThat(imported.exitCode()).as(imported.out() + imported.err()).isZero();
            assertThat(imported.out()).contains("squashfs: going on at byte " + 5 * (1 << 20));
            assertThat(source.requests().subList(before, source.requests().size()))
                    .contains(new StreamServer.Request(squashfs, 5L << 20))
                    .noneMatch(request -> request.path().endsWith("boot-kernel"));
            JsonNode image = image(rackboot, "ubuntu/noble/amd64/ga-24.04");
            assertThat(artifact(image, "squashfs").path("sha256").asString())
                    .isEqualTo(SignedStream.sha256(stream.file(squashfs)));
        }
    }

    @Test
    void aRackThatRestartsServesWhatItHasAndTheProcessEndsCleanly() throws Exception {
        SignedStream stream = SignedStream.of(1, SERIAL, 3 << 20);
        try (StreamServer source = new StreamServer(stream.files());
                Program rackboot = Program.serve(directory.resolve("state"))) {
            addSource(rackboot, source, stream.keyring());
            select(rackboot, "amd64");
            rackboot.run("images", "import", "--wait");
            String name = artifact(image(rackboot, "ubuntu/noble/amd64/ga-24.04"), "squashfs")
                    .path("path")
                    .asString();
            await().untilAsserted(
                            () -> assertThat(get(rackboot, name).statusCode()).isEqualTo(200));

            await().untilAsserted(
                            () -> assertThat(metrics(rackboot)).contains("rackboot_cache_fills_completed_total 1.0"));

            assertThat(rackboot.terminate()).isIn(0, 143);
            rackboot.restart();

            assertThat(get(rackboot, name).body()).isEqualTo(stream.file("noble/amd64/" + SERIAL + "/squashfs"));
            await().untilAsserted(() ->
                    assertThat(metrics(rackboot)).contains("rackboot_requests_seconds_count{answer=\"sent\""));
            assertThat(metrics(rackboot)).doesNotContain("fills_started").doesNotContain(name);
            assertThat(get(rackboot.admin().resolve("readyz")).statusCode()).isEqualTo(200);
        }
    }

    private String metrics(Program rackboot) throws Exception {
        return new String(get(rackboot.admin().resolve("metrics")).body(), UTF_8);
    }

    @Test
    void itAlsoRunsOnTheNewestJavaThatIsInstalled() throws Exception {
        Optional<Path> newest = newestJava();
        assumeTrue(newest.isPresent(), "no newer Java than " + Runtime.version().feature() + " in /usr/lib/jvm");
        SignedStream stream = SignedStream.of(1, SERIAL, 3 << 20);
        try (StreamServer source = new StreamServer(stream.files());
                Program rackboot = Program.serveOn(newest.get(), directory.resolve("state"))) {
            addSource(rackboot, source, stream.keyring());
            select(rackboot, "amd64");
            assertThat(rackboot.run("images", "import", "--wait").exitCode()).isZero();
            String name = artifact(image(rackboot, "ubuntu/noble/amd64/ga-24.04"), "squashfs")
                    .path("path")
                    .asString();
            await().untilAsserted(
                            () -> assertThat(get(rackboot, name).statusCode()).isEqualTo(200));
            assertThat(tftp(rackboot, name)).isEqualTo(stream.file("noble/amd64/" + SERIAL + "/squashfs"));
            assertThat(rackboot.terminate()).isIn(0, 143);
        }
    }

    /** The home of the newest Java above this one, by the version its release file tells. */
    private static Optional<Path> newestJava() throws IOException {
        Path all = Path.of("/usr/lib/jvm");
        if (!Files.isDirectory(all)) {
            return Optional.empty();
        }
        Pattern feature = Pattern.compile("JAVA_VERSION=\"(\\d+)");
        int best = Runtime.version().feature();
        Optional<Path> newest = Optional.empty();
        try (Stream<Path> homes = Files.list(all)) {
            for (Path home : homes.toList()) {
                Path release = home.resolve("release");
                Matcher version = feature.matcher(Files.isReadable(release) ? Files.readString(release) : "");
                if (version.find() && Integer.parseInt(version.group(1)) > best) {
                    best = Integer.parseInt(version.group(1));
                    newest = Optional.of(home);
                }
            }
        }
        return newest;
    }

    @Test
    void exitCodesAndErrorsSayWhatToDo() throws Exception {
        Path state = directory.resolve("state");
        Program.Result none = Program.command("images", "list", "--state", state.toString());
        assertThat(none.exitCode()).isEqualTo(3);
        assertThat(none.err()).contains("rackboot serve");
        assertThat(Program.command("images", "lost").exitCode()).isEqualTo(2);
        assertThat(Program.command().exitCode()).isEqualTo(2);
        assertThat(Program.command("--help").out()).contains("selections add").contains("Exit codes");

        try (Program rackboot = Program.serve(state)) {
            Program.Result sources = rackboot.run("sources", "list");
            assertThat(sources.out()).contains("http://images.maas.io/ephemeral-v3/stable/");
            if (!Files.exists(Path.of("/usr/share/keyrings/ubuntu-cloudimage-keyring.gpg"))) {
                assertThat(sources.out())
                        .contains("disabled")
                        .contains("ubuntu-cloudimage-keyring.gpg is not here: install");
            }
            Program.Result nothing = rackboot.run("images", "import", "--wait");
            assertThat(nothing.exitCode()).isOne();
            assertThat(nothing.err()).contains("Nothing is selected");
            Program.Result unsigned = rackboot.run("sources", "add", "http://127.0.0.1:1/");
            assertThat(unsigned.exitCode()).isOne();
            assertThat(unsigned.err()).contains("--keyring FILE").contains("--unsigned");
            assertThat(get(URI.create(Files.readString(state.resolve("api-url")).strip() + "api/v1/images"))
                            .statusCode())
                    .isEqualTo(401);
            assertThat(Files.getPosixFilePermissions(state.resolve("api-token")))
                    .hasSize(2);
            Program.Result second = Program.command("serve", "--state", state.toString(), "--bind", "127.0.0.1");
            assertThat(second.exitCode()).isOne();
            assertThat(second.err()).contains("in use by another rackboot");
        }
    }

    private String kernelOptions() throws IOException {
        return Files.writeString(directory.resolve("rackboot.yaml"), "boot:\n  kernel-options: console=ttyS0\n")
                .toString();
    }

    private void addSource(Program rackboot, StreamServer source, byte[] keyring) throws Exception {
        Path file = Files.write(directory.resolve("keyring.gpg"), keyring);
        Program.Result added =
                rackboot.run("sources", "add", source.url().toString(), "--keyring", file.toString(), "--name", "test");
        assertThat(added.exitCode()).as(added.err()).isZero();
    }

    private static void select(Program rackboot, String arch) throws Exception {
        Program.Result selected =
                rackboot.run("selections", "add", "--os", "ubuntu", "--release", "noble", "--arch", arch);
        assertThat(selected.exitCode()).as(selected.err()).isZero();
    }

    private static JsonNode image(Program rackboot, String name) throws Exception {
        Program.Result shown = rackboot.run("images", "show", name, "--json");
        assertThat(shown.exitCode()).as(shown.err()).isZero();
        return JSON.readTree(shown.out()).path(0);
    }

    private static JsonNode artifact(JsonNode image, String name) {
        for (JsonNode artifact : image.path("artifacts")) {
            if (artifact.path("name").asString().equals(name)) {
                return artifact;
            }
        }
        throw new AssertionError("no artifact " + name);
    }

    private String importStatus(Program rackboot) throws Exception {
        String url = Files.readString(rackboot.state().resolve("api-url")).strip();
        String token = Files.readString(rackboot.state().resolve("api-token")).strip();
        HttpRequest request = HttpRequest.newBuilder(URI.create(url + "api/v1/images/import"))
                .header("Authorization", "Bearer " + token)
                .build();
        JsonNode status =
                JSON.readTree(http.send(request, BodyHandlers.ofString()).body());
        // Everything but the squashfs is done: what is left is 9 MiB less five chunks.
        long left =
                status.path("bytesTotal").asLong() - status.path("bytesDone").asLong();
        boolean fiveChunks =
                status.path("filesDone").asInt() == status.path("filesTotal").asInt() - 1
                        && left <= SQUASHFS_BYTES - 5L * (1 << 20);
        return (fiveChunks ? "5." : "not yet") + status.path("current");
    }

    private HttpResponse<byte[]> get(Program rackboot, String name) throws Exception {
        return get(URI.create(rackboot.http() + name));
    }

    private HttpResponse<byte[]> get(URI address) throws Exception {
        return http.send(HttpRequest.newBuilder(address).build(), BodyHandlers.ofByteArray());
    }

    private static byte[] tftp(Program rackboot, String name) throws IOException {
        TFTPClient client = new TFTPClient();
        client.setDefaultTimeout(Duration.ofSeconds(10));
        client.open(0, InetAddress.getLoopbackAddress());
        try {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            client.receiveFile(name, TFTP.BINARY_MODE, bytes, InetAddress.getLoopbackAddress(), rackboot.tftpPort());
            return bytes.toByteArray();
        } finally {
            client.close();
        }
    }
}
