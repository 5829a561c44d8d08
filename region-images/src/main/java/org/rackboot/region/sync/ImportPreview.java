package org.rackboot.region.sync;

import java.util.List;

/**
 * What an import would do now.
 *
 * @param missingBytes what would be fetched for each planned version, in the plan's order; what two versions share counts
 *     once
 * @param problems why it would not do all that is selected, one sentence each
 */
public record ImportPreview(ImportPlan plan, List<Long> missingBytes, List<String> problems) {
    public ImportPreview {
        missingBytes = List.copyOf(missingBytes);
        problems = List.copyOf(problems);
    }
}
