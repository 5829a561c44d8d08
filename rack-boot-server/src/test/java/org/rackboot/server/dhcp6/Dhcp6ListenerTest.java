package org.rackboot.server.dhcp6;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assumptions.assumeThat;
import static org.rackboot.server.dhcp6.Clients6.SERVER;
import static org.rackboot.server.dhcp6.Clients6.bytes;
import static org.rackboot.server.dhcp6.Clients6.receive;
import static org.rackboot.server.dhcp6.Clients6.request;
import static org.rackboot.server.dhcp6.Clients6.send;

import java.net.DatagramSocket;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.NetworkInterface;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rackboot.protocol.dhcp.BootClient;
import org.rackboot.protocol.dhcp.Octets;
import org.rackboot.protocol.dhcp6.Dhcp6Message;
import org.rackboot.protocol.dhcp6.Dhcp6Option;
import org.rackboot.protocol.dhcp6.Dhcp6Type;
import org.rackboot.protocol.dhcp6.Duid;
import org.rackboot.protocol.dhcp6.ProxyDhcp6.Reason;
import org.rackboot.protocol.dhcp6.ProxyDhcp6.Service;
import org.rackboot.protocol.resolve.BootCatalog;
import org.rackboot.protocol.resolve.BootFile;
import org.rackboot.protocol.resolve.BootImage;
import org.rackboot.protocol.resolve.BootPhase;
import org.rackboot.protocol.resolve.BootRules;
import org.rackboot.protocol.resolve.Bootloader;
import org.rackboot.protocol.resolve.LoaderPreference;
import org.rackboot.protocol.resolve.UnknownMachines;
import org.rackboot.server.dhcp.AnswerLog;
import org.rackboot.server.dhcp.BootFiles;
import org.rackboot.server.dhcp6.Dhcp6Listener.Dropped;
import org.rackboot.server.event.BootEvent;
import org.rackboot.server.event.BootEvent.Answer;
import org.rackboot.server.net.BindException;
import org.rackboot.server.net.EventLoops;

@Timeout(60)
class Dhcp6ListenerTest {
    private static final InetAddress HERE = loopback();

    private final BlockingQueue<Enum<?>> told = new LinkedBlockingQueue<>();
    private final BlockingQueue<BootEvent> events = new LinkedBlockingQueue<>();
    private final BlockingQueue<String> lines = new LinkedBlockingQueue<>();
    private volatile BootCatalog catalog = BootCatalog.empty();
    private final EventLoops loops = EventLoops.best("test-dhcp6");
    private DatagramSocket client;

    @BeforeEach
    void openClient() throws Exception {
        assumeThat(NetworkInterface.getByInetAddress(HERE))
                .as("this machine has no IPv6 loopback address")
                .isNotNull();
        client = new DatagramSocket(new InetSocketAddress(HERE, 0));
    }

    @AfterEach
    void close() {
        if (client != null) {
            client.close();
        }
        loops.close();
    }

    @Test
    void aSolicitIsAdvertisedAndTheRequestThatFollowsIsReplied() throws Exception {
        try (Dhcp6Listener listener = open(loops)) {
            send(client, bytes(request(Dhcp6Type.SOLICIT)), address(listener, Service.DHCP));
            Clients6.Received advertise = receive(client);
            assertThat(((Dhcp6Message.Exchange) advertise.message()).type()).isEqualTo(Dhcp6Type.ADVERTISE);
            assertThat(advertise.url()).isEqualTo(Clients6.URL);

            byte[] again = bytes(request(Dhcp6Type.REQUEST, new Dhcp6Option.ServerId(SERVER)));
            send(client, again, address(listener, Service.BOOT_SERVER));
            Clients6.Received reply = receive(client);
            assertThat(((Dhcp6Message.Exchange) reply.message()).type()).isEqualTo(Dhcp6Type.REPLY);
            assertThat(reply.from()).isEqualTo(address(listener, Service.BOOT_SERVER));
            assertThat(told).containsExactly(Service.DHCP, Service.BOOT_SERVER);
        }
    }

    @Test
    void aRelayGetsItsAnswerBack() throws Exception {
        try (Dhcp6Listener listener = open(loops)) {
            Dhcp6Message solicit = Clients6.relayed(request(Dhcp6Type.SOLICIT));
            send(client, bytes(solicit), address(listener, Service.DHCP));

            Dhcp6Message.Relay reply = (Dhcp6Message.Relay) receive(client).message();

            assertThat(reply.isForward()).isFalse();
            assertThat(reply.options().first(Dhcp6Option.InterfaceId.class))
                    .isEqualTo(solicit.options().first(Dhcp6Option.InterfaceId.class));
            assertThat(reply.message().options().first(Dhcp6Option.BootFileUrl.class))
                    .isPresent();
        }
    }

    @Test
    void eachAnswerIsToldWithTheMachineItsArchitectureAndItsUrl() throws Exception {
        Duid nameless = new Duid.Uuid(Octets.of(new byte[16]));
        try (Dhcp6Listener listener = open(loops)) {
            ask(listener, Service.DHCP, request(Dhcp6Type.SOLICIT));
            ask(listener, Service.BOOT_SERVER, request(Dhcp6Type.REQUEST, new Dhcp6Option.ServerId(SERVER)));
            ask(listener, Service.DHCP, Clients6.relayed(request(Dhcp6Type.SOLICIT)));
            ask(listener, Service.DHCP, request(Dhcp6Type.SOLICIT, nameless, 11));
        }

        assertThat(events).hasSize(4).allSatisfy(event -> {
            assertThat(event.transport()).isEqualTo(BootEvent.Transport.DHCP);
            assertThat(event.name()).isEqualTo(Clients6.URL);
        });
        assertThat(events)
                .extracting(event -> event.client().getAddress())
                .containsExactly(HERE, HERE, InetAddress.getByName("fe80::7"), HERE);
        assertThat(events)
                .extracting(event -> event.mac().orElse("-"))
                .containsExactly("02:00:00:00:00:07", "02:00:00:00:00:07", "02:00:00:00:00:07", "-");
        assertThat(events)
                .extracting(BootEvent::answer)
                .containsExactly(Answer.OFFERED, Answer.ACKNOWLEDGED, Answer.OFFERED, Answer.OFFERED);
        assertThat(events)
                .extracting(BootEvent::reason)
                .containsExactly(
                        "x64 UEFI (type 7)",
                        "x64 UEFI (type 7)",
                        "x64 UEFI (type 7); relayed by ::1",
                        "arm64 UEFI (type 11); DUID 0004" + "00".repeat(16));
    }

    @Test
    void whatIsMissingIsSaidOnceForEachKindWithWhatToDo() throws Exception {
        try (Dhcp6Listener listener = open(loops, files())) {
            for (int type : new int[] {7, 7, 4_660, 4_660, 28}) {
                send(client, bytes(request(Dhcp6Type.SOLICIT, Clients6.CARD, type)), address(listener, Service.DHCP));
            }
            for (int i = 0; i < 5; i++) {
                assertThat(told.poll(10, TimeUnit.SECONDS)).isEqualTo(Reason.NOTHING_TO_BOOT);
            }
        }

        assertThat(List.copyOf(lines))
                .satisfiesExactly(
                        line -> assertThat(line)
                                .startsWith("Nothing to boot for x64 UEFI (type 7), as 02:00:00:00:00:07 asked for: ")
                                .contains("rackboot selections add --os ubuntu --release noble --arch amd64"),
                        line -> assertThat(line).contains("architecture type 4660, which is in no list"),
                        line -> assertThat(line)
                                .contains("RISC-V 64 UEFI HTTP (type 28)", "--bootloader uefi/riscv64"));
        assertThat(events).isEmpty();
    }

    @Test
    void aMachineThatDhcp6HasNoWordsForIsSaidToBootByIpv4() throws Exception {
        catalog = new BootCatalog(1, List.of(image("s390x")), List.of(), List.of());
        try (Dhcp6Listener listener = open(loops, files())) {
            send(client, bytes(request(Dhcp6Type.SOLICIT, Clients6.CARD, 31)), address(listener, Service.DHCP));

            assertThat(lines.poll(10, TimeUnit.SECONDS))
                    .startsWith("Nothing to boot by DHCPv6 for s390 basic (type 31), as 02:00:00:00:00:07 asked for: ")
                    .endsWith("it boots by IPv4");
        }
    }

    @Test
    void aStrangerWhoIsToHearNothingIsSaidToHearNothing() throws Exception {
        BootRules silence =
                new BootRules(Map.of(), List.of(), Map.of(), Optional.empty(), Map.of(), UnknownMachines.SILENCE);
        catalog = new BootCatalog(1, List.of(), List.of(), List.of(), List.of(), silence);
        try (Dhcp6Listener listener = open(loops, files())) {
            send(client, bytes(request(Dhcp6Type.SOLICIT)), address(listener, Service.DHCP));

            assertThat(lines.poll(10, TimeUnit.SECONDS))
                    .contains("02:00:00:00:00:07", "nobody made it known, and boot.unknown-machines is silence");
        }
    }

    @Test
    void aNumberThatIsInNoListIsNamedWithWhatIsGiven() throws Exception {
        BootFile file = new BootFile("lpxelinux.0", "0".repeat(64), 1, "0".repeat(64), BootPhase.LOADER);
        catalog = new BootCatalog(1, List.of(), List.of(new Bootloader("pxe", "i386", "1", List.of(file))), List.of());
        try (Dhcp6Listener listener = open(loops, files())) {
            for (int i = 0; i < 2; i++) {
                Clients6.Received advertise =
                        ask(listener, Service.DHCP, request(Dhcp6Type.SOLICIT, Clients6.CARD, 4_660));
                assertThat(advertise.url()).endsWith("/lpxelinux.0");
            }
        }
        assertThat(List.copyOf(lines))
                .singleElement()
                .asString()
                .contains("type 4660", "lpxelinux.0", "02:00:00:00:00:07");
    }

    private Clients6.Received ask(Dhcp6Listener listener, Service service, Dhcp6Message message) throws Exception {
        send(client, bytes(message), address(listener, service));
        return receive(client);
    }

    private Function<BootClient, Optional<String>> files() {
        BootFiles files = new BootFiles(() -> catalog, LoaderPreference.SIGNED_CHAIN, address -> 5248);
        return asker -> files.url(asker, HERE);
    }

    private AnswerLog log() {
        return Clients6.log(() -> catalog, events::add, lines::add);
    }

    private static BootImage image(String arch) {
        return new BootImage(
                "ubuntu",
                "noble",
                "24.04",
                "24.04 LTS",
                arch,
                "ga-24.04",
                "generic",
                "stable",
                "20261123",
                false,
                Map.of());
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void nonsenseIsCountedAndChangesNothing(boolean epoll) throws Exception {
        EventLoops own = epoll ? loops : EventLoops.nio("test-dhcp6-nio");
        try (Dhcp6Listener listener = open(own)) {
            InetSocketAddress server = address(listener, Service.DHCP);
            send(client, new byte[0], server);
            send(client, new byte[] {1, 2, 3}, server);
            send(client, new byte[20_000], server);
            send(client, bytes(request(Dhcp6Type.RENEW)), server);
            send(client, bytes(request(Dhcp6Type.INFORMATION_REQUEST)), server);

            assertThat(receive(client).url()).isEqualTo(Clients6.URL);
            assertThat(told)
                    .containsExactly(
                            Dropped.MALFORMED, Dropped.MALFORMED, Dropped.MALFORMED, Reason.NOT_OURS, Service.DHCP);
        } finally {
            own.close();
        }
    }

    @Test
    void whatBootsMayFailWithoutHarm() throws Exception {
        try (Dhcp6Listener listener = open(loops, client -> {
            throw new IllegalStateException("on purpose");
        })) {
            send(client, bytes(request(Dhcp6Type.SOLICIT)), address(listener, Service.DHCP));
            send(client, new byte[3], address(listener, Service.DHCP));

            assertThat(told.poll(10, TimeUnit.SECONDS)).isEqualTo(Dropped.MALFORMED);
        }
    }

    @Test
    void aPortThatIsTakenIsExplained() throws Exception {
        int taken = client.getLocalPort();
        assertThatExceptionOfType(BindException.class)
                .isThrownBy(() -> Dhcp6Listener.open(
                        loops,
                        List.of(new Dhcp6Listener.Link(NetworkInterface.getByInetAddress(HERE), Clients6::url)),
                        new Dhcp6Listener.Ports(taken, 0),
                        SERVER,
                        log(),
                        listener(),
                        System::nanoTime))
                .withMessageContaining("another program has it");
    }

    /** Two ends of a cable in a network namespace, which ends with the process that is started in it. */
    @Test
    void aMachineOnTheLinkIsHeardByMulticast() throws Exception {
        assumeThat(Files.isExecutable(Path.of("/usr/bin/unshare")) && "root".equals(System.getProperty("user.name")))
                .as("needs root and unshare, to make a network namespace")
                .isTrue();
        String setUp = "echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad; ip link set lo up"
                + " && ip link add name boot0 type veth peer name boot1 && ip link set boot0 up && ip link set boot1 up"
                + " && ip addr add 2001:db8::1/64 dev boot0 && ip addr add 2001:db8::2/64 dev boot1";
        assumeThat(run("unshare", "-n", "sh", "-c", setUp))
                .as("needs veth, ip and namespaces")
                .isEmpty();

        String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        String output = run(
                "unshare",
                "-n",
                "sh",
                "-c",
                setUp + " && exec \"$@\"",
                "sh",
                java,
                "-cp",
                System.getProperty("java.class.path"),
                Dhcp6OnALink.class.getName());

        assertThat(output.lines())
                .containsExactly(
                        "solicit: ADVERTISE from link-local port 547",
                        "request: REPLY from 2001:db8::1 port 4011",
                        "request by multicast: REPLY from link-local port 4011",
                        "relay: RELAY_REPLY from 2001:db8::1 port 547",
                        "relay by multicast: RELAY_REPLY from link-local port 547",
                        "off link: NOT_ON_LINK");
    }

    private static String run(String... command) throws Exception {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        process.getOutputStream().close();
        String output = new String(process.getInputStream().readAllBytes(), UTF_8);
        assertThat(process.waitFor(50, TimeUnit.SECONDS)).isTrue();
        return process.exitValue() == 0 ? output : output + "exit " + process.exitValue();
    }

    private Dhcp6Listener open(EventLoops loops) throws Exception {
        return open(loops, Clients6::url);
    }

    private Dhcp6Listener open(EventLoops loops, Function<BootClient, Optional<String>> urls) throws Exception {
        return Dhcp6Listener.open(
                loops,
                List.of(new Dhcp6Listener.Link(NetworkInterface.getByInetAddress(HERE), urls)),
                new Dhcp6Listener.Ports(0, 0),
                SERVER,
                log(),
                listener(),
                System::nanoTime);
    }

    private static InetSocketAddress address(Dhcp6Listener listener, Service service) {
        List<InetSocketAddress> all = listener.addresses();
        return new InetSocketAddress(
                HERE, all.get(service == Service.DHCP ? 0 : 1).getPort());
    }

    private Dhcp6Listener.Listener listener() {
        return new Dhcp6Listener.Listener() {
            @Override
            public void answered(Service service) {
                told.add(service);
            }

            @Override
            public void silent(Reason why) {
                told.add(why);
            }

            @Override
            public void dropped(Dropped why) {
                told.add(why);
            }
        };
    }

    private static InetAddress loopback() {
        try {
            return Inet6Address.getByName("::1");
        } catch (UnknownHostException e) {
            throw new IllegalStateException(e);
        }
    }
}
