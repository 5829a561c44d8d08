package org.rackboot.server.dhcp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.rackboot.server.dhcp.Packets.address;

import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.rackboot.protocol.address.Ipv4Address;
import org.rackboot.protocol.address.Subnet;
import org.rackboot.protocol.bootname.MacAddress;
import org.rackboot.protocol.dhcp.DhcpMessage;
import org.rackboot.protocol.dhcp.MachineId;
import org.rackboot.protocol.dhcp.MessageType;
import org.rackboot.protocol.dhcp.Octets;
import org.rackboot.protocol.dhcp.OptionCode;
import org.rackboot.protocol.dhcp.RawOption;
import org.rackboot.protocol.resolve.BootCatalog;
import org.rackboot.protocol.resolve.BootFile;
import org.rackboot.protocol.resolve.BootImage;
import org.rackboot.protocol.resolve.BootPhase;
import org.rackboot.protocol.resolve.Bootloader;
import org.rackboot.protocol.resolve.LoaderPreference;
import org.rackboot.protocol.resolve.Machine;
import org.rackboot.server.event.BootEvent;
import org.rackboot.server.event.BootEvent.Answer;
import org.rackboot.server.net.MovedClock;

class ProxyAnswersTest {
    private static final Ipv4Address RACK = address("198.18.0.1");
    private static final Ipv4Address MACHINE = address("198.18.0.77");
    private static final Ipv4Address RELAY = address("198.18.9.1");
    private static final Door LINK =
            new Door.OnLink(new Link("eth0", 2, false, true, List.of(new Link.Address(RACK, 24))));
    private static final Door ADDRESS = new Door.OnAddress(RACK, 67);
    private static final Door PXE = new Door.OnAddress(RACK, 4011);
    private static final int ALWAYS = 64; // How often one machine is answered at once.

    private final Counts counts = new Counts();
    private final List<BootEvent> events = new ArrayList<>();
    private final Map<Ipv4Address, MacAddress> heard = new LinkedHashMap<>();
    private final List<String> lines = new ArrayList<>();
    private final MovedClock clock = new MovedClock();

    private BootCatalog catalog = Packets.LOADERS;
    private final Watch watch =
            new Watch(RACK::equals, events::add, new Notices(lines::add), Clock.systemUTC(), clock::nowNanos);
    private ProxyAnswers answers = answers(new SubnetRules(List.of(), List.of()));

    @Test
    void aMachineWithoutAnAddressHearsABroadcast() {
        ProxyAnswers.Outgoing answer = sent(Packets.bios(), Ipv4Address.UNSPECIFIED, 68, LINK);

        assertThat(answer.to()).isEqualTo(new InetSocketAddress("255.255.255.255", 68));
        DhcpMessage offer = Packets.read(answer.packet());
        assertThat(offer.file()).isEqualTo("lpxelinux.0");
        assertThat(offer.nextServer()).isEqualTo(RACK);
        assertThat(counts.words).containsExactly("received DISCOVER", "offer BIOS");
        assertThat(events).singleElement().satisfies(event -> {
            assertThat(event.mac()).contains("52:54:00:0b:00:01");
            assertThat(event.transport()).isEqualTo(BootEvent.Transport.DHCP);
            assertThat(event.answer()).isEqualTo(Answer.OFFERED);
            assertThat(event.name()).isEqualTo("lpxelinux.0");
            assertThat(event.reason()).isEqualTo("x86 BIOS (type 0)");
        });
    }

    @Test
    void aMachineWithAnAddressHearsItThere() {
        Packets inform = Packets.bios().type(MessageType.INFORM).from(MACHINE);

        assertThat(sent(inform, MACHINE, 68, LINK).to()).isEqualTo(new InetSocketAddress("198.18.0.77", 68));
    }

    @Test
    void uefiIsToldToAskAgainAndHearsItsFileWhereItAsksFrom() {
        sent(Packets.uefi(), Ipv4Address.UNSPECIFIED, 68, LINK);
        ProxyAnswers.Outgoing answer =
                sent(Packets.uefi().type(MessageType.REQUEST).from(MACHINE), MACHINE, 4011, PXE);

        assertThat(answer.to()).isEqualTo(new InetSocketAddress("198.18.0.77", 4011));
        assertThat(Packets.read(answer.packet()).file()).isEqualTo("bootx64.efi");
        assertThat(events).extracting(BootEvent::answer).containsExactly(Answer.OFFERED, Answer.ACKNOWLEDGED);
        assertThat(events).extracting(BootEvent::name).containsExactly("-", "bootx64.efi");
        assertThat(events.get(0).reason()).isEqualTo("x64 UEFI (type 7); it asks for the file on port 4011");
    }

    @ParameterizedTest
    @CsvSource({
        "14, POWER OPAL v3 (type 14); it looks for its configuration in ppc64el/",
        "22, arm64 U-Boot (type 22); it finds its files by itself",
        "31, s390 basic (type 31); it looks for its configuration in s390x/",
        "41, 'arm rpiboot (type 41); it gets the menu that it looks for, and finds its files by itself'",
    })
    void whoIsToldNoFileAndAsksNoMoreIsNotSaidToAskAgain(int type, String reason) {
        catalog = new BootCatalog(1, List.of(image("arm64"), image("ppc64el"), image("s390x")), List.of(), List.of());

        sent(Packets.of("PXEClient:Arch:%05d".formatted(type), type), Ipv4Address.UNSPECIFIED, 68, LINK);

        assertThat(events).singleElement().satisfies(event -> {
            assertThat(event.name()).isEqualTo("-");
            assertThat(event.reason()).isEqualTo(reason);
        });
    }

    @Test
    void aPartitionOfAnIbmZIsToldItsConfiguration() {
        catalog = new BootCatalog(1, List.of(image("s390x")), List.of(), List.of());

        DhcpMessage offer = Packets.read(sent(Packets.of("PXEClient:Arch:00032", 32), Ipv4Address.UNSPECIFIED, 68, LINK)
                .packet());

        assertThat(offer.file()).isEqualTo("s390x_partition/maas");
        assertThat(offer.options().find(OptionCode.PXELINUX_PATH_PREFIX)).isEmpty();
        assertThat(events)
                .singleElement()
                .satisfies(event -> assertThat(event.reason()).isEqualTo("s390 extended (type 32)"));
    }

    @ParameterizedTest
    @ValueSource(ints = {21, 31, 32})
    void whoNeedsNoLoaderIsNotAnsweredWithoutAnImage(int type) {
        Packets discover = Packets.of("PXEClient:Arch:%05d".formatted(type), type);

        assertSilent("silent NOTHING_TO_BOOT", discover, Ipv4Address.UNSPECIFIED, 68, LINK);
        assertThat(lines).singleElement().asString().contains("(type " + type + ")", "rackboot images import");
    }

    /** For names that do not say whose they are, asked by machines beyond a router. */
    @Test
    void whoHasWhichAddressIsTakenFromWhatMachinesSay() {
        MacAddress mac = new MacAddress("52:54:00:0b:00:01");
        Octets wanted = Octets.of((byte) 198, (byte) 18, (byte) 9, (byte) 5);
        RawOption requested = new RawOption(OptionCode.REQUESTED_ADDRESS, wanted);

        answers.answer(Packets.bios().relayedBy(RELAY).with(requested).packet(), RELAY, 67, ADDRESS);
        assertThat(heard).as("an address that is only wished for").isEmpty();

        answers.answer(
                Packets.bios()
                        .type(MessageType.REQUEST)
                        .relayedBy(RELAY)
                        .with(requested)
                        .packet(),
                RELAY,
                67,
                ADDRESS);
        answers.answer(Packets.uefi().type(MessageType.REQUEST).from(MACHINE).packet(), MACHINE, 4011, PXE);
        assertThat(heard).containsExactly(Map.entry(address("198.18.9.5"), mac), Map.entry(MACHINE, mac));
    }

    @Test
    void aRelayHearsItAndGetsItsOwnOptionBack() {
        Octets circuit = Octets.of((byte) 1, (byte) 2, (byte) 3, (byte) 4);
        Packets relayed =
                Packets.http().relayedBy(RELAY).with(new RawOption(OptionCode.RELAY_AGENT_INFORMATION, circuit));

        ProxyAnswers.Outgoing answer = sent(relayed, RELAY, 67, ADDRESS);

        assertThat(answer.to()).isEqualTo(new InetSocketAddress("198.18.9.1", 67));
        DhcpMessage offer = Packets.read(answer.packet());
        assertThat(offer.options().find(OptionCode.RELAY_AGENT_INFORMATION)).contains(circuit);
        assertThat(offer.relay()).isEqualTo(RELAY);
        assertThat(offer.file()).isEqualTo("http://198.18.0.1:5248/bootx64.efi");
        assertThat(events)
                .singleElement()
                .satisfies(event -> assertThat(event.reason()).endsWith("relayed by 198.18.9.1"));
    }

    @Test
    void whereNothingCanBeBroadcastItGoesToWhoAsked() {
        assertThat(sent(Packets.bios(), MACHINE, 1_068, ADDRESS).to())
                .isEqualTo(new InetSocketAddress("198.18.0.77", 1_068));
        assertSilent("silent NO_WAY_BACK", Packets.bios(), Ipv4Address.UNSPECIFIED, 68, ADDRESS);
    }

    @Test
    void addressesThatAreNoMachinesGetNothing() {
        for (String forged : List.of("255.255.255.255", "224.0.0.1", "127.0.0.1", "0.0.0.9", "240.0.0.1")) {
            assertSilent("silent NO_WAY_BACK", Packets.bios().relayedBy(address(forged)), RELAY, 67, ADDRESS);
            assertSilent("silent NO_WAY_BACK", Packets.bios().from(address(forged)), MACHINE, 68, LINK);
        }
    }

    @Test
    void whatIsNoDhcpIsCounted() {
        Random random = new Random(7);
        for (int size : new int[] {0, 1, 239, 240, 576, 1_500, 1_501, 2_048}) {
            byte[] bytes = new byte[size];
            random.nextBytes(bytes);
            assertThat(answers.answer(ByteBuffer.wrap(bytes), MACHINE, 68, LINK))
                    .isEmpty();
        }
        byte[] tooLong = Arrays.copyOf(Packets.bios().bytes(), 1_501);
        assertThat(answers.answer(ByteBuffer.wrap(tooLong), MACHINE, 68, LINK)).isEmpty();

        assertThat(counts.count("malformed")).isEqualTo(9);
        assertThat(events).isEmpty();
    }

    @Test
    void whoDoesNotBootFromTheNetworkHearsNothing() {
        Packets laptop = Packets.of("MSFT 5.0", 7);

        assertSilent("silent NOT_NETBOOTING", laptop, Ipv4Address.UNSPECIFIED, 68, LINK);
        assertSilent(
                "silent NOT_OURS",
                Packets.bios().type(MessageType.REQUEST),
                Ipv4Address.UNSPECIFIED,
                68,
                LINK); // The DHCP server's.
        assertThat(lines).isEmpty();
    }

    @Test
    void theAnswerIsNeverLongerThanTheClientTakes() {
        MachineId large = new MachineId(Octets.of(new byte[400]));

        assertSilent("silent TOO_LARGE", Packets.bios().with(large), Ipv4Address.UNSPECIFIED, 68, LINK);
        assertSilent(
                "silent TOO_LARGE",
                Packets.bios().with(new MachineId(Octets.of(new byte[1_195]))).with(mostBytes(9_000)),
                Ipv4Address.UNSPECIFIED,
                68,
                LINK);
        assertThat(answers.answer(
                        Packets.bios().with(large).with(mostBytes(1_472)).packet(), Ipv4Address.UNSPECIFIED, 68, LINK))
                .isPresent();
    }

    @Test
    void networksThatAreNotAnsweredAreJudgedByTheRelayTheMachineOrTheLink() {
        answers = answers(new SubnetRules(subnets("198.18.0.0/16"), subnets("198.18.9.0/24")));

        sent(Packets.bios(), Ipv4Address.UNSPECIFIED, 68, LINK);
        assertSilent("silent SUBNET_OFF", Packets.bios().relayedBy(RELAY), RELAY, 67, ADDRESS);
        assertSilent(
                "silent SUBNET_OFF",
                Packets.bios().type(MessageType.INFORM).from(address("198.19.0.1")),
                MACHINE,
                68,
                LINK);
        answers = answers(new SubnetRules(List.of(), subnets("198.18.0.0/24")));
        assertSilent("silent SUBNET_OFF", Packets.bios(), Ipv4Address.UNSPECIFIED, 68, LINK);
    }

    @Test
    void aMachineThatAsksWithoutEndIsAnsweredSeldomAndHoldsUpNoOther() {
        for (int i = 0; i < 1_000; i++) {
            answers.answer(Packets.bios().packet(), Ipv4Address.UNSPECIFIED, 68, LINK);
        }
        assertThat(counts.count("offer BIOS")).isEqualTo(ALWAYS);
        assertThat(counts.count("silent RATE_LIMIT")).isEqualTo(1_000 - ALWAYS);

        sent(Packets.bios().machine(2), Ipv4Address.UNSPECIFIED, 68, LINK);
        clock.pass(1_000_000_000);
        sent(Packets.bios(), Ipv4Address.UNSPECIFIED, 68, LINK);
    }

    @Test
    void aFloodOfMachinesThatAreNoneIsAnsweredToALimitAndRememberedToALimit() {
        AnswerBudget budget = new AnswerBudget(clock.nowNanos());
        int admitted = 0;
        for (int i = 0; i < 100_000; i++) {
            admitted += budget.admits("machine " + i, "all", false, true, clock.nowNanos()) ? 1 : 0;
        }

        assertThat(admitted).isEqualTo(8_192);
        assertThat(budget.known()).isLessThanOrEqualTo(8_192);
        clock.pass(1_000_000_000);
        assertThat(budget.admits("another", "all", false, true, clock.nowNanos()))
                .isTrue();
    }

    @Test
    void oneAddressGetsNoFloodInTheNameOfManyMachines() {
        AnswerBudget budget = new AnswerBudget(clock.nowNanos());
        int machine = 0;
        int relay = 0;
        for (int i = 0; i < 2_000; i++) {
            machine += budget.admits("machine " + i, "victim", false, false, clock.nowNanos()) ? 1 : 0;
            relay += budget.admits("relayed " + i, "relay", true, false, clock.nowNanos()) ? 1 : 0;
        }

        assertThat(machine).isEqualTo(512);
        assertThat(relay).isEqualTo(1_024);
    }

    @Test
    void whatIsMissingIsSaidOnceInAWhileAndNotAnswered() {
        catalog = BootCatalog.empty();
        for (int i = 0; i < 10; i++) {
            assertSilent("silent NOTHING_TO_BOOT", Packets.uefi(), Ipv4Address.UNSPECIFIED, 68, LINK);
        }
        assertThat(lines)
                .singleElement()
                .asString()
                .contains("Nothing to boot for x64 UEFI (type 7)", "52:54:00:0b:00:01")
                .contains("rackboot selections add --os ubuntu --release noble --arch amd64");

        clock.pass(600_000_000_000L);
        assertSilent("silent NOTHING_TO_BOOT", Packets.uefi(), Ipv4Address.UNSPECIFIED, 68, LINK);
        assertThat(lines).filteredOn(line -> line.startsWith("Nothing to boot")).hasSize(2);
        assertThat(events).noneMatch(event -> event.answer() == Answer.OFFERED);
    }

    @Test
    void whatAnotherServerOffersThatWillNotBootIsSaidOnceAndIsOnTheMachinesTimeline() {
        Ipv4Address other = address("198.18.0.9");
        Door clients = new Door.OfClients(new Link("eth0", 2, false, true, List.of(new Link.Address(RACK, 24))));
        sent(Packets.uefi(), Ipv4Address.UNSPECIFIED, 68, LINK);
        events.clear();

        for (int i = 0; i < 3; i++) {
            answers.overhear(Packets.uefi().offeredBy(other, "pxelinux.0"), other, clients);
        }
        answers.overhear(ByteBuffer.wrap(new byte[300]), other, clients);
        answers.overhear(ByteBuffer.wrap(new byte[2_000]), other, clients);

        assertThat(lines)
                .hasSize(2)
                .anyMatch(line -> line.contains("198.18.0.9 also tells machines on eth0 what to boot ('pxelinux.0')"))
                .anyMatch(line -> line.contains("'pxelinux.0' to a machine with UEFI firmware"));
        assertThat(events).hasSize(2).allSatisfy(event -> {
            assertThat(event.answer()).isEqualTo(Answer.WARNED);
            assertThat(event.mac()).contains("52:54:00:0b:00:01");
        });
        assertThat(watch.warnings()).hasSize(2);
    }

    @Test
    void aMachineThatNoDhcpServerGivesAnAddressIsSaidOnceAndIsOnItsTimeline() {
        for (int i = 0; i < 3; i++) {
            sent(Packets.bios(), Ipv4Address.UNSPECIFIED, 68, LINK);
        }
        events.clear();
        clock.pass(20_000_000_000L);
        watch.look();
        watch.look();

        assertThat(lines).singleElement().asString().contains("52:54:00:0b:00:01 asked 3 times on eth0");
        assertThat(events)
                .singleElement()
                .satisfies(event -> assertThat(event.answer()).isEqualTo(Answer.WARNED));
        assertThat(watch.warnings()).isEqualTo(lines);
    }

    @Test
    void aNumberThatIsInNoListIsNamedOnceWithWhatIsGiven() {
        for (int i = 0; i < 3; i++) {
            DhcpMessage offer = Packets.read(
                    sent(Packets.of("PXEClient:Arch:04660:UNDI:003000", 4_660), Ipv4Address.UNSPECIFIED, 68, LINK)
                            .packet());
            assertThat(offer.file()).isEqualTo("lpxelinux.0");
        }
        assertThat(lines).singleElement().asString().contains("type 4660", "lpxelinux.0", "52:54:00:0b:00:01");
    }

    @Test
    void aMachineGetsTheLoaderThatItsOperatorChose() {
        BootFile snponly = new BootFile("snponly.efi", "0".repeat(64), 1, "0".repeat(64), BootPhase.LOADER);
        List<Bootloader> loaders = new ArrayList<>(Packets.LOADERS.bootloaders());
        loaders.add(new Bootloader("ipxe", "amd64", "1", List.of(snponly)));
        Machine machine = new Machine(
                "m1",
                List.of(MacAddress.parse("52:54:00:0b:00:02").orElseThrow()),
                Optional.empty(),
                Optional.empty(),
                Optional.of(LoaderPreference.IPXE));
        catalog = new BootCatalog(1, List.of(), loaders, List.of(), List.of(machine));

        assertThat(file(Packets.http().machine(2))).endsWith("/bootloaders/ipxe/amd64/snponly.efi");
        assertThat(file(Packets.http().machine(3))).endsWith("/bootx64.efi");
        assertThat(lines).isEmpty();
    }

    private String file(Packets packets) {
        return Packets.read(sent(packets, Ipv4Address.UNSPECIFIED, 68, LINK).packet())
                .file();
    }

    @Test
    void aStrangerWhoNamesEveryNumberFillsNeitherMemoryNorLog() {
        Notices notices = new Notices(lines::add);
        for (int i = 0; i < 70_000; i++) {
            notices.say("type " + i, clock.nowNanos(), () -> "");
        }
        assertThat(lines).hasSize(Notices.MAX_LINES);

        clock.pass(600_000_000_000L);
        notices.say("type 1", clock.nowNanos(), () -> "");
        assertThat(lines).hasSize(Notices.MAX_LINES + 1);
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

    private static RawOption mostBytes(int size) {
        return new RawOption(OptionCode.MAX_MESSAGE_SIZE, Octets.of((byte) (size >> 8), (byte) size));
    }

    private static List<Subnet> subnets(String text) {
        return List.of(Subnet.parse(text).orElseThrow());
    }

    private ProxyAnswers answers(SubnetRules rules) {
        BootFiles files = new BootFiles(() -> catalog, LoaderPreference.SIGNED_CHAIN, local -> 5248);
        return new ProxyAnswers(
                rules,
                files,
                watch,
                new AnswerLog(
                        files, events::add, lines::add, Clock.fixed(Instant.EPOCH, ZoneOffset.UTC), clock::nowNanos),
                heard::put,
                counts,
                clock::nowNanos);
    }

    private ProxyAnswers.Outgoing sent(Packets packets, Ipv4Address source, int port, Door door) {
        Optional<ProxyAnswers.Outgoing> answer = answers.answer(packets.packet(), source, port, door);
        assertThat(answer).as("answered: %s", counts.words).isPresent();
        return answer.orElseThrow();
    }

    private void assertSilent(String why, Packets packets, Ipv4Address source, int port, Door door) {
        assertThat(answers.answer(packets.packet(), source, port, door)).isEmpty();
        assertThat(counts.words.get(counts.words.size() - 1)).isEqualTo(why);
    }
}
