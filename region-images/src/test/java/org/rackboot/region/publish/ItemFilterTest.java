package org.rackboot.region.publish;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ItemFilterTest {
    private static final Map<String, String> ITEM = Map.of("arch", "amd64", "release", "noble", "kflavor", "generic");

    @ParameterizedTest
    @CsvSource({
        "arch=amd64, true",
        "arch = amd64, true",
        "arch=amd6, false",
        "arch!=arm64, true",
        "arch!=amd64, false",
        "release~(noble|jammy), true",
        "release~obl, true",
        "release~^obl, false",
        "release!~jammy, true",
        "release!~nob, false",
        "platform=, true",
        "platform!=, false",
        "platform!~., true",
        "kflavor~generic$, true"
    })
    void aConditionHoldsOrNot(String filter, boolean holds) {
        assertThat(ItemFilter.parse(filter).matches(ITEM)).isEqualTo(holds);
    }

    @Test
    void allMustHold() {
        ItemFilter arch = ItemFilter.parse("arch=amd64");
        ItemFilter release = ItemFilter.parse("release=jammy");

        assertThat(ItemFilter.allMatch(List.of(), ITEM)).isTrue();
        assertThat(ItemFilter.allMatch(List.of(arch), ITEM)).isTrue();
        assertThat(ItemFilter.allMatch(List.of(arch, release), ITEM)).isFalse();
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "arch", "=amd64", "release~(noble", "a b=c", "arch<amd64"})
    void anythingElseIsRefused(String filter) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ItemFilter.parse(filter))
                .withMessageContaining("filter");
    }
}
