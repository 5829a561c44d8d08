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
 * @param machine what it was
 * @param bootOk the console's BOOT-OK line; Linux prints it after it has loaded and mounted its squashfs
 * @param bootFail the line that it prints instead when it could not
 * @param seconds from power on to that line
 * @param traffic what the machine received, if this kernel can count it
 * @param lostFrames on their way to it or from it, where that was asked for
 * @param console what the machine wrote on its serial port
 */
record FirmwareBoot(
        LabMachine machine,
        Optional<String> bootOk,
        Optional<String> bootFail,
        Optional<String> seconds,
        Optional<Traffic> traffic,
        Optional<Long> lostFrames,
        Path console) {

    /** Bytes of IPv4 frames that were sent to the machine. */
    record Traffic(long tcpBytes, long udpBytes) {}

    private static final Pattern SQUASHFS = Pattern.compile("squashfs-sha256=([0-9a-f]{64})");

    /**
     * Reads the outcome from the files that run-test.sh leaves.
     *
     * @param tap the number of the machine in the run
     */
    static FirmwareBoot read(LabMachine machine, int tap, Path directory, Path runLog) throws IOException {
        Path console = directory.resolve("console-" + tap + ".log");
        String name = Pattern.quote(machine.firmware()) + " tap" + tap + " ";
        List<String> run = Text.lines(runLog);
        return new FirmwareBoot(
                machine,
                find(Text.lines(console), "BOOT-OK .*").map(MatchResult::group),
                find(Text.lines(console), "BOOT-FAIL .*").map(MatchResult::group),
                find(run, "^OK " + name + "([0-9.]+)s ").map(match -> match.group(1)),
                find(run, "TRAFFIC " + name + "tcp-bytes=([0-9]+) udp-bytes=([0-9]+)")
                        .map(match -> new Traffic(Long.parseLong(match.group(1)), Long.parseLong(match.group(2))))
                        .filter(traffic -> traffic.tcpBytes() + traffic.udpBytes() > 0),
                find(run, "LOST " + name + "frames=([0-9]+)").map(match -> Long.valueOf(match.group(1))),
                console);
    }

    /** The name that the image stream has for the processor. */
    String arch() {
        return machine.firmware().startsWith("arm64-") ? "arm64" : "amd64";
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
