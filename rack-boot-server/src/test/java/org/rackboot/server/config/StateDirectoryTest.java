package org.rackboot.server.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StateDirectoryTest {
    @TempDir
    Path directory;

    @Test
    void whatAKilledProcessHadBegunToWriteIsSwept() throws Exception {
        StateDirectory state = new StateDirectory(directory);
        state.writePins("ubuntu/noble");
        Files.writeString(directory.resolve("pins123.part"), "half");
        Path others = Files.createDirectory(directory.resolve("others.part"));

        state.sweep();

        assertThat(directory.resolve("pins123.part")).doesNotExist();
        assertThat(others).exists();
        assertThat(state.pins()).contains("ubuntu/noble");
    }

    @Test
    void aWriteThatFailsLeavesNothing() throws Exception {
        Files.createDirectories(directory.resolve("pins").resolve("in-the-way"));

        assertThatThrownBy(() -> new StateDirectory(directory).writePins("ubuntu/noble"))
                .isInstanceOf(IOException.class);

        try (var left = Files.list(directory)) {
            assertThat(left).containsExactly(directory.resolve("pins"));
        }
    }
}
