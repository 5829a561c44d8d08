package org.rackboot.region.sync;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.rackboot.region.machine.AssignedVersion;
import org.rackboot.region.simplestreams.Product;
import org.rackboot.region.simplestreams.Product.Item;
import org.rackboot.region.simplestreams.Products;
import org.rackboot.region.source.BootSource;
import org.rackboot.region.source.Selection;
import org.rackboot.region.store.ImageRepository.Image;
import org.rackboot.region.store.ImageRepository.Kind;
import org.rackboot.region.store.ImageRepository.Version;
import org.rackboot.region.sync.ImportPlan.Deletion;
import org.rackboot.region.sync.ImportPlan.PlannedFile;
import org.rackboot.region.sync.ImportPlan.PlannedVersion;
import org.rackboot.region.sync.ImportPlan.Refusal;

/**
 * Decides what an import fetches and deletes. Pure.
 *
 * <p>Of each wanted product the newest version; every bootloader, whatever is selected. Where two sources offer the same
 * image, the first in order wins. Of what is published, the newest versions of each wanted image stay, as many as are to be
 * kept, the pinned one, and those that machines are assigned; what is selected stays although its publisher withdrew it, and what came from a source that
 * could not be read stays as it is.
 */
public final class ImportPlanner {
    private static final Set<String> IMAGE_TYPES =
            Set.of("boot-kernel", "boot-initrd", "boot-dtb", "squashfs", "root-image.gz", "root-tgz", "manifest");
    private static final String ARCHIVE = "archive.tar.xz";

    private final List<Offer> offers;
    private final List<Selection> selections;
    private final List<Version> published;
    private final List<AssignedVersion> assigned;
    private final int keep;
    private final Map<String, PlannedVersion> wanted = new LinkedHashMap<>();
    private final Set<Selection> matched = new HashSet<>();

    private ImportPlanner(
            List<Offer> offers,
            List<Selection> selections,
            List<Version> published,
            List<AssignedVersion> assigned,
            int keep) {
        this.offers = offers;
        this.selections = selections;
        this.published = published;
        this.assigned = assigned;
        this.keep = keep;
    }

    /**
     * What one source offers.
     *
     * @param files empty if the source could not be read
     */
    public record Offer(BootSource source, Optional<List<Products>> files) {
        public Offer {
            files = files.map(List::copyOf);
        }
    }

    /**
     * Makes the plan.
     *
     * @param offers of every enabled source, the one that wins first
     * @param published as {@code ImageRepository.versions()} orders it
     * @param assigned versions that stay in any case, as the pinned ones do
     * @param keep how many versions of an image stay, at least 1
     */
    public static ImportPlan plan(
            List<Offer> offers,
            List<Selection> selections,
            List<Version> published,
            List<AssignedVersion> assigned,
            int keep) {
        return new ImportPlanner(offers, selections, published, assigned, keep).plan();
    }

    private ImportPlan plan() {
        Set<String> held = new HashSet<>(); // Images whose winning source says nothing today.
        for (Offer offer : offers) {
            if (offer.files().isEmpty()) {
                published.stream()
                        .filter(version ->
                                version.source().equals(offer.source().name()))
                        .map(version -> version.image().name())
                        .filter(name -> !wanted.containsKey(name))
                        .forEach(held::add);
                continue;
            }
            for (Products file : offer.files().get()) {
                file.products().forEach(product -> want(offer.source(), product, held));
            }
        }
        List<Refusal> refusals = refuseContradictions();
        refusals.forEach(refusal -> wanted.remove(refusal.image().name()));
        List<Selection> unmatched = selections.stream()
                .filter(selection -> !matched.contains(selection))
                .filter(selection -> published.stream()
                        .noneMatch(version -> matches(selection, version)
                                && held.contains(version.image().name())))
                .toList();
        return new ImportPlan(List.copyOf(wanted.values()), deletions(held, refusals), refusals, unmatched);
    }

    private void want(BootSource source, Product product, Set<String> held) {
        boolean loader = product.bootMethod().isPresent();
        List<Selection> asking = selections.stream()
                .filter(selection -> !loader && selection.matches(product))
                .toList();
        Optional<PlannedVersion> newest = loader || !asking.isEmpty() ? newest(source, product) : Optional.empty();
        newest.ifPresent(
                version -> { // A product without a usable version is no match.
                    matched.addAll(asking);
                    String name = version.image().name();
                    if (!held.contains(name)) {
                        wanted.merge(name, version, ImportPlanner::better);
                    }
                });
    }

    /** The first source wins; within one, a name that two products give is the newer one's. */
    private static PlannedVersion better(PlannedVersion first, PlannedVersion second) {
        boolean same = first.source().equals(second.source());
        return same && second.serial().compareTo(first.serial()) > 0 ? second : first;
    }

    /** One path with two hashes, or one hash with two sizes: neither version is taken. */
    private List<Refusal> refuseContradictions() {
        Map<String, Set<String>> hashesByPath = new HashMap<>();
        Map<String, Set<Long>> sizesByHash = new HashMap<>();
        for (PlannedVersion version : wanted.values()) {
            for (PlannedFile file : version.files()) {
                hashesByPath
                        .computeIfAbsent(version.source().id() + " " + file.path(), path -> new HashSet<>())
                        .add(file.sha256());
                sizesByHash
                        .computeIfAbsent(file.sha256(), sha256 -> new HashSet<>())
                        .add(file.size());
            }
        }
        List<Refusal> refusals = new ArrayList<>();
        for (PlannedVersion version : wanted.values()) {
            for (PlannedFile file : version.files()) {
                boolean twoHashes = hashesByPath
                                .getOrDefault(version.source().id() + " " + file.path(), Set.of())
                                .size()
                        > 1;
                if (twoHashes
                        || sizesByHash.getOrDefault(file.sha256(), Set.of()).size() > 1) {
                    refusals.add(new Refusal(
                            version.source().name(),
                            version.image(),
                            version.serial(),
                            "%s comes with two different %s".formatted(file.path(), twoHashes ? "hashes" : "sizes")));
                    break;
                }
            }
        }
        return refusals;
    }

    private List<Deletion> deletions(Set<String> held, List<Refusal> refusals) {
        Set<String> refused = new HashSet<>();
        refusals.forEach(refusal -> refused.add(refusal.image().name()));
        Map<String, Boolean> read = new HashMap<>(); // Sources that are disabled are not in it.
        offers.forEach(offer -> read.put(offer.source().name(), offer.files().isPresent()));
        Map<String, Integer> staying = new HashMap<>();
        List<Deletion> deletions = new ArrayList<>();
        for (Version version : published) {
            String name = version.image().name();
            if (!read.getOrDefault(version.source(), true) || held.contains(name) || refused.contains(name)) {
                continue;
            }
            boolean loader = version.image().kind() == Kind.BOOTLOADER;
            boolean selected = loader || selections.stream().anyMatch(selection -> matches(selection, version));
            PlannedVersion next = wanted.get(name);
            Optional<String> winner = Optional.ofNullable(next)
                    .map(planned -> planned.source().name())
                    .filter(source -> !source.equals(version.source()));
            boolean incoming = next != null && winner.isEmpty() && !isPublished(next);
            boolean disabled = !read.containsKey(version.source());
            if (version.isPinned() || version.isAssigned(assigned) || (disabled && winner.isEmpty())) {
                continue;
            }
            if (!selected) {
                deletions.add(new Deletion(version, "it is no longer selected"));
            } else if (winner.isPresent()) {
                deletions.add(new Deletion(version, "source '%s' wins".formatted(winner.get())));
            } else if (staying.merge(version.source() + "\n" + name, 1, Integer::sum) + (incoming ? 1 : 0) > keep) {
                deletions.add(new Deletion(
                        version, keep == 1 ? "a newer version is here" : keep + " newer versions are here"));
            }
        }
        return deletions;
    }

    private static boolean matches(Selection selection, Version version) {
        Image image = version.image();
        return image.kind() == Kind.IMAGE
                && selection.matches(image.os(), image.release(), image.arch(), image.subarch(), image.label());
    }

    private boolean isPublished(PlannedVersion planned) {
        return published.stream()
                .anyMatch(version -> version.source().equals(planned.source().name())
                        && version.image().name().equals(planned.image().name())
                        && version.serial().equals(planned.serial()));
    }

    static Optional<PlannedVersion> newest(BootSource source, Product product) {
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
                : Optional.of(new PlannedVersion(source, image(product, items), serial, files));
    }

    /** @param items of the newest version: what one of them says of the kernel's command line is said of the image */
    private static Image image(Product product, List<Item> items) {
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
                product.attribute("subarches", product.attribute("arches", "")),
                items.stream()
                        .map(Item::kernelParameters)
                        .filter(words -> !words.isBlank())
                        .findFirst()
                        .map(String::strip)
                        .orElse(""));
    }
}
