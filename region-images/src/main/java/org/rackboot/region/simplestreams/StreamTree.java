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
import java.util.regex.Pattern;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * A product file with every key that its publisher wrote, for those who hand it on: {@link StreamReader} keeps what an
 * import uses, this keeps all. Give it verified bytes only.
 */
public final class StreamTree {
    private static final int MAX_ITEMS = 1_000_000;
    private static final long MAX_ITEM_BYTES = 1L << 40;
    private static final Pattern SHA256 = Pattern.compile("[0-9a-f]{64}");

    private static final JsonMapper JSON = JsonMapper.builder(JsonFactory.builder()
                    .streamReadConstraints(StreamReadConstraints.builder()
                            .maxNestingDepth(64)
                            .maxDocumentLength(StreamReader.MAX_FILE_BYTES)
                            .maxStringLength(1 << 20)
                            .maxNumberLength(64)
                            .maxNameLength(1_024)
                            .build())
                    .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                    .build())
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();

    private final ObjectNode root;
    private final String contentId;
    private final Instant updated;

    private StreamTree(ObjectNode root, String contentId, Instant updated) {
        this.root = root;
        this.contentId = contentId;
        this.updated = updated;
    }

    /** Names one version of one product. */
    public record VersionKey(String product, String serial) {}

    /**
     * One item with all scalars it has and inherited, and {@code content_id}, {@code product_name}, {@code version_name},
     * {@code item_name}.
     */
    public record FlatItem(VersionKey version, String name, Map<String, String> attributes) {
        public FlatItem {
            attributes = Map.copyOf(attributes);
        }

        /** @throws StreamFormatException if path, size or sha256 is missing or malformed */
        public Product.Item toItem() throws StreamFormatException {
            String sha256 = attributes.getOrDefault("sha256", "").toLowerCase(Locale.ROOT);
            String size = attributes.getOrDefault("size", "");
            if (!SHA256.matcher(sha256).matches()) {
                throw malformed("has no sha256 of 64 hexadecimal digits; weaker sums do not count");
            }
            if (!size.matches("[0-9]{1,13}") || Long.parseLong(size) > MAX_ITEM_BYTES) {
                throw malformed("has no usable size");
            }
            MirrorPath path = MirrorPath.parse(attributes.getOrDefault("path", ""));
            return new Product.Item(name, attributes.getOrDefault("ftype", ""), path, Long.parseLong(size), sha256);
        }

        private StreamFormatException malformed(String why) {
            String shown = (version.product + " " + version.serial + " " + name).replaceAll("[^ -~]", "?");
            return new StreamFormatException(
                    "item %s %s".formatted(shown.length() > 300 ? shown.substring(0, 300) + "…" : shown, why));
        }
    }

    /** @throws StreamFormatException if it is not a {@code products:1.0} file */
    public static StreamTree read(byte[] verified) throws StreamFormatException {
        try {
            JsonNode node = JSON.readTree(verified);
            if (!(node instanceof ObjectNode root)
                    || !node.path("format").asString("").equals("products:1.0")
                    || !node.path("products").isObject()) {
                throw new StreamFormatException("the file is not a products:1.0 file");
            }
            String updated = node.path("updated").asString("");
            return new StreamTree(
                    root,
                    node.path("content_id").asString(""),
                    ZonedDateTime.parse(updated, DateTimeFormatter.RFC_1123_DATE_TIME)
                            .toInstant());
        } catch (JacksonException e) {
            throw new StreamFormatException("the file is not acceptable JSON: " + e.getOriginalMessage(), e);
        } catch (DateTimeException e) {
            throw new StreamFormatException("'updated' is not a date as RFC 2822 writes it", e);
        }
    }

    public String contentId() {
        return contentId;
    }

    public Instant updated() {
        return updated;
    }

    /** Every item, in the file's order. */
    public List<FlatItem> items() throws StreamFormatException {
        List<FlatItem> all = new ArrayList<>();
        Map<String, String> top = scalars(root, Map.of("content_id", contentId));
        for (Map.Entry<String, JsonNode> product : root.path("products").properties()) {
            Map<String, String> ofProduct = scalars(product.getValue(), top);
            for (Map.Entry<String, JsonNode> version :
                    product.getValue().path("versions").properties()) {
                Map<String, String> ofVersion = scalars(version.getValue(), ofProduct);
                for (Map.Entry<String, JsonNode> item :
                        version.getValue().path("items").properties()) {
                    if (all.size() == MAX_ITEMS) {
                        throw new StreamFormatException("the file has more than " + MAX_ITEMS + " items");
                    }
                    Map<String, String> flat = new HashMap<>(scalars(item.getValue(), ofVersion));
                    flat.put("product_name", product.getKey());
                    flat.put("version_name", version.getKey());
                    flat.put("item_name", item.getKey());
                    all.add(new FlatItem(new VersionKey(product.getKey(), version.getKey()), item.getKey(), flat));
                }
            }
        }
        return all;
    }

    /**
     * The same file with these items alone; versions without items and products without versions are left out.
     *
     * @param also another state of this file, for versions that this one lacks
     */
    public String trimmed(Set<FlatItem> staying, StreamTree also) throws StreamFormatException {
        ObjectNode document = root.deepCopy();
        ObjectNode products = document.putObject("products");
        for (StreamTree tree : List.of(also, this)) { // This one's keys win.
            for (FlatItem item : tree.items()) {
                if (staying.contains(item)) {
                    copy(tree.root, item, products);
                }
            }
        }
        return StreamRenderer.text(document);
    }

    private static void copy(ObjectNode from, FlatItem item, ObjectNode products) {
        JsonNode product = from.path("products").path(item.version().product());
        JsonNode version = product.path("versions").path(item.version().serial());
        ObjectNode to = object(products, item.version().product());
        merge(product, to, "versions");
        ObjectNode serial = object(object(to, "versions"), item.version().serial());
        merge(version, serial, "items");
        object(serial, "items").set(item.name(), version.path("items").path(item.name()));
    }

    private static ObjectNode object(ObjectNode parent, String key) {
        return parent.get(key) instanceof ObjectNode known ? known : parent.putObject(key);
    }

    private static void merge(JsonNode from, ObjectNode to, String except) {
        for (Map.Entry<String, JsonNode> entry : from.properties()) {
            if (!entry.getKey().equals(except)) {
                to.set(entry.getKey(), entry.getValue());
            }
        }
    }

    private static Map<String, String> scalars(JsonNode node, Map<String, String> inherited) {
        Map<String, String> all = new HashMap<>(inherited);
        for (Map.Entry<String, JsonNode> entry : node.properties()) {
            if (entry.getValue().isValueNode() && !entry.getValue().isNull()) {
                all.put(entry.getKey(), entry.getValue().asString());
            }
        }
        return all;
    }
}
