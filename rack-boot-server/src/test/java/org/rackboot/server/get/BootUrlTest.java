package org.rackboot.server.get;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class BootUrlTest {
    @ParameterizedTest
    @CsvSource({
        "tftp://198.18.0.1/bootx64.efi, 198.18.0.1, 69, /bootx64.efi",
        "TFTP://rack:6969/grub/grub.cfg, rack, 6969, /grub/grub.cfg",
        "tftp://[fd00::1]/a, [fd00::1], 69, /a",
        "tftp://[fe80::1%eth0]:70/a, [fe80::1%eth0], 70, /a",
        "tftp://[fe80::1%25eth0]/a, [fe80::1%eth0], 69, /a",
        "http://198.18.0.1:5248//grub/../x?a=b#c, 198.18.0.1, 5248, //grub/../x?a=b",
        "http://198.18.0.1, 198.18.0.1, 80, /",
        "http://198.18.0.1?a, 198.18.0.1, 80, /?a",
        "https://rack/x, rack, 443, /x"
    })
    void anAddressIsReadAndItsPathLeftAsItIs(String text, String host, int port, String target) throws Exception {
        BootUrl url = BootUrl.parse(text);

        assertThat(url.host()).isEqualTo(host);
        assertThat(url.port()).isEqualTo(port);
        assertThat(url.target()).isEqualTo(target);
    }

    @ParameterizedTest
    @CsvSource({
        "tftp://h/bootx64.efi, bootx64.efi",
        "tftp://h//boot/x, /boot/x",
        "tftp://h/a%20b%c3%a9%zz, a b\u00c3\u00a9%zz",
        "tftp://h/a;mode=octet, a",
        "tftp://h/a?b#c, a?b#c",
        "tftp://h/\\Boot\\BCD, \\Boot\\BCD"
    })
    void aTftpNameIsWhatFollowsTheSlashByteForByte(String text, String name) throws Exception {
        assertThat(BootUrl.parse(text).fileName()).isEqualTo(name);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "bootx64.efi",
                "tftp://",
                "tftp://h",
                "tftp://h/",
                "tftp://h/a%00b",
                "tftp://h/\u20ac",
                "tftp://fe80::1/a",
                "tftp://h:0/a",
                "tftp://h:65536/a",
                "tftp://h:x/a",
                "ftp://h/a",
                "http://user@h/a",
                "http://h/a b",
                "http://h/\u00e9",
                "http:///a"
            })
    void whatCannotBeAskedIsRefused(String text) {
        assertThatThrownBy(() -> BootUrl.parse(text)).isInstanceOf(InvalidUrlException.class);
    }

    @Test
    void aNameFitsTheRequest() { // RFC 2347
        assertThatThrownBy(() -> BootUrl.parse("tftp://h/" + "a".repeat(401)))
                .isInstanceOf(InvalidUrlException.class)
                .hasMessageContaining("512");
    }

    @Test
    void theHostHeaderHasNoZoneAndNoPortOfTheScheme() throws Exception {
        assertThat(BootUrl.parse("http://[fe80::1%eth0]:80/").hostHeader()).isEqualTo("[fe80::1]");
        assertThat(BootUrl.parse("http://rack:5248/").hostHeader()).isEqualTo("rack:5248");
    }
}
