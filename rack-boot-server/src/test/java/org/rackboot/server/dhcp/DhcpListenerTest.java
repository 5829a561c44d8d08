package org.rackboot.server.dhcp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rackboot.protocol.dhcp.DhcpMessage;
import org.rackboot.protocol.dhcp.MessageType;
import org.rackboot.protocol.dhcp.ProxyDhcp;
import org.rackboot.protocol.dhcp.VendorClass;
import org.rackboot.protocol.resolve.BootCatalog;
import org.rackboot.protocol.resolve.LoaderPreference;
import org.rackboot.server.config.ServerConfig;
import org.rackboot.server.config.Settings;
import org.rackboot.server.event.BootEvent;
import org.rackboot.server.event.BootEvents;
import org.rackboot.server.event.Neighbours;
import org.rackboot.server.net.EventLoops;

/** Real sockets on loopback, where nothing is broadcast; broadcasts have a namespace in the integration tests. */
class DhcpListenerTest {
    private static final String RACK = "127.0.0.1";

    @TempDir
    Path directory;

    private final EventLoops loops = EventLoops.best("dhcp-test");
    private final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor();
    private final Counts counts = new Counts();
    private final List<BootEvent> seen = new CopyOnWriteArrayList<>();
    private final List<AutoCloseable> opened = new ArrayList<>();
    private BootEvents events = new BootEvents(new Neighbours(Path.of("/nonexistent"), System::nanoTime));
    private volatile BootCatalog catalog = Packets.LOADERS;

    @BeforeEach
    void listen() {
        events.subscribe(seen::add);
    }

    @AfterEach
    void stop() throws Exception {
        for (AutoCloseable each : opened) {
            each.close();
        }
        events.close();
        timer.shutdownNow();
        loops.close();
    }

    @Test
    void everyFirmwareGetsAnOfferOfItsOwnShape() throws Exception { // D1 to D3
        InetSocketAddress port = start(loops).addresses(ProxyDhcp.SERVER_PORT).get(0);
        assertThat(port.getAddress().getHostAddress()).isEqualTo(RACK);
        try (DatagramSocket machine = machine()) {
            DhcpMessage bios = ask(machine, port, Packets.bios());
            assertThat(bios.file()).isEqualTo("lpxelinux.0");
            assertThat(bios.options().pxe()).isPresent();

            DhcpMessage uefi = ask(machine, port, Packets.uefi());
            assertThat(uefi.file()).isEmpty();
            assertThat(uefi.options().vendorClass()).contains(VendorClass.PXE_CLIENT);

            DhcpMessage http = ask(machine, port, Packets.http());
            assertThat(http.file()).isEqualTo("http://127.0.0.1:5248/bootx64.efi");
            assertThat(http.options().vendorClass()).contains(VendorClass.HTTP_CLIENT);
        }
        await().untilAsserted(() -> assertThat(seen).hasSize(3));
        assertThat(counts.words).contains("offer BIOS", "offer UEFI", "offer HTTP");
    }

    @Test
    void whoAsksOnThePortOfBootServersIsAnsweredWhereHeAsksFrom() throws Exception {
        InetSocketAddress port =
                start(loops).addresses(ProxyDhcp.BOOT_SERVER_PORT).get(0);
        try (DatagramSocket from68 = machine();
                DatagramSocket from4011 = machine()) {
            Packets request = Packets.uefi().type(MessageType.REQUEST).from(Packets.address(RACK));

            assertThat(ask(from68, port, request).file()).isEqualTo("bootx64.efi");
            DhcpMessage ack = ask(from4011, port, request);
            assertThat(ack.options().messageType()).contains(MessageType.ACK);
            assertThat(ack.nextServer()).isEqualTo(Packets.address(RACK));
        }
        assertThat(counts.count("ack UEFI")).isEqualTo(2);
    }

    @Test
    void itIsTheSameOnNio() throws Exception {
        try (EventLoops nio = EventLoops.nio("dhcp-nio")) {
            DhcpListener listener = start(nio);
            try (DatagramSocket machine = machine()) {
                assertThat(ask(
                                        machine,
                                        listener.addresses(ProxyDhcp.SERVER_PORT)
                                                .get(0),
                                        Packets.bios())
                                .file())
                        .isEqualTo("lpxelinux.0");
            }
            listener.close();
        }
    }

    @Test
    void whatIsNoDhcpIsDroppedAndTheNextMachineIsAnswered() throws Exception {
        InetSocketAddress port = start(loops).addresses(ProxyDhcp.SERVER_PORT).get(0);
        try (DatagramSocket machine = machine()) {
            for (int size : new int[] {0, 1, 239, 300, 1_501, 9_000, 65_000}) {
                machine.send(new DatagramPacket(new byte[size], size, port));
            }
            byte[] torn = Arrays.copyOf(Packets.bios().bytes(), 250); // Within an option.
            machine.send(new DatagramPacket(torn, torn.length, port));

            assertThat(ask(machine, port, Packets.bios()).file()).isEqualTo("lpxelinux.0");
        }
        await().untilAsserted(() -> assertThat(counts.count("malformed")).isEqualTo(8));
        assertThat(counts.count("offer BIOS")).isOne();
    }

    @Test
    void aFloodIsAnsweredToALimit() throws Exception {
        InetSocketAddress port = start(loops).addresses(ProxyDhcp.SERVER_PORT).get(0);
        try (DatagramSocket machine = machine()) {
            byte[] bytes = Packets.bios().bytes();
            for (int i = 0; i < 500; i++) {
                machine.send(new DatagramPacket(bytes, bytes.length, port));
            }
            await().untilAsserted(
                            () -> assertThat(counts.count("silent RATE_LIMIT")).isPositive());
            assertThat(ask(machine, port, Packets.bios().machine(2), 2).file()).isEqualTo("lpxelinux.0");
        }
    }

    @Test
    void withoutLoadersNobodyIsAnswered() throws Exception {
        catalog = BootCatalog.empty();
        InetSocketAddress port = start(loops).addresses(ProxyDhcp.SERVER_PORT).get(0);
        try (DatagramSocket machine = machine()) {
            byte[] bytes = Packets.bios().bytes();
            machine.send(new DatagramPacket(bytes, bytes.length, port));
            await().until(() -> counts.count("silent NOTHING_TO_BOOT") == 1);

            catalog = Packets.LOADERS; // It came meanwhile.
            assertThat(ask(machine, port, Packets.bios()).file()).isEqualTo("lpxelinux.0");
        }
        assertThat(counts.count("offer BIOS")).isOne();
    }

    @Test
    void aMachineOfANetworkThatIsNotAnsweredHearsNothing() throws Exception {
        InetSocketAddress port = start(loops, "dhcp.ignore-subnets", "127.7.0.0/16")
                .addresses(ProxyDhcp.SERVER_PORT)
                .get(0);
        try (DatagramSocket ignored = new DatagramSocket(0, InetAddress.getByName("127.7.0.1"));
                DatagramSocket machine = machine()) {
            byte[] bytes = Packets.bios().bytes();
            ignored.send(new DatagramPacket(bytes, bytes.length, port));
            ask(machine, port, Packets.bios());
            await().until(() -> counts.count("silent SUBNET_OFF") == 1);
        }
    }

    @Test
    void aPortThatAnotherBootServerHasIsAnErrorThatSaysWhatToDo() throws Exception {
        int taken = start(loops).addresses(ProxyDhcp.BOOT_SERVER_PORT).get(0).getPort();

        assertThatThrownBy(() -> start(loops, "dhcp.pxe-port", Integer.toString(taken)))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("--dhcp proxy cannot listen on 127.0.0.1 port " + taken)
                .hasMessageContaining("another program has it")
                .hasMessageContaining("--dhcp off");
    }

    @ParameterizedTest
    @ValueSource(strings = {"no-such-link", "lo"})
    void withNowhereToListenItSaysWhereItLooked(String name) {
        assertThatThrownBy(() -> start(loops, "bind", name.equals("lo") ? "::1" : RACK, "dhcp.interfaces", name))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("nowhere to listen")
                .hasMessageContaining("[" + name + "]")
                .hasMessageContaining("--interface");
    }

    @Test
    void anotherServerIsSeenByItsPortOnAllAddresses() throws Exception {
        Path table = directory.resolve("udp");
        Files.writeString(table, """
                   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
                  4149: 0100007F:0044 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1
                 15492: FFFFFFFF:0043 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 2
                 15493: 00000000:0FAB 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 3
                """);

        assertThat(new OtherServers(table).listenOn(67)).as("it is our own").isFalse();
        assertThat(new OtherServers(table).listenOn(4_011)).isTrue();
        assertThat(new OtherServers(directory.resolve("none")).listenOn(67)).isFalse();
    }

    private DhcpListener start(EventLoops on, String... more) throws Exception {
        Map<String, List<String>> flags = new HashMap<>();
        flags.put("bind", List.of(RACK));
        flags.put("dhcp.mode", List.of("proxy"));
        flags.put("dhcp.port", List.of("0"));
        flags.put("dhcp.pxe-port", List.of("0"));
        for (int i = 0; i < more.length; i += 2) {
            flags.put(more[i], List.of(more[i + 1]));
        }
        ServerConfig config = ServerConfig.read(new Settings(Optional.empty(), Map.of(), flags));
        BootFiles files = new BootFiles(() -> catalog, LoaderPreference.SIGNED_CHAIN, address -> 5248);
        DhcpListener listener = DhcpListener.start(
                on, config, config.bind(), files, new AnswerLog(files, events::publish), events, counts, timer);
        opened.add(listener);
        return listener;
    }

    private static DatagramSocket machine() throws IOException {
        DatagramSocket socket = new DatagramSocket(0, InetAddress.getLoopbackAddress());
        socket.setSoTimeout(10_000);
        return socket;
    }

    private static DhcpMessage ask(DatagramSocket machine, InetSocketAddress server, Packets packets)
            throws IOException {
        return ask(machine, server, packets, 1);
    }

    /** The answer to the machine that has this number; others are passed over. */
    private static DhcpMessage ask(DatagramSocket machine, InetSocketAddress server, Packets packets, int number)
            throws IOException {
        byte[] bytes = packets.bytes();
        machine.send(new DatagramPacket(bytes, bytes.length, server));
        while (true) {
            DatagramPacket answer = new DatagramPacket(new byte[2_048], 2_048);
            machine.receive(answer);
            assertThat(answer.getSocketAddress()).isEqualTo(server);
            DhcpMessage read = Packets.read(ByteBuffer.wrap(answer.getData(), 0, answer.getLength()));
            if (read.hardware().octets().at(5) == number) {
                return read;
            }
        }
    }
}
