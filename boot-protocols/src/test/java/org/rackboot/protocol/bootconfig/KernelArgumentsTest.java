package org.rackboot.protocol.bootconfig;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.rackboot.protocol.bootname.MacAddress;

class KernelArgumentsTest {
    private static final KernelArguments.Image NOBLE = new KernelArguments.Image("ubuntu", "24.04", "amd64");
    private static final Location IPV6 = new Location("[fd00::1]", 5_248, false, false);

    private static KernelArguments arguments(ConfigPurpose purpose) {
        return KernelArguments.of(Plans.OVER_TFTP, purpose, NOBLE, "images/cc/squashfs")
                .hostname("m1");
    }

    @Test
    void theKernelIsToldInTheOrderThatMaasImagesExpect() {
        assertThat(arguments(ConfigPurpose.EPHEMERAL)
                        .cloudConfig("http://10.9.0.1:5248/ci.cfg")
                        .bootInterface(new MacAddress("52:54:00:aa:bb:cc"))
                        .options(KernelOptions.ofSettings(List.of("console=ttyS0")))
                        .words())
                .containsExactly(
                        "nomodeset",
                        "root=squash:http://10.9.0.1:5248/images/cc/squashfs",
                        "ip=::::m1:BOOTIF:dhcp",
                        "ip6=off",
                        "cc:{'datasource_list': ['MAAS']}end_cc",
                        "cloud-config-url=http://10.9.0.1:5248/ci.cfg",
                        "ro",
                        "overlayroot=tmpfs",
                        "overlayroot_cfgdisk=disabled",
                        "log_host=10.9.0.1",
                        "log_port=5247",
                        "BOOTIF=01-52-54-00-aa-bb-cc",
                        "---",
                        "console=ttyS0");
    }

    @Test
    void metadataOfTheRackReplacesMaass() {
        assertThat(arguments(ConfigPurpose.INSTALL)
                        .cloudConfig("http://elsewhere/ci.cfg")
                        .noCloud("http://10.9.0.1:5248/meta;data/m1")
                        .words())
                .containsSubsequence(
                        "ip6=off",
                        "cc:{'datasource_list': ['NoCloud', 'None']}end_cc",
                        "ds=nocloud;s=http://10.9.0.1:5248/meta%3Bdata/m1/",
                        "ro")
                .noneMatch(word -> word.contains("MAAS") || word.startsWith("cloud-config-url"));
        assertThat(arguments(ConfigPurpose.INSTALL).noCloud("http://h/m/").words())
                .contains("ds=nocloud;s=http://h/m/");
    }

    @Test
    void withoutADataSourceCloudInitLooksForOne() {
        assertThat(arguments(ConfigPurpose.EPHEMERAL).words()).noneMatch(word -> word.contains("cc" + ":"));
    }

    @Test
    void urlsAndNamesStayInTheirWords() {
        assertThat(arguments(ConfigPurpose.EPHEMERAL)
                        .hostname("a:b c")
                        .cloudConfig("http://h/a b\"c")
                        .words())
                .contains("ip=::::a-b-c:BOOTIF:dhcp", "cloud-config-url=http://h/a%20b%22c");
    }

    @ParameterizedTest
    @ValueSource(strings = {"root.tgz", "root.txz", "root.tar.gz", "root.tar.xz", "ROOT.TGZ"})
    void aTarBecomesTheRootWithoutAnOverlay(String root) {
        assertThat(KernelArguments.of(Plans.OVER_TFTP, ConfigPurpose.EPHEMERAL, NOBLE, root)
                        .words())
                .contains("root=tar:http://10.9.0.1:5248/" + root)
                .doesNotContain("ro", "overlayroot=tmpfs", "overlayroot_cfgdisk=disabled");
    }

    @Test
    void aRescueInstallsNothingSoNothingIsMarkedForIt() {
        KernelOptions options = KernelOptions.ofSettings(List.of("console=ttyS0"));

        assertThat(arguments(ConfigPurpose.RESCUE).options(options).words()).endsWith("log_port=5247", "console=ttyS0");
        assertThat(arguments(ConfigPurpose.INSTALL).options(options).words()).endsWith("---", "console=ttyS0");
        assertThat(arguments(ConfigPurpose.INSTALL).words()).doesNotContain("---");
    }

    @Test
    void olderUbuntuAndPowerAreToldMore() {
        assertThat(words(new KernelArguments.Image("ubuntu", "20.04", "ppc64el")))
                .containsSubsequence("overlayroot_cfgdisk=disabled", "apparmor=0", "log_port=5247", "rootdelay=60");
        assertThat(words(NOBLE)).doesNotContain("apparmor=0", "rootdelay=60");
        assertThat(words(new KernelArguments.Image("ubuntu", "22.04", "amd64"))).doesNotContain("apparmor=0");
        assertThat(words(new KernelArguments.Image("centos", "8", "amd64"))).doesNotContain("apparmor=0");
    }

    private static List<String> words(KernelArguments.Image image) {
        return KernelArguments.of(Plans.OVER_TFTP, ConfigPurpose.EPHEMERAL, image, "r")
                .words();
    }

    @Test
    void overIpv6TheKernelConfiguresIpv6Only() {
        assertThat(KernelArguments.of(IPV6, ConfigPurpose.EPHEMERAL, NOBLE, "r").words())
                .contains("root=squash:http://[fd00::1]:5248/r", "ip=off", "ip6=dhcp", "log_host=[fd00::1]");
    }

    @Test
    void aPurposeWithoutAKernelTellsNone() {
        assertThatThrownBy(() -> arguments(ConfigPurpose.LOCAL)).hasMessageContaining("local");
    }

    @Test
    void optionsGoFromTheWidestToTheNarrowest() {
        KernelOptions options = new KernelOptions(
                List.of("a=settings"),
                List.of("console=hvc0", "b=stream", "nvme-core.multipath=0", "quiet"),
                List.of("c=image"),
                List.of("console=ttyS0", "d=tag"),
                List.of("a=machine", "nvme_core.multipath=1", "quiet"));

        assertThat(options.words())
                .containsExactly(
                        "a=settings",
                        "b=stream",
                        "c=image",
                        "console=ttyS0",
                        "d=tag",
                        "a=machine",
                        "nvme_core.multipath=1",
                        "quiet");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '~',
            quoteCharacter = '^',
            value = {"a b  c ~ a|b|c", "a=\"b c\" d ~ a=\"b c\"|d", "\"a b\" ~ \"a b\"", "a=\"b c ~ a=\"b c", "^^ ~ ^^"
            })
    void aCommandLineIsPartedAsTheKernelDoes(String line, String words) {
        assertThat(String.join("|", KernelOptions.split(line))).isEqualTo(words);
    }
}
