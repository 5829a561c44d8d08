package org.rackboot.protocol.loader;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.rackboot.protocol.dhcp.BootClient;
import org.rackboot.protocol.dhcp.Octets;
import org.rackboot.protocol.dhcp.OptionCode;
import org.rackboot.protocol.dhcp.RawOption;
import org.rackboot.protocol.loader.DhcpServerConfig.Format;
import org.rackboot.protocol.loader.DhcpServerConfig.Rack;
import org.rackboot.protocol.loader.LoaderChoice.Load;
import org.rackboot.protocol.loader.LoaderChoice.Nothing;
import org.rackboot.protocol.resolve.BootCatalog;
import org.rackboot.protocol.resolve.BootFile;
import org.rackboot.protocol.resolve.BootImage;
import org.rackboot.protocol.resolve.BootPhase;
import org.rackboot.protocol.resolve.Bootloader;
import org.rackboot.protocol.resolve.LoaderPreference;

class DhcpServerConfigTest {
    private static final Rack IPV4 = new Rack("198.18.0.1", 5248, 69, List.of());
    private static final Rack IPV6 = new Rack("2001:db8::1", 5248, 69, List.of());
    private static final Bootloader PXELINUX = loader("pxe", "i386", "lpxelinux.0", "ldlinux.c32");
    private static final Bootloader X64 = loader("uefi", "amd64", "bootx64.efi", "grubx64.efi");
    private static final Bootloader ARM64 = loader("uefi", "arm64", "bootaa64.efi", "grubaa64.efi");
    private static final Bootloader POWER = loader("open-firmware", "ppc64el", "bootppc64.bin");
    private static final Bootloader IPXE = loader("ipxe", "amd64", "undionly.kpxe", "snponly.efi");
    private static final BootCatalog CATALOG = new BootCatalog(
            1,
            List.of(image("arm64"), image("armhf"), image("ppc64el"), image("s390x")),
            List.of(PXELINUX, X64, ARM64, POWER),
            List.of());

    /** What the four servers were seen to accept, and to answer by. */
    @ParameterizedTest
    @CsvSource({
        "ISC, 4, isc4.conf",
        "ISC, 6, isc6.conf",
        "KEA, 4, kea4.json",
        "KEA, 6, kea6.json",
        "DNSMASQ, 4, dnsmasq4.conf",
        "DNSMASQ, 6, dnsmasq6.conf",
        "PLAIN, 4, plain4.txt",
        "PLAIN, 6, plain6.txt",
    })
    void eachFormatIsAsItWasReviewed(Format format, int version, String golden) throws IOException {
        String text = config(version == 4 ? IPV4 : IPV6, CATALOG).render(format);

        assertThat(text).isEqualTo(resource(golden));
    }

    @ParameterizedTest
    @EnumSource(Format.class)
    void whatWasNotImportedIsNamedWithWhatToDo(Format format) {
        DhcpServerConfig config = config(IPV4, new BootCatalog(1, List.of(), List.of(X64), List.of()));

        String text = config.render(format).replaceAll("\\s+(#|//)?\\s*", " "); // Comments are broken into lines.
        assertThat(text)
                .contains("x86 BIOS (0)", "rackboot images import", "arm64 UEFI (11)", "uefi/arm64 bootaa64.efi")
                .contains("- s390 basic (31), s390 extended (32): no image; 'rackboot selections add")
                .doesNotContain("lpxelinux.0", "s390x/");
        assertThat(config.warnings()).isEmpty();
        DhcpServerConfig nothing = config(IPV4, BootCatalog.empty());
        assertThat(nothing.warnings()).singleElement().asString().contains("rackboot images import");
        assertThat(nothing.render(format)).contains("198.18.0.1", "no loader was imported yet", "ipxe.cfg");
    }

    @ParameterizedTest
    @EnumSource(Format.class)
    void otherPortsAndSettingsAreThose(Format format) {
        Rack rack = new Rack("198.18.0.1", 80, 6969, List.of("the rack is at 198.18.0.9 as well"));
        DhcpServerConfig config = config(rack, CATALOG);

        assertThat(config.warnings()).hasSize(2);
        assertThat(config.render(format))
                .contains("http://198.18.0.1/bootx64.efi", "NOTE: the rack is at 198.18.0.9 as well.", "port 6969")
                .doesNotContain("5248");
    }

    @ParameterizedTest
    @EnumSource(Format.class)
    void iPxeIsNeverGivenIPxeAndNeverTheOnlyName(Format format) {
        BootCatalog catalog = new BootCatalog(1, List.of(), List.of(PXELINUX, IPXE), List.of());
        DhcpServerConfig config = DhcpServerConfig.of(IPV4, LoaderPreference.IPXE, catalog);

        assertThat(config.rows().get(0).tag()).isEqualTo("ipxe");
        assertThat(config.rows().get(0).file()).isEqualTo("http://198.18.0.1:5248/ipxe.cfg");
        String text = config.render(format);
        assertThat(text).contains("bootloaders/ipxe/amd64/undionly.kpxe");
        if (format == Format.PLAIN) {
            assertThat(text).contains("there is none to recommend");
        }
        if (format == Format.KEA) {
            assertThat(text.lines().filter(line -> line.contains("\"test\"")).skip(2))
                    .allMatch(line -> line.contains("not member('rackboot-ipxe')"));
        }
        if (format == Format.DNSMASQ) {
            assertThat(statements(config, format).stream()
                            .filter(line -> line.contains("kpxe") || line.contains("snponly")))
                    .isNotEmpty()
                    .allMatch(line -> line.contains("tag:!rb-ipxe,"));
        }
    }

    /** Names come from a catalog, and words from wherever: none may become a line, a string's end, or a comment's. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
    void noWordsBecomeConfiguration(long seed) {
        Random random = new Random(seed);
        for (int i = 0; i < 50; i++) {
            String evil = evil(random);
            DhcpServerConfig named =
                    DhcpServerConfig.of(IPV4, client -> new Load(evil, false, List.of(), Optional.of(evil)));
            DhcpServerConfig prefixed = DhcpServerConfig.of(
                    IPV4,
                    client -> new Load(
                            "x",
                            false,
                            List.of(new RawOption(OptionCode.PXELINUX_PATH_PREFIX, Octets.ofText(evil))),
                            Optional.of(evil)));
            DhcpServerConfig absent = DhcpServerConfig.of(
                    new Rack("198.18.0.1", 5248, 69, List.of(evil)),
                    client -> client.isIpxe()
                            ? new Load("ipxe.cfg", true, List.of(), Optional.of(evil))
                            : new Nothing(evil));
            DhcpServerConfig tame = DhcpServerConfig.of(
                    IPV4,
                    client -> client.isIpxe()
                            ? new Load("ipxe.cfg", true, List.of(), Optional.empty())
                            : new Nothing("tame"));
            for (Format format : Format.values()) {
                String what = "%s, seed %d, '%s'".formatted(format, seed, evil);
                assertThat(statements(named, format)).as(what).allMatch(line -> !line.contains("EVIL"));
                assertThat(statements(prefixed, format)).as(what).allMatch(line -> !line.contains("EVIL"));
                if (format != Format.PLAIN) { // There, remarks stand in the table; it is for people.
                    assertThat(statements(absent, format)).as(what).isEqualTo(statements(tame, format));
                }
                for (DhcpServerConfig config : List.of(named, prefixed, absent)) {
                    assertThat(config.render(format)).as(what).matches("[\\x20-\\x7e\\n]*");
                }
            }
        }
    }

    @Test
    void nameThatCannotBeHarmlessIsLeftOutAndSaid() {
        DhcpServerConfig config =
                DhcpServerConfig.of(IPV4, client -> new Load("boot x64.efi", false, List.of(), Optional.empty()));
        assertThat(config.rows()).isEmpty();
        assertThat(config.render(Format.ISC)).contains("boot x64.efi", "misread");

        String longest = "x".repeat(127);
        assertThat(DhcpServerConfig.of(IPV4, client -> new Load(longest, false, List.of(), Optional.empty()))
                        .rows())
                .isNotEmpty();
        assertThat(DhcpServerConfig.of(IPV4, client -> new Load(longest + "x", false, List.of(), Optional.empty()))
                        .rows())
                .isEmpty();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"", "rack.example", "198.18.0", "198.18.0.0/15", "0.0.0.0", "::", "fe80::1%eth0", "1.2.3.4\nx"})
    void addressesThatNoMachineCanReachAreRefused(String address) {
        assertThatThrownBy(() -> new Rack(address, 5248, 69, List.of()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("use one like 198.18.0.1");
    }

    @Test
    void clientsOfOneAnswerShareARow() {
        DhcpServerConfig config = config(IPV4, CATALOG);

        DhcpServerConfig.Row x64 = config.rows().stream()
                .filter(row -> row.tag().equals("x64-uefi"))
                .findFirst()
                .orElseThrow();
        assertThat(x64.has(7)).isTrue();
        assertThat(x64.has(9)).isTrue(); // D12
        assertThat(config.rows().stream().filter(row -> row.program() == BootClient.Program.U_BOOT))
                .extracting(DhcpServerConfig.Row::file)
                .containsExactly("grubx64.efi", "grubaa64.efi");
    }

    /** What a server would act on: everything but comments. */
    private static List<String> statements(DhcpServerConfig config, Format format) {
        String mark = format == Format.KEA ? "//" : "#";
        return config.render(format)
                .lines()
                .map(String::strip)
                .filter(line -> !line.startsWith(mark))
                .toList();
    }

    private static String evil(Random random) {
        String[] parts = {
            "\n", "\"", "'", ";", "}", "\\", "*/", "#", "//", "\r", ",", "\u2028", "\0", "]", " ", "<?include", "é"
        };
        StringBuilder text = new StringBuilder(parts[random.nextInt(parts.length - 7)]);
        for (int i = random.nextInt(6); i > 0; i--) {
            text.append(parts[random.nextInt(parts.length)]);
        }
        return text.insert(random.nextInt(text.length() + 1), "EVIL")
                .append("\"\nEVIL")
                .toString();
    }

    private static DhcpServerConfig config(Rack rack, BootCatalog catalog) {
        return DhcpServerConfig.of(rack, LoaderPreference.SIGNED_CHAIN, catalog);
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
        Stream<BootFile> all = Arrays.stream(files)
                .map(file -> new BootFile(file, "0".repeat(64), 1, "0".repeat(64), BootPhase.LOADER));
        return new Bootloader(method, arch, "20261123", all.toList());
    }

    private static String resource(String name) throws IOException {
        try (InputStream in = DhcpServerConfigTest.class.getResourceAsStream(name)) {
            return new String(Objects.requireNonNull(in, name).readAllBytes(), StandardCharsets.UTF_8);
        }
    }
}
