package org.rackboot.server.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StatusCommandTest {
    @TempDir
    Path directory;

    @Test
    void aRackSaysHowItIs() throws Exception {
        String status = """
                {"role": "rack", "version": "1.0", "warnings": ["another DHCP server"],
                 "region": {"urls": ["https://region.example:5240/"], "inStep": false, "problem": "it cannot be reached"},
                 "catalogVersion": 7, "catalogAgeSeconds": 90,
                 "cache": {"memory": {"bytes": 1000, "limit": 2000}, "disk": {"bytes": 3000, "limit": 4000},
                           "fills": {"active": 1, "waiting": 2}},
                 "listeners": ["tftp://198.18.0.1:69"]}""";
        try (ScriptedApi rack = new ScriptedApi(directory).with("status", status)) {
            Told told = rack.told("status");

            assertThat(told.exitCode()).isZero();
            assertThat(told.out().lines())
                    .containsExactly(
                            "role        rack, version 1.0",
                            "region      https://region.example:5240/: not in step: it cannot be reached",
                            "catalog     version 7, which the region confirmed 90 s ago",
                            "cache       disk 3.0 kB of 4.0 kB, memory 1.0 kB of 2.0 kB; 1 fetches running, 2 waiting",
                            "listener    tftp://198.18.0.1:69",
                            "warning     another DHCP server");
            assertThat(rack.told("status", "--json").out()).contains("\"role\" : \"rack\"");
        }
    }

    @Test
    void aRegionSaysHowManyRacksAreInStep() throws Exception {
        String status = """
                {"role": "region", "warnings": [], "sources": [], "selections": 1, "versions": 2,
                 "import": {"state": "idle"}, "racks": {"total": 3, "inStep": 2}}""";
        try (ScriptedApi region = new ScriptedApi(directory).with("status", status)) {
            assertThat(region.told("status").out())
                    .contains("selections  1")
                    .contains("racks       3, 2 of them in step");
        }
    }
}
