package org.rackboot.region.sync;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.rackboot.region.simplestreams.Product;
import org.rackboot.region.simplestreams.Product.Item;
import org.rackboot.region.simplestreams.Products;
import org.rackboot.region.source.BootSource;
import org.rackboot.region.source.Selection;
import org.rackboot.region.store.ImageRepository.Image;
import org.rackboot.region.store.ImageRepository.Kind;
import org.rackboot.region.sync.ImportPlan.PlannedFile;
import org.rackboot.region.sync.ImportPlan.PlannedVersion;

/**
 * Decides what an import fetches. Pure.
 *
 * <p>Of each wanted product the newest version; every bootloader, whatever is selected. Where two sources offer the
 * same image, the first in order wins.
 */
public final class ImportPlanner {
    private static final Set<String> IMAGE_TYPES =
            Set.of("boot-kernel", "boot-initrd", "boot-dtb", "squashfs", "root-image.gz", "root-tgz", "manifest");
    private static final String ARCHIVE = "archive.tar.xz";

    private ImportPlanner() {}

    /** What one source offers. */
    public record Offer(BootSource source, List<Products> files) {
        public Offer {
            files = List.copyOf(files);
        }
    }

    /** @param offers the source that wins first */
    public static ImportPlan plan(List<Offer> offers, List<Selection> selections) {
        Map<String, PlannedVersion> byImage = new LinkedHashMap<>();
        Set<Selection> matched = new HashSet<>();
        for (Offer offer : offers) {
            for (Products file : offer.files()) {
                for (Product product : file.products()) {
                    boolean loader = product.bootMethod().isPresent();
                    List<Selection> asking = selections.stream()
                            .filter(selection -> !loader && selection.matches(product))
                            .toList();
                    Optional<PlannedVersion> newest =
                            loader || !asking.isEmpty() ? newest(offer.source(), product) : Optional.empty();
                    newest.ifPresent(
                            version -> { // A product without a usable version is no match.
                                matched.addAll(asking);
                                byImage.putIfAbsent(identity(version.image()), version);
                            });
                }
            }
        }
        List<String> unmatched = selections.stream()
                .filter(selection -> !matched.contains(selection))
                .map(Selection::describe)
                .toList();
        return new ImportPlan(new ArrayList<>(byImage.values()), unmatched);
    }

    private static Optional<PlannedVersion> newest(BootSource source, Product product) {
        if (product.newestSerial().isEmpty()) {
            return Optional.empty();
        }
        String serial = product.newestSerial().get();
        List<Item> items = product.versions().getOrDefault(serial, List.of());
        boolean loader = product.bootMethod().isPresent();
        boolean squashfs = items.stream().anyMatch(item -> item.ftype().equals("squashfs"));
        List<PlannedFile> files = new ArrayList<>();
        for (Item item : items) {
            boolean archive = loader && item.ftype().equals(ARCHIVE);
            boolean superseded = squashfs && item.ftype().equals("root-image.gz");
            if (archive || (!loader && IMAGE_TYPES.contains(item.ftype()) && !superseded)) {
                String name = archive ? item.name() : item.ftype();
                files.add(new PlannedFile(name, item.ftype(), item.path(), item.size(), item.sha256(), archive));
            }
        }
        return files.isEmpty()
                ? Optional.empty()
                : Optional.of(new PlannedVersion(source, image(product), serial, files));
    }

    private static Image image(Product product) {
        boolean loader = product.bootMethod().isPresent();
        return new Image(
                product.name(),
                loader ? Kind.BOOTLOADER : Kind.IMAGE,
                product.os(),
                product.release(),
                product.attribute("version", ""),
                product.attribute("title", product.attribute("release_title", "")),
                product.arch(),
                loader ? "" : product.kernel(),
                loader ? "" : product.flavour(),
                product.label(),
                product.bootMethod().orElse(""),
                product.attribute("subarches", product.attribute("arches", "")));
    }

    private static String identity(Image image) {
        return String.join(
                "/",
                image.kind().word(),
                image.os(),
                image.release(),
                image.arch(),
                image.subarch(),
                image.method(),
                image.label());
    }
}
