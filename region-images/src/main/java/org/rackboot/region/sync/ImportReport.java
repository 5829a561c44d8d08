package org.rackboot.region.sync;

import java.util.List;

/**
 * How an import ended.
 *
 * @param published versions that are new, described
 * @param deleted versions that went, described, each with the reason
 * @param problems why it did not do all it was asked, one sentence each; empty = it did
 * @param downloadedBytes that crossed the network in this run
 * @param keptBytes that were here already
 */
public record ImportReport(
        Outcome outcome,
        List<String> published,
        List<String> deleted,
        List<String> problems,
        long downloadedBytes,
        long keptBytes) {
    public enum Outcome {
        /** Everything selected is here. */
        DONE,
        /** A source or an image was refused or is away, or something selected is not offered; the rest is here. */
        PARTIAL,
        /** Nothing is selected; no boot source was contacted. */
        NOTHING_SELECTED,
        /** Nothing of what is selected could be had; what was here before still is. */
        FAILED
    }

    public ImportReport {
        published = List.copyOf(published);
        deleted = List.copyOf(deleted);
        problems = List.copyOf(problems);
    }
}
