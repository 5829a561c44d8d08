package org.rackboot.it;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** {@code rackboot bundle}: images from one region, or a source, to a region that reaches neither. */
class BundleTest {
    private static final JsonMapper JSON = JsonMapper.builder().build();
    private static final String SQUASHFS = "noble/amd64/20260115/squashfs";

    @TempDir
    Path directory;

    private final SignedStream stream = SignedStream.of(1, "20260115", 300_000);
    private Path keyring;
    private Path bundle;

    @BeforeEach
    void paths() throws IOException {
        keyring = Files.write(directory.resolve("source.gpg"), stream.keyring());
        bundle = directory.resolve("images.tar");
    }

    @Test
    void aRegionsImagesComeToOneWithoutANetworkByTwoCommands() throws Exception {
        Path regionsKey = directory.resolve("region.gpg");
        String images;
        try (StreamServer source = new StreamServer(stream.files());
                Program first = Program.serve(directory.resolve("first"))) {
            first.run("sources", "add", source.url().toString(), "--keyring", keyring.toString());
            first.run("selections", "add", "--os", "ubuntu", "--release", "noble", "--arch", "amd64");
            assertThat(first.run("images", "import", "--wait").exitCode()).isZero();

            Program.Result exported = first.run("bundle", "export", bundle.toString());

            assertThat(exported.exitCode()).as(exported.out() + exported.err()).isZero();
            images = images(first);
            assertThat(images).contains(SQUASHFS.substring(0, 5));
        }
        assertThat(directory.resolve("images.tar.work")).doesNotExist();
        ForeignProgram tar = new ForeignProgram(directory);
        List<String> listed =
                tar.run("tar", "tf", bundle.toString()).text().lines().toList();
        assertThat(listed).startsWith("streams/v1/index.sjson").contains("keyring.gpg", SQUASHFS);
        Path unpacked = Files.createDirectory(directory.resolve("unpacked"));
        assertThat(tar.run("tar", "xf", bundle.toString(), "-C", unpacked.toString())
                        .text())
                .isEmpty();
        Files.copy(unpacked.resolve("keyring.gpg"), regionsKey);
        ForeignProgram.Said read = new IndependentReader(directory).read(unpacked.toString(), regionsKey);
        assertThat(read.exitCode()).as(read.text()).isZero();

        try (Program second = Program.serve(directory.resolve("second"))) {
            Program.Result untrusted = second.run("bundle", "import", bundle.toString());
            assertThat(untrusted.exitCode()).isEqualTo(1);
            assertThat(untrusted.err()).contains("give --keyring FILE").contains("fingerprint");

            Program.Result stranger =
                    second.run("bundle", "import", bundle.toString(), "--keyring", keyring.toString());
            assertThat(stranger.exitCode()).isEqualTo(1);
            assertThat(images(second)).isEmpty();

            Program.Result imported =
                    second.run("bundle", "import", bundle.toString(), "--keyring", regionsKey.toString());
            assertThat(imported.exitCode()).as(imported.out() + imported.err()).isZero();
            assertThat(images(second)).isEqualTo(images);

            Program.Result again = second.run("bundle", "import", bundle.toString());
            assertThat(again.exitCode()).as(again.out() + again.err()).isZero();
            assertThat(again.out()).contains("0 new versions");
            Program.Result enabled = second.run("sources", "update", "bundle", "--enable");
            assertThat(enabled.exitCode()).isEqualTo(1);
            assertThat(enabled.err()).contains("no address to import from").contains("bundle import");
            try (Stream<Path> left = Files.list(directory.resolve("second/bundles"))) {
                assertThat(left).isEmpty();
            }
        }
    }

    @Test
    void aPartOfASourceIsImportedAsAPartWithTheOriginalSignature() throws Exception {
        try (StreamServer source = new StreamServer(stream.files())) {
            assertThat(export(source, "arch!=arm64").exitCode()).isZero();
        }
        try (Program region = Program.serve(directory.resolve("state"))) {
            region.run("selections", "add", "--os", "centos", "--release", "*", "--arch", "*");

            Program.Result imported =
                    region.run("bundle", "import", bundle.toString(), "--keyring", keyring.toString(), "--json");

            assertThat(imported.exitCode()).as(imported.out() + imported.err()).isZero();
            assertThat(JSON.readTree(imported.out()).path("state").asString()).isEqualTo("done");
            assertThat(images(region)).contains("amd64").doesNotContain("arm64");
        }
    }

    @Test
    void whatWasDamagedOnItsWayIsRefusedAndWhatWasHereStays() throws Exception {
        try (StreamServer source = new StreamServer(stream.files())) {
            assertThat(export(source).exitCode()).isZero();
        }
        byte[] whole = Files.readAllBytes(bundle);
        try (Program region = Program.serve(directory.resolve("state"))) {
            Files.write(bundle, Arrays.copyOf(whole, whole.length - 100_000));
            Program.Result cut = take(region);
            assertThat(cut.exitCode()).isEqualTo(1);
            assertThat(cut.err()).contains("cut off");

            byte[] flipped = whole.clone();
            flipped[indexOf(whole, SQUASHFS) + 512 + 1_000] ^= 1;
            Files.write(bundle, flipped);
            Program.Result refused = take(region);
            assertThat(refused.exitCode()).isEqualTo(1);
            assertThat(refused.err()).contains(SQUASHFS).contains("sha256");
            String without = images(region);
            assertThat(without).contains("arm64").doesNotContain("ubuntu/noble/amd64");

            Files.write(bundle, whole);
            assertThat(take(region).exitCode()).isZero();
            String all = images(region);
            assertThat(all).contains("ubuntu/noble/amd64");

            Files.write(bundle, flipped);
            take(region);
            assertThat(images(region)).isEqualTo(all);
        }
    }

    @Test
    void anOlderBundleIsRefusedUntilItIsMeant() throws Exception {
        SignedStream newer = SignedStream.of(1, "20260116", 1_000, Instant.parse("2026-01-16T06:00:00Z"));
        try (StreamServer source = new StreamServer(newer.files())) {
            export(source);
        }
        try (Program region = Program.serve(directory.resolve("state"));
                StreamServer source = new StreamServer(stream.files())) {
            assertThat(take(region).exitCode()).isZero();
            assertThat(export(source).exitCode()).isZero();

            Program.Result older = take(region);

            assertThat(older.exitCode()).isEqualTo(1);
            assertThat(older.err()).contains("--accept-older");
            assertThat(take(region, "--accept-older").exitCode()).isZero();
        }
    }

    @Test
    void exitCodesTellWhoIsToBlame() throws Exception {
        Path nowhere = directory.resolve("nowhere");
        assertThat(Program.command("bundle", "export", bundle.toString(), "--state", nowhere.toString())
                        .exitCode())
                .isEqualTo(3);
        assertThat(Program.command("bundle", "export", bundle.toString(), "--from", "http://127.0.0.1:1/")
                        .exitCode())
                .isEqualTo(2);
        assertThat(Program.command("bundle", "export", bundle.toString(), "--unsigned")
                        .exitCode())
                .isEqualTo(2);
        assertThat(Program.command("bundle", "import", bundle.toString(), "--state", nowhere.toString())
                        .exitCode())
                .isEqualTo(3);
    }

    @Test
    void anExportThatFailedLeavesNoBundleAndGoesOnWhereItWas() throws Exception {
        byte[] squashfs = stream.file(SQUASHFS);
        stream.files().remove(SQUASHFS);
        try (StreamServer source = new StreamServer(stream.files())) {
            Program.Result failed = export(source);
            assertThat(failed.exitCode()).isEqualTo(1);
            assertThat(failed.err()).contains(SQUASHFS);
            assertThat(bundle).doesNotExist();

            stream.files().put(SQUASHFS, squashfs);
            source.requests().clear();
            assertThat(export(source).exitCode()).isZero();
            assertThat(source.requests().stream().map(StreamServer.Request::path))
                    .contains(SQUASHFS)
                    .noneMatch(path -> path.endsWith("boot-kernel"));
        }
        assertThat(bundle).exists();
    }

    private Program.Result export(StreamServer source, String... filters) {
        List<String> line = new ArrayList<>(List.of("bundle", "export", bundle.toString()));
        line.addAll(List.of(filters));
        line.addAll(List.of("--from", source.url().toString(), "--keyring", keyring.toString()));
        return Program.command(line.toArray(String[]::new));
    }

    private Program.Result take(Program region, String... more) {
        List<String> line =
                new ArrayList<>(List.of("bundle", "import", bundle.toString(), "--keyring", keyring.toString()));
        line.addAll(List.of(more));
        return region.run(line.toArray(String[]::new));
    }

    /** Name, version and sha256 of every file that the region publishes. */
    private static String images(Program region) throws Exception {
        List<String> lines = new ArrayList<>();
        for (JsonNode image :
                JSON.readTree(region.run("images", "list", "--json").out())) {
            for (JsonNode file : image.path("artifacts")) {
                lines.add(String.join(
                        " ",
                        image.path("name").asString(),
                        image.path("version").asString(),
                        file.path("name").asString(),
                        file.path("sha256").asString()));
            }
        }
        lines.sort(null);
        return String.join("\n", lines);
    }

    private static int indexOf(byte[] bytes, String text) {
        return new String(bytes, ISO_8859_1).indexOf(text + "\0");
    }
}
