package org.rackboot.protocol.bootconfig;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.rackboot.protocol.bootconfig.GrubConfig.Source;

class BootConfigTest {
    private static final KernelArguments.Image NOBLE = new KernelArguments.Image("ubuntu", "24.04", "amd64");

    private static final Path GRUB_SCRIPT_CHECK = Path.of("/usr/bin/grub-script-check");
    private static final List<String> ARGUMENTS = List.of("nomodeset", "cc:{'datasource_list': ['MAAS']}end_cc", "ro");
    private static final BootPlan PLAN = new BootPlan("ubuntu noble", "images/aa/k", "images/bb/i", ARGUMENTS);
    private static final BootPlan HOSTILE = new BootPlan(
            "it's \"${x}\" `y`; }\nreboot",
            "images/aa/k",
            "images/bb/i",
            List.of("a=$(reboot)", "b=${c}", "d;reboot", "e\nreboot", "}", "{", "f|g&h<i>j", "k\\l", "||", "\"m"));

    private static final String GRUB_ENTRY = """
            menuentry 'ubuntu noble' {
              echo 'Booting ubuntu noble' "${rackboot}"
              linux "${rackboot}/images/aa/k" nomodeset cc:\\{'datasource_list': ['MAAS']\\}end_cc ro BOOTIF=01-${net_default_mac}
              initrd "${rackboot}/images/bb/i"
            }
            """;

    @Test
    void grubOverTftpLooksForHttpThatCanNameAPort() {
        assertThat(GrubConfig.boot(PLAN, Source.TFTP, "10.9.0.1", 5_248, false)).isEqualTo("""
                set default=0
                set timeout=0
                set rackboot=
                if insmod http; then
                  if [ -s "(http,10.9.0.1:5248)/grub/grub.cfg" ]; then
                    set rackboot="(http,10.9.0.1:5248)"
                  fi
                fi
                """ + GRUB_ENTRY);
    }

    @Test
    void grubOverTftpTriesPortEightyAfterwards() { // observed: (http,host:port) is not accepted by GRUB 2.06.
        assertThat(GrubConfig.boot(PLAN, Source.TFTP, "10.9.0.1", 5_248, true)).isEqualTo("""
                set default=0
                set timeout=0
                set rackboot=
                if insmod http; then
                  if [ -s "(http,10.9.0.1:5248)/grub/grub.cfg" ]; then
                    set rackboot="(http,10.9.0.1:5248)"
                  elif [ -s "(http,10.9.0.1)/grub/grub.cfg" ]; then
                    set rackboot="(http,10.9.0.1)"
                  fi
                fi
                """ + GRUB_ENTRY);
    }

    @Test
    void portEightyAsTheOnlyOneNeedsNoNumber() {
        assertThat(GrubConfig.boot(PLAN, Source.TFTP, "10.9.0.1", 80, true))
                .contains("\"(http,10.9.0.1)/grub/grub.cfg\"")
                .doesNotContain(":80", "elif");
    }

    @Test
    void grubOverHttpReadsOnFromWhereItWasLoaded() {
        assertThat(GrubConfig.boot(PLAN, Source.HTTP, "10.9.0.1", 5_248, true)).isEqualTo("""
                set default=0
                set timeout=0
                set rackboot=
                """ + GRUB_ENTRY);
    }

    @Test
    void pxelinuxFetchesOverHttpAndSaysSo() {
        assertThat(PxelinuxConfig.boot(PLAN, "http://10.9.0.1:5248/")).isEqualTo("""
                DEFAULT boot
                PROMPT 0
                TIMEOUT 0
                LABEL boot
                  SAY Booting ubuntu noble
                  KERNEL http://10.9.0.1:5248/images/aa/k
                  INITRD http://10.9.0.1:5248/images/bb/i
                  APPEND nomodeset cc:{'datasource_list': ['MAAS']}end_cc ro
                  IPAPPEND 2
                """);
    }

    @Test
    void otherReadersOfPxelinuxConfigurationsStayWithTftp() { // U-Boot knows neither SAY nor HTTP.
        assertThat(PxelinuxConfig.boot(PLAN, ""))
                .contains("  KERNEL images/aa/k\n  INITRD images/bb/i\n")
                .doesNotContain("SAY", "http:");
    }

    @Test
    void ipxeNamesItsImagesForEfi() {
        assertThat(IpxeScript.boot(PLAN, "http://10.9.0.1:5248/")).isEqualTo("""
                #!ipxe
                echo Booting ubuntu noble
                kernel --name boot-kernel http://10.9.0.1:5248/images/aa/k initrd=boot-initrd \
                nomodeset cc:{'datasource_list': ['MAAS']}end_cc ro BOOTIF=01-${mac:hexhyp}
                initrd --name boot-initrd http://10.9.0.1:5248/images/bb/i
                boot
                """);
    }

    @Test
    void ipxeGoesOnToTheMachinesOwnScript() {
        assertThat(IpxeScript.entryPoint("http://10.9.0.1:5248/")).isEqualTo("""
                #!ipxe
                chain --replace http://10.9.0.1:5248/ipxe.cfg-${mac:hexhyp} \
                || chain --replace http://10.9.0.1:5248/ipxe.cfg-default-${buildarch}
                """);
    }

    @Test
    void noValueAddsALineToAnyScript() { // S-65
        String grub = GrubConfig.boot(HOSTILE, Source.TFTP, "[fd00::1]", 5_248, true);
        String ipxe = IpxeScript.boot(HOSTILE, "http://[fd00::1]:5248/");
        String pxelinux = PxelinuxConfig.boot(HOSTILE, "http://[fd00::1]:5248/");

        assertThat(grub.lines().count())
                .isEqualTo(GrubConfig.boot(PLAN, Source.TFTP, "[fd00::1]", 5_248, true)
                        .lines()
                        .count());
        assertThat(ipxe.lines().count()).isEqualTo(5);
        assertThat(pxelinux.lines().count()).isEqualTo(9);
    }

    @Test
    void ipxeExpandsAndPartsOnlyWhatThisServerWrote() { // S-65
        String script = IpxeScript.boot(HOSTILE, "http://10.9.0.1:5248/");

        assertThat(script.split("\\$\\{", -1)).hasSize(2); // ${mac:hexhyp}
        assertThat(script.split("\\s+")).doesNotContain("||", "&&", ";");
    }

    @Test
    void grubsSpecialCharactersAreEscaped() { // S-65
        assertThat(GrubConfig.boot(HOSTILE, Source.HTTP, "10.9.0.1", 5_248, false))
                .contains("menuentry 'it'\\''s \"${x}\" `y`; } reboot' {\n")
                .contains(
                        " a=\\$(reboot) b=\\$\\{c\\} d\\;reboot e reboot \\} \\{ f\\|g\\&h\\<i\\>j k\\\\l \\|\\| \\\"m BOOTIF");
    }

    @ParameterizedTest
    @MethodSource("grubScripts")
    void grubAcceptsTheScript(String script, @TempDir Path directory) throws IOException, InterruptedException {
        assumeTrue(Files.isExecutable(GRUB_SCRIPT_CHECK), "grub-script-check is missing (package grub-common)");
        Path file = Files.writeString(directory.resolve("grub.cfg"), script);

        Process check = new ProcessBuilder(GRUB_SCRIPT_CHECK.toString(), file.toString())
                .redirectErrorStream(true)
                .start();
        String said = new String(check.getInputStream().readAllBytes(), UTF_8);

        assertThat(check.waitFor()).as("%s%n%s", said, script).isZero();
    }

    static Stream<String> grubScripts() {
        return Stream.of(
                GrubConfig.entryPoint(),
                GrubConfig.boot(PLAN, Source.TFTP, "10.9.0.1", 5_248, false),
                GrubConfig.boot(PLAN, Source.TFTP, "[fd00::1]", 5_248, true),
                GrubConfig.boot(PLAN, Source.HTTP, "10.9.0.1", 5_248, true),
                GrubConfig.boot(HOSTILE, Source.TFTP, "10.9.0.1", 5_248, true));
    }

    @Test
    void theKernelIsToldInTheOrderThatMaasImagesExpect() {
        assertThat(KernelArguments.ephemeral(
                        "10.9.0.1",
                        5_248,
                        "images/cc/squashfs",
                        NOBLE,
                        "m1",
                        "ci.cfg",
                        false,
                        List.of("console=ttyS0")))
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
                        "---",
                        "console=ttyS0");
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
        return KernelArguments.ephemeral("10.9.0.1", 5_248, "r", image, "m1", "c", false, List.of());
    }

    @Test
    void overIpv6TheKernelConfiguresIpv6Only() {
        assertThat(KernelArguments.ephemeral("[fd00::1]", 5_248, "r", NOBLE, "m1", "c", true, List.of()))
                .contains("root=squash:http://[fd00::1]:5248/r", "ip=off", "ip6=dhcp")
                .doesNotContain("---");
    }
}
