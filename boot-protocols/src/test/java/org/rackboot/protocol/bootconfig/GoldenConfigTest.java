package org.rackboot.protocol.bootconfig;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every loader's configuration for every purpose and architecture, as files that people have read. With
 * {@code -Drackboot.golden=write} the files are written anew, for people to read again.
 */
class GoldenConfigTest {
    private static final Path GOLDEN = Path.of("src/test/resources/org/rackboot/protocol/bootconfig/golden");
    private static final Path TEMPLATES = Path.of("src/main/resources/org/rackboot/protocol/bootconfig/templates");
    private static final Path GRUB_SCRIPT_CHECK = Path.of("/usr/bin/grub-script-check");
    private static final boolean WRITE = "write".equals(System.getProperty("rackboot.golden"));

    record Case(String file, ConfigLoader loader, BootPlan plan, Location location) {
        String rendered() {
            return BootTemplates.builtIn().render(loader, plan, location);
        }

        @Override
        public String toString() {
            return file;
        }
    }

    static List<Case> cases() {
        List<Case> cases = new ArrayList<>();
        for (ConfigLoader loader : ConfigLoader.values()) {
            for (String arch : architectures(loader)) {
                for (ConfigPurpose purpose : ConfigPurpose.values()) {
                    BootPlan plan = Plans.of(loader, purpose, arch);
                    cases.add(new Case(name(loader, purpose, arch), loader, plan, Plans.OVER_TFTP));
                }
            }
        }
        BootPlan grub = Plans.of(ConfigLoader.GRUB, ConfigPurpose.EPHEMERAL, "amd64");
        cases.add(new Case("grub/ephemeral.amd64.over-http", ConfigLoader.GRUB, grub, Plans.OVER_HTTP));
        cases.add(new Case(
                "grub/ephemeral.amd64.also-port-80",
                ConfigLoader.GRUB,
                grub,
                new Location("10.9.0.1", 5_248, true, false)));
        cases.add(new Case(
                "grub/ephemeral.amd64.port-80", ConfigLoader.GRUB, grub, new Location("10.9.0.1", 80, true, false)));
        cases.add(new Case(
                "grub/ephemeral.amd64.ipv6", ConfigLoader.GRUB, grub, new Location("[fd00::1]", 5_248, false, false)));
        Location ipv6 = new Location("[fd00::1]", 5_248, false, false);
        for (ConfigLoader loader : Set.of(ConfigLoader.IPXE, ConfigLoader.U_BOOT_SCRIPT)) {
            BootPlan wait = Plans.of(loader, ConfigPurpose.HOLD, "arm64");
            cases.add(new Case(loader.word() + "/hold.arm64.ipv6", loader, wait, ipv6));
        }
        for (ConfigPurpose purpose : Set.of(ConfigPurpose.LOCAL, ConfigPurpose.POWEROFF)) {
            BootPlan plan = BootPlan.of(purpose, "amd64", "web-1").build();
            String file = "pxelinux/" + purpose.word() + ".amd64.no-modules";
            cases.add(new Case(file, ConfigLoader.PXELINUX, plan, Plans.OVER_TFTP));
        }
        for (ConfigLoader loader : ConfigLoader.values()) {
            BootPlan bare = BootPlan.of(ConfigPurpose.EPHEMERAL, "arm64", "kernel alone")
                    .kernel("images/aa/boot-kernel")
                    .arguments(List.of("quiet"))
                    .build();
            cases.add(new Case(loader.word() + "/ephemeral.arm64.kernel-alone", loader, bare, Plans.OVER_TFTP));
        }
        return cases;
    }

    private static List<String> architectures(ConfigLoader loader) {
        return switch (loader) {
            case PXELINUX -> List.of("amd64");
            case GRUB -> List.of("amd64", "arm64", "ppc64el", "riscv64");
            case IPXE -> List.of("amd64", "arm64");
            case PETITBOOT -> List.of("ppc64el");
            case U_BOOT, U_BOOT_SCRIPT -> List.of("arm64", "armhf");
            case S390X, S390X_PARTITION -> List.of("s390x");
        };
    }

    private static String name(ConfigLoader loader, ConfigPurpose purpose, String arch) {
        return loader.word() + '/' + purpose.word() + '.' + arch;
    }

    @ParameterizedTest
    @MethodSource("cases")
    void theConfigurationIsTheOneThatWasRead(Case golden) throws IOException {
        Path file = GOLDEN.resolve(golden.file() + ".txt");
        if (WRITE) {
            Files.createDirectories(file.getParent());
            Files.writeString(file, golden.rendered());
        }

        assertThat(file)
                .as("read what is rendered, then write it with -Drackboot.golden=write")
                .exists();
        assertThat(golden.rendered()).as(golden.file()).isEqualTo(Files.readString(file));
    }

    @Test
    void noFileIsLeftOfCasesThatAreGone() throws IOException {
        assertThat(filesBelow(GOLDEN))
                .isEqualTo(cases().stream().map(Case::file).collect(Collectors.toCollection(TreeSet::new)));
    }

    @Test
    void everyTemplateFileIsSomeLoadersTemplate() throws IOException {
        Set<String> used = new TreeSet<>();
        for (ConfigLoader loader : ConfigLoader.values()) {
            for (ConfigPurpose purpose : ConfigPurpose.values()) {
                for (String arch : Set.of("amd64", "arm64", "armhf", "ppc64el", "riscv64", "s390x")) {
                    used.add(loader.word() + '\n' + BootTemplates.builtIn().text(loader, purpose, arch));
                }
            }
        }
        for (String name : filesBelow(TEMPLATES)) {
            String text = Files.readString(TEMPLATES.resolve(name + ".txt"));

            assertThat(used).as(name).contains(name.substring(0, name.indexOf('/')) + '\n' + text);
        }
    }

    private static Set<String> filesBelow(Path directory) throws IOException {
        try (Stream<Path> files = Files.walk(directory)) {
            return files.filter(Files::isRegularFile)
                    .map(file -> directory.relativize(file).toString().replaceAll("\\.txt$", ""))
                    .collect(Collectors.toCollection(TreeSet::new));
        }
    }

    static Stream<Case> grubCases() {
        return cases().stream().filter(golden -> golden.loader() == ConfigLoader.GRUB);
    }

    @ParameterizedTest
    @MethodSource("grubCases")
    void grubAcceptsTheScript(Case golden, @TempDir Path directory) throws IOException, InterruptedException {
        checkWithGrub(golden.rendered(), directory);
    }

    @Test
    void grubAcceptsTheEntryPoint(@TempDir Path directory) throws IOException, InterruptedException {
        checkWithGrub(GrubConfig.entryPoint(), directory);
    }

    @Test
    void grubAcceptsHostileValues(@TempDir Path directory) throws IOException, InterruptedException {
        HostileTexts hostile = new HostileTexts(7);
        StringBuilder scripts = new StringBuilder();
        for (int i = 0; i < 300; i++) {
            BootPlan plan = BootPlan.of(ConfigPurpose.EPHEMERAL, "amd64", hostile.text())
                    .kernel(hostile.text())
                    .initrd(Optional.of(hostile.text()))
                    .arguments(hostile.words())
                    .build();
            scripts.append(BootTemplates.builtIn().render(ConfigLoader.GRUB, plan, Plans.OVER_TFTP));
        }

        checkWithGrub(scripts.toString(), directory);
    }

    private static void checkWithGrub(String script, Path directory) throws IOException, InterruptedException {
        assumeTrue(Files.isExecutable(GRUB_SCRIPT_CHECK), "grub-script-check is missing (package grub-common)");
        Path file = Files.writeString(directory.resolve("grub.cfg"), script);

        Process check = new ProcessBuilder(GRUB_SCRIPT_CHECK.toString(), file.toString())
                .redirectErrorStream(true)
                .start();
        String said = new String(check.getInputStream().readAllBytes(), UTF_8);

        assertThat(check.waitFor()).as(() -> said + '\n' + script).isZero();
    }

    @Test
    void grubBeginsWithTheMachinesOwnName() {
        assertThat(GrubConfig.entryPoint())
                .contains("configfile \"/grub/grub.cfg-${net_default_mac}-${grub_cpu}\"")
                .contains("configfile \"/grub/grub.cfg-default-${grub_cpu}\"");
    }

    @Test
    void ipxeBeginsWithTheMachinesOwnName() {
        assertThat(IpxeScript.entryPoint("http://10.9.0.1:5248/")).isEqualTo("""
                #!ipxe
                chain --replace http://10.9.0.1:5248/ipxe.cfg-${mac:hexhyp}-${buildarch} \
                || chain --replace http://10.9.0.1:5248/ipxe.cfg-default-${buildarch}
                """);
    }
}
