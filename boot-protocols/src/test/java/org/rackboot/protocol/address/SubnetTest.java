package org.rackboot.protocol.address;

import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigInteger;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SubnetTest {
    @ParameterizedTest
    @CsvSource({
        "198.18.0.0/15, 198.19.255.255, true",
        "198.18.0.0/15, 198.20.0.0, false",
        "198.18.0.9, 198.18.0.9, true",
        "198.18.0.9, 198.18.0.8, false",
        "0.0.0.0/0, 203.0.113.1, true",
        "0.0.0.0/0, 2001:db8::1, false",
        "::/0, 2001:db8::1, true",
        "2001:db8::/33, 2001:db8:7fff::1, true",
        "2001:db8::/33, 2001:db8:8000::1, false",
        "2001:db8::1, 2001:db8::1, true",
        "::ffff:198.18.0.0/111, 198.19.0.1, true",
    })
    void aBlockHasTheAddressesThatShareItsFirstBits(String block, String address, boolean contained)
            throws UnknownHostException {
        assertThat(Subnet.parse(block).orElseThrow().contains(bytes(address))).isEqualTo(contained);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "/",
                "198.18.0.0/33",
                "198.18.0.0/-1",
                "198.18.0.0/",
                "198.18.0/24",
                "198.18.0.0.0/8",
                "198.18.0.7/24",
                "198.018.0.0/16",
                "256.0.0.0/8",
                "2001:db8::/129",
                "2001::db8::/32",
                "2001:db8/32",
                "12345::/16",
                "g::/16",
                "1:2:3:4:5:6:7:8:9",
                "1:2:3:4:5:6:7::8/128",
                "host.example",
                "198.18.0.0/1 5",
                "198.18.0.0/١٥"
            })
    void whatIsNoBlockIsRefused(String text) {
        assertThat(Subnet.parse(text)).isEmpty();
    }

    @Test
    void anIpv4AddressInsideIpv6IsTheSameAddress() throws UnknownHostException { // S-23
        byte[] mapped = new byte[16];
        mapped[10] = mapped[11] = -1;
        System.arraycopy(bytes("198.18.0.9"), 0, mapped, 12, 4);

        assertThat(Subnet.parse("198.18.0.0/24").orElseThrow().contains(mapped)).isTrue();
        assertThat(Subnet.parse("::/0").orElseThrow().contains(mapped)).isFalse();
    }

    @Test
    void itAgreesWithArithmetic() throws UnknownHostException {
        for (int seed = 0; seed < 20_000; seed++) {
            SplittableRandom random = new SplittableRandom(seed);
            int bytes = random.nextBoolean() ? 4 : 16;
            int prefix = random.nextInt(8 * bytes + 1);
            byte[] base = new byte[bytes];
            random.nextBytes(base);
            BigInteger first =
                    new BigInteger(1, base).shiftRight(8 * bytes - prefix).shiftLeft(8 * bytes - prefix);
            byte[] other = base.clone();
            if (random.nextInt(4) > 0) {
                int bit = random.nextInt(8 * bytes);
                other[bit / 8] ^= (byte) (0x80 >> bit % 8);
            }
            boolean expected = new BigInteger(1, other)
                    .shiftRight(8 * bytes - prefix)
                    .equals(first.shiftRight(8 * bytes - prefix));

            String text = InetAddress.getByAddress(fixed(first, bytes)).getHostAddress() + "/" + prefix;
            assertThat(Subnet.parse(text).orElseThrow().contains(other))
                    .as("seed %s: %s", seed, text)
                    .isEqualTo(expected);
        }
    }

    private static byte[] fixed(BigInteger value, int bytes) {
        byte[] all = new byte[bytes];
        byte[] raw = value.toByteArray();
        for (int i = 0; i < raw.length && i < bytes; i++) {
            all[bytes - 1 - i] = raw[raw.length - 1 - i];
        }
        return all;
    }

    private static byte[] bytes(String address) throws UnknownHostException {
        return InetAddress.getByName(address).getAddress();
    }
}
