package org.rackboot.server.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MachineFileTest {
    @Test
    void columnsAreNamedByTheFirstLineAndEmptyCellsSayNothing() throws Exception {
        MachineFile file = MachineFile.read("""
                \uFEFFMAC,name, loader\r
                52:54:00:00:00:01 52:54:00:00:00:02;52:54:00:00:00:03,web,ipxe\r
                \r
                52:54:00:00:00:04,,\r
                "52:54:00:00:00:05; 52:54:00:00:00:06","say ""a,
                b"
                ,no-mac""");

        assertThat(file.rows())
                .containsExactly(
                        Map.of(
                                "macs",
                                List.of("52:54:00:00:00:01", "52:54:00:00:00:02", "52:54:00:00:00:03"),
                                "name",
                                "web",
                                "loader",
                                "ipxe"),
                        Map.of("macs", List.of("52:54:00:00:00:04")),
                        Map.of("macs", List.of("52:54:00:00:00:05", "52:54:00:00:00:06"), "name", "say \"a,\nb"),
                        Map.of("macs", List.of(), "name", "no-mac"));
        assertThat(file.lines()).containsExactly(2, 4, 5, 7);
        assertThat(file.place(3)).isEqualTo("line 5");
    }

    @Test
    void aCellHasSeveralTagsOrKernelOptions() throws Exception {
        MachineFile file = MachineFile.read("mac,tags,kernel-options\nm,web;db a,console=ttyS1;b  c=d\nn,,\n");

        assertThat(file.rows())
                .containsExactly(
                        Map.of(
                                "macs",
                                List.of("m"),
                                "tags",
                                List.of("web", "db", "a"),
                                "kernelOptions",
                                List.of("console=ttyS1;b", "c=d")),
                        Map.of("macs", List.of("n")));
    }

    @Test
    void aJsonArrayIsTakenAsItIs() throws Exception {
        MachineFile file = MachineFile.read(" [{\"macs\": [\"52:54:00:00:00:01\"]}, 7]");

        assertThat(file.rows()).extracting(Object::toString).containsExactly("{\"macs\":[\"52:54:00:00:00:01\"]}", "7");
        assertThat(file.place(2)).isEqualTo("machine 2");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "\n\n",
                "name,uuid\nweb,\n",
                "mac,colour\n",
                "mac,mac\n",
                "mac\n52:54:00:00:00:01,web\n",
                "mac\n\"52:54:00:00:00:01\n",
                "[{",
                "[{\"macs\": [], \"macs\": []}]",
                "[}"
            })
    void whatIsNoListOfMachinesIsRefused(String text) {
        assertThatThrownBy(() -> MachineFile.read(text)).isInstanceOf(Client.UsageException.class);
    }
}
