package org.rackboot.region.sync;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.URI;
import java.time.Instant;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.rackboot.region.simplestreams.MirrorPath;
import org.rackboot.region.simplestreams.Product;
import org.rackboot.region.simplestreams.Product.Item;
import org.rackboot.region.simplestreams.Products;
import org.rackboot.region.source.BootSource;
import org.rackboot.region.source.Selection;
import org.rackboot.region.store.ImageRepository.Kind;
import org.rackboot.region.sync.ImportPlan.PlannedFile;
import org.rackboot.region.sync.ImportPlan.PlannedVersion;
import org.rackboot.region.sync.ImportPlanner.Offer;

class ImportPlannerTest {
    private static final Selection NOBLE = new Selection(1, "ubuntu", "noble", "amd64", "*", "*");

    @Test
    void ofASelectedProductTheNewestVersionIsWanted() {
        Product noble = image("noble", "20260101", "boot-kernel").withVersion("20260115", "boot-kernel", "boot-initrd");

        ImportPlan plan = plan(
                List.of(NOBLE), noble, image("jammy", "20260201", "boot-kernel").product());

        assertThat(plan.unmatched()).isEmpty();
        assertThat(plan.versions()).singleElement().satisfies(version -> {
            assertThat(version.serial()).isEqualTo("20260115");
            assertThat(version.image().release()).isEqualTo("noble");
            assertThat(version.image().kind()).isEqualTo(Kind.IMAGE);
            assertThat(version.files()).extracting(PlannedFile::name).containsExactly("boot-kernel", "boot-initrd");
        });
    }

    @Test
    void everyBootloaderIsWantedAndOnlyItsArchives() {
        Product loader = product(
                        "loader",
                        Map.of("bootloader-type", "uefi", "os", "grub", "arch", "amd64", "arches", "amd64, i386"))
                .withVersion("1", "archive.tar.xz", "manifest", "boot-kernel");

        ImportPlan plan = plan(List.of(NOBLE), loader);

        assertThat(unmatched(plan)).containsExactly("ubuntu/noble/amd64");
        assertThat(plan.versions()).singleElement().satisfies(version -> {
            assertThat(version.image().kind()).isEqualTo(Kind.BOOTLOADER);
            assertThat(version.image().method()).isEqualTo("uefi");
            assertThat(version.image().subarches()).isEqualTo("amd64, i386");
            assertThat(version.files()).extracting(PlannedFile::archive).containsExactly(true);
        });
    }

    @Test
    void anyMatchesEverythingButBootloaders() {
        var any = new Selection(1, "*", "*", "*", "*", "*");
        Product loader = product("loader", Map.of("bootloader-type", "uefi")).product();

        assertThat(unmatched(plan(List.of(any), loader))).containsExactly("*/*/*");
        assertThat(plan(List.of(any), image("noble", "1", "squashfs").product()).unmatched())
                .isEmpty();
    }

    @Test
    void kernelAndLabelNarrowASelection() {
        Product ga = product(
                        "ga", Map.of("release", "noble", "arch", "amd64", "subarch", "ga-24.04", "label", "stable"))
                .withVersion("1", "boot-kernel");
        Product low = product(
                        "low",
                        Map.of(
                                "release",
                                "noble",
                                "arch",
                                "amd64",
                                "subarch",
                                "ga-24.04",
                                "kflavor",
                                "lowlatency",
                                "label",
                                "candidate"))
                .withVersion("1", "boot-kernel");

        assertThat(products(plan(List.of(selection("ga-24.04", "*")), ga, low))).containsExactly("ga");
        assertThat(products(plan(List.of(selection("ga-24.04-lowlatency", "*")), ga, low)))
                .containsExactly("low");
        assertThat(products(plan(List.of(selection("*", "candidate")), ga, low)))
                .containsExactly("low");
        assertThat(unmatched(plan(List.of(selection("hwe-24.04", "stable")), ga, low)))
                .containsExactly("ubuntu/noble/amd64/hwe-24.04 (stable)");
    }

    @Test
    void unknownTypesAreLeftOutAndASquashfsReplacesTheOldRootImage() {
        Product noble = image("noble", "1", "squashfs", "root-image.gz", "di-kernel", "of-tomorrow", "manifest")
                .product();
        Product trusty = image("trusty", "1", "root-image.gz", "boot-dtb").product();
        Product centos = image("centos70", "1", "root-tgz").product();

        ImportPlan plan = plan(List.of(new Selection(1, "*", "*", "*", "*", "*")), noble, trusty, centos);

        assertThat(plan.versions())
                .extracting(version ->
                        version.files().stream().map(PlannedFile::name).toList())
                .containsExactly(
                        List.of("squashfs", "manifest"), List.of("root-image.gz", "boot-dtb"), List.of("root-tgz"));
    }

    @Test
    void aProductWithoutAUsableVersionIsNoMatch() {
        assertThat(unmatched(plan(
                        List.of(NOBLE),
                        product("p", Map.of("release", "noble", "arch", "amd64"))
                                .product())))
                .containsExactly("ubuntu/noble/amd64");
        assertThat(unmatched(plan(
                        List.of(NOBLE), image("noble", "1", "notifications").product())))
                .containsExactly("ubuntu/noble/amd64");
    }

    @Test
    void theFirstOfferOfAnImageWins() {
        BootSource first = source("first");
        BootSource second = source("second");

        ImportPlan plan = ImportPlanner.plan(
                List.of(
                        new Offer(
                                first,
                                Optional.of(List.of(
                                        file(image("noble", "1", "squashfs").product())))),
                        new Offer(
                                second,
                                Optional.of(List.of(
                                        file(image("noble", "2", "squashfs").product()))))),
                List.of(NOBLE),
                List.of(),
                List.of(),
                2);

        assertThat(plan.versions()).extracting(PlannedVersion::source).containsExactly(first);
        assertThat(plan.versions()).extracting(PlannedVersion::serial).containsExactly("1");
    }

    private static ImportPlan plan(List<Selection> selections, Product... products) {
        return ImportPlanner.plan(
                List.of(new Offer(source("s"), Optional.of(List.of(file(products))))),
                selections,
                List.of(),
                List.of(),
                2);
    }

    private static List<String> unmatched(ImportPlan plan) {
        return plan.unmatched().stream().map(Selection::describe).toList();
    }

    private static List<String> products(ImportPlan plan) {
        return plan.versions().stream()
                .map(version -> version.image().product())
                .toList();
    }

    private static Products file(Product... products) {
        return new Products("c", Instant.EPOCH, List.of(products), List.of());
    }

    private static Selection selection(String subarch, String label) {
        return new Selection(1, "ubuntu", "noble", "amd64", subarch, label);
    }

    private static BootSource source(String name) {
        return new BootSource(1, name, URI.create("http://" + name + "/"), 0, true, true, Optional.empty());
    }

    private static Builder product(String name, Map<String, String> attributes) {
        return new Builder(name, attributes, new TreeMap<>());
    }

    private static Builder image(String release, String serial, String... ftypes) {
        Builder builder = product(release, Map.of("release", release, "arch", "amd64"));
        builder.withVersion(serial, ftypes);
        return builder;
    }

    private record Builder(String name, Map<String, String> attributes, TreeMap<String, List<Item>> versions) {
        Product withVersion(String serial, String... ftypes) {
            versions.put(serial, Arrays.stream(ftypes).map(Builder::item).toList());
            return product();
        }

        Product product() {
            return new Product(name, new LinkedHashMap<>(attributes), versions);
        }

        private static Item item(String ftype) {
            return new Item("item-" + ftype, ftype, new MirrorPath("x/" + ftype), 1, "a".repeat(64));
        }
    }
}
