package org.rackboot.region.simplestreams;

import java.time.DateTimeException;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.rackboot.region.simplestreams.Product.Item;
import org.rackboot.region.simplestreams.Products.Notice;
import org.rackboot.region.simplestreams.Products.Refused;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.cfg.JsonNodeFeature;
import tools.jackson.databind.json.JsonMapper;

/**
 * Reads index and product files. Give it verified bytes only.
 *
 * <p>Aliases are expanded; scalars are inherited from every level, the nearer one wins; those that no import uses are not
 * kept. An item of a known type without path, size and sha256, or with a malformed one, makes its version unreadable; so
 * does a path that leads elsewhere or that the file gives two hashes. What cannot be read is listed, and the rest of the
 * file stands; only a file that is no such file at all, or is beyond the limits, fails as a whole.
 */
public final class StreamReader {
    /** A metadata file is at most this long. */
    public static final int MAX_FILE_BYTES = 64 << 20;

    private static final int MAX_ENTRIES = 1_000;
    private static final int MAX_PRODUCTS = 20_000;
    private static final int MAX_VERSIONS = 1_000;
    private static final int MAX_ITEMS = 200;
    private static final int MAX_ALIASES = 1_000;
    private static final int MAX_NOTICES = 100;
    private static final int MAX_NOTICE_VALUES = 20;
    private static final long MAX_ITEM_BYTES = 1L << 40;
    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9._+:~@=, -]{1,200}");
    private static final Pattern SHA256 = Pattern.compile("[0-9a-f]{64}");
    private static final Pattern WORD = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._+-]{0,63}");
    private static final Pattern TEXT = Pattern.compile("[^\\p{Cntrl}]{0,4096}");
    private static final Pattern KERNEL_PARAMETERS = Pattern.compile("[ -~]{0,2048}");
    private static final List<String> PART_OF_BOOT_NAMES =
            List.of("os", "release", "arch", "subarch", "kflavor", "label", "bootloader-type");
    private static final List<String> ENDS_OF_SUPPORT = List.of("support_eol", "support_esm_eol");
    private static final List<String> SHOWN = List.of(
            "version",
            "title",
            "release_title",
            "release_codename",
            "subarches",
            "arches",
            "krel",
            "rolling",
            "platform",
            "supported_platforms",
            "maas_supported",
            "gadget_title",
            "support_eol",
            "support_esm_eol");
    private static final Set<String> OF_PRODUCTS =
            Stream.concat(PART_OF_BOOT_NAMES.stream(), SHOWN.stream()).collect(Collectors.toUnmodifiableSet());
    private static final Set<String> OF_ITEMS = Set.of("ftype", "path", "size", "sha256", "md5", "sha512", "kparams");
    private static final Set<String> DATATYPES = Set.of("image-ids", "image-downloads");
    private static final String NOTICE = "notifications";
    private static final Set<String> FILE_TYPES = Set.of(
            "boot-kernel",
            "boot-initrd",
            "boot-dtb",
            "di-kernel",
            "di-initrd",
            "di-dtb",
            "squashfs",
            "manifest",
            "squashfs.manifest",
            "root-image.gz",
            "root-tgz",
            "root-tbz",
            "root-txz",
            "archive.tar.xz",
            "bootloader");
    private static final String RAW_DISKS = "root-dd"; // With the ending of how they are packed.
    private static final String INDEX_FORMAT = "index:1.0";
    private static final String PRODUCTS_FORMAT = "products:1.0";
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
            // A release that was written as the number 20.10 must not become 20.1.
            .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
            .disable(JsonNodeFeature.STRIP_TRAILING_BIGDECIMAL_ZEROES)
            .build();

    /** Reads an {@code index:1.0} or a {@code products:1.0} file, whichever it says it is. */
    public StreamFile read(byte[] verified) throws StreamFormatException {
        JsonNode root = parse(verified);
        String format = text(root, "format");
        if (!format.equals(INDEX_FORMAT) && !format.equals(PRODUCTS_FORMAT)) {
            throw wrongFormat(format, INDEX_FORMAT + "' or '" + PRODUCTS_FORMAT);
        }
        return format.equals(INDEX_FORMAT) ? index(root) : products(root);
    }

    /** Reads an {@code index:1.0} file. Entries of other formats and data types are left out. */
    public StreamIndex readIndex(byte[] verified) throws StreamFormatException {
        JsonNode root = parse(verified);
        requireFormat(root, INDEX_FORMAT);
        return index(root);
    }

    /** Reads a {@code products:1.0} file. */
    public Products readProducts(byte[] verified) throws StreamFormatException {
        JsonNode root = parse(verified);
        requireFormat(root, PRODUCTS_FORMAT);
        return products(root);
    }

    private static StreamIndex index(JsonNode root) throws StreamFormatException {
        List<StreamIndex.Entry> entries = new ArrayList<>();
        List<String> warnings = new ArrayList<>();
        JsonNode index = requireObject(root, "index");
        limit("entries of the index", index.size(), MAX_ENTRIES);
        for (Map.Entry<String, JsonNode> entry : index.properties()) {
            JsonNode value = entry.getValue();
            String format = text(value, "format");
            boolean nested = format.equals(INDEX_FORMAT);
            boolean products = format.equals(PRODUCTS_FORMAT) && DATATYPES.contains(text(value, "datatype"));
            if (nested || products) {
                try {
                    requireName("entry", entry.getKey());
                    entries.add(new StreamIndex.Entry(entry.getKey(), MirrorPath.parse(text(value, "path")), nested));
                } catch (StreamFormatException e) {
                    warnings.add(
                            "entry %s of the index was skipped: %s".formatted(shown(entry.getKey()), e.getMessage()));
                }
            }
        }
        return new StreamIndex(date(root), entries, warnings);
    }

    private static Products products(JsonNode root) throws StreamFormatException {
        JsonNode products = requireObject(root, "products");
        limit("products", products.size(), MAX_PRODUCTS);
        return new ProductFile(root, date(root)).read(products);
    }

    /** One product file while it is read. */
    private static final class ProductFile {
        private final JsonNode root;
        private final Instant updated;
        private final Map<String, Map<String, Map<String, String>>> aliases;
        private final List<Product> products = new ArrayList<>();
        private final List<Refused> refused = new ArrayList<>();
        private final List<Notice> notices = new ArrayList<>();
        private final Map<String, Integer> unknownTypes = new TreeMap<>();

        ProductFile(JsonNode root, Instant updated) throws StreamFormatException {
            this.root = root;
            this.updated = updated;
            aliases = aliases(root.path("_aliases"));
        }

        Products read(JsonNode nodes) {
            Map<String, String> inherited = scalars(root, Map.of());
            for (Map.Entry<String, JsonNode> entry : nodes.properties()) {
                try {
                    product(entry.getKey(), entry.getValue(), inherited).ifPresent(products::add);
                } catch (StreamFormatException e) {
                    refused.add(new Refused(shown(entry.getKey()), "", String.valueOf(e.getMessage())));
                }
            }
            refuseContradictions();
            List<String> warnings = new ArrayList<>();
            refused.forEach(each -> warnings.add(each.describe()));
            unknownTypes.forEach((type, count) ->
                    warnings.add("%d files of the unknown type '%s' were skipped".formatted(count, type)));
            return new Products(text(root, "content_id"), updated, products, warnings, refused, notices);
        }

        /** Empty for a product that holds nothing but notices. */
        private Optional<Product> product(String name, JsonNode node, Map<String, String> inherited)
                throws StreamFormatException {
            requireName("product", name);
            Map<String, String> attributes = scalars(node, inherited);
            requireShowable(attributes);
            JsonNode versionNodes = node.path("versions");
            limit("versions", versionNodes.size(), MAX_VERSIONS);
            SortedMap<String, List<Item>> versions = new TreeMap<>();
            Map<String, Map<String, String>> ofVersions = new HashMap<>();
            int before = notices.size();
            for (Map.Entry<String, JsonNode> version : versionNodes.properties()) {
                String serial = version.getKey();
                try {
                    requireName("version", serial);
                    Map<String, String> ofVersion = scalars(version.getValue(), attributes);
                    List<Item> items = items(name, serial, version.getValue(), ofVersion);
                    versions.put(serial, items);
                    ofVersions.put(serial, ofVersion);
                } catch (StreamFormatException e) {
                    refused.add(new Refused(name, shown(serial), String.valueOf(e.getMessage())));
                }
            }
            boolean onlyNotices =
                    notices.size() > before && versions.values().stream().allMatch(List::isEmpty);
            Map<String, String> kept = only(OF_PRODUCTS, attributes);
            if (!versions.isEmpty()) { // Ubuntu says for each version how long it is supported.
                Map<String, String> newest = ofVersions.getOrDefault(versions.lastKey(), Map.of());
                for (String key : ENDS_OF_SUPPORT) {
                    Optional.ofNullable(newest.get(key))
                            .filter(StreamReader::isText)
                            .ifPresent(date -> kept.put(key, date));
                }
            }
            return onlyNotices ? Optional.empty() : Optional.of(new Product(name, kept, versions));
        }

        private List<Item> items(String product, String serial, JsonNode version, Map<String, String> inherited)
                throws StreamFormatException {
            JsonNode nodes = version.path("items");
            limit("items", nodes.size(), MAX_ITEMS);
            List<Item> items = new ArrayList<>();
            for (Map.Entry<String, JsonNode> entry : nodes.properties()) {
                requireName("item", entry.getKey());
                Map<String, String> attributes = scalars(entry.getValue(), inherited);
                String ftype = attributes.getOrDefault("ftype", "");
                if (ftype.equals(NOTICE)) {
                    notice(product, serial, entry.getValue().path("release_notification"));
                } else if (isKnown(ftype)) {
                    items.add(item(entry.getKey(), ftype, attributes));
                } else if (ftype.isEmpty()) {
                    throw new StreamFormatException("item '%s' has no ftype".formatted(entry.getKey()));
                } else if (unknownTypes.size() < MAX_ITEMS) {
                    unknownTypes.merge(shown(ftype), 1, Integer::sum);
                }
            }
            return items;
        }

        /** The object in the metadata is the notice; the file that belongs to it is a dummy. */
        private void notice(String product, String serial, JsonNode node) {
            Map<String, String> values = new HashMap<>();
            for (Map.Entry<String, JsonNode> entry : node.properties()) {
                boolean scalar =
                        entry.getValue().isValueNode() && !entry.getValue().isNull();
                if (scalar && NAME.matcher(entry.getKey()).matches() && values.size() < MAX_NOTICE_VALUES) {
                    String value = entry.getValue().asString();
                    if (isText(value)) {
                        values.put(entry.getKey(), value);
                    }
                }
            }
            if (notices.size() < MAX_NOTICES) {
                notices.add(new Notice(product, serial, values));
            }
        }

        /** Content at a path never changes, so a path with two hashes is a mistake or a lie, and nobody knows which. */
        private void refuseContradictions() {
            Map<MirrorPath, String> hashes = new HashMap<>();
            Set<MirrorPath> contradictory = new HashSet<>();
            for (Product product : products) {
                for (List<Item> items : product.versions().values()) {
                    for (Item item : items) {
                        String before = hashes.putIfAbsent(item.path(), item.sha256());
                        if (before != null && !before.equals(item.sha256())) {
                            contradictory.add(item.path());
                        }
                    }
                }
            }
            if (!contradictory.isEmpty()) {
                products.replaceAll(product -> without(contradictory, product));
            }
        }

        private Product without(Set<MirrorPath> contradictory, Product product) {
            SortedMap<String, List<Item>> staying = new TreeMap<>();
            product.versions().forEach((serial, items) -> {
                Optional<Item> odd = items.stream()
                        .filter(item -> contradictory.contains(item.path()))
                        .findFirst();
                odd.ifPresentOrElse(
                        item -> refused.add(new Refused(
                                product.name(),
                                serial,
                                "the path '%s' comes with two different hashes".formatted(item.path()))),
                        () -> staying.put(serial, items));
            });
            return new Product(product.name(), product.attributes(), staying);
        }

        /** What a node says itself, over what it inherits; an alias says more in its place. */
        private Map<String, String> scalars(JsonNode node, Map<String, String> inherited) {
            Map<String, String> all = new HashMap<>(inherited);
            for (Map.Entry<String, JsonNode> entry : node.properties()) {
                if (isUsed(entry)) {
                    all.put(entry.getKey(), entry.getValue().asString());
                }
            }
            if (!aliases.isEmpty()) {
                for (Map.Entry<String, JsonNode> entry : node.properties()) {
                    if (entry.getValue().isString()) {
                        all.putAll(aliases.getOrDefault(entry.getKey(), Map.of())
                                .getOrDefault(entry.getValue().asString(), Map.of()));
                    }
                }
            }
            return all;
        }
    }

    /** By key and value, what else holds where a node has that value for that key. */
    private static Map<String, Map<String, Map<String, String>>> aliases(JsonNode node) throws StreamFormatException {
        Map<String, Map<String, Map<String, String>>> aliases = new HashMap<>();
        int count = 0;
        for (Map.Entry<String, JsonNode> key : node.properties()) {
            Map<String, Map<String, String>> byValue = new HashMap<>();
            for (Map.Entry<String, JsonNode> value : key.getValue().properties()) {
                limit("aliases", ++count, MAX_ALIASES);
                Map<String, String> more = new HashMap<>();
                for (Map.Entry<String, JsonNode> extra : value.getValue().properties()) {
                    if (isUsed(extra)) {
                        more.put(extra.getKey(), extra.getValue().asString());
                    }
                }
                byValue.put(value.getKey(), more);
            }
            aliases.put(key.getKey(), byValue);
        }
        return aliases;
    }

    private static Item item(String name, String ftype, Map<String, String> attributes) throws StreamFormatException {
        String sha256 = attributes.getOrDefault("sha256", "").toLowerCase(Locale.ROOT);
        if (!SHA256.matcher(sha256).matches()) {
            boolean weaker = sha256.isEmpty() && attributes.containsKey("md5") && !attributes.containsKey("sha512");
            throw new StreamFormatException(
                    weaker
                            ? "item '%s' has only an md5, which anybody can forge; a sha256 is needed".formatted(name)
                            : "item '%s' has no sha256 of 64 hexadecimal digits".formatted(name));
        }
        String size = attributes.getOrDefault("size", "");
        if (!size.matches("[0-9]{1,13}") || Long.parseLong(size) > MAX_ITEM_BYTES) {
            throw new StreamFormatException("item '%s' has no usable size".formatted(name));
        }
        String kernelParameters = attributes.getOrDefault("kparams", "");
        if (!KERNEL_PARAMETERS.matcher(kernelParameters).matches()) {
            throw new StreamFormatException("item '%s' has kparams that are not one printable line".formatted(name));
        }
        MirrorPath path = MirrorPath.parse(attributes.getOrDefault("path", ""));
        return new Item(name, ftype, path, Long.parseLong(size), sha256, kernelParameters);
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

    private static boolean isUsed(Map.Entry<String, JsonNode> entry) {
        boolean used = OF_PRODUCTS.contains(entry.getKey()) || OF_ITEMS.contains(entry.getKey());
        return used && entry.getValue().isValueNode() && !entry.getValue().isNull();
    }

    private static boolean isKnown(String ftype) {
        return FILE_TYPES.contains(ftype) || ftype.startsWith(RAW_DISKS);
    }

    private static Map<String, String> only(Set<String> keys, Map<String, String> attributes) {
        Map<String, String> some = new HashMap<>(attributes);
        some.keySet().retainAll(keys);
        return some;
    }

    private static void requireShowable(Map<String, String> attributes) throws StreamFormatException {
        for (String key : PART_OF_BOOT_NAMES) {
            if (!WORD.matcher(attributes.getOrDefault(key, "none")).matches()) {
                throw new StreamFormatException("its '%s' cannot be part of a boot name".formatted(key));
            }
        }
        for (String key : SHOWN) {
            if (!isText(attributes.getOrDefault(key, ""))) {
                throw new StreamFormatException("its '%s' is too long or cannot be shown".formatted(key));
            }
        }
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
            throw wrongFormat(found, format);
        }
    }

    private static StreamFormatException wrongFormat(String found, String expected) {
        String shown = NAME.matcher(found).matches() ? found : "something else";
        return new StreamFormatException("the file's format is '%s'; expected '%s'".formatted(shown, expected));
    }

    private static void requireName(String what, String name) throws StreamFormatException {
        if (!NAME.matcher(name).matches()) {
            throw new StreamFormatException("the name of this " + what + " has characters that no stream uses");
        }
    }

    /** A name that may be anything, for people. */
    private static String shown(String name) {
        return name.substring(0, Math.min(name.length(), 100)).replaceAll("[^ -~]", "?");
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
