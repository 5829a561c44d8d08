package org.rackboot.region.catalog;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.rackboot.region.machine.Assignment;
import org.rackboot.region.machine.ImageReference;
import org.rackboot.region.machine.Machine;
import org.rackboot.region.machine.Purpose;
import org.rackboot.region.machine.Tag;
import org.rackboot.region.machine.Target;
import org.rackboot.region.machine.UnknownMachines;
import org.rackboot.region.store.AssignmentRepository.Assigned;
import org.rackboot.region.store.AssignmentRepository.Everything;
import org.rackboot.region.store.ImageRepository.Artifact;
import org.rackboot.region.store.ImageRepository.Image;
import org.rackboot.region.store.ImageRepository.Kind;
import org.rackboot.region.store.ImageRepository.Version;

class CatalogDocumentTest {
    private static final Artifact KERNEL = new Artifact("boot-kernel", "boot-kernel", "aa", 34, "a1");
    private static final Artifact SQUASHFS = new Artifact("squashfs", "squashfs", "bb", 1_099_511_627_776L, "b1");
    private static final Artifact SHIM = new Artifact("bootx64.efi", "bootloader", "cc", 9, "c1");
    private static final Artifact OLD_SHIM = new Artifact("bootx64.efi", "bootloader", "dd", 8, "d1");

    @Test
    void aRackIsToldEverythingThatExists() {
        List<Version> versions = List.of(
                new Version("s", NOBLE, "20260115", Instant.EPOCH, Optional.empty(), List.of(KERNEL, SQUASHFS)),
                new Version("s", NOBLE, "20260101", Instant.EPOCH, Optional.empty(), List.of(SQUASHFS)),
                new Version(
                        "s", loader("uefi", "amd64"), "20260110.0", Instant.EPOCH, Optional.empty(), List.of(SHIM)));

        byte[] document = CatalogDocument.render(7, versions, List.of(), List.of("console=ttyS0", "a=\"b\""));

        assertThat(new String(document, UTF_8)).isEqualTo("""
                        {"format":"rackboot-catalog:1","version":7,"settings":{"kernelOptions":["console=ttyS0","a=\\"b\\""]},\
                        "images":[\
                        {"os":"ubuntu","release":"noble","version":"24.04","title":"24.04 LTS","arch":"amd64",\
                        "subarch":"hwe-24.04-lowlatency","flavour":"lowlatency","label":"stable","subarches":"generic,ga-24.04",\
                        "serial":"20260115","files":{"boot-kernel":"aa","squashfs":"bb"}},\
                        {"os":"ubuntu","release":"noble","version":"24.04","title":"24.04 LTS","arch":"amd64",\
                        "subarch":"hwe-24.04-lowlatency","flavour":"lowlatency","label":"stable","subarches":"generic,ga-24.04",\
                        "serial":"20260101","held":true,"files":{"squashfs":"bb"}}],\
                        "bootloaders":[{"method":"uefi","arch":"amd64","serial":"20260110.0","files":{"bootx64.efi":"cc"}}],\
                        "objects":{"aa":[34,"a1"],"bb":[1099511627776,"b1"],"cc":[9,"c1"]}}""");
    }

    @Test
    void thePinnedVersionIsServedAndTheNewerOneHeld() {
        Optional<String> pin = Optional.of("1");
        List<Version> versions = List.of(
                new Version("s", NOBLE, "2", Instant.EPOCH, pin, List.of(KERNEL)),
                new Version("s", NOBLE, "1", Instant.EPOCH, pin, List.of(KERNEL)),
                new Version("s", loader("uefi", "amd64"), "2", Instant.EPOCH, pin, List.of(SHIM)),
                new Version("s", loader("uefi", "amd64"), "1", Instant.EPOCH, pin, List.of(OLD_SHIM)));

        assertThat(new String(CatalogDocument.render(1, versions, List.of(), List.of()), UTF_8))
                .contains("\"serial\":\"2\",\"held\":true", "\"arch\":\"amd64\",\"serial\":\"1\"")
                .doesNotContain("\"serial\":\"1\",\"held\"");
    }

    @Test
    void ofTwoSourcesTheOneThatWinsIsServedThoughTheOtherIsNewer() {
        List<Version> versions = List.of(
                new Version("winner", NOBLE, "1", Instant.EPOCH, Optional.empty(), List.of(KERNEL)),
                new Version("other", NOBLE, "2", Instant.EPOCH, Optional.of("2"), List.of(KERNEL)));

        assertThat(Served.of(versions)).extracting(Served::isServed).containsExactly(true, false);
    }

    @Test
    void ofAMachineWhatItHasIsSaid() {
        List<Machine> machines = List.of(
                new Machine(
                        "all",
                        List.of("52:54:00:00:00:01", "52:54:00:00:00:02"),
                        Optional.of("4c4c4544-0035-3110-8052-b4c04f4d3132"),
                        Optional.of("amd64"),
                        Optional.of(Machine.Loader.SIGNED)),
                new Machine(
                        "least", List.of("52:54:00:00:00:03"), Optional.empty(), Optional.empty(), Optional.empty()));

        assertThat(new String(CatalogDocument.render(1, List.of(), machines, List.of()), UTF_8))
                .endsWith("\"objects\":{},\"machines\":["
                        + "{\"name\":\"all\",\"macs\":[\"52:54:00:00:00:01\",\"52:54:00:00:00:02\"],"
                        + "\"uuid\":\"4c4c4544-0035-3110-8052-b4c04f4d3132\",\"arch\":\"amd64\",\"loader\":\"signed\"},"
                        + "{\"name\":\"least\",\"macs\":[\"52:54:00:00:00:03\"]}]}");
    }

    @Test
    void racksAreToldWhatIsAssignedAndWhatKernelsAreGiven() {
        Assignment install = new Assignment(
                7,
                Purpose.INSTALL,
                ImageReference.parse("ubuntu/noble"),
                Optional.of("20260101"),
                Optional.of("http://h/{name}"),
                Optional.of("aa"),
                Optional.of("bb"),
                true);
        Assignment hold = new Assignment(
                8,
                Purpose.HOLD,
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                false);
        Machine machine = new Machine(
                "m",
                List.of("52:54:00:00:00:03"),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                new Machine.Boot(
                        List.of("web", "db"),
                        List.of("a=b"),
                        Optional.of("{\"version\":2}"),
                        false,
                        Optional.of(install),
                        Optional.of(hold)));
        Map<ImageReference, List<String>> imageOptions = new HashMap<>();
        ImageReference.parse("ubuntu/noble/amd64").ifPresent(image -> imageOptions.put(image, List.of("y")));
        ImageReference.parse("ubuntu/noble").ifPresent(image -> imageOptions.put(image, List.of("x")));
        ImageReference.parse("ubuntu/jammy").ifPresent(image -> imageOptions.put(image, List.of("z")));
        Image image = new Image(
                "p", Kind.IMAGE, "ubuntu", "noble", "", "", "amd64", "ga", "generic", "stable", "", "", "console=hvc0");

        String document = new String(
                CatalogDocument.render(
                        1,
                        List.of(new Version("s", image, "1", Instant.EPOCH, Optional.empty(), List.of())),
                        new Everything(
                                List.of(machine),
                                List.of(new Assigned(Target.parse("tag:web").orElseThrow(), false, hold)),
                                List.of(new Tag("web", List.of("c"))),
                                imageOptions,
                                Map.of("p", "ubuntu/jammy"),
                                Map.of("aa", "text")),
                        new CatalogDocument.Settings(List.of(), UnknownMachines.SILENCE)),
                UTF_8);

        assertThat(document)
                .contains(
                        "\"settings\":{\"kernelOptions\":[],\"unknownMachines\":\"silence\"}",
                        "\"subarches\":\"\",\"kparams\":\"console=hvc0\",\"kernelOptions\":[\"x\",\"y\"],"
                                + "\"baseImage\":\"ubuntu/jammy\",\"serial\"")
                .endsWith("""
                        "machines":[{"name":"m","macs":["52:54:00:00:00:03"],"tags":["db","web"],"kernelOptions":["a=b"],\
                        "network":{"version":2},"netboot":false,\
                        "assignment":{"id":7,"purpose":"install","image":"ubuntu/noble","version":"20260101",\
                        "cloudConfigUrl":"http://h/{name}","userData":"aa","vendorData":"bb","metadata":true},\
                        "once":{"id":8,"purpose":"hold"}}],\
                        "assignments":[{"target":"tag:web","id":8,"purpose":"hold"}],\
                        "tags":[{"name":"web","kernelOptions":["c"]}],"documents":{"aa":"text"}}""");
    }

    @Test
    void anEmptyRegionHasADocumentToo() {
        assertThat(new String(CatalogDocument.render(1, List.of(), List.of(), List.of()), UTF_8))
                .isEqualTo("{\"format\":\"rackboot-catalog:1\",\"version\":1,\"settings\":{\"kernelOptions\":[]},"
                        + "\"images\":[],\"bootloaders\":[],\"objects\":{}}");
    }

    @Test
    void onlyTheFirstBootloaderOfEachMethodAndArchitectureIsThere() {
        List<Version> versions = List.of(
                new Version("s", loader("uefi", "amd64"), "2", Instant.EPOCH, Optional.empty(), List.of(SHIM)),
                new Version("s", loader("uefi", "amd64"), "1", Instant.EPOCH, Optional.empty(), List.of(OLD_SHIM)),
                new Version("s", loader("uefi", "arm64"), "1", Instant.EPOCH, Optional.empty(), List.of(SHIM)),
                new Version("s", loader("pxe", "amd64"), "1", Instant.EPOCH, Optional.empty(), List.of(SHIM)));

        String document = new String(CatalogDocument.render(1, versions, List.of(), List.of()), UTF_8);

        assertThat(document)
                .containsOnlyOnce("\"method\":\"uefi\",\"arch\":\"amd64\",\"serial\":\"2\"")
                .contains("\"method\":\"uefi\",\"arch\":\"arm64\"", "\"method\":\"pxe\",\"arch\":\"amd64\"")
                .doesNotContain("dd");
    }

    private static final Image NOBLE = new Image(
            "p",
            Kind.IMAGE,
            "ubuntu",
            "noble",
            "24.04",
            "24.04 LTS",
            "amd64",
            "hwe-24.04-lowlatency",
            "lowlatency",
            "stable",
            "",
            "generic,ga-24.04");

    private static Image loader(String method, String arch) {
        return new Image("q", Kind.BOOTLOADER, "grub", "", "", "", arch, "", "", "stable", method, arch);
    }
}
