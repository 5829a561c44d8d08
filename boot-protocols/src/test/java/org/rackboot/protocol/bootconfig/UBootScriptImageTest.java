package org.rackboot.protocol.bootconfig;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.zip.CRC32;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class UBootScriptImageTest {
    private static final Path MKIMAGE = Path.of("/usr/bin/mkimage");
    private static final Path DUMPIMAGE = Path.of("/usr/bin/dumpimage");

    @Test
    void theHeaderAndTheTableOfLengthsAreWhatSourceReads() {
        byte[] image = UBootScriptImage.wrap("echo \u00e9\n");

        assertThat(image).hasSize(64 + 8 + 8);
        assertThat(HexFormat.of().formatHex(image, 0, 4)).isEqualTo("27051956");
        assertThat(HexFormat.of().formatHex(image, 8, 24)).isEqualTo("00000000" + "00000010" + "00000000" + "00000000");
        assertThat(HexFormat.of().formatHex(image, 28, 42)).isEqualTo("05020600" + "7261636b626f6f740000");
        assertThat(HexFormat.of().formatHex(image, 64, 72)).isEqualTo("00000008" + "00000000");
        assertThat(new String(image, 72, 8, UTF_8)).isEqualTo("echo \u00e9\n");

        ByteBuffer header = ByteBuffer.wrap(image);
        CRC32 data = new CRC32();
        data.update(image, 64, image.length - 64);
        assertThat(header.getInt(24)).isEqualTo((int) data.getValue());
        int said = header.getInt(4);
        header.putInt(4, 0);
        CRC32 head = new CRC32();
        head.update(image, 0, 64);
        assertThat(said).isEqualTo((int) head.getValue());
    }

    @Test
    void uBootsToolsAgree(@TempDir Path directory) throws IOException, InterruptedException {
        assumeTrue(Files.isExecutable(MKIMAGE) && Files.isExecutable(DUMPIMAGE), "mkimage is missing (u-boot-tools)");
        String script = BootTemplates.builtIn()
                .render(
                        ConfigLoader.U_BOOT_SCRIPT,
                        Plans.of(ConfigLoader.U_BOOT_SCRIPT, ConfigPurpose.EPHEMERAL, "arm64"),
                        Plans.OVER_TFTP);
        Path file = Files.write(directory.resolve("boot.scr"), UBootScriptImage.wrap(script));
        Path extracted = directory.resolve("script");

        assertThat(run(MKIMAGE.toString(), "-l", file.toString())).contains("Script", "rackboot");
        run(DUMPIMAGE.toString(), "-T", "script", "-p", "0", "-o", extracted.toString(), file.toString());

        byte[] data = Files.readAllBytes(extracted); // With or without the table, as the version of the tool wants.
        assertThat(new String(data, UTF_8)).endsWith(script);
    }

    private static String run(String... command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String said = new String(process.getInputStream().readAllBytes(), UTF_8);
        assertThat(process.waitFor()).as(said).isZero();
        return said;
    }
}
