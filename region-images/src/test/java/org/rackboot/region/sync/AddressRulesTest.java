package org.rackboot.region.sync;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.net.InetAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.rackboot.region.sync.AddressRules.Kind;
import org.rackboot.region.sync.AddressRules.Origin;
import org.rackboot.region.sync.Mirror.MirrorException;

/** Where a source, and what redirects it, may lead (S-37, S-39). */
class AddressRulesTest {
    private static final String OURS = "198.51.100.7";

    private final AddressRules rules =
            new AddressRules(address -> address.getHostAddress().equals(OURS));

    @ParameterizedTest
    @CsvSource({
        "8.8.8.8, PUBLIC",
        "126.255.255.255, PUBLIC",
        "128.0.0.0, PUBLIC",
        "172.15.255.255, PUBLIC",
        "172.32.0.0, PUBLIC",
        "192.167.255.255, PUBLIC",
        "192.169.0.0, PUBLIC",
        "100.63.255.255, PUBLIC",
        "100.128.0.0, PUBLIC",
        "169.253.255.255, PUBLIC",
        "169.255.0.0, PUBLIC",
        "223.255.255.255, PUBLIC",
        "10.0.0.0, PRIVATE",
        "10.255.255.255, PRIVATE",
        "172.16.0.0, PRIVATE",
        "172.31.255.255, PRIVATE",
        "192.168.0.1, PRIVATE",
        "100.64.0.1, PRIVATE",
        "198.18.0.1, PRIVATE",
        "127.0.0.1, LOOPBACK",
        "127.255.255.255, LOOPBACK",
        "0.0.0.0, NEVER",
        "0.1.2.3, NEVER",
        "169.254.169.254, NEVER",
        "169.254.0.0, NEVER",
        "169.254.255.255, NEVER",
        "100.100.100.200, NEVER",
        "168.63.129.16, NEVER",
        "192.0.0.192, NEVER",
        "224.0.0.1, NEVER",
        "239.255.255.255, NEVER",
        "240.0.0.1, NEVER",
        "255.255.255.255, NEVER",
        "2001:db8::1, PUBLIC",
        "2606:4700::1111, PUBLIC",
        "::1, LOOPBACK",
        ":: , NEVER",
        "fe80::1, NEVER",
        "febf::1, NEVER",
        "fec0::1, PRIVATE",
        "fd00:ec2::254, NEVER",
        "fd00:ec2::253, PRIVATE",
        "fd20:ce::254, NEVER",
        "fc00::1, PRIVATE",
        "fdff::1, PRIVATE",
        "ff02::1, NEVER",
        // Addresses that hide another.
        "::ffff:127.0.0.1, LOOPBACK",
        "::ffff:169.254.169.254, NEVER",
        "::ffff:a00:1, PRIVATE",
        "::ffff:8.8.8.8, PUBLIC",
        "::127.0.0.1, LOOPBACK",
        "64:ff9b::7f00:1, LOOPBACK",
        "64:ff9b::a9fe:a9fe, NEVER",
        "64:ff9b::808:808, PUBLIC",
        "2002:7f00:1::, LOOPBACK",
        "2002:a9fe:a9fe::1, NEVER",
        "2002:a00:1::1, PRIVATE",
        "2002:808:808::1, PUBLIC"
    })
    void everyAddressHasItsKind(String address, Kind kind) throws Exception {
        assertThat(AddressRules.kind(InetAddress.getByName(address.strip()))).isEqualTo(kind);
    }

    @ParameterizedTest
    @ValueSource(strings = {"8.8.8.8", "10.0.0.1", "192.168.1.1", "127.0.0.1", "::1", "fd00::1", OURS})
    void anOperatorMayTypeAnAddressInside(String address) {
        assertThatCode(() -> rules.typed("mirror.example", addresses(address))).doesNotThrowAnyException();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"169.254.169.254", "fe80::1", "fd00:ec2::254", "::ffff:169.254.169.254", "0.0.0.0", "ff02::1"})
    void someAddressesAreNeverFetchedFromEvenIfTyped(String address) {
        refused("never fetched", () -> rules.typed("mirror.example", addresses(address)));
        refused("never fetched", () -> rules.typed(address, addresses(address)));
        refused("never fetched", () -> rules.typed("mirror.example", addresses("8.8.8.8", address)));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "2130706433",
                "0177.0.0.1",
                "127.1",
                "127.0.1",
                "0x7f000001",
                "0x7f.0.0.1",
                "127.0.0.0x1",
                "127.0.0.01",
                "127.0.0.1.",
                "1.2.3.4.5",
                "0"
            })
    void aNumberInAnUnusualSpellingIsNoHost(String host) {
        refused("unusual spelling", () -> rules.typed(host, addresses("8.8.8.8")));
        refused("unusual spelling", () -> rules.redirected(PUBLIC, host, addresses("8.8.8.8")));
    }

    @ParameterizedTest
    @ValueSource(strings = {"8.8.8.8", "127.0.0.1", "[::1]", "mirror.example", "3.example", "x1", "mirror.example."})
    void ordinaryHostsAreFine(String host) {
        assertThatCode(() -> rules.typed(host, addresses("8.8.8.8"))).doesNotThrowAnyException();
    }

    private static final Origin PUBLIC = new Origin("mirror.example", java.util.Set.of(Kind.PUBLIC));
    private static final Origin INSIDE = new Origin("mirror.lab", java.util.Set.of(Kind.PRIVATE));

    @ParameterizedTest
    @ValueSource(
            strings = {
                "127.0.0.1",
                "::1",
                "10.0.0.1",
                "192.168.0.1",
                "fd00::1",
                "::ffff:127.0.0.1",
                "64:ff9b::a00:1",
                OURS
            })
    void aRedirectNeverLeadsInside(String address) {
        refused("must not lead inside", () -> rules.redirected(PUBLIC, "evil.example", addresses(address)));
        refused("must not lead inside", () -> rules.redirected(INSIDE, "evil.example", addresses(address)));
        refused("must not lead inside", () -> rules.redirected(PUBLIC, "evil.example", addresses("8.8.8.8", address)));
        // The name that was typed, which now answers otherwise.
        refused("must not lead inside", () -> rules.redirected(PUBLIC, "mirror.example", addresses("127.0.0.1")));
    }

    @ParameterizedTest
    @ValueSource(strings = {"169.254.169.254", "fd00:ec2::254", "fe80::1", "0.0.0.0"})
    void aRedirectNeverLeadsToMetadata(String address) {
        for (Origin from : List.of(PUBLIC, INSIDE)) {
            refused("never fetched", () -> rules.redirected(from, "evil.example", addresses(address)));
            refused("never fetched", () -> rules.redirected(from, from.host(), addresses(address)));
        }
    }

    @Test
    void aRedirectMayLeadToThePublicAndStayWhereItWas() throws Exception {
        rules.redirected(PUBLIC, "cdn.example", addresses("8.8.8.8", "2606:4700::1111"));
        rules.redirected(INSIDE, "cdn.example", addresses("8.8.8.8"));
        rules.redirected(INSIDE, "MIRROR.lab.", addresses("10.0.0.9"));
        refused("must not lead inside", () -> rules.redirected(INSIDE, "mirror.lab", addresses("127.0.0.1")));
        refused("must not lead inside", () -> rules.redirected(INSIDE, "other.lab", addresses("10.0.0.9")));
    }

    @ParameterizedTest
    @CsvSource({
        "http://a.example/x/y, z, http://a.example/x/z",
        "http://a.example/x/y, /z?q=1, http://a.example/z?q=1",
        "http://a.example/x/y, //b.example/z, http://b.example/z",
        "http://a.example/x, https://b.example/z, https://b.example/z",
        "https://a.example/x, https://b.example/z, https://b.example/z"
    })
    void aLocationIsReadRelativeToWhereItWasSaid(String from, String location, String to) throws Exception {
        assertThat(AddressRules.location(URI.create(from), location)).hasToString(to);
    }

    @ParameterizedTest
    @CsvSource({
        "http://a.example/, file:///etc/passwd, neither http nor https",
        "http://a.example/, jar:http://b.example/x!/y, neither http nor https",
        "http://a.example/, gopher://b.example/, neither http nor https",
        "http://a.example/, ftp://b.example/, neither http nor https",
        "https://a.example/, http://a.example/, from https to http",
        "http://a.example/, http://user:secret@b.example/, without a plain host",
        "http://a.example/, http:///x, without a plain host",
        "http://a.example/, http://b_c.example/, without a plain host",
        "http://a.example/, http://b c/, no address"
    })
    void aLocationThatIsNoPlainHttpAddressIsRefused(String from, String location, String why) {
        refused(why, () -> AddressRules.location(URI.create(from), location));
    }

    private interface Judging {
        void run() throws Exception;
    }

    private static void refused(String why, Judging judging) {
        assertThatExceptionOfType(MirrorException.class)
                .isThrownBy(judging::run)
                .withMessageContaining(why);
    }

    private static List<InetAddress> addresses(String... texts) {
        List<InetAddress> all = new ArrayList<>();
        for (String text : texts) {
            try {
                all.add(InetAddress.getByName(text));
            } catch (UnknownHostException e) {
                throw new AssertionError(e);
            }
        }
        return all;
    }
}
