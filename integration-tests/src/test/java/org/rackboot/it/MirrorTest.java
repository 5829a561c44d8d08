package org.rackboot.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** {@code rackboot mirror} over real sockets, and who reads what it leaves. */
class MirrorTest {
    private static final JsonMapper JSON = JsonMapper.builder().build();
    private static final String SQUASHFS = "noble/amd64/20260115/squashfs";

    @TempDir
    Path directory;

    private final SignedStream stream = SignedStream.of(1, "20260115", 300_000);
    private Path keyring;
    private Path mirror;

    @BeforeEach
    void paths() throws IOException {
        keyring = Files.write(directory.resolve("source.gpg"), stream.keyring());
        mirror = directory.resolve("mirror");
    }

    @Test
    void aRegionImportsFromAResignedPartOfAStream() throws Exception {
        Path key = directory.resolve("key.asc");
        try (StreamServer source = new StreamServer(stream.files())) {
            Program.Result made = mirror(source, "arch!=arm64", "--resign", "--sign-key", key.toString());
            assertThat(made.exitCode()).as(made.out() + made.err()).isZero();
        }
        assertThat(mirror.resolve(SQUASHFS)).hasBinaryContent(stream.file(SQUASHFS));
        assertThat(mirror.resolve("noble/arm64")).doesNotExist();
        Path ours = mirror.resolve("keyring.gpg");
        ForeignProgram.Said read = new IndependentReader(directory).read(mirror.toString(), ours);
        assertThat(read.exitCode()).as(read.text()).isZero();
        assertThat(read.text()).contains(SQUASHFS).doesNotContain("arm64");

        try (StreamServer copy = new StreamServer(files());
                Program region = Program.serve(directory.resolve("state"))) {
            region.run(
                    "sources",
                    "add",
                    copy.url().toString(),
                    "--keyring",
                    mirror.resolve("keyring.gpg").toString());
            region.run("selections", "add", "--os", "ubuntu", "--release", "noble", "--arch", "amd64");
            Program.Result imported = region.run("images", "import", "--wait");

            assertThat(imported.exitCode()).as(imported.out() + imported.err()).isZero();
        }
    }

    @Test
    void theOriginalKeyringVerifiesAPlainMirror() throws Exception {
        try (StreamServer source = new StreamServer(stream.files())) {
            assertThat(mirror(source).exitCode()).isZero();
        }

        assertThat(new ForeignProgram(directory)
                        .run("gpgv", "--keyring", keyring.toString(), mirror + "/streams/v1/index.sjson")
                        .exitCode())
                .isZero();
        IndependentReader reader = new IndependentReader(directory);
        assertThat(reader.read(mirror.toString(), keyring).text())
                .contains(SQUASHFS)
                .doesNotContain("wrong");
        try (StreamServer server = new StreamServer(files())) {
            assertThat(reader.read(server.url().toString(), keyring).exitCode()).isZero();
        }
    }

    @Test
    void aMirrorComesThroughAProxy() throws Exception {
        try (StreamServer proxy = new StreamServer(stream.files())) { // Whatever host it is asked for.
            Program.Result made = Program.command(
                    "mirror",
                    "http://mirror.example/",
                    mirror.toString(),
                    "--keyring",
                    keyring.toString(),
                    "--proxy",
                    proxy.url().toString());
            assertThat(made.exitCode()).as(made.out() + made.err()).isZero();
            assertThat(mirror.resolve(SQUASHFS)).hasBinaryContent(stream.file(SQUASHFS));

            Program.Result refused = mirror(proxy, "--ca-file", keyring.toString());
            assertThat(refused.exitCode()).isEqualTo(2);
            assertThat(refused.err()).contains("no certificate in PEM form");
        }
    }

    @Test
    void theIndependentReaderNoticesWhatIsWrong() throws Exception {
        try (StreamServer source = new StreamServer(stream.files())) {
            assertThat(mirror(source).exitCode()).isZero();
        }
        IndependentReader reader = new IndependentReader(directory);
        Path stranger = Files.write(
                directory.resolve("stranger.gpg"),
                SignedStream.of(2, "20260115", 10).keyring());

        assertThat(reader.read(mirror.toString(), stranger).text()).contains("index.sjson: gpgv says");

        Path squashfs = mirror.resolve(SQUASHFS);
        byte[] right = Files.readAllBytes(squashfs);
        byte[] flipped = right.clone();
        flipped[5] ^= 1;
        Files.write(squashfs, flipped);
        assertThat(reader.read(mirror.toString(), keyring).text()).contains(SQUASHFS + ": its sha256 is");
        Files.write(squashfs, Arrays.copyOf(right, right.length - 1));
        assertThat(reader.read(mirror.toString(), keyring).text()).contains(SQUASHFS + ": it has");
        Files.write(squashfs, right);
        Path index = mirror.resolve("streams/v1/index.sjson");
        Files.writeString(index, Files.readString(index).replace("image-ids", "image-idz"));
        assertThat(reader.read(mirror.toString(), keyring).exitCode()).isEqualTo(1);
    }

    @Test
    void itSaysInJsonWhatItDidAndDoesItOnce() throws Exception {
        try (StreamServer source = new StreamServer(stream.files())) {
            JsonNode planned = JSON.readTree(
                    mirror(source, "ftype=squashfs", "--dry-run", "--json").out());
            assertThat(planned.path("added").size()).isEqualTo(2);
            assertThat(mirror).doesNotExist();

            JsonNode first =
                    JSON.readTree(mirror(source, "ftype=squashfs", "--json").out());
            JsonNode second =
                    JSON.readTree(mirror(source, "ftype=squashfs", "--json").out());

            assertThat(first.path("outcome").asString()).isEqualTo("done");
            assertThat(first.path("downloadedBytes").asInt()).isEqualTo(600_000);
            assertThat(second.path("downloadedBytes").asInt()).isZero();
            assertThat(second.path("added").size()).isZero();
        }
    }

    @Test
    void exitCodesTellWhoIsToBlame() throws Exception {
        int free;
        try (ServerSocket socket = new ServerSocket(0)) {
            free = socket.getLocalPort();
        }
        try (StreamServer source = new StreamServer(Map.of())) {
            assertThat(mirror(source).exitCode()).as("no stream there").isEqualTo(1);
            assertThat(mirror(source, "arch<amd64").exitCode()).isEqualTo(2);
            assertThat(mirror(source, "--unsigned").exitCode()).isEqualTo(2);
            assertThat(mirror(source, "--resign", "--sign-key", mirror + "/key.asc")
                            .exitCode())
                    .isEqualTo(2);
        }
        Program.Result nobody = Program.command(
                "mirror", "http://127.0.0.1:" + free + "/", mirror.toString(), "--keyring", keyring.toString());
        assertThat(nobody.exitCode()).isEqualTo(3);
        assertThat(nobody.err()).contains("127.0.0.1:" + free);
    }

    @Test
    void pythonSimplestreamsReadsAMirrorOfIt() throws Exception {
        // Debian has no package of it, so its absence is never a failure.
        assumeTrue(ForeignProgram.isInstalled("sstream-mirror"), "not here: sstream-mirror");
        ForeignProgram sstream = new ForeignProgram(directory);
        try (StreamServer source = new StreamServer(stream.files())) {
            mirror(
                    source,
                    "--resign",
                    "--sign-key",
                    directory.resolve("key.asc").toString());
        }
        Path copy = directory.resolve("copy");
        try (StreamServer server = new StreamServer(files())) {
            ForeignProgram.Said said = sstream.run(
                    "sstream-mirror",
                    "--keyring=" + mirror.resolve("keyring.gpg"),
                    server.url() + "streams/v1/index.sjson",
                    copy.toString());

            assertThat(said.exitCode()).as(said.text()).isZero();
        }
        assertThat(copy.resolve(SQUASHFS)).hasBinaryContent(stream.file(SQUASHFS));
    }

    private Program.Result mirror(StreamServer source, String... more) {
        List<String> line = new ArrayList<>(List.of("mirror", source.url().toString(), mirror.toString()));
        line.addAll(List.of("--keyring", keyring.toString()));
        line.addAll(List.of(more));
        return Program.command(line.toArray(String[]::new));
    }

    /** What a web server would publish. */
    private Map<String, byte[]> files() throws IOException {
        Map<String, byte[]> all = new TreeMap<>();
        try (Stream<Path> walk = Files.walk(mirror)) {
            for (Path file : walk.filter(Files::isRegularFile).toList()) {
                all.put(mirror.relativize(file).toString(), Files.readAllBytes(file));
            }
        }
        return all;
    }
}
