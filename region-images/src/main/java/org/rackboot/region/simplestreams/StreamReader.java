package org.rackboot.region.simplestreams;

import java.time.DateTimeException;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.rackboot.region.simplestreams.Product.Item;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Reads index and product files. Give it verified bytes only.
 *
 * <p>Scalars are inherited from every level, the nearer one wins; those that no import uses are not kept. An item
 * without type, path, size and sha256, or with a malformed one, makes its version unreadable; so does a path that leads
 * elsewhere. Unknown file types are for the caller to skip.
 */
public final class StreamReader {
    /** A metadata file is at most this long. */
    public static final int MAX_FILE_BYTES = 64 << 20;

    private static final int MAX_ENTRIES = 1_000;
    private static final int MAX_PRODUCTS = 20_000;
    private static final int MAX_VERSIONS = 1_000;
    private static final int MAX_ITEMS = 200;
    private static final long MAX_ITEM_BYTES = 1L << 40;
    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9._+:~@=, -]{1,200}");
    private static final Pattern SHA256 = Pattern.compile("[0-9a-f]{64}");
    private static final Pattern WORD = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._+-]{0,63}");
    private static final Pattern TEXT = Pattern.compile("[^\\p{Cntrl}]{0,4096}");
    private static final List<String> PART_OF_BOOT_NAMES =
            List.of("os", "release", "arch", "subarch", "kflavor", "label", "bootloader-type");
    private static final List<String> SHOWN = List.of("version", "title", "release_title", "subarches", "arches");
    private static final Set<String> OF_PRODUCTS =
            Stream.concat(PART_OF_BOOT_NAMES.stream(), SHOWN.stream()).collect(Collectors.toUnmodifiableSet());
    private static final Set<String> OF_ITEMS = Set.of("ftype", "path", "size", "sha256");
    private static final Set<String> DATATYPES = Set.of("image-ids", "image-downloads");
    private static final DateTimeFormatter RFC_2822 = DateTimeFormatter.RFC_1123_DATE_TIME;

    private final JsonMapper json = JsonMapper.builder(JsonFactory.builder()
                    .streamReadConstraints(StreamReadConstraints.builder()
                            .maxNestingDepth(64)
                            .maxDocumentLength(MAX_FILE_BYTES)
                            .maxStringLength(1 << 20)
                            .maxNumberLength(64)
                            .maxNameLength(1_024)
                            .build())
                    .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                    .build())
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();

    /** Reads an {@code index:1.0} file. Entries of other formats and data types are left out. */
    public StreamIndex readIndex(byte[] verified) throws StreamFormatException {
        JsonNode root = parse(verified);
        requireFormat(root, "index:1.0");
        List<StreamIndex.Entry> entries = new ArrayList<>();
        JsonNode index = requireObject(root, "index");
        limit("entries of the index", index.size(), MAX_ENTRIES);
        for (Map.Entry<String, JsonNode> entry : index.properties()) {
            JsonNode value = entry.getValue();
            boolean products = text(value, "format").equals("products:1.0");
            if (products && DATATYPES.contains(text(value, "datatype"))) {
                entries.add(new StreamIndex.Entry(entry.getKey(), MirrorPath.parse(text(value, "path"))));
            }
        }
        return new StreamIndex(date(root), entries);
    }

    /** Reads a {@code products:1.0} file. */
    public Products readProducts(byte[] verified) throws StreamFormatException {
        JsonNode root = parse(verified);
        requireFormat(root, "products:1.0");
        JsonNode products = requireObject(root, "products");
        limit("products", products.size(), MAX_PRODUCTS);
        Map<String, String> inherited = scalars(root, Map.of());
        List<Product> read = new ArrayList<>();
        List<String> warnings = new ArrayList<>();
        for (Map.Entry<String, JsonNode> entry : products.properties()) {
            Product product = product(entry.getKey(), entry.getValue(), inherited, warnings);
            if (!PART_OF_BOOT_NAMES.stream().allMatch(key -> isWord(product.attribute(key, "none")))) {
                warnings.add("product %s was skipped: it has a name that cannot be part of a boot name"
                        .formatted(product.name()));
            } else if (!SHOWN.stream().allMatch(key -> isText(product.attribute(key, "")))) {
                warnings.add("product %s was skipped: it has a text that is too long or cannot be shown"
                        .formatted(product.name()));
            } else {
                read.add(product);
            }
        }
        return new Products(text(root, "content_id"), date(root), read, warnings);
    }

    private Product product(String name, JsonNode node, Map<String, String> inherited, List<String> warnings)
            throws StreamFormatException {
        requireName("product", name);
        Map<String, String> attributes = scalars(node, inherited);
        SortedMap<String, List<Item>> versions = new TreeMap<>();
        JsonNode versionNodes = node.path("versions");
        limit("versions of " + name, versionNodes.size(), MAX_VERSIONS);
        for (Map.Entry<String, JsonNode> version : versionNodes.properties()) {
            requireName("version of " + name, version.getKey());
            try {
                versions.put(version.getKey(), items(version.getValue(), attributes));
            } catch (StreamFormatException e) {
                warnings.add("version %s of %s was skipped: %s".formatted(version.getKey(), name, e.getMessage()));
            }
        }
        return new Product(name, only(OF_PRODUCTS, attributes), versions);
    }

    private static List<Item> items(JsonNode version, Map<String, String> inherited) throws StreamFormatException {
        Map<String, String> attributes = scalars(version, inherited);
        JsonNode nodes = version.path("items");
        limit("items", nodes.size(), MAX_ITEMS);
        List<Item> items = new ArrayList<>();
        for (Map.Entry<String, JsonNode> entry : nodes.properties()) {
            requireName("item", entry.getKey());
            items.add(item(entry.getKey(), scalars(entry.getValue(), attributes)));
        }
        return items;
    }

    private static Item item(String name, Map<String, String> attributes) throws StreamFormatException {
        String sha256 = attributes.getOrDefault("sha256", "").toLowerCase(Locale.ROOT);
        if (!SHA256.matcher(sha256).matches()) {
            throw new StreamFormatException(
                    "item '%s' has no sha256 of 64 hexadecimal digits; weaker sums do not count".formatted(name));
        }
        String size = attributes.getOrDefault("size", "");
        if (!size.matches("[0-9]{1,13}") || Long.parseLong(size) > MAX_ITEM_BYTES) {
            throw new StreamFormatException("item '%s' has no usable size".formatted(name));
        }
        String ftype = attributes.getOrDefault("ftype", "");
        if (ftype.isEmpty()) {
            throw new StreamFormatException("item '%s' has no ftype".formatted(name));
        }
        MirrorPath path = MirrorPath.parse(attributes.getOrDefault("path", ""));
        return new Item(name, ftype, path, Long.parseLong(size), sha256);
    }

    private JsonNode parse(byte[] bytes) throws StreamFormatException {
        try {
            JsonNode root = json.readTree(bytes);
            if (!root.isObject()) {
                throw new StreamFormatException("the file is JSON, but not an object");
            }
            return root;
        } catch (JacksonException e) {
            throw new StreamFormatException("the file is not acceptable JSON: " + e.getOriginalMessage(), e);
        }
    }

    private static Map<String, String> scalars(JsonNode node, Map<String, String> inherited) {
        Map<String, String> all = new HashMap<>(inherited);
        for (Map.Entry<String, JsonNode> entry : node.properties()) {
            boolean used = OF_PRODUCTS.contains(entry.getKey()) || OF_ITEMS.contains(entry.getKey());
            if (used && entry.getValue().isValueNode() && !entry.getValue().isNull()) {
                all.put(entry.getKey(), entry.getValue().asString());
            }
        }
        return all;
    }

    private static Map<String, String> only(Set<String> keys, Map<String, String> attributes) {
        Map<String, String> some = new HashMap<>(attributes);
        some.keySet().retainAll(keys);
        return some;
    }

    private static JsonNode requireObject(JsonNode root, String key) throws StreamFormatException {
        JsonNode value = root.path(key);
        if (!value.isObject()) {
            throw new StreamFormatException("the file has no object '" + key + "'");
        }
        return value;
    }

    private static void requireFormat(JsonNode root, String format) throws StreamFormatException {
        String found = text(root, "format");
        if (!found.equals(format)) {
            String shown = NAME.matcher(found).matches() ? found : "something else";
            throw new StreamFormatException("the file's format is '%s'; expected '%s'".formatted(shown, format));
        }
    }

    private static void requireName(String what, String name) throws StreamFormatException {
        if (!NAME.matcher(name).matches()) {
            throw new StreamFormatException("a name of a " + what + " has characters that no stream uses");
        }
    }

    private static boolean isWord(String text) {
        return WORD.matcher(text).matches();
    }

    private static boolean isText(String text) {
        return TEXT.matcher(text).matches();
    }

    private static void limit(String what, int count, int most) throws StreamFormatException {
        if (count > most) {
            throw new StreamFormatException("%s: %d; at most %d are read".formatted(what, count, most));
        }
    }

    private static String text(JsonNode node, String key) {
        JsonNode value = node.path(key);
        return value.isString() ? value.asString() : "";
    }

    private static Instant date(JsonNode root) throws StreamFormatException {
        String updated = text(root, "updated");
        try {
            return ZonedDateTime.parse(updated, RFC_2822).toInstant();
        } catch (DateTimeException e) {
            throw new StreamFormatException("'updated' is not a date as RFC 2822 writes it", e);
        }
    }
}
