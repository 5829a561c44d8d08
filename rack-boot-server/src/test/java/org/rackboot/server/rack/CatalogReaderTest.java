package org.rackboot.server.rack;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rackboot.protocol.bootname.MacAddress;
import org.rackboot.protocol.resolve.BootCatalog;
import org.rackboot.protocol.resolve.LoaderPreference;
import org.rackboot.protocol.resolve.Machine;
import org.rackboot.region.catalog.CatalogDocument;

/** What a rack makes of the machines in the region's document. */
class CatalogReaderTest {
    private static final String MAC = "52:54:00:00:00:01";
    private static final String UUID = "4c4c4544-0035-3110-8052-b4c04f4d3132";

    @Test
    void whatTheRegionWroteIsRead() throws Exception {
        List<org.rackboot.region.machine.Machine> told = List.of(
                new org.rackboot.region.machine.Machine(
                        "web-1",
                        List.of(MAC, "52:54:00:00:00:02"),
                        Optional.of(UUID),
                        Optional.of("amd64"),
                        Optional.of(org.rackboot.region.machine.Machine.Loader.SIGNED)),
                new org.rackboot.region.machine.Machine(
                        "web-2",
                        List.of("52:54:00:00:00:03"),
                        Optional.empty(),
                        Optional.empty(),
                        Optional.of(org.rackboot.region.machine.Machine.Loader.IPXE)));

        BootCatalog catalog = new CatalogReader().read(CatalogDocument.render(7, List.of(), told, List.of()));

        assertThat(catalog.machines())
                .containsExactly(
                        new Machine(
                                "web-1",
                                List.of(new MacAddress(MAC), new MacAddress("52:54:00:00:00:02")),
                                Optional.of(UUID),
                                Optional.of("amd64"),
                                Optional.of(LoaderPreference.SIGNED_CHAIN)),
                        new Machine(
                                "web-2",
                                List.of(new MacAddress("52:54:00:00:00:03")),
                                Optional.empty(),
                                Optional.empty(),
                                Optional.of(LoaderPreference.IPXE)));
        assertThat(catalog.machineByUuid(UUID)).contains(catalog.machines().get(0));
    }

    @Test
    void aRegionFromBeforeMachinesSaysNone() throws Exception {
        assertThat(read("").machines()).isEmpty();
        assertThat(read(",\"machines\":[]").machines()).isEmpty();
    }

    @Test
    void whatOnlyANewerRegionKnowsIsPassedOver() throws Exception {
        Machine machine = read(machines("{\"name\":\"m\",\"macs\":[\"" + MAC
                        + "\"],\"arch\":\"loongarch64\",\"loader\":\"unheard-of\",\"assignment\":{\"image\":1}}"))
                .machine(new MacAddress(MAC))
                .orElseThrow();

        assertThat(machine.arch()).isEmpty();
        assertThat(machine.loader()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "1",
                "{}",
                "null",
                "{\"name\":\"m\"}",
                "{\"name\":\"m\",\"macs\":[]}",
                "{\"name\":\"m\",\"macs\":\"52:54:00:00:00:01\"}",
                "{\"name\":\"m\",\"macs\":[\"52-54-00-00-00-01\"]}",
                "{\"name\":\"m\",\"macs\":[7]}",
                "{\"name\":\"m\",\"macs\":[{}]}",
                "{\"name\":\"../m\",\"macs\":[\"52:54:00:00:00:01\"]}",
                "{\"name\":\"m\",\"macs\":[\"52:54:00:00:00:01\"],\"uuid\":7}",
                "{\"name\":\"m\",\"macs\":[\"52:54:00:00:00:01\"],\"uuid\":\"x\"}",
                "{\"name\":\"m\",\"macs\":[\"52:54:00:00:00:01\"],\"uuid\":\"00000000-0000-0000-0000-000000000000\"}",
                "{\"name\":\"m\",\"macs\":[\"52:54:00:00:00:01\"],\"arch\":[]}",
                "{\"name\":\"m\",\"macs\":[\"52:54:00:00:00:01\"],\"loader\":null}",
                "{\"name\":\"m\",\"macs\":[\"52:54:00:00:00:01\",\"52:54:00:00:00:01\"]}",
                "{\"name\":\"m\",\"macs\":[\"52:54:00:00:00:01\"]},{\"name\":\"n\",\"macs\":[\"52:54:00:00:00:01\"]}"
            })
    void ofADocumentWithAMalformedMachineNothingIsTaken(String machines) {
        assertThatThrownBy(() -> read(machines(machines)))
                .isInstanceOf(CatalogFormatException.class)
                .hasMessageContaining("The region's catalog cannot be read");
    }

    @Test
    void moreMachinesThanARegionKnowsAreRefused() {
        String many = "1,".repeat(100_000) + "1";

        assertThatThrownBy(() -> read(machines(many)))
                .isInstanceOf(CatalogFormatException.class)
                .hasMessageContaining("more than 100000 machines");
    }

    private static String machines(String machines) {
        return ",\"machines\":[" + machines + "]";
    }

    private static BootCatalog read(String more) throws CatalogFormatException {
        String document = "{\"format\":\"rackboot-catalog:1\",\"version\":1,\"settings\":{\"kernelOptions\":[]},"
                + "\"images\":[],\"bootloaders\":[],\"objects\":{}" + more + "}";
        return new CatalogReader().read(document.getBytes(UTF_8));
    }
}
