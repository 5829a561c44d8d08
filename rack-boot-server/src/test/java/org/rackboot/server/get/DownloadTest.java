package org.rackboot.server.get;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DownloadTest {
    @TempDir
    Path directory = Path.of("");

    @Test
    void aFileAppearsWhenItIsWhole() throws IOException {
        Path file = directory.resolve("kernel");
        try (Download download = Download.to(file)) {
            download.write(ByteBuffer.wrap("hel".getBytes(US_ASCII)));
            download.write(ByteBuffer.wrap("lo".getBytes(US_ASCII)));
            assertThat(file).doesNotExist();

            download.publish();
        }

        assertThat(file).hasContent("hello");
        assertThat(directory).isDirectoryNotContaining(each -> !each.equals(file));
    }

    @Test
    void aFileThatIsNeverWholeLeavesWhatWasThere() throws IOException {
        Path file = Files.writeString(directory.resolve("kernel"), "old");
        try (Download download = Download.to(file)) {
            download.write(ByteBuffer.wrap("hel".getBytes(US_ASCII)));
        }

        assertThat(file).hasContent("old");
        assertThat(directory).isDirectoryNotContaining(each -> !each.equals(file));
    }

    @Test
    void aLinkStaysALink() throws IOException {
        Path file = Files.writeString(directory.resolve("kernel-6.8"), "old");
        Path link = Files.createSymbolicLink(directory.resolve("kernel"), file);
        try (Download download = Download.to(link)) {
            download.write(ByteBuffer.wrap("new".getBytes(US_ASCII)));
            download.publish();
        }

        assertThat(link).isSymbolicLink();
        assertThat(file).hasContent("new");
    }

    @Test
    void aDeviceIsNotReplaced() {
        assertThatThrownBy(() -> Download.to(Path.of("/dev/null")).close()).hasMessageContaining("no regular file");
        assertThatThrownBy(() -> Download.to(directory).close()).hasMessageContaining("no regular file");
    }

    @Test
    void theDigestIsOfAllThatCame() throws IOException {
        try (Download download = Download.discarding()) {
            download.write(ByteBuffer.wrap("ab".getBytes(US_ASCII)).asReadOnlyBuffer());
            download.write(ByteBuffer.wrap("c".getBytes(US_ASCII)));

            assertThat(download.bytes()).isEqualTo(3);
            assertThat(download.sha256()) // FIPS 180-2, B.1
                    .isEqualTo("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        }
    }
}
