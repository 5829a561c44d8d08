package org.rackboot.server.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DhcpConfigCommandTest {
    @TempDir
    Path directory;

    /** No server runs: what is wrong with the command line is told all the same, and first. */
    @ParameterizedTest
    @CsvSource({
        "foo, 2, '--format is ''foo''; use isc, kea, dnsmasq or plain'",
        "ISC, 2, use isc",
        "isc, 3, No rackboot is running",
    })
    void aFormatThatThereIsNotIsAMatterOfUsage(String format, int expected, String said) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();

        int exitCode = Main.run(
                new PrintWriter(out),
                new PrintWriter(err),
                "dhcp-config",
                "--format",
                format,
                "--state",
                directory.resolve("none").toString());

        assertThat(exitCode).as(err.toString()).isEqualTo(expected);
        assertThat(out.toString()).isEmpty();
        assertThat(err.toString()).contains(said);
    }
}
