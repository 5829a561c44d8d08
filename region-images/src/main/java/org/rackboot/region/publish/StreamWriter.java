package org.rackboot.region.publish;

import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Function;
import org.rackboot.region.simplestreams.MirrorPath;
import org.rackboot.region.simplestreams.Product;
import org.rackboot.region.simplestreams.Product.Item;
import org.rackboot.region.simplestreams.Products;
import org.rackboot.region.simplestreams.StreamFormatException;
import org.rackboot.region.store.ImageRepository.Artifact;
import org.rackboot.region.store.ImageRepository.Image;
import org.rackboot.region.store.ImageRepository.Kind;
import org.rackboot.region.store.ImageRepository.Version;

/**
 * Decides what a region's own stream says of what it has published. Pure.
 *
 * <p>Products keep their names, labels and serials, and files lie where MAAS's stream has them. Where two files would lie
 * at one path (two sources, or two labels, that share a serial), the later one's name is followed by its sha256.
 */
public final class StreamWriter {
    private static final int HASH_DIGITS = 16;

    private final Function<Version, Packed> archives;
    private final Map<String, SortedMap<String, ProductDraft>> files = new TreeMap<>(); // By content id, then product.
    private final Map<String, String> sha256ByPath = new HashMap<>();

    private StreamWriter(Function<Version, Packed> archives) {
        this.archives = archives;
    }

    /** The archive that a bootloader's members are published as. */
    public record Packed(String sha256, long size) {}

    private record ProductDraft(Map<String, String> attributes, SortedMap<String, List<Item>> versions) {}

    /**
     * The product files.
     *
     * @param versions as {@code ImageRepository.versions()} orders them: of two of one product and serial, the first counts
     * @param archives called for each bootloader's version that is published
     * @param updated what every file says
     */
    public static List<Products> write(List<Version> versions, Function<Version, Packed> archives, Instant updated) {
        StreamWriter writer = new StreamWriter(archives);
        versions.forEach(writer::add);
        List<Products> all = new ArrayList<>();
        writer.files.forEach((contentId, drafts) -> {
            List<Product> products = new ArrayList<>();
            drafts.forEach((name, draft) -> products.add(new Product(name, draft.attributes(), draft.versions())));
            all.add(new Products(contentId, updated, products, List.of()));
        });
        return all;
    }

    private void add(Version version) {
        Image image = version.image();
        ProductDraft draft = files.computeIfAbsent(contentId(version), id -> new TreeMap<>())
                .computeIfAbsent(image.product(), name -> new ProductDraft(attributes(image), new TreeMap<>()));
        if (draft.versions().containsKey(version.serial())) {
            return;
        }
        List<Item> items = new ArrayList<>();
        if (image.kind() == Kind.BOOTLOADER) {
            Packed packed = archives.apply(version);
            String name = loaderPackage(image);
            String path = path("bootloaders", image.method(), image.arch(), version.serial(), name + ".tar.xz");
            items.add(item(name, "archive.tar.xz", path, packed.sha256(), packed.size(), ""));
        } else {
            boolean hasTarball = version.artifacts().stream().anyMatch(file -> isTarball(file.ftype()));
            for (Artifact file : version.artifacts()) {
                String path = path(image, version.serial(), file, hasTarball);
                String kparams = file.ftype().equals("boot-kernel") ? image.kparams() : "";
                items.add(item(file.name(), file.ftype(), path, file.sha256(), file.size(), kparams));
            }
        }
        draft.versions().put(version.serial(), items);
    }

    private Item item(String name, String ftype, String wanted, String sha256, long size, String kparams) {
        String path = wanted;
        if (!sha256ByPath.computeIfAbsent(path, p -> sha256).equals(sha256)) {
            path += "." + sha256.substring(0, HASH_DIGITS); // Content at a path never changes.
            sha256ByPath.put(path, sha256);
        }
        try {
            return new Item(name, ftype, MirrorPath.parse(path), size, sha256, kparams);
        } catch (StreamFormatException e) {
            throw new IllegalStateException("a published name makes no path: " + path, e);
        }
    }

    /** A stream's readers tell a file's kind by its content id. */
    private static String contentId(Version version) {
        Image image = version.image();
        String stream = "com.ubuntu.maas:" + (image.label().isEmpty() ? "stable" : image.label());
        if (image.kind() == Kind.BOOTLOADER) {
            return stream + ":1:bootloader-download";
        }
        boolean singleFile =
                version.artifacts().stream().noneMatch(file -> file.ftype().equals("boot-kernel"));
        return stream + (singleFile ? ":" + segment(image.os()) + "-bases-download" : ":v3:download");
    }

    private static Map<String, String> attributes(Image image) {
        boolean loader = image.kind() == Kind.BOOTLOADER;
        Map<String, String> all = new LinkedHashMap<>();
        all.put("os", image.os());
        all.put("arch", image.arch());
        all.put("label", image.label());
        if (loader) {
            all.put("bootloader-type", image.method());
            all.put("arches", image.subarches().isEmpty() ? image.arch() : image.subarches());
        } else {
            all.put("release", image.release());
            all.put("version", image.releaseVersion());
            all.put("release_title", image.title());
            all.put("subarch", withoutFlavour(image.subarch(), image.flavour()));
            all.put("kflavor", image.flavour());
            all.put("subarches", image.subarches());
        }
        all.values().removeIf(String::isEmpty);
        return all;
    }

    /** The stream's {@code subarch} has no flavour; the region's has. */
    static String withoutFlavour(String kernel, String flavour) {
        String edge = "-edge";
        String tail = "-" + flavour;
        if (flavour.equals("generic")) {
            return kernel;
        }
        if (kernel.endsWith(tail + edge)) {
            return kernel.substring(0, kernel.length() - tail.length() - edge.length()) + edge;
        }
        return kernel.endsWith(tail) ? kernel.substring(0, kernel.length() - tail.length()) : kernel;
    }

    /** MAAS takes a loader's archives by these names alone. All members are in one. */
    private static String loaderPackage(Image image) {
        if (image.method().equals("pxe")) {
            return "syslinux";
        }
        return image.os().endsWith("-signed") ? "grub2-signed" : "grub2";
    }

    private static String path(Image image, String serial, Artifact file, boolean hasTarball) {
        List<String> segments = new ArrayList<>();
        if (!image.os().equals("ubuntu")) {
            segments.add(image.os());
        }
        segments.addAll(List.of(image.release(), image.arch(), serial));
        boolean ofKernel = file.ftype().startsWith("boot-");
        if (ofKernel) {
            segments.addAll(List.of(withoutFlavour(image.subarch(), image.flavour()), image.flavour()));
        }
        String name = file.name();
        if (file.ftype().equals("manifest")) {
            name = hasTarball ? "root-tgz.manifest" : "squashfs.manifest";
        }
        segments.add(name);
        return path(segments.toArray(String[]::new));
    }

    static boolean isTarball(String ftype) {
        return Set.of("root-tgz", "root-tbz", "root-txz").contains(ftype);
    }

    private static String path(String... segments) {
        List<String> clean = new ArrayList<>();
        for (String segment : segments) {
            if (!segment.isEmpty()) {
                clean.add(segment(segment));
            }
        }
        return String.join("/", clean);
    }

    /** Serials may hold blanks and be dots alone; paths may not. */
    private static String segment(String text) {
        String clean = text.replaceAll("[^A-Za-z0-9._+:~@=,-]", "_");
        return clean.chars().allMatch(c -> c == '.') ? "_" + clean : clean;
    }

    /** What lies where: every path that the files name, once. */
    public static Map<String, Item> byPath(List<Products> files) {
        Map<String, Item> all = new LinkedHashMap<>();
        Set<String> seen = new HashSet<>();
        for (Products file : files) {
            for (Product product : file.products()) {
                product.versions()
                        .values()
                        .forEach(items -> items.stream()
                                .filter(item -> seen.add(item.path().text()))
                                .forEach(item -> all.put(item.path().text(), item)));
            }
        }
        return all;
    }
}
