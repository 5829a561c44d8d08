package org.rackboot.server.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class HelpTest {
    @ParameterizedTest
    @ValueSource(
            strings = {
                "serve",
                "region",
                "rack",
                "sources",
                "sources list",
                "sources add",
                "sources probe",
                "sources update",
                "sources remove",
                "selections list",
                "selections add",
                "selections remove",
                "images list",
                "images show",
                "images import",
                "images stop",
                "images upload",
                "images pin",
                "images unpin",
                "images rollback",
                "images delete",
                "images options",
                "machines list",
                "machines add",
                "machines update",
                "machines remove",
                "machines import",
                "machines assign",
                "machines unassign",
                "machines assignments",
                "machines netboot",
                "machines tag-options",
                "machines seen",
                "machines adopt",
                "machines forget",
                "cache list",
                "cache warm",
                "cache pin",
                "cache unpin",
                "cache verify",
                "cache evict",
                "dhcp-config",
                "racks list",
                "racks enrol",
                "racks revoke",
                "mirror",
                "backup",
                "bundle export",
                "bundle import",
                "status",
                "get"
            })
    void everyCommandExplainsItself(String command) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();

        int exitCode = Main.run(new PrintWriter(out), new PrintWriter(err), (command + " --help").split(" "));

        assertThat(err.toString()).isEmpty();
        assertThat(exitCode).isZero();
        assertThat(out.toString()).contains("Usage: rackboot " + command);
    }

    @ParameterizedTest
    @CsvSource({"serve, true", "rack, true", "region, false"})
    void whoAnswersMachinesAloneExplainsDhcp(String command, boolean answers) {
        StringWriter out = new StringWriter();

        Main.run(new PrintWriter(out), new PrintWriter(new StringWriter()), command, "--help");

        assertThat(out.toString().contains("--dhcp=")).isEqualTo(answers);
        assertThat(out.toString().contains("--interface=")).isEqualTo(answers);
        assertThat(out.toString()).contains("--api-port=");
    }
}
