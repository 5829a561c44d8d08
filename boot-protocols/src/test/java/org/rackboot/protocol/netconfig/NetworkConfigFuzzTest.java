package org.rackboot.protocol.netconfig;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.Yaml;
import org.yaml.snakeyaml.constructor.SafeConstructor;
import org.yaml.snakeyaml.error.YAMLException;

/** Any YAML at all. What it takes to fuzz, and not only to replay the inputs in the resources: docs/testing.md. */
class NetworkConfigFuzzTest {
    @FuzzTest(maxDuration = "2m")
    void aTreeIsANetworkOrRefused(byte[] yaml) {
        Object tree;
        try {
            tree = read(new String(yaml, UTF_8));
        } catch (YAMLException | NumberFormatException e) { // Not ours to read.
            return;
        }
        NetworkConfig.Reading reading = NetworkConfig.read(tree);

        assertThat(reading.config().isPresent()).isEqualTo(reading.problems().isEmpty());
        assertThat(reading.problems()).hasSizeLessThanOrEqualTo(65);
        reading.problems()
                .forEach(problem -> assertThat(problem.toString()).isNotBlank().doesNotContain("\n", "\r"));
        reading.config().ifPresent(NetworkConfigFuzzTest::check);
    }

    private static void check(NetworkConfig config) {
        Optional<NetworkConfig> again = NetworkConfig.read(config.tree()).config();
        assertThat(again.map(NetworkConfig::tree)).contains(config.tree());
        Optional<NetworkConfig> rendered =
                NetworkConfig.read(read(NetworkConfigV2.render(config))).config();
        assertThat(rendered.map(NetworkConfig::tree)).contains(config.tree());

        EsxiNetwork esxi = EsxiNetwork.of(config);
        esxi.findings()
                .forEach(finding -> assertThat(finding.toString()).isNotBlank().doesNotContain("\n", "\r"));
        assertThat(esxi.script()).matches("(?s)[\\n -~]*");
    }

    private static @Nullable Object read(String text) {
        LoaderOptions bounded = new LoaderOptions();
        bounded.setMaxAliasesForCollections(5);
        bounded.setNestingDepthLimit(20);
        return new Yaml(new SafeConstructor(bounded)).load(text);
    }
}
