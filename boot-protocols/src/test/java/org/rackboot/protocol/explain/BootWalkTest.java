package org.rackboot.protocol.explain;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.rackboot.protocol.bootconfig.BootTemplates;
import org.rackboot.protocol.bootname.MacAddress;
import org.rackboot.protocol.dhcp.BootClient;
import org.rackboot.protocol.explain.BootWalk.Step;
import org.rackboot.protocol.loader.LoaderChoice;
import org.rackboot.protocol.resolve.BootCatalog;
import org.rackboot.protocol.resolve.BootFile;
import org.rackboot.protocol.resolve.BootImage;
import org.rackboot.protocol.resolve.BootPhase;
import org.rackboot.protocol.resolve.BootRequest;
import org.rackboot.protocol.resolve.BootRequest.Client;
import org.rackboot.protocol.resolve.BootRequest.ServerAddress;
import org.rackboot.protocol.resolve.BootResolver;
import org.rackboot.protocol.resolve.Bootloader;
import org.rackboot.protocol.resolve.LoaderPreference;
import org.rackboot.protocol.resolve.MetadataNames;
import org.rackboot.protocol.resolve.RackMemory;

/** The order in which real firmware was seen to ask, and what it is told. */
class BootWalkTest {
    private static final MacAddress MAC = new MacAddress("52:54:00:0b:00:01");
    private static final ServerAddress SERVER = new ServerAddress("198.18.0.1", 5_248, false);
    private static final BootResolver RESOLVER = new BootResolver(
            BootTemplates.builtIn(),
            new MetadataNames(text -> "%08x".formatted(text.hashCode()).repeat(4)),
            RackMemory.NONE);
    private static final BootCatalog CATALOG = new BootCatalog(
            7,
            List.of(image("amd64"), image("arm64"), image("ppc64el"), image("s390x")),
            List.of(
                    loader("uefi", "amd64", "bootx64.efi", "grubx64.efi"),
                    loader("uefi", "arm64", "bootaa64.efi", "grubaa64.efi"),
                    loader("open-firmware", "ppc64el", "bootppc64.bin"),
                    loader("pxe", "i386", "lpxelinux.0", "ldlinux.c32")),
            List.of());

    @ParameterizedTest
    @CsvSource({
        "0, FIRMWARE, 'lpxelinux.0 ldlinux.c32 pxelinux.cfg/01-52-54-00-0b-00-01 pxelinux.cfg/default'",
        "0, IPXE, 'ipxe.cfg ipxe.cfg-52-54-00-0b-00-01-i386'",
        "7, FIRMWARE, 'bootx64.efi grubx64.efi grub/grub.cfg grub/grub.cfg-52:54:00:0b:00:01-x86_64'",
        "16, FIRMWARE, 'bootx64.efi grubx64.efi grub/grub.cfg grub/grub.cfg-52:54:00:0b:00:01-x86_64'",
        "11, FIRMWARE, 'bootaa64.efi grubaa64.efi grub/grub.cfg grub/grub.cfg-52:54:00:0b:00:01-arm64'",
        "12, FIRMWARE, 'bootppc64.bin grub/grub.cfg grub/grub.cfg-52:54:00:0b:00:01-powerpc'",
        "14, FIRMWARE, 'ppc64el/pxelinux.cfg/01-52-54-00-0b-00-01 ppc64el/pxelinux.cfg/default'",
        "31, FIRMWARE, 's390x/pxelinux.cfg/01-52-54-00-0b-00-01 s390x/pxelinux.cfg/default'",
        "32, FIRMWARE, 's390x_partition/maas'",
        "22, FIRMWARE, 'boot.scr.uimg'"
    })
    void aMachineIsWalkedFromItsLoaderToItsSquashfs(int type, BootClient.Program program, String names) {
        BootWalk walk = walk(type, program, CATALOG);

        List<String> asked = walk.steps().stream().map(Step::name).toList();
        List<String> first = List.of(names.split(" "));
        assertThat(asked.subList(0, first.size())).isEqualTo(first);
        assertThat(asked.subList(first.size(), asked.size())).hasSize(3).allMatch(name -> name.startsWith("images/"));
        assertThat(asked.get(asked.size() - 1)).endsWith("/squashfs");
        assertThat(walk.missing()).isEmpty();
        assertThat(walk.decision()).isPresent();
    }

    @Test
    void everyAnswerIsTheResolversOwn() {
        BootWalk walk = walk(7, BootClient.Program.FIRMWARE, CATALOG);

        for (Step step : walk.steps()) {
            BootRequest request = new BootRequest(step.name(), step.transport(), SERVER, client());
            assertThat(step.answer()).isEqualTo(RESOLVER.resolve(request, CATALOG));
        }
    }

    @Test
    void whatIsMissingIsSaidWithWhatToDo() {
        BootCatalog empty = new BootCatalog(1, List.of(), List.of(), List.of());
        BootWalk walk = walk(7, BootClient.Program.FIRMWARE, empty);
        assertThat(walk.offer()).isInstanceOf(LoaderChoice.Nothing.class);
        assertThat(walk.missing()).singleElement().asString().contains("rackboot images import");

        BootCatalog noImage = new BootCatalog(1, List.of(), CATALOG.bootloaders(), List.of());
        assertThat(walk(7, BootClient.Program.FIRMWARE, noImage).missing())
                .singleElement()
                .asString()
                .contains("no image ubuntu/noble for amd64");

        BootCatalog noGrub =
                new BootCatalog(1, CATALOG.images(), List.of(loader("uefi", "amd64", "bootx64.efi")), List.of());
        assertThat(walk(7, BootClient.Program.FIRMWARE, noGrub).missing())
                .singleElement()
                .asString()
                .contains("grubx64.efi");
    }

    private static BootWalk walk(int type, BootClient.Program program, BootCatalog catalog) {
        BootClient machine = new BootClient(
                type == 16 ? BootClient.Kind.HTTP : BootClient.Kind.PXE,
                List.of(type),
                program,
                Optional.of(MAC),
                Optional.empty());
        return BootWalk.of(machine, client(), SERVER, LoaderPreference.SIGNED_CHAIN, RESOLVER, catalog);
    }

    private static Client client() {
        return new Client(Optional.empty(), Optional.of(MAC));
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
                "20260101",
                false,
                Map.of(
                        "boot-kernel", file("boot-kernel", arch, BootPhase.KERNEL),
                        "boot-initrd", file("boot-initrd", arch, BootPhase.INITRD),
                        "squashfs", file("squashfs", arch, BootPhase.ROOT)));
    }

    private static Bootloader loader(String method, String arch, String... names) {
        return new Bootloader(
                method,
                arch,
                "20260101",
                List.of(names).stream()
                        .map(name -> file(name, method + arch, BootPhase.LOADER))
                        .toList());
    }

    private static BootFile file(String name, String tag, BootPhase phase) {
        String sha256 = "%08x".formatted((name + tag).hashCode()).repeat(8);
        return new BootFile(name, sha256, 1_000, sha256, phase);
    }
}
