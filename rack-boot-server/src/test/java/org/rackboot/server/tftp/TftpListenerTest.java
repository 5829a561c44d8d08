package org.rackboot.server.tftp;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.apache.commons.net.tftp.TFTP;
import org.apache.commons.net.tftp.TFTPClient;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rackboot.protocol.address.Subnet;
import org.rackboot.protocol.tftp.ClientRules;
import org.rackboot.protocol.tftp.Negotiation;
import org.rackboot.protocol.tftp.ReadTransfer.Outcome;
import org.rackboot.protocol.tftp.TftpError;
import org.rackboot.server.net.Egress;
import org.rackboot.server.net.EventLoops;
import org.rackboot.server.net.MovedClock;

/** Everything twice: transfers with a port of their own, and all on the well-known one (T27). */
@ParameterizedClass
@ValueSource(booleans = {false, true})
class TftpListenerTest {
    private static final byte[] LOADER = random(957_424, 1);
    private static final byte[] LARGE = random(33_600_000, 2); // 65,625 blocks of 512: the number wraps.

    private final boolean singlePort;
    private final EventLoops loops = EventLoops.best("test");
    private final Map<String, byte[]> files = new ConcurrentHashMap<>();
    private final List<String> ends = new CopyOnWriteArrayList<>();
    private final Map<TftpListener.Dropped, Integer> dropped = new EnumMap<>(TftpListener.Dropped.class);
    private final TftpListener listener;
    private InetSocketAddress server = InetSocketAddress.createUnresolved("unbound", 0);

    TftpListenerTest(boolean singlePort) {
        this.singlePort = singlePort;
        this.listener = listener(ClientRules.NONE);
    }

    @BeforeEach
    void start() throws Exception {
        files.put("bootx64.efi", LOADER);
        files.put("large", LARGE);
        files.put("empty", new byte[0]);
        server = listener.bind(InetAddress.getLoopbackAddress(), 0);
    }

    @AfterEach
    void stop() {
        listener.close();
        loops.close();
    }

    @Test
    void anIndependentClientReadsFilesOfEverySize() throws Exception {
        for (int size : new int[] {0, 1, 511, 512, 513, 1 << 20, (1 << 20) + 512}) {
            byte[] bytes = random(size, size);
            files.put("file", bytes);

            assertThat(read("file")).isEqualTo(bytes);
        }
        assertThat(ends).allMatch(end -> end.startsWith("COMPLETED "));
    }

    @Test
    void blockNumbersGoOnAfter65535() throws Exception { // T16
        assertThat(read("large")).isEqualTo(LARGE);
    }

    @Test
    void aMissingFileIsErrorOneWithTheReasonFromAPortOfItsOwn() { // T7: U-Boot starts again for ever otherwise
        // commons-net refuses an ERROR that comes from the well-known port.
        assertThatThrownBy(() -> read("nothing"))
                .hasMessageContaining("Error code 1")
                .hasMessageContaining("because");
    }

    @Test
    void windowsGoOutWholeAndAreAcknowledgedOnce() throws Exception {
        try (DatagramSocket client = client()) {
            send(client, server, request("bootx64.efi", "octet", "blksize", "1468", "windowsize", "4", "tsize", "0"));
            DatagramPacket optionAck = receive(client);
            assertThat(text(optionAck)).isEqualTo("\0\6blksize\0001468\0windowsize\0004\0tsize\000957424\0");

            assertThat(readWindowed(client, (InetSocketAddress) optionAck.getSocketAddress(), 1_468, 4))
                    .isEqualTo(LOADER);
        }
        await().untilAsserted(() -> assertThat(ends).singleElement().asString().contains("COMPLETED 957424"));
    }

    @Test
    void shimsSmallBlocksComeInWindows() throws Exception { // T22
        try (DatagramSocket client = client()) {
            send(client, server, request("bootx64.efi", "octet", "blksize", "512", "windowsize", "4"));
            DatagramPacket optionAck = receive(client);
            assertThat(text(optionAck)).isEqualTo("\0\6blksize\000512\0windowsize\0004\0");

            assertThat(readWindowed(client, (InetSocketAddress) optionAck.getSocketAddress(), 512, 4))
                    .isEqualTo(LOADER);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"127.0.0.2", "::1"})
    void theAnswerComesFromTheAddressThatWasAsked(String address) throws Exception { // T26
        InetSocketAddress other = listener.bind(InetAddress.getByName(address), 0);
        try (DatagramSocket client = new DatagramSocket(0, InetAddress.getByName(address))) {
            client.setSoTimeout(10_000);
            send(client, other, request("bootx64.efi", "octet", "blksize", "1024"));
            DatagramPacket optionAck = receive(client);
            assertThat(optionAck.getAddress()).isEqualTo(other.getAddress());
            assertThat(readWindowed(client, (InetSocketAddress) optionAck.getSocketAddress(), 1_024, 1))
                    .isEqualTo(LOADER);

            send(client, other, request("nothing", "octet"));
            DatagramPacket error = receive(client);
            assertThat(error.getAddress()).isEqualTo(other.getAddress());
            assertThat(text(error)).startsWith("\0\5\0\1");
        }
    }

    @Test
    void aClientThatAsksForWhatIsMissingForEverIsAnsweredAtAMeasuredPace() throws Exception { // T32: Raspberry Pi
        try (DatagramSocket client = client()) {
            for (int i = 0; i < 3 * Admission.UNPROVEN_PER_SECOND; i++) { // Each answer sets off the next request.
                send(client, server, request("start4.elf", "octet"));
                assertThat(text(receive(client))).startsWith("\0\5\0\1");
            }
        }
        assertThat(listener.activeTransfers()).isZero();
    }

    @Test
    void theSizeProbeOfUefiIsNoFailure() throws Exception { // T3
        try (DatagramSocket client = client()) {
            send(client, server, request("bootx64.efi", "octet", "tsize", "0", "blksize", "1468"));
            DatagramPacket optionAck = receive(client);
            send(client, optionAck.getSocketAddress(), "\0\5\0\u0008User aborted the transfer\0".getBytes(ISO_8859_1));
        }

        await().untilAsserted(() -> assertThat(ends).singleElement().asString().startsWith("PROBED"));
    }

    @Test
    void aRequestThatCameTwiceIsOneTransfer() throws Exception { // T12
        try (DatagramSocket client = client()) {
            byte[] request = request("bootx64.efi", "octet", "blksize", "512");
            send(client, server, request);
            DatagramPacket first = receive(client);
            send(client, server, request);
            DatagramPacket second = receive(client);

            assertThat(second.getSocketAddress()).isEqualTo(first.getSocketAddress());
            assertThat(listener.activeTransfers()).isOne();
        }
    }

    @Test
    void theSamePortAskingForAnotherFileIsANewTransfer() throws Exception { // T15
        try (DatagramSocket client = client()) {
            send(client, server, request("bootx64.efi", "octet", "blksize", "512"));
            DatagramPacket first = receive(client);
            send(client, first.getSocketAddress(), new byte[] {0, 4, 0, 0});
            receive(client);
            send(client, server, request("empty", "octet", "blksize", "1024"));

            DatagramPacket second = receive(client);
            assertThat(second.getSocketAddress().equals(first.getSocketAddress()))
                    .isEqualTo(singlePort);
            assertThat(text(second)).contains("1024");
        }
        await().untilAsserted(() -> assertThat(ends).anyMatch(end -> end.startsWith("CLOSED_BY_CLIENT")));
    }

    @Test
    void aStrangerIsToldSoAndChangesNothing() throws Exception { // T25, S-09
        try (DatagramSocket client = client();
                DatagramSocket stranger = client()) {
            send(client, server, request("bootx64.efi", "octet", "blksize", "1468", "windowsize", "8"));
            DatagramPacket optionAck = receive(client);
            InetSocketAddress transfer = (InetSocketAddress) optionAck.getSocketAddress();
            send(stranger, transfer, new byte[] {0, 4, 0, 0});

            if (!singlePort) { // The well-known port answers no ACK at all (S-08).
                assertThat(text(receive(stranger))).startsWith("\0\5\0\5");
            }
            send(stranger, transfer, "\0\5\0\0bye\0".getBytes(ISO_8859_1)); // ERROR is never answered (S-08).
            assertThat(readWindowed(client, transfer, 1_468, 8)).isEqualTo(LOADER);
        }
    }

    @Test
    void onlyReadingIsAllowedAndNoMail() throws Exception { // S-03, T7, T23
        try (DatagramSocket client = client()) {
            send(client, server, "\0\2evil\0octet\0".getBytes(ISO_8859_1));
            assertThat(text(receive(client))).startsWith("\0\5\0\2").contains("read-only");
        }
        try (DatagramSocket client = client()) {
            send(client, server, request("bootx64.efi", "mail"));
            assertThat(text(receive(client))).startsWith("\0\5\0\4");
        }
    }

    @Test
    void netasciiConvertsAndTellsNoSize() throws Exception { // T23, R-026
        byte[] text = new byte[300_000]; // Several pieces.
        for (int i = 0; i < text.length; i++) {
            text[i] = (byte) (i % 3 == 0 ? '\n' : i % 7 == 0 ? '\r' : 'a' + i % 23);
        }
        files.put("text", text);
        StringBuilder expected = new StringBuilder();
        for (byte each : text) {
            expected.append(each == '\n' ? "\r\n" : each == '\r' ? "\r\0" : String.valueOf((char) each));
        }
        try (DatagramSocket client = client()) {
            send(client, server, request("text", "NetASCII", "tsize", "0", "blksize", "1000", "windowsize", "4"));
            DatagramPacket optionAck = receive(client);
            assertThat(text(optionAck)).isEqualTo("\0\6blksize\0001000\0windowsize\0004\0");

            InetSocketAddress transfer = (InetSocketAddress) optionAck.getSocketAddress();
            assertThat(new String(readWindowed(client, transfer, 1_000, 4), ISO_8859_1))
                    .isEqualTo(expected.toString());
        }
    }

    @Test
    void rulesOfNetworksHold() throws Exception { // T16, T19, T21
        Subnet loopback = Subnet.parse("127.0.0.0/8").orElseThrow();
        TftpListener ruled = listener(new ClientRules(
                List.of(loopback),
                List.of(Map.entry(loopback, 600)),
                List.of(Map.entry(loopback, Set.of("windowsize"))),
                List.of(loopback)));
        InetSocketAddress address = ruled.bind(InetAddress.getLoopbackAddress(), 0);
        try (DatagramSocket client = client()) {
            send(client, address, request("bootx64.efi", "octet", "windowsize", "8", "blksize", "1468"));
            assertThat(text(receive(client))).isEqualTo("\0\6blksize\000600\0");
        } finally {
            ruled.close();
        }
    }

    @Test
    void whoIsNotAllowedGetsNothing() throws Exception { // S-07: only to allow-listed subnets
        Subnet elsewhere = Subnet.parse("198.18.0.0/15").orElseThrow();
        TftpListener closed = listener(new ClientRules(List.of(elsewhere), List.of(), List.of(), List.of()));
        InetSocketAddress address = closed.bind(InetAddress.getLoopbackAddress(), 0);
        try (DatagramSocket client = client()) {
            send(client, address, request("bootx64.efi", "octet"));
            await().untilAsserted(() -> assertThat(dropped).containsEntry(TftpListener.Dropped.NOT_ALLOWED, 1));
            assertThat(closed.activeTransfers()).isZero();
        } finally {
            closed.close();
        }
    }

    @Test
    void aPortOfOurOwnOrOfAnotherServerIsNeverAnswered() throws Exception { // S-08
        try (DatagramSocket forger = new DatagramSocket(server.getPort(), InetAddress.getByName("127.0.0.2"))) {
            send(forger, server, request("nothing", "octet"));
            await().untilAsserted(
                            () -> assertThat(dropped).containsEntry(TftpListener.Dropped.WELL_KNOWN_SOURCE_PORT, 1));
        }
        assertThat(listener.activeTransfers()).isZero();
    }

    @Test
    void aThousandMachinesBehindOneAddressAllStartAtOnce() throws Exception { // Parked, not lost
        int machines = 1_000;
        files.put("small", random(100, 3));
        List<DatagramSocket> clients = new ArrayList<>();
        try {
            for (int i = 0; i < machines; i++) {
                clients.add(client());
            }
            for (DatagramSocket client : clients) {
                send(client, server, request("small", "octet", "blksize", "512"));
            }
            for (DatagramSocket client : clients) { // None of them asks again.
                DatagramPacket optionAck = receive(client);
                send(client, optionAck.getSocketAddress(), new byte[] {0, 4, 0, 0});
                DatagramPacket block = receive(client);
                while (block.getData()[1] == 6) { // Repeated while we were busy with the others.
                    block = receive(client);
                }
                assertThat(block.getLength()).isEqualTo(104);
                send(client, optionAck.getSocketAddress(), new byte[] {0, 4, 0, 1});
            }
        } finally {
            clients.forEach(DatagramSocket::close);
        }
        await().untilAsserted(() -> assertThat(ends).hasSize(machines).allMatch(end -> end.startsWith("COMPLETED ")));
    }

    @Test
    void aClientThatNeverGetsAFullBlockIsGivenSmallerOnesWhenItAsksAgain() throws Exception { // T19
        try (DatagramSocket client = client()) {
            send(client, server, request("bootx64.efi", "octet", "blksize", "1468"));
            DatagramPacket optionAck = receive(client);
            send(client, optionAck.getSocketAddress(), new byte[] {0, 4, 0, 0});
            for (int i = 0; i < 4; i++) {
                receive(client); // As if each were lost in a tunnel.
            }
        }
        await().untilAsserted(() -> {
            try (DatagramSocket client = client()) {
                send(client, server, request("bootx64.efi", "octet", "blksize", "1468"));
                assertThat(text(receive(client))).isEqualTo("\0\6blksize\0001388\0");
            }
        });
    }

    @Test
    void aStopLetsRunningTransfersEndAndTakesNoNewOnes() throws Exception {
        try (DatagramSocket client = client()) {
            send(client, server, request("bootx64.efi", "octet", "blksize", "1468", "windowsize", "8"));
            DatagramPacket optionAck = receive(client);
            Thread stop = new Thread(listener::close);
            stop.start();
            await().until(() -> stop.getState() != Thread.State.RUNNABLE && stop.getState() != Thread.State.NEW);
            assertThat(readWindowed(client, (InetSocketAddress) optionAck.getSocketAddress(), 1_468, 8))
                    .isEqualTo(LOADER);
            stop.join(10_000);
            assertThat(stop.isAlive()).isFalse();
        }
        await().untilAsserted(() -> assertThat(ends).singleElement().asString().startsWith("COMPLETED"));
    }

    @Test
    void rubbishInsideATransferIsCountedAndChangesNothing() throws Exception { // T24
        try (DatagramSocket client = client()) {
            send(client, server, request("bootx64.efi", "octet", "blksize", "1468", "windowsize", "8"));
            InetSocketAddress transfer = (InetSocketAddress) receive(client).getSocketAddress();
            send(client, transfer, new byte[] {0, 4, 0});
            send(client, transfer, new byte[] {0, 9, 0, 0});

            assertThat(readWindowed(client, transfer, 1_468, 8)).isEqualTo(LOADER);
        }
        assertThat(dropped).containsEntry(TftpListener.Dropped.MALFORMED, 2);
    }

    @Test
    void whatIsNoRequestIsNeverAnswered() throws Exception { // S-08
        try (DatagramSocket client = client()) {
            for (String packet :
                    List.of("\0\5\0\1no\0", "\0\4\0\1", "\0\3\0\1data", "\0\6a\0b\0", "x", "\0\1", "\0\1name")) {
                send(client, server, packet.getBytes(ISO_8859_1));
            }
            send(client, server, request("empty", "octet"));

            assertThat(text(receive(client))).isEqualTo("\0\3\0\1"); // The first answer is the valid request's.
        }
        assertThat(dropped)
                .containsEntry(TftpListener.Dropped.NOT_A_REQUEST, 4)
                .containsEntry(TftpListener.Dropped.MALFORMED, 3);
    }

    @Test
    void anAddressThatNeverAnswersIsSentLittle() throws Exception { // G-08, S-07
        List<DatagramSocket> forged = new ArrayList<>();
        try {
            for (int i = 0; i < 100; i++) {
                forged.add(client());
                send(forged.get(i), server, request("bootx64.efi", "octet", "tsize", "0"));
            }
            await().untilAsserted(() ->
                    assertThat(dropped).as("parked, then given up").containsKey(TftpListener.Dropped.ADDRESS_BUDGET));
            assertThat(listener.activeTransfers()).isLessThanOrEqualTo(4 * Admission.UNPROVEN_PER_SECOND);
        } finally {
            forged.forEach(DatagramSocket::close);
        }
    }

    @Test
    void aBodyThatCannotBeHadEndsInErrorNeverInAShortBlock() throws Exception {
        files.put("unreadable", LOADER);
        try (DatagramSocket client = client()) {
            send(client, server, request("unreadable", "octet", "blksize", "1468"));
            receive(client);

            assertThat(text(receive(client))).startsWith("\0\5\0\1").contains("not cached");
        }
        await().untilAsserted(() -> assertThat(ends).singleElement().asString().startsWith("FAILED"));
    }

    @Test
    void whatIsPacedArrivesWhole() throws Exception {
        Egress egress = new Egress(
                4 << 20,
                0,
                System::nanoTime,
                (nanos, task) -> loops.group().schedule(task, nanos, TimeUnit.NANOSECONDS));
        TftpListener limited = listener(ClientRules.NONE, egress);
        InetSocketAddress address = limited.bind(InetAddress.getLoopbackAddress(), 0);
        try (DatagramSocket client = client()) {
            send(client, address, request("bootx64.efi", "octet", "blksize", "1468", "windowsize", "16"));
            InetSocketAddress transfer = (InetSocketAddress) receive(client).getSocketAddress();
            assertThat(readWindowed(client, transfer, 1_468, 16)).isEqualTo(LOADER);
        } finally {
            limited.close();
        }
        assertThat(egress.delayedBytes()).isPositive();
        assertThat(egress.clients()).isZero();
    }

    @Test
    void optionsAndErrorsDoNotWaitBehindBlocks() throws Exception {
        MovedClock clock = new MovedClock(); // Which nobody moves: no block is ever granted.
        Egress egress = new Egress(1 << 20, 0, clock::nowNanos, clock);
        egress.spend(InetAddress.getLoopbackAddress(), 1 << 20);
        TftpListener limited = listener(ClientRules.NONE, egress);
        InetSocketAddress address = limited.bind(InetAddress.getLoopbackAddress(), 0);
        try (DatagramSocket client = client()) {
            send(client, address, request("bootx64.efi", "octet", "blksize", "1468"));
            DatagramPacket optionAck = receive(client);
            assertThat(text(optionAck)).startsWith("\0\6");
            send(client, optionAck.getSocketAddress(), new byte[] {0, 4, 0, 0});
            await().until(() -> egress.waiting() == 1);
            send(client, address, request("nothing", "octet")); // From the same port: it ends the first.
            assertThat(text(receive(client))).startsWith("\0\5\0\1");
            await().until(() -> egress.waiting() == 0);
        } finally {
            limited.close();
        }
        assertThat(ends).singleElement().asString().startsWith("CLOSED_BY_CLIENT");
    }

    @Test
    void whoCouldNotBeFedInTimeIsNotAnswered() throws Exception {
        MovedClock clock = new MovedClock();
        Egress egress = new Egress(100_000, 0, clock::nowNanos, clock);
        Egress.Flow other =
                egress.open(InetAddress.getByName("127.0.0.2"), 60_000).orElseThrow();
        TftpListener limited = listener(ClientRules.NONE, egress);
        InetSocketAddress address = limited.bind(InetAddress.getLoopbackAddress(), 0);
        try (DatagramSocket client = client()) {
            byte[] request = request("bootx64.efi", "octet", "blksize", "1468");
            send(client, address, request);
            await().untilAsserted(() -> assertThat(dropped).containsEntry(TftpListener.Dropped.EGRESS_FULL, 1));
            assertThat(ends).singleElement().asString().contains("sends as much as it may");
            assertThat(limited.activeTransfers()).isZero();

            other.close();
            send(client, address, request);
            assertThat(text(receive(client))).startsWith("\0\6"); // Nothing came before.
        } finally {
            limited.close();
        }
    }

    private TftpService.Answer answer(String name, InetSocketAddress client, InetSocketAddress local) {
        byte[] bytes = files.get(name);
        if (bytes == null) {
            return new TftpService.Answer.Refuse(TftpError.NOT_FOUND, "not found because of the test");
        }
        return new TftpService.Answer.Serve(
                new ChunkedBytes(bytes, name.equals("unreadable")),
                (Outcome outcome, String detail, long sent, Duration duration) ->
                        ends.add(outcome + " " + sent + " " + detail));
    }

    private TftpListener listener(ClientRules rules) {
        return listener(rules, Egress.UNLIMITED);
    }

    private TftpListener listener(ClientRules rules, Egress egress) {
        return new TftpListener(
                loops,
                this::answer,
                new TftpListener.Settings(Negotiation.Limits.DEFAULT, 1_000, singlePort, rules, Duration.ofSeconds(1)),
                this::onDrop,
                egress,
                System::nanoTime);
    }

    private synchronized void onDrop(TftpListener.Dropped why) {
        dropped.merge(why, 1, Integer::sum);
    }

    /** By commons-net, which wants answers from another port; where they come from the same, by hand. */
    private byte[] read(String name) throws IOException {
        if (singlePort) {
            try (DatagramSocket client = client()) {
                send(client, server, request(name, "octet", "blksize", "512"));
                DatagramPacket first = receive(client);
                if (text(first).startsWith("\0\5")) {
                    throw new IOException("Error code " + first.getData()[3] + ": " + text(first));
                }
                assertThat(first.getSocketAddress()).isEqualTo(server);
                return readWindowed(client, server, 512, 1);
            }
        }
        TFTPClient client = new TFTPClient();
        client.setDefaultTimeout(Duration.ofSeconds(5));
        client.open();
        try {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            client.receiveFile(name, TFTP.BINARY_MODE, bytes, server.getAddress(), server.getPort());
            return bytes.toByteArray();
        } finally {
            client.close();
        }
    }

    private static byte[] readWindowed(DatagramSocket client, InetSocketAddress transfer, int blockSize, int window)
            throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        int expected = 1;
        int sinceAck = 0;
        send(client, transfer, new byte[] {0, 4, 0, 0});
        while (true) {
            DatagramPacket packet = receive(client);
            ByteBuffer data = ByteBuffer.wrap(packet.getData(), 0, packet.getLength());
            assertThat(data.getShort()).isEqualTo((short) 3);
            int number = data.getShort() & 0xFFFF;
            if (number != expected && ((expected - number) & 0xFFFF) < 0x8000) {
                continue; // Repeated, because this machine was busy with something else.
            }
            assertThat(number).isEqualTo(expected);
            bytes.write(packet.getData(), 4, packet.getLength() - 4);
            boolean last = packet.getLength() - 4 < blockSize;
            sinceAck++;
            if (last || sinceAck == window) {
                send(client, transfer, new byte[] {0, 4, (byte) (expected >> 8), (byte) expected});
                sinceAck = 0;
            }
            if (last) {
                return bytes.toByteArray();
            }
            expected = (expected + 1) & 0xFFFF;
        }
    }

    private static DatagramSocket client() throws IOException {
        DatagramSocket socket = new DatagramSocket(0, InetAddress.getLoopbackAddress());
        socket.setSoTimeout(10_000);
        return socket;
    }

    private static byte[] request(String name, String mode, String... options) {
        StringBuilder text = new StringBuilder("\0\1" + name + "\0" + mode + "\0");
        Arrays.stream(options).forEach(word -> text.append(word).append('\0'));
        return text.toString().getBytes(ISO_8859_1);
    }

    private static void send(DatagramSocket socket, SocketAddress to, byte[] bytes) throws IOException {
        socket.send(new DatagramPacket(bytes, bytes.length, to));
    }

    private static DatagramPacket receive(DatagramSocket socket) throws IOException {
        byte[] buffer = new byte[65_535];
        DatagramPacket packet = new DatagramPacket(buffer, buffer.length);
        socket.receive(packet);
        return packet;
    }

    private static String text(DatagramPacket packet) {
        return new String(packet.getData(), 0, packet.getLength(), ISO_8859_1);
    }

    private static byte[] random(int size, long seed) {
        byte[] bytes = new byte[size];
        new Random(seed).nextBytes(bytes);
        return bytes;
    }
}
