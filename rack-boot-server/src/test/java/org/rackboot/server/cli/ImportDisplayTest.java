package org.rackboot.server.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class ImportDisplayTest {
    private static final JsonMapper JSON = JsonMapper.builder().build();

    @Test
    void aTerminalShowsTheWholeAndEachFileOnItsWayInPlace() {
        var display = new ImportDisplay(true);

        assertThat(display.next(running(45, "one line"))).isEqualTo("""
                        one line
                        [#########...........]  45 %  450 B of 1.0 kB, 1 of 3 files, about 2 min left
                        [##########..........]  50 %      600 B  noble/squashfs
                        """);
        assertThat(display.next(running(46, "another")))
                .startsWith("\033[2A\033[Janother\n[#########...........]  46 %");
        assertThat(display.next(ended())).isEqualTo("\033[2A\033[Jubuntu/noble 1: Failed: wrong\n");
    }

    @Test
    void elsewhereThereIsALineForEachTenth() {
        var display = new ImportDisplay(false);

        assertThat(display.next(running(45, "one line")))
                .isEqualTo("one line\n 45 %  450 B of 1.0 kB, 1 of 3 files, about 2 min left\n");
        assertThat(display.next(running(49, "x"))).isEqualTo("x\n");
        assertThat(display.next(running(50, "y"))).startsWith("y\n 50 %");
        assertThat(display.next(ended())).isEqualTo("ubuntu/noble 1: Failed: wrong\n");
        assertThat(display.next(ended())).isEmpty();
    }

    @Test
    void aLineNeverWraps() {
        JsonNode status = running(45, "");
        String path = "x".repeat(200);

        String text =
                new ImportDisplay(true).next(JSON.readTree(status.toString().replace("noble/squashfs", path)));

        assertThat(text.lines()).allMatch(line -> line.length() <= 79);
    }

    @ParameterizedTest
    @CsvSource({
        "queued, Queued for download",
        "downloading, Downloading 42 %",
        "verifying, Verifying",
        "synced, Synced",
        "failed, Failed: why"
    })
    void anImageHasTheWordsThatMaasUsersKnow(String status, String words) {
        assertThat(ImportDisplay.status(JSON.readTree("""
                {"status": "%s", "percent": 42, "cause": "why"}""".formatted(status)))).isEqualTo(words);
    }

    private static JsonNode running(int percent, String line) {
        return JSON.readTree("""
                {"state": "running", "percent": %d, "bytesDone": %d0, "bytesTotal": 1000, "filesDone": 1, "filesTotal": 3,
                "secondsLeft": 95, "log": ["%s"], "images": [{"name": "ubuntu/noble", "version": "1", "status": "downloading"}],
                "files": [{"path": "a", "status": "synced", "size": 1, "percent": 100},
                {"path": "noble/squashfs", "status": "downloading", "size": 600, "percent": 50},
                {"path": "b", "status": "queued", "size": 1, "percent": 0}]}""".formatted(percent, percent, line));
    }

    private static JsonNode ended() {
        return JSON.readTree("""
                {"state": "partial", "bytesTotal": 1000, "log": [],
                "images": [{"name": "ubuntu/noble", "version": "1", "status": "failed", "cause": "wrong"}]}""");
    }
}
