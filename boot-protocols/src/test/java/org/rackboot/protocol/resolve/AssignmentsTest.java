package org.rackboot.protocol.resolve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.rackboot.protocol.resolve.Catalogs.file;
import static org.rackboot.protocol.resolve.Catalogs.image;
import static org.rackboot.protocol.resolve.Catalogs.loader;
import static org.rackboot.protocol.resolve.Catalogs.noble;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.rackboot.protocol.address.IpAddress;
import org.rackboot.protocol.address.Subnet;
import org.rackboot.protocol.bootconfig.BootTemplates;
import org.rackboot.protocol.bootconfig.ConfigLoader;
import org.rackboot.protocol.bootconfig.ConfigPurpose;
import org.rackboot.protocol.bootname.MacAddress;
import org.rackboot.protocol.netconfig.NetworkConfig;
import org.rackboot.protocol.resolve.BootRequest.Client;
import org.rackboot.protocol.resolve.BootRequest.ServerAddress;
import org.rackboot.protocol.resolve.BootRequest.Transport;
import org.rackboot.protocol.resolve.BootResolution.Decision;

/** Which machine boots what, and who says so. */
class AssignmentsTest {
    private static final MacAddress MAC = new MacAddress("52:54:00:0b:00:01");
    private static final MacAddress OTHER = new MacAddress("52:54:00:0b:00:02");
    private static final String UUID = "4c4c4544-0042-3510-8054-b4c04f4a3232";
    private static final ServerAddress SERVER = new ServerAddress("198.18.0.1", 5_248, false);
    private static final String GRUB_NAME = "grub/grub.cfg-52:54:00:0b:00:01-x86_64";

    private final List<BootImage> images = new ArrayList<>(List.of(
            noble("20260101"),
            noble("20260201"),
            image("noble", "24.04", "24.04 LTS", "amd64", "hwe-24.04", "generic", "stable", "20260201"),
            image("jammy", "22.04", "22.04 LTS", "amd64", "ga-22.04", "generic", "stable", "20260201"),
            image("noble", "24.04", "24.04 LTS", "arm64", "ga-24.04", "generic", "stable", "20260201")));
    private final List<Bootloader> loaders = new ArrayList<>(
            List.of(loader("uefi", "amd64", "bootx64.efi", "grubx64.efi"), loader("pxe", "i386", "lpxelinux.0")));
    private Optional<Machine> machine = Optional.empty();
    private BootRules rules = BootRules.NONE;
    private RackMemory memory = RackMemory.NONE;
    private Client client = Client.UNKNOWN;

    @Test
    void theNarrowestWordHolds() {
        rules = new BootRules(
                Map.of("db", assigned(4, "ubuntu/jammy"), "web", assigned(5, "ubuntu/noble")),
                List.of(subnet("198.18.0.0/15", 6, "ubuntu/jammy"), subnet("198.18.4.0/24", 7, "ubuntu/noble")),
                Map.of("amd64", assigned(8, "ubuntu/jammy")),
                Optional.of(assigned(9, "ubuntu/noble")),
                Map.of(),
                UnknownMachines.BOOT);
        at("198.18.4.9");

        know(List.of("web", "db"), Optional.of(assigned(1, "ubuntu/jammy")), Optional.of(assigned(2, "ubuntu/noble")));
        assertThat(decision(GRUB_NAME).origin()).isEqualTo("the next boot of web-1");
        memory = used(2);
        assertThat(decision(GRUB_NAME).origin()).isEqualTo("machine web-1");
        know(List.of("web", "db"), Optional.empty(), Optional.empty());
        assertThat(decision(GRUB_NAME).origin()).isEqualTo("tag db"); // The first by name that has one.
        know(List.of("none"), Optional.empty(), Optional.empty());
        assertThat(decision(GRUB_NAME).origin()).isEqualTo("subnet 198.18.4.0/24");
        at("198.19.0.1");
        assertThat(decision(GRUB_NAME).origin()).isEqualTo("subnet 198.18.0.0/15");
        at("2001:db8::1");
        assertThat(decision(GRUB_NAME).origin()).isEqualTo("architecture amd64");
        assertThat(decision("grub/grub.cfg-52:54:00:0b:00:01-arm64").origin()).isEqualTo("default");
        machine = Optional.empty();
        assertThat(decision(GRUB_NAME).origin()).isEqualTo("architecture amd64"); // Strangers, too.
    }

    @Test
    void anAssignmentForTheNextBootIsGivenUntilARackDeliveredIt() {
        know(List.of(), Optional.of(Assignment.of(1, Purpose.LOCAL)), Optional.of(assigned(2, "ubuntu/jammy")));

        assertThat(decision(GRUB_NAME).once().orElseThrow().id()).isEqualTo(2);
        assertThat(decision(GRUB_NAME).booted().orElseThrow().release()).isEqualTo("jammy");
        memory = used(2);

        assertThat(decision(GRUB_NAME).once()).isEmpty();
        assertThat(decision(GRUB_NAME).plan().purpose()).isEqualTo(ConfigPurpose.LOCAL);
    }

    @Test
    void whoBootedByAnAssignmentForOnceReadsItsMetadataAfterItIsGone() {
        know(List.of(), Optional.empty(), Optional.of(assigned(2, Purpose.INSTALL, "ubuntu/jammy")));
        String seed = decision(GRUB_NAME).plan().arguments().stream()
                .filter(word -> word.startsWith("ds=nocloud"))
                .findFirst()
                .orElseThrow();
        String curtin = seed.substring(seed.indexOf("metadata/")) + "curtin.yaml";
        know(List.of(), Optional.empty(), Optional.empty());

        assertThat(answer(curtin)).isInstanceOf(BootAnswer.NotFound.class);
        memory = used(2);
        assertThat(text(curtin)).contains("ubuntu jammy");
    }

    @Test
    void aMachineThatIsNotToNetbootBootsItsDisk() {
        machine = Optional.of(new Machine(
                "web-1",
                List.of(MAC),
                Optional.empty(),
                Optional.of("amd64"),
                Optional.empty(),
                new Machine.Instructions(
                        List.of(),
                        List.of(),
                        Optional.empty(),
                        false,
                        Optional.of(assigned(1, "ubuntu/noble")),
                        Optional.of(assigned(2, "ubuntu/noble")))));

        assertThat(decision(GRUB_NAME).plan().purpose()).isEqualTo(ConfigPurpose.LOCAL);
        assertThat(decision(GRUB_NAME).origin()).isEqualTo("netboot is off for web-1");
    }

    @ParameterizedTest
    @CsvSource({
        "pxelinux.cfg/01-52-54-00-0b-00-01, PXELINUX",
        "pxelinux.cfg/4c4c4544-0042-3510-8054-b4c04f4a3232, PXELINUX",
        "pxelinux.cfg/4C4C4544-0042-3510-8054-B4C04F4A3232, PXELINUX",
        "grub/grub.cfg-52:54:00:0b:00:01, GRUB",
        "grub/grub.cfg-52-54-00-0B-00-01, GRUB",
        "grub/grub.cfg-01-52-54-00-0b-00-01, GRUB",
        "grub/grub.cfg-52:54:00:0b:00:01-x86_64, GRUB",
        "ipxe.cfg-52-54-00-0b-00-01, IPXE",
        "ipxe.cfg-52:54:00:0b:00:01-i386, IPXE",
        "ppc64el/pxelinux.cfg/01-52-54-00-0b-00-01, PETITBOOT",
        "s390x/01-52-54-00-0b-00-01, S390X",
        "s390x/pxelinux.cfg/01-52-54-00-0b-00-01, S390X",
        "bootloaders/pxe/i386/pxelinux.cfg/01-52-54-00-0b-00-01, PXELINUX"
    })
    void aMachineIsKnownByWhateverItsLoaderAsks(String name, ConfigLoader loader) {
        know(List.of(), Optional.of(Assignment.of(1, Purpose.POWEROFF)), Optional.empty());

        Decision decision = decision(name);

        assertThat(decision.loader()).isEqualTo(loader);
        assertThat(decision.machine().orElseThrow().name()).isEqualTo("web-1");
        assertThat(decision.plan().purpose()).isEqualTo(ConfigPurpose.POWEROFF);
    }

    @ParameterizedTest
    @CsvSource({
        "pxelinux.cfg/default, PXELINUX",
        "ppc64el/pxelinux.cfg/default, PETITBOOT",
        "s390x/default, S390X",
        "s390x_partition/maas, S390X_PARTITION",
        "boot.scr.uimg, U_BOOT_SCRIPT",
        "pxelinux.cfg/default-arm-qemu, U_BOOT"
    })
    void whereANameSaysNothingTheNetworkSaysWhoAsks(String name, ConfigLoader loader) {
        know(List.of(), Optional.of(Assignment.of(1, Purpose.POWEROFF)), Optional.empty());
        client = new Client(Optional.empty(), Optional.of(MAC));

        assertThat(decision(name).loader()).isEqualTo(loader);
        assertThat(decision(name).machine()).isPresent();

        client = new Client(Optional.empty(), Optional.empty(), Optional.of(MAC)); // Behind a router: what DHCP said.
        assertThat(decision(name).machine()).isPresent();
    }

    @Test
    void aNeighbourIsNoOtherWhateverDhcpSaid() {
        know(List.of(), Optional.of(Assignment.of(1, Purpose.POWEROFF)), Optional.empty());
        client = new Client(Optional.empty(), Optional.of(OTHER), Optional.of(MAC));

        assertThat(decision("pxelinux.cfg/default").machine()).isEmpty();
    }

    @Test
    void ofWhoeverNamesAnotherMachineTheNameHolds() {
        know(List.of(), Optional.of(Assignment.of(1, Purpose.POWEROFF)), Optional.empty());
        client = new Client(Optional.empty(), Optional.of(MAC));

        assertThat(decision("grub/grub.cfg-52:54:00:0b:00:02-x86_64").machine()).isEmpty();
    }

    @Test
    void theArchitectureThatIsRecordedChoosesTheLanguageOfPxelinuxsNames() {
        machine = Optional.of(new Machine(
                "board-1",
                List.of(MAC),
                Optional.empty(),
                Optional.of("arm64"),
                Optional.empty(),
                Machine.Instructions.NONE));

        assertThat(decision("pxelinux.cfg/01-52-54-00-0b-00-01").loader()).isEqualTo(ConfigLoader.U_BOOT);
        assertThat(decision("pxelinux.cfg/01-52-54-00-0b-00-01")
                        .booted()
                        .orElseThrow()
                        .arch())
                .isEqualTo("arm64");
    }

    @Test
    void grubsOwnSearchGoesOnWhereNobodyKnowsTheArchitecture() {
        machine = Optional.of(new Machine("web-1", List.of(MAC), Optional.empty(), Optional.empty(), Optional.empty()));

        assertThat(answer("grub/grub.cfg-01-52-54-00-0b-00-01"))
                .isInstanceOfSatisfying(
                        BootAnswer.NotFound.class,
                        miss -> assertThat(miss.expected()).isTrue());
    }

    @Test
    void unknownMachinesBootWaitOrAreToldNothing() {
        assertThat(decision(GRUB_NAME).plan().purpose()).isEqualTo(ConfigPurpose.EPHEMERAL);
        assertThat(((BootAnswer.Rendered) answer(GRUB_NAME)).purpose()).isEqualTo("enlist");
        assertThat(text(GRUB_NAME)).contains("ip=::::maas-enlist:BOOTIF:dhcp");
        assertThat(resolution(GRUB_NAME).stranger().orElseThrow().mac()).isEqualTo(MAC);
        assertThat(resolution("pxelinux.cfg/01-52-54-00-0b-00-01").stranger()).isPresent();

        rules = policy(UnknownMachines.HOLD);
        assertThat(decision(GRUB_NAME).plan().purpose()).isEqualTo(ConfigPurpose.HOLD);
        assertThat(text(GRUB_NAME)).contains("rackboot machines adopt 52:54:00:0b:00:01");

        rules = policy(UnknownMachines.SILENCE);
        assertThat(answer(GRUB_NAME)).isInstanceOf(BootAnswer.NotFound.class);
        assertThat(answer("pxelinux.cfg/default")).isInstanceOf(BootAnswer.NotFound.class);
        assertThat(resolution(GRUB_NAME).stranger()).isPresent(); // It is recorded all the same.
        know(List.of(), Optional.empty(), Optional.empty());
        assertThat(decision(GRUB_NAME).plan().purpose()).isEqualTo(ConfigPurpose.EPHEMERAL);
    }

    @Test
    void whoWaitsIsToldWhenToAskAgain() {
        know(List.of(), Optional.of(Assignment.of(1, Purpose.HOLD)), Optional.empty());
        assertThat(answer(GRUB_NAME + ".ready")).isEqualTo(new BootAnswer.Empty());
        assertThat(text(GRUB_NAME)).contains(GRUB_NAME + ".ready");

        know(List.of(), Optional.of(assigned(2, "ubuntu/noble")), Optional.empty());
        assertThat(text(GRUB_NAME + ".ready")).isNotEmpty();
        assertThat(answer("no/config.ready")).isInstanceOf(BootAnswer.NotFound.class);
    }

    @Test
    void aMissingKernelIsSaidAndNeverAnotherTaken() {
        know(List.of(), Optional.of(assigned(1, "ubuntu/noble/amd64/hwe-22.04")), Optional.empty());

        Decision decision = decision("pxelinux.cfg/01-52-54-00-0b-00-01");

        assertThat(decision.plan().purpose()).isEqualTo(ConfigPurpose.FAILURE);
        assertThat(decision.plan().reason().orElseThrow())
                .contains("no kernel hwe-22.04 for ubuntu/noble/amd64; there is ga-24.04, hwe-24.04");
        assertThat(text("pxelinux.cfg/01-52-54-00-0b-00-01"))
                .contains("no kernel hwe-22.04")
                .doesNotContain("KERNEL http");
        assertThat(decision.words()).startsWith("web-1: failure by machine web-1: no kernel hwe-22.04");
    }

    @Test
    void aKernelLevelThatAnImageServesIsServedByIt() {
        BootImage noble = noble("20260301");
        images.add(new BootImage(
                noble.os(),
                noble.release(),
                noble.releaseVersion(),
                noble.title(),
                noble.arch(),
                noble.subarch(),
                noble.flavour(),
                noble.label(),
                noble.serial(),
                false,
                Set.of("ga-22.04", "ga-24.04", "generic"),
                List.of(),
                List.of(),
                Optional.empty(),
                noble.files()));
        know(List.of(), Optional.of(assigned(1, "ubuntu/noble/amd64/ga-22.04")), Optional.empty());

        assertThat(decision(GRUB_NAME).booted().orElseThrow().serial()).isEqualTo("20260301");
    }

    @ParameterizedTest
    @CsvSource({
        "ubuntu/noble, , 20260201 ga-24.04", // Follows the newest.
        "ubuntu/noble, 20260101, 20260101 ga-24.04",
        "ubuntu/noble/amd64/hwe-24.04, , 20260201 hwe-24.04",
        "ubuntu/jammy/amd64, , 20260201 ga-22.04"
    })
    void anImageIsMeantByReleaseKernelAndVersion(String image, String version, String expected) {
        know(
                List.of(),
                Optional.of(new Assignment(
                        1,
                        Purpose.EPHEMERAL,
                        ImageReference.parse(image),
                        Optional.ofNullable(version),
                        Optional.empty(),
                        Optional.empty(),
                        Optional.empty(),
                        false)),
                Optional.empty());

        BootImage booted = decision(GRUB_NAME).booted().orElseThrow();
        assertThat(booted.serial() + " " + booted.subarch()).isEqualTo(expected);
    }

    @ParameterizedTest
    @CsvSource({
        "ubuntu/noble/arm64, , 'the assigned image ubuntu/noble/arm64 is for arm64, this machine is amd64'",
        "ubuntu/oracular, , 'no image ubuntu/oracular for amd64: import one'",
        "ubuntu/noble, 20250101, 'version 20250101 of ubuntu/noble for amd64 is not there; there is 20260101, 20260201'"
    })
    void whatIsMissingIsNamed(String image, String version, String expected) {
        know(
                List.of(),
                Optional.of(new Assignment(
                        1,
                        Purpose.EPHEMERAL,
                        ImageReference.parse(image),
                        Optional.ofNullable(version),
                        Optional.empty(),
                        Optional.empty(),
                        Optional.empty(),
                        false)),
                Optional.empty());

        assertThat(decision(GRUB_NAME).plan().reason().orElseThrow()).contains(expected);
    }

    @Test
    void kernelOptionsComeFromTheWidestToTheNarrowest() {
        BootImage noble = noble("20260301");
        images.add(new BootImage(
                noble.os(),
                noble.release(),
                noble.releaseVersion(),
                noble.title(),
                noble.arch(),
                noble.subarch(),
                noble.flavour(),
                noble.label(),
                noble.serial(),
                false,
                Set.of(),
                List.of("stream=1", "both=stream"),
                List.of("image=1"),
                Optional.empty(),
                noble.files()));
        rules = new BootRules(
                Map.of(),
                List.of(),
                Map.of(),
                Optional.empty(),
                Map.of("web", List.of("tag=web", "both=tag")),
                UnknownMachines.BOOT);
        machine = Optional.of(new Machine(
                "web-1",
                List.of(MAC),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                new Machine.Instructions(
                        List.of("web"),
                        List.of("machine=1"),
                        Optional.empty(),
                        true,
                        Optional.empty(),
                        Optional.empty())));

        List<String> arguments = decision(GRUB_NAME).plan().arguments();
        assertThat(arguments)
                .containsSubsequence("console=ttyS0", "stream=1", "image=1", "tag=web", "both=tag", "machine=1")
                .doesNotContain("both=stream")
                .anyMatch(word -> word.startsWith("ip=::::web-1:"));
    }

    @Test
    void moreOptionsThanAKernelTakesAreAFailureThatSaysSo() {
        machine = Optional.of(new Machine(
                "web-1",
                List.of(MAC),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                new Machine.Instructions(
                        List.of(),
                        List.of("a=" + "x".repeat(4_100)),
                        Optional.empty(),
                        true,
                        Optional.empty(),
                        Optional.empty())));

        assertThat(decision(GRUB_NAME).plan().reason().orElseThrow()).contains("take kernel options away");
    }

    @Test
    void aCloudConfigUrlIsFilledIn() {
        Assignment assignment = new Assignment(
                1,
                Purpose.EPHEMERAL,
                Optional.empty(),
                Optional.empty(),
                Optional.of("http://198.18.0.5/{name}/{mac}/{arch}?rack={rack}&{unknown}"),
                Optional.empty(),
                Optional.empty(),
                false);
        know(List.of(), Optional.of(assignment), Optional.empty());

        assertThat(decision(GRUB_NAME).plan().arguments())
                .contains("cloud-config-url=http://198.18.0.5/web-1/52:54:00:0b:00:01/amd64?rack=198.18.0.1&{unknown}");
    }

    @Test
    void aMachineReadsItsOwnMetadataAndNoOther() {
        machine = Optional.of(new Machine(
                "web-1",
                List.of(MAC),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                new Machine.Instructions(
                        List.of(),
                        List.of(),
                        NetworkConfig.read(Map.of("version", 2, "ethernets", Map.of("eth0", Map.of("dhcp4", true))))
                                .config(),
                        true,
                        Optional.of(new Assignment(
                                7,
                                Purpose.EPHEMERAL,
                                Optional.empty(),
                                Optional.empty(),
                                Optional.empty(),
                                Optional.of("#cloud-config\nhostname: web-1\n"),
                                Optional.empty(),
                                false)),
                        Optional.empty())));
        String seed = decision(GRUB_NAME).plan().arguments().stream()
                .filter(word -> word.startsWith("ds=nocloud"))
                .findFirst()
                .orElseThrow();
        String directory = seed.substring(seed.indexOf("metadata/"));

        assertThat(text(directory + "user-data")).isEqualTo("#cloud-config\nhostname: web-1\n");
        assertThat(text(directory + "meta-data"))
                .contains("instance-id: web-1-7\n")
                .contains("local-hostname: web-1\n");
        assertThat(text(directory + "vendor-data")).isEmpty();
        assertThat(text(directory + "network-config")).contains("eth0").contains("dhcp4");
        assertThat(answer(directory + "passwords")).isInstanceOf(BootAnswer.NotFound.class);
        assertThat(answer(directory.replace("web-1", "web-2") + "user-data")).isInstanceOf(BootAnswer.NotFound.class);
        assertThat(answer(directory.replace("/7-", "/8-") + "user-data")).isInstanceOf(BootAnswer.NotFound.class);
        assertThat(answer("metadata/web-1/7-" + "0".repeat(32) + "/user-data")).isInstanceOf(BootAnswer.NotFound.class);

        client = new Client(Optional.empty(), Optional.of(MAC));
        assertThat(answer(directory + "user-data")).isInstanceOf(BootAnswer.Rendered.class);
        client = new Client(Optional.empty(), Optional.of(OTHER)); // A neighbour that knows the name.
        assertThat(answer(directory + "user-data")).isInstanceOf(BootAnswer.NotFound.class);
        client = new Client(
                Optional.empty(), Optional.empty(), Optional.of(OTHER)); // Anybody may have said that by DHCP.
        assertThat(answer(directory + "user-data")).isInstanceOf(BootAnswer.Rendered.class);
    }

    @Test
    void anImageWithoutKernelIsInstalledFromTheDefaultOne() {
        images.add(new BootImage(
                "centos",
                "8",
                "8",
                "CentOS 8",
                "amd64",
                "generic",
                "generic",
                "stable",
                "20260101",
                false,
                Map.of("root-tgz", file("root-tgz", "centos", BootPhase.ROOT))));
        know(List.of(), Optional.of(assigned(3, Purpose.INSTALL, "centos/8")), Optional.empty());

        Decision decision = decision(GRUB_NAME);
        assertThat(decision.booted().orElseThrow().release()).isEqualTo("noble");
        assertThat(decision.wanted().orElseThrow().release()).isEqualTo("8");
        String seed = decision.plan().arguments().stream()
                .filter(word -> word.startsWith("ds=nocloud"))
                .findFirst()
                .orElseThrow();
        String directory = seed.substring(seed.indexOf("metadata/"));
        String sha256 = file("root-tgz", "centos", BootPhase.ROOT).sha256();
        assertThat(text(directory + "install.json"))
                .contains("\"type\": \"root-tgz\", \"curtin\": \"tgz\"")
                .contains("http://198.18.0.1:5248/images/" + sha256 + "/centos/amd64/generic/8/stable/root-tgz")
                .contains("\"sha256\": \"" + sha256 + "\"");
        assertThat(text(directory + "curtin.yaml")).contains("type: 'tgz'");
        assertThat(text(directory + "user-data")).contains("http://198.18.0.1:5248/" + directory + "curtin.yaml");

        know(List.of(), Optional.of(assigned(3, "centos/8")), Optional.empty());
        assertThat(decision(GRUB_NAME).plan().reason().orElseThrow()).contains("assign it with --purpose install");
    }

    @Test
    void anUploadedImageIsInstalledFromItsBaseImage() {
        images.add(uploaded(Optional.of("ubuntu/jammy"), "root-tgz"));
        know(List.of(), Optional.of(assigned(3, Purpose.INSTALL, "custom/own")), Optional.empty());

        Decision decision = decision(GRUB_NAME);
        assertThat(decision.booted().orElseThrow().release()).isEqualTo("jammy");
        assertThat(decision.wanted().orElseThrow().release()).isEqualTo("own");

        images.removeIf(each -> each.release().equals("jammy"));
        assertThat(decision(GRUB_NAME).plan().reason().orElseThrow())
                .contains("its base image is needed: no image ubuntu/jammy for amd64");
    }

    @Test
    void anImageWithAKernelAndATarRunsFromMemory() {
        images.add(uploaded(Optional.empty(), "root-tgz", "boot-kernel", "boot-initrd"));
        know(List.of(), Optional.of(assigned(3, "custom/own")), Optional.empty());

        Decision decision = decision(GRUB_NAME);

        assertThat(decision.booted().orElseThrow().release()).isEqualTo("own");
        assertThat(decision.plan().arguments())
                .anyMatch(word -> word.startsWith("root=tar:http://198.18.0.1:5248/images/"))
                .doesNotContain("overlayroot=tmpfs");
        know(List.of(), Optional.of(assigned(3, Purpose.INSTALL, "custom/own")), Optional.empty());
        assertThat(decision(GRUB_NAME).booted().orElseThrow().release()).isEqualTo("noble");
    }

    private static BootImage uploaded(Optional<String> base, String... types) {
        Map<String, BootFile> files =
                Stream.of(types).collect(Collectors.toMap(type -> type, type -> file(type, "own", BootPhase.ROOT)));
        return new BootImage(
                "custom",
                "own",
                "",
                "",
                "amd64",
                "generic",
                "generic",
                "uploaded",
                "20260101",
                false,
                Set.of(),
                List.of(),
                List.of(),
                base.map(text -> ImageReference.parse(text).orElseThrow()),
                files);
    }

    @ParameterizedTest
    @CsvSource({
        "i386, ipxe.cfg-52-54-00-0b-00-01-i386, i386",
        "amd64, ipxe.cfg-52-54-00-0b-00-01-i386, amd64",
        "i386, grub/grub.cfg-52:54:00:0b:00:01-i386, i386",
        "armhf, grub/grub.cfg-52:54:00:0b:00:01-arm, armhf",
        "armhf, ipxe.cfg-52-54-00-0b-00-01-arm32, armhf",
        "arm64, grub/grub.cfg-52:54:00:0b:00:01-arm, arm64",
        "arm64, grub/grub.cfg-52:54:00:0b:00:01-x86_64, amd64", // The loader runs on it; a record may be wrong.
    })
    void whereALoadersWordFitsTwoProcessorsTheRecordSaysWhich(String recorded, String name, String booted) {
        images.add(image("noble", "24.04", "24.04 LTS", "i386", "ga-24.04", "generic", "stable", "20260201"));
        images.add(image("noble", "24.04", "24.04 LTS", "armhf", "ga-24.04", "generic", "stable", "20260201"));
        machine = Optional.of(
                new Machine("web-1", List.of(MAC), Optional.of(UUID), Optional.of(recorded), Optional.empty()));

        assertThat(decision(name).booted().orElseThrow().arch()).isEqualTo(booted);
    }

    @Test
    void whoIsNamedByItsUuidHasItsOnlyCard() {
        machine = Optional.of(
                new Machine("web-1", List.of(MAC), Optional.of(UUID), Optional.of("s390x"), Optional.empty()));
        images.add(image("noble", "24.04", "24.04 LTS", "s390x", "ga-24.04", "generic", "stable", "20260201"));
        String name = "s390x/" + UUID;
        assertThat(decision(name).plan().arguments()).contains("BOOTIF=01-52-54-00-0b-00-01");

        machine = Optional.of(
                new Machine("web-1", List.of(OTHER, MAC), Optional.of(UUID), Optional.of("s390x"), Optional.empty()));
        assertThat(decision(name).mac()).isEmpty(); // Which of two, nobody knows,
        client = new Client(Optional.empty(), Optional.of(MAC));
        assertThat(decision(name).mac()).contains(MAC); // but the network.
    }

    @Test
    void anEsxiMachineWhoseNetworkItCannotHaveIsNotBooted() {
        images.add(new BootImage(
                "esxi",
                "8.0",
                "8.0",
                "VMware ESXi 8.0",
                "amd64",
                "generic",
                "generic",
                "stable",
                "20260101",
                false,
                Map.of("root-dd.gz", file("root-dd.gz", "esxi", BootPhase.ROOT))));
        Map<String, Object> cards = Map.of(
                "eth0", Map.of("match", Map.of("macaddress", "52:54:00:0b:00:01")),
                "eth1", Map.of("match", Map.of("macaddress", "52:54:00:0b:00:02")));
        machine = Optional.of(new Machine(
                "esx-1",
                List.of(MAC),
                Optional.empty(),
                Optional.of("amd64"),
                Optional.empty(),
                new Machine.Instructions(
                        List.of(),
                        List.of(),
                        NetworkConfig.read(Map.of(
                                        "version",
                                        2,
                                        "ethernets",
                                        cards,
                                        "bonds",
                                        Map.of(
                                                "bond0",
                                                Map.of(
                                                        "interfaces",
                                                        List.of("eth0", "eth1"),
                                                        "parameters",
                                                        Map.of("mode", "broadcast"),
                                                        "dhcp4",
                                                        true))))
                                .config(),
                        true,
                        Optional.of(assigned(1, Purpose.INSTALL, "esxi/8.0")),
                        Optional.empty())));

        assertThat(decision(GRUB_NAME).plan().reason().orElseThrow())
                .contains("ESXi takes no such network")
                .contains("broadcast");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "onie-installer-x86_64-vendor_model-r0",
                "onie-installer-x86_64",
                "onie-installer",
                "MAAS/a/v3/nos-installer"
            })
    void aSwitchWalksToTheGeneralInstaller(String name) {
        assertThat(answer(name))
                .isInstanceOfSatisfying(
                        BootAnswer.NotFound.class,
                        miss -> assertThat(miss.expected()).isTrue());

        loaders.add(loader("onie", "amd64", "onie-installer"));
        assertThat(answer(name)).isInstanceOf(BootAnswer.Content.class);
    }

    @Test
    void aSwitchThatIsToInstallNothingFindsNoInstaller() {
        loaders.add(loader("onie", "amd64", "onie-installer"));
        client = new Client(Optional.empty(), Optional.of(MAC));
        for (Purpose purpose : Purpose.values()) {
            know(List.of(), Optional.of(Assignment.of(1, purpose)), Optional.empty());
            assertThat(answer("onie-installer") instanceof BootAnswer.Content)
                    .as(purpose.word())
                    .isEqualTo(purpose.loadsAnImage());
        }

        machine = Optional.empty();
        for (UnknownMachines each : UnknownMachines.values()) {
            rules = policy(each);
            assertThat(answer("onie-installer") instanceof BootAnswer.Content)
                    .as(each.word())
                    .isEqualTo(each == UnknownMachines.BOOT);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"1a2b3c4d/bootx64.efi", "dc-a6-32-01-02-03/bootx64.efi", "ppc64el/bootx64.efi"})
    void prefixesOfFirmwareAreTakenAway(String name) {
        assertThat(answer(name)).isEqualTo(answer("bootx64.efi"));
    }

    @Test
    void aScriptForUBootComesInItsContainer() {
        client = new Client(Optional.empty(), Optional.of(MAC));

        byte[] bytes = ((BootAnswer.Rendered) answer("boot.scr.uimg")).bytes();
        assertThat(bytes).startsWith(0x27, 0x05, 0x19, 0x56);
    }

    private static RackMemory used(long id) {
        return new RackMemory() {
            @Override
            public boolean isUsed(long assignment) {
                return assignment == id;
            }

            @Override
            public Optional<Assignment> delivered(long assignment) {
                return Optional.of(assigned(id, Purpose.INSTALL, "ubuntu/jammy"))
                        .filter(any -> assignment == id);
            }
        };
    }

    private void know(List<String> tags, Optional<Assignment> assignment, Optional<Assignment> once) {
        machine = Optional.of(new Machine(
                "web-1",
                List.of(MAC),
                Optional.of(UUID),
                Optional.of("amd64"),
                Optional.empty(),
                new Machine.Instructions(tags, List.of(), Optional.empty(), true, assignment, once)));
    }

    private void at(String address) {
        client = new Client(
                Optional.of(new IpAddress(
                        address.contains(":")
                                ? org.rackboot.protocol.address.Ipv6Address.parse(address)
                                        .orElseThrow()
                                        .bytes()
                                : bytes(address))),
                Optional.empty());
    }

    private static byte[] bytes(String ipv4) {
        byte[] bytes = new byte[4];
        String[] parts = ipv4.split("\\.");
        for (int i = 0; i < 4; i++) {
            bytes[i] = (byte) Integer.parseInt(parts[i]);
        }
        return bytes;
    }

    private static Assignment assigned(long id, String image) {
        return assigned(id, Purpose.EPHEMERAL, image);
    }

    private static Assignment assigned(long id, Purpose purpose, String image) {
        return new Assignment(
                id,
                purpose,
                ImageReference.parse(image),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                false);
    }

    private static BootRules.OfSubnet subnet(String text, long id, String image) {
        return new BootRules.OfSubnet(text, Subnet.parse(text).orElseThrow(), assigned(id, image));
    }

    private static BootRules policy(UnknownMachines policy) {
        return new BootRules(Map.of(), List.of(), Map.of(), Optional.empty(), Map.of(), policy);
    }

    private BootResolution resolution(String name) {
        BootCatalog catalog = new BootCatalog(
                7, images, loaders, List.of("console=ttyS0"), machine.stream().toList(), rules);
        return new BootResolver(
                        BootTemplates.builtIn(),
                        new MetadataNames(
                                text -> "%08x".formatted(text.hashCode()).repeat(4)),
                        memory)
                .examine(new BootRequest(name, Transport.TFTP, SERVER, client), catalog);
    }

    private BootAnswer answer(String name) {
        return resolution(name).answer();
    }

    private Decision decision(String name) {
        return resolution(name).decision().orElseThrow(() -> new AssertionError(name + ": " + answer(name)));
    }

    private String text(String name) {
        return ((BootAnswer.Rendered) answer(name)).text();
    }
}
