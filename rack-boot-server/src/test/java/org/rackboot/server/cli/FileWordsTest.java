package org.rackboot.server.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What commands say of files that they cannot read. */
class FileWordsTest {
    private static final String[] NOT_UTF_8 = {"machines import", "machines add --mac 52:54:00:00:00:01 --network"};

    @TempDir
    Path directory;

    @ParameterizedTest
    @ValueSource(
            strings = {
                "machines import",
                "machines add --mac 52:54:00:00:00:01 --network",
                "machines assign web --purpose ephemeral --image ubuntu/noble --user-data",
                "sources add http://127.0.0.1:9/ --keyring",
                "sources add http://127.0.0.1:9/ --unsigned --ca-file",
                "images upload --name custom/x --arch amd64",
            })
    void noCommandNamesJavasExceptions(String command) throws Exception {
        Path missing = directory.resolve("missing");
        assertThat(told(command, missing)).contains(missing + " cannot be read: there is no such file");
        assertThat(told(command, missing.resolveSibling("token").resolve("x")))
                .contains("cannot be read: a part of its path is no directory");
        assertThat(told(command, Files.createDirectory(directory.resolve("folder"))))
                .contains("folder cannot be read: it is a directory");
    }

    @Test
    void whatIsNotUtf8IsSaidToBeNone() throws Exception {
        Path latin = Files.write(directory.resolve("latin"), new byte[] {'a', ':', ' ', (byte) 0xe9, '\n'});
        for (String command : NOT_UTF_8) {
            assertThat(told(command, latin)).contains("latin cannot be read: it is not text in UTF-8");
        }
    }

    @Test
    void whatMayNotBeReadIsSaidSo() {
        assertThat(FileWords.reason(new AccessDeniedException("/etc/secret"))).isEqualTo("permission denied");
    }

    @Test
    void aTokenFileThatIsMissingIsNamed() {
        Told told = Told.by("status", "--url", "http://127.0.0.1:9/", "--token-file", directory + "/none");

        assertThat(told.exitCode()).isEqualTo(3);
        assertThat(told.err()).contains("The token file " + directory + "/none cannot be read: there is no such file");
    }

    private String told(String command, Path file) throws Exception {
        try (ScriptedApi server = new ScriptedApi(directory)) {
            Told told = server.told((command + " " + file).split(" "));
            assertThat(told.exitCode()).as(told.err()).isPositive();
            assertThat(told.err()).doesNotContain("Exception");
            return told.err();
        }
    }
}
