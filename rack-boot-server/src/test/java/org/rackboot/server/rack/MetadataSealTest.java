package org.rackboot.server.rack;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rackboot.server.config.StateDirectory;

class MetadataSealTest {
    @TempDir
    Path directory;

    private StateDirectory state;

    @BeforeEach
    void open() {
        state = new StateDirectory(directory);
    }

    @Test
    void namesThatMachinesWereGivenOutliveARestart() throws Exception {
        String token = MetadataSeal.of(state).of("web-1/7");

        assertThat(token).matches("[0-9a-f]{32}");
        assertThat(MetadataSeal.of(state).of("web-1/7")).isEqualTo(token);
        assertThat(MetadataSeal.of(state).of("web-1/8")).isNotEqualTo(token);
    }

    @Test
    void anotherRackHasOthersAndABrokenSecretIsReplaced() throws Exception {
        String token = MetadataSeal.of(state).of("web-1/7");
        Path secret = directory.resolve("metadata-secret");
        assertThat(secret).isRegularFile();

        Files.delete(secret);
        assertThat(MetadataSeal.of(state).of("web-1/7")).isNotEqualTo(token);

        Files.writeString(secret, "abc");
        String after = MetadataSeal.of(state).of("web-1/7");
        assertThat(MetadataSeal.of(state).of("web-1/7")).isEqualTo(after);
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(secret)))
                .isEqualTo("rw-------");
    }
}
