package org.rackboot.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rackboot.it.Program.Result;
import tools.jackson.databind.json.JsonMapper;

/** {@code rackboot dhcp-config} of running servers. */
class DhcpConfigTest {
    @TempDir
    Path directory;

    @Test
    void aWholeServerSaysIt() throws Exception {
        try (Program server = Program.serve(directory.resolve("state"))) {
            saysIt(server);
        }
    }

    @Test
    void aRackAloneSaysItAndARegionAloneCannot() throws Exception {
        try (Program region = Program.region(directory.resolve("region"))) {
            Result enrolled = region.run("racks", "enrol", "east", "--json");
            String token = JsonMapper.builder()
                    .build()
                    .readTree(enrolled.out())
                    .path("token")
                    .asString();
            String url =
                    Files.readString(region.state().resolve("api-url")).strip().replaceFirst("http:", "https:");
            try (Program rack = Program.rack(directory.resolve("rack"), "--region", url, "--token", token)) {
                saysIt(rack);
            }

            Result none = region.run("dhcp-config", "--format", "isc", "--address", "198.18.0.1");
            assertThat(none.exitCode()).isEqualTo(1);
            assertThat(none.out()).isEmpty();
        }
    }

    @Test
    void whoDoesNotReachAServerHearsSo() {
        Result none = Program.command(
                "dhcp-config",
                "--format",
                "isc",
                "--state",
                directory.resolve("nothing").toString());

        assertThat(none.exitCode()).isEqualTo(3);
        assertThat(none.out()).isEmpty();
    }

    private static void saysIt(Program server) throws Exception {
        Result done = server.run("dhcp-config", "--format", "isc", "--address", "198.18.0.1");
        assertThat(done.exitCode()).as(done.err()).isZero();
        assertThat(done.out())
                .startsWith("# rackboot:")
                .endsWith("}\n")
                .contains(
                        "next-server 198.18.0.1;",
                        "http://198.18.0.1:%d/ipxe.cfg".formatted(server.http().getPort()));
        assertThat(done.err())
                .contains(
                        "no loader was imported",
                        "TFTP is at port " + server.tftpPort(),
                        "does not listen on 198.18.0.1");

        Result loopback = server.run("dhcp-config", "--format", "kea"); // As the tests' servers all are.
        assertThat(loopback.exitCode()).isEqualTo(1);
        assertThat(loopback.out()).isEmpty();
        assertThat(loopback.err()).contains("--bind", "--address");

        assertThat(server.run("dhcp-config", "--format", "bind").exitCode()).isEqualTo(2);
        assertThat(server.run("dhcp-config").exitCode()).isEqualTo(2);
    }
}
