package org.rackboot.protocol.resolve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.rackboot.protocol.resolve.Catalogs.file;
import static org.rackboot.protocol.resolve.Catalogs.image;
import static org.rackboot.protocol.resolve.Catalogs.noble;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.rackboot.protocol.address.Subnet;
import org.rackboot.protocol.bootname.MacAddress;

class AssignedImagesTest {
    private static final BootImage NOBLE = noble("20260201");
    private static final BootImage NOBLE_BEFORE = held(noble("20260101"));
    private static final BootImage NOBLE_HWE =
            image("noble", "24.04", "24.04 LTS", "amd64", "hwe-24.04", "generic", "stable", "20260201");
    private static final BootImage NOBLE_ARM64 =
            image("noble", "24.04", "24.04 LTS", "arm64", "ga-24.04", "generic", "stable", "20260201");
    private static final BootImage JAMMY =
            image("jammy", "22.04", "22.04 LTS", "amd64", "ga-22.04", "generic", "stable", "20260201");
    private static final BootImage JAMMY_ARM64 =
            image("jammy", "22.04", "22.04 LTS", "arm64", "ga-22.04", "generic", "stable", "20260201");
    private static final BootImage CUSTOM = new BootImage(
            "custom",
            "db",
            "",
            "",
            "amd64",
            "generic",
            "generic",
            "uploaded",
            "20260201",
            false,
            Map.of("root-dd.gz", file("root-dd.gz", "custom", BootPhase.ROOT)));

    private final List<Machine> machines = new ArrayList<>();
    private BootRules rules = BootRules.NONE;

    @Test
    void ofWhichNothingIsSaidTheDefaultOfEachProcessorIsBooted() {
        assertThat(assigned().booted()).containsExactlyInAnyOrder(NOBLE, NOBLE_ARM64);
        assertThat(assigned().wanted()).isEqualTo(assigned().booted());
    }

    @Test
    void machinesHaveTheirOwnAlsoForOnceAndInAVersionThatIsHeld() {
        know(
                Optional.of("amd64"),
                Optional.of(boot("ubuntu/jammy")),
                Optional.of(boot("ubuntu/noble/amd64/hwe-24.04")));
        know(Optional.of("amd64"), Optional.of(version("ubuntu/noble", "20260101")), Optional.empty());

        assertThat(assigned().booted()).containsExactlyInAnyOrder(NOBLE, NOBLE_ARM64, JAMMY, NOBLE_HWE, NOBLE_BEFORE);
    }

    @Test
    void aMachineOfUnknownProcessorMayHaveAny() {
        know(Optional.empty(), Optional.of(boot("ubuntu/jammy")), Optional.empty());

        assertThat(assigned().booted()).contains(JAMMY, JAMMY_ARM64);
    }

    @Test
    void anInstallationBootsAnotherImageThanItInstalls() {
        know(Optional.of("amd64"), Optional.of(install("custom/db")), Optional.empty());

        assertThat(assigned().booted()).containsExactlyInAnyOrder(NOBLE, NOBLE_ARM64);
        assertThat(assigned().wanted()).containsExactlyInAnyOrder(NOBLE, NOBLE_ARM64, CUSTOM);
    }

    @Test
    void rulesHoldForMachinesThatHaveTheirTagNetworkOrProcessor() {
        rules = new BootRules(
                Map.of("old", boot("ubuntu/jammy/amd64"), "nobody", boot("ubuntu/noble/amd64/hwe-24.04")),
                List.of(),
                Map.of("arm64", boot("ubuntu/jammy")),
                Optional.empty(),
                Map.of(),
                UnknownMachines.BOOT);
        know(Optional.of("amd64"), Optional.empty(), Optional.empty(), "old", "web");
        assertThat(assigned().booted()).containsExactlyInAnyOrder(NOBLE, NOBLE_ARM64, JAMMY, JAMMY_ARM64);

        rules = new BootRules(
                Map.of(),
                List.of(new BootRules.OfSubnet(
                        "198.18.0.0/15",
                        Subnet.parse("198.18.0.0/15").orElseThrow(),
                        boot("ubuntu/noble/amd64/hwe-24.04"))),
                Map.of(),
                Optional.of(boot("ubuntu/jammy")),
                Map.of(),
                UnknownMachines.BOOT);
        assertThat(assigned().booted()).containsExactlyInAnyOrder(NOBLE, NOBLE_ARM64, JAMMY, JAMMY_ARM64, NOBLE_HWE);
    }

    @Test
    void whatLoadsNoImageOrIsNotThereIsLeftOut() {
        know(Optional.of("amd64"), Optional.of(Assignment.of(1, Purpose.LOCAL)), Optional.of(boot("ubuntu/xenial")));

        assertThat(assigned().booted()).containsExactlyInAnyOrder(NOBLE, NOBLE_ARM64);
        assertThat(AssignedImages.of(BootCatalog.empty()).booted()).isEmpty();
    }

    @Test
    void whoBootsItsDiskNeedsNothing() {
        machines.add(machine(
                Optional.of("amd64"),
                new Machine.Instructions(
                        List.of(),
                        List.of(),
                        Optional.empty(),
                        false,
                        Optional.of(boot("ubuntu/jammy")),
                        Optional.empty())));

        assertThat(assigned().booted()).doesNotContain(JAMMY);
    }

    private AssignedImages assigned() {
        return AssignedImages.of(new BootCatalog(
                7,
                List.of(NOBLE, NOBLE_BEFORE, NOBLE_HWE, NOBLE_ARM64, JAMMY, JAMMY_ARM64, CUSTOM),
                List.of(),
                List.of(),
                machines,
                rules));
    }

    private void know(Optional<String> arch, Optional<Assignment> own, Optional<Assignment> once, String... tags) {
        machines.add(
                machine(arch, new Machine.Instructions(List.of(tags), List.of(), Optional.empty(), true, own, once)));
    }

    private Machine machine(Optional<String> arch, Machine.Instructions instructions) {
        int number = machines.size() + 1;
        return new Machine(
                "m" + number,
                List.of(new MacAddress("52:54:00:0b:00:%02x".formatted(number))),
                Optional.empty(),
                arch,
                Optional.empty(),
                instructions);
    }

    private static Assignment boot(String image) {
        return assignment(Purpose.EPHEMERAL, image, Optional.empty());
    }

    private static Assignment install(String image) {
        return assignment(Purpose.INSTALL, image, Optional.empty());
    }

    private static Assignment version(String image, String serial) {
        return assignment(Purpose.EPHEMERAL, image, Optional.of(serial));
    }

    private static Assignment assignment(Purpose purpose, String image, Optional<String> version) {
        return new Assignment(
                1,
                purpose,
                ImageReference.parse(image),
                version,
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                false);
    }

    private static BootImage held(BootImage image) {
        return new BootImage(
                image.os(),
                image.release(),
                image.releaseVersion(),
                image.title(),
                image.arch(),
                image.subarch(),
                image.flavour(),
                image.label(),
                image.serial(),
                true,
                image.files());
    }
}
