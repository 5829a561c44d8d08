package org.rackboot.region.simplestreams;

import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * One product file, flattened: every item carries what it inherited.
 *
 * @param contentId as the file itself says
 * @param products those that could be read
 * @param warnings of what was skipped or refused, one sentence each
 * @param refused what could not be taken as it is written; each is among the warnings as well
 * @param notices what the publisher wants its readers to know
 */
public record Products(
        String contentId,
        Instant updated,
        List<Product> products,
        List<String> warnings,
        List<Refused> refused,
        List<Notice> notices)
        implements StreamFile {
    public Products {
        products = List.copyOf(products);
        warnings = List.copyOf(warnings);
        refused = List.copyOf(refused);
        notices = List.copyOf(notices);
    }

    /** A file in which nothing was refused. */
    public Products(String contentId, Instant updated, List<Product> products, List<String> warnings) {
        this(contentId, updated, products, warnings, List.of(), List.of());
    }

    /** The same file with those versions alone whose every item is among {@code paths}. */
    public Products part(Set<String> paths) {
        List<Product> trimmed = new ArrayList<>();
        for (Product product : products) {
            SortedMap<String, List<Product.Item>> versions = new TreeMap<>(product.versions());
            versions.values()
                    .removeIf(items -> !items.stream()
                            .allMatch(item -> paths.contains(item.path().text())));
            if (!versions.isEmpty()) {
                trimmed.add(new Product(product.name(), product.attributes(), versions));
            }
        }
        return new Products(contentId, updated, trimmed, warnings, refused, notices);
    }

    /**
     * A version, or a whole product, that is not offered although the stream lists it.
     *
     * @param product its name; a name that no stream uses is cut, and its odd characters are replaced
     * @param serial of the version; empty when the whole product is refused
     * @param cause why, without a final stop
     */
    public record Refused(String product, String serial, String cause) {
        String describe() {
            return serial.isEmpty()
                    ? "product %s was skipped: %s".formatted(product, cause)
                    : "version %s of %s was skipped: %s".formatted(serial, product, cause);
        }
    }

    /**
     * A notice of the publisher, such as the end of a release.
     *
     * @param product that carries it
     * @param serial its version
     * @param values its scalars by key, such as {@code message} and {@code maas_version}; each can be shown
     */
    public record Notice(String product, String serial, Map<String, String> values) {
        public Notice {
            values = Map.copyOf(values);
        }
    }
}
