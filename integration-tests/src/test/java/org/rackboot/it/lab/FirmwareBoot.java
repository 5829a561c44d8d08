package org.rackboot.it.lab;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

/**
 * How one virtual machine fared.
 *
 * @param firmware boot-vm.sh's name for it
 * @param bootOk the console's BOOT-OK line; Linux prints it after it has loaded and mounted its squashfs
 * @param bootFail the line that it prints instead when it could not
 * @param seconds from power on to that line
 * @param traffic what the machine received, if this kernel can count it
 * @param console what the machine wrote on its serial port
 */
record FirmwareBoot(
        String firmware,
        Optional<String> bootOk,
        Optional<String> bootFail,
        Optional<String> seconds,
        Optional<Traffic> traffic,
        Path console) {

    /** Bytes of IPv4 frames that were sent to the machine. */
    record Traffic(long tcpBytes, long udpBytes) {}

    private static final Pattern SQUASHFS = Pattern.compile("squashfs-sha256=([0-9a-f]{64})");

    /**
     * Reads the outcome from the files that run-test.sh leaves.
     *
     * @param tap the number of the machine in the run
     */
    static FirmwareBoot read(String firmware, int tap, Path directory, Path runLog) throws IOException {
        Path console = directory.resolve("console-" + tap + ".log");
        String name = Pattern.quote(firmware) + " tap" + tap + " ";
        List<String> run = Text.lines(runLog);
        return new FirmwareBoot(
                firmware,
                find(Text.lines(console), "BOOT-OK .*").map(MatchResult::group),
                find(Text.lines(console), "BOOT-FAIL .*").map(MatchResult::group),
                find(run, "^OK " + name + "([0-9.]+)s ").map(match -> match.group(1)),
                find(run, "TRAFFIC " + name + "tcp-bytes=([0-9]+) udp-bytes=([0-9]+)")
                        .map(match -> new Traffic(Long.parseLong(match.group(1)), Long.parseLong(match.group(2))))
                        .filter(traffic -> traffic.tcpBytes() + traffic.udpBytes() > 0),
                console);
    }

    /** The name that the image stream has for the processor. */
    String arch() {
        return firmware.startsWith("arm64-") ? "arm64" : "amd64";
    }

    /** What the booted Linux computed over the bytes it got. */
    Optional<String> squashfsSha256() {
        return bootOk.flatMap(line ->
                SQUASHFS.matcher(line).results().map(match -> match.group(1)).findFirst());
    }

    private static Optional<MatchResult> find(List<String> lines, String regex) {
        Pattern pattern = Pattern.compile(regex);
        return lines.stream().flatMap(line -> pattern.matcher(line).results()).findFirst();
    }
}
