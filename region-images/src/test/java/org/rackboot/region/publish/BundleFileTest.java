package org.rackboot.region.publish;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIOException;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Arrays;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rackboot.region.publish.BundleFile.BundleException;
import org.rackboot.region.sync.Mirror;
import org.rackboot.region.sync.Mirror.MirrorException;
import org.rackboot.region.sync.Mirror.NotFoundException;

class BundleFileTest {
    private static final URI ROOT = URI.create("bundle:/lab/");
    private static final String INDEX = "streams/v1/index.sjson";
    private static final String SQUASHFS = "noble/amd64/1/squashfs";

    @TempDir
    Path directory;

    private Path mirror;
    private Path file;

    @BeforeEach
    void paths() throws IOException {
        mirror = Files.createDirectories(directory.resolve("mirror"));
        file = directory.resolve("images.tar");
    }

    @Test
    void whatWasWrittenIsReadAndTheSameMirrorGivesTheSameBytes() throws Exception {
        mirror("streams/v1/a:b.sjson", INDEX);
        BundleWriter.Written written = BundleWriter.write(mirror, Optional.of(new byte[] {1, 2}), file);
        byte[] first = Files.readAllBytes(file);

        try (BundleFile bundle = BundleFile.open(file, ROOT)) {
            assertThat(bundle.part().orElseThrow())
                    .containsExactly(INDEX, "streams/v1/a:b.sjson", "keyring.gpg", SQUASHFS, "z/empty");
            assertThat(bundle.keyring().orElseThrow()).containsExactly(1, 2);
            assertThat(bundle.metadata(ROOT.resolve(INDEX), 100)).isEqualTo(INDEX.getBytes(UTF_8));
            assertThat(read(bundle, SQUASHFS, 0, 200_000)).isEqualTo(content());
            assertThat(read(bundle, SQUASHFS, 150_000, 200_000))
                    .isEqualTo(Arrays.copyOfRange(content(), 150_000, 200_000));
            assertThat(read(bundle, "z/empty", 0, 0)).isEmpty();
        }
        assertThat(written.bytes()).isEqualTo(first.length);
        assertThat(written.sha256()).isEqualTo(PartFile.sha256(file));
        BundleWriter.write(mirror, Optional.of(new byte[] {1, 2}), file);
        assertThat(file).hasBinaryContent(first);
        assertThat(directory.resolve("images.tar.part")).doesNotExist();
    }

    @Test
    void whatChangedOnTheDiskSinceItWasVerifiedMakesNoBundle() throws Exception {
        mirror(INDEX);
        Files.write(mirror.resolve(SQUASHFS), new byte[200_000]);

        assertThatIOException()
                .isThrownBy(() -> BundleWriter.write(mirror, Optional.empty(), file))
                .withMessageContaining("no longer what it was");

        assertThat(directory.toFile().list()).containsExactly("mirror");
    }

    @Test
    void whatIsNotInItOrHasAnotherSizeIsSaid() throws Exception {
        write(member(INDEX, 10), member(SQUASHFS, 5), end());

        try (BundleFile bundle = BundleFile.open(file, ROOT)) {
            assertThatExceptionOfType(NotFoundException.class).isThrownBy(() -> read(bundle, "noble/other", 0, 5));
            assertThatExceptionOfType(NotFoundException.class)
                    .isThrownBy(() -> bundle.metadata(URI.create("http://elsewhere/" + INDEX), 100));
            assertThatExceptionOfType(MirrorException.class).isThrownBy(() -> read(bundle, SQUASHFS, 0, 6));
            assertThatExceptionOfType(MirrorException.class).isThrownBy(() -> read(bundle, SQUASHFS, 0, 4));
            assertThatExceptionOfType(MirrorException.class).isThrownBy(() -> bundle.metadata(ROOT.resolve(INDEX), 9));
        }
    }

    @Test
    void cutOffAnywhereItIsRefused() throws Exception {
        byte[] whole = bytes(member(INDEX, 700), member(SQUASHFS, 600), member("z", 0), end());
        for (int length = 0; length < whole.length; length += 64) {
            Files.write(file, Arrays.copyOf(whole, length));

            assertRefused("cut off");
        }
        Files.write(file, whole);
        BundleFile.open(file, ROOT).close();
    }

    @Test
    void someBytesAfterItsEndAreRefusedAndFillIsNot() throws Exception {
        write(member(INDEX, 1), end(), new byte[8192]);
        BundleFile.open(file, ROOT).close();

        write(member(INDEX, 1), end(), new byte[511], new byte[] {1});
        assertRefused("something follows its end");

        write(member(INDEX, 1), end(), new byte[2 << 20]);
        assertRefused("something follows its end");

        write(member(INDEX, 1), new byte[512], member(SQUASHFS, 1), end());
        assertRefused("something follows its end");
    }

    @Test
    void theOrderAndTheNamesAreThoseOfABundle() throws Exception {
        write(member(SQUASHFS, 1), member(INDEX, 1), end());
        assertRefused("it begins with 'noble");

        write(member("streams/v1/products.sjson", 1), member(INDEX, 1), end());
        assertRefused("it begins with 'streams/v1/products");

        write(member(INDEX, 1), member(SQUASHFS, 1), member("streams/v1/late.sjson", 1), end());
        assertRefused("comes before all else");

        write(member(INDEX, 1), member(SQUASHFS, 1), member(SQUASHFS, 1), end());
        assertRefused("is in it twice");

        write(end());
        assertRefused("it is empty");
    }

    @Test
    void metadataAndKeysAreBounded() throws Exception {
        write(new TarHeader(INDEX, (64 << 20) + 1).encode(0));
        assertRefused("at most 67108864");

        write(member(INDEX, 1), new TarHeader("keyring.gpg", (1 << 20) + 1).encode(0));
        assertRefused("at most 1048576");

        ByteArrayOutputStream many = new ByteArrayOutputStream();
        many.writeBytes(member(INDEX, 0));
        for (int i = 1; i <= 1_000; i++) {
            many.writeBytes(member("streams/v1/" + i, 0));
        }
        write(many.toByteArray(), end());
        assertRefused("more than 1000");
    }

    @ParameterizedTest
    @ValueSource(strings = {"1", "2", "5", "S", "L", "x"})
    void linksAndAllElseThatIsNoPlainFileAreRefused(String type) throws Exception {
        byte[] odd = member("noble/link", 0);
        odd[156] = (byte) type.charAt(0);
        write(member(INDEX, 1), TarHeaderTest.summed(odd), end());

        assertRefused("no plain file");
    }

    @Test
    void somethingElseIsToldFromABundle() throws Exception {
        write(new byte[] {0x1f, (byte) 0x8b}, new byte[600]);
        assertRefused("gunzip");

        write("<html>".repeat(200).getBytes(UTF_8));
        assertRefused("no tar header");

        assertThatIOException()
                .isThrownBy(() -> BundleFile.open(directory.resolve("none"), ROOT))
                .withMessageContaining("There is no file");
    }

    private void assertRefused(String why) {
        assertThatExceptionOfType(BundleException.class)
                .isThrownBy(() -> BundleFile.open(file, ROOT))
                .withMessageContaining(why)
                .withMessageContaining(file.toString());
    }

    private static byte[] read(BundleFile bundle, String path, long from, long size) throws Exception {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        bundle.download(ROOT.resolve(path), from, Optional.empty(), size, new Mirror.Receiver() {
            @Override
            public void begin(long at, Optional<String> etag) {
                assertThat(at).isEqualTo(from);
            }

            @Override
            public void accept(ByteBuffer bytes) {
                byte[] piece = new byte[bytes.remaining()];
                bytes.get(piece);
                all.writeBytes(piece);
            }
        });
        return all.toByteArray();
    }

    private static byte[] content() {
        byte[] bytes = new byte[200_000];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) ((i * 31) >> 3);
        }
        return bytes;
    }

    /** A mirror as {@code LocalMirror} leaves it. */
    private void mirror(String... metadata) throws IOException {
        MirrorState state = MirrorState.read(mirror);
        for (String path : metadata) {
            put(path, path.getBytes(UTF_8));
            state.metadata.add(path);
        }
        state.marks.put(INDEX, Instant.parse("2026-01-15T06:00:00Z"));
        put(SQUASHFS, content());
        put("z/empty", new byte[0]);
        for (String path : new String[] {SQUASHFS, "z/empty"}) {
            Path there = mirror.resolve(path);
            state.files.put(path, new MirrorState.Known(PartFile.sha256(there), Files.size(there)));
        }
        state.write();
    }

    private void put(String path, byte[] bytes) throws IOException {
        Files.createDirectories(mirror.resolve(path).getParent());
        Files.write(mirror.resolve(path), bytes);
    }

    private void write(byte[]... parts) throws IOException {
        Files.write(file, bytes(parts));
    }

    private static byte[] bytes(byte[]... parts) {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        for (byte[] part : parts) {
            all.writeBytes(part);
        }
        return all.toByteArray();
    }

    private static byte[] member(String name, int size) throws IOException {
        TarHeader header = new TarHeader(name, size);
        byte[] content = new byte[(int) header.paddedSize()];
        Arrays.fill(content, 0, size, (byte) 'x');
        return bytes(header.encode(0), content);
    }

    private static byte[] end() {
        return new byte[1024];
    }
}
