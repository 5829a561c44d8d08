package org.rackboot.server.rack;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rackboot.server.config.StateDirectory;

class CachePinsTest {
    @TempDir
    Path directory;

    @Test
    void theNamesAndTheirOrderOutliveTheProcess() throws Exception {
        assertThat(pins().names()).isEmpty();

        pins().replace(List.of("ubuntu/noble", "bootloader/uefi/amd64"));
        assertThat(pins().names()).containsExactly("ubuntu/noble", "bootloader/uefi/amd64");
        pins().replace(List.of());

        assertThat(pins().names()).isEmpty();
        try (Stream<Path> files = Files.list(directory)) {
            assertThat(files).containsExactly(directory.resolve("pins"));
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "ubuntu/noble\n",
                "ubuntu/noble\nsha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n",
                "\u00ff\u00fe",
            })
    void aFileThatIsNotWhatWasWrittenIsSetAside(String found) throws Exception {
        Files.writeString(directory.resolve("pins"), found, ISO_8859_1);

        CachePins pins = pins();

        assertThat(pins.names()).isEmpty();
        assertThat(directory.resolve("pins")).doesNotExist();
        assertThat(Files.readString(directory.resolve("pins.broken"), ISO_8859_1))
                .isEqualTo(found);
        pins.replace(List.of("ubuntu/noble"));
        assertThat(pins().names()).containsExactly("ubuntu/noble");
    }

    @Test
    void anAlteredNameIsFound() throws Exception {
        pins().replace(List.of("ubuntu/noble", "ubuntu/jammy"));
        Path file = directory.resolve("pins");
        Files.writeString(file, Files.readString(file).replace("jammy", "jimmy"));

        assertThat(pins().names()).isEmpty();
        assertThat(directory.resolve("pins.broken")).exists();
    }

    @Test
    void whatCannotBeWrittenChangesNothing() throws Exception {
        CachePins pins = pins();
        pins.replace(List.of("ubuntu/noble"));
        Files.delete(directory.resolve("pins"));
        Files.createDirectories(directory.resolve("pins/in-the-way"));

        assertThatThrownBy(() -> pins.replace(List.of("ubuntu/jammy"))).isInstanceOf(IOException.class);

        assertThat(pins.names()).containsExactly("ubuntu/noble");
    }

    private CachePins pins() {
        return new CachePins(new StateDirectory(directory));
    }
}
