package org.rackboot.server.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.rackboot.protocol.tftp.TftpOption;
import org.rackboot.server.get.BootUrl;
import org.rackboot.server.get.Download;
import org.rackboot.server.get.GetListener;
import org.rackboot.server.get.GetReport;
import org.rackboot.server.get.HttpGet;
import org.rackboot.server.get.InvalidUrlException;
import org.rackboot.server.get.Message;
import org.rackboot.server.get.TftpGet;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code rackboot get}: fetches one file as firmware does, and says what firmware will make of it. Needs no server of ours. */
@Command(
        name = "get",
        description = {
            "Fetches one file as firmware does, over tftp://, http:// or https://, and shows what was asked, what was answered,"
                    + " how fast it came, its sha256, and a verdict.",
            "Nothing is kept unless --output names a file."
        })
final class GetCommand implements Callable<Integer> {
    private static final int DEFAULT_BLOCK_SIZE = 1_428; // Fits Ethernet, also with IPv6 and a VLAN.
    private static final int DEFAULT_WINDOW_SIZE = 4; // EDK2's (quirk T4).
    private static final double MOST_TIMEOUT_SECONDS = 86_400;

    @Parameters(
            paramLabel = "URL",
            description = "tftp://host[:port]/name, http[s]://host[:port]/path; IPv6 in brackets")
    @SuppressWarnings("NullAway.Init") // Set by picocli.
    private String url;

    @Option(names = "--blksize", paramLabel = "N", description = "TFTP: bytes of a block, 8 to 65464 (default: 1428)")
    private @Nullable Integer blockSize;

    @Option(
            names = "--windowsize",
            paramLabel = "N",
            description = "TFTP: blocks before an ACK, 1 to 65535 (default: 4)")
    private @Nullable Integer windowSize;

    @Option(
            names = "--timeout-option",
            paramLabel = "SECONDS",
            description = "TFTP: ask for the option timeout as well, 1 to 255, as U-Boot does")
    private @Nullable Integer timeoutOption;

    @Option(names = "--plain", description = "TFTP: ask without any option (RFC 1350)")
    private boolean plain;

    @Option(names = "--range", paramLabel = "FIRST-LAST", description = "HTTP: only these bytes, the first is 0")
    private @Nullable String range;

    @Option(names = "--output", paramLabel = "FILE", description = "keep it; FILE appears when it is whole")
    private @Nullable Path output;

    @Option(names = "--sha256", paramLabel = "HEX", description = "what it should be; anything else is a failure")
    private @Nullable String sha256;

    @Option(
            names = "--timeout",
            paramLabel = "SECONDS",
            description = "patience while nothing new comes (default: ${DEFAULT-VALUE})",
            defaultValue = "10")
    private double timeoutSeconds;

    @Option(names = "--json", description = "print one JSON object")
    private boolean json;

    @Spec
    @SuppressWarnings("NullAway.Init") // Set by picocli.
    private CommandSpec spec;

    @Override
    public Integer call() {
        PrintWriter out = spec.commandLine().getOut();
        PrintWriter err = spec.commandLine().getErr();
        BootUrl address;
        try {
            address = BootUrl.parse(url);
            checkFlags(address.scheme() == BootUrl.Scheme.TFTP);
        } catch (InvalidUrlException | Client.UsageException e) {
            err.println("rackboot: " + e.getMessage());
            return ClientCommand.USAGE;
        }
        GetText text =
                new GetText(out, Boolean.getBoolean("rackboot.terminal"), System::nanoTime); // The launcher knows.
        try (Download download = output == null ? Download.discarding() : Download.to(output)) {
            GetReport report = fetch(address, download, json ? new Silence() : text);
            if (json) {
                out.println(GetJson.of(url, address, report));
            } else {
                text.end(report, Optional.ofNullable(output));
            }
            out.flush();
            return exitCode(report.result());
        } catch (InvalidUrlException e) {
            err.println("rackboot: " + e.getMessage());
            return ClientCommand.USAGE;
        } catch (IOException e) {
            err.println("rackboot: the file %s cannot be written: %s".formatted(output, e.getMessage()));
            return ClientCommand.FAILED;
        }
    }

    private GetReport fetch(BootUrl address, Download download, GetListener listener) throws InvalidUrlException {
        Duration patience = Duration.ofNanos((long) (timeoutSeconds * 1e9));
        Optional<String> expected = Optional.ofNullable(sha256);
        if (address.scheme() != BootUrl.Scheme.TFTP) {
            String userAgent = "rackboot/" + Version.text().replaceAll("[() ]", "");
            return new HttpGet(address, Optional.ofNullable(range), userAgent, patience, System::nanoTime)
                    .run(download, expected, listener);
        }
        List<TftpOption> options = plain
                ? List.of()
                : TftpGet.options(
                        blockSize == null ? DEFAULT_BLOCK_SIZE : blockSize,
                        windowSize == null ? DEFAULT_WINDOW_SIZE : windowSize,
                        timeoutOption == null ? OptionalInt.empty() : OptionalInt.of(timeoutOption));
        return new TftpGet(address, options, patience, System::nanoTime).run(download, expected, listener);
    }

    private void checkFlags(boolean isTftp) throws Client.UsageException {
        boolean hasTftpOptions = blockSize != null || windowSize != null || timeoutOption != null;
        require(
                isTftp || !(hasTftpOptions || plain),
                "--blksize, --windowsize, --timeout-option and --plain are TFTP's");
        require(!isTftp || range == null, "--range is HTTP's; TFTP always sends the whole file");
        require(!(plain && hasTftpOptions), "--plain asks without options; leave the others out");
        require(isWithin(blockSize, 8, 65_464), "--blksize is %s; use 8 to 65464 (RFC 2348)".formatted(blockSize));
        require(isWithin(windowSize, 1, 65_535), "--windowsize is %s; use 1 to 65535 (RFC 7440)".formatted(windowSize));
        require(
                isWithin(timeoutOption, 1, 255),
                "--timeout-option is %s; use 1 to 255 (RFC 2349)".formatted(timeoutOption));
        require(
                range == null || range.matches("\\d{1,18}-\\d{0,18}"),
                "--range is '%s'; use FIRST-LAST in bytes, or FIRST-".formatted(range));
        require(
                sha256 == null || sha256.matches("[0-9a-fA-F]{64}"),
                "--sha256 is '%s'; use 64 hexadecimal digits".formatted(sha256));
        require(
                timeoutSeconds >= 0.001 && timeoutSeconds <= MOST_TIMEOUT_SECONDS,
                "--timeout is %s; use seconds, up to a day".formatted(timeoutSeconds));
    }

    private static void require(boolean condition, String message) throws Client.UsageException {
        if (!condition) {
            throw new Client.UsageException(message);
        }
    }

    private static boolean isWithin(@Nullable Integer value, int least, int most) {
        return value == null || (value >= least && value <= most);
    }

    private static int exitCode(GetReport.Result result) {
        return switch (result) {
            case WHOLE -> ClientCommand.DONE;
            case FAILED -> ClientCommand.FAILED;
            case UNREACHABLE -> ClientCommand.UNREACHABLE;
        };
    }

    /** JSON is printed once, at the end. */
    private static final class Silence implements GetListener {
        @Override
        public void asked(Message request) {}

        @Override
        public void answered(Message answer) {}

        @Override
        public void received(long bytes, OptionalLong total) {}
    }
}
