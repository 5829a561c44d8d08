package org.rackboot.region.simplestreams;

import java.time.Instant;
import java.util.List;

/**
 * One product file, flattened: every item carries what it inherited.
 *
 * @param contentId as the file itself says
 * @param products those that could be read
 * @param warnings of what was skipped, one sentence each
 */
public record Products(String contentId, Instant updated, List<Product> products, List<String> warnings) {
    public Products {
        products = List.copyOf(products);
        warnings = List.copyOf(warnings);
    }
}
