package org.rackboot.protocol.address;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class Ipv6AddressTest {
    @ParameterizedTest
    @CsvSource({ // RFC 5952, 4 and 5
        "2001:db8::1, 2001:db8::1",
        "2001:0DB8:0000:0000:0000:0000:0002:0001, 2001:db8::2:1",
        "2001:db8::1:1:1:1:1, 2001:db8:0:1:1:1:1:1",
        "2001:0:0:1:0:0:0:1, 2001:0:0:1::1",
        "2001:db8:0:0:1:0:0:1, 2001:db8::1:0:0:1",
        "::, ::",
        "::1, ::1",
        "fe80::, fe80::",
        "ff02:0:0:0:0:0:1:2, ff02::1:2",
        "::ffff:c612:1, ::ffff:198.18.0.1",
        "64:ff9b::192.0.2.33, 64:ff9b::c000:221",
        "1:2:3:4:5:6:7:8, 1:2:3:4:5:6:7:8",
        "0:2:3:4:5:6:0:0, 0:2:3:4:5:6::"
    })
    void anAddressIsWrittenInItsShortestForm(String text, String shortest) {
        assertThat(Ipv6Address.parse(text).orElseThrow()).hasToString(shortest);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                ":",
                ":::",
                "1::2::3",
                "1:2:3:4:5:6:7",
                "1:2:3:4:5:6:7:8:9",
                "1:2:3:4:5:6:7::8:9",
                "12345::",
                "g::",
                "fe80::1%eth0",
                "[::1]",
                "::1.2.3",
                "::1.2.3.256",
                "1.2.3.4",
                "::1.2.3.4:5",
                " ::1",
                "2001:db8:",
                "::\u0661"
            })
    void whatIsNoAddressIsNone(String text) {
        assertThat(Ipv6Address.parse(text)).isEmpty();
    }

    @Test
    void whatIsWrittenIsReadAgain() {
        Random random = new Random(5952);
        for (int i = 0; i < 20_000; i++) {
            byte[] bytes = new byte[16];
            for (int at = random.nextInt(17); at < 16; at++) {
                bytes[at] = (byte) (random.nextBoolean() ? 0 : random.nextInt());
            }
            Ipv6Address address = Ipv6Address.of(bytes);
            assertThat(Ipv6Address.parse(address.toString())).contains(address);
            assertThat(address.bytes()).isEqualTo(bytes);
        }
    }

    @Test
    void kindsOfAddressesAreTold() {
        assertThat(address("fe80::1").isLinkLocal()).isTrue();
        assertThat(address("febf::1").isLinkLocal()).isTrue();
        assertThat(address("fec0::1").isLinkLocal()).isFalse();
        assertThat(address("ff02::1:2").isMulticast()).isTrue();
        assertThat(address("2001:db8::1").isMulticast()).isFalse();
        assertThat(Ipv6Address.UNSPECIFIED.isUnspecified()).isTrue();
        assertThatIllegalArgumentException().isThrownBy(() -> Ipv6Address.of(new byte[4]));
    }

    private static Ipv6Address address(String text) {
        return Ipv6Address.parse(text).orElseThrow();
    }
}
