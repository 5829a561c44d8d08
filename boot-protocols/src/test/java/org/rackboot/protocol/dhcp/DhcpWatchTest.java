package org.rackboot.protocol.dhcp;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.rackboot.protocol.address.Ipv4Address;
import org.rackboot.protocol.bootname.MacAddress;
import org.rackboot.protocol.dhcp.DhcpFinding.Kind;

class DhcpWatchTest {
    private static final Ipv4Address RACK = address("198.18.0.1");
    private static final Ipv4Address ROUTER = address("198.18.0.2");
    private static final Ipv4Address OTHER = address("198.18.0.3");
    private static final Ipv4Address LEASE = address("198.18.0.100");
    private static final String UEFI = "PXEClient:Arch:00007:UNDI:003000";
    private static final String BIOS = "PXEClient:Arch:00000:UNDI:002001";
    private static final String HTTP = "HTTPClient:Arch:00016:UNDI:003000";

    private final DhcpWatch watch = new DhcpWatch(RACK::equals);
    private Ipv4Address nextServer = RACK;
    private String network = "eth0";
    private String machine = "525400123456";
    private long nowNanos;

    @Test
    void aPlainServerThatNamesUsAsNextServerIsAsItShouldBe() {
        assertThat(discover(UEFI)).isEmpty();
        assertThat(offer(ROUTER, LEASE, "")).isEmpty();
        assertThat(watch.findings(nowNanos)).isEmpty();
    }

    @Test
    void withoutNextServerGrubFindsNothing() {
        for (String other : List.of("0.0.0.0", "198.18.0.2")) {
            nextServer = address(other);
            discover(UEFI);
            DhcpWatch fresh = new DhcpWatch(RACK::equals);
            fresh.hear(request(MessageType.DISCOVER, UEFI), network, Ipv4Address.UNSPECIFIED, nowNanos);
            List<DhcpFinding> found = fresh.hear(reply(ROUTER, LEASE, ""), network, ROUTER, nowNanos);

            assertThat(found).singleElement().satisfies(finding -> {
                assertThat(finding.kind()).isEqualTo(Kind.NO_NEXT_SERVER);
                assertThat(finding.server()).isEqualTo(ROUTER);
                assertThat(finding.machine()).contains(new MacAddress("52:54:00:12:34:56"));
                assertThat(finding.text()).contains("next-server", "eth0");
            });
        }
    }

    @Test
    void biosAndHttpNeedNoNextServer() {
        nextServer = Ipv4Address.UNSPECIFIED;
        discover(BIOS);
        assertThat(offer(ROUTER, LEASE, "")).isEmpty();
        discover(HTTP);
        assertThat(offer(ROUTER, LEASE, "")).isEmpty();
    }

    @Test
    void aSecondProxyIsNamedWithWhatItOffers() {
        discover(UEFI);

        List<DhcpFinding> found = offer(OTHER, Ipv4Address.UNSPECIFIED, "pxe/grub.efi", VendorClass.PXE_CLIENT);

        assertThat(found).singleElement().satisfies(finding -> {
            assertThat(finding.kind()).isEqualTo(Kind.SECOND_BOOT_SERVER);
            assertThat(finding.text()).contains("198.18.0.3", "'pxe/grub.efi'", "rackboot dhcp-config");
        });
        assertThat(offer(OTHER, Ipv4Address.UNSPECIFIED, "pxe/grub.efi", VendorClass.PXE_CLIENT))
                .as("said once")
                .isEmpty();
        assertThat(watch.findings(nowNanos)).hasSize(1);
    }

    @Test
    void whatWeSayOurselvesIsNoFinding() {
        discover(UEFI);
        assertThat(offer(RACK, Ipv4Address.UNSPECIFIED, "bootx64.efi", VendorClass.PXE_CLIENT))
                .isEmpty();
    }

    @Test
    void pxeClientWithoutOption43SendsUefiToPort4011() { // D2
        discover(UEFI);

        assertThat(kinds(offer(ROUTER, LEASE, "", VendorClass.PXE_CLIENT)))
                .containsExactly(Kind.VENDOR_CLASS_WITHOUT_CONTROL);
        discover(UEFI);
        assertThat(kinds(offer(
                        OTHER,
                        LEASE,
                        "",
                        VendorClass.PXE_CLIENT,
                        PxeVendorOptions.control(PxeVendorOptions.USE_THE_FILE))))
                .containsExactly(Kind.SECOND_DHCP_SERVER);
    }

    @Test
    void aLoaderOfTheOtherFirmwareIsNamed() {
        discover(UEFI);
        assertThat(kinds(offer(ROUTER, LEASE, "pxelinux.0")))
                .containsExactly(Kind.SECOND_BOOT_SERVER, Kind.LOADER_OF_OTHER_FIRMWARE);
        machine = "525400000002";
        network = "eth1";
        discover(BIOS);
        assertThat(kinds(offer(ROUTER, LEASE, "bootx64.efi")))
                .containsExactly(Kind.SECOND_BOOT_SERVER, Kind.LOADER_OF_OTHER_FIRMWARE);
        machine = "525400000003";
        network = "eth2";
        discover(BIOS);
        assertThat(kinds(offer(ROUTER, LEASE, "undionly.kpxe"))).containsExactly(Kind.SECOND_BOOT_SERVER);
    }

    @Test
    void anHttpClientTakesOnlyUrlsWithItsWord() { // D1
        discover(HTTP);
        assertThat(kinds(offer(ROUTER, LEASE, "http://198.18.0.2/boot.efi"))).contains(Kind.HTTP_OFFER_UNUSABLE);
        network = "eth1";
        discover(HTTP);
        assertThat(kinds(offer(ROUTER, LEASE, "boot.efi", VendorClass.HTTP_CLIENT)))
                .contains(Kind.HTTP_OFFER_UNUSABLE);
        network = "eth2";
        discover(HTTP);
        assertThat(kinds(offer(ROUTER, LEASE, "http://198.18.0.2/boot.efi", VendorClass.HTTP_CLIENT)))
                .doesNotContain(Kind.HTTP_OFFER_UNUSABLE);
    }

    @Test
    void twoServersWithAddressesAreNamedTogether() {
        discover("MSFT 5.0");
        assertThat(offer(ROUTER, LEASE, "")).isEmpty();

        List<DhcpFinding> found = offer(OTHER, LEASE, "");

        assertThat(found).singleElement().satisfies(finding -> {
            assertThat(finding.kind()).isEqualTo(Kind.SECOND_DHCP_SERVER);
            assertThat(finding.text()).contains("198.18.0.2, 198.18.0.3");
        });
        assertThat(offer(ROUTER, LEASE, ""))
                .as("said once, whoever speaks next")
                .isEmpty();
        assertThat(watch.findings(nowNanos)).hasSize(1);
        assertThat(offer(address("198.18.0.4"), LEASE, "")).isEmpty();
        assertThat(watch.findings(nowNanos))
                .singleElement()
                .satisfies(finding -> assertThat(finding.text()).contains("3 DHCP servers"));
        network = "eth1";
        discover("MSFT 5.0");
        assertThat(offer(OTHER, LEASE, "")).as("another network").isEmpty();
    }

    @Test
    void aNetworkOfTwoAddressesIsNamed() { // D16
        discover(UEFI);
        assertThat(kinds(offer(
                        ROUTER,
                        LEASE,
                        "",
                        new RawOption(1, Octets.of(HexFormat.of().parseHex("fffffffe"))))))
                .containsExactly(Kind.NETWORK_OF_TWO);
    }

    @Test
    void aMachineThatAsksInVainIsNamedTwentySecondsAfterItBegan() {
        for (int i = 0; i < 5; i++) {
            assertThat(discover(UEFI)).isEmpty();
            pass(Duration.ofSeconds(3));
        }
        pass(Duration.ofSeconds(5).minusNanos(1));
        assertThat(watch.look(nowNanos)).isEmpty();
        pass(Duration.ofNanos(1));

        assertThat(watch.look(nowNanos)).singleElement().satisfies(finding -> {
            assertThat(finding.kind()).isEqualTo(Kind.NO_ADDRESS);
            assertThat(finding.machine()).contains(new MacAddress("52:54:00:12:34:56"));
            assertThat(finding.text()).contains("52:54:00:12:34:56 asked 5 times on eth0");
        });
        assertThat(watch.look(nowNanos)).as("said once").isEmpty();
        discover(UEFI);
        assertThat(watch.look(nowNanos)).isEmpty();
        assertThat(watch.findings(nowNanos))
                .singleElement()
                .satisfies(finding -> assertThat(finding.text()).contains("asked 6 times"));

        pass(Duration.ofNanos(DhcpWatch.FORGOTTEN_NANOS + 1));
        assertThat(watch.look(nowNanos)).isEmpty();
        assertThat(watch.findings(nowNanos)).isEmpty();
    }

    @Test
    void whoAskedTwiceWasOfferedAnAddressOrTookOneDoesNotAskInVain() {
        discoverOften(2);
        assertThat(lookLater()).as("twice").isEmpty();

        machine = "525400000002";
        discoverOften(3);
        offer(OTHER, LEASE, "");
        assertThat(lookLater()).as("an offer").isEmpty();

        machine = "525400000003";
        discoverOften(3);
        watch.hear(request(MessageType.REQUEST, UEFI), network, Ipv4Address.UNSPECIFIED, nowNanos);
        assertThat(lookLater()).as("it took one that was not heard").isEmpty();
        discoverOften(3);
        assertThat(lookLater()).as("it begins anew").hasSize(1);
    }

    @Test
    void anOfferWithoutAnAddressAndOneForAnotherAreNone() {
        discoverOften(3);
        offer(OTHER, Ipv4Address.UNSPECIFIED, "", VendorClass.PXE_CLIENT);
        machine = "525400000002";
        offer(ROUTER, LEASE, "");

        assertThat(kinds(lookLater())).containsExactly(Kind.NO_ADDRESS);
    }

    @Test
    void bootsThatAreFarApartAreNotCountedTogether() {
        for (int i = 0; i < 4; i++) {
            discover(UEFI);
            pass(Duration.ofNanos(DhcpWatch.SAME_BOOT_NANOS + 1));
            assertThat(watch.look(nowNanos)).isEmpty();
        }
        for (int i = 0; i < 3; i++) { // With UEFI's longest pauses.
            discover(UEFI);
            pass(Duration.ofSeconds(32));
        }
        assertThat(watch.look(nowNanos)).hasSize(1);
    }

    @Test
    void whoDoesNotBootFromTheNetworkMayAskInVain() {
        for (int i = 0; i < 5; i++) {
            discover("MSFT 5.0");
        }
        assertThat(lookLater()).isEmpty();
    }

    @Test
    void whatIsNotSeenAgainIsOver() {
        discover(UEFI);
        offer(OTHER, Ipv4Address.UNSPECIFIED, "x.efi", VendorClass.PXE_CLIENT);
        pass(Duration.ofNanos(DhcpWatch.FORGOTTEN_NANOS));
        assertThat(watch.findings(nowNanos)).hasSize(1);
        pass(Duration.ofNanos(1));
        assertThat(watch.findings(nowNanos)).isEmpty();
        assertThat(offer(OTHER, Ipv4Address.UNSPECIFIED, "x.efi", VendorClass.PXE_CLIENT))
                .as("said again")
                .hasSize(1);
    }

    @Test
    void whatStrangersWriteIsMadeHarmlessForLogs() {
        discover(UEFI);
        assertThat(offer(OTHER, Ipv4Address.UNSPECIFIED, "x\n\u001b[31m.efi", VendorClass.PXE_CLIENT))
                .isNotEmpty()
                .allSatisfy(finding -> assertThat(finding.text()).matches("[ -~]*"));
        network = "eth1";
        discover(UEFI);
        assertThat(offer(OTHER, LEASE, "", new BootFileName("x".repeat(1_000) + ".0")))
                .isNotEmpty()
                .allSatisfy(finding -> assertThat(finding.text()).hasSizeLessThan(1_000)); // Or a region takes it not.
    }

    @Test
    void floodsOfMachinesAndServersAreBounded() {
        Random random = new Random(1);
        nextServer = Ipv4Address.UNSPECIFIED;
        for (int i = 0; i < 20_000; i++) {
            machine = "5254%08x".formatted(random.nextInt());
            network = "eth" + random.nextInt(4);
            discover(random.nextBoolean() ? UEFI : BIOS);
            offer(new Ipv4Address(random.nextInt()), LEASE, "a.efi", VendorClass.PXE_CLIENT);
        }
        assertThat(watch.findings(nowNanos)).hasSize(DhcpWatch.MOST_FINDINGS);
    }

    private void discoverOften(int times) {
        for (int i = 0; i < times; i++) {
            discover(UEFI);
        }
    }

    private List<DhcpFinding> lookLater() {
        pass(Duration.ofSeconds(20));
        return watch.look(nowNanos);
    }

    private List<DhcpFinding> discover(String vendor) {
        return watch.hear(request(MessageType.DISCOVER, vendor), network, Ipv4Address.UNSPECIFIED, nowNanos);
    }

    private List<DhcpFinding> offer(Ipv4Address server, Ipv4Address lease, String file, DhcpOption... more) {
        return watch.hear(reply(server, lease, file, more), network, server, nowNanos);
    }

    private DhcpMessage request(MessageType type, String vendor) {
        return message(
                true, Ipv4Address.UNSPECIFIED, Ipv4Address.UNSPECIFIED, "", List.of(type, new VendorClass(vendor)));
    }

    private DhcpMessage reply(Ipv4Address server, Ipv4Address lease, String file, DhcpOption... more) {
        List<DhcpOption> options = new ArrayList<>(List.of(MessageType.OFFER, new ServerIdentifier(server)));
        options.addAll(List.of(more));
        return message(false, lease, nextServer, file, options);
    }

    private DhcpMessage message(
            boolean isRequest, Ipv4Address yours, Ipv4Address next, String file, List<DhcpOption> options) {
        return new DhcpMessage(
                isRequest,
                new HardwareAddress(
                        HardwareAddress.ETHERNET, Octets.of(HexFormat.of().parseHex(machine))),
                0,
                7,
                0,
                true,
                Ipv4Address.UNSPECIFIED,
                yours,
                next,
                Ipv4Address.UNSPECIFIED,
                "",
                file,
                DhcpOptions.of(options));
    }

    private static List<Kind> kinds(List<DhcpFinding> findings) {
        return findings.stream().map(DhcpFinding::kind).toList();
    }

    private void pass(Duration time) {
        nowNanos += time.toNanos();
    }

    private static Ipv4Address address(String text) {
        return Ipv4Address.parse(text).orElseThrow();
    }
}
