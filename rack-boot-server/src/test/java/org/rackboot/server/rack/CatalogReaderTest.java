package org.rackboot.server.rack;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rackboot.protocol.bootname.MacAddress;
import org.rackboot.protocol.resolve.Assignment;
import org.rackboot.protocol.resolve.BootCatalog;
import org.rackboot.protocol.resolve.BootRules;
import org.rackboot.protocol.resolve.ImageReference;
import org.rackboot.protocol.resolve.LoaderPreference;
import org.rackboot.protocol.resolve.Machine;
import org.rackboot.protocol.resolve.Purpose;
import org.rackboot.protocol.resolve.UnknownMachines;
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
        Machine machine = read(machines(
                        "{\"name\":\"m\",\"macs\":[\"" + MAC
                                + "\"],\"arch\":\"loongarch64\",\"loader\":\"unheard-of\",\"assignment\":{\"id\":1,\"purpose\":\"dance\"}}"))
                .machine(new MacAddress(MAC))
                .orElseThrow();

        assertThat(machine.arch()).isEmpty();
        assertThat(machine.loader()).isEmpty();
        assertThat(machine.instructions().assignment()).isEmpty();
    }

    @Test
    void whatMachinesAreToBootIsRead() throws Exception {
        BootCatalog catalog = read("""
                ,"documents":{"d":"#cloud-config"},
                "tags":[{"name":"web","kernelOptions":["a=1"]}],
                "assignments":[{"target":"tag:web","id":1,"purpose":"local"},{"target":"arch:arm64","id":2,"purpose":"hold"},
                 {"target":"subnet:198.18.0.0/24","id":3,"purpose":"poweroff"},{"target":"default","id":4,"purpose":"rescue"},
                 {"target":"moon:full","id":5,"purpose":"local"}],
                "machines":[{"name":"m","macs":["52:54:00:00:00:01"],"tags":["web","db"],"kernelOptions":["b"],"netboot":false,
                 "network":{"version":2,"ethernets":{"eth0":{"dhcp4":true}}},
                 "assignment":{"id":6,"purpose":"install","image":"ubuntu/noble/amd64/ga-24.04","version":"20260101",
                  "cloudConfigUrl":"http://198.18.0.5/{name}","userData":"d","vendorData":"d","metadata":true},
                 "once":{"id":7,"purpose":"ephemeral"}}]""");

        Machine.Instructions said =
                catalog.machine(new MacAddress(MAC)).orElseThrow().instructions();
        assertThat(said.tags()).containsExactly("db", "web");
        assertThat(said.kernelOptions()).containsExactly("b");
        assertThat(said.netboot()).isFalse();
        assertThat(said.network()).isPresent();
        assertThat(said.once()).contains(Assignment.of(7, Purpose.EPHEMERAL));
        assertThat(said.assignment())
                .contains(new Assignment(
                        6,
                        Purpose.INSTALL,
                        ImageReference.parse("ubuntu/noble/amd64/ga-24.04"),
                        Optional.of("20260101"),
                        Optional.of("http://198.18.0.5/{name}"),
                        Optional.of("#cloud-config"),
                        Optional.of("#cloud-config"),
                        true));
        BootRules rules = catalog.rules();
        assertThat(rules.byTag()).containsOnly(Map.entry("web", Assignment.of(1, Purpose.LOCAL)));
        assertThat(rules.byArch()).containsOnly(Map.entry("arm64", Assignment.of(2, Purpose.HOLD)));
        assertThat(rules.bySubnet()).extracting(BootRules.OfSubnet::text).containsExactly("198.18.0.0/24");
        assertThat(rules.byDefault()).contains(Assignment.of(4, Purpose.RESCUE));
        assertThat(rules.tagOptions()).containsOnly(Map.entry("web", List.of("a=1")));
        assertThat(rules.unknownMachines()).isEqualTo(UnknownMachines.BOOT);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{\"purpose\":\"local\"}",
                "{\"id\":\"x\",\"purpose\":\"local\"}",
                "{\"id\":1,\"purpose\":\"ephemeral\",\"image\":\"ubuntu\"}",
                "{\"id\":1,\"purpose\":\"ephemeral\",\"image\":\"ubuntu/../noble\"}",
                "{\"id\":1,\"purpose\":\"ephemeral\",\"image\":7}",
                "{\"id\":1,\"purpose\":\"ephemeral\",\"userData\":\"nowhere\"}",
                "{\"id\":1,\"purpose\":\"ephemeral\",\"target\":\"subnet:everywhere\"}"
            })
    void ofADocumentWithAMalformedAssignmentNothingIsTaken(String assignment) {
        assertThatThrownBy(() -> read(",\"assignments\":[" + assignment + "]"))
                .isInstanceOf(CatalogFormatException.class)
                .hasMessageContaining("The region's catalog cannot be read");
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
