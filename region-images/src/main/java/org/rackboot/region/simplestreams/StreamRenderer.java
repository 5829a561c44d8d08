package org.rackboot.region.simplestreams;

import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.rackboot.region.simplestreams.Product.Item;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/**
 * Writes index and product files: what {@link StreamReader} reads back to equal values. Equal values make equal text.
 *
 * <p>MAAS 3.8 and newer refuse a whole file for one missing key; what an import does not keep is therefore filled in:
 * {@code krel} and {@code release_codename} with the release, {@code support_eol} with null, a loader's package with its
 * item's name.
 */
public final class StreamRenderer {
    /** Where the index lies, without its suffix; product files are beside it. */
    public static final String INDEX = "streams/v1/index";

    private static final DateTimeFormatter RFC_2822 =
            DateTimeFormatter.ofPattern("EEE, dd MMM yyyy HH:mm:ss Z", Locale.ENGLISH);
    private static final JsonMapper JSON =
            JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

    private StreamRenderer() {}

    /**
     * What an index says of one product file.
     *
     * @param products names
     */
    public record Entry(String contentId, Instant updated, List<String> products) {
        public Entry {
            products = products.stream().sorted().toList();
        }

        public static Entry of(Products file) {
            return new Entry(
                    file.contentId(),
                    file.updated(),
                    file.products().stream().map(Product::name).toList());
        }
    }

    /** Where the file of a content id lies; {@code suffix} is {@code json} or {@code sjson}. */
    public static String path(String contentId, String suffix) {
        return "streams/v1/" + contentId + "." + suffix;
    }

    /**
     * An index.
     *
     * @param suffix of the files it names: a signed index leads to signed files
     */
    public static String index(Instant updated, List<Entry> entries, String suffix) {
        Map<String, Object> index = new TreeMap<>();
        for (Entry entry : entries) {
            Map<String, Object> file = new LinkedHashMap<>();
            file.put("datatype", "image-ids");
            file.put("format", "products:1.0");
            file.put("path", path(entry.contentId(), suffix));
            file.put("products", entry.products());
            file.put("updated", date(entry.updated()));
            index.put(entry.contentId(), file);
        }
        Map<String, Object> document = new LinkedHashMap<>();
        document.put("format", "index:1.0");
        document.put("updated", date(updated));
        document.put("index", index);
        return text(document);
    }

    /** One product file; warnings are not written. */
    public static String products(Products file) {
        Map<String, Object> products = new TreeMap<>();
        file.products().forEach(product -> products.put(product.name(), product(product)));
        Map<String, Object> document = new LinkedHashMap<>();
        document.put("content_id", file.contentId());
        document.put("datatype", "image-ids");
        document.put("format", "products:1.0");
        document.put("updated", date(file.updated()));
        document.put("products", products);
        return text(document);
    }

    /** Indented, lines parted by LF on every system. */
    static String text(Object document) {
        return JSON.writeValueAsString(document).replace("\r\n", "\n");
    }

    static String date(Instant when) {
        return RFC_2822.format(when.atOffset(ZoneOffset.UTC));
    }

    private static Map<String, Object> product(Product product) {
        Map<String, Object> all = new TreeMap<>(product.attributes());
        if (product.bootMethod().isEmpty()) {
            all.putIfAbsent("krel", product.release());
            all.putIfAbsent("release_codename", product.release());
            all.putIfAbsent("support_eol", null);
        }
        Map<String, Object> versions = new LinkedHashMap<>();
        product.versions().forEach((serial, items) -> {
            Map<String, Object> named = new TreeMap<>();
            items.forEach(item -> named.put(item.name(), item(item, serial)));
            versions.put(serial, Map.of("items", named));
        });
        Map<String, Object> ordered = new LinkedHashMap<>(all); // Versions last, as people read it.
        ordered.put("versions", versions);
        return ordered;
    }

    private static Map<String, Object> item(Item item, String serial) {
        Map<String, Object> all = new LinkedHashMap<>();
        all.put("ftype", item.ftype());
        all.put("path", item.path().text());
        all.put("sha256", item.sha256());
        all.put("size", item.size());
        if (!item.kernelParameters().isEmpty()) {
            all.put("kparams", item.kernelParameters());
        }
        if (item.ftype().equals("archive.tar.xz")) {
            all.put("src_package", item.name());
            all.put("src_release", "unknown");
            all.put("src_version", serial);
        }
        return all;
    }
}
