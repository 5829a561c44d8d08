package org.rackboot.protocol.resolve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.rackboot.protocol.resolve.Catalogs.noble;

import java.util.List;
import java.util.SplittableRandom;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.rackboot.protocol.resolve.BootAnswer.Content;
import org.rackboot.protocol.resolve.BootAnswer.Empty;
import org.rackboot.protocol.resolve.BootAnswer.NotFound;
import org.rackboot.protocol.resolve.BootAnswer.Refused;
import org.rackboot.protocol.resolve.BootAnswer.Rendered;
import org.rackboot.protocol.resolve.BootRequest.ServerAddress;
import org.rackboot.protocol.resolve.BootRequest.Transport;

/** Who asks what, in the order in which real firmware and loaders were seen to ask. */
class BootResolverTest {
    private static final BootImage NOBLE = noble("20260101");
    private static final BootCatalog CATALOG = Catalogs.of(noble("20251001"), NOBLE);
    private static final ServerAddress SERVER = new ServerAddress("10.9.0.1", 5_248, false);
    private static final Pattern IMAGE_NAME = Pattern.compile("images/[0-9a-f]{64}/[^ \"\n]+");

    private final BootResolver resolver = Catalogs.resolver();

    @Test
    void pxelinuxWalksToItsDefault() { // observed: uuid, 01-mac, eight hex forms, default
        assertThat(tftp("lpxelinux.0")).isInstanceOf(Content.class);
        assertThat(tftp("ldlinux.c32")).isInstanceOf(Content.class);
        for (String miss : List.of("4c4c4544-0042-3510-8054-b4c04f4a3232", "01-52-54-00-aa-bb-cc", "C61200BD")) {
            assertExpectedMiss("pxelinux.cfg/" + miss);
        }
        for (int digits = 7; digits > 0; digits--) {
            assertExpectedMiss("pxelinux.cfg/" + "C61200BD".substring(0, digits));
        }

        assertThat(rendered("pxelinux.cfg/default"))
                .contains("  KERNEL http://10.9.0.1:5248/images/")
                .contains("console=ttyS0");
    }

    @Test
    void pxelinuxLooksBesideItsLoader() {
        assertThat(tftp("bootloaders/pxe/i386/lpxelinux.0")).isEqualTo(tftp("lpxelinux.0"));
        assertExpectedMiss("bootloaders/pxe/i386/pxelinux.cfg/01-52-54-00-aa-bb-cc");
        assertThat(rendered("bootloaders/pxe/i386/pxelinux.cfg/default")).isEqualTo(rendered("pxelinux.cfg/default"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "/", "bootloaders/uefi/amd64/", "/bootloaders/uefi/amd64//"})
    void shimMissesThreeFilesAndFindsGrub(String directory) { // Quirk T37
        assertThat(tftp(directory + "bootx64.efi")).isInstanceOf(Content.class);
        assertExpectedMiss(directory + "revocations_sku.efi");
        assertExpectedMiss(directory + "revocations_sbat.efi");
        assertExpectedMiss(directory + "shim_certificate_0.efi");
        assertThat(tftp(directory + "grubx64.efi")).isInstanceOf(Content.class);
    }

    @Test
    void debiansGrubReadsEmptyListsThenItsConfiguration() { // Quirk T36
        for (String list : List.of("command", "fs", "crypto", "terminal")) {
            assertThat(tftp("/grub/x86_64-efi/" + list + ".lst")).isEqualTo(new Empty());
            assertThat(tftp("/EFI/ubuntu/x86_64-efi/" + list + ".lst")).isEqualTo(new Empty());
        }
        assertThat(rendered("/grub/grub.cfg"))
                .contains("configfile \"/grub/grub.cfg-${net_default_mac}-${grub_cpu}\"")
                .contains("configfile \"/grub/grub.cfg-default-${grub_cpu}\"");
        assertThat(rendered("/grub/grub.cfg-52:54:00:aa:bb:cc-x86_64"))
                .isEqualTo(rendered("/grub/grub.cfg-default-x86_64"));
        assertExpectedMiss("/grub/grub.cfg-01-52-54-00-aa-bb-cc"); // No processor: not to be taken for one "cc".
        assertExpectedMiss("/grub/grub.cfg-52:54:00:aa:bb:cc");
        assertExpectedMiss("/grub/x86_64-efi/http.mod"); // An empty module would be an invalid one.
        assertThat(rendered("/grub/grub.cfg-default-x86_64"))
                .contains("menuentry")
                .contains("(http,10.9.0.1:5248)");
    }

    @Test
    void aGrubFromMkimageAsksForItsAddressFirst() { // observed
        assertExpectedMiss("/grub/grub.cfg-01-52-54-00-aa-bb-cc");
        assertExpectedMiss("/grub/grub.cfg-C61200BE");
        assertExpectedMiss("/grub/grub.cfg-C");
        assertExpectedMiss("/grub/x86_64-efi/grub.cfg"); // LP 1752687
        assertThat(tftp("/grub/grub.cfg")).isInstanceOf(Rendered.class);
    }

    @Test
    void uefisHttpClientFindsALoaderWhereMaasHasIt() {
        assertThat(tftp("images/bootx64.efi")).isEqualTo(tftp("bootx64.efi"));
        assertThat(tftp("images/nothing.efi")).isInstanceOf(NotFound.class);
    }

    @Test
    void overHttpGrubIsNotSentToHttpAgain() {
        assertThat(resolver.resolve(new BootRequest("/grub/grub.cfg-default-x86_64", Transport.HTTP, SERVER), CATALOG))
                .isInstanceOfSatisfying(
                        Rendered.class, config -> assertThat(config.text()).doesNotContain("insmod"));
    }

    @Test
    void ipxeIsChainedToItsOwnScriptAndThenTheDefault() {
        assertThat(rendered("ipxe.cfg")).contains("http://10.9.0.1:5248/ipxe.cfg-${mac:hexhyp}");
        assertThat(rendered("autoexec.ipxe")).as("quirk T38").isEqualTo(rendered("ipxe.cfg"));
        assertThat(rendered("bootloaders/ipxe/amd64/autoexec.ipxe")).isEqualTo(rendered("ipxe.cfg"));
        assertExpectedMiss("ipxe.cfg-52-54-00-aa-bb-cc");
        assertThat(rendered("ipxe.cfg-default-x86_64")).contains("kernel --name boot-kernel");
        assertThat(rendered("ipxe.cfg-default-i386")).isEqualTo(rendered("ipxe.cfg-default-x86_64"));
    }

    @Test
    void uBootStaysWithTftp() {
        BootCatalog arm = Catalogs.of(
                Catalogs.image("noble", "24.04", "24.04 LTS", "arm64", "ga-24.04", "generic", "stable", "20260101"));

        BootAnswer answer = resolver.resolve(new BootRequest("pxelinux.cfg/default-arm", Transport.TFTP, SERVER), arm);

        assertThat(((Rendered) answer).text()).contains("  KERNEL images/").doesNotContain("SAY");
        assertThat(tftp("boot.scr.uimg")).isInstanceOf(NotFound.class);
        assertThat(tftp("dtb/")).isInstanceOf(NotFound.class);
    }

    @ParameterizedTest
    @CsvSource({
        "ppc64el/pxelinux.cfg/default, ppc64el, http://10.9.0.1:5248/images/",
        "s390x/default, s390x, images/",
        "s390x/pxelinux.cfg/default, s390x, images/"
    })
    void firmwareThatReadsConfigurationsItselfFindsThemUnderItsPrefix(String name, String arch, String root) {
        BootCatalog catalog = Catalogs.of(
                Catalogs.image("noble", "24.04", "24.04 LTS", arch, "ga-24.04", "generic", "stable", "20260101"));

        String config = ((Rendered) resolver.resolve(new BootRequest(name, Transport.TFTP, SERVER), catalog)).text();

        assertThat(config).contains("  KERNEL " + root).doesNotContain("IPAPPEND");
        String kernel = config.lines()
                .filter(line -> line.startsWith("  INITRD "))
                .map(line -> line.substring(line.indexOf("images/")))
                .findFirst()
                .orElseThrow();
        assertThat(resolver.resolve(new BootRequest(arch + '/' + kernel, Transport.TFTP, SERVER), catalog))
                .as("relative to the prefix")
                .isInstanceOf(Content.class);
        assertExpectedMiss(arch + "/pxelinux.cfg/01-52-54-00-aa-bb-cc");
        assertExpectedMiss(arch + "/C61200BD");
        assertThat(tftp(arch + "/no/such/file")).isInstanceOf(NotFound.class);
    }

    @ParameterizedTest
    @CsvSource({
        "grub/grub.cfg-default-sparc",
        "ipxe.cfg-default-mips",
        "pxelinux.cfg/default-sh4",
    })
    void aProcessorThatNobodyKnowsIsNotFound(String name) {
        assertThat(tftp(name))
                .isEqualTo(new NotFound("no image boots this kind of processor", BootPhase.CONFIG, false));
    }

    @ParameterizedTest
    @ValueSource(strings = {"grub/grub.cfg-default-arm64", "ipxe.cfg-default-arm64", "pxelinux.cfg/default-arm"})
    void withoutAnImageTheReasonNamesTheCommand(String name) {
        assertThat(tftp(name)).isInstanceOfSatisfying(NotFound.class, missing -> {
            assertThat(missing.reason())
                    .contains("rackboot selections add --os ubuntu --release noble --arch arm64")
                    .contains("rackboot images import")
                    .hasSizeLessThan(256); // Fits an ERROR packet whole.
            assertThat(missing.expected()).isFalse();
        });
    }

    @Test
    void withoutBootloadersTheReasonNamesTheCommand() {
        BootAnswer answer =
                resolver.resolve(new BootRequest("bootx64.efi", Transport.TFTP, SERVER), BootCatalog.empty());

        assertThat(((NotFound) answer).reason()).contains("rackboot selections add", "rackboot images import");
    }

    @ParameterizedTest
    @ValueSource(strings = {"pxelinux.cfg/default", "grub/grub.cfg-default-x86_64", "ipxe.cfg-default-x86_64"})
    void kernelInitrdAndSquashfsAreOfOneVersion(String config) {
        Matcher names = IMAGE_NAME.matcher(rendered(config));
        List<BootFile> files = names.results()
                .map(name -> ((Content) tftp(name.group())).file())
                .toList();

        assertThat(files).containsExactlyInAnyOrderElementsOf(NOBLE.files().values());
    }

    @Test
    void namesAreFoundInAnyCase() { // Quirk T33
        assertThat(tftp("\\BOOTX64.EFI")).isEqualTo(tftp("bootx64.efi"));
    }

    @Test
    void rubbishBehindANameIsOverlooked() { // Quirk T34
        assertThat(tftp("bootx64.efi\u00ff")).isEqualTo(tftp("bootx64.efi"));
    }

    @Test
    void aDeletedVersionSaysSo() {
        assertThat(tftp("images/" + "0".repeat(64) + "/ubuntu/amd64/ga-24.04/noble/stable/squashfs"))
                .isInstanceOfSatisfying(
                        NotFound.class, missing -> assertThat(missing.reason()).contains("version deleted"));
    }

    @Test
    void hostileNamesAreRefused() { // S-01
        assertThat(tftp("../../etc/shadow")).isInstanceOf(Refused.class);
        assertThat(tftp("images/../../etc/shadow")).isInstanceOf(Refused.class);
        assertThat(tftp("")).isInstanceOf(Refused.class);
    }

    @Test
    void noNameMakesTheResolverThrowOrRepeatIt() { // F3
        String[] pieces = {
            "grub/",
            "grub.cfg-",
            "default-",
            "pxelinux.cfg/",
            "ipxe.cfg",
            "-",
            "bootloaders/",
            "images/",
            "x86_64",
            "..",
            ".lst",
            ".mod",
            "\u00ff",
            "zzsecret",
            "01-52-54-00-aa-bb-cc",
            "$(x)",
            "/",
            "\\",
            ".efi",
        };
        SplittableRandom random = new SplittableRandom(3);
        for (int i = 0; i < 50_000; i++) {
            StringBuilder name = new StringBuilder();
            for (int left = random.nextInt(6); left >= 0; left--) {
                name.append(pieces[random.nextInt(pieces.length)]);
            }
            assertThat(tftp(name.toString()).toString()).doesNotContain("zzsecret");
        }
    }

    private BootAnswer tftp(String name) {
        return resolver.resolve(new BootRequest(name, Transport.TFTP, SERVER), CATALOG);
    }

    private String rendered(String name) {
        return ((Rendered) tftp(name)).text();
    }

    private void assertExpectedMiss(String name) {
        assertThat(tftp(name))
                .isInstanceOfSatisfying(
                        NotFound.class,
                        miss -> assertThat(miss.expected()).as(name).isTrue());
    }
}
