package org.rackboot.protocol.loader;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.rackboot.protocol.dhcp.ArchitectureType;
import org.rackboot.protocol.dhcp.ArchitectureType.Firmware;
import org.rackboot.protocol.dhcp.BootClient;
import org.rackboot.protocol.dhcp.BootClient.Kind;
import org.rackboot.protocol.dhcp.BootClient.Program;
import org.rackboot.protocol.dhcp.OptionCode;
import org.rackboot.protocol.dhcp.PxeVendorOptions;
import org.rackboot.protocol.loader.LoaderChoice.Load;
import org.rackboot.protocol.loader.LoaderChoice.Nothing;
import org.rackboot.protocol.resolve.BootCatalog;
import org.rackboot.protocol.resolve.BootFile;
import org.rackboot.protocol.resolve.BootImage;
import org.rackboot.protocol.resolve.BootPhase;
import org.rackboot.protocol.resolve.Bootloader;
import org.rackboot.protocol.resolve.LoaderPreference;

class LoaderPolicyTest {
    private static final Bootloader PXELINUX = loader("pxe", "i386", "lpxelinux.0", "pxelinux.0", "ldlinux.c32");
    private static final Bootloader X64 = loader("uefi", "amd64", "bootx64.efi", "grubx64.efi");
    private static final Bootloader ARM64 = loader("uefi", "arm64", "bootaa64.efi", "grubaa64.efi");
    private static final Bootloader POWER = loader("open-firmware", "ppc64el", "bootppc64.bin");
    private static final Bootloader IPXE_X86 = loader("ipxe", "amd64", "undionly.kpxe", "snponly.efi");
    private static final Bootloader IPXE_ARM = loader("ipxe", "arm64", "snponly.efi");
    private static final BootCatalog EVERYTHING = new BootCatalog(
            1,
            List.of(image("amd64"), image("arm64"), image("armhf"), image("ppc64el"), image("s390x")),
            List.of(PXELINUX, X64, ARM64, POWER, IPXE_X86, IPXE_ARM),
            List.of());
    private static final BootCatalog NOTHING = catalog();

    private final LoaderPolicy policy = new LoaderPolicy();

    @ParameterizedTest
    @CsvSource({
        "0, lpxelinux.0, bootloaders/ipxe/amd64/undionly.kpxe",
        "7, bootx64.efi, bootloaders/ipxe/amd64/snponly.efi",
        "9, bootx64.efi, bootloaders/ipxe/amd64/snponly.efi", // D12
        "11, bootaa64.efi, bootloaders/ipxe/arm64/snponly.efi",
        "12, bootppc64.bin, bootppc64.bin",
        "16, bootx64.efi, bootloaders/ipxe/amd64/snponly.efi",
        "19, bootaa64.efi, bootloaders/ipxe/arm64/snponly.efi",
    })
    void eachFirmwareGetsTheSignedChainOrIpxeAsTheOperatorWants(int type, String signed, String ipxe) {
        boolean http = ArchitectureType.of(type).orElseThrow().isHttp();
        BootClient client = client(http ? Kind.HTTP : Kind.PXE, Program.FIRMWARE, type);

        assertThat(load(client, LoaderPreference.SIGNED_CHAIN, EVERYTHING))
                .isEqualTo(new Load(signed, http, List.of(), Optional.empty()));
        assertThat(load(client, LoaderPreference.IPXE, EVERYTHING).name()).isEqualTo(ipxe);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 7, 11, 16, 41, 999})
    void ipxeIsNeverGivenIpxeAgain(int type) { // Loop protection.
        for (LoaderPreference preference : LoaderPreference.values()) {
            for (Kind kind : Kind.values()) {
                BootClient client = client(kind, Program.IPXE, type);
                assertThat(load(client, preference, EVERYTHING))
                        .isEqualTo(new Load("ipxe.cfg", true, List.of(), Optional.empty()));
            }
        }
        assertThat(load(client(Kind.PXE, Program.IPXE_WITHOUT_HTTP, type), LoaderPreference.IPXE, EVERYTHING))
                .isEqualTo(new Load("ipxe.cfg", false, List.of(), Optional.empty()));
    }

    @Test
    void whatIsNotHereGivesWayToWhatIsAndSaysSo() {
        BootClient bios = client(Kind.PXE, Program.FIRMWARE, 0);
        BootClient arm = client(Kind.PXE, Program.FIRMWARE, 11);

        Load signed = load(bios, LoaderPreference.IPXE, catalog(PXELINUX));
        assertThat(signed.name()).isEqualTo("lpxelinux.0");
        assertThat(signed.remark())
                .hasValueSatisfying(remark -> assertThat(remark).contains("--bootloader ipxe/"));
        Load ipxe = load(arm, LoaderPreference.SIGNED_CHAIN, catalog(IPXE_ARM));
        assertThat(ipxe.name()).isEqualTo("bootloaders/ipxe/arm64/snponly.efi");
        assertThat(ipxe.remark()).isPresent();
    }

    @Test
    void whereThereIsNothingItSaysWhatToImport() {
        assertThat(nothing(client(Kind.PXE, Program.FIRMWARE, 0), NOTHING)).contains("rackboot images import");
        assertThat(nothing(client(Kind.PXE, Program.FIRMWARE, 7), catalog(PXELINUX, ARM64)))
                .contains("x64 UEFI", "--bootloader uefi/amd64 bootx64.efi");
        assertThat(nothing(client(Kind.HTTP, Program.FIRMWARE, 28), EVERYTHING)).contains("bootriscv64.efi");
        assertThat(nothing(client(Kind.PXE, Program.FIRMWARE, 12), catalog(X64)))
                .contains("bootppc64.bin");
    }

    @ParameterizedTest
    @CsvSource({
        "6, uefi/i386 bootia32.efi grubia32.efi, ipxe/i386",
        "10, uefi/armhf bootarm.efi grubarm.efi, ipxe/armhf",
        "23, uefi/armhf bootarm.efi grubarm.efi, ipxe/armhf",
        "27, uefi/riscv64 bootriscv64.efi grubriscv64.efi, ipxe/riscv64",
        "39, uefi/loong64 bootloongarch64.efi grubloongarch64.efi, ipxe/loong64",
    })
    void whatNoStreamHasIsToBeUploadedAndNotImported(int type, String signed, String ipxe) {
        boolean http = ArchitectureType.of(type).orElseThrow().isHttp();
        BootClient client = client(http ? Kind.HTTP : Kind.PXE, Program.FIRMWARE, type);

        assertThat(nothing(client, EVERYTHING))
                .contains(
                        "'rackboot images upload --bootloader " + signed + "'",
                        "'rackboot images upload --bootloader " + ipxe + " snponly.efi'")
                .doesNotContain("selections", "import");
    }

    @Test
    void aLoaderThatTakesTheOthersPlaceSaysWhatBringsTheOther() {
        BootClient riscv = client(Kind.PXE, Program.FIRMWARE, 27);
        BootClient arm = client(Kind.PXE, Program.FIRMWARE, 11);
        Bootloader ipxe = loader("ipxe", "riscv64", "snponly.efi");

        assertThat(load(riscv, LoaderPreference.SIGNED_CHAIN, catalog(ipxe)).remark())
                .contains(
                        "there is no signed loader for it, which 'rackboot images upload' brings; iPXE takes its place");
        assertThat(load(arm, LoaderPreference.SIGNED_CHAIN, catalog(IPXE_ARM)).remark())
                .contains(
                        "there is no signed loader for it, which 'rackboot images import' brings; iPXE takes its place");
    }

    @Test
    void aTypeThatNobodyNumberedGetsTheUsualAndAnExplanation() {
        Load pxe = load(client(Kind.PXE, Program.FIRMWARE, 4711), LoaderPreference.SIGNED_CHAIN, EVERYTHING);
        assertThat(pxe.name()).isEqualTo("lpxelinux.0");
        assertThat(pxe.remark()).contains("architecture type 4711 is in no list: it gets what x86 BIOS gets");

        Load http = load(client(Kind.HTTP, Program.FIRMWARE, 4711), LoaderPreference.SIGNED_CHAIN, EVERYTHING);
        assertThat(http.name()).isEqualTo("bootx64.efi");
        assertThat(http.isByHttp()).isTrue();
        assertThat(load(client(Kind.PXE, Program.FIRMWARE), LoaderPreference.SIGNED_CHAIN, EVERYTHING)
                        .remark())
                .contains("it names no architecture: it gets what x86 BIOS gets");
        assertThat(nothing(client(Kind.PXE, Program.FIRMWARE, 4711), NOTHING)).contains("4711", "import");
    }

    @Test
    void uBootGetsGrubItselfForShimDoesNotWorkInIt() {
        BootClient client = client(Kind.PXE, Program.U_BOOT, 11);

        assertThat(load(client, LoaderPreference.SIGNED_CHAIN, EVERYTHING).name())
                .isEqualTo("grubaa64.efi");
    }

    @ParameterizedTest
    @CsvSource({"14, ppc64el/", "31, s390x/"})
    void whoReadsConfigurationsItselfIsToldWhereTheyAre(int type, String prefix) { // RFC 5071
        Load load = load(client(Kind.PXE, Program.FIRMWARE, type), LoaderPreference.SIGNED_CHAIN, EVERYTHING);

        assertThat(load.name()).isEmpty();
        assertThat(load.options()).singleElement().satisfies(option -> {
            assertThat(option.code()).isEqualTo(OptionCode.PXELINUX_PATH_PREFIX);
            assertThat(option.value().text()).isEqualTo(prefix);
        });
    }

    @Test
    void aPartitionOfAnIbmZIsToldItsConfigurationForItsLoaderAndNoPrefix() {
        assertThat(load(client(Kind.PXE, Program.FIRMWARE, 32), LoaderPreference.SIGNED_CHAIN, EVERYTHING))
                .isEqualTo(new Load("s390x_partition/maas", false, List.of(), Optional.empty()));
    }

    @ParameterizedTest
    @CsvSource({"14, ppc64el", "21, armhf", "22, arm64", "31, s390x", "32, s390x"})
    void whoNeedsNoLoaderGetsNothingWithoutAnImageOfItsArchitecture(int type, String arch) {
        BootClient client = client(Kind.PXE, Program.FIRMWARE, type);
        List<BootImage> others = EVERYTHING.images().stream()
                .filter(image -> !image.arch().equals(arch))
                .toList();

        assertThat(nothing(client, new BootCatalog(1, others, EVERYTHING.bootloaders(), List.of())))
                .contains("no image for", "--arch " + arch + "' and 'rackboot images import'");
        assertThat(policy.choose(
                        client,
                        LoaderPreference.SIGNED_CHAIN,
                        new BootCatalog(1, List.of(image(arch)), List.of(), List.of())))
                .isInstanceOf(Load.class);
    }

    @Test
    void aRaspberryPiFindsItsWord() {
        Load load = load(client(Kind.PXE, Program.FIRMWARE, 41), LoaderPreference.SIGNED_CHAIN, NOTHING);

        assertThat(load.options()).singleElement().isInstanceOfSatisfying(PxeVendorOptions.class, options -> {
            assertThat(options.menu())
                    .singleElement()
                    .satisfies(entry -> assertThat(entry.text()).startsWith("Raspberry Pi Boot"));
            assertThat(options.discoveryControl()).hasValue(3);
        });
    }

    @Test
    void everyTypeOfTheListHasAnAnswerAndWhatIsNamedExists() {
        Set<Firmware> served = new HashSet<>();
        for (ArchitectureType type : ArchitectureType.all()) {
            BootClient client = client(type.isHttp() ? Kind.HTTP : Kind.PXE, Program.FIRMWARE, type.code());
            for (LoaderPreference preference : LoaderPreference.values()) {
                LoaderChoice choice = policy.choose(client, preference, EVERYTHING);
                if (choice instanceof Load load) {
                    served.add(type.firmware());
                    assertThat(load.isByHttp()).as(type.name()).isEqualTo(type.isHttp());
                    assertThat(load.name().isEmpty()
                                    || load.name().equals(LoaderPolicy.S390X_PARTITION)
                                    || EVERYTHING.file(load.name()).isPresent())
                            .as("%s: %s", type.name(), load.name())
                            .isTrue();
                } else {
                    assertThat(((Nothing) choice).reason()).as(type.name()).isNotBlank();
                }
            }
        }
        assertThat(served)
                .containsExactlyInAnyOrder(
                        Firmware.BIOS,
                        Firmware.UEFI,
                        Firmware.OPEN_FIRMWARE,
                        Firmware.OPAL,
                        Firmware.U_BOOT,
                        Firmware.S390,
                        Firmware.RASPBERRY_PI);
    }

    private Load load(BootClient client, LoaderPreference preference, BootCatalog catalog) {
        return (Load) policy.choose(client, preference, catalog);
    }

    private String nothing(BootClient client, BootCatalog catalog) {
        return ((Nothing) policy.choose(client, LoaderPreference.SIGNED_CHAIN, catalog)).reason();
    }

    private static BootClient client(Kind kind, Program program, Integer... types) {
        return new BootClient(kind, List.of(types), program, Optional.empty(), Optional.empty());
    }

    private static BootCatalog catalog(Bootloader... loaders) {
        return new BootCatalog(1, List.of(), List.of(loaders), List.of());
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

    private static Bootloader loader(String method, String arch, String... files) {
        return new Bootloader(
                method,
                arch,
                "20261123",
                Arrays.stream(files)
                        .map(file -> new BootFile(file, "0".repeat(64), 1, "0".repeat(64), BootPhase.LOADER))
                        .toList());
    }
}
