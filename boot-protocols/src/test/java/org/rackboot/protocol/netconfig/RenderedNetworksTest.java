package org.rackboot.protocol.netconfig;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What operators write, beside what cloud-init and ESXi's installer are given; the files are for reading, too. */
class RenderedNetworksTest {

    @ParameterizedTest
    @ValueSource(
            strings = {
                "single-dhcp",
                "static-and-alias",
                "vlan-on-bond",
                "bridge-on-vlan-on-bond",
                "bond-modes",
                "routes",
                "ipv6"
            })
    void aNetworkIsRenderedAsReviewed(String name) throws IOException {
        NetworkConfig config = NetworkConfigTest.config(text(name + ".yaml"));

        EsxiNetwork esxi = EsxiNetwork.of(config);
        StringBuilder said = new StringBuilder();
        esxi.findings().forEach(each -> said.append(each).append('\n'));

        assertThat(NetworkConfigV2.render(config)).isEqualTo(text(name + ".v2"));
        assertThat(said + "\n" + esxi.script()).isEqualTo(text(name + ".esxi"));
    }

    private static String text(String file) throws IOException {
        try (InputStream in = requireNonNull(RenderedNetworksTest.class.getResourceAsStream(file), file)) {
            return new String(in.readAllBytes(), UTF_8);
        }
    }
}
