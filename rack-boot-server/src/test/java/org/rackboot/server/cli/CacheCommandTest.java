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

    @Test
    void aPinIsFollowedUntilAllOfItIsHere() throws Exception {
        String begun = """
                {"pinned": ["ubuntu/noble", "bootx64.efi"], "running": true, "total": 4, "done": 0, "bytes": 30000000}""";
        String ended = """
                {"running": false, "total": 4, "done": 4, "bytes": 30000000, "failures": {}, "notKept": 0}""";
        try (ScriptedApi rack =
                new ScriptedApi(directory).with("cache/pin", begun).with("cache/warm", ended)) {
            Told told = rack.told("cache", "pin", "ubuntu/noble", "bootx64.efi");

            assertThat(told.exitCode()).isZero();
            assertThat(told.out().strip()).isEqualTo("pinned 2 names: 4 of 4 files, 30.0 MB");
            assertThat(told.err()).isEmpty();
            assertThat(rack.told("cache", "pin", "ubuntu/noble", "--json").out())
                    .contains("\"pinned\" : [ \"ubuntu/noble\", \"bootx64.efi\" ]", "\"done\" : 4");
        }
    }

    @Test
    void aPinThatIsNotAllHereHasFailedInPartAndIsTriedAgain() throws Exception {
        String ended = """
                {"pinned": ["ubuntu/noble"], "running": false, "total": 3, "done": 3, "bytes": 30000000, "notKept": 0,
                 "failures": {"0123456789abcdef0123456789abcdef": "the region is away"}}""";
        try (ScriptedApi rack = new ScriptedApi(directory).with("cache/pin", ended)) {
            Told told = rack.told("cache", "pin", "ubuntu/noble");

            assertThat(told.exitCode()).isEqualTo(1);
            assertThat(told.out()).contains("pinned 1 name: 2 of 3 files");
            assertThat(told.err()).contains("0123456789ab: the region is away", "pinned all the same", "tried again");
        }
    }

    @Test
    void whatWasUnpinnedAndWhatStayedIsCounted() throws Exception {
        try (ScriptedApi rack = new ScriptedApi(directory)
                .with("cache/unpin", "{\"unpinned\": [\"ubuntu/noble\", \"bootx64.efi\"]}")
                .with("cache/evict", "{\"evicted\": [\"a\", \"b\"], \"stayed\": 3}")) {
            assertThat(rack.told("cache", "unpin", "--all").out().strip()).isEqualTo("unpinned 2 names");
            assertThat(rack.told("cache", "evict", "--all").out().strip())
                    .isEqualTo("evicted 2 files; 3 files stayed, pinned");
        }
    }

    @Test
    void pinsAreListedBehindTheFilesOrAlone() throws Exception {
        String cache = """
                {"contents": [{"sha256": "0123456789abcdef", "size": 1000, "verified": true, "pinned": true, "names": ["a"]}],
                 "pins": [{"name": "ubuntu/noble", "size": 2000, "cached": 1000, "percent": 50, "state": "fetching"}]}""";
        try (ScriptedApi rack = new ScriptedApi(directory).with("cache", cache)) {
            assertThat(rack.told("cache", "list").out().lines().map(String::strip))
                    .startsWith(
                            "SHA256        SIZE    STATE             NAME",
                            "0123456789ab  1.0 kB  verified, pinned  a",
                            "",
                            "pinned by name:",
                            "NAME          SIZE    HERE  STATE",
                            "ubuntu/noble  2.0 kB  50 %  fetching");
            assertThat(rack.told("cache", "list", "--pins").out()).startsWith("NAME ");
            assertThat(rack.told("cache", "list", "--images").out()).doesNotContain("pinned by name");
        }
        try (ScriptedApi rack = new ScriptedApi(directory).with("cache", "{\"pins\": []}")) {
            assertThat(rack.told("cache", "list", "--pins").out()).startsWith("nothing is pinned");
            assertThat(rack.told("cache", "list").out()).doesNotContain("nothing is pinned");
        }
    }
}
