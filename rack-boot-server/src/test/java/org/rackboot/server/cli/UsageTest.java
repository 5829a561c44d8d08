package org.rackboot.server.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class UsageTest {
    @TempDir
    Path directory;

    /** No server runs: what is wrong with the command line is told all the same, and first. */
    @ParameterizedTest
    @CsvSource({
        "dhcp-config --format foo, 2, '--format is ''foo''; use isc, kea, dnsmasq or plain'",
        "dhcp-config --format ISC, 2, use isc",
        "dhcp-config --format isc, 3, No rackboot is running",
        "cache warm, 2, 'Say which: one or more names, or --all'",
        "cache warm --all, 3, No rackboot is running",
        "cache pin, 2, Missing required parameter",
        "cache unpin, 2, 'Say which: one or more names, or --all'",
        "explain, 2, say which machine",
        "machines netboot maybe web-1, 2, 'neither on nor off'",
        "machines adopt 52:54:00:00:00:01 52:54:00:00:00:02 --name web-1, 2, adopt them one by one",
        "machines forget, 2, say which",
        "racks enrol --expires soon, 2, '--expires is ''soon'''",
        "sources update test --enable --disable, 2, not both",
        "images upload x.tgz, 2, give --name OS/NAME or --bootloader METHOD/ARCH",
        "images upload x.tgz --name custom/x, 2, give --arch",
    })
    void aCommandLineThatIsWrongIsAMatterOfUsage(String line, int expected, String said) {
        String[] words = (line + " --state " + directory.resolve("none")).split(" ");

        Told told = Told.by(words[0], Arrays.copyOfRange(words, 1, words.length));

        assertThat(told.exitCode()).as(told.err()).isEqualTo(expected);
        assertThat(told.out()).isEmpty();
        assertThat(told.err()).contains(said);
    }
}
