package org.rackboot.server;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.security.MessageDigest;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.rackboot.protocol.bootname.MacAddress;
import org.rackboot.protocol.resolve.BootCatalog;
import org.rackboot.region.catalog.CatalogDocument;
import org.rackboot.region.machine.Machine;
import org.rackboot.region.store.ImageRepository.Artifact;
import org.rackboot.region.store.ImageRepository.Image;
import org.rackboot.region.store.ImageRepository.Kind;
import org.rackboot.region.store.ImageRepository.Version;
import org.rackboot.server.rack.CatalogReader;

/**
 * The catalog of a large region: 500 images of two versions each, none of whose files is another's, too; and 10,000 machines
 * of which everything is known.
 */
class CatalogScaleTest {
    private static final int IMAGES = 500;
    private static final int MACHINES = 10_000;
    private static final int MOST_BYTES = 5 << 20;
    private static final String SUBARCHES = "generic,hwe-p,hwe-q,hwe-r,hwe-s,hwe-t,hwe-u,hwe-v,hwe-w,ga-16.04,ga-16.10,"
            + "ga-17.04,ga-17.10,ga-18.04,ga-18.10,ga-19.04,ga-19.10,ga-20.04,ga-20.10,ga-21.04,ga-21.10,ga-22.04,"
            + "ga-22.10,ga-23.04,ga-23.10,ga-24.04";
    private static final int ROUNDS = 20;

    @Test
    void theCatalogOfALargeRegionIsSmall() throws Exception {
        List<Version> versions = new ArrayList<>();
        for (int i = 0; i < IMAGES; i++) {
            versions.add(version(i, "20260201"));
            versions.add(version(i, "20260115"));
        }

        int without = read(versions, List.of());
        List<Machine> machines = new ArrayList<>();
        for (int i = 0; i < MACHINES; i++) {
            machines.add(machine(i));
        }
        int with = read(versions, machines);

        assertThat(without).isLessThan(2 << 20);
        assertThat(with).isLessThanOrEqualTo(MOST_BYTES);
    }

    /** Writes and reads the document, and returns its size. How long it takes is for people to look at. */
    private static int read(List<Version> versions, List<Machine> machines) throws Exception {
        byte[] document = CatalogDocument.render(4_711, versions, machines, List.of("console=ttyS0,115200"));
        CatalogReader reader = new CatalogReader();
        List<Long> nanos = new ArrayList<>();
        for (int i = 0; i < ROUNDS; i++) {
            long before = System.nanoTime();
            BootCatalog catalog = reader.read(document);
            nanos.add(System.nanoTime() - before);
            assertThat(catalog.images()).hasSize(2 * IMAGES);
            assertThat(catalog.contents()).hasSize(2 * IMAGES * 4);
            assertThat(catalog.machines()).hasSize(machines.size());
            for (int number = 0; number < machines.size(); number += 999) {
                assertThat(catalog.machine(new MacAddress(mac(2, number))))
                        .hasValueSatisfying(
                                machine -> assertThat(machine.name()).startsWith("rack"));
            }
        }
        nanos.sort(null);
        System.out.printf(
                "catalog of %d images and %d machines: %d KiB, read in %.1f ms (median), %.1f ms (fastest)%n",
                IMAGES, machines.size(), document.length >> 10, nanos.get(ROUNDS / 2) / 1e6, nanos.get(0) / 1e6);
        return document.length;
    }

    private static Machine machine(int number) {
        return new Machine(
                "rack%02d-machine-%02d".formatted(number / 100, number % 100),
                List.of(mac(1, number), mac(2, number)),
                Optional.of("4c4c4544-0035-3110-8052-%012x".formatted(number)),
                Optional.of("amd64"),
                Optional.of(Machine.Loader.SIGNED));
    }

    private static String mac(int card, int number) {
        return "52:54:00:%02x:%02x:%02x".formatted(card, number >> 8, number & 255);
    }

    private static Version version(int number, String serial) throws Exception {
        Image image = new Image(
                "com.ubuntu.maas.stable:v3:boot:24.04:amd64:ga-24.04-" + number,
                Kind.IMAGE,
                "ubuntu",
                "release" + number,
                "24.04",
                "24.04 LTS",
                "amd64",
                "ga-24.04",
                "generic",
                "stable",
                "",
                SUBARCHES);
        List<Artifact> files = new ArrayList<>();
        for (String name : List.of("boot-kernel", "boot-initrd", "squashfs", "squashfs.manifest")) {
            String what = number + serial + name;
            files.add(new Artifact(name, name, sha256(what), 512L << 20, sha256("chunks of " + what)));
        }
        return new Version("source", image, serial, Instant.EPOCH, Optional.empty(), files);
    }

    private static String sha256(String text) throws Exception {
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(text.getBytes(UTF_8)));
    }
}
