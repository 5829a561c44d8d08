package org.rackboot.region.publish;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.rackboot.region.publish.StreamWriter.Packed;
import org.rackboot.region.simplestreams.Product;
import org.rackboot.region.simplestreams.Product.Item;
import org.rackboot.region.simplestreams.Products;
import org.rackboot.region.simplestreams.StreamIndex;
import org.rackboot.region.simplestreams.StreamReader;
import org.rackboot.region.simplestreams.StreamRenderer;
import org.rackboot.region.store.ImageRepository.Artifact;
import org.rackboot.region.store.ImageRepository.Image;
import org.rackboot.region.store.ImageRepository.Kind;
import org.rackboot.region.store.ImageRepository.Version;

class StreamWriterTest {
    private static final Instant UPDATED = Instant.parse("2026-01-05T06:00:00Z");
    private static final Packed PACKED = new Packed("ab".repeat(32), 1_234);
    private static final Image LOWLATENCY = new Image(
            "com.ubuntu.maas.stable:v3:boot:24.04:amd64:hwe-24.04-lowlatency-edge",
            Kind.IMAGE,
            "ubuntu",
            "noble",
            "24.04",
            "24.04 LTS",
            "amd64",
            "hwe-24.04-lowlatency-edge",
            "lowlatency",
            "stable",
            "",
            "generic,hwe-24.04",
            "console=hvc0");
    private static final Image CENTOS = new Image(
            "com.ubuntu.maas.stable:centos-bases:7.0:amd64",
            Kind.IMAGE,
            "centos",
            "centos70",
            "7.0",
            "CentOS 7",
            "amd64",
            "generic",
            "generic",
            "stable",
            "",
            "generic");
    private static final Image LOADER = new Image(
            "com.ubuntu.maas.stable:1:grub-efi-signed:uefi:amd64",
            Kind.BOOTLOADER,
            "grub-efi-signed",
            "",
            "",
            "",
            "amd64",
            "",
            "",
            "stable",
            "uefi",
            "amd64");

    private final StreamReader reader = new StreamReader();

    @Test
    void filesLieWhereMaasHasThem() {
        List<Products> files = write(
                version(LOWLATENCY, "20260101", "boot-kernel", "boot-initrd", "squashfs", "manifest"),
                version(CENTOS, "20260105_01", "root-tgz", "manifest"),
                loader("20260110.0"));

        assertThat(files.stream().map(Products::contentId))
                .containsExactly(
                        "com.ubuntu.maas:stable:1:bootloader-download",
                        "com.ubuntu.maas:stable:centos-bases-download",
                        "com.ubuntu.maas:stable:v3:download");
        assertThat(StreamWriter.byPath(files))
                .containsOnlyKeys(
                        "noble/amd64/20260101/hwe-24.04-edge/lowlatency/boot-kernel",
                        "noble/amd64/20260101/hwe-24.04-edge/lowlatency/boot-initrd",
                        "noble/amd64/20260101/squashfs",
                        "noble/amd64/20260101/squashfs.manifest",
                        "centos/centos70/amd64/20260105_01/root-tgz",
                        "centos/centos70/amd64/20260105_01/root-tgz.manifest",
                        "bootloaders/uefi/amd64/20260110.0/grub2-signed.tar.xz");
    }

    @Test
    void ourReaderReadsBackWhatWasPublished() throws Exception {
        List<Products> files = write(
                version(LOWLATENCY, "20260101", "boot-kernel", "squashfs"),
                version(LOWLATENCY, "20260102", "boot-kernel", "squashfs"),
                version(CENTOS, "20260105_01", "root-tgz"),
                loader("20260110.0"));

        for (Products file : files) {
            Products read = reader.readProducts(StreamRenderer.products(file).getBytes(UTF_8));

            assertThat(read.contentId()).isEqualTo(file.contentId());
            assertThat(read.updated()).isEqualTo(file.updated());
            assertThat(read.warnings()).isEmpty();
            assertThat(read.products()).hasSameSizeAs(file.products());
            for (int i = 0; i < read.products().size(); i++) {
                Product written = file.products().get(i);
                assertThat(read.products().get(i).name()).isEqualTo(written.name());
                assertThat(read.products().get(i).versions()).isEqualTo(written.versions());
                assertThat(read.products().get(i).attributes()) // And what other readers insist on.
                        .containsAllEntriesOf(written.attributes());
            }
        }
        Product image = files.get(2).products().get(0);
        assertThat(image.versions().get("20260102"))
                .filteredOn(item -> !item.kernelParameters().isEmpty())
                .extracting(Item::ftype, Item::kernelParameters)
                .containsExactly(tuple("boot-kernel", "console=hvc0"));
        assertThat(image.kernel()).isEqualTo("hwe-24.04-lowlatency-edge");
        assertThat(image.newestSerial()).contains("20260102");
        List<StreamRenderer.Entry> entries =
                files.stream().map(StreamRenderer.Entry::of).toList();
        StreamIndex index =
                reader.readIndex(StreamRenderer.index(UPDATED, entries, "sjson").getBytes(UTF_8));
        assertThat(index.updated()).isEqualTo(UPDATED);
        assertThat(index.entries().stream().map(entry -> entry.path().text()))
                .containsExactlyElementsOf(files.stream()
                        .map(file -> "streams/v1/" + file.contentId() + ".sjson")
                        .toList());
    }

    @Test
    void everyKeyThatMaasInsistsOnIsThere() {
        List<Products> files = write(version(LOWLATENCY, "20260101", "boot-kernel", "squashfs"), loader("1"));

        assertThat(StreamRenderer.products(files.get(1)))
                .contains("\"krel\" : \"noble\"", "\"release_codename\" : \"noble\"", "\"support_eol\" : null")
                .contains("\"updated\" : \"Mon, 05 Jan 2026 06:00:00 +0000\"");
        assertThat(StreamRenderer.products(files.get(0)))
                .contains("\"arches\" : \"amd64\"", "\"src_package\" : \"grub2-signed\"", "\"src_version\" : \"1\"");
    }

    @Test
    void twoFilesNeverShareAPath() {
        Image candidate = new Image(
                "com.ubuntu.maas.candidate:v3:boot:24.04:amd64:hwe-24.04-lowlatency-edge",
                Kind.IMAGE,
                "ubuntu",
                "noble",
                "24.04",
                "24.04 LTS",
                "amd64",
                "hwe-24.04-lowlatency-edge",
                "lowlatency",
                "candidate",
                "",
                "");
        Artifact stable = new Artifact("squashfs", "squashfs", "11".repeat(32), 1, "");
        Artifact other = new Artifact("squashfs", "squashfs", "22".repeat(32), 2, "");

        Map<String, Item> byPath =
                StreamWriter.byPath(write(version(LOWLATENCY, "1", stable), version(candidate, "1", other)));

        assertThat(byPath)
                .extractingByKey("noble/amd64/1/squashfs")
                .extracting(Item::sha256)
                .isEqualTo(stable.sha256());
        assertThat(byPath)
                .extractingByKey("noble/amd64/1/squashfs.2222222222222222")
                .extracting(Item::sha256)
                .isEqualTo(other.sha256());
    }

    @Test
    void ofTwoSourcesThatGiveOneVersionTheFirstCounts() {
        Artifact first = new Artifact("squashfs", "squashfs", "11".repeat(32), 1, "");
        Artifact second = new Artifact("squashfs", "squashfs", "22".repeat(32), 2, "");

        List<Products> files = write(version(LOWLATENCY, "1", first), version(LOWLATENCY, "1", second));

        assertThat(StreamWriter.byPath(files)).hasSize(1);
        assertThat(StreamWriter.byPath(files))
                .extractingByKey("noble/amd64/1/squashfs")
                .extracting(Item::sha256)
                .isEqualTo(first.sha256());
    }

    @Test
    void oddSerialsStayInsideTheMirror() {
        for (String serial : new String[] {"..", ".", "a b", "2024/../..", "ü"}) {
            List<Products> files = write(version(LOWLATENCY, serial, "squashfs"));

            assertThat(StreamWriter.byPath(files).keySet())
                    .allMatch(path -> path.startsWith("noble/amd64/") && path.endsWith("/squashfs"))
                    .noneMatch(path -> path.contains("/../") || path.contains("/./"));
        }
    }

    private static List<Products> write(Version... versions) {
        return StreamWriter.write(List.of(versions), version -> PACKED, UPDATED);
    }

    private static Version version(Image image, String serial, String... ftypes) {
        return version(
                image,
                serial,
                Stream.of(ftypes)
                        .map(ftype -> new Artifact(
                                ftype, ftype, "%064x".formatted((serial + ftype).hashCode() & 0xFFFFFFFL), 34, ""))
                        .toArray(Artifact[]::new));
    }

    private static Version version(Image image, String serial, Artifact... artifacts) {
        return new Version("source", image, serial, UPDATED, Optional.empty(), List.of(artifacts));
    }

    private static Version loader(String serial) {
        return version(LOADER, serial, new Artifact("bootx64.efi", "bootloader", "33".repeat(32), 3, ""));
    }
}
