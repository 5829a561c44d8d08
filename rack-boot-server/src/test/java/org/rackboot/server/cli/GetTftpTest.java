package org.rackboot.server.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.netty.util.NetUtil;
import java.io.IOException;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rackboot.protocol.tftp.ClientRules;
import org.rackboot.protocol.tftp.Negotiation;
import org.rackboot.protocol.tftp.TftpError;
import org.rackboot.server.net.Addresses;
import org.rackboot.server.net.BindException;
import org.rackboot.server.net.EventLoops;
import org.rackboot.server.tftp.BodySource;
import org.rackboot.server.tftp.TftpListener;
import org.rackboot.server.tftp.TftpService;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** {@code rackboot get tftp://…} against this program's own listener, and against servers that are wrong. */
class GetTftpTest {
    private static final byte[] LOADER = random(700_001);
    private static final String LOADER_SHA256 = Told.sha256(LOADER);
    private static final String SHORT_PATIENCE = "--timeout=0.3";

    @TempDir
    Path directory = Path.of("");

    private final EventLoops loops = EventLoops.best("test");
    private final TftpListener listener = listener(false);
    private String root = "";

    @BeforeEach
    void start() throws Exception {
        root = "tftp://" + Addresses.hostAndPort(listener.bind(NetUtil.LOCALHOST4, 0)) + "/";
    }

    @AfterEach
    void stop() {
        listener.close();
        loops.close();
    }

    @Test
    void aFileComesInWholeAndEverythingIsShown() {
        Told told = Told.by("get", root + "bootx64.efi");

        assertThat(told.exitCode()).isZero();
        assertThat(told.err()).isEmpty();
        assertThat(told.out())
                .contains("RRQ \"bootx64.efi\" octet")
                .contains("tsize: 0")
                .contains("OACK")
                .contains("tsize: 700001")
                .contains("blksize: 1428")
                .contains("windowsize: 4")
                .contains("700001 bytes in ")
                .contains("MB/s")
                .contains("491 of 1428 bytes, window 4; 0 gaps")
                .contains("ms for the first reply")
                .contains("sha256      " + LOADER_SHA256)
                .doesNotContain("\r", "\033");
        assertThat(told.verdict()).contains("came in whole"); // A busy machine's server may have repeated something.
    }

    @Test
    void theOptionsAreThoseThatWereTyped() {
        Told told = Told.by("get", root + "bootx64.efi", "--blksize=512", "--windowsize=1", "--timeout-option=3");

        assertThat(told.exitCode()).isZero();
        assertThat(told.out()).contains("blksize: 512", "windowsize: 1", "timeout: 3", "1368 of 512 bytes, window 1");
    }

    @Test
    void blockNumbersGoOnAfter65535() { // T16
        Told told = Told.by("get", root + "bootx64.efi", "--blksize=8", "--windowsize=64", "--sha256", LOADER_SHA256);

        assertThat(told.exitCode()).isZero();
        assertThat(told.out()).contains("87501 of 8 bytes, window 64");
    }

    @Test
    void aServerMayAnswerFromThePortItWasAskedAt() throws Exception { // T27
        try (TftpListener single = listener(true)) {
            InetSocketAddress bound = single.bind(NetUtil.LOCALHOST4, 0);

            Told told = Told.by("get", "tftp://%s/bootx64.efi".formatted(Addresses.hostAndPort(bound)));

            assertThat(told.exitCode()).isZero();
            assertThat(told.out()).contains("answered    " + Addresses.hostAndPort(bound) + "  OACK");
        }
    }

    @Test
    void aPlainRequestHasNoOptions() {
        Told told = Told.by("get", root + "bootx64.efi", "--plain");

        assertThat(told.exitCode()).isZero();
        assertThat(told.out()).contains("DATA 1, no OACK").doesNotContain("blksize");
        assertThat(told.verdict()).isEqualTo("good: came in whole");
    }

    @Test
    void aFileIsKeptUnderItsNameWhenItIsWhole() {
        Path file = directory.resolve("loader");

        Told told = Told.by("get", root + "bootx64.efi", "--output", file.toString(), "--sha256", LOADER_SHA256);

        assertThat(told.exitCode()).isZero();
        assertThat(told.out()).contains("kept        " + file);
        assertThat(told.verdict()).isEqualTo("good: came in whole, as expected");
        assertThat(file).hasBinaryContent(LOADER);
        assertThat(directory).isDirectoryNotContaining(each -> !each.equals(file));
    }

    @Test
    void anotherFileThanExpectedIsAFailureAndNotKept() {
        Path file = directory.resolve("loader");

        Told told = Told.by("get", root + "empty", "--output", file.toString(), "--sha256", LOADER_SHA256);

        assertThat(told.exitCode()).isOne();
        assertThat(told.verdict()).startsWith("not the file that was expected");
        assertThat(directory).isEmptyDirectory();
    }

    @Test
    void aMissingFileIsAFailureWithTheServersReason() {
        Told told = Told.by("get", root + "nothing");

        assertThat(told.exitCode()).isOne();
        assertThat(told.out()).contains("ERROR 1 \"no such file here\"");
        assertThat(told.verdict())
                .startsWith("server refused: ERROR 1 \"no such file here\"")
                .contains("'nothing'");
    }

    @Test
    void aClosedPortIsUnreachable() throws IOException {
        int port;
        try (DatagramSocket socket = new DatagramSocket(0, NetUtil.LOCALHOST4)) {
            port = socket.getLocalPort();
        }

        Told told = Told.by("get", "tftp://127.0.0.1:%d/a".formatted(port), SHORT_PATIENCE);

        assertThat(told.exitCode()).isEqualTo(3);
        assertThat(told.verdict()).startsWith("nobody listens on UDP 127.0.0.1:" + port);
    }

    @Test
    void silenceIsUnreachable() throws Exception {
        try (ScriptedTftp server = ScriptedTftp.saying()) {
            Told told = Told.by("get", server.url("a"), SHORT_PATIENCE);

            assertThat(told.exitCode()).isEqualTo(3);
            assertThat(told.verdict()).startsWith("no answer at all").contains("firewall");
        }
    }

    @Test
    void anInterfaceThatIsNotThereIsUnreachable() {
        Told told = Told.by("get", "tftp://[fe80::1%nosuch0]/a");

        assertThat(told.exitCode()).isEqualTo(3);
        assertThat(told.verdict()).contains("has no address");
    }

    @Test
    void anAnswerFromAnotherAddressIsNamed() throws Exception { // T26
        try (ScriptedTftp server = new ScriptedTftp("127.0.0.2", "\0\6blksize\0001428\0")) {
            Told told = Told.by("get", server.url("a"), SHORT_PATIENCE);

            assertThat(told.exitCode()).isEqualTo(3);
            assertThat(told.verdict()).contains("127.0.0.1", "127.0.0.2 answered");
            await().untilAsserted(() -> assertThat(server.heard).anyMatch(packet -> packet.startsWith("\0\5\0\5")));
        }
    }

    @Test
    void anOackThatRaisesAnOptionIsRefused() throws Exception { // T5
        try (ScriptedTftp server = ScriptedTftp.saying("\0\6blksize\0001468\0")) {
            Told told = Told.by("get", server.url("a"), SHORT_PATIENCE);

            assertThat(told.exitCode()).isOne();
            assertThat(told.out()).contains("blksize: 1468");
            assertThat(told.verdict())
                    .startsWith("the server's OACK breaks RFC 2347: blksize 1468 was granted where 1428 was asked");
            await().untilAsserted(() -> assertThat(server.heard).anyMatch(packet -> packet.startsWith("\0\5\0\u0008")));
        }
    }

    @Test
    void aFileShorterThanAnnouncedIsAFailure() throws Exception {
        Path file = directory.resolve("loader");
        try (ScriptedTftp server = ScriptedTftp.saying("\0\6tsize\00099\0", "\0\3\0\1hello")) {
            Told told = Told.by("get", server.url("a"), "--output", file.toString(), SHORT_PATIENCE);

            assertThat(told.exitCode()).isOne();
            assertThat(told.verdict()).startsWith("cut short: it ended after 5 bytes; tsize announced 99");
            assertThat(told.out()).contains("(of what came)");
            assertThat(directory).isEmptyDirectory();
        }
    }

    @Test
    void optionsThatWereIgnoredAreNamed() throws Exception { // T8
        try (ScriptedTftp server = ScriptedTftp.saying("\0\3\0\1hello")) {
            Told told = Told.by("get", server.url("a"));

            assertThat(told.exitCode()).isZero();
            assertThat(told.verdict()).startsWith("came in whole, but the server ignored all options");
        }
        try (ScriptedTftp server = ScriptedTftp.saying("\0\6tsize\0005\0BLKSIZE\0001428\0", "\0\3\0\1hello")) {
            Told told = Told.by("get", server.url("a"));

            assertThat(told.exitCode()).isZero();
            assertThat(told.verdict()).contains("the server ignored windowsize", "'BLKSIZE' with capitals: GRUB");
        }
    }

    @Test
    void aServerThatFallsSilentIsNamed() throws Exception { // T19
        try (ScriptedTftp server = ScriptedTftp.saying("\0\6tsize\00099\0blksize\0001428\0")) {
            Told told = Told.by("get", server.url("a"), SHORT_PATIENCE);

            assertThat(told.exitCode()).isOne();
            assertThat(told.verdict())
                    .startsWith("options were agreed, but no block came")
                    .contains("--blksize 512");
        }
    }

    @Test
    void aServerThatStopsInTheMiddleIsNamed() throws Exception {
        String block = "\0\3\0\1" + "x".repeat(512);
        try (ScriptedTftp server = ScriptedTftp.saying("\0\6tsize\0005000\0", block, "\0\5\0\1region away\0")) {
            Told told = Told.by("get", server.url("a"), SHORT_PATIENCE);

            assertThat(told.exitCode()).isOne();
            assertThat(told.verdict())
                    .startsWith(
                            "cut short: the server stopped at 512 of 5000 bytes, after block 1: ERROR 1 \"region away\"");
        }
    }

    @Test
    void whatAServerSaysIsNoCommandToTheTerminal() throws Exception {
        try (ScriptedTftp server = ScriptedTftp.saying("\0\5\0\1\033[2Jgone\r\n\0")) {
            assertThat(Told.by("get", server.url("a")).out())
                    .contains("?[2Jgone??")
                    .doesNotContain("\033", "\r");
        }
    }

    @Test
    void aProgramReadsOneObject() {
        Told told = Told.by("get", root + "bootx64.efi", "--json");

        assertThat(told.exitCode()).isZero();
        JsonNode report = JsonMapper.builder().build().readTree(told.out());
        assertThat(report.path("protocol").asString()).isEqualTo("tftp");
        assertThat(report.path("result").asString()).isEqualTo("whole");
        assertThat(report.path("asked").path("options").path("tsize").asString())
                .isEqualTo("0");
        assertThat(report.path("answer").path("line").asString()).isEqualTo("OACK");
        assertThat(report.path("answer").path("address").asString()).startsWith("127.0.0.1:");
        assertThat(report.path("answer").path("options").path("tsize").asString())
                .isEqualTo("700001");
        assertThat(report.path("bytes").asLong()).isEqualTo(700_001);
        assertThat(report.path("seconds").asDouble()).isPositive();
        assertThat(report.path("bytesPerSecond").asLong()).isPositive();
        assertThat(report.path("firstReplyMillis").asDouble()).isPositive();
        assertThat(report.path("longestSilenceMillis").isNumber()).isTrue();
        assertThat(report.path("blocks").asLong()).isEqualTo(491);
        assertThat(report.path("gaps").isNumber()).isTrue();
        assertThat(report.path("sha256").asString()).isEqualTo(LOADER_SHA256);
        assertThat(report.path("notes").isArray()).isTrue();
        assertThat(report.path("verdict").asString()).isEqualTo("good: came in whole");
    }

    @Test
    void aProgramReadsFailuresToo() throws Exception {
        try (ScriptedTftp server = ScriptedTftp.saying()) {
            Told told = Told.by("get", server.url("a"), "--json", SHORT_PATIENCE);

            assertThat(told.exitCode()).isEqualTo(3);
            JsonNode report = JsonMapper.builder().build().readTree(told.out());
            assertThat(report.path("result").asString()).isEqualTo("unreachable");
            assertThat(report.has("answer")).isFalse();
        }
    }

    @Test
    void ipv6WorksToo() throws Exception {
        InetSocketAddress bound;
        try {
            bound = listener.bind(NetUtil.LOCALHOST6, 0);
        } catch (BindException e) {
            assumeTrue(false, "this machine has no IPv6");
            return;
        }

        Told told = Told.by("get", "tftp://[::1]:%d/bootx64.efi".formatted(bound.getPort()));

        assertThat(told.exitCode()).isZero();
        assertThat(told.out()).contains("[0:0:0:0:0:0:0:1]:").contains(LOADER_SHA256);
    }

    @Test
    void aFileThatCannotBeKeptIsAFailure() throws IOException {
        Path notADirectory = Files.writeString(directory.resolve("file"), "");

        Told told = Told.by(
                "get",
                root + "bootx64.efi",
                "--output",
                notADirectory.resolve("x").toString());

        assertThat(told.exitCode()).isOne();
        assertThat(told.err()).startsWith("rackboot: the file ").contains("cannot be written");
    }

    private TftpListener listener(boolean singlePort) {
        return new TftpListener(
                loops,
                (name, client, local) -> answer(name),
                new TftpListener.Settings(
                        Negotiation.Limits.DEFAULT, 100, singlePort, ClientRules.NONE, Duration.ofSeconds(1)),
                why -> {},
                System::nanoTime);
    }

    private static TftpService.Answer answer(String name) {
        return switch (name) {
            case "bootx64.efi" -> serve(LOADER);
            case "empty" -> serve(new byte[0]);
            default -> new TftpService.Answer.Refuse(TftpError.NOT_FOUND, "no such file here");
        };
    }

    private static TftpService.Answer serve(byte[] bytes) {
        return new TftpService.Answer.Serve(BodySource.of(bytes), (outcome, detail, sent, duration) -> {});
    }

    private static byte[] random(int size) {
        byte[] bytes = new byte[size];
        new Random(size).nextBytes(bytes);
        return bytes;
    }
}
