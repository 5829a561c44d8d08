package org.rackboot.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.NetworkInterface;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.commons.net.tftp.TFTP;
import org.apache.commons.net.tftp.TFTPClient;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.rackboot.it.ForeignProgram.Said;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Clients that others wrote get what the catalog says, byte for byte: tftp-hpa, atftp, curl, BusyBox and commons-net,
 * over IPv4 and IPv6 on loopback. iPXE, GRUB, shim, PXELINUX and the firmware's own clients are in {@link
 * org.rackboot.it.lab the firmware lab}, where they boot.
 *
 * <p>A program that is not installed skips its tests and says so; with {@code CI=true} it fails them.
 */
class ForeignClientsTest {
    private static final String IPV4 = "127.0.0.1";
    private static final String IPV6 = "::1";

    /** At 512 bytes this is three times around the block numbers, and an empty block at the end. */
    private static final Noise LARGE = new Noise(7, 96 << 20);

    private static final Duration LARGE_TRANSFER = Duration.ofMinutes(4);
    private static final String NO_SUCH_LOADER = "no imported bootloader has this file";

    @TempDir
    static Path directory;

    private static StreamServer source;
    private static Program rackboot;
    private static Artifact kernel;
    private static Artifact squashfs;
    private static byte[] kernelBytes;

    private final ForeignProgram foreign = new ForeignProgram(directory);

    /** A file as the region's catalog describes it. */
    private record Artifact(String name, String sha256, long size) {}

    @BeforeAll
    static void anImageWithALargeFileIsImported() throws Exception {
        SignedStream stream = SignedStream.of(1, "20260115", LARGE);
        source = new StreamServer(stream.files(), stream.largeFiles());
        rackboot = hasIpv6()
                ? Program.serve(directory.resolve("state"), "--bind", IPV6)
                : Program.serve(directory.resolve("state"));
        Path keyring = Files.write(directory.resolve("keyring.gpg"), stream.keyring());
        run("sources", "add", source.url().toString(), "--keyring", keyring.toString(), "--name", "test");
        run("selections", "add", "--os", "ubuntu", "--release", "noble", "--arch", "amd64");
        run("images", "import", "--wait");
        JsonNode image = JsonMapper.shared()
                .readTree(run("images", "show", "ubuntu/noble/amd64/ga-24.04", "--json"))
                .path(0);
        kernel = artifact(image, "boot-kernel");
        squashfs = artifact(image, "squashfs");
        kernelBytes = stream.file("noble/amd64/20260115/ga-24.04/generic/boot-kernel");
        assertThat(kernel.sha256()).isEqualTo(SignedStream.sha256(kernelBytes));
        assertThat(squashfs.sha256()).isEqualTo(LARGE.sha256());
        HttpClient http = HttpClient.newHttpClient();
        HttpRequest probe = HttpRequest.newBuilder(URI.create(httpUrl(IPV4, kernel.name())))
                .method("HEAD", HttpRequest.BodyPublishers.noBody())
                .build();
        await().until(() -> http.send(probe, BodyHandlers.discarding()).statusCode() == 200);
    }

    @AfterAll
    static void everythingIsEnded() {
        rackboot.close();
        source.close();
    }

    @ParameterizedTest
    @ValueSource(strings = {IPV4, IPV6})
    void tftpHpaGetsTheKernel(String host) throws Exception {
        Path got = foreign.target();

        Said said = tftpHpa(host, kernel.name(), got);

        assertThat(said.exitCode()).as(said.text()).isZero();
        assertGot(kernel, got);
    }

    @ParameterizedTest
    @ValueSource(strings = {IPV4, IPV6})
    void tftpHpaPrintsWhyAFileIsNotThere(String host) throws Exception {
        Said said = tftpHpa(host, "nothing.efi", foreign.target());

        assertThat(said.text()).contains("Error code 1: " + NO_SUCH_LOADER);
    }

    @ParameterizedTest
    @CsvSource({
        "127.0.0.1,  '',                          512, 1",
        "127.0.0.1,  'blksize 1428',             1428, 1",
        "127.0.0.1,  'windowsize 8',              512, 8",
        "127.0.0.1,  'blksize 1428;windowsize 8', 1428, 8",
        "::1,        '',                          512, 1",
        "::1,        'blksize 1428;windowsize 8', 1428, 8",
    })
    void atftpGetsTheKernel(String host, String options, int blockSize, int windowSize) throws Exception {
        Path got = foreign.target();

        Said said = atftp(host, kernel.name(), got, options);

        assertThat(said.exitCode()).as(said.text()).isZero();
        assertGot(kernel, got);
        assertAgreed(host, kernel, blockSize, windowSize);
    }

    @ParameterizedTest
    @CsvSource({"blksize 512, 1", "blksize 512;windowsize 16, 16"})
    void atftpGetsMoreBlocksThanThereAreBlockNumbers(String options, int windowSize) throws Exception { // Quirk T16
        Path got = foreign.target();

        Said said = atftp(IPV4, squashfs.name(), got, options);

        assertThat(said.exitCode()).as(said.text()).isZero();
        assertGot(squashfs, got);
        assertAgreed(IPV4, squashfs, 512, windowSize);
    }

    @ParameterizedTest
    @ValueSource(strings = {IPV4, IPV6})
    void atftpPrintsWhyAFileIsNotThere(String host) throws Exception {
        Said said = atftp(host, "nothing.efi", foreign.target(), "");

        assertThat(said.exitCode()).isNotZero();
        assertThat(said.text()).contains(NO_SUCH_LOADER);
    }

    @ParameterizedTest
    @CsvSource({
        "127.0.0.1, --tftp-blksize, 1428, 1428",
        "127.0.0.1, --tftp-blksize, 100, 100",
        "127.0.0.1, --tftp-no-options, -s, 512",
        "::1, --tftp-blksize, 1428, 1428",
        "::1, --tftp-no-options, -s, 512",
    })
    void curlGetsTheKernelByTftp(String host, String option, String more, int blockSize) throws Exception {
        Path got = foreign.target();

        Said said = curl(option, more, "-o", got.toString(), tftpUrl(host, kernel.name()));

        assertThat(said.exitCode()).as(said.text()).isZero();
        assertGot(kernel, got);
        assertAgreed(host, kernel, blockSize, 1);
    }

    @ParameterizedTest
    @ValueSource(strings = {IPV4, IPV6})
    void curlEndsWithItsCodeForAFileThatIsNotThere(String host) throws Exception {
        Said said = curl("-v", "-o", foreign.target().toString(), tftpUrl(host, "nothing.efi"));

        assertThat(said.exitCode()).as(said.text()).isEqualTo(68); // CURLE_TFTP_NOTFOUND
        assertThat(said.text()).contains(NO_SUCH_LOADER);
    }

    @ParameterizedTest
    @ValueSource(strings = {IPV4, IPV6})
    void busyBoxGetsTheKernelByTftp(String host) throws Exception {
        Path got = foreign.target();

        Said said = busyBoxTftp(host, kernel.name(), got);

        assertThat(said.exitCode()).as(said.text()).isZero();
        assertGot(kernel, got);
        assertAgreed(host, kernel, 1428, 1);
    }

    @ParameterizedTest
    @ValueSource(strings = {IPV4, IPV6})
    void busyBoxPrintsWhyAFileIsNotThere(String host) throws Exception {
        Said said = busyBoxTftp(host, "nothing.efi", foreign.target());

        assertThat(said.exitCode()).isNotZero();
        assertThat(said.text()).contains("server error: (1) " + NO_SUCH_LOADER);
    }

    @ParameterizedTest
    @ValueSource(strings = {IPV4, IPV6})
    void commonsNetGetsTheKernel(String host) throws Exception {
        Path got = foreign.target();

        commonsNet(host, kernel.name(), got);

        assertGot(kernel, got);
        assertAgreed(host, kernel, 512, 1);
    }

    @ParameterizedTest
    @ValueSource(strings = {IPV4, IPV6})
    void commonsNetThrowsWhyAFileIsNotThere(String host) {
        assertThatThrownBy(() -> commonsNet(host, "nothing.efi", foreign.target()))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("Error code 1 received: " + NO_SUCH_LOADER);
    }

    @ParameterizedTest
    @ValueSource(strings = {IPV4, IPV6})
    void curlGetsTheKernelByHttp(String host) throws Exception {
        Path got = foreign.target();

        Said said = curl("-o", got.toString(), httpUrl(host, kernel.name()));

        assertThat(said.exitCode()).as(said.text()).isZero();
        assertGot(kernel, got);
    }

    @Test
    void curlGetsTheLargeFileByHttp() throws Exception {
        Path got = foreign.target();

        Said said = curl("-o", got.toString(), httpUrl(IPV4, squashfs.name()));

        assertThat(said.exitCode()).as(said.text()).isZero();
        assertGot(squashfs, got);
    }

    @Test
    void curlIsToldTheSizeWithoutTheBytes() throws Exception { // Quirk H4
        Said said = curl("-I", "-w", "status %{http_code}, body %{size_download}\n", httpUrl(IPV4, kernel.name()));

        assertThat(said.text())
                .contains("HTTP/1.1 200 OK\r\n")
                .contains("\nContent-Length: " + kernel.size() + "\r\n") // As GRUB compares it (quirk H1).
                .contains("\nAccept-Ranges: bytes\r\n")
                .contains("status 200, body 0\n");
    }

    @ParameterizedTest
    @CsvSource({
        "0-0,             0,       1",
        "100-1048675,     100,     1048676", // Over the border of two chunks.
        "1499999-,        1499999, 1500000",
        "-12345,          1487655, 1500000",
        "1400000-9999999, 1400000, 1500000",
    })
    void curlGetsAPart(String range, int from, int to) throws Exception {
        Path got = foreign.target();

        Said said = curl("-r", range, "-w", "%{http_code}", "-o", got.toString(), httpUrl(IPV4, kernel.name()));

        assertThat(said.text()).isEqualTo("206");
        assertThat(ForeignProgram.sha256(got))
                .isEqualTo(SignedStream.sha256(Arrays.copyOfRange(kernelBytes, from, to)));
    }

    @Test
    void curlIsToldThatThereIsNothingBehindTheEnd() throws Exception {
        Path got = foreign.target();

        Said said = curl("-r", "1500000-", "-w", "%{http_code}", "-o", got.toString(), httpUrl(IPV4, kernel.name()));

        assertThat(said.text()).isEqualTo("416");
        assertThat(got).hasContent("the range is behind the end\n");
    }

    @Test
    void curlGoesOnWhereADownloadEnded() throws Exception {
        Path got = Files.write(foreign.target(), Arrays.copyOf(kernelBytes, 1_234_567));

        Said said = curl("-C", "-", "-w", "%{size_download}", "-o", got.toString(), httpUrl(IPV4, kernel.name()));

        assertThat(said.text()).isEqualTo(Integer.toString(1_500_000 - 1_234_567));
        assertGot(kernel, got);
    }

    @Test
    void curlGetsTwoFilesOverOneConnection() throws Exception {
        Path first = foreign.target();
        Path second = foreign.target();

        Said said = curl(
                "-w",
                "%{num_connects} ",
                "-o",
                first.toString(),
                httpUrl(IPV4, kernel.name()),
                "-o",
                second.toString(),
                httpUrl(IPV4, squashfs.name()));

        assertThat(said.text()).as("connections for each file").isEqualTo("1 0 ");
        assertGot(kernel, first);
        assertGot(squashfs, second);
    }

    @Test
    void curlSpeaksHttpOnePointZero() throws Exception { // Quirks H14, H15
        Path got = foreign.target();

        Said said = curl("--http1.0", "-v", "-o", got.toString(), httpUrl(IPV4, kernel.name()));

        assertThat(said.exitCode()).as(said.text()).isZero();
        assertThat(said.text())
                .contains("HTTP/1.0\r\n")
                .contains("< Content-Length: " + kernel.size())
                .contains("< Connection: close");
        assertGot(kernel, got);
    }

    @Test
    void curlPrintsWhyAFileIsNotThere() throws Exception {
        assertThat(curl("-f", httpUrl(IPV4, "nothing.efi")).exitCode()).isEqualTo(22);
        assertThat(curl("-w", "%{http_code}", httpUrl(IPV4, "nothing.efi")).text())
                .startsWith(NO_SUCH_LOADER)
                .endsWith("404");
    }

    @ParameterizedTest
    @ValueSource(strings = {IPV4, IPV6})
    void busyBoxGetsTheKernelByHttp(String host) throws Exception {
        Path got = foreign.target();

        Said said = foreign.run("busybox", "wget", "-O", got.toString(), httpUrl(host, kernel.name()));

        assertThat(said.exitCode()).as(said.text()).isZero();
        assertGot(kernel, got);
    }

    @Test
    void busyBoxIsTold404() throws Exception {
        Said said = foreign.run("busybox", "wget", "-O", foreign.target().toString(), httpUrl(IPV4, "nothing.efi"));

        assertThat(said.exitCode()).isNotZero();
        assertThat(said.text()).contains("HTTP/1.1 404 Not Found");
    }

    private Said tftpHpa(String host, String name, Path target) throws Exception {
        String port = tftpPort(host);
        return foreign.run("tftp", "-m", "binary", host, port, "-c", "get", name, target.toString());
    }

    private Said atftp(String host, String name, Path target, String options) throws Exception {
        List<String> command = new ArrayList<>(List.of("atftp", "--get", "-r", name, "-l", target.toString()));
        for (String option : options.isEmpty() ? new String[0] : options.split(";")) {
            command.addAll(List.of("--option", option));
        }
        command.addAll(List.of(host, tftpPort(host)));
        return foreign.run(LARGE_TRANSFER, command.toArray(String[]::new));
    }

    private Said busyBoxTftp(String host, String name, Path target) throws Exception {
        String port = tftpPort(host);
        return foreign.run("busybox", "tftp", "-g", "-b", "1428", "-r", name, "-l", target.toString(), host, port);
    }

    /** Without the user's own settings, and with nothing on its outputs but errors and what {@code -w} asks for. */
    private Said curl(String... arguments) throws Exception {
        List<String> command = new ArrayList<>(List.of("curl", "-q", "-g", "-sS", "--noproxy", "*"));
        command.addAll(List.of(arguments));
        return foreign.run(command.toArray(String[]::new));
    }

    private static void commonsNet(String host, String name, Path target) throws IOException {
        int port = Integer.parseInt(tftpPort(host));
        TFTPClient client = new TFTPClient();
        client.setDefaultTimeout(Duration.ofSeconds(10));
        client.open(0, address(host));
        try (OutputStream out = Files.newOutputStream(target)) {
            client.receiveFile(name, TFTP.BINARY_MODE, out, address(host), port);
        } finally {
            client.close();
        }
    }

    private static void assertGot(Artifact artifact, Path got) throws IOException {
        assertThat(got).hasSize(artifact.size());
        assertThat(ForeignProgram.sha256(got)).isEqualTo(artifact.sha256());
        Files.delete(got);
    }

    /** What was agreed on shows in the server's log line, and nowhere in most clients' outputs. */
    private static void assertAgreed(String host, Artifact artifact, int blockSize, int windowSize) throws IOException {
        String client = " " + address(host).getHostAddress();
        String sent = artifact.name() + ": sent " + artifact.size() + " B";
        String agreed = "(blksize=%d windowsize=%d".formatted(blockSize, windowSize);
        await().untilAsserted(() -> assertThat(rackboot.log().lines())
                .anyMatch(line -> line.contains(client) && line.contains(sent) && line.contains(agreed)));
    }

    private static String tftpUrl(String host, String name) throws IOException {
        return "tftp://%s:%s/%s".formatted(inUrl(host), tftpPort(host), name);
    }

    private static String httpUrl(String host, String name) throws IOException {
        ForeignProgram.require(!host.equals(IPV6) || hasIpv6(), "IPv6 on loopback");
        return rackboot.http(address(host)) + name;
    }

    private static String tftpPort(String host) throws IOException {
        ForeignProgram.require(!host.equals(IPV6) || hasIpv6(), "IPv6 on loopback");
        return Integer.toString(rackboot.tftpPort(address(host)));
    }

    private static String inUrl(String host) {
        return host.contains(":") ? "[" + host + "]" : host;
    }

    private static InetAddress address(String literal) throws IOException {
        return InetAddress.getAllByName(literal)[0];
    }

    private static boolean hasIpv6() throws IOException {
        return NetworkInterface.getByInetAddress(address(IPV6)) != null;
    }

    private static String run(String... command) {
        Program.Result result = rackboot.run(command);
        assertThat(result.exitCode()).as(result.out() + result.err()).isZero();
        return result.out();
    }

    private static Artifact artifact(JsonNode image, String name) {
        for (JsonNode artifact : image.path("artifacts")) {
            if (artifact.path("name").asString().equals(name)) {
                return new Artifact(
                        artifact.path("path").asString(),
                        artifact.path("sha256").asString(),
                        artifact.path("size").asLong());
            }
        }
        throw new AssertionError("no artifact " + name);
    }
}
