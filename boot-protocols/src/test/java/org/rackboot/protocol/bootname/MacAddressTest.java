package org.rackboot.protocol.bootname;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MacAddressTest {
    @ParameterizedTest
    @ValueSource(
            strings = {
                "52:54:00:aa:bb:cc",
                "52-54-00-AA-BB-CC", // iPXE's ${mac:hexhyp}
                "01-52-54-00-aa-bb-cc", // PXELINUX
                "01:52:54:00:AA:BB:CC",
            })
    void everyLoadersFormIsOneAddress(String text) {
        assertThat(MacAddress.parse(text)).contains(new MacAddress("52:54:00:aa:bb:cc"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "52:54:00:aa:bb",
                "525400aabbcc",
                "52:54:00:aa:bb:cg",
                "02-52-54-00-aa-bb-cc",
                "52:54:00:aa:bb:cc ",
                "52:54:00:aa:bb:cc:dd",
            })
    void otherTextIsNone(String text) {
        assertThat(MacAddress.parse(text)).isEmpty();
    }

    @Test
    void onlyTheCanonicalFormMakesAValue() {
        assertThatThrownBy(() -> new MacAddress("52:54:00:AA:BB:CC")).isInstanceOf(IllegalArgumentException.class);
    }
}
