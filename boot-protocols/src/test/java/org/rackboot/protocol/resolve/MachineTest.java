package org.rackboot.protocol.resolve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rackboot.protocol.bootname.MacAddress;

class MachineTest {
    private static final MacAddress MAC = new MacAddress("52:54:00:00:00:01");
    private static final MacAddress OTHER_MAC = new MacAddress("52:54:00:00:00:02");
    private static final String UUID = "4c4c4544-0035-3110-8052-b4c04f4d3132";

    @Test
    void theCatalogKnowsAMachineByEachAddressAndByItsUuid() {
        Machine two = machine("two", List.of(MAC, OTHER_MAC), Optional.of(UUID));
        MacAddress third = new MacAddress("52:54:00:00:00:03");
        Machine one = machine("one", List.of(third), Optional.empty());
        BootCatalog catalog = new BootCatalog(1, List.of(), List.of(), List.of(), List.of(two, one));

        assertThat(catalog.machines()).containsExactly(two, one);
        assertThat(catalog.machine(MAC)).contains(two);
        assertThat(catalog.machine(OTHER_MAC)).contains(two);
        assertThat(catalog.machine(third)).contains(one);
        assertThat(catalog.machineByUuid(UUID)).contains(two);
        assertThat(catalog.machine(new MacAddress("52:54:00:00:00:04"))).isEmpty();
        assertThat(catalog.machineByUuid(UUID.replace('4', '5'))).isEmpty();
        assertThat(BootCatalog.empty().machines()).isEmpty();
    }

    @Test
    void twoMachinesHaveNothingInCommon() {
        Machine first = machine("first", List.of(MAC), Optional.of(UUID));

        for (Machine second : List.of(
                machine("second", List.of(OTHER_MAC, MAC), Optional.empty()),
                machine("second", List.of(OTHER_MAC), Optional.of(UUID)))) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> new BootCatalog(1, List.of(), List.of(), List.of(), List.of(first, second)))
                    .withMessageContaining("of two machines, 'first' and 'second'");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "A", "-a", "a-", "a.b", "a/b", "ä"})
    void whatIsNoDnsLabelIsNoName(String name) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> machine(name, List.of(MAC), Optional.empty()))
                .withMessageContaining("a machine's name has");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "4C4C4544-0035-3110-8052-B4C04F4D3132",
                "4c4c4544003531108052b4c04f4d3132",
                "00000000-0000-0000-0000-000000000000",
                "ffffffff-ffff-ffff-ffff-ffffffffffff",
                ""
            })
    void whatTellsNoMachinesApartIsNoUuid(String uuid) { // Quirk D10
        assertThatIllegalArgumentException()
                .isThrownBy(() -> machine("m", List.of(MAC), Optional.of(uuid)))
                .withMessageContaining("UUID");
    }

    @Test
    void aMachineHasOneToSixteenAddresses() {
        List<MacAddress> macs = new ArrayList<>();
        for (int i = 0; i < 17; i++) {
            macs.add(new MacAddress("52:54:00:00:01:%02x".formatted(i)));
        }

        for (List<MacAddress> wrong : List.of(List.<MacAddress>of(), macs)) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> machine("m", wrong, Optional.empty()))
                    .withMessageContaining("1 to 16 MAC addresses");
        }
        assertThat(machine("m", macs.subList(0, 16), Optional.empty()).macs()).hasSize(16);
    }

    @Test
    void architecturesAndLoadersAreNamed() {
        assertThatIllegalArgumentException()
                .isThrownBy(
                        () -> new Machine("m", List.of(MAC), Optional.empty(), Optional.of("x86"), Optional.empty()))
                .withMessageContaining("architecture");
        for (LoaderPreference preference : LoaderPreference.values()) {
            assertThat(LoaderPreference.parse(preference.word())).contains(preference);
        }
        assertThat(LoaderPreference.parse("signed")).contains(LoaderPreference.SIGNED_CHAIN);
        assertThat(LoaderPreference.parse("IPXE")).isEmpty();
    }

    private static Machine machine(String name, List<MacAddress> macs, Optional<String> uuid) {
        return new Machine(name, macs, uuid, Optional.empty(), Optional.empty());
    }
}
