package org.rackboot.server.dhcp6;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rackboot.protocol.dhcp6.Duid;
import org.rackboot.server.config.StateDirectory;

class ServerIdTest {
    @TempDir
    private Path directory;

    @Test
    void aServerKeepsItsName() throws Exception {
        Path state = directory.resolve("state");

        Duid first = ServerId.of(new StateDirectory(state));

        assertThat(first).isInstanceOf(Duid.Uuid.class);
        assertThat(ServerId.of(new StateDirectory(state))).isEqualTo(first);
        assertThat(ServerId.of(new StateDirectory(directory.resolve("other")))).isNotEqualTo(first);
    }

    @Test
    void whatIsNoNameIsNotReplacedInSilence() throws Exception {
        Files.writeString(directory.resolve("dhcp6-server-id"), "0004zz");

        assertThatIOException()
                .isThrownBy(() -> ServerId.of(new StateDirectory(directory)))
                .withMessageContaining("Remove it");
    }
}
