package org.rackboot.protocol.resolve;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.rackboot.protocol.resolve.BootAnswer.Content;
import org.rackboot.protocol.resolve.BootAnswer.Refused;
import org.rackboot.protocol.resolve.BootAnswer.Rendered;
import org.rackboot.protocol.resolve.BootRequest.ServerAddress;
import org.rackboot.protocol.resolve.BootRequest.Transport;

/** Every way up that servers were once tricked with, to files of the host and to files that the catalog has (S-01). */
class TraversalNamesTest {
    private static final String[] WAYS_UP = {
        "../",
        "..\\",
        "..//",
        "..\\/",
        "/../",
        "\\..\\",
        "./../",
        ".//../",
        "....//",
        "....\\\\",
        ".../",
        "..;/",
        ".. /",
        "..\u0000/",
        ".\u0000./",
        "..\u00ff/",
        "..%00/",
        "..%2f",
        "..%5c",
        "..%c0%af",
        "..%u2215",
        "%2e%2e/",
        "%2e%2e%2f",
        "%2E%2E%5C",
        "%252e%252e%252f",
        "%c0%ae%c0%ae/",
        "%uff0e%uff0e/",
        "\u00c0\u00ae\u00c0\u00ae/", // Overlong UTF-8,
        "..\u00c0\u00af",
        "\u00e0\u0080\u00ae\u00e0\u0080\u00ae/",
        "\u00ef\u00bc\u008e\u00ef\u00bc\u008e/", // and full-width dots.
        "~/",
        "$HOME/../",
    };
    private static final String[] STARTS = {"", "/", "images/", "bootloaders/uefi/amd64/", "C:\\", "\\\\host\\share\\"};
    private static final String[] TARGETS = {"etc/passwd", "windows\\win.ini", "bootx64.efi", "grub/grub.cfg"};

    private static final BootCatalog CATALOG = Catalogs.of(Catalogs.noble("20260101"));
    private static final ServerAddress SERVER = new ServerAddress("10.9.0.1", 5_248, false);

    private final BootResolver resolver = Catalogs.resolver();

    static List<String> names() {
        List<String> names = new ArrayList<>();
        for (int up = 0; up < WAYS_UP.length; up++) {
            for (int start = 0; start < STARTS.length; start++) {
                for (int target = 0; target < TARGETS.length; target++) {
                    int depth = 1 + (up + start + target) % 6;
                    names.add(STARTS[start] + WAYS_UP[up].repeat(depth) + TARGETS[target]);
                }
            }
        }
        names.addAll(List.of(
                "/etc/passwd",
                "\\etc\\passwd",
                "file:///etc/passwd",
                "/var/lib/rackboot-private/key", // A sibling that begins like the root.
                "/proc/self/environ",
                "bootx64.efi/../../etc/passwd",
                "bootx64.efi\u0000/../../etc/passwd",
                "bootx64.efi%00../../etc/passwd",
                "C:/boot.ini",
                "C:boot.ini",
                "\\\\?\\C:\\boot.ini",
                "//host/share/x",
                "bootx64.efi::$DATA",
                "bootx64.efi.",
                "con",
                "|id",
                "`id`",
                "$(id)",
                ";id"));
        return names;
    }

    @Test
    void thereAreHundredsOfThem() {
        assertThat(names()).doesNotHaveDuplicates().hasSizeGreaterThan(500);
    }

    @ParameterizedTest
    @MethodSource("names")
    void noneLeadsToAFile(String name) {
        boolean goesUp = List.of(name.split("[/\\\\]", -1)).contains("..");
        for (Transport transport : Transport.values()) {
            BootAnswer answer = resolver.resolve(new BootRequest(name, transport, SERVER), CATALOG);

            assertThat(answer).isNotInstanceOf(Content.class).isNotInstanceOf(Rendered.class);
            assertThat(answer instanceof Refused || !goesUp).isTrue();
        }
    }
}
