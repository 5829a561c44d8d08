package org.rackboot.server.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CacheCommandTest {
    private static final String NOT_KEPT = """
            {"running": false, "total": 11, "done": 11, "bytes": 30000000, "failures": {}, "notKept": 1,
             "notKeptFiles": {"0123456789abcdef0123456789abcdef": "boot-kernel"},
             "disk": {"bytes": 20000000, "limit": 20971520}}""";

    @TempDir
    Path directory;

    @Test
    void aWarmingOfMoreThanTheDiskHoldsHasFailedInPart() throws Exception {
        try (ScriptedApi rack = new ScriptedApi(directory).with("cache/warm", NOT_KEPT)) {
            Told told = rack.told("cache", "warm", "--all");

            assertThat(told.exitCode()).isEqualTo(1);
            assertThat(told.out()).contains("10 of 11 files, 30.0 MB");
            assertThat(told.err())
                    .contains("1 of 11 files do not fit the cache of 20 MiB: raise cache.disk, or warm less")
                    .contains("not kept: 0123456789ab boot-kernel");
            Told json = rack.told("cache", "warm", "--all", "--json");
            assertThat(json.exitCode()).isEqualTo(1);
            assertThat(json.out()).contains("\"notKept\" : 1");
        }
    }

    @Test
    void aWarmingThatStaysIsASuccess() throws Exception {
        String kept = NOT_KEPT.replace("\"notKept\": 1", "\"notKept\": 0");
        try (ScriptedApi rack = new ScriptedApi(directory).with("cache/warm", kept)) {
            assertThat(rack.told("cache", "warm", "--all").exitCode()).isZero();
        }
    }
}
