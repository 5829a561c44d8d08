package org.rackboot.protocol.netconfig;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.yaml.snakeyaml.Yaml;

class NetworkConfigV2Test {

    @ParameterizedTest
    @ValueSource(
            strings = {
                "on",
                "Off",
                "y",
                "N",
                "yes",
                "NULL",
                "~",
                "",
                "1e3",
                "0123",
                "0x1f",
                "0o17",
                "1_000",
                "52:54:00:12:34:56",
                "802.3ad",
                "1.5",
                ".inf",
                ".NaN",
                "2026-01-01",
                "- a",
                "a: b",
                "a #b",
                "#",
                "&a",
                "*a",
                "!a",
                "|",
                ">",
                "%a",
                "@a",
                "`a",
                "'",
                "\"",
                "\\",
                "a\nb",
                "\t",
                "\u00e9",
                "\u202e",
                "\u0000",
                "eth0",
                "eth0.10",
                "eno1np0",
                "layer3+4",
                "<<",
                "=",
                "{}",
                "[]",
                " a ",
                "2001:db8::1",
                "fe80::1/64",
                "true",
                "e1",
                "0.0.0.0/0"
            })
    void aTextIsReadAsThatText(String text) {
        String yaml = NetworkConfigV2.text(text);

        assertThat(new Yaml().<Object>load("- " + yaml)).isEqualTo(List.of(text));
        assertThat(new Yaml().<Object>load(yaml + ": 1")).isEqualTo(Map.of(text, 1));
    }
}
