package org.rackboot.region.simplestreams;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.net.URI;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MirrorPathTest {

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "/etc/passwd",
                "//evil.example/x",
                "///x",
                ".",
                "..",
                "...",
                "../x",
                "a/../../x",
                "a/..",
                "a/./x",
                "a/.../x",
                "a//x",
                "a/",
                "http://evil.example/x",
                "https://evil.example/x",
                "file:///etc/passwd",
                "jar:file:///x!/y",
                "%2e%2e/x",
                "a/%2E%2E/x",
                "%2fetc/passwd",
                "..\\x",
                "a\\b",
                "a b",
                "a?b",
                "a#b",
                "a\nb",
                "a\u0000b",
                "\u2024\u2024/x",
                "a/\u00e4",
                "[::1]/x",
                "a;b",
                "a&b"
            })
    void aPathThatCouldLeadElsewhereIsRefused(String path) {
        assertThatExceptionOfType(StreamFormatException.class)
                .isThrownBy(() -> MirrorPath.parse(path))
                .withMessageMatching("the path '[ -~…]*' is refused: .+");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "streams/v1/com.ubuntu.maas:stable:v3:download.sjson",
                "noble/amd64/20260115/ga-24.04/generic/boot-kernel.xgene-mustang",
                "bootloaders/uefi/amd64/20260110.0/grub2-signed.tar.xz",
                "a/..b/c..",
                "http:x",
                "user@host",
                "~a+b=c,d"
            })
    void aCleanPathStaysBelowTheRoot(String path) throws Exception {
        URI root = URI.create("http://mirror.example/a/b/");

        URI address = MirrorPath.parse(path).below(root);

        assertThat(address).hasToString("http://mirror.example/a/b/" + path).hasHost("mirror.example");
        assertThat(address.normalize()).isEqualTo(address);
    }

    @Test
    void aPathHasAtMost1024Characters() throws Exception {
        assertThat(MirrorPath.parse("x".repeat(1_024)).text()).hasSize(1_024);
        assertThatExceptionOfType(StreamFormatException.class)
                .isThrownBy(() -> MirrorPath.parse("x".repeat(1_025)))
                .withMessageContaining("1025 characters")
                .withMessageContaining("1 to 1024");
    }
}
