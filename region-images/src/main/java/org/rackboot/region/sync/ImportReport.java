package org.rackboot.region.sync;

import java.util.List;

/**
 * How an import ended.
 *
 * @param published versions that are new, described
 * @param problems why it did not do all it was asked, one sentence each; empty = it did
 * @param downloadedBytes that crossed the network in this run
 * @param keptBytes that were here already
 */
public record ImportReport(
        Outcome outcome, List<String> published, List<String> problems, long downloadedBytes, long keptBytes) {
    public enum Outcome {
        /** Everything selected is here. */
        DONE,
        /** A source is away, or something selected is not offered by any; the rest is here. */
        PARTIAL,
        /** Nothing is selected; no boot source was contacted. */
        NOTHING_SELECTED,
        /** Nothing was published. */
        FAILED
    }

    public ImportReport {
        published = List.copyOf(published);
        problems = List.copyOf(problems);
    }
}
