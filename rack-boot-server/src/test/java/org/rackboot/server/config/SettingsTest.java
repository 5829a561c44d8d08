package org.rackboot.server.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rackboot.protocol.bootconfig.BootPlan;
import org.rackboot.protocol.bootconfig.ConfigLoader;
import org.rackboot.protocol.bootconfig.ConfigPurpose;
import org.rackboot.protocol.bootconfig.Location;

class SettingsTest {
    @TempDir
    Path directory;

    @Test
    void aFlagWinsOverAVariableAndAVariableOverTheFile() throws Exception {
        Path file = write("tftp:\n  port: 1000\n  max-window-size: 8\napi:\n  port: 1001\n");
        Map<String, String> environment = Map.of("RACKBOOT_TFTP_PORT", "2000", "RACKBOOT_API_PORT", "2001");
        Map<String, List<String>> flags = Map.of("tftp.port", List.of("3000"));

        ServerConfig config = ServerConfig.read(new Settings(Optional.of(file), environment, flags));

        assertThat(config.tftp().port()).isEqualTo(3000);
        assertThat(config.api().port()).isEqualTo(2001);
        assertThat(config.tftp().maxWindowSize()).isEqualTo(8);
    }

    @Test
    void allProblemsAreToldAtOnceWithWhatToWriteInstead() throws IOException {
        Path file = write("tftp:\n  prot: 69\n  max-block-size: 7\nhttp:\n  ports: [5248, 70000]\nboot:\n"
                + "  kernel-options: \"quiet $(reboot)\"\n  unknown-machines: ignore\n");

        assertThatThrownBy(() -> ServerConfig.read(new Settings(
                        Optional.of(file), Map.of("RACKBOOT_APY_PORT", "1"), Map.of("bind", List.of("no such host")))))
                .asInstanceOf(InstanceOfAssertFactories.type(ConfigException.class))
                .extracting(ConfigException::problems, InstanceOfAssertFactories.list(String.class))
                .anySatisfy(text -> assertThat(text).isEqualTo("unknown key 'tftp.prot'; did you mean 'tftp.port'?"))
                .anySatisfy(text -> assertThat(text).contains("tftp.max-block-size is '7'; use 8 to 65464"))
                .anySatisfy(text -> assertThat(text).contains("http.ports is '70000'"))
                .anySatisfy(text -> assertThat(text).contains("boot.kernel-options: '$(reboot)'"))
                .anySatisfy(text ->
                        assertThat(text).isEqualTo("boot.unknown-machines is 'ignore'; use boot or hold or silence"))
                .anySatisfy(text -> assertThat(text).contains("bind is 'no such host'"))
                .anySatisfy(text -> assertThat(text)
                        .isEqualTo("unknown variable 'RACKBOOT_APY_PORT'; did you mean 'RACKBOOT_API_PORT'?"))
                .hasSize(7);
    }

    @Test
    void listsComeFromFilesVariablesAndRepeatedFlags() throws Exception {
        Path file = write("http:\n  ports: [5248, 80]\n");

        assertThat(read(file, Map.of(), Map.of()).http().ports()).containsExactly(5248, 80);
        assertThat(read(file, Map.of("RACKBOOT_HTTP_PORTS", "1, 2"), Map.of())
                        .http()
                        .ports())
                .containsExactly(1, 2);
        assertThat(read(file, Map.of(), Map.of("http.ports", List.of("3", "4")))
                        .http()
                        .ports())
                .containsExactly(3, 4);
    }

    @Test
    void sizesAndKernelOptionsAreReadableByPeople() throws Exception {
        Path file =
                write("cache:\n  memory: 64MiB\n  disk: 2GiB\nboot:\n  kernel-options: console=ttyS0,115200 quiet\n");

        ServerConfig config = read(file, Map.of(), Map.of());

        assertThat(config.cache().memoryBytes()).isEqualTo(64L << 20);
        assertThat(config.cache().diskBytes()).isEqualTo(2L << 30);
        assertThat(config.boot().kernelOptions()).containsExactly("console=ttyS0,115200", "quiet");
    }

    @Test
    void limitsOfEgressAreOffOrEnoughToFeedSomebody() throws Exception {
        Path file = write("egress:\n  max-rate: 100MiB\n");

        ServerConfig.EgressConfig egress = read(file, Map.of("RACKBOOT_EGRESS_MAX_CLIENT_RATE", "64KiB"), Map.of())
                .egress();
        assertThat(egress).isEqualTo(new ServerConfig.EgressConfig(100 << 20, 64 << 10));
        assertThat(read(write(""), Map.of(), Map.of()).egress()).isEqualTo(new ServerConfig.EgressConfig(0, 0));
        assertThatThrownBy(() -> read(file, Map.of("RACKBOOT_EGRESS_MAX_CLIENT_RATE", "100"), Map.of()))
                .hasMessageContaining("egress.max-client-rate is '100'; use 0 for no limit, or 64KiB and more");
    }

    @Test
    void aFileThatIsNoYamlOrNotThereIsAProblemNotACrash() throws IOException {
        Path broken = write("tftp: [unclosed");
        assertThatThrownBy(() -> read(broken, Map.of(), Map.of())).hasMessageContaining("cannot be read as YAML");
        Path twice = write("tftp:\n  port: 1\n  port: 2\n");
        assertThatThrownBy(() -> read(twice, Map.of(), Map.of()))
                .hasMessageContaining("the key 'port' is there twice (line 3");
        Path missing = directory.resolve("missing.yaml");
        assertThatThrownBy(() -> read(missing, Map.of(), Map.of())).hasMessageContaining("cannot be read");
        Path list = write("- a\n- b\n");
        assertThatThrownBy(() -> read(list, Map.of(), Map.of())).hasMessageContaining("not a YAML mapping");
    }

    @Test
    void templatesOfBootConfigurationsAreReadFromFilesAndCheckedAtOnce() throws Exception {
        Path good = Files.writeString(directory.resolve("off.cfg"), "echo {{title}}: good night\nhalt\n");
        Path bad = Files.writeString(directory.resolve("bad.cfg"), "echo {{titel}}\n");
        BootPlan plan = BootPlan.of(ConfigPurpose.POWEROFF, "amd64", "web-1").build();
        Location location = new Location("198.18.0.1", 5248, true, false);

        ServerConfig config =
                read(write("boot:\n  templates:\n    grub:\n      poweroff: " + good + "\n"), Map.of(), Map.of());
        assertThat(config.boot().templates().render(ConfigLoader.GRUB, plan, location))
                .isEqualTo("echo 'web-1': good night\nhalt\n");
        assertThat(config.boot().templates().render(ConfigLoader.IPXE, plan, location))
                .startsWith("#!ipxe\n");

        Path wrong = write("boot:\n  templates:\n    grub:\n      poweroff: " + bad + "\n    ipxe:\n      hold: "
                + directory.resolve("missing") + "\n    lilo:\n      hold: x\n");
        assertThatThrownBy(() -> read(wrong, Map.of(), Map.of()))
                .asInstanceOf(InstanceOfAssertFactories.type(ConfigException.class))
                .extracting(ConfigException::problems, InstanceOfAssertFactories.list(String.class))
                .anySatisfy(
                        text -> assertThat(text).startsWith("boot.templates: ").contains("titel"))
                .anySatisfy(text -> assertThat(text)
                        .startsWith("boot.templates.ipxe.hold: ")
                        .contains("missing", "cannot be read"))
                .anySatisfy(text -> assertThat(text).startsWith("unknown key 'boot.templates.lilo.hold'"))
                .hasSize(3);
    }

    @Test
    void certificatesAndKeysComeInPairs() throws Exception {
        Path file = write("https:\n  certificate: [rsa.pem, ecdsa.pem]\n  key: [rsa.key, ecdsa.key]\n  port: 443\n");

        ServerConfig.HttpsConfig https = read(file, Map.of(), Map.of()).https();
        assertThat(https.port()).isEqualTo(443);
        assertThat(https.certificates()).containsExactly(Path.of("rsa.pem"), Path.of("ecdsa.pem"));
        assertThat(https.keys()).containsExactly(Path.of("rsa.key"), Path.of("ecdsa.key"));
        assertThatThrownBy(() -> read(file, Map.of("RACKBOOT_HTTPS_KEY", "one.key"), Map.of()))
                .hasMessageContaining("https.certificate names 2 files and https.key 1");
        assertThatThrownBy(() -> read(write("https:\n  key: a.key\n"), Map.of(), Map.of()))
                .hasMessageContaining("give a key for each certificate");
    }

    @Test
    void anEmptyFileIsTheDefault() throws Exception {
        ServerConfig config = read(write(""), Map.of(), Map.of());

        assertThat(config.tftp().port()).isEqualTo(69);
        assertThat(config.http().ports()).containsExactly(5248);
        assertThat(config.http().maxConnections()).isEqualTo(20_000);
        assertThat(config.http().maxConnectionsPerAddress()).isEqualTo(4_096);
        assertThat(config.https().port()).isEqualTo(5249);
        assertThat(config.https().certificates()).isEmpty(); // Off.
        assertThat(config.api().port()).isEqualTo(5240);
        assertThat(config.admin().port()).isEqualTo(5250);
    }

    private static ServerConfig read(Path file, Map<String, String> environment, Map<String, List<String>> flags)
            throws ConfigException {
        return ServerConfig.read(new Settings(Optional.of(file), environment, flags));
    }

    private Path write(String text) throws IOException {
        return Files.writeString(Files.createTempFile(directory, "rackboot", ".yaml"), text);
    }

    @Test
    void interfacesAreSaidToDoNothingWithoutProxy() throws Exception {
        assertThat(dhcp(Map.of("dhcp.interfaces", List.of("srv0"))).idle())
                .contains(
                        "--interface (dhcp.interfaces: srv0) does nothing without --dhcp proxy: no machine is answered by DHCP");
        assertThat(dhcp(Map.of("dhcp.interfaces", List.of("srv0"), "dhcp.mode", List.of("proxy")))
                        .idle())
                .isEmpty();
        assertThat(dhcp(Map.of()).idle()).isEmpty();
    }

    private static ServerConfig.DhcpConfig dhcp(Map<String, List<String>> flags) throws Exception {
        return ServerConfig.read(new Settings(Optional.empty(), Map.of(), flags))
                .dhcp();
    }

    @Test
    void dhcpIsOffUntilItIsToldWhereAndForWhom() throws Exception {
        Path file = write("dhcp:\n  mode: proxy\n  subnets: [198.18.0.0/16]\n  ignore-subnets: [198.18.9.0/24]\n");
        Map<String, List<String>> flags = Map.of("dhcp.interfaces", List.of("eth0", "eth1"));

        assertThat(ServerConfig.read(new Settings(Optional.empty(), Map.of(), Map.of()))
                        .dhcp())
                .isEqualTo(new ServerConfig.DhcpConfig(false, List.of(), 67, 4011, 547, List.of(), List.of()));
        ServerConfig.DhcpConfig dhcp = ServerConfig.read(
                        new Settings(Optional.of(file), Map.of("RACKBOOT_DHCP_PXE_PORT", "0"), flags))
                .dhcp();
        assertThat(dhcp.isProxy()).isTrue();
        assertThat(dhcp.interfaces()).containsExactly("eth0", "eth1");
        assertThat(dhcp.pxePort()).isZero();
        assertThat(dhcp.subnets()).hasSize(1);
        assertThat(dhcp.ignoredSubnets()).hasSize(1);
        assertThatThrownBy(() -> ServerConfig.read(
                        new Settings(Optional.empty(), Map.of(), Map.of("dhcp.mode", List.of("full")))))
                .hasMessageContaining("dhcp.mode is 'full'; use off or proxy");
    }
}
