package org.rackboot.server;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.rackboot.protocol.resolve.BootCatalog;
import org.rackboot.region.catalog.CatalogDocument;
import org.rackboot.region.store.ImageRepository.Artifact;
import org.rackboot.region.store.ImageRepository.Image;
import org.rackboot.region.store.ImageRepository.Kind;
import org.rackboot.region.store.ImageRepository.Version;
import org.rackboot.server.rack.CatalogReader;

/** The catalog of a large region: 500 images of two versions each, none of whose files is another's, too. */
class CatalogScaleTest {
    private static final int IMAGES = 500;
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

        byte[] document = CatalogDocument.render(4_711, versions, List.of(), List.of("console=ttyS0,115200"));
        CatalogReader reader = new CatalogReader();
        BootCatalog catalog = reader.read(document);
        Duration fastest = Duration.ofDays(1);
        for (int i = 0; i < ROUNDS; i++) {
            long before = System.nanoTime();
            assertThat(reader.read(document).images()).hasSize(2 * IMAGES);
            Duration took = Duration.ofNanos(System.nanoTime() - before);
            fastest = took.compareTo(fastest) < 0 ? took : fastest;
        }
        System.out.printf(
                "catalog of %d images: %d KiB, read in %.1f ms%n",
                IMAGES, document.length >> 10, fastest.toNanos() / 1e6);

        assertThat(document.length).isLessThan(2 << 20);
        assertThat(catalog.contents()).hasSize(2 * IMAGES * 4);
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
